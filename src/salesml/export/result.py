"""What one write-back did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Change", "Edit", "ExportResult", "Failure"]

LISTED = 1000
"""How many changes, edits and failures a result lists; it counts them all."""


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
    """A record that could not be written."""

    external_id: str
    error: str


@dataclass
class ExportResult:
    """How many of ``total`` records ended in which way.

    ``written``, ``unchanged`` since we last wrote them, ``already`` equal in the CRM, ``kept``
    because a person edited them, ``older`` than what was written before, ``missing`` in the CRM,
    ``failed``. ``changes``, ``edits`` and ``failures`` list the first thousand of each.
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
    failed: int = 0
    changes: list[Change] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Plain text: counts that are not zero, then whom a person has to look at."""
        words = {
            "written": "would be written" if self.dry_run else "written",
            "unchanged": "unchanged",
            "already": "already there",
            "kept": "kept as a person edited them",
            "older": "older than what is there",
            "missing": "missing in the CRM",
            "failed": "failed",
        }
        counts = [f"{n} {words[w]}" for w in words if (n := getattr(self, w))]
        summary = f"{self.target}: {self.total} records: {', '.join(counts) or 'nothing to do'}"
        edits = [f"  kept {e.external_id}: {e.field} is {e.theirs!r}" for e in self.edits]
        failures = [f"  failed {f.external_id}: {_first_line(f.error)}" for f in self.failures]
        return [summary, *self._unknown_owner(), *_shortened(edits), *_shortened(failures)]

    def _unknown_owner(self) -> list[str]:
        """What to do where the CRM holds values, but the ledger knows of none."""
        strangers = [edit for edit in self.edits if edit.ours is None]
        if not strangers or len(strangers) < len(self.edits):
            return []
        return [
            "  The ledger has no record of these values: somebody else writes the fields, or the "
            "ledger was lost. Empty them in the CRM to hand them over."
        ]


def _shortened(lines: list[str], shown: int = 20) -> list[str]:
    rest = len(lines) - shown
    return [*lines[:shown], f"  … and {rest:,} more"] if rest > 0 else lines


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
