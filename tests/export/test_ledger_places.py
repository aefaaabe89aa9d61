"""Where a ledger may lie, and ledgers that cannot be used as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from salesml.errors import ExportError
from salesml.export import Ledger


def test_a_file_is_kept_safely(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as link:
        assert link.execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("no database, but long enough to be looked at" * 50)
    with pytest.raises(ExportError, match="The ledger cannot be used"):
        Ledger(tmp_path / "ledger.sqlite")


def test_a_server_that_is_not_there_and_a_password_that_nobody_sees() -> None:
    dsn = "postgresql://me:geheim@127.0.0.1:1/ledger"
    with pytest.raises(ExportError, match="The ledger cannot be used") as error:
        Ledger(dsn)
    assert "geheim" not in str(error.value)
    assert "me:***@127.0.0.1" in str(error.value)
    with pytest.raises(ExportError, match="dsn of the ledger") as error:
        Ledger("postgresql://me:geheim@127.0.0.1:port/ledger")
    assert "geheim" not in str(error.value)


@pytest.mark.parametrize(
    "dsn",
    [
        "mysql://me:geheim@127.0.0.1/ledger",
        "postgresql+psycopg://me:geheim@127.0.0.1:1/ledger",
        "postgresql://me:mein@geheim@127.0.0.1:1/ledger",
        "postgresql://127.0.0.1:1/ledger?user=me&password=geheim",
    ],
)
def test_no_other_address_shows_its_password_or_becomes_a_file(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError) as error:
        Ledger(dsn)
    assert "geheim" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_and_a_lock_that_cannot_be_taken(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="The ledger cannot be used"):
        Ledger(tmp_path / "file" / "ledger.sqlite")
    ledger = Ledger(tmp_path / "ledger.sqlite")
    note = tmp_path / "ledger.sqlite.writer"
    note.mkdir()
    with pytest.raises(ExportError, match="The ledger cannot be used"), ledger.writing("a run"):
        pass
    note.rmdir()
    with ledger.writing("a run"):  # what failed holds no lock
        pass


def test_a_ledger_of_a_later_version(tmp_path: Path) -> None:
    Ledger(tmp_path / "later.sqlite")
    with closing(sqlite3.connect(tmp_path / "later.sqlite")) as link, link:
        link.execute("update ledger set version = 9")
    with pytest.raises(ExportError, match="later version"):
        Ledger(tmp_path / "later.sqlite")


OLD = """
create table records (target text not null, external_id text not null, payload text not null,
    hash text not null, as_of text not null, run_id text not null, acknowledged_at text not null,
    primary key (target, external_id)) without rowid;
create table attempts (attempt_id integer primary key, target text not null,
    external_id text not null, as_of text not null, run_id text not null, payload text not null,
    hash text not null, status text not null, error text, attempts integer not null default 0,
    planned_at text not null, sent_at text, finished_at text);
create index attempts_of_record on attempts (target, external_id, attempt_id);
insert into records values ('t', 'a', '{"score": 1}', 'h', '2025-03-01', 'r0', '2025-03-01');
"""
BEFORE = [  # id, status, error, sent
    ("a", "acknowledged", None, True),
    ("b", "failed", "no such record", False),
    ("c", "sent", None, True),
    ("c", "kept", "score is 9", False),
    ("d", "failed", "refused", True),
    ("e", "failed", "refused", True),
    ("e", "acknowledged", None, True),
    ("f", "sent", None, True),
    ("g", "planned", None, False),
]


def test_a_ledger_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as link, link:
        link.executescript(OLD)
        link.executemany(
            "insert into attempts (target, external_id, as_of, run_id, payload, hash, status,"
            " error, planned_at, sent_at) values ('t', ?, '2025-03-01', 'r0', '{}', 'h', ?, ?,"
            " 'p', case when ? then 's' end)",
            BEFORE,
        )
    for ledger in (Ledger(path), Ledger(path)):
        assert ledger.records("t", ["a"])["a"].payload == {"score": 1}
        assert {i: [a.status for a in ledger.history("t", i)] for i in "abcdefg"} == {
            "a": ["acknowledged"],
            "b": ["missing"],
            "c": ["superseded", "kept"],
            "d": ["retry"],
            "e": ["superseded", "acknowledged"],
            "f": ["sent"],
            "g": ["planned"],
        }
        assert ledger.unanswered("t", list("abcdefg")).keys() == {"c", "d", "f"}
        assert ledger.were_there("t", list("abcdefg")) == {"c"}
        assert len(ledger.queue("t")) == 3
