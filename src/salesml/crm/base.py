"""What every connector can do, and the few things they share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import duckdb

from salesml.crm.records import Allowance, Fetched, Jobs, Refusal, Tolerance, Write
from salesml.errors import ConfigError, SalesmlError, SourceError, suggest

__all__ = [
    "DELETED",
    "ROW",
    "Connection",
    "Local",
    "literal",
    "only",
    "quote",
    "reading",
    "require_file",
    "require_since",
]

ROW = "_row"
"""Column of the 1-based number of a data row in its file."""

DELETED = "_deleted"
"""Column that is true for rows which the system has deleted, where it still shows these."""


class Connection(Protocol):
    """One CRM, database or folder, read and written.

    Connections may be pickled; what they hold open they close when nobody refers to them any more.
    What cannot be read raises SourceError, and so does a system that cannot be reached; what
    cannot be written raises ExportError. Secrets stand in no error.
    """

    name: str
    batch: int
    """How many records one ``write`` takes at best."""

    @property
    def calls(self) -> int:
        """Requests made so far, where the system counts them; else 0."""

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

        Systems that still show deleted rows mark them in the column ``_deleted``.

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

    def check_target(
        self, table: str, key: str, fields: Mapping[str, type | None], *, create: bool
    ) -> list[str]:
        """Raise ExportError, naming all that is wrong, unless *fields* can be written by *key*.

        Fields are there, of a kind that takes their values (bool, int, float, str, date, datetime;
        None: unknown), and open to this user; the key is unique. With *create* the table may be
        missing where ``ensure_table`` would make it. Returns warnings: what works, but is doubtful.
        """

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        """Create *table* unless it is there; fields are bool, int, float, str, date or datetime.

        Systems whose tables people make do nothing.
        """

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:
        """How *fields* change what is written to them; those that keep all may be left out."""

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """The records *ids* with present values of *fields*; those never there are left out."""

    def write(
        self, table: str, key: str, writes: Sequence[Write], *, jobs: Jobs
    ) -> dict[str, Refusal]:
        """Write records; returns those that were not written, by id. The others are acknowledged.

        A record that is seen is changed, never made: it may have been deleted since. Only the
        fields given are sent. What was changed since it was seen is refused where the system lets
        us tell. Raises ExportError if nothing was written and nobody knows which record is at
        fault, UnansweredError if nobody knows what was written, QuotaError and SourceError if
        the system takes no more.
        """

    def settle(self, job: str) -> None:
        """Bring a *job* that a former run began to its end, so that none of it is on its way.

        One that was never closed is aborted, one that works is awaited, one unknown is over.
        """

    def allowance(self) -> Allowance:
        """What the system lets us do until its counters are reset."""

    def cost(self, rows: int) -> int:
        """About how many calls it takes to look *rows* records up and write them."""


class Local:
    """What connectors to databases and files have in common: no jobs, no limits."""

    calls = 0

    def settle(self, job: str) -> None:
        """Nothing goes on without us."""

    def allowance(self) -> Allowance:
        """No limit."""
        return Allowance()

    def cost(self, rows: int) -> int:  # noqa: ARG002
        """Nothing is counted."""
        return 0


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
