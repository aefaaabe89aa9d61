"""The store: what was read from the CRM, as Parquet hashed by entity into buckets.

A table is a folder of parts (``data/<table>/<part>/bucket=007/…``) and a manifest that says which
parts count. A new state is written beside the old one and takes over with one rename of the
manifest, so a run that dies leaves the last good state.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from salesml.config import WHOLE
from salesml.engine import literal, quote
from salesml.errors import SourceError

__all__ = ["Manifest", "Store", "bucket_of", "write_atomically"]

Days = dict[str, tuple[int, int]]
_MOST_PARTS = 32  # a table read in more parts than this is written anew, in one


def bucket_of(column: str, buckets: int) -> str:
    """SQL: the bucket, ``000`` to ``buckets - 1``, of the id in *column*; stable for all time."""
    # of the ways to a number from a hash that never changes, this is DuckDB's fastest by far
    number = f"('0x' || left(md5(cast({column} as varchar)), 8))::uinteger"
    return f"format('{{:03d}}', {number} % {buckets})"


def write_atomically(path: Path, text: str) -> None:
    """Write *text* to *path* so that a reader sees the old content or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class Manifest:
    """What a stored table is made of.

    ``days`` maps a business date to (rows, checksum) of what became known on it; hence
    `Store.checksum` tells whether anything known before a date has changed.
    """

    layout: str
    kind: str
    entity: str
    key: list[str]
    buckets: int
    columns: dict[str, str]
    parts: list[str] = field(default_factory=list)
    days: Days = field(default_factory=dict)
    watermark: str | None = None
    fingerprint: str | None = None
    checks: str = ""
    read_at: str | None = None
    collected: bool = False
    quality: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows stored, versions of state counted one by one."""
        return sum(count for count, _ in self.days.values())

    @property
    def whole(self) -> bool:
        """Whether every bucket sees the whole table."""
        return self.entity == WHOLE

    def first_known(self) -> dt.date | None:
        """The first business date on which anything became known."""
        return dt.date.fromisoformat(min(self.days)) if self.days else None

    def last_known(self, before: dt.date) -> dt.date | None:
        """The last business date before *before* on which anything became known."""
        days = [day for day in self.days if day < before.isoformat()]
        return dt.date.fromisoformat(max(days)) if days else None

    def checksum(self, before: dt.date) -> str:
        """A text that changes exactly when rows known before the date *before* change."""
        past = [v for day, v in self.days.items() if day < before.isoformat()]
        return f"{self.layout}:{sum(c for c, _ in past)}:{sum(s for _, s in past)}"


class Store:
    """Tables under one folder, each in *buckets* buckets."""

    def __init__(self, root: Path, buckets: int) -> None:
        self.root = root
        self.buckets = buckets

    def manifest(self, table: str) -> Manifest | None:
        """The present manifest of *table*, or None where nothing is stored."""
        path = self._manifest_path(table)
        if not path.exists():
            return None
        try:
            loaded = json.loads(path.read_text(encoding="utf-8"))
            days = {day: (count, int(total)) for day, (count, total) in loaded["days"].items()}
            return Manifest(**{**loaded, "days": days})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SourceError(
                f"The manifest of the stored table {table} is damaged: {error}.",
                where=str(path),
                fix=f"Delete {path.parent}; the next run reads the table anew.",
            ) from None

    def tables(self) -> list[str]:
        """Names of all stored tables."""
        return sorted(p.parent.name for p in self.root.glob("*/manifest.json"))

    def needed(self, table: str) -> Manifest:
        """The manifest of *table*; raises SourceError where nothing is stored."""
        manifest = self.manifest(table)
        if manifest is None:
            raise SourceError(
                f"The source {table} was never read.",
                where=str(self.root),
                fix="Run the nightly or train command, which read first.",
            )
        return manifest

    def relation(self, table: str, bucket: str | None = None) -> str:
        """SQL that selects the rows of *table* in *bucket* (all of them for None)."""
        manifest = self.needed(table)
        files = self._files(table, manifest, None if manifest.whole else bucket)
        columns = ", ".join(map(quote, manifest.columns))
        if not files:
            typed = (f"null::{kind} as {quote(name)}" for name, kind in manifest.columns.items())
            return f"(select {', '.join(typed)} where false)"
        paths = ", ".join(literal(path) for path in files)
        options = "union_by_name = true, hive_partitioning = false"
        return f"(select {columns} from read_parquet([{paths}], {options}))"

    def checksum(self, table: str, before: dt.date) -> str:
        """A text that changes exactly when rows known before the date *before* change."""
        return self.needed(table).checksum(before)

    def write(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        rows: str,
        manifest: Manifest,
        *,
        append: bool,
    ) -> Manifest:
        """Store the relation *rows* as *table*, replacing it or adding a part to it.

        *manifest* describes the new rows alone; the one returned describes the table.
        """
        old = self.manifest(table) if append else None
        parts = old.parts if old else []
        if manifest.days:
            if len(parts) >= _MOST_PARTS:
                columns = ", ".join(map(quote, manifest.columns))
                rows = f"(from {self.relation(table)} union all select {columns} from {rows})"
                parts = []
            part = uuid.uuid4().hex[:12]
            self._write_part(con, table, rows, manifest, part)
            parts = [*parts, part]
        merged = replace(
            manifest,
            parts=parts,
            days=_add_days(old.days if old else {}, manifest.days),
            collected=manifest.collected or bool(old and old.collected),
        )
        self.save(table, merged)
        self._sweep(table, merged)
        return merged

    def save(self, table: str, manifest: Manifest) -> None:
        """Make *manifest* the present one."""
        days = {day: (count, str(total)) for day, (count, total) in sorted(manifest.days.items())}
        text = json.dumps({**asdict(manifest), "days": days}, ensure_ascii=False, indent=1)
        path = self._manifest_path(table)
        try:
            write_atomically(path, text)
        except OSError as error:
            raise _unwritable(table, path, error) from None

    def _manifest_path(self, table: str) -> Path:
        return self.root / table / "manifest.json"

    def verify(self, table: str) -> None:
        """Raise SourceError where files of *table* are missing, damaged or short of rows."""
        manifest = self.needed(table)
        try:
            files = self._files(table, manifest, None)
            rows = sum(pq.read_metadata(path).num_rows for path in files)
        except (pa.ArrowInvalid, OSError) as error:
            rows = f"a damaged file: {error}"
        if rows != manifest.rows:
            raise SourceError(
                f"The stored table {table} is not as it was written.",
                received=f"{rows} rows where {manifest.rows} were stored",
                where=str(self.root / table),
                fix=f"Delete {self.root / table}; the next run reads the table anew.",
            )

    def _files(self, table: str, manifest: Manifest, bucket: str | None) -> list[str]:
        pattern = "**/*.parquet" if bucket is None else f"bucket={bucket}/*.parquet"
        folders = [self.root / table / part for part in manifest.parts]
        for folder in folders:
            if not folder.is_dir():
                raise SourceError(
                    f"A part of the stored table {table} is missing.",
                    where=str(folder),
                    fix=f"Delete {folder.parent}; the next run reads the table anew.",
                )
        return [str(path) for folder in folders for path in sorted(folder.glob(pattern))]

    def _write_part(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        rows: str,
        manifest: Manifest,
        part: str,
    ) -> None:
        folder = self.root / table / part
        columns = ", ".join(map(quote, manifest.columns))
        target = f"{literal(folder / 'rows.parquet')} (format parquet)"
        if not manifest.whole:
            columns += f", {bucket_of(quote(manifest.entity), manifest.buckets)} as bucket"
            target = f"{literal(folder)} (format parquet, partition_by (bucket))"
        try:
            folder.mkdir(parents=True)
            con.execute(f"copy (select {columns} from {rows} order by known_at) to {target}")
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, (duckdb.IOException, OSError)):
                raise _unwritable(table, folder, error) from None
            raise

    def _sweep(self, table: str, manifest: Manifest) -> None:
        """Delete what no manifest names: replaced parts, and what runs that died left."""
        for path in (self.root / table).iterdir():
            if path.is_dir() and path.name not in manifest.parts:
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith("."):
                path.unlink(missing_ok=True)


def _unwritable(table: str, path: Path, error: Exception) -> SourceError:
    return SourceError(
        f"The table {table} cannot be written: {str(error).splitlines()[0]}",
        where=str(path),
        fix="Free disk space or correct the permissions, and run again; what was stored is intact.",
    )


def _add_days(old: Mapping[str, tuple[int, int]], new: Mapping[str, tuple[int, int]]) -> Days:
    merged = dict(old)
    for day, (count, total) in new.items():
        before = merged.get(day, (0, 0))
        merged[day] = (before[0] + count, before[1] + total)
    return merged


def layout_of(*described: object) -> str:
    """A short hash of everything that decides how a table is laid out."""
    text = json.dumps(described, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
