from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from salesml.crm.pages import Pages
from salesml.errors import SourceError


def test_pages_become_one_table_with_types() -> None:
    with duckdb.connect() as con:
        columns = {"id": "VARCHAR", "n": "DOUBLE", "at": "TIMESTAMP", "day": "DATE"}
        pages = Pages(con, "raw", columns, "here")
        pages.add([{"id": "1", "n": "0.5", "at": "2026-01-01T00:00:00Z", "day": "1769817600000"}])
        pages.add([])
        pages.add([{"id": "", "n": "", "at": None, "unknown": "x"}])
        pages.finish()
        first = ("1", 0.5, dt.datetime(2026, 1, 1), dt.date(2026, 1, 31))
        assert con.execute("from raw").fetchall() == [first, (None,) * 4]


def test_a_column_of_mixed_values_stays_text() -> None:
    with duckdb.connect() as con:
        pages = Pages(con, "raw", {"n": "DOUBLE", "m": "DOUBLE"}, "here")
        pages.add([{"n": "1", "m": "1"}, {"n": "one", "m": None}])
        pages.finish()
        assert con.execute("from raw").fetchall() == [("1", 1.0), ("one", None)]


def test_an_empty_table_has_its_types_too() -> None:
    with duckdb.connect() as con:
        pages = Pages(con, "raw", {"n": "DOUBLE"}, "here")
        pages.finish()
        assert con.table("raw").types == ["DOUBLE"]


def test_names_that_sql_cannot_tell_apart() -> None:
    with duckdb.connect() as con, pytest.raises(SourceError, match="here"):
        Pages(con, "raw", {"a": "VARCHAR", "A": "VARCHAR"}, "here")
