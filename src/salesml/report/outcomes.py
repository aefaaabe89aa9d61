"""What became of the records that were to be written back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salesml.config import Words
from salesml.export.result import NO_ID, NOT_KEPT, TWICE
from salesml.report.formats import Shown, shown
from salesml.report.words import phrase

if TYPE_CHECKING:
    from salesml.export import ExportResult

__all__ = ["Case", "WriteBack", "write_back"]

_ORDER = (
    *("written", "verified", "unchanged", "already", "kept", "older", "missing"),
    *("waiting", "carried", "dead"),
)
_ALWAYS = {"written", "unchanged", "kept", "dead"}
_LISTED = 20  # cases a target
_HIDDEN = "–"  # in place of what may cite names


@dataclass(frozen=True)
class Case:
    """A record that a person has to look at, why, and what to do: ``kept`` or ``dead``."""

    target: str
    outcome: str
    id: Shown
    why: Shown
    todo: Words | None = None


@dataclass(frozen=True)
class WriteBack:
    """Counts by target under ``columns``, what to know of targets, and the cases to look at.

    ``stopped`` are targets that could not be written to the end, and why; ``told`` what else.
    """

    columns: list[str]
    counts: list[tuple[str, list[int]]]
    stopped: list[Words]
    told: list[Words]
    cases: list[Case]
    dry_run: bool


def write_back(exports: Sequence[ExportResult], *, names_hidden: bool = False) -> WriteBack:
    """What *exports* did; outcomes that are rare show only where they occurred.

    With *names_hidden*, values that persons entered and errors, which may cite names, are left out.
    """
    columns = [o for o in _ORDER if o in _ALWAYS or any(getattr(e, o) for e in exports)]
    return WriteBack(
        columns=columns,
        counts=[(export.target, [getattr(export, o) for o in columns]) for export in exports],
        stopped=[words for export in exports for words in _stopped(export)],
        told=[words for export in exports for words in _told(export)],
        cases=[case for export in exports for case in _cases(export, names_hidden)],
        dry_run=any(export.dry_run for export in exports),
    )


def _stopped(export: ExportResult) -> Iterator[Words]:
    if export.stopped is not None:
        told = " ".join(filter(None, (export.stopped.what, export.stopped.fix)))
        yield phrase("stopped", target=export.target, why=shown(told, limit=600).text)


def _told(export: ExportResult) -> Iterator[Words]:
    for field, count in export.dropped.items():
        yield phrase("dropped", target=export.target, field=field, n=count)
    for warning in export.warnings:
        yield phrase("export_warning", target=export.target, warning=shown(warning, 300).text)


def _cases(export: ExportResult, names_hidden: bool) -> Iterable[Case]:
    for failure in export.failures[:_LISTED]:
        said = _HIDDEN if names_hidden else failure.error.partition("\n")[0]
        id = shown(failure.external_id, limit=40)
        yield Case(export.target, "dead", id, shown(said, limit=200), _todo(failure.error))
    for edit in export.edits[:_LISTED]:
        theirs = "" if names_hidden else f": {shown(edit.theirs).text}"
        why = shown(f"{edit.field}{theirs}", limit=120)
        yield Case(export.target, "kept", shown(edit.external_id, limit=40), why)


def _todo(error: str) -> Words:
    """What a person can do about a record that is dead with *error*."""
    known = {NO_ID: "todo_no_id", TWICE: "todo_twice", NOT_KEPT: "todo_not_kept"}
    return phrase(next((k for start, k in known.items() if error.startswith(start)), "todo_mend"))
