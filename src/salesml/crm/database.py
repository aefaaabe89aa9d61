"""Writing to SQL databases: the part that is the same in each of them."""

from __future__ import annotations

import datetime as dt
import itertools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, ClassVar

from salesml.crm.base import Local, quote
from salesml.crm.declared import NAMES, rounds, takes, tolerance
from salesml.crm.fitting import missing, repeated, require_fit
from salesml.crm.records import Fate, Fetched, Jobs, Refusal, Seen, Tolerance, Write
from salesml.crm.refusing import refusals, seen_fields
from salesml.errors import ExportError, SalesmlError, SourceError, suggest

__all__ = ["BusyError", "Cursor", "Database", "Fields"]

Cursor = Any  # DB-API cursors have no common type
Fields = Mapping[str, tuple[str, type | None]]
"""Declared type of fields, and the type of what is to be written there."""


class BusyError(ExportError):
    """Somebody else's transaction is in the way: the same again may well work."""


class Database(Local, ABC):
    """A connection to an SQL database; subclasses know its driver and its dialect."""

    batch = 500
    sigil: ClassVar[str] = "$"
    """What stands before the number of a parameter."""
    locking: ClassVar[str] = ""
    """End of a ``select`` that keeps others from changing its rows, and passes over those that
    others keep; empty where the whole database is locked."""
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

        Driver errors leave it as SourceError, or as ExportError where a write is refused, as
        BusyError where somebody else's transaction is in the way, as UnansweredError where
        the answer to the commit is lost.
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
        """By the declared types."""
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

    def check_target(
        self, table: str, key: str, fields: Mapping[str, type | None], *, create: bool
    ) -> list[str]:
        with self.session(write=False) as cursor:
            if create and not self.describe(cursor, table):
                return []
            kinds = self.described(cursor, table, ExportError)
            closed = self.closed(cursor, table, key, fields, create=create)
            known = {f: (kinds[f], wanted) for f, wanted in fields.items() if f in kinds}
            problems = [*missing([key, *fields], kinds), *closed]
            problems += self.unfit(cursor, table, known)
            if key in kinds and not closed:
                problems += repeated(key, self._repeated(cursor, table, key))
        require_fit(problems, table, kinds)
        return self.doubts(known)

    def closed(
        self,
        cursor: Cursor,  # noqa: ARG002
        table: str,  # noqa: ARG002
        key: str,  # noqa: ARG002
        fields: Collection[str],  # noqa: ARG002
        *,
        create: bool,  # noqa: ARG002
    ) -> list[str]:
        """A line for each column that this user cannot read or write."""
        return []

    def fits(self, kind: str, wanted: type | None) -> bool:
        """Whether a column declared *kind* takes values of type *wanted*."""
        return takes(kind, wanted)

    def unfit(self, cursor: Cursor, table: str, fields: Fields) -> list[str]:  # noqa: ARG002
        """A line for each field that does not take its values."""
        return [
            f"'{f}' is {kind}, which takes no {NAMES[wanted] if wanted else 'single values'}"
            for f, (kind, wanted) in fields.items()
            if not self.fits(kind, wanted)
        ]

    def doubts(self, fields: Fields) -> list[str]:
        """A line for each field that takes its values, but hardly as they are meant."""
        return [
            f"'{f}' is {kind}, which rounds numbers"
            for f, (kind, wanted) in fields.items()
            if rounds(kind, wanted)
        ]

    def _repeated(self, cursor: Cursor, table: str, key: str) -> list[object]:
        """Up to five keys that several records share."""
        cursor.execute(
            f"select {quote(key)} from {self.qualified(cursor, table)} where {quote(key)} is not"
            f" null group by {quote(key)} having count(*) > 1 limit 5"
        )
        return [row[0] for row in cursor.fetchall()]

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

    def write(
        self,
        table: str,
        key: str,
        writes: Sequence[Write],
        *,
        jobs: Jobs,  # noqa: ARG002
    ) -> dict[str, Refusal]:
        """All in one transaction, but for records that are not as they were seen."""
        try:
            with self.session(write=True) as cursor:
                return self._write(cursor, table, key, writes)
        except BusyError as error:
            if len(writes) > 1:  # whose record it is, one by one shows
                raise
            return {writes[0].id: Refusal(Fate.RETRY, error.what)}

    def _write(
        self, cursor: Cursor, table: str, key: str, writes: Sequence[Write]
    ) -> dict[str, Refusal]:
        ids, read = [w.id for w in writes], seen_fields(writes)
        present = self._select(cursor, table, key, ids, read, lock=True)
        lacking = [i for i in ids if i not in present] if self.locking else []
        held = self._select(cursor, table, key, lacking, []) if lacking else {}
        refused = refusals(writes, present, held)
        name, kind = self.qualified(cursor, table), self.describe(cursor, table)[key]
        for columns, group in _alike(w for w in writes if w.id not in refused):
            self._update(cursor, name, key, kind, columns, [w for w in group if w.seen])
            self._insert(cursor, name, key, columns, [w for w in group if not w.seen])
        return refused

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
        rows = [row for row in cursor.fetchall() if row[0] in wanted]
        counts = Counter(row[0] for row in rows)
        return {
            row[0]: Seen(
                dict(zip(fields, map(_known, row[1:]), strict=True)), barred=_barred(counts[row[0]])
            )
            for row in rows
        }

    def _update(
        self,
        cursor: Cursor,
        name: str,
        key: str,
        kind: str,
        columns: Sequence[str],
        writes: Sequence[Write],
    ) -> None:
        if writes and columns:
            changes = (f"{quote(c)} = {self.sigil}{i}" for i, c in enumerate(columns, 1))
            condition = self.key_is(key, kind, f"{self.sigil}{len(columns) + 1}")
            cursor.executemany(
                f"update {name} set {', '.join(changes)} where {condition}",
                [[*w.fields.values(), w.id] for w in writes],
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
        writes: Sequence[Write],
    ) -> None:
        if writes:
            listed = ", ".join(quote(column) for column in [key, *columns])
            marks = ", ".join(f"{self.sigil}{i}" for i in range(1, len(columns) + 2))
            cursor.executemany(
                f"insert into {name} ({listed}) values ({marks})",
                [[w.id, *w.fields.values()] for w in writes],
            )


def _alike(writes: Iterable[Write]) -> Iterator[tuple[list[str], list[Write]]]:
    """Writes in order, in groups that name the same fields."""
    for names, group in itertools.groupby(writes, key=lambda w: list(w.fields)):
        yield names, list(group)


def _barred(records: int) -> str:
    return f"{records} records share this id" if records > 1 else ""


def _known(value: object) -> object:
    """*value*, or None where it is "not a number": two of these never compare equal."""
    if isinstance(value, float | Decimal) and value != value:
        return None
    return value
