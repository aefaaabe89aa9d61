"""Tonight's rows against the ledger: what is to be written, what is settled without the CRM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from salesml.export.decide import Outcome, Row
from salesml.export.ledger_rows import Attempt, Plan, Record
from salesml.export.result import NO_ID, TWICE
from salesml.export.writeback_night import Night

__all__ = ["Planner"]

_COUNTERS = {Outcome.UNCHANGED: "unchanged", Outcome.OLDER: "older"}


class Planner:
    """Plans tonight's rows part by part, and counts those that need no writing."""

    def __init__(self, night: Night) -> None:
        self._night, self._ledger, self._result = night, night.ledger, night.result
        self._target = night.name
        self._newest = night.ledger.newest(night.name)
        self._first: dict[str, Outcome | None] = {}
        self._twice: set[str] = set()

    def plan(self, rows: Sequence[Row]) -> None:
        """Plan *rows* as one transaction."""
        for _ in [row for row in rows if row.external_id is None]:
            self._result.fail("", NO_ID)
        fresh, again = self._distinct(rows)
        with self._ledger.at_once():
            self._compare(fresh)
            for row in again:
                self._refuse_both(row)

    def _distinct(self, rows: Sequence[Row]) -> tuple[dict[str, Row], list[Row]]:
        """The first row of each new id, and the rows of ids that had one before."""
        fresh: dict[str, Row] = {}
        again = []
        for row in rows:
            if row.external_id is None:
                continue
            if row.external_id in self._first or row.external_id in fresh:
                again.append(row)
            else:
                fresh[row.external_id] = row
        return fresh, again

    def _compare(self, rows: Mapping[str, Row]) -> None:
        records = self._ledger.records(self._target, list(rows))
        unsettled = self._ledger.unsettled(self._target, list(rows))
        doubtful = self._ledger.unanswered(self._target, list(unsettled))
        plans, same, over = [], [], []
        for i, row in rows.items():
            record, before = records.get(i), unsettled.get(i)
            outcome = self._night.rules.from_ledger(
                row, self._night.as_of, record, before, self._newest, doubtful=i in doubtful
            )
            self._first[i] = outcome
            self._count(i, outcome, before)
            if outcome is None and not self._planned(row, before):
                plans.append(self._plan(i, row, before))
            if outcome is Outcome.UNCHANGED:
                same += self._later(i, record)
                over += [before.attempt_id] if before else []
        self._ledger.supersede(over, self._night.now())
        self._confirm(same)
        self._write(plans)

    def _planned(self, row: Row, before: Attempt | None) -> bool:
        """Whether just this is planned already."""
        return (
            before is not None
            and before.open
            and before.as_of == self._night.as_of
            and before.payload == row.payload
        )

    def _plan(self, i: str, row: Row, before: Attempt | None) -> Plan:
        return Plan(i, row.payload, row.hash, self._night.as_of, row.priority, before)

    def _later(self, i: str, record: Record | None) -> list[str]:
        """Unchanged values are right as of this date too; older ones may not replace them."""
        return [i] if record is not None and record.as_of < self._night.as_of else []

    def _confirm(self, ids: Sequence[str]) -> None:
        as_of, run_id, at = self._night.as_of, self._night.run_id, self._night.now()
        self._ledger.confirm(self._target, ids, as_of=as_of, run_id=run_id, at=at)

    def _write(self, plans: Sequence[Plan]) -> None:
        self._ledger.plan(self._target, plans, run_id=self._night.run_id, at=self._night.now())

    def _refuse_both(self, row: Row) -> None:
        """Nobody knows which of several rows of one id is right: none of them is written."""
        i = row.external_id or ""
        first = self._first[i]
        if first is Outcome.OLDER:
            self._result.older += 1
            return
        self._result.dead += 1
        if i in self._twice:
            return
        self._twice.add(i)
        self._uncount(first)
        self._result.fail(i, TWICE)
        before = self._ledger.unsettled(self._target, [i]).get(i)
        # without a hash, so that the same values alone are planned anew the next time
        self._write([Plan(i, row.payload, "", self._night.as_of, row.priority, before)])
        planned = self._ledger.unsettled(self._target, [i])[i]
        self._ledger.refuse({planned.attempt_id: ("dead", TWICE)}, self._night.now())

    # counting ---------------------------------------------------------------------------------

    def _count(self, i: str, outcome: Outcome | None, before: Attempt | None) -> None:
        if outcome is Outcome.DEAD and before is not None:
            self._result.fail(i, before.error or "")
        elif outcome is not None:
            self._night.count(_COUNTERS[outcome], 1)

    def _uncount(self, outcome: Outcome | None) -> None:
        if outcome is Outcome.DEAD:
            self._result.dead -= 1
        elif outcome is not None:
            self._night.count(_COUNTERS[outcome], -1)
