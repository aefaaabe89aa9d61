"""The ledger: what was written to which CRM record, when, with what outcome.

It is what makes a write-back safe to repeat. ``records`` holds, for each record, what a CRM last
acknowledged. ``attempts`` holds every attempt: planned → sent → acknowledged, failed or kept.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salesml.errors import ExportError
from salesml.export.values import Payload

__all__ = ["Attempt", "Ledger", "Record"]

_SCHEMA = """
create table if not exists records (
    target text not null,
    external_id text not null,
    payload text not null,
    hash text not null,
    as_of text not null,
    run_id text not null,
    acknowledged_at text not null,
    primary key (target, external_id)
) without rowid;
create table if not exists attempts (
    attempt_id integer primary key,
    target text not null,
    external_id text not null,
    as_of text not null,
    run_id text not null,
    payload text not null,
    hash text not null,
    status text not null check (status in ('planned', 'sent', 'acknowledged', 'failed', 'kept')),
    error text,
    attempts integer not null default 0,
    planned_at text not null,
    sent_at text,
    finished_at text
);
create index if not exists attempts_of_record on attempts (target, external_id, attempt_id);
"""
_COLUMNS = (
    "attempt_id, external_id, as_of, run_id, payload, hash, status, error, attempts,"
    " planned_at, sent_at, finished_at"
)
_BUSY_SECONDS = 30.0
_AT_ONCE = 500


@dataclass(frozen=True)
class Record:
    """What a CRM last acknowledged for one record."""

    payload: Payload
    hash: str
    as_of: dt.date
    run_id: str


@dataclass(frozen=True)
class Attempt:
    """One attempt to write one record."""

    attempt_id: int
    external_id: str
    as_of: dt.date
    run_id: str
    payload: Payload
    hash: str
    status: str
    error: str | None
    attempts: int
    planned_at: str
    sent_at: str | None
    finished_at: str | None

    @property
    def record(self) -> Record:
        """The record as it is once this attempt is acknowledged."""
        return Record(self.payload, self.hash, self.as_of, self.run_id)


class Ledger:
    """The SQLite file at *path*, made if it is not there.

    Each method is one transaction and on the disk when it returns. Raises ExportError where the
    file cannot be used. It is closed when nobody refers to it any more.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._guarded():
            self._link = sqlite3.connect(self.path, _BUSY_SECONDS, check_same_thread=False)
            weakref.finalize(self, self._link.close)
            self._link.execute("pragma synchronous = full")
        with self._transaction() as link:
            if not link.execute("select 1 from sqlite_schema where name = 'records'").fetchone():
                link.executescript(f"pragma journal_mode = wal; {_SCHEMA}")

    def records(self, target: str, ids: Sequence[str]) -> dict[str, Record]:
        """What was last acknowledged for *ids*; those never written are left out."""
        sql = (
            "select external_id, payload, hash, as_of, run_id from records"
            " where target = ? and external_id in ({marks})"
        )
        return {
            i: Record(json.loads(payload), hashed, dt.date.fromisoformat(as_of), run_id)
            for i, payload, hashed, as_of, run_id in self._select(sql, target, ids)
        }

    def newest(self, target: str) -> dt.date | None:
        """The newest date that any record of *target* was acknowledged for."""
        with self._transaction() as link:
            sql = "select max(as_of) from records where target = ?"
            (found,) = link.execute(sql, [target]).fetchone()
        return dt.date.fromisoformat(found) if found else None

    def unresolved(self, target: str, ids: Sequence[str]) -> dict[str, Attempt]:
        """Last attempts of *ids* that were sent without an answer, or with an error.

        The CRM may have taken them all the same.
        """
        sql = (
            f"select {_COLUMNS} from attempts where attempt_id in"
            " (select max(attempt_id) from attempts where target = ?"
            " and external_id in ({marks}) group by external_id)"
            " and status in ('sent', 'failed') and sent_at is not null"
        )
        return {a.external_id: a for a in map(_attempt, self._select(sql, target, ids))}

    def history(self, target: str, external_id: str) -> list[Attempt]:
        """All attempts to write one record, oldest first."""
        sql = (
            f"select {_COLUMNS} from attempts where target = ? and external_id in ({{marks}})"
            " order by attempt_id"
        )
        return [_attempt(row) for row in self._select(sql, target, [external_id])]

    def plan(
        self,
        target: str,
        payloads: Mapping[str, Payload],
        hashes: Mapping[str, str],
        *,
        as_of: dt.date,
        run_id: str,
        at: dt.datetime,
    ) -> dict[str, int]:
        """Record that *payloads* are to be written; returns the attempt of each external id."""
        sql = (
            "insert into attempts (target, external_id, as_of, run_id, payload, hash, status,"
            " planned_at) values (?, ?, ?, ?, ?, ?, 'planned', ?)"
        )
        made = {}
        with self._transaction() as link:
            for i, payload in payloads.items():
                text = json.dumps(payload)
                row = (target, i, as_of.isoformat(), run_id, text, hashes[i], _text(at))
                made[i] = link.execute(sql, row).lastrowid or 0
        return made

    def send(self, attempts: Iterable[int], at: dt.datetime) -> None:
        """Record that *attempts* are on their way."""
        sql = (
            "update attempts set status = 'sent', sent_at = ?, attempts = attempts + 1"
            " where attempt_id = ?"
        )
        with self._transaction() as link:
            link.executemany(sql, [(_text(at), i) for i in attempts])

    def acknowledge(self, attempts: Iterable[int], at: dt.datetime) -> None:
        """Record that the CRM holds what *attempts* wanted it to."""
        ids = [(_text(at), i) for i in attempts]
        with self._transaction() as link:
            link.executemany(
                "update attempts set status = 'acknowledged', error = null, finished_at = ?"
                " where attempt_id = ?",
                ids,
            )
            link.executemany(
                "insert or replace into records select target, external_id, payload, hash, as_of,"
                " run_id, ? from attempts where attempt_id = ?",
                ids,
            )

    def finish(self, attempts: Mapping[int, tuple[str, str]], at: dt.datetime) -> None:
        """Record the status (``failed`` or ``kept``) and the error of *attempts*."""
        sql = "update attempts set status = ?, error = ?, finished_at = ? where attempt_id = ?"
        with self._transaction() as link:
            link.executemany(sql, [(*end, _text(at), i) for i, end in attempts.items()])

    def confirm(
        self, target: str, ids: Iterable[str], *, as_of: dt.date, run_id: str, at: dt.datetime
    ) -> None:
        """Record that what *ids* hold is right as of a later date, too."""
        sql = (
            "update records set as_of = ?, run_id = ?, acknowledged_at = ?"
            " where target = ? and external_id = ?"
        )
        values = [(as_of.isoformat(), run_id, _text(at), target, i) for i in ids]
        if values:
            with self._transaction() as link:
                link.executemany(sql, values)

    def _select(self, sql: str, target: str, ids: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        with self._transaction() as link:
            for start in range(0, len(ids), _AT_ONCE):
                part = ids[start : start + _AT_ONCE]
                marks = ", ".join("?" * len(part))
                yield from link.execute(sql.format(marks=marks), [target, *part]).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guarded(), self._link as link:
            yield link

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ExportError(
                f"The ledger cannot be used: {error}",
                where=str(self.path),
                fix="Check the disk and the rights to the file. Nothing is written without it.",
            ) from error


def _attempt(row: tuple[Any, ...]) -> Attempt:
    number, i, as_of, run_id, payload, *rest = row
    return Attempt(number, i, dt.date.fromisoformat(as_of), run_id, json.loads(payload), *rest)


def _text(at: dt.datetime) -> str:
    return at.isoformat(sep=" ", timespec="milliseconds")
