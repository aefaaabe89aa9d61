"""What to do with one record: the rules, without any database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from salesml.crm.records import Seen, Tolerance
from salesml.export.ledger_rows import Attempt, Record
from salesml.export.result import Edit
from salesml.export.values import Payload, same

__all__ = ["Decision", "Outcome", "Row", "Rules"]

_EXACT = Tolerance()
_NO_RECORD = "no such record"
_DELETED = "no such record any more: somebody deleted it"


class Outcome(Enum):
    """How a record ends."""

    UNCHANGED = auto()
    OLDER = auto()
    DEAD = auto()
    ALREADY = auto()
    KEPT = auto()
    MISSING = auto()
    WRITE = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """What one record should hold; ``external_id`` is None where no CRM can have such an id."""

    external_id: str | None
    payload: Payload
    hash: str
    priority: float | None = None


@dataclass(frozen=True)
class Decision:
    """What happens to *attempt*, whose record the CRM shows as *seen* (None: no trace of it).

    ``adopted``: an attempt without an answer that turned out to have arrived.
    ``why``: what keeps a record from being written.
    """

    attempt: Attempt
    outcome: Outcome
    seen: Seen | None = None
    edits: list[Edit] = field(default_factory=list)
    adopted: Attempt | None = None
    why: str = ""


@dataclass(frozen=True)
class Rules:
    """The rules for one set of fields and one way to treat missing records.

    ``empty``: the whole table was not there, so that nobody deleted single records.
    """

    fields: Collection[str]
    creates: bool
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    empty: bool = False

    def from_ledger(
        self,
        row: Row,
        as_of: dt.date,
        record: Record | None,
        unsettled: Attempt | None,
        newest: dt.date | None,
        *,
        doubtful: bool = False,
    ) -> Outcome | None:
        """What the ledger alone decides of a *row* for *as_of*; None where it is to be planned.

        Parameters
        ----------
        record, unsettled : what was last acknowledged; an attempt after it, open or dead.
        newest : the newest date of the target: an older run adds nothing either.
        doubtful : something that *unsettled* replaced may have arrived after *record*.
        """
        if unsettled is not None and unsettled.as_of > as_of:
            return Outcome.OLDER
        if not doubtful and (unsettled is None or unsettled.sent_at is None):
            if record is None and unsettled is None and newest is not None and newest > as_of:
                return Outcome.OLDER
            if record is not None and self._unchanged(row, record):
                return Outcome.UNCHANGED
        if record is not None and record.as_of > as_of:
            return Outcome.OLDER
        dead = unsettled is not None and unsettled.status == "dead"
        return Outcome.DEAD if dead and unsettled and row.hash == unsettled.hash else None

    def from_crm(
        self,
        attempt: Attempt,
        record: Record | None,
        unanswered: Sequence[Attempt],
        seen: Seen | None,
        *,
        deleted: bool = False,
    ) -> Decision:
        """The decision on *attempt*, given what the CRM shows.

        ``unanswered`` are attempts that may have arrived, oldest first, *attempt* among them.
        ``deleted``: it was there and is not any more, so that it is not made again.
        """
        if seen is None:
            if self.creates and (not deleted or self.empty):
                return Decision(attempt, Outcome.WRITE)
            why = _DELETED if deleted else _NO_RECORD
            return Decision(attempt, Outcome.MISSING, why=why)
        if seen.barred:
            return Decision(attempt, Outcome.MISSING, seen, why=seen.barred)
        arrived = (a for a in reversed(unanswered) if self.holds(a.payload, seen))
        adopted = next(arrived, None)
        return self._compared(attempt, adopted.record if adopted else record, seen, adopted)

    def differing(self, payload: Payload, seen: Seen | None) -> list[str]:
        """Fields of *payload* that the CRM does not hold; it may lack some that are new."""
        shown, wanted = seen.fields if seen else {}, (f for f in self.fields if f in payload)
        return [f for f in wanted if not self._holds(f, payload[f], shown.get(f))]

    def holds(self, payload: Payload, seen: Seen) -> bool:
        """Whether the CRM holds all fields of *payload*."""
        return not self.differing(payload, seen)

    def _compared(
        self, attempt: Attempt, record: Record | None, seen: Seen, adopted: Attempt | None
    ) -> Decision:
        if record is not None and record.as_of > attempt.as_of:
            return Decision(attempt, Outcome.OLDER, seen, adopted=adopted)
        differing = self.differing(attempt.payload, seen)
        if not differing:
            return Decision(attempt, Outcome.ALREADY, seen, adopted=adopted)
        ours = record.payload if record else {}
        edits = [
            Edit(attempt.external_id, f, seen.fields.get(f), ours.get(f))
            for f in differing
            if not self._holds(f, ours.get(f), seen.fields.get(f))
        ]
        outcome = Outcome.KEPT if edits else Outcome.WRITE
        why = "; ".join(f"{edit.field} is {edit.theirs!r}" for edit in edits)
        return Decision(attempt, outcome, seen, edits, adopted, why)

    def _unchanged(self, row: Row, record: Record) -> bool:
        return row.hash == record.hash or all(
            same(row.payload[f], record.payload.get(f)) for f in self.fields
        )

    def _holds(self, name: str, ours: object, theirs: object) -> bool:
        return same(ours, theirs, self.tolerances.get(name, _EXACT))
