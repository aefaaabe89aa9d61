"""What to do with one record: the rules, without any database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from salesml.crm.base import Tolerance
from salesml.export.ledger import Attempt, Record
from salesml.export.result import Edit
from salesml.export.values import Payload, same

__all__ = ["Decision", "Outcome", "Row", "Rules"]

_EXACT = Tolerance()


class Outcome(Enum):
    """How a record ends."""

    UNCHANGED = auto()
    OLDER = auto()
    ALREADY = auto()
    KEPT = auto()
    MISSING = auto()
    WRITE = auto()


@dataclass(frozen=True)
class Row:
    """What one record should hold, and what the ledger knows of it."""

    external_id: str
    payload: Payload
    hash: str
    record: Record | None = None
    unresolved: Attempt | None = None


@dataclass(frozen=True)
class Decision:
    """What happens to *row*, whose fields the CRM shows as *current* (None: no such record).

    ``adopted``: an attempt without an answer turned out to have arrived.
    """

    row: Row
    outcome: Outcome
    current: Mapping[str, object] | None
    edits: list[Edit] = field(default_factory=list)
    adopted: bool = False


@dataclass(frozen=True)
class Rules:
    """The rules for one date, one set of fields, one way to treat missing records.

    ``newest`` is the newest date written to the target: an older run adds nothing either.
    ``empty``: the whole table was not there, so that nobody deleted single records.
    """

    fields: Collection[str]
    creates: bool
    as_of: dt.date
    tolerances: Mapping[str, Tolerance]
    newest: dt.date | None = None
    empty: bool = False

    def from_ledger(self, row: Row) -> Outcome | None:
        """The outcome where the ledger alone decides; None where the CRM has to be asked."""
        if row.unresolved is not None:
            return None
        if row.record is None:
            late = self.newest is not None and self.newest > self.as_of
            return Outcome.OLDER if late else None
        if self._unchanged(row, row.record):
            return Outcome.UNCHANGED
        return Outcome.OLDER if row.record.as_of > self.as_of else None

    def from_crm(self, row: Row, current: Mapping[str, object] | None) -> Decision:
        """The decision on *row*, given its *current* fields in the CRM."""
        arrived = row.unresolved is not None and self._arrived(row.unresolved, current)
        record = row.unresolved.record if arrived and row.unresolved else row.record
        row = replace(row, record=record)
        known = self.from_ledger(replace(row, unresolved=None))
        if known is not None:
            return Decision(row, known, current, adopted=arrived)
        if current is None:
            # what was there and is not any more, somebody deleted: it is not made again
            new = self.creates and (row.record is None or self.empty)
            return Decision(row, Outcome.WRITE if new else Outcome.MISSING, None)
        return self._compared(row, current, adopted=arrived)

    def differing(self, payload: Payload, current: Mapping[str, object] | None) -> list[str]:
        """Fields in which the CRM does not hold *payload*."""
        shown = current or {}
        return [f for f in self.fields if not self._holds(f, payload.get(f), shown.get(f))]

    def _compared(self, row: Row, current: Mapping[str, object], *, adopted: bool) -> Decision:
        differing = self.differing(row.payload, current)
        if not differing:
            return Decision(row, Outcome.ALREADY, current, adopted=adopted)
        ours = row.record.payload if row.record else {}
        edits = [
            Edit(row.external_id, f, current[f], ours.get(f))
            for f in differing
            if not self._holds(f, ours.get(f), current[f])
        ]
        return Decision(row, Outcome.KEPT if edits else Outcome.WRITE, current, edits, adopted)

    def _unchanged(self, row: Row, record: Record) -> bool:
        return row.hash == record.hash or all(
            same(row.payload[f], record.payload.get(f)) for f in self.fields
        )

    def _arrived(self, attempt: Attempt, current: Mapping[str, object] | None) -> bool:
        return current is not None and not any(
            f in attempt.payload and not self._holds(f, attempt.payload[f], current[f])
            for f in self.fields
        )

    def _holds(self, name: str, ours: object, theirs: object) -> bool:
        return same(ours, theirs, self.tolerances.get(name, _EXACT))
