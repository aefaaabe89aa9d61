"""Tables of the ledger, made or brought up to date."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from salesml.errors import ExportError

__all__ = ["bring_up_to_date"]

_VERSION = 2
_NEW = """
create table ledger (version integer not null);
insert into ledger (version) values (2);
create table attempts (
    attempt_id {serial},
    target text not null,
    external_id text not null,
    as_of text not null,
    run_id text not null,
    payload text not null,
    hash text not null,
    priority double precision,
    status text not null check (status in ('planned', 'sent', 'retry', 'acknowledged', 'verified',
        'dead', 'kept', 'missing', 'superseded')),
    job_id text,
    error text,
    attempts integer not null default 0,
    was_there integer not null default 0,
    planned_at text not null,
    sent_at text,
    finished_at text
);
create index attempts_of_a_record on attempts (target, external_id, attempt_id);
create unique index attempts_unsettled on attempts (target, external_id)
    where status in ('planned', 'sent', 'retry', 'dead');
create index attempts_unanswered on attempts (target, external_id, attempt_id)
    where status = 'superseded' and sent_at is not null;
create table jobs (
    target text not null,
    job_id text not null,
    run_id text not null,
    begun_at text not null,
    ended_at text,
    primary key (target, job_id)
);
create table spent (
    connection text not null,
    day text not null,
    calls bigint not null,
    rows_sent bigint not null,
    primary key (connection, day)
)
"""
_RECORDS = """
create table records (
    target text not null,
    external_id text not null,
    payload text not null,
    hash text not null,
    as_of text not null,
    run_id text not null,
    acknowledged_at text not null,
    primary key (target, external_id)
) {rowid}
"""
# What failed may have arrived all the same, so the last one of a record is looked at again.
_FROM_1 = """
insert into attempts (attempt_id, target, external_id, as_of, run_id, payload, hash, status,
    error, attempts, was_there, planned_at, sent_at, finished_at)
select attempt_id, target, external_id, as_of, run_id, payload, hash,
    case
        when status in ('acknowledged', 'kept') then status
        when error = 'no such record' then 'missing'
        when attempt_id <> (select max(attempt_id) from attempts_1 newer
            where newer.target = old.target and newer.external_id = old.external_id)
            then 'superseded'
        when status = 'failed' then 'retry'
        else status
    end,
    error, attempts, status = 'kept', planned_at, sent_at,
    case when status <> 'failed' or error = 'no such record' then finished_at end
from attempts_1 old;
drop table attempts_1
"""


def bring_up_to_date(link: Connection) -> None:
    """Make the tables, or those of an older version into today's; all of it or nothing."""
    if _version(link) == _VERSION:
        return
    _begin_alone(link)
    version = _version(link)  # somebody else may just have done it
    if version == 0:
        _run(link, f"{_RECORDS};{_NEW}")
    elif version == 1:
        _run(link, f"alter table attempts rename to attempts_1;{_NEW};{_FROM_1}")
    link.commit()


def _version(link: Connection) -> int:
    inspect(link).clear_cache()
    tables = set(inspect(link).get_table_names())
    found = 1 if {"records", "attempts"} <= tables else 0
    if "ledger" in tables:
        found = link.execute(text("select version from ledger")).scalar_one()
    if found > _VERSION:
        raise ExportError(
            "The ledger was made by a later version of salesml.",
            received=f"version {found}, known up to {_VERSION}",
            fix="Install that version.",
        )
    return int(found)


def _begin_alone(link: Connection) -> None:
    """Begin a transaction that nobody else can be in."""
    if link.dialect.name == "sqlite":
        link.exec_driver_sql("begin immediate")
    else:
        link.execute(text("select pg_advisory_xact_lock(hashtext('salesml ledger schema'))"))


def _run(link: Connection, script: str) -> None:
    local = link.dialect.name == "sqlite"
    serial = "integer primary key" if local else "bigint generated always as identity primary key"
    script = script.format(serial=serial, rowid="without rowid" if local else "")
    for statement in script.split(";"):
        link.execute(text(statement))
