"""Reading a real PostgreSQL."""

from __future__ import annotations

import datetime as dt
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import psycopg
import pytest

from salesml.crm import Connection, connect
from salesml.errors import ConfigError, SourceError

Run = Callable[[str], None]


@pytest.fixture
def run(postgres_database: str) -> Run:
    def execute(sql: str) -> None:
        with psycopg.connect(postgres_database, autocommit=True) as link:
            link.execute(sql)

    return execute


@pytest.fixture
def crm(postgres_database: str) -> Connection:
    return connect("crm", {"type": "postgres", "dsn": postgres_database})


def read(crm: Connection, table: str = "t", since: tuple[str, str] | None = None) -> Any:
    with duckdb.connect() as con:
        crm.load(con, table, "raw", options={}, since=since)
        kinds = {row[0]: row[1] for row in con.execute("describe raw").fetchall()}
        return kinds, con.execute("from raw").fetchall()


def test_types_are_natural(run: Run, crm: Connection) -> None:
    run(
        "create domain yen as numeric(10, 2); create type mood as enum ('good', 'bad');"
        "create table t as select 1::smallint as a, 2 as b, 9007199254740993 as c,"
        " 0.1::real as d, 0.1::float8 as e, 12.30::numeric(6, 2) as f, 0.5::numeric as g,"
        " 12345678901234567890::numeric(20, 0) as h, 5::yen as i, true as j,"
        " date '2025-01-01' as k,"
        " timestamptz '2025-01-01 09:00+09' as l, timestamp '2025-01-01 09:00:00.123456' as m,"
        " 'good'::mood as n, '{\"k\": [1]}'::jsonb as o, array['x', 'y,z'] as p,"
        " '7d444840-9dc0-11d1-b245-5ffdce74fad2'::uuid as q,"
        " 'ab'::char(4) as r, '2'::varchar(3) as s"
    )
    kinds, found = read(crm)
    assert list(kinds.values()) == [
        *("SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(6,2)", "DOUBLE"),
        *("DECIMAL(20,0)", "DECIMAL(10,2)", "BOOLEAN", "DATE", "TIMESTAMP", "TIMESTAMP"),
        *["VARCHAR"] * 6,
    ]
    assert found[0][2] == 9007199254740993
    assert found[0][3] == pytest.approx(0.1)
    assert found[0][4:13] == (
        *(0.1, Decimal("12.30"), 0.5, Decimal(12345678901234567890), Decimal("5.00"), True),
        *(dt.date(2025, 1, 1), dt.datetime(2025, 1, 1), dt.datetime(2025, 1, 1, 9, 0, 0, 123456)),
    )
    assert found[0][13:16] == ("good", '{"k": [1]}', '{x,"y,z"}')
    assert found[0][16:] == ("7d444840-9dc0-11d1-b245-5ffdce74fad2", "ab  ", "2")


def test_text_survives(run: Run, crm: Connection) -> None:
    texts = ["", "NULL", r"\N", r"\.", 'a "b", c', "x\r\ny\n", "日本語😀", "' -- ", "\t ", " x"]
    quoted = ", ".join("('" + text.replace("'", "''") + "')" for text in texts)
    run(f"create table t (s text); insert into t values {quoted}, (null)")
    assert read(crm) == ({"s": "VARCHAR"}, [*((text,) for text in texts), (None,)])


def test_values_that_python_does_not_have(run: Run, crm: Connection) -> None:
    run(
        "create table t as select 'infinity'::timestamp as a, 'NaN'::numeric(4, 1) as b,"
        " 'NaN'::float8 as c, timestamptz '-infinity' as d, 1e30::numeric(60, 20) as e"
    )
    with duckdb.connect() as con:
        crm.load(con, "t", "raw", options={}, since=None)
        shown = con.execute("select a::text, b, isnan(c), d::text, e from raw").fetchall()
    assert shown == [("infinity", None, True, "-infinity", 1e30)]


def test_large_cells(run: Run, crm: Connection) -> None:
    run("create table t as select repeat('長い', 1000000) as s, 1 as i union all select 'x', 2")
    assert [(len(s), i) for s, i in read(crm)[1]] == [(2_000_000, 1), (1, 2)]


def test_empty_table(run: Run, crm: Connection) -> None:
    run("create table t (i int, at timestamptz)")
    assert read(crm) == ({"i": "INTEGER", "at": "TIMESTAMP"}, [])


def test_since_compares_in_the_type_of_the_column(run: Run, crm: Connection) -> None:
    run(
        "create table t (i int, at timestamptz, s text);"
        "insert into t values (9, '2025-01-01 00:00+00', '9'), (10, '2025-02-01 09:00+09', '1''0')"
    )
    assert [row[0] for row in read(crm, since=("i", "10"))[1]] == [10]
    assert [row[0] for row in read(crm, since=("at", "2025-02-01 00:00:00"))[1]] == [10]
    assert [row[0] for row in read(crm, since=("s", "1'1"))[1]] == [9]
    with pytest.raises(SourceError, match="Did you mean 'at'"):
        read(crm, since=("a", "1"))


def test_schemas_views_and_strange_names(run: Run, crm: Connection) -> None:
    run(
        'create schema "営業"; create table "営業"."a.b" ("達成率%" int, "x""y" text);'
        'insert into "営業"."a.b" values (5, \'v\'); create view v as select * from "営業"."a.b";'
        "create schema s; create table s.t (i int)"
    )
    assert read(crm, "v") == ({"達成率%": "INTEGER", 'x"y': "VARCHAR"}, [(5, "v")])
    assert read(crm, "s.t") == ({"i": "INTEGER"}, [])
    assert crm.columns("v") == {"達成率%": "integer", 'x"y': "text"}


def test_missing_table_has_near_misses(run: Run, crm: Connection) -> None:
    run("create table accounts (i int)")
    with pytest.raises(SourceError, match="Did you mean 'accounts'"):
        read(crm, "account")


def test_reading_cannot_write(run: Run, crm: Connection) -> None:
    run(
        "create table t (i int); create function f() returns int language sql"
        " as 'insert into t values (1) returning i'; create view v as select f() as i"
    )
    with pytest.raises(SourceError, match="read-only"):
        read(crm, "v")
    assert read(crm)[1] == []


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:s3cret@127.0.0.1:1/crm",
        "host=127.0.0.1 port=1 user=me password=s3cret dbname=crm",
        "postgresql://127.0.0.1:1/crm?user=me&password=s3cret",
    ],
)
def test_password_is_never_shown(dsn: str) -> None:
    connection = connect("crm", {"type": "postgres", "dsn": dsn})
    with pytest.raises(SourceError, match="cannot be used") as error:
        connection.columns("t")
    shown = "".join(traceback.format_exception(error.value)) + repr(connection)
    assert "s3cret" not in shown
    assert "user=me host=127.0.0.1 port=1 dbname=crm" in str(error.value)


def test_a_dsn_that_cannot_be_parsed_is_not_repeated() -> None:
    dsn = "host=h password='s3cret"
    with pytest.raises(ConfigError, match="cannot be understood") as error:
        connect("crm", {"type": "postgres", "dsn": dsn})
    assert "s3cret" not in str(error.value)
    assert error.value.__suppress_context__  # the driver's words repeat the text
