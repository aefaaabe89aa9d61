"""What happened to entities, as the report tells it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from fakes import project, put, source, store_of, task

from salesml.errors import ConfigError
from salesml.labels import timeline

AS_OF = dt.date(2024, 7, 1)
EVENTS = {
    "activity_id": "VARCHAR",
    "account_id": "VARCHAR",
    "kind": "VARCHAR",
    "happened_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
}
TIMELINE = "select account_id, happened_at, kind || 'した' as ja, kind as en from activities -- end"


def event(number: int, who: str, happened: str, known: str = "") -> tuple[Any, ...]:
    at = dt.datetime.fromisoformat(happened)
    return (f"e{number}", who, "call", at, dt.datetime.fromisoformat(known) if known else at)


def told(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    rows: list[tuple[Any, ...]],
    entities: list[str],
    sql: str | None = TIMELINE,
) -> pd.DataFrame:
    given = project(folder, {"activities": source()}, timezone="Asia/Tokyo")
    put(con, given, "activities", EVENTS, rows)
    return timeline(con, given, store_of(given), task(timeline=sql), AS_OF, entities)


def test_newest_first_of_those_listed_as_known_before_the_date(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = [
        event(1, "a", "2024-05-01"),
        event(2, "a", "2024-06-30 14:59:59"),  # the last second before 1 July in Tokyo
        event(3, "a", "2024-06-30 15:00"),
        event(4, "a", "2024-06-01", known="2024-07-02"),
        event(5, "a", "2023-12-01"),  # more than half a year ago
        event(6, "b", "2024-06-02"),
        event(7, "c", "2024-06-03"),
    ]
    found = told(con, tmp_path, rows, ["b", "a", "nobody"])
    assert list(found) == ["account_id", "happened_at", "ja", "en"]
    assert found["account_id"].tolist() == ["a", "a", "b"]
    assert found["happened_at"].dt.strftime("%m-%d").tolist() == ["06-30", "05-01", "06-02"]
    assert found["ja"].tolist() == ["callした"] * 3


def test_no_more_than_thirty_of_each(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [event(i, who, f"2024-06-{i % 28 + 1:02d}") for i in range(40) for who in "ab"]
    rows = [(f"{who}{i}", who, *rest) for i, (_, who, *rest) in enumerate(rows)]
    found = told(con, tmp_path, rows, ["a", "b"])
    assert found["account_id"].value_counts().to_dict() == {"a": 30, "b": 30}
    assert found["happened_at"].min() > pd.Timestamp("2024-06-05")


def test_nobody_listed_and_no_timeline(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [event(1, "a", "2024-06-01")]
    assert told(con, tmp_path / "1", rows, []).empty
    assert told(con, tmp_path / "2", rows, ["a"], sql=None).empty


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select account_id, happened_at from activities", "does not return ja and en"),
        ("select * from activites", "unknown source 'activites'. Did you mean 'activities'"),
        ("select account_id, happend_at from activities", "timeline of task churn does not run"),
        ("select account_id, now() as happened_at, 'a' as ja, 'b' as en from activities", "now"),
    ],
)
def test_timelines_that_cannot_be(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        told(con, tmp_path, [], ["a"], sql)
    assert "configs/test/tasks/churn.yml, timeline" in str(caught.value.where)
