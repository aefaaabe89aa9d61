"""Reading sources: raw rows → our columns and types → checks → the store."""

from salesml.intake.order import reading_order, require_fresh
from salesml.intake.reading import ReadReport, check_mapping, read_source

__all__ = ["ReadReport", "check_mapping", "read_source", "reading_order", "require_fresh"]
