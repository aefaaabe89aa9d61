"""What became of the records that were to be written back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salesml.report.formats import Shown, shown

if TYPE_CHECKING:
    from salesml.export import ExportResult

__all__ = ["Case", "WriteBack", "write_back"]

_ORDER = ("written", "unchanged", "already", "kept", "older", "missing", "failed")
_ALWAYS = {"written", "unchanged", "kept", "failed"}
_LISTED = 20  # cases a target


@dataclass(frozen=True)
class Case:
    """A record that a person has to look at, and why: ``kept`` or ``failed``."""

    target: str
    outcome: str
    id: Shown
    why: Shown


@dataclass(frozen=True)
class WriteBack:
    """Counts by target under ``columns``, and the first cases to look at."""

    columns: list[str]
    counts: list[tuple[str, list[int]]]
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
        cases=[case for export in exports for case in _cases(export, names_hidden)],
        dry_run=any(export.dry_run for export in exports),
    )


def _cases(export: ExportResult, names_hidden: bool) -> Iterable[Case]:
    for failure in export.failures[:_LISTED]:
        said = "–" if names_hidden else failure.error.partition("\n")[0]
        why = shown(said, limit=120)
        yield Case(export.target, "failed", shown(failure.external_id, limit=40), why)
    for edit in export.edits[:_LISTED]:
        theirs = "" if names_hidden else f": {shown(edit.theirs).text}"
        why = shown(f"{edit.field}{theirs}", limit=120)
        yield Case(export.target, "kept", shown(edit.external_id, limit=40), why)
