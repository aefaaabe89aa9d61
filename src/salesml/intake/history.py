"""Versions of state: a CRM shows the present, the nightly reads make a history of it.

A version once stored stays as it is. What a read finds changed, gone or back again counts from
then on; so what was known on a past date never changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from salesml.config import SourceConfig
from salesml.engine import one, quote
from salesml.intake.mapping import SEEN
from salesml.store import Manifest, Store

__all__ = ["VersionTables"]

_VERSION = ("known_at", "_deleted")


@dataclass(frozen=True)
class VersionTables:
    """Compares the rows read (``mapped``) with the versions stored of one state source.

    The table ``deleted`` holds keys of rows that the system says are deleted.

    Parameters
    ----------
    columns : names and types of the columns of the table to be stored.
    now : UTC time of the read as an SQL literal.
    complete : whether all rows of the source were read, so that what is missing is gone; else
        only what the system says is deleted is.
    """

    con: duckdb.DuckDBPyConnection
    store: Store
    name: str
    source: SourceConfig
    columns: dict[str, str]
    now: str
    complete: bool

    @property
    def _key(self) -> str:
        return _names(self.source.key)

    @property
    def _values(self) -> str:
        return _names(column for column in self.columns if column not in _VERSION)

    def create_first(self) -> None:
        """Create the table ``fresh`` with every version that was read."""
        self.con.execute(
            f"create or replace temp table fresh as select {self._values}, known_at, "
            "false as _deleted from mapped where _failed is null"
        )

    def create_stored(self, old: Manifest) -> None:
        """Create the table ``stored`` with what is stored, as the present columns."""
        shown = (
            f"{_as_type(quote(name), old.columns[name], kind)} as {quote(name)}"
            if name in old.columns
            else f"null::{kind} as {quote(name)}"
            for name, kind in self.columns.items()
        )
        self.con.execute(
            f"create or replace temp table stored as select {', '.join(shown)} "
            f"from {self.store.relation(self.name)}"
        )

    def covers_stored(self) -> bool:
        """Whether the read brought every stored version: the source has its own history."""
        lost = f"select count(*) from stored anti join mapped using ({self._key}, known_at)"
        return self.source.known_at != SEEN and not one(self.con, lost)

    def create_news(self) -> None:
        """Create ``fresh`` with the versions read that ``stored`` does not hold."""
        key, values = self._key, self._values
        self.con.execute(
            f"""create or replace temp table fresh as
            with good as (
                select {values}, known_at, false as _deleted, hash({values}, false) as _content,
                    known_at = max(known_at) over (partition by {key}) as _latest
                from mapped where _failed is null),
            held as (select *, hash({values}, _deleted) as _content from stored),
            newest as (
                select *, known_at as _newest_at, _content as _newest from held
                qualify row_number() over (partition by {key} order by known_at desc) = 1),
            compared as (
                select good.*, _newest_at, _newest,
                    coalesce(_latest and known_at <= _newest_at, false) as _late
                from good left join (select {key}, _newest_at, _newest from newest) using ({key})),
            -- a version read counts from its own date, unless it changes nothing
            line as (
                select {values}, known_at, _deleted, _content, true as _new
                from compared anti join held using ({key}, known_at) where not _late
                union all
                select {values}, known_at, _deleted, _content, false
                from held semi join good using ({key})),
            dated as (
                select * from line qualify _new and _content is distinct from
                    lag(_content) over (partition by {key} order by known_at)),
            -- the row differs from its newest version, but bears no later date: it counts from now
            late as (
                select {values}, {self._from_now} as known_at, _deleted from compared
                where _late and _content <> _newest),
            missing as (from newest anti join mapped using ({key}) where not _deleted),
            gone as (
                select {values}, {self._from_now} as known_at, true as _deleted
                from {"missing" if self.complete else f"missing semi join deleted using ({key})"})
            select {values}, known_at, _deleted from dated
            union all from late union all from gone"""
        )

    @property
    def _from_now(self) -> str:
        # a clock set back must not hide the version behind the one before
        return f"greatest({self.now}, _newest_at + interval 1 microsecond)"

    def replaced(self) -> bool:
        """Whether ``fresh`` holds new versions of rows already in ``stored``."""
        return bool(
            one(self.con, f"select count(*) from fresh semi join stored using ({self._key})")
        )


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quote, columns))


def _as_type(sql: str, old: str, new: str) -> str:
    return sql if old == new else f"try_cast({sql} as {new})"
