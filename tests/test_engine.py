from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.engine import (
    connect,
    literal,
    local_time,
    one,
    outside_of,
    quote,
    subqueries_in,
    tables_in,
    utc_time,
)


def test_texts_are_folded(con: duckdb.DuckDBPyConnection) -> None:
    assert one(con, "select nfkc('ＡＢＣ－１２３　ｱｲｳ')") == "ABC-123 アイウ"
    assert one(con, "select nfkc(null)") is None
    con.execute("create table t as select 'ｶﾞ' || i as x from range(5000) r(i)")
    assert one(con, "select count(*) from t where nfkc(x) = 'ガ' || rowid") == 5000


@pytest.fixture(scope="module")
def shared() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(threads=1) as opened:
        yield opened


@given(text=st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs", "Cn", "Cc"])))
def test_folding_is_that_of_unicode(shared: duckdb.DuckDBPyConnection, text: str) -> None:
    assert one(shared, "select nfkc($1)", [text]) == normalize("NFKC", text)


@pytest.mark.parametrize(
    ("value", "sql"),
    [(None, "null"), (True, "true"), (1, "1"), (0.5, "0.5"), ("it's", "'it''s'")],
)
def test_literals(con: duckdb.DuckDBPyConnection, value: object, sql: str) -> None:
    assert literal(value) == sql
    assert one(con, f"select {sql}") == value


def test_identifiers(con: duckdb.DuckDBPyConnection) -> None:
    name = 'a "b"'
    assert (con.execute(f"select 1 as {quote(name)}").description or [])[0][0] == name


@pytest.mark.parametrize(
    ("zone", "business", "utc"),
    [
        ("Asia/Tokyo", "2024-01-01 00:00", "2023-12-31 15:00"),
        ("Europe/Berlin", "2024-01-15 00:00", "2024-01-14 23:00"),
        ("Europe/Berlin", "2024-07-15 00:00", "2024-07-14 22:00"),
        ("America/Sao_Paulo", "2024-07-15 00:00", "2024-07-15 03:00"),
        ("America/Sao_Paulo", "2018-12-15 00:00", "2018-12-15 02:00"),
    ],
)
def test_business_time(con: duckdb.DuckDBPyConnection, zone: str, business: str, utc: str) -> None:
    there = utc_time(f"timestamp '{business}'", zone)
    back = local_time(f"timestamp '{utc}'", zone)
    found = con.execute(f"select {there}::varchar, {back}::varchar").fetchall()
    assert found == [(f"{utc}:00", f"{business}:00")]


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("select * from a join b using (i), (select * from c) d", {"a", "b", "c"}),
        ("with x as (select * from a) select * from x", {"a"}),
        ("with x as (select 1), y as (select * from x) from y where i in (from z)", {"z"}),
        ("with a as (select * from a) select * from a", {"a"}),
        ("select * from (with a as (select 1) from a) join a on true", {"a"}),
        ("with recursive r as (select 1 i union all select i + 1 from r) from r", set()),
        ("select * from main.a", {"main.a"}),
        ("select * from 'x.parquet'", {"x.parquet"}),
        ("select 1;", set()),
        ("select * from A -- from b", {"A"}),
    ],
)
def test_tables(con: duckdb.DuckDBPyConnection, sql: str, tables: set[str]) -> None:
    assert tables_in(con, sql) == tables


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        (
            "select now(), current_date, localtimestamp from a",
            {"now", "current_date", "localtimestamp"},
        ),
        ("select random() < 0.5, uuid()", {"random", "uuid"}),
        ("select age(happened_at), age(as_of, happened_at) from a", {"age"}),
        ("select today, uuid, a.current_date from a", set()),
        ("select 'now()' -- random()\n/* today() */ from a", set()),
        ("select * from read_csv('x.csv')", {"read_csv"}),
        ("select * from read_text('x')", {"read_text"}),
        ("select * from duckdb_tables()", {"duckdb_tables"}),
        ("select * from query('select 1')", {"query"}),
        ("select * from range(3), unnest([1, 2])", set()),
        ("select getvariable('x'), current_setting('threads')", {"getvariable", "current_setting"}),
        ("select * from a using sample 10", {"sample"}),
        ("select * from (describe a)", {"show"}),
        ("with x as (select now() as n from a) select * from x", {"now"}),
        ("select count(*), sum(x) over (order by y) from a group by all", set()),
    ],
)
def test_what_lies_outside(con: duckdb.DuckDBPyConnection, sql: str, names: set[str]) -> None:
    assert outside_of(con, sql) == names


def test_outermost_subqueries(con: duckdb.DuckDBPyConnection) -> None:
    sql = """select exists (from t where t.a = s.a), b in (select b from t),
        not ((select max(x) from (select 1 as x) q) > 3) from s where c = any (select 1)"""
    assert subqueries_in(con, sql) == [
        ("EXISTS", "SELECT * FROM t WHERE (t.a = s.a)"),
        ("ANY", "SELECT b FROM t"),
        ("SCALAR", "SELECT max(x) FROM (SELECT 1 AS x) AS q"),
        ("ANY", "SELECT 1"),
    ]
    assert subqueries_in(con, "select 1") == []


@pytest.mark.parametrize("sql", ["select from where", "drop table a", "select 1; select 2", ""])
def test_only_one_select_is_looked_at(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        tables_in(con, sql)


def test_names_are_never_taken_from_python(con: duckdb.DuckDBPyConnection) -> None:
    import pandas as pd

    secret = pd.DataFrame({"x": [1]})
    with pytest.raises(duckdb.CatalogException):
        con.execute("select * from secret")
    assert len(secret) == 1


def test_a_connection_spills_where_it_is_told(tmp_path: Path) -> None:
    with connect(tmp_path / "a" / "spill", threads=1) as con:
        assert one(con, "select current_setting('temp_directory')") == str(tmp_path / "a" / "spill")
        assert one(con, "select current_setting('threads')") == 1
        assert one(con, "select current_setting('TimeZone')") == "UTC"
