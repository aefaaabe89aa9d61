"""PostgreSQL, through psycopg 3."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import psycopg
from psycopg import conninfo, errors

from salesml.crm.base import literal, only, quote, reading, require_since
from salesml.crm.database import BusyError, Database
from salesml.crm.declared import numeric, takes
from salesml.errors import ConfigError, ExportError, SourceError, UnansweredError

__all__ = ["Postgres"]

Cursor = psycopg.RawCursor[tuple[Any, ...]]

_NULL = r"\N"
_LARGEST_ROW = 1 << 26
_SAME_IN_DUCKDB = {
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "numeric": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
}
# who waits for a lock this long is told so: somebody may have gone home with a transaction open
_SESSION = "set local timezone = 'UTC'; set local datestyle = 'ISO'; set local lock_timeout = '10s'"
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_VERBS = ("read", "change", "add")
# generated columns and views that join tables are nobody's to write
_RIGHTS = """
    select attname, has_column_privilege(attrelid, attnum, 'select'),
        has_column_privilege(attrelid, attnum, 'update') and own,
        has_column_privilege(attrelid, attnum, 'insert') and own
    from pg_attribute,
        lateral (select attgenerated = '' and attidentity <> 'a'
            and pg_column_is_updatable(attrelid, attnum, true)) o (own)
    where attrelid = $1 and attnum > 0 and not attisdropped
"""
_VISIBLE = """
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm', 'f', 'p')
"""


class Postgres(Database):
    """The PostgreSQL database at ``dsn`` (a URI or ``key=value`` pairs).

    A table is found by the search path, or named ``schema.table``. Times arrive in UTC, numbers
    of declared precision as decimals, other types that DuckDB lacks as text.
    """

    locking = " for update skip locked"

    def __init__(self, name: str, spec: Mapping[str, str]) -> None:
        self.name = name
        try:
            self._settings = conninfo.conninfo_to_dict(only(name, spec, "dsn"))
        except psycopg.ProgrammingError:
            # the driver's words repeat the text, and with it the password
            raise ConfigError(
                f"The dsn of connection '{name}' cannot be understood.",
                where=f"connection {name}",
                fix="Write postgresql://user:password@host:5432/database.",
            ) from None
        self._settings.setdefault("connect_timeout", 20)
        self._dsn = conninfo.make_conninfo("", **self._settings)

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],  # noqa: ARG002
        since: tuple[str, str] | None,
    ) -> None:
        # COPY into a file that DuckDB reads takes half the time of a server-side cursor, and
        # keeps what Python has no value for (dates before Christ, infinite ones).
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "copy.csv")
            with self.session(write=False) as cursor:
                columns = self.described(cursor, table)
                require_since(since, columns, table)
                self._copy(cursor, self._query(cursor, table, columns, since), path)
                with reading(f"{self.name}, table {table}"):
                    _read_copy(con, into, path, columns, rows=cursor.rowcount)

    def _query(
        self,
        cursor: Cursor,
        table: str,
        columns: Mapping[str, str],
        since: tuple[str, str] | None,
    ) -> str:
        listed = ", ".join(_readable(name, kind) for name, kind in columns.items())
        chosen = ""
        if since:
            chosen = f"where {quote(since[0])} >= {literal(since[1])}::{columns[since[0]]}"
        return f"select {listed} from {self.qualified(cursor, table)} {chosen}"

    def _copy(self, cursor: Cursor, query: str, path: Path) -> None:
        form = f"format csv, null '{_NULL}', force_quote *"
        with path.open("wb") as file, cursor.copy(f"copy ({query}) to stdout ({form})") as copy:
            for block in copy:
                file.write(block)

    def tables(self, cursor: Cursor) -> list[str]:
        cursor.execute(
            "select case when pg_table_is_visible(c.oid) then relname"
            f" else nspname || '.' || relname end {_VISIBLE}"
            " and nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1"
        )
        return [row[0] for row in cursor.fetchall()]

    def describe(self, cursor: Cursor, table: str) -> dict[str, str]:
        found = self._find(cursor, table)
        cursor.execute(
            "select attname, format_type(case typtype when 'd' then typbasetype else t.oid end,"
            " case typtype when 'd' then typtypmod else atttypmod end)"
            " from pg_attribute a join pg_type t on t.oid = atttypid"
            " where attrelid = $1 and attnum > 0 and not attisdropped order by attnum",
            [found[0] if found else None],
        )
        return dict(cursor.fetchall())

    def qualified(self, cursor: Cursor, table: str) -> str:
        found = self._find(cursor, table)
        return f"{quote(found[1])}.{quote(found[2])}" if found else quote(table)

    def _find(self, cursor: Cursor, table: str) -> tuple[int, str, str] | None:
        schema, _, name = table.rpartition(".")
        cursor.execute(
            f"select c.oid, nspname, relname {_VISIBLE}"
            " and ((relname = $1 and pg_table_is_visible(c.oid))"
            " or (nspname = $2 and relname = $3)) order by relname = $1 desc",
            [table, schema, name],
        )
        return cursor.fetchone()

    def _new_name(self, table: str) -> str:
        return ".".join(quote(part) for part in table.rpartition(".")[::2] if part)

    def field(self, name: str, kind: str) -> str:
        plain = re.match(r"(smallint|integer|bigint|real|double|numeric|boolean)", kind)
        return quote(name) if plain else f"{_utc(name, kind)}::text"

    def matches(self, key: str, kind: str, ids: Sequence[str]) -> tuple[str, Sequence[object]]:
        # the cast is on our side where it can be, so that the index of the key is used
        if kind in {"smallint", "integer", "bigint"}:
            return f"{quote(key)} = any($1::bigint[])", [[i for i in ids if _is_bigint(i)]]
        if kind == "uuid":
            return f"{quote(key)} = any($1::uuid[])", [[i for i in ids if _is_uuid(i)]]
        if kind == "text" or kind.startswith("character varying"):
            return f"{quote(key)} = any($1::text[])", [list(ids)]
        return f"{quote(key)}::text = any($1::text[])", [list(ids)]

    def fits(self, kind: str, wanted: type | None) -> bool:
        return takes(kind, wanted) and not (wanted is bool and numeric(kind))

    def closed(
        self, cursor: Cursor, table: str, key: str, fields: Collection[str], *, create: bool
    ) -> list[str]:
        found = self._find(cursor, table)
        cursor.execute(_RIGHTS, [found[0] if found else None])
        rights = {name: dict(zip(_VERBS, flags, strict=True)) for name, *flags in cursor.fetchall()}
        verbs = [verb for verb in _VERBS if create or verb != "add"]
        needed = {key: [verb for verb in verbs if verb != "change"], **dict.fromkeys(fields, verbs)}
        known = {c: wanted for c, wanted in needed.items() if c in rights}
        lacking = {c: [v for v in wanted if not rights[c][v]] for c, wanted in known.items()}
        return [f"this user may not {' or '.join(no)} '{c}'" for c, no in lacking.items() if no]

    @contextlib.contextmanager
    def session(self, *, write: bool) -> Iterator[Cursor]:
        ending = False
        try:
            with contextlib.closing(psycopg.connect(self._dsn)) as link:
                link.read_only = not write
                with psycopg.RawCursor(link) as cursor:
                    cursor.execute(_SESSION)
                    yield cursor
                ending = write
                link.commit()  # without it, closing rolls back
        except _BUSY as error:
            raise BusyError(f"The database refused: {self._hidden(error)}") from None
        except psycopg.OperationalError as error:
            kind = UnansweredError if ending else SourceError
            raise kind(
                f"PostgreSQL cannot be used: {self._hidden(error)}",
                where=self._address,
                fix="Check the address, the rights of the user, and that the server runs.",
            ) from None
        except (psycopg.Error, UnicodeError) as error:
            refused = ExportError if write else SourceError
            raise refused(
                f"The database refused: {self._hidden(error)}", where=self._address
            ) from None

    def _hidden(self, error: Exception) -> str:
        secrets = (self._settings.get(name) for name in ("password", "sslpassword"))
        text = str(error).strip()
        for secret in filter(None, secrets):
            text = text.replace(str(secret), "***")
        return text

    @property
    def _address(self) -> str:
        shown = ("user", "host", "port", "dbname")
        return " ".join(f"{k}={self._settings[k]}" for k in shown if k in self._settings)


def _utc(name: str, kind: str) -> str:
    return f"({quote(name)} at time zone 'UTC')" if kind.endswith("with time zone") else quote(name)


def _readable(name: str, kind: str) -> str:
    if kind.startswith("numeric("):
        return f"nullif({quote(name)}, 'NaN')"  # a decimal of DuckDB cannot hold it
    return _utc(name, kind) if kind.startswith("timestamp") else quote(name)


def _duckdb_type(kind: str) -> str:
    if kind.startswith("timestamp"):
        return "TIMESTAMP"
    decimal = re.fullmatch(r"numeric\((\d+),(-?\d+)\)", kind)
    if decimal:
        precision, scale = int(decimal[1]), int(decimal[2])
        return f"DECIMAL({precision},{scale})" if 0 <= scale <= precision <= 38 else "DOUBLE"
    return _SAME_IN_DUCKDB.get(kind, "VARCHAR")


def _read_copy(
    con: duckdb.DuckDBPyConnection,
    into: str,
    path: Path,
    columns: Mapping[str, str],
    *,
    rows: int,
) -> None:
    kinds = ", ".join(
        f"{literal(name)}: {literal(_duckdb_type(kind))}" for name, kind in columns.items()
    )
    read = con.execute(
        f"create or replace temp table {quote(into)} as from read_csv({literal(str(path))},"
        f" auto_detect=false, header=false, columns={{{kinds}}}, delim=',', quote='\"',"
        f" escape='\"', nullstr='{_NULL}', allow_quoted_nulls=false, parallel=false,"
        f" max_line_size={_LARGEST_ROW}, buffer_size={2 * _LARGEST_ROW})"
    ).fetchone()
    if read != (rows,):
        raise SourceError("Rows were lost on the way.", received=f"{read} of {rows} rows")


def _is_bigint(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d{1,18}", text, re.ASCII))


def _is_uuid(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return str(UUID(text)) == text
    return False
