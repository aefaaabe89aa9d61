"""One writer of a ledger at a time; the system frees the lock of one that dies."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from salesml.errors import LockedError

__all__ = ["holding_database", "holding_file"]

_KEY = 0x5A1E5317  # ours among the advisory locks of a database; the schema tells ledgers apart
_PATIENCE = "5s"
"""A server needs a moment to see that a client was killed."""

_LOCK = "select pg_advisory_lock(:key, hashtext(current_schema()))"
_SETTINGS = (
    "select set_config('application_name', :name, false),"
    " set_config('lock_timeout', :patience, true)"
)
_HOLDER = """
select application_name || ' at ' || coalesce(host(client_addr), 'the server itself'),
    to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD HH24\\:MI\\:SS')
from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and granted and classid::bigint = :key
    and objid::bigint = (hashtext(current_schema())::bigint & 4294967295)
    and database = (select oid from pg_database where datname = current_database())
"""


@contextmanager
def holding_file(ledger: Path, run_id: str) -> Iterator[None]:
    """Hold the file beside *ledger* that says who writes; raises LockedError."""
    lock, note = FileLock(f"{ledger}.lock"), Path(f"{ledger}.writer")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who, _, since = note.read_text().partition("\n") if note.is_file() else ("", "", "")
        raise _locked(who, since, str(ledger)) from None
    try:
        since = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}"
        note.write_text(f"{run_id}, process {os.getpid()} at {socket.gethostname()}\n{since}")
        yield
    finally:
        lock.release()


def holding_database(link: Connection, run_id: str, where: str) -> None:
    """Lock the ledger for as long as *link* lasts; raises LockedError."""
    try:
        with link.begin():
            link.execute(text(_SETTINGS), {"name": f"salesml {run_id}", "patience": _PATIENCE})
            link.execute(text(_LOCK), {"key": _KEY})
    except DBAPIError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        with link.begin():
            found = link.execute(text(_HOLDER), {"key": _KEY}).first()
        who, since = found or ("", "")
        raise _locked(who, since, where) from None


def _locked(who: str, since: str, where: str) -> LockedError:
    return LockedError(
        "Another run is writing to the CRM.",
        received=f"{who or 'somebody'}, since {since or 'just now'} UTC",
        where=where,
        fix="Wait until it has ended, or end it: its lock goes with it.",
    )
