"""Writing: the same promises for every kind of target."""

from __future__ import annotations

import csv
import datetime as dt
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from salesml.crm import Connection, connect
from salesml.crm.sqlite import Sqlite
from salesml.errors import ExportError, SourceError

KINDS = ["sqlite", "postgres", "duckdb", "files"]


class Target:
    """A table ``name`` of one kind of target, with ways to make and read it from outside."""

    name = "accounts"

    def __init__(self, kind: str, place: str) -> None:
        self.kind, self.place = kind, place
        self.crm: Connection = connect(
            "crm", {"type": kind, "dsn" if kind == "postgres" else "path": place}
        )

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        with self._open() as link:
            for statement in statements:
                cursor = link.execute(statement)
                if statement.startswith("select"):
                    found = [tuple(row) for row in cursor.fetchall()]
            if self.kind == "sqlite":
                link.commit()
        return found

    def _open(self) -> Any:
        if self.kind == "sqlite":
            return closing(sqlite3.connect(self.place))
        if self.kind == "duckdb":
            return duckdb.connect(self.place)
        return psycopg.connect(self.place, autocommit=True)

    def make(self, *rows: Sequence[str | None]) -> None:
        """Columns id (integer), score (number), band and owner (text)."""
        columns = 'id integer, score double precision, "band 帯%" text, owner text'
        values = (", ".join("null" if v is None else repr(v) for v in row) for row in rows)
        self.run(
            f"create table accounts ({columns})",
            *(f"insert into accounts values ({listed})" for listed in values),
        )

    def rows(self) -> list[tuple[Any, ...]]:
        found = self.run('select id, score, "band 帯%", owner from accounts order by id')
        return [tuple(None if v is None else str(v) for v in row) for row in found]


class CsvTarget(Target):
    name = "accounts.csv"

    def make(self, *rows: Sequence[str | None]) -> None:
        self.write([["id", "score", "band 帯%", "owner"], *([v or "" for v in r] for r in rows)])

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        with Path(self.place, self.name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    def rows(self) -> list[tuple[Any, ...]]:
        with Path(self.place, self.name).open(newline="", encoding="utf-8-sig") as file:
            return [tuple(v or None for v in row) for row in list(csv.reader(file))[1:]]


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    kind = request.param
    if kind == "files":
        return CsvTarget(kind, str(tmp_path))
    if kind == "postgres":
        return Target(kind, request.getfixturevalue("postgres_database"))
    path = str(tmp_path / "crm.db")
    made = Target(kind, path)
    made.run("create table other (x integer)")
    return made


BAND = "band 帯%"


def upsert(target: Target, *rows: Mapping[str, object], create: bool = False, **seen: Any) -> None:
    target.crm.upsert(target.name, "id", rows, create=create, **seen)


def test_only_listed_fields_of_listed_records_change(target: Target) -> None:
    target.make(["1", "0.5", "A", "佐藤"], ["2", None, None, None], ["3", "7.5", "B", "x"])
    upsert(target, {"id": "1", "score": 62.5}, {"id": "2", BAND: '日\n"本", \'😀'}, {"id": "3"})
    assert target.rows() == [
        ("1", "62.5", "A", "佐藤"),
        ("2", None, '日\n"本", \'😀', None),
        ("3", "7.5", "B", "x"),
    ]


def test_values_can_be_emptied(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"])
    upsert(target, {"id": "1", "score": None, BAND: None})
    assert target.rows() == [("1", None, None, "x")]


def test_create_inserts_what_is_missing(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"])
    upsert(target, {"id": "1", "score": 1.5}, {"id": "20", "score": 2.5, BAND: "新"}, create=True)
    assert target.rows() == [("1", "1.5", "A", "x"), ("20", "2.5", "新", None)]


def test_all_or_nothing(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"])
    with pytest.raises(ExportError, match="No such record") as error:
        upsert(target, {"id": "1", "score": 1.5}, {"id": "2", "score": 1.5})
    assert "received: 2" in str(error.value)
    with pytest.raises(ExportError):
        upsert(target, {"id": "1", BAND: "B"}, {"id": "5", BAND: "\ud800"}, create=True)
    assert target.rows() == [("1", "0.5", "A", "x")]


def test_a_record_that_changed_since_it_was_seen_is_refused(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["2", "0.5", None, "x"])
    seen = target.crm.fetch(target.name, "id", ["1", "2"], ["score", BAND])
    upsert(target, {"id": "1", BAND: "person"})
    with pytest.raises(ExportError, match="Somebody changed the record") as error:
        upsert(target, {"id": "2", "score": 9.5}, {"id": "1", "score": 9.5}, seen=seen)
    assert "received: 1\n" in str(error.value)
    upsert(target, {"id": "2", "score": 9.5}, seen=seen)
    assert target.rows() == [("1", "0.5", "person", "x"), ("2", "9.5", None, "x")]


@pytest.mark.parametrize("target", ["sqlite", "postgres"], indirect=True)
def test_nobody_can_edit_between_check_and_write(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.make(["1", "0.5", "A", "x"])
    blocked: list[str] = []

    def check(*_: object, **__: object) -> None:
        with target._open() as other:
            other.execute(
                "pragma busy_timeout = 10" if target.kind == "sqlite" else "set lock_timeout = 10"
            )
            with pytest.raises(Exception, match="lock") as error:
                other.execute("update accounts set score = 7 where id = 1")
            blocked.append(str(error.value))

    monkeypatch.setattr("salesml.crm.database.require_fresh", check)
    upsert(target, {"id": "1", "score": 1.5}, seen={"1": {"score": 0.5}})
    assert len(blocked) == 1
    assert target.rows() == [("1", "1.5", "A", "x")]


def test_a_record_that_appeared_since_is_refused(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"])
    with pytest.raises(ExportError, match="Somebody changed the record"):
        upsert(target, {"id": "1", "score": 9.5}, create=True, seen={})
    assert target.rows() == [("1", "0.5", "A", "x")]


def test_fetch_gives_fields_of_those_that_exist(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["2", None, "z", None])
    found = target.crm.fetch(target.name, "id", ["2", "1", "01", "99", "abc"], ["score", BAND])
    assert sorted(found) == ["1", "2"]
    assert float(str(found["1"]["score"])) == 0.5
    assert found["1"][BAND] == "A"
    assert found["2"]["score"] is None


def test_problems_of_a_target_are_found_before_writing(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["1", "0.5", "B", "x"], ["2", "1.5", "B", "y"])
    check = target.crm.check_target
    with pytest.raises(ExportError, match="'id' is no key") as error:
        check(target.name, "id", ["score"], create=False)
    assert "received: 1\n" in str(error.value)
    assert "merge these records" in str(error.value)
    with pytest.raises(ExportError, match="Did you mean 'score'") as error:
        check(target.name, "id", ["scores", "nothing", BAND], create=True)
    assert "'nothing'" in str(error.value)
    assert "Add them to the table" in str(error.value)


def test_a_good_target_passes(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["2", "0.5", "A", "x"])
    target.crm.check_target(target.name, "id", ["score", BAND], create=False)
    assert target.crm.exists(target.name)


def test_missing_table(target: Target) -> None:
    target.make()
    missing = target.name.replace("accounts", "acounts")
    assert not target.crm.exists(missing)
    with pytest.raises(ExportError, match=f"Did you mean '{target.name}'"):
        target.crm.check_target(missing, "id", ["score"], create=False)
    target.crm.check_target(missing, "id", ["score"], create=True)


def test_tables_are_created_once(target: Target) -> None:
    name = target.name.replace("accounts", "new scores")
    fields = {"n": int, "x": float, "ok": bool, "文": str, "on": dt.date, "at": dt.datetime}
    target.crm.ensure_table(name, "id", fields)
    row = {"id": "é=1", "n": 2, "x": 0.5, "ok": True, "文": "日本", "on": "2025-01-02"}
    full = {**row, "at": "2025-01-02 03:04:05"}
    target.crm.upsert(name, "id", [full], create=True)
    target.crm.ensure_table(name, "id", fields)
    found = target.crm.fetch(name, "id", ["é=1"], list(fields))["é=1"]
    assert str(found["文"]) == "日本"
    assert (float(str(found["n"])), float(str(found["x"]))) == (2, 0.5)
    assert str(found["ok"]).lower() in {"true", "1"}
    assert (found["on"], found["at"]) == ("2025-01-02", "2025-01-02 03:04:05")


# one kind only --------------------------------------------------------------------------------


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
        assert made.crm.fetch(f"t{number}", "k", wanted, ["v"]) == {key: {"v": 1}}, kind
        made.crm.upsert(f"t{number}", "k", [{"k": key, "v": 2}], create=False)
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
            made.crm.upsert("t", "k", [{"k": "1", "v": value}], create=False)
    assert made.run("select v from t") == [(1,)]


def test_postgres_schemas(postgres_table: Callable[..., Target]) -> None:
    made = postgres_table("create schema s")
    made.crm.ensure_table("s.t", "k", {"v": int})
    made.crm.upsert("s.t", "k", [{"k": "1", "v": 1}], create=True)
    assert made.run("select k, v from s.t") == [("1", 1)]


def test_sqlite_keys_without_a_type(tmp_path: Path) -> None:
    made = Target("sqlite", str(tmp_path / "crm.db"))
    made.run("create table t (k, v)", "insert into t values (5, 1), ('a', 1)")
    made.crm.upsert("t", "k", [{"k": "5", "v": 2}, {"k": "a", "v": 3}], create=False)
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
            made.crm.upsert("t", "k", [{"k": "a", "v": 2}], create=False)
        other.execute("rollback")
    assert made.run("select v from t") == [(1,)]
