"""Reading a whole table page by page, though records come and go meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx

from salesml.crm.bottlecrm.access import content
from salesml.crm.bottlecrm.tables import Table

__all__ = ["MovedError", "pages", "path", "rows_of"]

_PAGE = 200


class MovedError(Exception):
    """Records were made or deleted in the middle of the reading: some may be missing."""


def path(table: Table, record: object = "") -> str:
    """The address of *table*, or of one *record*."""
    return f"/api/{table.name}/{record}/" if record else f"/api/{table.name}/"


def pages(ask: Callable[..., httpx.Response], table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of *table* in pages; raises MovedError where a page does not join the one before.

    BottleCRM counts rows off from the start, in the order of their ids, so each page begins
    with the last row of the page before. Raises SourceError for answers that are no list.
    """
    ends: dict[tuple[str, ...], str | None] = dict.fromkeys(table.lists)
    offset = 0
    while ends:
        shared = 1 if offset else 0
        window = {"limit": _PAGE + shared, "offset": offset - shared}
        answer = ask("GET", path(table), params=window)
        page: list[dict[str, Any]] = []
        for where, last in list(ends.items()):
            rows = content(answer, *where)
            if shared and (not rows or rows[0]["id"] != last):
                raise MovedError
            page += rows[shared:]
            if len(rows) < _PAGE + shared:
                del ends[where]
            else:
                ends[where] = rows[-1]["id"]
        yield page
        offset += _PAGE


def rows_of(answer: httpx.Response, table: Table) -> list[dict[str, Any]]:
    """All rows in the *answer* of a list."""
    return [row for where in table.lists for row in content(answer, *where)]
