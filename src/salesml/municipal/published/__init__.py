"""Files as ministries publish them: one module a layout, told by their content."""

from __future__ import annotations

from salesml.errors import SourceError
from salesml.municipal.published import (
    adoptions,
    cards,
    documents,
    elections,
    finance,
    lists,
    others,
    ssdse,
)
from salesml.municipal.published.layout import Layout, Part
from salesml.municipal.published.sheet import Sheet

__all__ = ["LAYOUTS", "Part", "Sheet", "read_published"]

# the first that fits is taken: those with more columns of their own come first
LAYOUTS: tuple[Layout, ...] = (
    ssdse.LAYOUT,
    finance.COMBINED,
    finance.LAYOUT,
    cards.LAYOUT,
    lists.CODES,
    lists.CLASSES,
    lists.COORDINATES,
    elections.LAYOUT,
    adoptions.PLATEAU,
    adoptions.LIST,
    documents.LAYOUT,
    others.SUCCESSIONS,
    others.CORPORATE_NUMBERS,
)


def read_published(sheet: Sheet) -> tuple[str, list[Part]]:
    """What *sheet* was recognised as, and its parts: none for a file that is not needed.

    Raises SourceError for a file of another layout, with the layouts tried and the columns that
    it lacks for the nearest one.
    """
    if documents.is_document(sheet):
        return "document", documents.read_document(sheet)
    for layout in LAYOUTS:
        header = layout.header(sheet)
        if header is not None:
            return layout.name, layout.read(sheet, header)
    raise _of_another_layout(sheet)


def _of_another_layout(sheet: Sheet) -> SourceError:
    nearest = min(LAYOUTS, key=lambda layout: len(layout.missing(sheet)) / len(layout.needed))
    missing = nearest.missing(sheet)
    tried = ", ".join(layout.name for layout in LAYOUTS)
    found = [cell for cell in sheet.heads[0] if cell][:12]
    near = len(missing) < len(nearest.needed)
    what = (
        f"The file is of no known layout. It is nearest to {nearest.name}, but has no "
        f"{'column' if len(missing) == 1 else 'columns'} {', '.join(missing)}."
        if near
        else "The file is of no known layout, and not near any."
    )
    return SourceError(
        what,
        received=f"a first row of {', '.join(found)}"[:200],
        where=str(sheet.path),
        fix=f"Import it as it was published, or rename its columns. Known layouts: {tried}.",
    )
