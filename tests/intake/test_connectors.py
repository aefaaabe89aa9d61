"""Sources as they really lie: SQLite, CSV and Parquet, through the real connectors."""

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

CSV = """\
id;account;happened;amount
1;ａ社;2024-05-01;"1,000"
2;b社;2024-13-45;5
3;;2024-05-03;
"""


def in_files(folder: Path, table: str, **changes: Any) -> Project:
    plain = {"happened_at": "happened", "known_at": "happened", "stop_above": 1, "table": table}
    return project(folder, {"a": source(**{**plain, **changes})})


def test_a_csv_file_from_a_japanese_windows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV.encode("cp932"))
    columns = {
        "activity_id": "_row",
        "account_id": "nfkc(account)",
        "amount": "replace(amount, ',', '')",
    }
    given = in_files(tmp_path, "a.csv", encoding="cp932", separator=";", columns=columns)
    report = read(con, given, "a", types={"amount": "double"})
    assert report.quality.failed == {"happened_at": 1, "known_at": 1, "not_null(account_id)": 1}
    [kept] = stored(con, given, "a")
    assert kept == {
        "activity_id": "1",
        "account_id": "a社",
        "amount": 1000.0,
        "happened_at": dt.datetime(2024, 4, 30, 15),
        "known_at": dt.datetime(2024, 4, 30, 15),
    }
    assert read(con, given, "a", types={"amount": "double"}).unchanged


def test_parquet_files(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    con.execute(
        f"""copy (select i as id, 'a' as account, i / 2 as amount,
            timestamptz '2024-05-01 00:00:00+00' + to_days(i) as happened from range(5) r(i))
        to '{tmp_path}/a.parquet'"""
    )
    given = in_files(tmp_path, "a.parquet", where="id < 3")
    assert read(con, given, "a", types={"amount": "double"}).rows == 3
    found = stored(con, given, "a")
    assert [(r["activity_id"], r["amount"], r["known_at"].day) for r in found] == [
        ("0", 0.0, 1),
        ("1", 0.5, 2),
        ("2", 1.0, 3),
    ]


def test_a_table_that_grows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite"
    with closing(sqlite3.connect(path)) as crm, crm:
        crm.execute("create table activities (id integer, account text, amount real, at text)")
        crm.execute("insert into activities values (1, 'a', 1.5, '2024-05-01 09:00:00')")
    given = in_files(tmp_path, "activities", happened_at='"at"', known_at='"at"', incremental="at")
    given = replace(given, connections={"crm": {"type": "sqlite", "path": str(path)}})
    assert read(con, given, "a").new_rows == 1
    assert read(con, given, "a").unchanged
    with closing(sqlite3.connect(path)) as crm, crm:
        crm.execute("insert into activities values (2, 'b', 2.5, '2024-05-01 09:00:00')")
        crm.execute("insert into activities values (3, 'c', null, '2024-05-02 09:00:00')")
    report = read(con, given, "a")
    assert (report.rows, report.new_rows) == (3, 2)
    assert [(r["activity_id"], r["amount"]) for r in stored(con, given, "a")] == [
        ("1", 1.5),
        ("2", 2.5),
        ("3", None),
    ]


@pytest.mark.parametrize("table", ["b.csv", "b.parquet"])
def test_a_table_that_is_not_there(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, table: str
) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    with pytest.raises(SourceError, match="does not exist"):
        read(con, in_files(tmp_path, table), "a")


def test_a_file_that_lost_its_rows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,account,happened,amount\n1,a,2024-05-01,3\n")
    given = in_files(tmp_path, "a.csv")
    read(con, given, "a")
    path.write_text("id,account,happened,amount\n")
    with pytest.raises(SourceError, match="empty, but 1 rows were read before"):
        read(con, given, "a")
