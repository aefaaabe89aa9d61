"""Writing: what is special in each kind of target."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crm.local_targets import Target, fates, write
from salesml.crm.records import Fate, Seen
from salesml.crm.sqlite import Sqlite
from salesml.errors import ExportError, SourceError, UnansweredError


@pytest.fixture
def postgres_table(postgres_database: str) -> Callable[..., Target]:
    def make(*statements: str) -> Target:
        made = Target("postgres", postgres_database)
        made.run(*statements)
        return made

    return make


def test_postgres_keys_of_any_type(postgres_table: Callable[..., Target]) -> None:
    identity = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
    keys = {"uuid": identity, "bigint": "9007199254740993", "char(3)": "a", "numeric": "12"}
    for number, (kind, key) in enumerate(keys.items()):
        made = postgres_table(
            f"create table t{number} (k {kind}, v int)",
            f"insert into t{number} values ('{key}', 1)",
        )
        wanted = [key, "x", identity.upper(), "9" * 40]
        assert made.crm.fetch(f"t{number}", "k", wanted, ["v"]) == {key: Seen({"v": 1})}, kind
        write(made, {"k": key, "v": 2}, table=f"t{number}", key="k")
        assert made.run(f"select v from t{number}") == [(2,)]


def test_postgres_tolerances_follow_the_declared_types(
    postgres_table: Callable[..., Target],
) -> None:
    made = postgres_table("create table t (i int, n numeric(8, 2), r real, d float8, s text)")
    found = made.crm.tolerances("t", ["i", "n", "r", "d", "s"])
    assert {name: found[name].absolute for name in "inrds"} == {
        "i": 0.5,
        "n": 0.005,
        "r": 0.0,
        "d": 0.0,
        "s": 0.0,
    }
    assert found["r"].relative > found["d"].relative


def test_postgres_refusals_are_about_data(postgres_table: Callable[..., Target]) -> None:
    made = postgres_table(
        "create table t (k int primary key, v int check (v < 10))", "insert into t values (1, 1)"
    )
    for value in (11, "many"):
        with pytest.raises(ExportError, match="The database refused"):
            write(made, {"k": "1", "v": value}, table="t", key="k")
    assert made.run("select v from t") == [(1,)]


def test_postgres_schemas(postgres_table: Callable[..., Target]) -> None:
    made = postgres_table("create schema s")
    made.crm.ensure_table("s.t", "k", {"v": int})
    write(made, {"k": "1", "v": 1}, table="s.t", key="k")
    assert made.run("select k, v from s.t") == [("1", 1)]


def test_postgres_records_that_others_hold_are_for_later(
    postgres_table: Callable[..., Target],
) -> None:
    made = postgres_table(
        "create table t (k text primary key, v int)", "insert into t values ('a', 1), ('b', 1)"
    )
    with psycopg.connect(made.place) as other:
        other.execute("update t set v = 7 where k = 'b'")
        refused = write(made, {"k": "b", "v": 2}, {"k": "a", "v": 2}, table="t", key="k")
        assert fates(refused) == {"b": Fate.RETRY}
        other.rollback()
    assert not write(made, {"k": "b", "v": 3}, table="t", key="k")
    assert made.run("select * from t order by k") == [("a", 2), ("b", 3)]


def test_postgres_waits_for_no_transaction_for_ever(
    postgres_table: Callable[..., Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesml.crm.postgres._SESSION", "set local lock_timeout = 10")
    made = postgres_table("create table t (k text primary key, v int)")
    with psycopg.connect(made.place) as other:
        other.execute("insert into t values ('b', 7)")
        with pytest.raises(ExportError, match="lock timeout"):
            write(made, {"k": "a", "v": 2}, {"k": "b", "v": 2}, table="t", key="k")
        alone = write(made, {"k": "b", "v": 2}, table="t", key="k")
        assert fates(alone) == {"b": Fate.RETRY}
        other.rollback()
    assert made.run("select * from t") == []


def test_postgres_lost_in_the_commit_leaves_it_open(
    postgres_table: Callable[..., Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = postgres_table("create table t (k text, v int)", "insert into t values ('a', 1)")
    commit = psycopg.Connection.commit

    def cut(link: psycopg.Connection[Any]) -> None:
        commit(link)
        if not link.read_only:
            raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(psycopg.Connection, "commit", cut)
    with pytest.raises(UnansweredError, match="connection is lost"):
        write(made, {"k": "a", "v": 2}, table="t", key="k")
    monkeypatch.undo()
    assert made.run("select v from t") == [(2,)]


def test_sqlite_keys_without_a_type(tmp_path: Path) -> None:
    made = Target("sqlite", str(tmp_path / "crm.db"))
    made.run("create table t (k, v)", "insert into t values (5, 1), ('a', 1)")
    write(made, {"k": "5", "v": 2}, {"k": "a", "v": 3}, table="t", key="k")
    assert made.run("select * from t") == [(5, 2), ("a", 3)]


def test_sqlite_is_read_without_the_right_to_write(tmp_path: Path) -> None:
    made = Sqlite("crm", {"type": "sqlite", "path": str(tmp_path / "crm.db")})
    made.path.touch()
    with pytest.raises(SourceError, match="readonly"), made.session(write=False) as cursor:
        cursor.execute("create table t (x)")


def test_a_locked_sqlite_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.crm.sqlite._BUSY_SECONDS", 0.01)
    made = Target("sqlite", str(tmp_path / "crm.db"))
    made.run("create table t (k text, v)", "insert into t values ('a', 1)")
    with closing(sqlite3.connect(made.place, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(SourceError, match="locked"):
            write(made, {"k": "a", "v": 2}, table="t", key="k")
        other.execute("rollback")
    assert made.run("select v from t") == [(1,)]


def test_a_sqlite_that_refused_is_free_while_its_error_is_at_hand(tmp_path: Path) -> None:
    made = Target("sqlite", str(tmp_path / "crm.db"))
    made.run(
        "create table t (k text, v)",
        "insert into t values ('a', 1)",
        "create trigger rule before update on t begin select raise(abort, 'no'); end",
    )
    with pytest.raises(ExportError, match="no") as error:
        write(made, {"k": "a", "v": 2}, table="t", key="k")
    with closing(sqlite3.connect(made.place, timeout=0, isolation_level=None)) as other:
        other.execute("begin immediate")
    assert error.tb is not None  # keeps all that it passed through alive
