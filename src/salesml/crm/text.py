"""Reading CSV and other separated text: encodings, separators, and what is wrong with a file.

DuckDB's reader is fast, but passes over a last record whose quote never closes and does not say
where other damage is. So Python's ``csv`` reads each file first (a sixth of the time it would
take to load it): it finds the faults and counts the records that DuckDB has to deliver.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from salesml.errors import SourceError, suggest

__all__ = ["WHITESPACE", "TextFile"]

_SEPARATORS = ",;\t|"
WHITESPACE = "whitespace"
_ENCODINGS = ("utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-16", "cp1252", "latin-1")
_HALF_WIDTH = range(0xFF61, 0xFFA0)
_SAMPLE = 1 << 20
_BLOCK = 1 << 20


@dataclass(frozen=True)
class TextFile:
    """A file of separated text, maybe gzipped; ``separator`` None means: find out."""

    path: Path
    encoding: str = "utf-8"
    separator: str | None = None

    def __post_init__(self) -> None:
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise SourceError(
                f"There is no encoding '{self.encoding}'.{suggest(self.encoding, _ENCODINGS)}",
                where=str(self.path),
                fix=f"Use one of {', '.join(_ENCODINGS)}.",
            ) from None
        if self.separator not in {None, WHITESPACE} and len(self.separator or "") != 1:
            raise SourceError(
                "A separator is one character, or the word 'whitespace'."
                f"{suggest(self.separator or '', [WHITESPACE])}",
                received=repr(self.separator),
                where=str(self.path),
            )

    @property
    def compressed(self) -> bool:
        with self.path.open("rb") as file:
            return file.read(2) == b"\x1f\x8b"

    @property
    def is_utf8(self) -> bool:
        return codecs.lookup(self.encoding).name in {"utf-8", "utf-8-sig"}

    def header(self) -> tuple[list[str], str]:
        """Column names (as written) and the separator; raises SourceError for an empty file."""
        with self._guarded():
            separator = self.separator or max(_SEPARATORS, key=self._columns)
            return self._first(separator), separator

    def check(self, width: int, separator: str) -> int:
        """Number of data records, after making sure that each has *width* fields.

        Raises SourceError naming the first bad line.
        """
        with self._guarded(), self._text() as lines:
            records = _records(lines, separator)
            next(records)
            count = 0
            for line, record in records:
                if len(record) != width:
                    self._ragged(line, record, width)
                count += 1
            return count

    def transcode(self, target: Path) -> None:
        """Write the text to *target* in UTF-8, unchanged otherwise."""
        with (
            self._guarded(),
            self._text() as lines,
            target.open("w", encoding="utf-8", newline="") as file,
        ):
            while block := lines.read(_BLOCK):
                file.write(block)

    def rewrite(self, target: Path, separator: str) -> None:
        """Write the records to *target* as the plainest CSV in UTF-8: no doubt is left in it."""
        with (
            self._guarded(),
            self._text() as lines,
            target.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerows(record for _, record in _records(lines, separator))

    def _columns(self, separator: str) -> int:
        """Number of columns that *separator* makes of the header; 0 if it breaks quotes."""
        with contextlib.suppress(csv.Error):
            return len(self._first(separator))
        return 0

    def _first(self, separator: str) -> list[str]:
        with self._text() as lines:
            for _, record in _records(lines, separator):
                return record
        raise SourceError(
            "The file is empty: it has not even a header.",
            where=str(self.path),
            fix="Export it again, with column names in the first line.",
        )

    def _ragged(self, line: int, record: list[str], width: int) -> None:
        raise SourceError(
            f"Line {line} has {len(record)} fields where the header has {width}.",
            received=",".join(record)[:200],
            where=f"{self.path}, line {line}",
            fix="Quote fields that hold the separator or a line break, or name the separator.",
        )

    @contextlib.contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        encoding = codecs.lookup(self.encoding).name
        encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        with self._bytes() as file:
            yield io.TextIOWrapper(file, encoding=encoding, newline="")

    @contextlib.contextmanager
    def _bytes(self) -> Iterator[BinaryIO]:
        with self.path.open("rb") as file:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if self.compressed else file

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            self._refuse_other_mark()
            yield
        except UnicodeError:
            raise self._undecodable() from None
        except csv.Error as error:
            line, text = error.args
            raise SourceError(
                f"Line {line} is no proper record: {text}.",
                where=f"{self.path}, line {line}",
                fix="Look for a quote that is never closed, or not doubled inside a field.",
            ) from None
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(
                f"The file cannot be read to its end: {error}",
                where=str(self.path),
                fix="Copy or export it again.",
            ) from error

    def _refuse_other_mark(self) -> None:
        """A UTF-8 file read as cp932 mostly decodes, into nonsense; its mark gives it away."""
        with self._bytes() as file:
            marked = file.read(3) == codecs.BOM_UTF8
        if marked and not codecs.lookup(self.encoding).name.startswith("utf-8"):
            raise SourceError(
                "The file begins with the mark of UTF-8.",
                received=f"encoding {self.encoding}",
                where=str(self.path),
                fix="Write `encoding: utf-8`.",
            )

    def _undecodable(self) -> SourceError:
        line, offset, found = self._first_bad_byte()
        looks = self.guess()
        if looks == codecs.lookup(self.encoding).name:
            looks = None  # damage further down, not another encoding
        return SourceError(
            f"Line {line} is not {self.encoding}.{f' The file looks like {looks}.' * bool(looks)}",
            received=f"byte 0x{found:02x}",
            where=f"{self.path}, line {line}, byte {offset}",
            fix=f"Write `encoding: {looks or '…'}` for the source, or save the file as UTF-8.",
        )

    def _first_bad_byte(self) -> tuple[int, int, int]:
        offset = line = 0
        with self._bytes() as file:
            for line, text in enumerate(file, 1):
                try:
                    text.decode(self.encoding)
                except UnicodeError as error:
                    start = getattr(error, "start", 0)
                    return line, offset + start, text[start]
                offset += len(text)
        return line, offset, 0  # pragma: no cover - the decoder that brought us here saw one

    def guess(self) -> str | None:
        """The encoding that the beginning of the file decodes in, if any of the usual ones."""
        with self._bytes() as file:
            block = file.read(_SAMPLE)
        if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        sample = block.rpartition(b"\n")[0] or block
        # a line longer than the sample may be cut within a letter
        cut = sample is block and len(block) == _SAMPLE
        if _decoded(sample, "utf-8", cut=cut) is not None:
            return "utf-8"
        japanese = {name: _decoded(sample, name, cut=cut) for name in ("cp932", "euc_jp")}
        noise = {n: _half_width(text) for n, text in japanese.items() if text is not None}
        if noise:
            return min(noise, key=lambda name: noise[name])
        return "cp1252" if _decoded(sample, "cp1252") is not None else None


def _records(lines: io.TextIOWrapper, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, each with the line it begins in."""
    if separator == WHITESPACE:
        yield from ((n, fields) for n, line in enumerate(lines, 1) if (fields := line.split()))
        return
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    begin = 1
    try:
        for record in reader:
            if record:
                yield begin, record
            begin = reader.line_num + 1
    except csv.Error as error:
        raise csv.Error(begin, error) from None


def _decoded(sample: bytes, encoding: str, *, cut: bool = False) -> str | None:
    with contextlib.suppress(UnicodeError):
        return codecs.getincrementaldecoder(encoding)().decode(sample, final=not cut)
    return None


def _half_width(text: str) -> int:
    """Japanese in the wrong encoding decodes into half-width katakana."""
    return sum(ord(letter) in _HALF_WIDTH for letter in text)
