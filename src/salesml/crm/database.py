"""Writing to SQL databases: the part that is the same in each of them."""

from __future__ import annotations

import datetime as dt
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, ClassVar

from salesml.crm.base import (
    Fetched,
    Tolerance,
    quote,
    require_columns,
    require_fresh,
    require_unique,
    tolerance,
)
from salesml.errors import ExportError, SalesmlError, SourceError, suggest

__all__ = ["Database"]

Cursor = Any  # DB-API cursors have no common type


class Database(ABC):
    """A connection to an SQL database; subclasses know its driver and its dialect."""

    rows_per_call = 1
    sigil: ClassVar[str] = "$"
    """What stands before the number of a parameter."""
    locking: ClassVar[str] = ""
    """End of a ``select`` that keeps others from changing its rows."""
    types: ClassVar[Mapping[type, str]] = {
        bool: "boolean",
        int: "bigint",
        float: "double precision",
        str: "text",
        dt.date: "date",
        dt.datetime: "timestamp",
    }

    name: str

    @abstractmethod
    def tables(self, cursor: Cursor) -> list[str]:
        """Names of the tables and views that can be read."""

    @abstractmethod
    def describe(self, cursor: Cursor, table: str) -> dict[str, str]:
        """Columns and declared types of *table*; empty if there is no such table."""

    @abstractmethod
    def session(self, *, write: bool) -> AbstractContextManager[Cursor]:
        """A cursor in one transaction, committed at the end unless something was raised.

        Driver errors leave it as SourceError, or as ExportError where a write is refused.
        """

    @abstractmethod
    def matches(self, key: str, kind: str, ids: Sequence[str]) -> tuple[str, Sequence[object]]:
        """Condition and parameters that find the records *ids* by the column *key*."""

    def fingerprint(self, table: str) -> str | None:  # noqa: ARG002
        """None: no database tells cheaply whether a table changed."""
        return None

    def qualified(self, cursor: Cursor, table: str) -> str:  # noqa: ARG002
        """*table* as SQL names it."""
        return quote(table)

    def field(self, name: str, kind: str) -> str:  # noqa: ARG002
        """SQL that reads the column *name* as a plain value."""
        return quote(name)

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:
        """By the declared types, where these round at all."""
        kinds = self.columns(table)
        return {field: tolerance(kinds[field]) for field in fields}

    def columns(self, table: str) -> dict[str, str]:
        with self.session(write=False) as cursor:
            return self.described(cursor, table)

    def described(
        self, cursor: Cursor, table: str, error: type[SalesmlError] = SourceError
    ) -> dict[str, str]:
        """Columns of *table*; raises *error* with near misses if it is missing."""
        found = self.describe(cursor, table)
        if not found:
            known = self.tables(cursor)
            raise error(
                f"There is no table '{table}'.{suggest(table, known)}",
                received=f"tables {', '.join(known[:20]) or '(none)'}",
                where=f"connection {self.name}",
                fix="Correct the name, or the connection.",
            )
        return found

    def exists(self, table: str) -> bool:
        with self.session(write=False) as cursor:
            return bool(self.describe(cursor, table))

    def check_target(self, table: str, key: str, fields: Sequence[str], *, create: bool) -> None:
        with self.session(write=False) as cursor:
            if create and not self.describe(cursor, table):
                return
            require_columns([key, *fields], self.described(cursor, table, ExportError), table)
            name = self.qualified(cursor, table)
            cursor.execute(
                f"select {quote(key)} from {name} where {quote(key)} is not null"
                f" group by {quote(key)} having count(*) > 1 limit 5"
            )
            require_unique([row[0] for row in cursor.fetchall()], table, key)

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        if self.exists(table):
            return
        columns = [f"{quote(name)} {self.types[kind]}" for name, kind in fields.items()]
        columns.insert(0, f"{quote(key)} {self.types[str]} primary key")
        with self.session(write=True) as cursor:
            cursor.execute(f"create table {self._new_name(table)} ({', '.join(columns)})")

    def _new_name(self, table: str) -> str:
        return quote(table)

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        with self.session(write=False) as cursor:
            return self._select(cursor, table, key, ids, fields)

    def upsert(
        self,
        table: str,
        key: str,
        rows: Sequence[Mapping[str, object]],
        *,
        create: bool,
        seen: Fetched | None = None,
    ) -> None:
        ids = [str(row[key]) for row in rows]
        read = next(iter(seen.values()), {}) if seen else {}
        with self.session(write=True) as cursor:
            present = self._select(cursor, table, key, ids, list(read), lock=True)
            require_fresh(present, ids, table=table, create=create, seen=seen)
            name = self.qualified(cursor, table)
            kind = self.describe(cursor, table)[key]
            for columns, group in _alike(rows, key):
                self._update(cursor, name, key, kind, columns, group, present)
                self._insert(cursor, name, key, columns, group, present)

    def _select(
        self,
        cursor: Cursor,
        table: str,
        key: str,
        ids: Sequence[str],
        fields: Sequence[str],
        *,
        lock: bool = False,
    ) -> Fetched:
        kinds = self.described(cursor, table)
        condition, parameters = self.matches(key, kinds[key], ids)
        values = [self.field(name, kinds[name]) for name in fields]
        listed = ", ".join([f"cast({quote(key)} as text)", *values])
        cursor.execute(
            f"select {listed} from {self.qualified(cursor, table)} where {condition}"
            f"{self.locking if lock else ''}",
            parameters,
        )
        wanted = set(ids)
        rows = (row for row in cursor.fetchall() if row[0] in wanted)
        return {row[0]: dict(zip(fields, map(_known, row[1:]), strict=True)) for row in rows}

    def _update(
        self,
        cursor: Cursor,
        name: str,
        key: str,
        kind: str,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, object]],
        present: Fetched,
    ) -> None:
        old = [row for row in rows if str(row[key]) in present]
        if old and columns:
            changes = (f"{quote(c)} = {self.sigil}{i}" for i, c in enumerate(columns, 1))
            condition = self.key_is(key, kind, f"{self.sigil}{len(columns) + 1}")
            cursor.executemany(
                f"update {name} set {', '.join(changes)} where {condition}",
                [[*(row[column] for column in columns), str(row[key])] for row in old],
            )

    def key_is(self, key: str, kind: str, mark: str) -> str:  # noqa: ARG002
        """Condition that finds one record by the text of its key, the parameter *mark*."""
        return f"{quote(key)} = {mark}"

    def _insert(
        self,
        cursor: Cursor,
        name: str,
        key: str,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, object]],
        present: Fetched,
    ) -> None:
        new = [row for row in rows if str(row[key]) not in present]
        if new:
            listed = ", ".join(quote(column) for column in [key, *columns])
            marks = ", ".join(f"{self.sigil}{i}" for i in range(1, len(columns) + 2))
            cursor.executemany(
                f"insert into {name} ({listed}) values ({marks})",
                [[str(row[key]), *(row[column] for column in columns)] for row in new],
            )


def _alike(
    rows: Sequence[Mapping[str, object]], key: str
) -> Iterator[tuple[list[str], list[Mapping[str, object]]]]:
    """Rows in order, in groups that name the same columns."""
    for names, group in itertools.groupby(rows, key=list):
        yield [name for name in names if name != key], list(group)


def _known(value: object) -> object:
    """*value*, or None where it is "not a number": two of these never compare equal."""
    if isinstance(value, float | Decimal) and value != value:
        return None
    return value
