"""A CSV file as a table that is written: for people who open it in a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from salesml.crm.records import Fetched, Seen, Write
from salesml.errors import ExportError, SourceError

__all__ = ["Sheet", "defuse", "restore"]

_RUNS = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def defuse(text: str) -> str:
    """*text* with a leading ``'`` where a spreadsheet would run it as a formula.

    Plain numbers stay. Text that already looks defused gets another ``'``, so that ``restore``
    gives back any text unchanged.
    """
    return f"'{text}" if _RUNS.match(text) and not _NUMBER.fullmatch(text) else text


def restore(cell: str) -> str:
    """The text that ``defuse`` made *cell* of."""
    return cell[1:] if _DEFUSED.match(cell) else cell


@dataclass
class Sheet:
    """The cells of one CSV file: a header and rows of equal width."""

    path: Path
    header: list[str]
    rows: list[list[str]]

    @classmethod
    def read(cls, path: Path) -> Sheet:
        """Read *path* (UTF-8, with or without a mark); raises ExportError if it is no table."""
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ExportError(
                "The target file is not UTF-8.",
                received=f"byte 0x{error.object[error.start]:02x} at {error.start}",
                where=str(path),
                fix="Save it as CSV UTF-8.",
            ) from None
        try:
            reader = csv.reader(io.StringIO(text, newline=""), strict=True)
            header, *rows = [record for record in reader if record] or [[]]
        except csv.Error as error:
            raise ExportError(
                f"The target file is no proper CSV: {error}",
                where=str(path),
                fix="Correct it, or delete it so that it is written anew.",
            ) from None
        sheet = cls(path, [restore(name) for name in header], rows)
        sheet._require_even()
        return sheet

    def _require_even(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.header):
                raise ExportError(
                    f"Row {number} has {len(row)} cells where the header has {len(self.header)}.",
                    where=str(self.path),
                    fix="Correct the row, or delete the file so that it is written anew.",
                )

    def repeated(self, key: str) -> list[str]:
        """Up to five keys that several rows share."""
        at = self.header.index(key)
        counts = Counter(row[at] for row in self.rows if row[at])
        return [restore(cell) for cell, count in counts.items() if count > 1][:5]

    def fetch(self, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """Text of *fields* (None where empty) of the rows *ids*."""
        wanted, at = set(ids), self.header.index(key)
        places = {field: self.header.index(field) for field in fields}
        keyed = ((restore(row[at]), row) for row in self.rows)
        found: Fetched = {}
        for i, row in keyed:
            if i in wanted:
                barred = "several rows share this id" if i in found else ""
                values = {field: restore(row[place]) or None for field, place in places.items()}
                found[i] = Seen(values, barred=barred)
        return found

    def put(self, key: str, writes: Sequence[Write]) -> None:
        """Set the fields of *writes*, each in the line of its *key*, added if there is none."""
        at = self.header.index(key)
        index = {restore(line[at]): line for line in self.rows}
        for write in writes:
            line = index.get(write.id)
            if line is None:
                line = index[write.id] = [""] * len(self.header)
                self.rows.append(line)
            for field, value in {key: write.id, **write.fields}.items():
                line[self.header.index(field)] = defuse(_text(value))

    def write(self) -> None:
        """Replace the file at once, with the mark that makes Excel read it as UTF-8."""
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with temporary.open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file)
                writer.writerow([defuse(name) for name in self.header])
                writer.writerows(self.rows)
                file.flush()
                os.fsync(file.fileno())
            if self.path.exists():
                shutil.copymode(self.path, temporary)
            temporary.replace(self.path)
        except UnicodeEncodeError as error:
            raise ExportError(f"A value is no proper text: {error}", where=str(self.path)) from None
        except OSError as error:
            raise SourceError(
                f"The file cannot be written: {error}", where=str(self.path)
            ) from error
        finally:
            temporary.unlink(missing_ok=True)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
