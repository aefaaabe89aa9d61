"""A published file as rows of text: unpacked, decoded, split."""

from __future__ import annotations

import csv
import gzip
import io
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from salesml.crm.text import TextFile
from salesml.errors import SourceError

__all__ = ["Sheet", "cell_key"]

_HEADER_WITHIN = 10
_BEGINNING = 1 << 16
_LARGEST_FIELD = 1 << 28
_EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_SEPARATORS = ",\t;"


def cell_key(text: str) -> str:
    """A header cell as layouts name it: usual width, no spaces or line breaks."""
    return "".join(unicodedata.normalize("NFKC", text).split())


@dataclass(frozen=True)
class Sheet:
    """The file at ``path``, CSV or TSV in any usual encoding, gzipped or not."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without ``.gz``."""
        return self.path.name.removesuffix(".gz")

    @cached_property
    def text(self) -> str:
        """The text of the file; raises SourceError where it is none."""
        content = self._content()
        if content.startswith(_EXCEL):
            raise SourceError(
                "The file is an Excel workbook or another archive; text is read only.",
                where=str(self.path),
                fix="Open it and save the sheet as CSV (UTF-8).",
            )
        encoding = TextFile(self.path).guess()
        if encoding is None or (b"\0" in content[:4096] and encoding != "utf-16"):
            raise self._no_text(_where_not_cp932(content) or f"{len(content):,} bytes")
        try:
            return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError as error:
            raise self._no_text(_until(content, encoding, error)) from None

    def _no_text(self, received: str) -> SourceError:
        return SourceError(
            "The file is no text in a known encoding.",
            received=received,
            where=str(self.path),
            fix="Save it as UTF-8 or cp932 (Shift_JIS).",
        )

    @cached_property
    def rows(self) -> list[list[str]]:
        """All rows that are not blank; raises SourceError for a file without any."""
        before = csv.field_size_limit(_LARGEST_FIELD)
        reader = csv.reader(
            io.StringIO(self.text, newline=""), delimiter=self._separator(), strict=True
        )
        try:
            rows = [row for row in reader if any(map(str.strip, row))]
        except csv.Error as error:
            raise SourceError(
                f"The file is no proper CSV: {error}.",
                where=f"{self.path}, line {reader.line_num}",
                fix="Look for a quote that is never closed, or not doubled inside a cell.",
            ) from None
        finally:
            csv.field_size_limit(before)
        if not rows:
            raise SourceError(
                "The file is empty.", where=str(self.path), fix="Get it again, or leave it out."
            )
        return rows

    @cached_property
    def heads(self) -> list[list[str]]:
        """The first rows, any of which may be the header, as layouts name their cells."""
        return [[cell_key(cell) for cell in row] for row in self.rows[:_HEADER_WITHIN]]

    def table(self, columns: Sequence[str], start: int) -> pd.DataFrame:
        """The rows from number *start* on as texts, under *columns*; short rows are filled up.

        Raises SourceError for a row with more cells than there are columns, and for a file that
        breaks off within its last row.
        """
        width = len(columns)
        self._require_end(width, start)
        body = [[*row[:width], *[""] * (width - len(row))] for row in self.rows[start:]]
        for row in self.rows[start:]:
            if any(row[width:]):
                raise SourceError(
                    f"A row has more cells than the header, {len(row)} and not {width}.",
                    received=",".join(row)[:200],
                    where=str(self.path),
                    fix="Quote the cells that hold a comma, such as numbers like 1,234.",
                )
        return pd.DataFrame(body, columns=list(columns), dtype=object)

    def _require_end(self, width: int, start: int) -> None:
        last = self.rows[-1]
        # a footnote may be the last line as well, but has one cell
        if len(self.rows) > start and 1 < len(last) < width and self.text[-1] not in "\r\n":
            raise SourceError(
                f"The file breaks off in its last row, after {len(last)} of {width} cells.",
                received=",".join(last)[:200],
                where=str(self.path),
                fix="Get it again, or take out the last row.",
            )

    def _separator(self) -> str:
        """What the first line is separated by; where by nothing, the beginning of the file."""
        first = self.text[:_BEGINNING].split("\n", 1)[0]
        beginning = first if any(s in first for s in _SEPARATORS) else self.text[:_BEGINNING]
        return max(_SEPARATORS, key=beginning.count)

    def _content(self) -> bytes:
        try:
            content = self.path.read_bytes()
            return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(
                f"The file cannot be read to its end: {error}.",
                where=str(self.path),
                fix="Copy it or get it again.",
            ) from None


def _where_not_cp932(content: bytes) -> str:
    """Where a text of the ministries' usual encoding has a byte that is broken; empty for none."""
    if b"\0" in content:
        return ""
    try:
        content.decode("cp932")
    except UnicodeDecodeError as error:
        return _until(content, "cp932", error)
    return ""


def _until(content: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    line = content[: error.start].count(b"\n") + 1
    return f"{encoding} up to line {line}, and no more from there"
