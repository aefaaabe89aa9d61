"""DuckDB databases."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from salesml.crm.base import literal, only, quote, require_file, require_since
from salesml.crm.database import Cursor, Database
from salesml.errors import ExportError, SourceError

__all__ = ["DuckDb"]

_ORIGIN = "salesml_origin"


class DuckDb(Database):
    """The DuckDB file at ``path``. Reading opens it read-only."""

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
        columns = self.columns(table)
        require_since(since, columns, table)
        chosen = ""
        if since:
            chosen = f"where {quote(since[0])} >= cast({literal(since[1])} as {columns[since[0]]})"
        with self._driver(write=False):
            con.execute(f"attach {literal(str(self.path))} as {_ORIGIN} (read_only)")
            try:
                con.execute(
                    f"create or replace temp table {quote(into)} as"
                    f" from {_ORIGIN}.{quote(table)} {chosen}"
                )
            finally:
                con.execute(f"detach {_ORIGIN}")

    def tables(self, cursor: duckdb.DuckDBPyConnection) -> list[str]:
        cursor.execute("select table_name from information_schema.tables order by 1")
        return [row[0] for row in cursor.fetchall()]

    def describe(self, cursor: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
        cursor.execute(
            "select column_name, data_type from duckdb_columns()"
            " where table_name = $1 and schema_name = current_schema() order by column_index",
            [table],
        )
        return dict(cursor.fetchall())

    def closed(
        self,
        cursor: Cursor,
        table: str,
        key: str,  # noqa: ARG002
        fields: Collection[str],  # noqa: ARG002
        *,
        create: bool,  # noqa: ARG002
    ) -> list[str]:
        cursor.execute("select 1 from duckdb_views() where view_name = $1", [table])
        return ["it is a view"] if cursor.fetchone() else []

    def field(self, name: str, kind: str) -> str:
        numbers = re.match(r"DECIMAL|DOUBLE|FLOAT|BOOL|U?(TINY|SMALL|BIG)?INT", kind)
        return quote(name) if numbers else f"cast({quote(name)} as text)"

    def matches(self, key: str, kind: str, ids: Sequence[str]) -> tuple[str, Sequence[object]]:  # noqa: ARG002
        return f"cast({quote(key)} as text) in (select unnest($1))", [list(ids)]

    def key_is(self, key: str, kind: str, mark: str) -> str:  # noqa: ARG002
        return f"cast({quote(key)} as text) = {mark}"

    @contextlib.contextmanager
    def session(self, *, write: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        require_file(self.path, "The database")
        with self._driver(write=write), duckdb.connect(str(self.path), read_only=not write) as link:
            link.execute("begin")
            yield link
            link.execute("commit")  # without it, closing rolls back

    @contextlib.contextmanager
    def _driver(self, *, write: bool) -> Iterator[None]:
        try:
            yield
        except (duckdb.IOException, duckdb.ConnectionException, duckdb.BinderException) as error:
            raise SourceError(
                f"DuckDB cannot use the database: {error}",
                where=str(self.path),
                fix="Check that it is a DuckDB file, and close programs that write to it.",
            ) from error
        except duckdb.Error as error:
            kind = ExportError if write else SourceError
            raise kind(f"The database refused: {error}", where=str(self.path)) from error
