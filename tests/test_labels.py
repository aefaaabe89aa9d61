from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from fakes import project, put, source, spine, state, store_of, task
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.config import Project, TaskConfig
from salesml.engine import connect
from salesml.errors import ConfigError, LabelError, SourceError
from salesml.labels import outcomes, panel_dates, population, require_rows, sources_of

EVENTS = {
    "activity_id": "VARCHAR",
    "account_id": "VARCHAR",
    "kind": "VARCHAR",
    "happened_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
}
STATES = {
    "account_id": "VARCHAR",
    "name": "VARCHAR",
    "fee": "DECIMAL(10, 2)",
    "known_at": "TIMESTAMP",
    "_deleted": "BOOLEAN",
}
POPULATION = "select account_id, name, fee as amount, as_of - 1 as eve from accounts"
CANCELLED = """select s.account_id, s.as_of from spine s
    join activities using (account_id)
    where kind = 'cancelled' and happened_at >= s.as_of and happened_at < s.horizon_end"""


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def made(folder: Path, zone: str = "Asia/Tokyo", buckets: int = 1) -> Project:
    return project(
        folder, {"accounts": state(), "activities": source()}, timezone=zone, buckets=buckets
    )


def asking(**changes: Any) -> TaskConfig:
    return task(**{"population": POPULATION, "outcome": CANCELLED, "horizon": 30, **changes})


# the dates of the panel ------------------------------------------------------------------------


def test_months() -> None:
    dates = panel_dates(asking(horizon=90), day("2023-11-20"), day("2024-05-30"))
    assert dates == [day("2023-12-01"), day("2024-01-01"), day("2024-02-01"), day("2024-03-01")]


def test_the_horizon_is_over_on_the_day_itself() -> None:
    first = day("2024-01-15")
    assert panel_dates(asking(), first, day("2024-03-02")) == [day("2024-02-01")]
    with pytest.raises(LabelError):
        panel_dates(asking(), first, day("2024-03-01"))


def test_a_date_knows_something() -> None:
    assert panel_dates(asking(), day("2024-01-01"), day("2024-03-02")) == [day("2024-02-01")]


def test_weeks_begin_on_mondays() -> None:
    dates = panel_dates(asking(every="week"), day("2024-01-01"), day("2024-02-21"))
    assert dates == [day("2024-01-08"), day("2024-01-15"), day("2024-01-22")]
    assert {date.isoweekday() for date in dates} == {1}


def test_years_are_fiscal() -> None:
    yearly = asking(every="year", horizon=365)
    dates = panel_dates(yearly, day("2021-03-31"), day("2024-04-01"))
    assert dates == [day("2021-04-01"), day("2022-04-01"), day("2023-04-01")]
    assert panel_dates(yearly, day("2021-04-01"), day("2024-03-30")) == [day("2022-04-01")]
    assert panel_dates(yearly, day("2022-01-01"), day("2024-01-01"), 10) == [day("2022-10-01")]


def test_no_more_history_than_wanted() -> None:
    dates = panel_dates(asking(history=2), day("2022-01-15"), day("2024-05-30"))
    assert dates == [day("2024-03-01"), day("2024-04-01")]


@given(
    every=st.sampled_from(["month", "week", "10 days", "1 day"]),
    first=st.dates(day("1999-06-01"), day("2024-01-01")),
    days=st.integers(0, 200),
    later=st.integers(0, 60),
)
def test_dates_stay_the_same_from_run_to_run(
    every: str, first: dt.date, days: int, later: int
) -> None:
    as_of = first + dt.timedelta(days=100 + days)
    dates = panel_dates(asking(every=every), first, as_of)
    then = panel_dates(asking(every=every), first, as_of + dt.timedelta(days=later))
    assert then[: len(dates)] == dates
    last = as_of - dt.timedelta(days=30)
    assert all(first < date <= last for date in dates)
    # none is left out: the next date after the last one would come too late, or there is none
    assert len(dates) >= {"month": 2, "week": 9, "10 days": 6, "1 day": 69}[every]
    assert dates == sorted(set(dates))


@pytest.mark.parametrize("every", ["year", "month", "week", "45 days"])
def test_before_the_data_begin(every: str) -> None:
    first = day("2024-01-15")
    with pytest.raises(LabelError, match="no past date whose 30 days are over") as caught:
        panel_dates(asking(every=every), first, day("2024-01-10"))
    assert caught.value.received == "data from 2024-01-15, as of 2024-01-10"
    assert caught.value.fix is not None
    advised = day(caught.value.fix.split("after ")[1][:10])
    assert panel_dates(asking(every=every), first, advised + dt.timedelta(days=1))


# what is read ----------------------------------------------------------------------------------


def test_sources_of_a_task(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    assert sources_of(con, given, asking()) == ["accounts", "activities"]
    own = "with accounts as (select * from accounts) select account_id from accounts"
    plain = "select account_id, as_of from spine"
    assert sources_of(con, given, asking(population=own, outcome=plain)) == ["accounts"]


@pytest.mark.parametrize(
    ("key", "sql", "message"),
    [
        ("population", "select * from acounts", "unknown source 'acounts'. Did you mean 'accoun"),
        ("population", "select * from spine", "unknown source 'spine'"),
        ("population", "select * from main.accounts", "unknown source 'main.accounts'"),
        ("outcome", "select * from mapped", "unknown source 'mapped'"),
        ("outcome", "select * from spine where as_of < now()", "outcome of task churn uses now"),
        ("population", "select * from read_csv('x')", "population of task churn uses read_csv"),
        ("population", "selec", "does not run: syntax error"),
        ("population", "drop table accounts", "does not run"),
        ("population", "select 1; select 2", "must be one select"),
    ],
)
def test_only_sources_may_be_read(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, key: str, sql: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        sources_of(con, made(tmp_path), asking(**{key: sql}))
    assert message in caught.value.what
    assert caught.value.where is not None
    assert caught.value.where.startswith(f"configs/test/tasks/churn.yml, {key}")


def test_sources_without_rows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    put(con, given, "accounts", STATES, [], kind="state")
    with pytest.raises(SourceError, match="The source accounts has no rows") as caught:
        require_rows(store_of(given), asking(), ["accounts"])
    assert "Task churn cannot run without it" in str(caught.value.fix)
    with pytest.raises(SourceError, match="activities was never read"):
        require_rows(store_of(given), asking(), ["activities"])


# who is asked about ----------------------------------------------------------------------------

VERSIONS = [
    ("b", "B", 2, at("2024-01-10"), False),
    ("a", "A", 1, at("2024-01-10"), False),
    ("a", "A2", 3, at("2024-01-31 14:59:59"), False),
    ("c", "C", 1, at("2024-01-31 15:00"), False),
    ("b", "B", 2, at("2024-02-10"), True),
]


def test_the_population_of_a_date(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    put(con, given, "accounts", STATES, VERSIONS, kind="state")
    found = {
        date: population(con, given, store_of(given), asking(), day(date))
        for date in ("2024-01-10", "2024-01-31", "2024-02-01", "2024-02-02", "2024-03-01")
    }
    names = {date: rows["name"].tolist() for date, rows in found.items()}
    assert names == {
        "2024-01-10": [],
        "2024-01-31": ["A", "B"],
        "2024-02-01": ["A2", "B"],
        "2024-02-02": ["A2", "B", "C"],
        "2024-03-01": ["A2", "C"],
    }
    rows = found["2024-02-01"]
    assert list(rows) == ["account_id", "as_of", "name", "amount", "eve"]
    assert rows["account_id"].tolist() == ["a", "b"]
    assert rows["as_of"].tolist() == [day("2024-02-01")] * 2
    assert rows["amount"].tolist() == [3.0, 2.0]
    assert str(rows["eve"].iloc[0])[:10] == "2024-01-31"
    assert list(found["2024-01-10"]) == list(rows)


def test_buckets_part_the_population(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path, buckets=3)
    many = [(f"{i}", "x", 1, at("2024-01-01"), False) for i in range(30)]
    put(con, given, "accounts", STATES, many, kind="state")
    date, store = day("2024-02-01"), store_of(given)
    parts = [
        population(con, given, store, asking(), date, f"{i:03d}")["account_id"].tolist()
        for i in range(3)
    ]
    together = population(con, given, store, asking(), date)["account_id"].tolist()
    assert sorted(i for part in parts for i in part) == together
    assert all(parts)


def test_ids_are_text_and_known(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    put(con, given, "accounts", STATES, VERSIONS, kind="state")
    sql = "select case when name <> 'B' then 7 end as account_id, as_of from accounts"
    rows = population(con, given, store_of(given), asking(population=sql), day("2024-01-31"))
    assert rows["account_id"].tolist() == ["7"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select name from accounts", "population of task churn does not return account_id"),
        ("select 'x' as account_id from accounts", "returns an entity twice"),
        ("select account_id,\n nmae from accounts", "does not run: Binder Error: Referenced colu"),
    ],
)
def test_populations_that_cannot_be(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str, message: str
) -> None:
    given = made(tmp_path)
    put(con, given, "accounts", STATES, VERSIONS, kind="state")
    with pytest.raises(ConfigError, match=message) as caught:
        population(con, given, store_of(given), asking(population=sql), day("2024-02-01"))
    line = ", line 2 of the SQL" if "nmae" in sql else ""
    assert caught.value.where == f"configs/test/tasks/churn.yml, population{line}"


# what came of it -------------------------------------------------------------------------------


def cancelled(number: int, who: str, happened: str, known: str | None = None) -> tuple[Any, ...]:
    return (f"e{number}", who, "cancelled", at(happened), at(known or happened))


def found(
    con: duckdb.DuckDBPyConnection,
    given: Project,
    panel: pd.DataFrame,
    known_before: str,
    **task_: Any,
) -> list[int]:
    outcome = outcomes(
        con, given, store_of(given), asking(**task_), panel, known_before=day(known_before)
    )
    assert outcome.index.equals(panel.index)
    assert outcome.dtype == "int8"
    return outcome.tolist()


def test_outcomes_fall_into_the_horizon(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    rows = [
        cancelled(1, "a", "2024-01-31 15:00:00"),  # the first moment of February in Tokyo
        cancelled(2, "b", "2024-01-31 14:59:59"),
        cancelled(3, "c", "2024-03-01 14:59:59"),  # the last one of the thirty days
        cancelled(4, "d", "2024-03-02 15:00:00"),
    ]
    put(con, given, "activities", EVENTS, rows)
    panel = spine(*((who, "2024-02-01") for who in "dcbax"), ("a", "2024-03-01"))
    panel.index = pd.Index([5, 5, 9, 1, 0, 2])
    assert found(con, given, panel, "2024-06-01") == [0, 1, 0, 1, 0, 0]
    assert con.execute("select view_name from duckdb_views() where not internal").fetchall() == [
        ("activities",)
    ]


def test_outcomes_are_what_was_known_when_the_model_was_trained(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path)
    rows = [
        cancelled(1, "a", "2024-02-05", "2024-03-31 14:59:59"),
        cancelled(2, "b", "2024-02-05", "2024-03-31 15:00:00"),
    ]
    put(con, given, "activities", EVENTS, rows)
    panel = spine(("a", "2024-02-01"), ("b", "2024-02-01"))
    assert found(con, given, panel, "2024-04-01") == [1, 0]
    assert found(con, given, panel, "2024-04-02") == [1, 1]


def test_outcomes_see_what_the_population_returned(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    panel = spine(("a", "2024-02-01"), ("b", "2024-02-01")).assign(amount=[1.0, 9.0])
    sql = "select account_id, as_of::timestamp as as_of from spine where amount > 5"
    assert found(con, made(tmp_path), panel, "2024-06-01", outcome=sql) == [0, 1]
    sql = "select account_id, as_of from spine where horizon_end = as_of + 30"
    timestamps = panel.assign(as_of=pd.to_datetime(panel["as_of"]))
    assert found(con, made(tmp_path), timestamps, "2024-06-01", outcome=sql) == [1, 1]


def test_nobody_is_asked_about(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    put(con, given, "accounts", STATES, [], kind="state")
    put(con, given, "activities", EVENTS, [])
    nobody = population(con, given, store_of(given), asking(), day("2024-02-01"))
    assert found(con, given, nobody, "2024-06-01") == []


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select account_id from spine", "does not return as_of"),
        ("select 1 as x from spine", "does not return account_id and as_of"),
        ("select account_id, as_of from spine where kind = 1", "does not run: Binder Error"),
    ],
)
def test_outcomes_that_cannot_be(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        found(con, made(tmp_path), spine(("a", "2024-02-01")), "2024-06-01", outcome=sql)
    assert "configs/test/tasks/churn.yml, outcome" in str(caught.value.where)
    assert con.execute("select 1 from duckdb_views() where not internal").fetchall() == []


DAYS = st.integers(0, 60).map(lambda days: dt.datetime(2024, 1, 1, 3) + dt.timedelta(days=days))


@settings(max_examples=15)
@given(
    moments=st.lists(st.tuples(st.sampled_from("abc"), DAYS, st.integers(0, 40)), max_size=10),
    known_before=st.dates(day("2024-01-01"), day("2024-04-20")),
    horizon=st.integers(1, 40),
)
def test_outcomes_against_a_naive_search(
    tmp_path_factory: pytest.TempPathFactory,
    moments: list[tuple[str, dt.datetime, int]],
    known_before: dt.date,
    horizon: int,
) -> None:
    made_ = made(tmp_path_factory.mktemp("labels"), "UTC")
    rows = [
        (f"e{i}", who, "cancelled", happened, happened + dt.timedelta(days=late))
        for i, (who, happened, late) in enumerate(moments)
    ]
    panel = spine(*((who, f"2024-0{month}-01") for month in (1, 2, 3) for who in "abc"))
    wanted = [
        int(
            any(
                row[1] == who
                and as_of <= row[3].date() < as_of + dt.timedelta(days=horizon)
                and row[4].date() < known_before
                for row in rows
            )
        )
        for who, as_of in zip(panel["account_id"], panel["as_of"], strict=True)
    ]
    with connect(threads=1) as con:
        put(con, made_, "activities", EVENTS, rows)
        assert found(con, made_, panel, str(known_before), horizon=horizon) == wanted
