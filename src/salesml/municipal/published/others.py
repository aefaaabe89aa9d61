"""A project's own list of mergers and renamed municipalities; and files that are not needed."""

from __future__ import annotations

from salesml.errors import SourceError
from salesml.municipal.published.layout import Layout, Part, dates, place_columns
from salesml.municipal.published.sheet import Sheet

__all__ = ["CORPORATE_NUMBERS", "SUCCESSIONS"]

_COLUMNS = ("date", "old_code", "old_prefecture", "old_name", "new_code", "new_name", "kind")
_KINDS = ("renamed", "merged")


def _read_successions(sheet: Sheet, header: int) -> list[Part]:
    frame = place_columns(SUCCESSIONS, sheet, header)[list(_COLUMNS)]
    parsed, bad = dates(frame["date"])
    unknown = sorted(set(frame["kind"]) - set(_KINDS))
    if bad or unknown:
        raise SourceError(
            "The list of mergers has rows without a date, or of a kind that there is not.",
            received=", ".join([*bad[:5], *unknown[:5]]),
            where=str(sheet.path),
            fix=f"Write dates like 2018-10-01, and one of {', '.join(_KINDS)} as kind.",
        )
    return [Part("successions", sheet.name, frame.assign(date=parsed))]


SUCCESSIONS = Layout(
    "list of mergers and new names",
    {name: (name,) for name in _COLUMNS},
    _COLUMNS,
    _read_successions,
)
CORPORATE_NUMBERS = Layout(
    "gBizINFO (法人番号)",
    {name: (name,) for name in ("corporateID", "corporateName", "cityID")},
    ("corporateID", "corporateName", "cityID"),
    lambda _sheet, _header: [],
)
