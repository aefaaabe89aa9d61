"""SQLite databases, through Python's own driver (DuckDB's reader would have to be downloaded)."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa

from salesml.crm.base import only, quote, reading, require_file, require_since
from salesml.crm.database import Cursor, Database, Fields
from salesml.crm.declared import NAMES, takes
from salesml.crm.records import Tolerance
from salesml.errors import ExportError, SourceError

__all__ = ["Sqlite"]

_BATCH = 20_000
_BUSY_SECONDS = 30.0
_ARROW = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(), "BLOB": pa.binary()}
_AFFINITIES = (
    ("INT", "INTEGER"),
    ("CHAR", "TEXT"),
    ("CLOB", "TEXT"),
    ("TEXT", "TEXT"),
    ("BLOB", "NONE"),
    ("REAL", "REAL"),
    ("FLOA", "REAL"),
    ("DOUB", "REAL"),
)


class Sqlite(Database):
    """The SQLite file at ``path``. Reading opens it read-only."""

    sigil = "?"
    types: ClassVar[Mapping[type, str]] = {
        **Database.types,
        float: "real",
        dt.date: "text",
        dt.datetime: "text",
    }

    def __init__(self, name: str, spec: Mapping[str, str]) -> None:
        self.name, self.path = name, Path(only(name, spec, "path"))

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],  # noqa: ARG002
        since: tuple[str, str] | None,
    ) -> None:
        with self.session(write=False) as cursor:
            columns = self.described(cursor, table)
            require_since(since, columns, table)
            chosen = f"from {quote(table)} {_since(columns, since)}"
            values = [since[1]] if since else []
            kinds = _kinds(cursor, columns, chosen, values)
            _create(con, into, kinds)
            cursor.execute(f"select {', '.join(map(quote, columns))} {chosen}", values)
            while rows := cursor.fetchmany(_BATCH):
                with reading(f"{self.path}, table {table}"):
                    _insert(con, into, kinds, rows)

    def tables(self, cursor: sqlite3.Cursor) -> list[str]:
        cursor.execute("select name from sqlite_schema where type in ('table', 'view') order by 1")
        return [row[0] for row in cursor.fetchall() if not row[0].startswith("sqlite_")]

    def describe(self, cursor: sqlite3.Cursor, table: str) -> dict[str, str]:
        cursor.execute("select name, type from pragma_table_xinfo(?) where hidden <> 1", [table])
        return dict(cursor.fetchall())

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:  # noqa: ARG002
        """None: SQLite keeps numbers as they are, whatever a column is declared as."""
        return {}

    def closed(
        self,
        cursor: Cursor,
        table: str,
        key: str,  # noqa: ARG002
        fields: Collection[str],
        *,
        create: bool,  # noqa: ARG002
    ) -> list[str]:
        if _is_plain_view(cursor, table):
            return ["it is a view"]
        cursor.execute("select name from pragma_table_xinfo(?) where hidden in (2, 3)", [table])
        return [f"'{name}' is computed" for (name,) in cursor.fetchall() if name in fields]

    def unfit(self, cursor: Cursor, table: str, fields: Fields) -> list[str]:
        """Only strict tables refuse values for their type; they keep no fractions as integers."""
        cursor.execute("select strict from pragma_table_list where name = ?", [table])
        if not any(row[0] for row in cursor.fetchall()):
            return []
        return [*super().unfit(cursor, table, fields), *super().doubts(fields)]

    def doubts(self, fields: Fields) -> list[str]:
        return [
            f"'{f}' is declared {kind}, but will hold {NAMES[wanted]}"
            for f, (kind, wanted) in fields.items()
            if wanted and not takes(kind, wanted)
        ]

    def matches(self, key: str, kind: str, ids: Sequence[str]) -> tuple[str, Sequence[object]]:
        marks = ", ".join("?" * len(ids))
        return f"{_comparable(key, kind)} in ({marks})", ids

    def key_is(self, key: str, kind: str, mark: str) -> str:
        return f"{_comparable(key, kind)} = {mark}"

    @contextlib.contextmanager
    def session(self, *, write: bool) -> Iterator[sqlite3.Cursor]:
        require_file(self.path, "The database")
        # what a writer that died left half done is rolled back by the next one that may write
        mode = "rw" if write or self._journal.exists() else "ro"
        try:
            uri = f"{self.path.resolve().as_uri()}?mode={mode}"
            link = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
            with contextlib.closing(link):
                link.execute("begin immediate" if write else "begin")
                try:
                    yield link.cursor()
                    link.execute("commit")
                finally:  # an error that is still at hand keeps cursor, link and lock alive
                    link.rollback()
        except (sqlite3.OperationalError, sqlite3.NotSupportedError) as error:
            raise self._unreachable(error) from error
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            if "not a database" in str(error) or "malformed" in str(error):
                raise self._unreachable(error) from error
            kind = ExportError if write else SourceError
            raise kind(f"The database refused: {error}", where=str(self.path)) from error

    @property
    def _journal(self) -> Path:
        return self.path.with_name(f"{self.path.name}-journal")

    def _unreachable(self, error: Exception) -> SourceError:
        return SourceError(
            f"SQLite cannot use the database: {error}",
            where=str(self.path),
            fix="Check that it is an SQLite file, its permissions, and who else is writing to it.",
        )


def _is_plain_view(cursor: Cursor, table: str) -> bool:
    """Whether *table* is a view without triggers that would write for it."""
    cursor.execute(
        "select 1 from sqlite_schema where type = 'view' and name = ?1 and ?1 not in"
        " (select tbl_name from sqlite_schema where type = 'trigger')",
        [table],
    )
    return bool(cursor.fetchone())


def _affinity(kind: str) -> str:
    """How SQLite treats a column declared *kind* (section 3.1 of its "Datatypes" page)."""
    found = (affinity for part, affinity in _AFFINITIES if part in kind.upper())
    return next(found, "NUMERIC" if kind else "NONE")


def _comparable(column: str, kind: str) -> str:
    # a column without affinity would compare numbers with our text as unequal
    return f"cast({quote(column)} as text)" if _affinity(kind) == "NONE" else quote(column)


def _since(columns: Mapping[str, str], since: tuple[str, str] | None) -> str:
    if since is None:
        return ""
    column = quote(since[0])
    if _affinity(columns[since[0]]) != "NONE":
        return f"where {column} >= ?"
    return f"where {column} >= case typeof({column}) when 'text' then ?1 else ?1 + 0 end"


def _kinds(
    cursor: sqlite3.Cursor, columns: Mapping[str, str], chosen: str, values: Sequence[str]
) -> dict[str, str]:
    """DuckDB type of each column: what it is declared as, if all its values are."""
    doubtful = [name for name, kind in columns.items() if _affinity(kind) != "TEXT"]
    if not doubtful:
        return dict.fromkeys(columns, "VARCHAR")
    tests = ", ".join(
        f"max(typeof({quote(n)}) not in ('integer', 'null')), "
        f"max(typeof({quote(n)}) not in ('integer', 'real', 'null')), "
        f"max(typeof({quote(n)}) not in ('blob', 'null'))"
        for n in doubtful
    )
    cursor.execute(f"select {tests} {chosen}", values)
    found = cursor.fetchone()
    kinds = {
        name: _kind(_affinity(columns[name]), *found[3 * i : 3 * i + 3])
        for i, name in enumerate(doubtful)
    }
    return {name: kinds.get(name, "VARCHAR") for name in columns}


def _kind(affinity: str, not_whole: int, not_number: int, not_blob: int) -> str:
    # the flags are null (no rows) or 0 where all values conform
    if affinity == "NONE":
        return "VARCHAR" if not_blob else "BLOB"
    if affinity != "REAL" and not not_whole:
        return "BIGINT"
    return "VARCHAR" if not_number or affinity == "INTEGER" else "DOUBLE"


def _create(con: duckdb.DuckDBPyConnection, into: str, kinds: Mapping[str, str]) -> None:
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in kinds.items())
    con.execute(f"create or replace temp table {quote(into)} ({columns})")


def _insert(
    con: duckdb.DuckDBPyConnection,
    into: str,
    kinds: Mapping[str, str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    columns = zip(*rows, strict=True)
    arrays = [_array(values, kind) for values, kind in zip(columns, kinds.values(), strict=True)]
    batch = f"{into}_batch"
    con.register(batch, pa.table(arrays, names=[str(i) for i in range(len(arrays))]))
    try:
        con.execute(f"insert into {quote(into)} from {quote(batch)}")
    finally:
        con.unregister(batch)


def _array(values: Sequence[object], kind: str) -> pa.Array:
    if kind == "VARCHAR":
        values = [v if v is None or isinstance(v, str) else _text(v) for v in values]
    elif kind == "DOUBLE":
        values = [v if v is None else float(v) for v in values]  # type: ignore[arg-type]
    return pa.array(values, _ARROW[kind])


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
