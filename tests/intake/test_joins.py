"""Tables joined to a raw one, through the real connectors."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes import project, read, source, stored

from salesml.config import Project
from salesml.errors import SourceError

HEADERS = "order,account,day\n1,a,2024-05-01\n2,b,2024-05-02\n"
LINES = "line,order,amount\n10,1,5\n11,1,7\n12,2,9\n13,9,1\n"


def made(folder: Path, **changes: Any) -> Project:
    plain: dict[str, Any] = {
        "table": "lines.csv",
        "joins": {"header": {"table": "headers.csv", "on": "order"}},
        "happened_at": "header.day",
        "known_at": "header.day",
        "stop_above": 1,
        "columns": {"activity_id": "line", "account_id": "header.account", "amount": "amount"},
    }
    (folder / "lines.csv").write_text(LINES)
    (folder / "headers.csv").write_text(HEADERS)
    return project(folder, {"a": source(**{**plain, **changes})}, timezone="UTC")


def test_a_line_learns_its_account_and_day(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    report = read(con, given, "a", types={"amount": "double"})
    found = [
        (r["activity_id"], r["account_id"], r["known_at"].day) for r in stored(con, given, "a")
    ]
    assert found == [("10", "a", 1), ("11", "a", 1), ("12", "b", 2)]
    # the line of an order that is not there has neither
    assert report.quality.failed == {"happened_at": 1, "known_at": 1, "not_null(account_id)": 1}
    assert con.execute("select view_name from duckdb_views() where not internal").fetchall() == []
    assert con.execute("select table_name from duckdb_tables()").fetchall() == []


def test_a_change_of_the_joined_table_is_noticed(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path)
    read(con, given, "a")
    assert read(con, given, "a").unchanged
    (tmp_path / "headers.csv").write_text(HEADERS + "9,c,2024-05-03\n")
    assert read(con, given, "a").rows == 4


def test_lines_of_a_database_that_grow(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite"
    with closing(sqlite3.connect(path)) as crm, crm:
        crm.execute("create table headers (shop text, number integer, account text, day text)")
        crm.execute("create table lines (line integer, shop text, number integer, amount real)")
        crm.execute(
            "insert into headers values ('x', 1, 'a', '2024-05-01'), ('y', 1, 'b', '2024-05-01')"
        )
        crm.execute("insert into lines values (1, 'x', 1, 2.5), (2, 'y', 1, 3.5)")
    given = made(
        tmp_path,
        table="lines",
        joins={"header": {"table": "headers", "on": ["shop", "number"]}},
        incremental="line",
    )
    given = replace(given, connections={"crm": {"type": "sqlite", "path": str(path)}})
    assert read(con, given, "a").new_rows == 2
    with closing(sqlite3.connect(path)) as crm, crm:
        crm.execute("insert into lines values (3, 'x', 1, 4.5)")
    assert read(con, given, "a").new_rows == 1
    accounts = [(r["activity_id"], r["account_id"]) for r in stored(con, given, "a")]
    assert sorted(accounts) == [("1", "a"), ("2", "b"), ("3", "a")]
    assert stored(con, given, "a")[0]["known_at"] == dt.datetime(2024, 5, 1)


@pytest.mark.parametrize(
    ("joins", "message", "received"),
    [
        (
            {"header": {"table": "headers.csv", "on": "ordr"}},
            "is on ordr, which one of the two tables does not have. Did you mean 'order'?",
            "columns _row, line, order, amount",
        ),
        (
            {"header": {"table": "lines.csv", "on": "order"}},
            "The join 'header' has several rows for one order.",
            "1, twice or more in lines.csv",
        ),
        ({"amount": {"table": "headers.csv", "on": "order"}}, "named like a column", ""),
    ],
)
def test_joins_that_cannot_be(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, joins: Any, message: str, received: str
) -> None:
    given = made(tmp_path, joins=joins)
    with pytest.raises(SourceError) as caught:
        read(con, given, "a")
    assert message in caught.value.what
    assert received in str(caught.value.received or "")
    assert caught.value.where == "configs/test/sources.yml, sources.a.joins"


def test_a_column_that_the_joined_table_lacks(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path, known_at="header.dya")
    with pytest.raises(SourceError, match="The mapping of source a does not fit its table"):
        read(con, given, "a")
