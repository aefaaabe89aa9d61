"""Reading DuckDB databases."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest

from salesml.crm import connect
from salesml.errors import SourceError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "it's.duckdb")) as con:
        con.execute(
            "create table t as select i,"
            " date '2025-01-01' + i::int as \"日 付\" from range(3) r(i);"
            "create view v as select i + 1 as j from t"
        )
    return tmp_path / "it's.duckdb"


def read(path: Path, table: str = "t", since: tuple[str, str] | None = None) -> Any:
    with duckdb.connect() as con:
        connection = connect("crm", {"type": "duckdb", "path": str(path)})
        connection.load(con, table, "raw", options={}, since=since)
        connection.load(con, table, "raw", options={}, since=since)  # nothing stays attached
        return con.execute("from raw").fetchall()


def test_rows_and_types(path: Path) -> None:
    assert read(path)[0] == (0, dt.date(2025, 1, 1))
    assert read(path, "v") == [(1,), (2,), (3,)]
    assert connect("crm", {"type": "duckdb", "path": str(path)}).columns("t") == {
        "i": "BIGINT",
        "日 付": "DATE",
    }


def test_since_compares_in_the_type_of_the_column(path: Path) -> None:
    assert [row[0] for row in read(path, since=("日 付", "2025-01-02"))] == [1, 2]
    with pytest.raises(SourceError, match="no column 'x'"):
        read(path, since=("x", "1"))


def test_missing_table_and_file_have_near_misses(path: Path) -> None:
    with pytest.raises(SourceError, match=r"no table 'tt'\. Did you mean 't'"):
        read(path, "tt")
    with pytest.raises(SourceError, match="Did you mean"):
        read(path.with_suffix(".duckd"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_bytes(b"no database" * 5000)
    with pytest.raises(SourceError, match="DuckDB cannot use"):
        read(tmp_path / "x.duckdb")
