from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from fakes import EVENTS, STATES, feature, feature_set, project, put, source, spine, state, store_of

from salesml.config import Project
from salesml.engine import one
from salesml.errors import FeatureError
from salesml.features import FeatureSet, compute_set, look_ahead
from salesml.features.compute import compute_joined

READS = {
    "activities": {"columns": {"activity_id": "varchar", "amount": "double"}},
    "accounts": {"columns": {"segment": "varchar"}},
}
FEATURES = {"n": feature(), "other": feature()}
PANEL = spine(*((who, f"2024-0{month}-01") for month in (2, 3, 4) for who in "abcdef"))


@pytest.fixture
def given(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Project:
    made = project(tmp_path, {"activities": source(), "accounts": state()}, timezone="UTC")
    rows: list[tuple[Any, ...]] = [
        (f"{who}{month}{i}", who, float(i), *[dt.datetime(2024, month, 1 + i)] * 2)
        for n, who in enumerate("abcdef", 1)
        for month in (1, 2, 3, 4)
        for i in range(n)
    ]
    put(con, made, "activities", EVENTS, rows)
    versions = [
        (who, f"{month}", dt.datetime(2024, month, 15), False) for who in "abc" for month in (1, 3)
    ]
    put(con, made, "accounts", STATES, versions, kind="state")
    return made


def made(folder: Path, sql: str, **changes: Any) -> FeatureSet:
    return feature_set(folder, sql, FEATURES, reads=READS, **changes)


HONEST = {
    "counted": """select account_id, as_of, count(*) as n, sum(amount) as other
        from activities group by account_id, as_of""",
    "joined by both": """with
        a as (select account_id, as_of, count(*) as n from activities group by all),
        b as (select account_id, as_of, max(amount) as other from activities group by all)
        select account_id, as_of, n, other from a join b using (account_id, as_of)""",
    "a window inside an entity and date": """with ordered as (
            select *, row_number() over (
                partition by account_id, as_of order by happened_at desc) as place
            from activities)
        select account_id, as_of, max(amount) filter (where place = 1) as n, 0 as other
        from ordered group by all""",
    "state": """select account_id, as_of, segment::double as n, null as other from accounts""",
    "the date alone": """select account_id, as_of, month(as_of) as n, 0 as other from spine""",
}
DISHONEST = {
    "joined by id alone": (
        """with
        a as (select account_id, as_of, count(*) as n from activities group by all),
        b as (select account_id, sum(amount) as other from activities group by account_id)
        select account_id, as_of, n, other from a join b using (account_id)""",
        ["other"],
    ),
    "the newest state of all dates": (
        """with newest as (
            select account_id, max(segment)::double as n from accounts group by account_id)
        select account_id, as_of, n, 0 as other from spine join newest using (account_id)""",
        ["n"],
    ),
    "a window over the dates": (
        """with counted as (
            select account_id, as_of, count(*) as n from activities group by all)
        select account_id, as_of, n, lead(n) over (partition by account_id order by as_of) as other
        from counted""",
        ["other"],
    ),
    "a count of the spine": (
        """select account_id, as_of, 1 as n,
            count(*) over (partition by account_id) as other from spine""",
        ["other"],
    ),
    "a rank among entities": (
        """with counted as (
            select account_id, as_of, count(*) as n from activities group by all)
        select account_id, as_of, n, rank() over (partition by as_of order by n) as other
        from counted""",
        ["other"],
    ),
    "a mean over entities": (
        """with counted as (
            select account_id, as_of, count(*) as n from activities group by all)
        select account_id, as_of, n / avg(n) over (partition by as_of) as n, max(n) over () as other
        from counted""",
        ["n", "other"],
    ),
}


@pytest.mark.parametrize("lookback", ["all", "40 days"])
@pytest.mark.parametrize("name", HONEST)
def test_honest_sets_pass(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path, name: str, lookback: str
) -> None:
    fs = made(tmp_path, HONEST[name], lookback=lookback)
    panel = PANEL.sample(frac=1, random_state=0)
    found = look_ahead(con, given, store_of(given), fs, panel, "000")
    wanted = compute_set(con, given, store_of(given), fs, panel, "000")
    assert found.equals(wanted)
    assert found["n"].nunique() > 1


@pytest.mark.parametrize("name", DISHONEST)
def test_sets_that_look_ahead_are_caught(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path, name: str
) -> None:
    sql, features = DISHONEST[name]
    fs = made(tmp_path, sql)
    with pytest.raises(FeatureError, match="account/engagement looks ahead") as caught:
        look_ahead(con, given, store_of(given), fs, PANEL, "000")
    told = f"other values once later rows are cut away: {', '.join(features)}"
    assert caught.value.received == told
    assert caught.value.where == f"{tmp_path}/account/engagement.sql"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (
            """with b as (select account_id, as_of, count(*) as n from activities group by all)
            select a.account_id, a.as_of, n, 0 as other from spine a join b using (account_id)""",
            "several rows for one account and date",
        ),
        ("select account_id, as_of, now()::date - as_of as n, 0 as other from spine", "uses now"),
        ("select account_id, as_of, 0 as n, random() as other from spine", "uses random"),
        ("select account_id, as_of, 0 as n, 1 as other from main.accounts", "main.accounts"),
        ("select account_id, as_of, 0 as n, 1 as other from mapped", "not under reads"),
    ],
)
def test_other_ways_to_look_ahead_do_not_run(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path, sql: str, words: str
) -> None:
    with pytest.raises(FeatureError, match=words):
        look_ahead(con, given, store_of(given), made(tmp_path, sql), PANEL, "000")


def test_the_data_of_each_date_are_cut_away(
    con: duckdb.DuckDBPyConnection,
    given: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newest: dict[dt.date, set[dt.date]] = {}

    def noted(*args: Any) -> pd.DataFrame:
        con, _, store, _, rows, bucket = args
        for name in ("activities", "accounts"):
            last = one(con, f"select max(known_at)::date from {store.relation(name, bucket)}")
            newest.setdefault(max(rows["as_of"]), set()).add(last)
        return compute_joined(*args)

    monkeypatch.setattr("salesml.features.truncation.compute_joined", noted)
    look_ahead(con, given, store_of(given), made(tmp_path, HONEST["counted"]), PANEL, "000")
    assert newest == {
        dt.date(2024, 2, 1): {dt.date(2024, 1, 6), dt.date(2024, 1, 15)},
        dt.date(2024, 3, 1): {dt.date(2024, 2, 6), dt.date(2024, 1, 15)},
        # the last date has all rows too, for the values of all dates together
        dt.date(2024, 4, 1): {dt.date(2024, 3, 6), dt.date(2024, 3, 15), dt.date(2024, 4, 6)},
    }


def test_no_tables_are_left(con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path) -> None:
    look_ahead(con, given, store_of(given), made(tmp_path, HONEST["counted"]), PANEL, "000")
    tables = con.execute("select table_name from duckdb_tables()").fetchall()
    assert {name for (name,) in tables} <= {"_spine"}
