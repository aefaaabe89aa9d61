"""What the ledger holds: records as they were acknowledged, and attempts to write them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from salesml.export.values import Payload

__all__ = ["COLUMNS", "OPEN", "Attempt", "Plan", "Record", "as_text", "stamp"]

OPEN = ("planned", "sent", "retry")
"""Statuses of attempts that are still to be written; a record has at most one of them."""

COLUMNS = (
    "attempt_id, external_id, as_of, run_id, payload, hash, priority, status, job_id, error,"
    " attempts, planned_at, sent_at, finished_at"
)


@dataclass(frozen=True, slots=True)
class Record:
    """What a CRM last acknowledged for one record."""

    payload: Payload
    hash: str
    as_of: dt.date
    run_id: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to write one record.

    ``planned`` → ``sent`` → ``acknowledged`` → ``verified``; or ``retry`` (to be tried again),
    ``dead`` (not before its values change, or somebody asks for it), ``kept`` (a person edited the
    record), ``missing`` (there is no record to write to), ``superseded`` (by a later one).
    ``attempts`` counts how often it was sent, or could not even be looked up. Times are naive UTC.
    """

    attempt_id: int
    external_id: str
    as_of: dt.date
    run_id: str
    payload: Payload
    hash: str
    priority: float | None
    status: str
    job_id: str | None
    error: str | None
    attempts: int
    planned_at: str
    sent_at: str | None
    finished_at: str | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> Attempt:
        """From the columns `COLUMNS`."""
        number, i, as_of, run_id, payload, *rest = row
        return cls(number, i, dt.date.fromisoformat(as_of), run_id, json.loads(payload), *rest)

    @property
    def record(self) -> Record:
        """The record as it is once this attempt is acknowledged."""
        return Record(self.payload, self.hash, self.as_of, self.run_id)

    @property
    def open(self) -> bool:
        """Whether it is still to be written."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written to one record, in place of what was planned or failed before.

    ``before`` is the attempt that it replaces.
    """

    external_id: str
    payload: Payload
    hash: str
    as_of: dt.date
    priority: float | None = None
    before: Attempt | None = None

    @property
    def over(self) -> bool:
        """Whether it takes the very place of what was never sent."""
        return self.before is not None and self.before.open and self.before.sent_at is None

    def values(self, target: str, run_id: str, at: dt.datetime) -> dict[str, object]:
        """As values of SQL parameters."""
        before = self.before
        return {
            "target": target,
            "external_id": self.external_id,
            "as_of": self.as_of.isoformat(),
            "run_id": run_id,
            "payload": as_text(self.payload),
            "hash": self.hash,
            "priority": self.priority,
            "attempts": before.attempts if before and before.open else 0,
            "before": before and before.attempt_id,
            "at": stamp(at),
        }


def as_text(payload: Payload) -> str:
    """A payload as the ledger keeps it."""
    return json.dumps(payload, ensure_ascii=False)


def stamp(at: dt.datetime) -> str:
    """A time as the ledger writes it."""
    return at.isoformat(sep=" ", timespec="milliseconds")
