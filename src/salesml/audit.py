"""The audit log: what was decided about models and which model scored what, never rewritten."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from salesml.store import write_atomically

__all__ = ["Audit", "AuditLog", "Problem"]

Entry = dict[str, Any]
BROKEN, TORN = "chain_broken", "torn_line"


@dataclass(frozen=True)
class Problem:
    """A line that is not as it was written."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@dataclass(frozen=True)
class Audit:
    """What a log holds: its entries, what is wrong with it, and a last line a crash tore."""

    entries: list[Entry]
    problems: list[Problem]
    torn: bytes


class AuditLog:
    """One JSON object a line, each holding the SHA-256 of the line before it.

    So a line that is changed or removed breaks the chain. The file's end, which no later line
    vouches for, is vouched for by a second file, ``<name>.head``: how many lines there are, and
    the hash of the last. One process at a time may append; anybody may read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head_path = path.with_name(f"{path.name}.head")
        self._torn_path = path.with_name(f"{path.name}.torn")

    def append(self, event: str, **facts: Any) -> None:
        """Write one line, on disk when this returns; a torn line is kept aside before."""
        self._end.append({"event": event, **facts})

    def read(self) -> Audit:
        """Read and check all of it; what was once found broken stays a problem."""
        lines, torn = self._lines()
        parsed = [_parsed(line) for line in lines]
        entries = [entry for entry in parsed if entry is not None]
        noted = [Problem(e["line"], e["text"]) for e in entries if e.get("event") == BROKEN]
        found = [*_broken(lines, parsed), *self._at_end(lines)]
        return Audit(entries, list(dict.fromkeys([*noted, *found])), torn)

    def repair(self) -> list[Problem]:
        """Make the log ready to go on, and return what was newly found wrong with it.

        A torn last line goes to ``<name>.torn``; that it happened, and every break of the chain,
        is noted in the log itself, so that going on hides nothing.
        """
        return self._end.found

    @cached_property
    def _end(self) -> _End:
        audit = self.read()
        noted = {(e["line"], e["text"]) for e in audit.entries if e.get("event") == BROKEN}
        found = [p for p in audit.problems if (p.line, p.text) not in noted]
        if audit.torn:
            self._set_aside(audit.torn)
        lines, _ = self._lines()
        end = _End(self.path, self._head_path, len(lines), _hash(lines[-1]) if lines else "", found)
        if audit.torn:
            end.append({"event": TORN, "bytes": len(audit.torn), "kept": self._torn_path.name})
        for problem in found:
            end.append({"event": BROKEN, "line": problem.line, "text": problem.text})
        return end

    def _lines(self) -> tuple[list[bytes], bytes]:
        """Whole lines without their ends, and what follows the last of them."""
        content = self.path.read_bytes() if self.path.exists() else b""
        *lines, torn = content.split(b"\n")
        return lines, torn

    def _set_aside(self, torn: bytes) -> None:
        with self._torn_path.open("ab") as stream:
            stream.write(torn + b"\n")
            os.fsync(stream.fileno())
        os.truncate(self.path, self.path.stat().st_size - len(torn))

    def _at_end(self, lines: list[bytes]) -> Iterator[Problem]:
        """What the head says of the end; it may be one line behind, after a crash."""
        head = json.loads(self._head_path.read_text()) if self._head_path.exists() else {}
        count, many = int(head.get("lines", 0)), len(lines)
        if count > many:
            yield Problem(many + 1, f"removed, as were all lines up to {count}")
        elif count and _hash(lines[count - 1]) != head["sha256"]:
            yield Problem(count, "changed after it was written")
        if count < many - 1:
            yield Problem(count + 2, f"written by something else, or {self._head_path.name} lost")


class _End:
    """The end of a log, to append to."""

    def __init__(self, path: Path, head: Path, count: int, last: str, found: list[Problem]) -> None:
        self.path, self.head, self.found = path, head, found
        self._count, self._last = count, last

    def append(self, entry: Entry) -> None:
        text = json.dumps({**entry, "previous": self._last}, ensure_ascii=False, default=str)
        line = text.encode()
        self._write(line + b"\n")
        self._count, self._last = self._count + 1, _hash(line)
        write_atomically(self.head, json.dumps({"lines": self._count, "sha256": self._last}))

    def _write(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab", buffering=0) as stream:
            whole = stream.tell()
            try:
                if stream.write(line) != len(line):
                    raise OSError(f"{self.path.name} takes no more: the disk is full")
                os.fsync(stream.fileno())
            except BaseException:
                stream.truncate(whole)  # else the next line would be glued to half of this one
                raise


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _parsed(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("event"), str) else None


def _broken(lines: list[bytes], parsed: list[Entry | None]) -> Iterator[Problem]:
    before = ""
    for number, (line, entry) in enumerate(zip(lines, parsed, strict=True), 1):
        if entry is None:
            yield Problem(number, "is no entry: it was changed after it was written")
        elif entry.get("previous") != before:
            gap = f"line {number - 1} was changed, or lines before this one were removed or added"
            yield Problem(number, gap if number > 1 else "lines before this one were removed")
        before = _hash(line)
