"""Writing scores back: only what changed, never over a person, safe to repeat."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import pandas as pd

from salesml.crm import Connection
from salesml.crm.base import Fetched
from salesml.errors import SourceError
from salesml.export.decide import Decision, Outcome, Row, Rules
from salesml.export.ledger import Ledger
from salesml.export.result import LISTED, Change, ExportResult, Failure
from salesml.export.rows import rows_of, types_of
from salesml.export.target import Target

__all__ = ["write_back"]

_LOOKED_UP = 5_000
_LEDGER_ONLY = {Outcome.UNCHANGED, Outcome.OLDER}
_COUNTERS = {
    Outcome.UNCHANGED: "unchanged",
    Outcome.OLDER: "older",
    Outcome.ALREADY: "already",
    Outcome.KEPT: "kept",
    Outcome.MISSING: "missing",
    Outcome.WRITE: "written",
}
_NO_RECORD = "no such record"
_NO_ANSWER = "no answer came, and the CRM did not take it"


def write_back(
    target: Target,
    rows: pd.DataFrame,
    *,
    connection: Connection,
    ledger: Ledger,
    as_of: dt.date,
    run_id: str,
    now: Callable[[], dt.datetime],
    dry_run: bool = False,
    batch: int = 500,
    progress: Callable[[int, int], None] | None = None,
) -> ExportResult:
    """Write *rows* to *target*: each record that changed, unless a person edited it.

    Parameters
    ----------
    rows : column ``external_id`` (unique) and the columns that *target* names; a row a record.
    as_of : date the values are made for; a record with a later one is left alone.
    now : naive UTC time, asked for whenever the ledger is written.
    dry_run : only say what would change; neither the CRM nor the ledger is touched.
    batch : records in one transaction; a batch that fails is repeated record by record.
    progress : called with the number of records done, and of all.

    Raises ExportError, before anything is written, if *rows* or the table do not fit, and
    SourceError if the CRM cannot be reached; a later call goes on where this one stopped.
    """
    wanted = rows_of(rows, target)
    connection.check_target(target.table, target.key, list(target.columns), create=target.creates)
    found = exists = connection.exists(target.table)
    if not exists and not dry_run:
        connection.ensure_table(target.table, target.key, types_of(rows, target))
        exists = True
    writer = _Writer(
        target=target,
        connection=connection,
        ledger=ledger,
        stamp=_Stamp(as_of, run_id, now),
        rules=Rules(
            target.fields,
            target.creates,
            as_of,
            connection.tolerances(target.table, list(target.fields)) if exists else {},
            ledger.newest(target.name),
            not found,
        ),
        result=ExportResult(target.name, len(wanted), dry_run),
        exists=exists,
    )
    tell = progress or _silent
    for part in _parts(writer.to_look_at(wanted), max(batch, connection.rows_per_call)):
        writer.write(part)
        tell(writer.done, len(wanted))
    tell(writer.done, len(wanted))
    return writer.result


def _silent(done: int, total: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class _Stamp:
    """What the ledger notes of each step."""

    as_of: dt.date
    run_id: str
    now: Callable[[], dt.datetime]


@dataclass
class _Writer:
    """One write-back on its way; ``result`` counts as it goes."""

    target: Target
    connection: Connection
    ledger: Ledger
    stamp: _Stamp
    rules: Rules
    result: ExportResult
    exists: bool

    @property
    def done(self) -> int:
        r = self.result
        return r.written + r.unchanged + r.already + r.kept + r.older + r.missing + r.failed

    # what the ledger settles ------------------------------------------------------------------

    def to_look_at(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that the ledger cannot settle; the others are counted."""
        for part in _parts(rows, _LOOKED_UP):
            later = []
            for row in self._looked_up(part):
                outcome = self.rules.from_ledger(row)
                if outcome is None:
                    yield row
                else:
                    self._count([Decision(row, outcome, None)])
                    later += [row] * (outcome is Outcome.UNCHANGED)
            self._confirm(later)

    def _looked_up(self, rows: Sequence[Row]) -> list[Row]:
        ids = [row.external_id for row in rows]
        records = self.ledger.records(self.target.name, ids)
        attempts = self.ledger.unresolved(self.target.name, ids)
        return [
            replace(row, record=records.get(i), unresolved=attempts.get(i))
            for i, row in zip(ids, rows, strict=True)
        ]

    def _confirm(self, rows: Iterable[Row]) -> None:
        """Unchanged values are right as of this date too; older ones may not replace them."""
        older = [r.external_id for r in rows if r.record and r.record.as_of < self.stamp.as_of]
        if not self.result.dry_run:
            self.ledger.confirm(
                self.target.name,
                older,
                as_of=self.stamp.as_of,
                run_id=self.stamp.run_id,
                at=self.stamp.now(),
            )

    # what the CRM settles ---------------------------------------------------------------------

    def write(self, rows: Sequence[Row]) -> None:
        """Settle *rows* as one batch."""
        decisions = self._decide(rows)
        writes = [d for d in decisions if d.outcome is Outcome.WRITE]
        if self.result.dry_run:
            self._count(decisions)
            return
        self._resolve(decisions)
        attempts = self._plan([d for d in decisions if d.outcome not in _LEDGER_ONLY])
        self._end([d for d in decisions if d.outcome is not Outcome.WRITE], attempts)
        if writes:
            self._send(writes, attempts)

    def _decide(self, rows: Sequence[Row]) -> list[Decision]:
        ids = [row.external_id for row in rows]
        table, key = self.target.table, self.target.key
        found: Fetched = {}
        if self.exists:
            found = self.connection.fetch(table, key, ids, list(self.target.fields))
        return [self.rules.from_crm(row, found.get(row.external_id)) for row in rows]

    def _resolve(self, decisions: Sequence[Decision]) -> None:
        """Close attempts that had no answer, now that the CRM says what became of them."""
        open_ = [(d, d.row.unresolved) for d in decisions if d.row.unresolved]
        lost = (a for d, a in open_ if not d.adopted and a.status == "sent")
        self.ledger.acknowledge([a.attempt_id for d, a in open_ if d.adopted], self.stamp.now())
        self.ledger.finish({a.attempt_id: ("failed", _NO_ANSWER) for a in lost}, self.stamp.now())
        self._confirm(d.row for d in decisions if d.outcome is Outcome.UNCHANGED)

    def _plan(self, decisions: Sequence[Decision]) -> dict[str, int]:
        return self.ledger.plan(
            self.target.name,
            {d.row.external_id: d.row.payload for d in decisions},
            {d.row.external_id: d.row.hash for d in decisions},
            as_of=self.stamp.as_of,
            run_id=self.stamp.run_id,
            at=self.stamp.now(),
        )

    def _end(self, decisions: Sequence[Decision], attempts: Mapping[str, int]) -> None:
        """Close the attempts of *decisions* that need no writing, and count these."""
        already = [d for d in decisions if d.outcome is Outcome.ALREADY]
        self.ledger.acknowledge([attempts[d.row.external_id] for d in already], self.stamp.now())
        ends = {
            attempts[d.row.external_id]: ("kept", _edits(d)) if d.edits else ("failed", _NO_RECORD)
            for d in decisions
            if d.outcome in {Outcome.KEPT, Outcome.MISSING}
        }
        self.ledger.finish(ends, self.stamp.now())
        self._count(decisions)

    # writing ----------------------------------------------------------------------------------

    def _send(self, decisions: Sequence[Decision], attempts: Mapping[str, int]) -> None:
        numbers = [attempts[d.row.external_id] for d in decisions]
        error = self._try(decisions, numbers)
        if error is None:
            self._count(decisions)
        elif isinstance(error, SourceError):
            self._fail(decisions, numbers, error)
            raise error
        else:
            for decision, number in zip(decisions, numbers, strict=True):
                self._alone(decision, number)

    def _try(self, decisions: Sequence[Decision], attempts: Sequence[int]) -> Exception | None:
        """Write *decisions* in one transaction; gives back what the CRM raised."""
        key = self.target.key
        self.ledger.send(attempts, self.stamp.now())
        try:
            self.connection.upsert(
                self.target.table,
                key,
                [{key: d.row.external_id, **d.row.payload} for d in decisions],
                create=self.target.creates,
                seen={
                    d.row.external_id: dict(d.current) for d in decisions if d.current is not None
                },
            )
        except Exception as error:  # any driver's: the record must end in the ledger all the same
            return error
        self.ledger.acknowledge(attempts, self.stamp.now())
        return None

    def _alone(self, decision: Decision, attempt: int) -> None:
        """Write one record of a batch that failed, after another look at it."""
        (again,) = self._decide([replace(decision.row, unresolved=None)])
        number = {decision.row.external_id: attempt}
        if again.outcome is Outcome.ALREADY:  # the batch failed after it had been taken
            self.ledger.acknowledge([attempt], self.stamp.now())
            self._count([decision])
        elif again.outcome is not Outcome.WRITE:
            self._end([again], number)
        elif error := self._try([again], [attempt]):
            self._fail([again], [attempt], error)
            if isinstance(error, SourceError):
                raise error
        else:
            self._count([again])

    def _fail(
        self, decisions: Sequence[Decision], attempts: Sequence[int], error: Exception
    ) -> None:
        text = str(error) or type(error).__name__
        self.ledger.finish(dict.fromkeys(attempts, ("failed", text)), self.stamp.now())
        self.result.failed += len(decisions)
        failures = [Failure(d.row.external_id, text) for d in decisions]
        _list(self.result.failures, failures)

    # counting ---------------------------------------------------------------------------------

    def _count(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            counter = _COUNTERS[decision.outcome]
            if decision.outcome is Outcome.UNCHANGED and decision.adopted:
                counter = "already"
            setattr(self.result, counter, getattr(self.result, counter) + 1)
            _list(self.result.edits, decision.edits)
            if decision.outcome is Outcome.WRITE:
                _list(self.result.changes, self._changes(decision))

    def _changes(self, decision: Decision) -> list[Change]:
        row, current = decision.row, decision.current or {}
        return [
            Change(row.external_id, f, current.get(f), row.payload[f])
            for f in self.rules.differing(row.payload, decision.current)
        ]


T = TypeVar("T")


def _list(listed: list[T], more: Sequence[T]) -> None:
    listed.extend(more[: max(0, LISTED - len(listed))])


def _edits(decision: Decision) -> str:
    return "; ".join(f"{edit.field} is {edit.theirs!r}" for edit in decision.edits)


def _parts(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    rows = iter(rows)
    while part := list(islice(rows, size)):
        yield part
