"""What was imported so far, a file an edition, as read and not yet joined to municipalities."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from salesml.municipal.published import Part

__all__ = ["Parts", "write_parquet"]

_EDITION, _NOTES = b"salesml.edition", b"salesml.notes"
_READABLE = 40


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write *table* so that a reader sees the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        pq.write_table(table, temporary, compression="zstd")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class Parts:
    """The parts under ``folder``: ``<table>/<edition>.parquet``."""

    folder: Path

    def put(self, part: Part) -> bool:
        """Keep *part*, in place of another of its table and edition; whether there was one."""
        path = self._path(part.table, part.edition)
        there = path.exists()
        facts = {
            _EDITION: part.edition.encode(),
            _NOTES: json.dumps(part.notes, ensure_ascii=False).encode(),
        }
        frame = pa.Table.from_pandas(part.frame, preserve_index=False)
        write_parquet(frame.replace_schema_metadata(facts), path)
        return there

    def read(self, table: str) -> list[Part]:
        """All parts of *table*, by edition."""
        found = [_read(table, path) for path in (self.folder / table).glob("*.parquet")]
        return sorted(found, key=lambda part: part.edition)

    def frame(self, table: str) -> pd.DataFrame | None:
        """All parts of *table* as one, None where there is none."""
        frames = [part.frame for part in self.read(table)]
        return pd.concat(frames, ignore_index=True) if frames else None

    def _path(self, table: str, edition: str) -> Path:
        """A name that file systems take, which titles in Japanese may be too long for."""
        plain = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in edition)
        if plain != edition or len(plain) > _READABLE:
            plain = f"{plain[:_READABLE]}-{hashlib.sha256(edition.encode()).hexdigest()[:12]}"
        return self.folder / table / f"{plain}.parquet"


def _read(table: str, path: Path) -> Part:
    read = pq.read_table(path)
    facts = read.schema.metadata
    return Part(table, facts[_EDITION].decode(), read.to_pandas(), tuple(json.loads(facts[_NOTES])))
