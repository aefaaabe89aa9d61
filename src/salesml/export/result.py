"""What one write-back did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from salesml.errors import SalesmlError

__all__ = ["Change", "Edit", "ExportResult", "Failure", "todo_of"]

LISTED = 1000
"""How many changes, edits and failures a result lists; it counts them all."""

NO_ID = "no external id that a CRM can have"
TWICE = "its external id comes several times tonight"
NOT_KEPT = "not kept: "

_TODO = {
    NO_ID: "Give the row the id that the CRM knows the record by.",
    TWICE: "Give one row a record: nobody can tell which of them is right.",
    NOT_KEPT: "See which rule, automation or right of the CRM drops or changes these fields; then"
    " `salesml export retry`.",
}
_MEND = "Mend the value, or the rule or right that refuses it; then `salesml export retry`."


def todo_of(error: str) -> str:
    """What a person can do about a record that is dead with *error*."""
    return next((todo for start, todo in _TODO.items() if error.startswith(start)), _MEND)


class Change(NamedTuple):
    """One field that was, or would be, written."""

    external_id: str
    field: str
    old: object
    new: object


class Edit(NamedTuple):
    """A value of a person that kept a record from being written."""

    external_id: str
    field: str
    theirs: object
    ours: object
    """What we last wrote there; None if we never did."""


class Failure(NamedTuple):
    """A record that could not be written: why, and what a person can do."""

    external_id: str
    error: str
    todo: str = ""


@dataclass
class ExportResult:
    """How many of ``total`` records ended in which way.

    Parameters
    ----------
    total : tonight's rows, and records still to be written from earlier nights.
    written, unchanged, already : written now; as we last wrote them; equal in the CRM before.
    kept, older, missing : a person edited them; something later was written; there is no such
        record, or it was deleted, merged or converted.
    waiting : to be tried again next time: locked, or nobody knows whether they arrived.
    dead : not to be tried again before their values change, or somebody asks for it.
    carried : left to the next nights, by the limits of the system or because it stopped.
    verified : how many of the written ones were seen to be there.
    changes, edits, failures : the first thousand of each.
    dropped : fields that the CRM takes and does not keep, with how many records showed it.
    stopped : why it ended early; None where it did not.
    """

    target: str
    total: int = 0
    dry_run: bool = False
    written: int = 0
    unchanged: int = 0
    already: int = 0
    kept: int = 0
    older: int = 0
    missing: int = 0
    waiting: int = 0
    dead: int = 0
    carried: int = 0
    verified: int = 0
    changes: list[Change] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    calls: int = 0
    stopped: SalesmlError | None = None

    @property
    def done(self) -> int:
        """How many records are settled so far."""
        settled = (self.written, self.unchanged, self.already, self.kept, self.older, self.missing)
        return sum(settled) + self.dead

    def fail(self, external_id: str, error: str) -> None:
        """Count and list a record that is dead."""
        self.dead += 1
        add(self.failures, [Failure(external_id, error, todo_of(error))])

    def lines(self) -> list[str]:
        """Plain text: counts that are not zero, then whom a person has to look at."""
        words = {
            "written": "would be written" if self.dry_run else "written",
            "unchanged": "unchanged",
            "already": "already there",
            "kept": "kept as a person edited them",
            "older": "older than what is there",
            "missing": "missing in the CRM",
            "waiting": "waiting to be tried again",
            "dead": "dead",
            "carried": "carried to the next night",
        }
        counts = [f"{n:,} {words[w]}" for w in words if (n := getattr(self, w))]
        summary = f"{self.target}: {self.total:,} records: {', '.join(counts) or 'nothing to do'}"
        return [
            *(summary, *self._stop(), *(f"  warning: {text}" for text in self.warnings)),
            *_shortened([f"  kept {e.external_id}: {e.field} is {e.theirs!r}" for e in self.edits]),
            *self._unknown_owner(),
            *_shortened([_dead(failure) for failure in self.failures]),
        ]

    def _stop(self) -> list[str]:
        return [f"  stopped: {' '.join(str(self.stopped).split())}"] if self.stopped else []

    def _unknown_owner(self) -> list[str]:
        """What to do where the CRM holds values, but the ledger knows of none."""
        strangers = [edit for edit in self.edits if edit.ours is None]
        if not strangers or len(strangers) < len(self.edits):
            return []
        return [
            "  The ledger has no record of these values: somebody else writes the fields, or the "
            "ledger was lost. Empty them in the CRM to hand them over."
        ]


T = TypeVar("T")


def add(listed: list[T], more: Sequence[T]) -> None:
    """Append of *more* what a result has room for."""
    listed.extend(more[: max(0, LISTED - len(listed))])


def _dead(failure: Failure) -> str:
    return f"  dead {failure.external_id}: {failure.error.partition(chr(10))[0]} {failure.todo}"


def _shortened(lines: list[str], shown: int = 20) -> list[str]:
    rest = len(lines) - shown
    return [*lines[:shown], f"  … and {rest:,} more"] if rest > 0 else lines
