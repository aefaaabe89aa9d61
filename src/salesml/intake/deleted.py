"""Rows that a system still shows, but says it has deleted."""

from __future__ import annotations

from collections.abc import Iterable

from salesml.crm.base import DELETED

__all__ = ["is_deleted"]


def is_deleted(columns: Iterable[str]) -> str:
    """SQL: whether a raw row with *columns* is one that its system has deleted."""
    return f"coalesce(try_cast({DELETED} as boolean), false)" if DELETED in columns else "false"
