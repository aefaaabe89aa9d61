"""What every connector can do, and the few things they share."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from salesml.errors import ConfigError, ExportError, SalesmlError, SourceError, suggest

__all__ = [
    "ROW",
    "Connection",
    "Fetched",
    "Tolerance",
    "literal",
    "only",
    "quote",
    "reading",
    "require_columns",
    "require_file",
    "require_fresh",
    "require_since",
    "require_unique",
    "tolerance",
]

ROW = "_row"
"""Column of the 1-based number of a data row in its file."""

Fetched = dict[str, dict[str, object]]
"""Fields of records, by the text of their key."""


@dataclass(frozen=True)
class Tolerance:
    """How far the number in a column may lie from the number that was written there."""

    absolute: float = 0.0
    relative: float = 1e-9


class Connection(Protocol):
    """One CRM, database or folder, read and written.

    Connections hold nothing open between calls, so they need no closing and may be pickled.
    What cannot be read raises SourceError, and so does a system that cannot be reached; what
    cannot be written raises ExportError.
    """

    name: str
    rows_per_call: int
    """Fewest rows worth one ``upsert``, where each call has a high price of its own."""

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],
        since: tuple[str, str] | None,
    ) -> None:
        """Make the temporary table or view *into* in *con* with the raw rows of *table*.

        Parameters
        ----------
        options : ``encoding`` and ``separator`` of text files.
        since : column and value; only rows with column >= value, compared in the origin's type.
        """

    def fingerprint(self, table: str) -> str | None:
        """Text that changes whenever the content may have; None where nothing tells."""

    def columns(self, table: str) -> dict[str, str]:
        """Names of the raw columns and their types in the words of the origin."""

    def exists(self, table: str) -> bool:
        """Whether there is such a table."""

    def check_target(self, table: str, key: str, fields: Sequence[str], *, create: bool) -> None:
        """Raise ExportError unless *fields* of *table* can be written by *key*.

        With *create* the table may be missing, as ``ensure_table`` would make it.
        """

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        """Create *table* unless it is there; fields are bool, int, float, str, date or datetime."""

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:
        """How far each of *fields* rounds numbers; fields that keep them may be left out."""

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """Present values of *fields* of the records *ids*; missing records are left out."""

    def upsert(
        self,
        table: str,
        key: str,
        rows: Sequence[Mapping[str, object]],
        *,
        create: bool,
        seen: Fetched | None = None,
    ) -> None:
        """Write all *rows* or, raising ExportError, none of them.

        Parameters
        ----------
        rows : key and fields of each record; columns left out stay as they are.
        create : insert missing records; without it they are an error.
        seen : what ``fetch`` returned; a record that differs by now is an error.
        """


def quote(name: str) -> str:
    """*name* as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """*text* as an SQL literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def only(name: str, spec: Mapping[str, str], setting: str) -> str:
    """The one *setting* that a connection of this type has; raises ConfigError for others."""
    unknown = [key for key in spec if key not in {"type", setting}]
    if unknown or not spec.get(setting):
        raise ConfigError(
            f"Connection '{name}' needs the setting '{setting}' and no other."
            f"{suggest(unknown[0], [setting]) if unknown else ''}",
            received=f"settings {', '.join(spec)}",
            where=f"connection {name}",
            fix=f"Write {{type: {spec['type']}, {setting}: …}}.",
        )
    return spec[setting]


@contextlib.contextmanager
def reading(where: str) -> Iterator[None]:
    """Turn DuckDB's errors into SourceError."""
    try:
        yield
    except duckdb.Error as error:
        first = str(error).partition("\n")[0]  # further lines repeat the data
        raise SourceError(f"DuckDB cannot take the rows: {first}", where=where) from None


def require_file(path: Path, what: str, error: type[SalesmlError] = SourceError) -> None:
    """Raise *error*, with near misses, unless *path* is a file."""
    if not path.is_file():
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise error(
            f"{what} does not exist.{suggest(path.name, near)}",
            where=str(path),
            fix="Correct the name or the path." if near else "Its folder is empty or missing too.",
        )


def require_since(since: tuple[str, str] | None, columns: Iterable[str], table: str) -> None:
    """Raise SourceError unless the column of *since* is one of *columns*."""
    known = list(columns)
    if since is not None and since[0] not in known:
        raise SourceError(
            f"Table '{table}' has no column '{since[0]}'.{suggest(since[0], known)}",
            received=f"columns {', '.join(known)}",
            fix="Correct `incremental` of the source.",
        )


def require_columns(wanted: Iterable[str], known: Iterable[str], table: str) -> None:
    """Raise ExportError, naming all of them, if *table* lacks some of *wanted*."""
    known = list(known)
    missing = [column for column in wanted if column not in known]
    if missing:
        listed = ", ".join(f"'{column}'{suggest(column, known)}" for column in missing)
        raise ExportError(
            f"The target table lacks columns: {listed}",
            received=f"columns {', '.join(known)}",
            where=f"table {table}",
            fix="Add them to the table, or correct key, fields and stamps of the target.",
        )


def require_unique(repeated: Sequence[object], table: str, key: str) -> None:
    """Raise ExportError if *repeated* names keys that more than one record has."""
    if repeated:
        raise ExportError(
            f"'{key}' is no key: several records share one value.",
            received=", ".join(map(str, repeated)),
            where=f"table {table}",
            fix="Name a unique column as key, or merge these records first.",
        )


def require_fresh(
    present: Fetched, ids: Sequence[str], *, table: str, create: bool, seen: Fetched | None
) -> None:
    """Raise ExportError if records of *ids* are missing, or are not as *seen* any more."""
    missing = [i for i in ids if i not in present]
    if missing and not create:
        raise ExportError("No such record.", received=", ".join(missing[:5]), where=table)
    changed = [i for i in ids if seen is not None and present.get(i) != seen.get(i)]
    if changed:
        raise ExportError(
            "Somebody changed the record while it was being written.",
            received=", ".join(changed[:5]),
            where=table,
        )


def tolerance(kind: str) -> Tolerance:
    """How far a column of SQL type *kind*, as PostgreSQL and DuckDB write it, rounds numbers."""
    kind = kind.lower()
    if re.fullmatch(r"u?(tiny|small|big|huge)?int(eger)?", kind):
        return Tolerance(absolute=0.5)
    if kind in {"real", "float"}:
        return Tolerance(relative=1e-7)
    scale = re.fullmatch(r"(?:numeric|decimal)\(\d+, ?(-?\d+)\)", kind)
    return Tolerance(absolute=0.5 * 10.0 ** -int(scale[1])) if scale else Tolerance()
