"""Rows of a frame, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

__all__ = ["KEY", "Key", "each", "keys_of"]

Key = tuple[str, str]
KEY = ["entity", "entity_id"]
"""What names an entity among those of all kinds."""


def each(rows: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    """The values of the columns *names*, row by row; None for those missing."""
    columns = (rows[name].astype(object) for name in names)
    return zip(*(column.where(column.notna(), None).tolist() for column in columns), strict=True)


def keys_of(rows: pd.DataFrame) -> list[Key]:
    """Whom each row is about."""
    return [(entity, entity_id) for entity, entity_id in each(rows, *KEY)]
