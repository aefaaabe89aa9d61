"""The audit log: a chain of lines that shows what was changed, removed or torn."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.audit import AuditLog, Problem


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def written(path: Path, many: int = 5) -> AuditLog:
    log = AuditLog(path)
    for number in range(many):
        log.append("scored", task="解約", number=number)
    return log


def problems(path: Path) -> list[tuple[int, str]]:
    return [(problem.line, problem.text) for problem in AuditLog(path).read().problems]


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_what_is_written_comes_back(path: Path) -> None:
    written(path, 3)
    found = AuditLog(path).read()
    assert [entry["number"] for entry in found.entries] == [0, 1, 2]
    assert found.entries[0]["task"] == "解約"
    assert found.entries[0]["previous"] == ""
    assert "解約" in path.read_text(encoding="utf-8")
    assert (found.problems, found.torn) == ([], b"")


def test_nothing_was_written_yet(path: Path) -> None:
    found = AuditLog(path).read()
    assert (found.entries, found.problems, found.torn) == ([], [], b"")
    assert not path.exists()


def test_a_log_goes_on_in_another_process(path: Path) -> None:
    written(path, 2)
    written(path, 2)
    found = AuditLog(path).read()
    assert [entry["number"] for entry in found.entries] == [0, 1, 0, 1]
    assert found.problems == []


# what was tampered with ------------------------------------------------------------------------


@given(line=st.integers(0, 4), place=st.integers(0, 10_000), byte=st.integers(32, 126))
def test_any_changed_byte_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, line: int, place: int, byte: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "audit.jsonl"
    written(path)
    whole = lines(path)
    changed = bytearray(whole[line])
    place %= len(changed) - 1
    same = changed[place] == byte
    changed[place] = byte
    path.write_bytes(b"".join([*whole[:line], bytes(changed), *whole[line + 1 :]]))
    found = problems(path)
    if same:
        assert found == []
    else:
        # its own line, or the next one, which no longer follows
        assert {number for number, _ in found} & {line + 1, line + 2}


@given(first=st.integers(0, 4), many=st.integers(1, 5))
def test_removed_lines_are_noticed(
    tmp_path_factory: pytest.TempPathFactory, first: int, many: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "audit.jsonl"
    written(path)
    whole = lines(path)
    path.write_bytes(b"".join([*whole[:first], *whole[first + many :]]))
    assert first + 1 in {number for number, _ in problems(path)}


def test_the_words_for_each_break(path: Path) -> None:
    written(path)
    whole = lines(path)
    path.write_bytes(b"".join([*whole[:2], *whole[3:]]))
    assert problems(path) == [
        (3, "line 2 was changed, or lines before this one were removed or added"),
        (5, "removed, as were all lines up to 5"),
    ]
    path.write_bytes(b"".join(whole[1:]))
    assert problems(path)[0] == (1, "lines before this one were removed")
    path.write_bytes(b"".join(whole[:4]) + whole[4].replace(b'"number": 4', b'"number": 9'))
    assert problems(path) == [(5, "changed after it was written")]
    path.write_bytes(b"".join([*whole[:3], b"oops\n", *whole[4:]]))
    assert problems(path)[0] == (4, "is no entry: it was changed after it was written")
    assert len(AuditLog(path).read().entries) == 4


def test_lines_that_something_else_wrote(path: Path) -> None:
    written(path, 2)
    head = (path.parent / "audit.jsonl.head").read_text()
    written(path, 3)
    (path.parent / "audit.jsonl.head").write_text(head)
    assert problems(path) == [(4, "written by something else, or audit.jsonl.head lost")]


def test_going_on_hides_no_break(path: Path) -> None:
    written(path)
    path.write_bytes(b"".join(lines(path)[:3]))
    log = AuditLog(path)
    assert log.repair() == [Problem(4, "removed, as were all lines up to 5")]
    log.append("scored", task="解約", number=5)
    again = AuditLog(path)
    found = again.read()
    assert [entry["event"] for entry in found.entries] == [
        *["scored"] * 3,
        "chain_broken",
        "scored",
    ]
    assert found.problems == [Problem(4, "removed, as were all lines up to 5")]
    # told once, noted once
    assert again.repair() == []
    again.append("scored", task="解約", number=6)
    assert len(lines(path)) == 6


# what crashed ----------------------------------------------------------------------------------


@given(cut=st.integers(1, 60))
def test_a_torn_line_is_kept_aside(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("log") / "audit.jsonl"
    written(path, 3)
    whole = path.read_bytes()
    half = b'{"event": "scored", "task": "' + "解約".encode() + b'", "number": 3, "previous": "0"}'
    path.write_bytes(whole + half[:cut])
    found = AuditLog(path).read()
    assert found.torn == half[:cut]
    assert found.problems == []
    assert path.read_bytes() == whole + half[:cut], "reading changes nothing"
    AuditLog(path).append("scored", task="解約", number=4)
    found = AuditLog(path).read()
    assert [e["event"] for e in found.entries] == [*["scored"] * 3, "torn_line", "scored"]
    assert found.entries[3]["bytes"] == cut
    assert (path.parent / found.entries[3]["kept"]).read_bytes() == half[:cut] + b"\n"
    assert (found.problems, found.torn) == ([], b"")


def test_a_crash_before_the_head_was_written(path: Path) -> None:
    written(path, 2)
    head = path.parent / "audit.jsonl.head"
    old = head.read_text()
    written(path, 1)
    head.write_text(old)
    assert problems(path) == []
    written(path, 1)
    assert problems(path) == []
    assert json.loads(head.read_text())["lines"] == 4


def test_the_very_first_line_without_its_head(path: Path) -> None:
    written(path, 1)
    (path.parent / "audit.jsonl.head").unlink()
    assert problems(path) == []
    written(path, 1)
    assert problems(path) == []


def test_a_full_disk_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = written(path, 2)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            log.append("scored", task="解約", number=2)
    assert path.read_bytes() == before
    log.append("scored", task="解約", number=3)
    assert [entry["number"] for entry in AuditLog(path).read().entries] == [0, 1, 3]
    assert problems(path) == []
