"""BottleCRM: an open-source CRM, read and written by its REST interface."""

from __future__ import annotations

from salesml.crm.bottlecrm.connection import BottleCrm

__all__ = ["BottleCrm"]
