"""Reading tables."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pytest

from crm.dataverse.conftest import Crm
from salesml.errors import SourceError


def load(crm: Crm, columns: str, since: tuple[str, str] | None = None) -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        crm.connection.load(con, crm.table, "raw", options={}, since=since)
        found: list[tuple[Any, ...]] = con.execute(
            f"select {columns} from raw order by all"
        ).fetchall()
        return found


def types(crm: Crm) -> dict[str, str]:
    with duckdb.connect() as con:
        crm.connection.load(con, crm.table, "raw", options={}, since=None)
        rows = con.execute("describe raw").fetchall()
        return {row[0]: row[1] for row in rows}


def test_rows_with_the_types_of_their_columns(crm: Crm) -> None:
    (parent,) = crm.make("p", new_score=1.5, new_hot=True, new_grade=2, new_scoredon="2025-03-01")
    crm.make("東京", new_scoredat="2025-03-01T17:00:00Z", parentaccountid=parent)
    listed = "accountnumber, new_score, new_hot, new_grade, new_scoredon, new_scoredat"
    assert load(crm, f"{listed}, parentaccountid, _deleted") == [
        ("p", 1.5, True, "2", dt.date(2025, 3, 1), None, None, False),
        ("東京", None, False, None, None, dt.datetime(2025, 3, 1, 17), parent, False),
    ]
    found = types(crm)
    assert "entityimage" not in found
    assert "createdbyname" not in found
    assert (found["versionnumber"], found["modifiedon"]) == ("BIGINT", "TIMESTAMP")


def test_a_table_without_rows_has_its_columns(crm: Crm) -> None:
    assert load(crm, "accountid, new_score, _deleted") == []


def test_pages_are_followed(crm: Crm) -> None:
    crm.make(*(f"i{n}" for n in range(4_500)))
    assert load(crm, "count(distinct accountnumber)") == [(4_500,)]
    assert crm.fake.asked.count("GET accounts") == 3


def test_only_what_changed_a_little_earlier_too(crm: Crm) -> None:
    crm.fake.now = dt.datetime(2025, 2, 1)
    crm.make("old")
    crm.fake.now = dt.datetime(2025, 3, 1, 11, 55)
    crm.make("late")
    crm.fake.now = dt.datetime(2025, 3, 2)
    crm.make("new")
    for since in ("2025-03-01 12:00:00", "2025-03-01 21:00:00+09:00"):
        assert load(crm, "accountnumber", ("modifiedon", since)) == [("late",), ("new",)]


@pytest.mark.parametrize("column", ["modifiedon", "versionnumber"])
def test_deleted_rows_come_where_changes_are_tracked(crm: Crm, column: str) -> None:
    crm.fake.now = dt.datetime(2025, 2, 1)
    _, gone, before = crm.make("a", "b", "c")
    crm.fake.delete("account", before)
    crm.make("d")
    seen = "2025-03-01 12:00:00" if column == "modifiedon" else str(crm.fake.version)
    crm.fake.delete("account", gone)
    crm.fake.now = dt.datetime(2025, 3, 2)
    crm.make("e")
    rows = load(crm, "accountnumber, accountid, _deleted", (column, seen))
    assert (None, gone, True) in rows
    assert [row for row in rows if row[2] and row[1] != gone] == []
    assert [row[0] for row in rows if not row[2]][-1] == "e"


def test_changes_that_are_too_old_are_read_without_what_was_deleted(crm: Crm) -> None:
    crm.fake.now = dt.datetime(2025, 2, 1)
    (gone, _) = crm.make("a", "b")
    crm.fake.delete("account", gone)
    crm.fake.expired_before = crm.fake.version + 1
    crm.fake.now = dt.datetime(2025, 3, 2)
    crm.make("c")
    since = ("modifiedon", "2025-03-01 12:00:00")
    assert load(crm, "accountnumber, _deleted", since) == [("c", False)]


def test_a_table_that_tracks_nothing(crm: Crm) -> None:
    crm.table, crm.key = "new_plain", "new_code"
    (gone, _) = crm.make("a", "b")
    crm.fake.delete("new_plain", gone)
    since = ("modifiedon", "2025-03-01 12:00:00")
    assert load(crm, "new_code, _deleted", since) == [("b", False)]


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("accountnumber", "b", ["b", "c"]),
        ("new_rank", "2", ["b", "c"]),
        ("new_scoredon", "2025-03-02", ["b", "c"]),
    ],
)
def test_since_a_value_of_any_column(crm: Crm, column: str, value: str, found: list[str]) -> None:
    for number, i in enumerate("abc", 1):
        crm.make(i, new_rank=number, new_scoredon=f"2025-03-0{number}")
    assert load(crm, "accountnumber", (column, value)) == [(i,) for i in found]


def test_what_cannot_be_read(crm: Crm) -> None:
    with pytest.raises(SourceError, match="has no column 'modified'"):
        load(crm, "1", ("modified", "2025-03-01"))
    crm.fake.missing.add("prvReadAccount")
    with pytest.raises(SourceError, match="prvReadAccount"):
        load(crm, "1")
