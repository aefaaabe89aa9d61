"""What an import came to: what each file was, what joined, what did not and why."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from salesml.errors import SalesmlError
from salesml.municipal.joining import Joined, Unjoined
from salesml.municipal.published import Part
from salesml.municipal.settings import MunicipalConfig
from salesml.municipal.tables import known_at

__all__ = ["FileReport", "ImportReport", "file_report", "summed"]

_YEARLY = ("statistics", "finance")
_OF_ALL = (*_YEARLY, "card_uptake")
_MOST = 0.9  # mergers since explain that some of an old edition are none of today's


@dataclass(frozen=True)
class FileReport:
    """One file: ``layout`` it was recognised as, and its rows, those joined and those not.

    ``by`` counts rows that joined by less than the rest of the file: ``name`` for want of a code,
    a former name or code, or a name cut short. ``summaries`` are rows of means, totals or
    footnotes, ``repeated`` those of a municipality that stands in the file before; both are left
    out. ``replaced`` counts editions imported before.
    ``known_from`` and ``known_until`` are the first and last known-at date of its rows; None for
    lists of municipalities, which are known always.
    """

    path: Path
    layout: str
    tables: tuple[str, ...]
    editions: tuple[str, ...]
    rows: int
    joined: int
    unjoined: tuple[Unjoined, ...] = ()
    notes: tuple[str, ...] = ()
    by: Counter[str] = field(default_factory=Counter)
    summaries: int = 0
    repeated: int = 0
    replaced: int = 0
    known_from: dt.date | None = None
    known_until: dt.date | None = None


@dataclass
class ImportReport:
    """All files of an import; ``rows`` of each table written to ``folder``."""

    folder: Path
    configs: Path
    files: list[FileReport] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    problems: list[SalesmlError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    municipalities: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    editions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unjoined_csv(self) -> Path:
        """The file that lists every row, or group of rows, that did not join."""
        return self.folder / "unjoined.csv"

    @property
    def gaps(self) -> dict[str, list[int]]:
        """The editions or fiscal years that are missing in between, by table."""
        found = {}
        for table in _YEARLY:
            years = sorted(int(edition) for edition in self.editions.get(table, []))
            missing = sorted(set(range(years[0], years[-1])) - set(years)) if years else []
            if missing:
                found[table] = missing
        return found


def file_report(
    path: Path,
    layout: str,
    parts: Sequence[Part],
    joined: Sequence[Joined],
    replaced: int,
    settings: MunicipalConfig,
    municipalities: int = 0,
) -> FileReport:
    """What came of the file at *path*: its *parts*, and how those of tables *joined*.

    An edition that has few of the *municipalities* there are is noted: it may have been cut off.
    """
    config = settings.publication
    dates = [known_at(one.part.table, one.frame, config) for one in joined if len(one.frame)]
    rows = sum(len(part.frame) for part in parts)
    return FileReport(
        path=path,
        layout=layout,
        tables=tuple(dict.fromkeys(part.table for part in parts)),
        editions=tuple(part.edition for part in parts),
        rows=rows,
        joined=sum(len(one.frame) for one in joined) if joined else rows,
        unjoined=summed(one for part in joined for one in part.unjoined),
        notes=(
            *dict.fromkeys(note for part in parts for note in part.notes),
            *_incomplete(joined, municipalities),
        ),
        by=_found_by(joined),
        summaries=sum(one.summaries for one in joined),
        repeated=sum(one.repeated for one in joined),
        replaced=replaced,
        known_from=min(d.min() for d in dates).date() if dates else None,
        known_until=max(d.max() for d in dates).date() if dates else None,
    )


def _incomplete(joined: Sequence[Joined], municipalities: int) -> Iterator[str]:
    few = [
        f"{one.part.edition} ({len(one.frame):,})"
        for one in joined
        if one.part.table in _OF_ALL and len(one.frame) < _MOST * municipalities
    ]
    if few:
        yield f"fewer than {_MOST:.0%} of {municipalities:,} municipalities: {', '.join(few)}"


def _found_by(joined: Sequence[Joined]) -> Counter[str]:
    """Rows by what their municipality was found by, where that is not what one would expect."""
    found: Counter[str] = Counter()
    for one in joined:
        usual = "code" if "code" in one.by else "name"
        found.update({by: rows for by, rows in one.by.items() if by != usual})
    return found


def summed(unjoined: Iterable[Unjoined]) -> tuple[Unjoined, ...]:
    """*unjoined*, with those that differ in nothing but their rows as one."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for one in unjoined:
        counted[one.written, one.reason, one.detail] += one.rows
    return tuple(Unjoined(*key, rows) for key, rows in counted.items())
