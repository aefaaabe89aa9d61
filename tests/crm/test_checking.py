"""What a database would refuse at night is found when the target is checked."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pytest

from salesml.crm import Connection, connect
from salesml.crm.declared import takes, tolerance
from salesml.errors import ExportError

Fields = dict[str, type | None]


def refused(crm: Connection, fields: Fields, table: str = "t", *, create: bool = False) -> str:
    with pytest.raises(ExportError, match="does not fit") as error:
        crm.check_target(table, "k", fields, create=create)
    return str(error.value)


@pytest.fixture
def postgres_crm(postgres_database: str) -> Callable[..., Connection]:
    def make(*statements: str, user: str = "") -> Connection:
        with psycopg.connect(postgres_database, autocommit=True) as link:
            for statement in statements:
                link.execute(statement)
        dsn = f"{postgres_database}&user={user}" if user else postgres_database
        return connect("crm", {"type": "postgres", "dsn": dsn})

    return make


@pytest.mark.parametrize(
    ("kind", "fitting", "unfit"),
    [
        ("integer", (int, float), (str, dt.date)),
        ("numeric(8,2)", (int, float), (str, dt.datetime)),
        ("double precision", (int, float), (str,)),
        ("boolean", (bool,), (int, float, str)),
        ("date", (dt.date, dt.datetime), (bool, int, float, str)),
        ("timestamp with time zone", (dt.date, dt.datetime), (int, str)),
        ("TIMESTAMP WITH TIME ZONE", (dt.datetime,), (str,)),
        ("character varying(255)", (bool, int, float, str, dt.date, dt.datetime), ()),
        ("mood", (str, int), ()),
        ("text[]", (), (str, int)),
        ("STRUCT(a INTEGER)", (), (str,)),
    ],
)
def test_types_take_what_they_can_hold(
    kind: str, fitting: tuple[type, ...], unfit: tuple[type, ...]
) -> None:
    assert all(takes(kind, wanted) for wanted in fitting)
    assert not any(takes(kind, wanted) for wanted in unfit)
    assert takes(kind, None) is bool(fitting)


def test_lengths_of_texts_are_known() -> None:
    kinds = ["character varying(255)", "character(3)", "text", "VARCHAR"]
    assert [tolerance(kind).length for kind in kinds] == [255, 3, None, None]
    assert [tolerance(kind).trims for kind in kinds] == [False, True, False, False]


def test_postgres_names_every_field_of_another_type(
    postgres_crm: Callable[..., Connection],
) -> None:
    crm = postgres_crm("create table t (k text, score int, band float8, ok int, tags text[])")
    told = refused(crm, {"score": float, "band": str, "ok": bool, "tags": None})
    assert "'band' is double precision, which takes no text\n" in told
    assert "'ok' is integer, which takes no true and false\n" in told
    assert "'tags' is text[], which takes no single values\n" in told
    assert "score" not in told.partition("received")[0]


def test_a_column_of_whole_numbers_is_doubtful_for_fractions(
    postgres_crm: Callable[..., Connection],
) -> None:
    crm = postgres_crm("create table t (k text, score int, n int)")
    warnings = crm.check_target("t", "k", {"score": float, "n": int}, create=False)
    assert warnings == ["'score' is integer, which rounds numbers"]


def test_postgres_rights_on_single_columns(postgres_crm: Callable[..., Connection]) -> None:
    postgres_crm(
        "create table t (k text, score int, band text, note text)",
        "drop role if exists clerk",
        "create role clerk login",
        "grant select on t to clerk",
        "grant update (score) on t to clerk",
    )
    crm = postgres_crm(user="clerk")
    fields: Fields = {"score": int, "band": str}
    told = refused(crm, fields, create=True)
    assert "this user may not change or add 'band'\n" in told
    assert "this user may not add 'k'\n" in told
    assert "this user may not change 'band'\n" in refused(crm, fields)
    assert crm.check_target("t", "k", {"score": int}, create=False) == []
    postgres_crm("revoke select on t from clerk")
    assert "this user may not read 'k'" in refused(crm, {"score": int})
    postgres_crm("drop owned by clerk", "drop role clerk")


def test_postgres_computed_columns_and_views(postgres_crm: Callable[..., Connection]) -> None:
    crm = postgres_crm(
        "create table t (k text, a int, b int generated always as (a * 2) stored)",
        "create view simple as select k, a from t",
        "create view joined as select t.k, t.a from t join t u using (k)",
    )
    assert "this user may not change 'b'" in refused(crm, {"a": int, "b": int})
    assert crm.check_target("simple", "k", {"a": int}, create=True) == []
    assert "this user may not change 'a'" in refused(crm, {"a": int}, "joined")


def sqlite_crm(path: Path, *statements: str) -> Connection:
    with closing(sqlite3.connect(path)) as link:
        for statement in statements:
            link.execute(statement)
    return connect("crm", {"type": "sqlite", "path": str(path)})


def test_sqlite_takes_all_but_says_what_is_declared_otherwise(tmp_path: Path) -> None:
    crm = sqlite_crm(tmp_path / "crm.db", "create table t (k, n integer, d date, ok int, s)")
    fields: Fields = {"n": str, "d": dt.date, "ok": bool, "s": float}
    warnings = crm.check_target("t", "k", fields, create=False)
    assert warnings == ["'n' is declared INTEGER, but will hold text"]
    assert crm.check_target("t", "k", {"n": float, "d": None}, create=False) == []


def test_sqlite_strict_tables_refuse(tmp_path: Path) -> None:
    crm = sqlite_crm(tmp_path / "crm.db", "create table t (k text, n integer, x real) strict")
    told = refused(crm, {"n": float, "x": str})
    assert "'n' is INTEGER, which rounds numbers" in told
    assert "'x' is REAL, which takes no text" in told
    assert crm.check_target("t", "k", {"n": int, "x": float}, create=False) == []


def test_sqlite_computed_columns_and_views(tmp_path: Path) -> None:
    crm = sqlite_crm(
        tmp_path / "crm.db",
        "create table t (k, a int, b int generated always as (a * 2))",
        "create view v as select k, a from t",
        "create view w as select k, a from t",
        "create trigger writes instead of update on w begin select 1; end",
    )
    assert "'b' is computed" in refused(crm, {"b": int})
    assert "it is a view" in refused(crm, {"a": int}, "v")
    assert crm.check_target("w", "k", {"a": int}, create=False) == []


def test_duckdb_types_and_views(tmp_path: Path) -> None:
    path = tmp_path / "crm.duckdb"
    with duckdb.connect(str(path)) as link:
        link.execute("create table t (k varchar, n integer, t timestamp)")
        link.execute("create view v as from t")
    crm = connect("crm", {"type": "duckdb", "path": str(path)})
    told = refused(crm, {"n": str, "t": float})
    assert "'n' is INTEGER, which takes no text" in told
    assert "'t' is TIMESTAMP, which takes no numbers" in told
    assert "it is a view" in refused(crm, {"n": int}, "v")
