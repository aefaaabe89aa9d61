"""The ledger: what was written to which CRM record, when, with what outcome.

It is what makes a write-back safe to repeat. ``records`` holds, for each record, what a CRM last
acknowledged; ``attempts`` every attempt to write one; ``jobs`` what systems do without us.
"""

from __future__ import annotations

import datetime as dt
import json
from array import array
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from salesml.export.ledger_lost import disown
from salesml.export.ledger_rows import COLUMNS, OPEN, Attempt, Plan, Record, stamp
from salesml.export.ledger_store import Store

__all__ = ["Ledger"]

_LONGEST_ERROR = 2000
_UNSETTLED = f"status in {(*OPEN, 'dead')}"  # word for word as in the index
_OPEN = f"{_UNSETTLED} and status <> 'dead'"
_DEAD = "status = 'dead'"
_LAST = (
    "attempt_id in (select max(attempt_id) from attempts where target = :target"
    " and status <> 'superseded' group by external_id)"
)
_OFTEN = 3
"""So often in vain, an attempt goes last: what breaks the night shall not stop the others."""


class Ledger:
    """The SQLite file at *place*, made if it is not there, or the database at a PostgreSQL dsn.

    Each method is one transaction and on the disk when it returns, unless it is called inside
    ``at_once``. Raises ExportError where the place cannot be used. What writes is to be called
    inside ``writing``. Not for several threads at once.
    """

    def __init__(self, place: Path | str) -> None:
        self._store = Store(place)

    def writing(self, run_id: str) -> AbstractContextManager[None]:
        """Be the one writer; raises LockedError, naming who is. May be entered again inside.

        The system frees the lock of a process that dies.
        """
        return self._store.writing(run_id)

    def rehearsing(self) -> AbstractContextManager[None]:
        """Inside, all works as ever, but nothing lasts."""
        return self._store.rehearsing()

    def at_once(self) -> AbstractContextManager[object]:
        """Inside, all changes are one transaction."""
        return self._store.transaction()

    # what was acknowledged --------------------------------------------------------------------

    def records(self, target: str, ids: Sequence[str]) -> dict[str, Record]:
        """What was last acknowledged for *ids*; those never written are left out."""
        sql = (
            "select external_id, payload, hash, as_of, run_id from records"
            " where target = :target and external_id in :ids"
        )
        return {row.external_id: _record(row) for row in self._store.among(sql, ids, target=target)}

    def newest(self, target: str) -> dt.date | None:
        """The newest date that any record of *target* was acknowledged or is planned for."""
        sql = (
            "select max(as_of) from (select as_of from records where target = :target union all"
            f" select as_of from attempts where target = :target and {_OPEN}) dates"
        )
        found = self._store.one(sql, target=target)
        return dt.date.fromisoformat(found) if found else None

    def confirm(
        self, target: str, ids: Sequence[str], *, as_of: dt.date, run_id: str, at: dt.datetime
    ) -> None:
        """Record that what *ids* hold is right as of a later date, too."""
        self._store.change_among(
            "update records set as_of = :as_of, run_id = :run_id, acknowledged_at = :at"
            " where target = :target and external_id in :ids",
            ids,
            target=target,
            as_of=as_of.isoformat(),
            run_id=run_id,
            at=stamp(at),
        )

    def disown(self, lost: Mapping[int, Collection[str]]) -> None:
        """Record that of the attempts *lost* these fields were not kept, though acknowledged.

        The records hold there what they held before, and are compared anew next time.
        """
        with self.at_once():
            disown(self._store, self.attempts(list(lost)), lost)

    # what is to be written --------------------------------------------------------------------

    def unsettled(self, target: str, ids: Sequence[str]) -> dict[str, Attempt]:
        """The attempts of *ids* that are open or dead: at most one each."""
        sql = (
            f"select {COLUMNS} from attempts where target = :target and external_id in :ids"
            f" and {_UNSETTLED}"
        )
        return {
            row.external_id: Attempt.of(row) for row in self._store.among(sql, ids, target=target)
        }

    def unanswered(self, target: str, ids: Sequence[str]) -> dict[str, list[Attempt]]:
        """Attempts of *ids* that were sent since the last acknowledged one, oldest first.

        No one knows for certain that the CRM did not take them.
        """
        of = f"select {COLUMNS} from attempts sent where target = :target and external_id in :ids"
        sql = (
            f"{of} and {_UNSETTLED} and sent_at is not null"
            f" union all {of} and status = 'superseded' and sent_at is not null and not exists"
            " (select 1 from attempts later where later.target = sent.target"
            " and later.external_id = sent.external_id and later.attempt_id > sent.attempt_id"
            " and later.status in ('acknowledged', 'verified')) order by attempt_id"
        )
        found: dict[str, list[Attempt]] = {}
        for row in self._store.among(sql, ids, target=target):
            found.setdefault(row.external_id, []).append(Attempt.of(row))
        return found

    def were_there(self, target: str, ids: Sequence[str]) -> set[str]:
        """Those of *ids* that the CRM has shown at any time, so that they are not made again."""
        sql = (
            "select distinct external_id from attempts where target = :target"
            " and external_id in :ids and was_there = 1"
        )
        return {row.external_id for row in self._store.among(sql, ids, target=target)}

    def plan(self, target: str, plans: Sequence[Plan], *, run_id: str, at: dt.datetime) -> None:
        """Record that *plans* are to be written, in place of what they replace.

        What was never sent is overwritten; what was sent, or is dead, is superseded.
        """
        over = [plan for plan in plans if plan.over]
        new = [plan for plan in plans if not plan.over]
        with self.at_once():
            self.supersede([plan.before.attempt_id for plan in new if plan.before], at)
            self._store.change_each(
                "update attempts set as_of = :as_of, run_id = :run_id, payload = :payload,"
                " hash = :hash, priority = :priority, planned_at = :at where attempt_id = :before",
                [plan.values(target, run_id, at) for plan in over],
            )
            self._store.change_each(
                "insert into attempts (target, external_id, as_of, run_id, payload, hash,"
                " priority, status, attempts, planned_at) values (:target, :external_id, :as_of,"
                " :run_id, :payload, :hash, :priority, 'planned', :attempts, :at)",
                [plan.values(target, run_id, at) for plan in new],
            )

    def queue(self, target: str) -> array[int]:
        """The open attempts of *target*, the most valuable first."""
        sql = (
            f"select attempt_id from attempts where target = :target and {_OPEN}"
            f" order by attempts >= {_OFTEN}, priority desc nulls last, attempt_id"
        )
        return array("q", (row.attempt_id for row in self._store.all(sql, target=target)))

    def still_open(self, target: str) -> dict[str, int]:
        """How many attempts of *target* are in which open status."""
        sql = (
            f"select status, count(*) as found from attempts where target = :target and {_OPEN}"
            " group by status"
        )
        return {row.status: row.found for row in self._store.all(sql, target=target)}

    def attempts(self, numbers: Sequence[int]) -> list[Attempt]:
        """The attempts *numbers*, in their order."""
        sql = f"select {COLUMNS} from attempts where attempt_id in :ids"
        found = {row.attempt_id: Attempt.of(row) for row in self._store.among(sql, numbers)}
        return [found[number] for number in numbers]

    # how it goes ------------------------------------------------------------------------------

    def send(self, numbers: Sequence[int], at: dt.datetime, *, there: bool) -> None:
        """Record that attempts are on their way, to records that are *there* or are to be made."""
        self._store.change_among(
            "update attempts set status = 'sent', sent_at = :at, attempts = attempts + 1,"
            " was_there = :there, job_id = null, error = null, finished_at = null"
            " where attempt_id in :ids",
            numbers,
            at=stamp(at),
            there=int(there),
        )

    def put_back(self, numbers: Sequence[int], error: str) -> None:
        """Record that attempts on their way were not tried after all."""
        self._store.change_among(
            "update attempts set status = 'planned', attempts = attempts - 1, error = :error"
            " where attempt_id in :ids",
            numbers,
            error=_clean(error),
        )

    def postpone(self, numbers: Sequence[int], error: str) -> None:
        """Record that attempts were taken in hand in vain; after several times they go last."""
        self._store.change_among(
            "update attempts set attempts = attempts + 1, error = :error where attempt_id in :ids",
            numbers,
            error=_clean(error),
        )

    def acknowledge(self, numbers: Sequence[int], at: dt.datetime) -> None:
        """Record that the CRM holds what attempts wanted it to."""
        with self.at_once():
            self._store.change_among(
                "update attempts set status = 'acknowledged', error = null, finished_at = :at"
                " where attempt_id in :ids",
                numbers,
                at=stamp(at),
            )
            self._store.change_among(
                "insert into records (target, external_id, payload, hash, as_of, run_id,"
                " acknowledged_at) select target, external_id, payload, hash, as_of, run_id, :at"
                " from attempts where attempt_id in :ids on conflict (target, external_id)"
                " do update set payload = excluded.payload, hash = excluded.hash,"
                " as_of = excluded.as_of, run_id = excluded.run_id,"
                " acknowledged_at = excluded.acknowledged_at",
                numbers,
                at=stamp(at),
            )

    def verify(self, numbers: Sequence[int]) -> None:
        """Record that the CRM was seen to hold what attempts wrote."""
        sql = "update attempts set status = 'verified' where attempt_id in :ids"
        self._store.change_among(sql, numbers)

    def notice(self, numbers: Sequence[int]) -> None:
        """Record that the CRM showed the records of attempts, or that they were deleted."""
        self._store.change_among(
            "update attempts set was_there = 1 where attempt_id in :ids", numbers
        )

    def refuse(self, ends: Mapping[int, tuple[str, str]], at: dt.datetime) -> None:
        """Record the status (``retry``, ``dead``, ``kept``, ``missing``) and the error of each."""
        self._store.change_each(
            "update attempts set status = :status, error = :error, finished_at ="
            " case when :status <> 'retry' then :at end where attempt_id = :id",
            [
                {"status": status, "error": _clean(error), "at": stamp(at), "id": number}
                for number, (status, error) in ends.items()
            ],
        )

    def supersede(self, numbers: Sequence[int], at: dt.datetime) -> None:
        """Record that something later takes the place of attempts."""
        self._store.change_among(
            "update attempts set status = 'superseded', finished_at = coalesce(finished_at, :at)"
            " where attempt_id in :ids",
            numbers,
            at=stamp(at),
        )

    # jobs and limits --------------------------------------------------------------------------

    def begin_job(
        self, target: str, job: str, ids: Sequence[str], *, run_id: str, at: dt.datetime
    ) -> None:
        """Record that *job* exists and will carry the open attempts of *ids*."""
        row = {"target": target, "job": job, "run_id": run_id, "at": stamp(at)}
        with self.at_once():
            self._store.change_each(
                "insert into jobs (target, job_id, run_id, begun_at) values"
                " (:target, :job, :run_id, :at) on conflict (target, job_id) do nothing",
                [row],
            )
            self._store.change_among(
                "update attempts set job_id = :job where target = :target"
                f" and external_id in :ids and {_OPEN}",
                ids,
                target=target,
                job=job,
            )

    def end_job(self, target: str, job: str, at: dt.datetime) -> None:
        """Record that nothing of *job* is on its way any more."""
        self._store.change_each(
            "update jobs set ended_at = :at where target = :target and job_id = :job",
            [{"target": target, "job": job, "at": stamp(at)}],
        )

    def open_jobs(self, target: str) -> list[str]:
        """Jobs that may still be working, oldest first."""
        sql = (
            "select job_id from jobs where target = :target and ended_at is null"
            " order by begun_at, job_id"
        )
        return [row.job_id for row in self._store.all(sql, target=target)]

    def spend(self, connection: str, day: dt.date, calls: int, rows: int = 0) -> None:
        """Record that *calls* requests were made of *connection*, and *rows* records sent."""
        values = {"connection": connection, "day": str(day), "calls": calls, "rows": rows}
        self._store.change_each(
            "insert into spent (connection, day, calls, rows_sent) values"
            " (:connection, :day, :calls, :rows) on conflict (connection, day) do update set"
            " calls = spent.calls + excluded.calls,"
            " rows_sent = spent.rows_sent + excluded.rows_sent",
            [values],
        )

    def spent(self, connection: str, day: dt.date) -> int:
        """Requests made of *connection* on *day* (UTC)."""
        sql = "select calls from spent where connection = :connection and day = :day"
        return int(self._store.one(sql, connection=connection, day=str(day)) or 0)

    def rows_spent(self, connection: str, day: dt.date) -> int:
        """Records sent to *connection* on *day* (UTC)."""
        sql = "select rows_sent from spent where connection = :connection and day = :day"
        return int(self._store.one(sql, connection=connection, day=str(day)) or 0)

    # for people -------------------------------------------------------------------------------

    def targets(self) -> list[str]:
        """All targets that anything was planned for."""
        rows = self._store.all("select distinct target from attempts order by target")
        return [row.target for row in rows]

    def counts(self, target: str) -> dict[str, int]:
        """How many records of *target* are in which status now."""
        sql = (
            f"select status, count(*) as found from attempts where {_LAST}"
            " group by status order by status"
        )
        return {row.status: row.found for row in self._store.all(sql, target=target)}

    def listed(self, target: str, statuses: Sequence[str], limit: int = 1000) -> list[Attempt]:
        """The last attempts of records that are in one of *statuses*, the most valuable first."""
        sql = (
            f"select {COLUMNS} from attempts where {_LAST} and status in :ids"
            " order by priority desc nulls last, attempt_id limit :limit"
        )
        rows = self._store.among(sql, statuses, target=target, limit=limit)
        return [Attempt.of(row) for row in rows]

    def history(self, target: str, external_id: str) -> list[Attempt]:
        """All attempts to write one record, oldest first."""
        sql = (
            f"select {COLUMNS} from attempts where target = :target and external_id = :external_id"
            " order by attempt_id"
        )
        rows = self._store.all(sql, target=target, external_id=external_id)
        return [Attempt.of(row) for row in rows]

    def touched(self, target: str, ids: Sequence[str]) -> set[str]:
        """Those of *ids* that were written before, or are to be."""
        open_ = (i for i, attempt in self.unsettled(target, ids).items() if attempt.open)
        return {*self.records(target, ids), *open_}

    def retry(self, target: str, ids: Sequence[str] | None = None) -> int:
        """Plan dead attempts anew, all of *target* or those of *ids*; returns how many.

        Not those of ids that came twice: nobody knows which values to write. Raises LockedError
        while somebody writes.
        """
        dead = f"select attempt_id from attempts where target = :target and {_DEAD} and hash <> ''"
        chosen = f"{dead} and external_id in :ids"
        with self.writing("retry"), self.at_once():
            rows = (
                self._store.all(dead, target=target)
                if ids is None
                else self._store.among(chosen, ids, target=target)
            )
            numbers = [row.attempt_id for row in rows]
            self._store.change_among(
                "update attempts set status = 'planned', attempts = 0, finished_at = null"
                " where attempt_id in :ids",
                numbers,
            )
        return len(numbers)


def _record(row: Row[Any]) -> Record:
    as_of = dt.date.fromisoformat(row.as_of)
    return Record(json.loads(row.payload), row.hash, as_of, row.run_id)


def _clean(error: str) -> str:
    """What any database takes as text."""
    text = error.replace("\0", "\ufffd")[:_LONGEST_ERROR]
    return text.encode("utf-8", "replace").decode()
