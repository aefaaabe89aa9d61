"""A folder of CSV, text and Parquet files; CSV files can be written too."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from salesml.crm.base import ROW, Local, literal, only, quote, reading, require_file, require_since
from salesml.crm.fitting import missing, repeated, require_fit
from salesml.crm.records import Fetched, Jobs, Refusal, Tolerance, Write
from salesml.crm.refusing import refusals, seen_fields
from salesml.crm.spreadsheet import Sheet
from salesml.crm.text import WHITESPACE, TextFile
from salesml.errors import ExportError, SourceError

__all__ = ["Files"]

_HASHED_BELOW = 100_000_000


class Files(Local):
    """The folder at ``path``; a table is the name of a file in it.

    Text arrives as text, empty as null, with the column ``_row``: the number of the data row.
    """

    batch = 20_000  # each call writes the whole file

    def __init__(self, name: str, spec: Mapping[str, str]) -> None:
        self.name, self.folder = name, Path(only(name, spec, "path"))

    # reading ---------------------------------------------------------------------------------

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],
        since: tuple[str, str] | None,
    ) -> None:
        path = self._path(table)
        with reading(str(path)):
            if _is_parquet(path):
                _view_parquet(con, path, into, since)
            else:
                _load_text(con, TextFile(path, **options), into, since)

    def fingerprint(self, table: str) -> str | None:
        path = self._path(table)
        found = path.stat()
        parts = [str(found.st_size), str(found.st_mtime_ns)]
        if found.st_size < _HASHED_BELOW:
            parts.append(hashlib.sha256(path.read_bytes()).hexdigest())
        return "-".join(parts)

    def columns(self, table: str) -> dict[str, str]:
        path = self._path(table)
        if not _is_parquet(path):
            names, _ = TextFile(path, TextFile(path).guess() or "utf-8").header()
            return {ROW: "BIGINT", **dict.fromkeys(_distinct(names), "VARCHAR")}
        with reading(str(path)), duckdb.connect() as con:
            return _parquet_columns(con, path)

    def _path(self, table: str) -> Path:
        path = self.folder / table
        require_file(path, "The file")
        return path

    # writing ---------------------------------------------------------------------------------

    def exists(self, table: str) -> bool:
        return (self.folder / table).is_file()

    def check_target(
        self, table: str, key: str, fields: Mapping[str, type | None], *, create: bool
    ) -> list[str]:
        """Text takes all types."""
        path = self.folder / table
        if path.suffix.lower() != ".csv":
            raise ExportError(
                "Only CSV files can be written.", received=table, fix="Name a file *.csv."
            )
        if create and not path.exists():
            return []
        require_file(path, "The target file", ExportError)
        sheet = Sheet.read(path)
        problems = missing([key, *fields], sheet.header)
        if key in sheet.header:
            problems += repeated(key, sheet.repeated(key))
        require_fit(problems, table, sheet.header)
        return []

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        path = self.folder / table
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            Sheet(path, [key, *fields], []).write()

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:  # noqa: ARG002
        """None: text keeps all digits."""
        return {}

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        return Sheet.read(self._path(table)).fetch(key, ids, fields)

    def write(
        self,
        table: str,
        key: str,
        writes: Sequence[Write],
        *,
        jobs: Jobs,  # noqa: ARG002
    ) -> dict[str, Refusal]:
        """All at once, but for records that are not as they were seen."""
        sheet = Sheet.read(self._path(table))
        present = sheet.fetch(key, [w.id for w in writes], seen_fields(writes))
        refused = refusals(writes, present)
        sheet.put(key, [w for w in writes if w.id not in refused])
        sheet.write()
        return refused


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet_columns(con: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    found = con.execute(f"describe from read_parquet({literal(str(path))})").fetchall()
    return {ROW: "BIGINT", **{row[0]: row[1] for row in found}}


def _view_parquet(
    con: duckdb.DuckDBPyConnection, path: Path, into: str, since: tuple[str, str] | None
) -> None:
    columns = _parquet_columns(con, path)
    require_since(since, columns, path.name)
    chosen = ""
    if since:
        chosen = f"where {quote(since[0])} >= cast({literal(since[1])} as {columns[since[0]]})"
    con.execute(
        f"create or replace temp view {quote(into)} as from (select file_row_number + 1 as {ROW}, *"
        f" from read_parquet({literal(str(path.resolve()))})) {chosen}"
    )


def _load_text(
    con: duckdb.DuckDBPyConnection, file: TextFile, into: str, since: tuple[str, str] | None
) -> None:
    written, separator = file.header()
    names = _distinct(written)
    require_since(since, [ROW, *names], file.path.name)
    rows = file.check(len(names), separator)
    with tempfile.TemporaryDirectory() as folder:
        for path, character in _readable(file, separator, Path(folder, "copy.csv")):
            if _try_text(con, path, into, names, character, rows):
                break
        else:
            raise SourceError(f"DuckDB cannot read the {rows} records.", where=str(file.path))
    if since:
        kind = "bigint" if since[0] == ROW else "varchar"
        kept = f"{quote(since[0])} >= cast({literal(since[1])} as {kind})"
        con.execute(f"delete from {quote(into)} where ({kept}) is not true")


def _readable(file: TextFile, separator: str, copy: Path) -> Iterator[tuple[Path, str]]:
    """What to let DuckDB read, best first: the file, or a copy at *copy*; each with separator."""
    if separator != WHITESPACE:
        if not file.is_utf8:
            file.transcode(copy)
        yield (file.path if file.is_utf8 else copy), separator
    # line ends of several kinds, for one, take a copy without them
    file.rewrite(copy, separator)
    yield copy, ","


def _try_text(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    into: str,
    names: Sequence[str],
    separator: str,
    rows: int,
) -> bool:
    """Load *path* and say whether it had as many *rows* as it should."""
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    try:
        read = con.execute(
            f"create or replace temp table {quote(into)} as"
            f" select row_number() over () as {ROW}, * from read_csv({literal(str(path))},"
            f" auto_detect=false, header=true, columns={{{columns}}}, delim={literal(separator)},"
            " quote='\"', escape='\"', parallel=false, compression="
            f"{'gzip' if TextFile(path).compressed else 'none'!r})"
        ).fetchone()
    except duckdb.InvalidInputException:
        return False
    return bool(read == (rows,))


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names as an SQL engine can tell them apart: none empty, none twice in any case."""
    taken = {ROW}
    found = []
    for position, name in enumerate(names, 1):
        base = name.strip() or f"column_{position}"
        number, distinct = 1, base
        while distinct.lower() in taken:
            number += 1
            distinct = f"{base}_{number}"
        taken.add(distinct.lower())
        found.append(distinct)
    return found
