"""Point in time: what becomes known on a date or after is never seen on that date."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pytest
from fakes import feature, feature_set, project, put, source, spine, state, store_of
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.config import Project
from salesml.engine import connect
from salesml.errors import ConfigError
from salesml.features import FeatureSet, compute_set, create_source_views

EVENTS = {
    "activity_id": "VARCHAR",
    "account_id": "VARCHAR",
    "owner_id": "VARCHAR",
    "amount": "DOUBLE",
    "happened_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
}
STATES = {
    "account_id": "VARCHAR",
    "segment": "VARCHAR",
    "known_at": "TIMESTAMP",
    "_deleted": "BOOLEAN",
}
COUNTS = """
select account_id, as_of, count(*) as n, sum(amount) as total,
    min(date_diff('day', happened_at::date, as_of)) as days_ago,
    max(happened_at::varchar) as last_time
from activities group by account_id, as_of
"""
FEATURES = {
    "n": feature(),
    "total": feature(),
    "days_ago": feature(missing="unknown", missing_words={"ja": "無", "en": "none"}),
    "last_time": feature(type="varchar", missing="never"),
}
READS = {"activities": {"columns": {"amount": "double"}}}
SEGMENT = "select account_id, as_of, segment from accounts"
SEGMENT_FEATURES = {"segment": feature(type="varchar", missing="gone")}
SEGMENT_READS = {"accounts": {"columns": {"segment": "varchar"}}}


def made(folder: Path, zone: str = "Asia/Tokyo", buckets: int = 1) -> Project:
    return project(
        folder, {"activities": source(), "accounts": state()}, timezone=zone, buckets=buckets
    )


def counts(folder: Path, **changes: Any) -> FeatureSet:
    return feature_set(folder, COUNTS, FEATURES, **{"reads": READS, **changes})


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def event(number: int, happened: str, known: str | None = None, **changes: Any) -> tuple[Any, ...]:
    row = {
        "activity_id": f"e{number}",
        "account_id": "a",
        "owner_id": "o",
        "amount": float(number),
        "happened_at": at(happened),
        "known_at": at(known or happened),
    }
    return tuple({**row, **changes}.values())


def computed(
    con: duckdb.DuckDBPyConnection, given: Project, fs: FeatureSet, rows: pd.DataFrame
) -> list[tuple[Any, ...]]:
    values = compute_set(con, given, store_of(given), fs, rows)
    return [tuple(None if v != v else v for v in row) for row in values.itertuples(index=False)]


# by hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "last_second", "first_second"),
    [
        ("Asia/Tokyo", "2024-03-30 14:59:59", "2024-03-30 15:00:00"),
        ("Europe/Berlin", "2024-03-30 22:59:59", "2024-03-30 23:00:00"),
        ("America/Sao_Paulo", "2024-03-31 02:59:59", "2024-03-31 03:00:00"),
    ],
)
def test_a_day_ends_at_midnight_of_the_project(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, zone: str, last_second: str, first_second: str
) -> None:
    given = made(tmp_path, zone)
    put(con, given, "activities", EVENTS, [event(1, last_second), event(2, first_second)])
    rows = spine(("a", "2024-03-31"), ("a", "2024-04-01"), ("a", "2024-03-30"))
    assert computed(con, given, counts(tmp_path), rows) == [
        (1.0, 1.0, 1.0, "2024-03-30 23:59:59"),
        (2.0, 3.0, 1.0, "2024-03-31 00:00:00"),
        (0.0, 0.0, None, "never"),
    ]


def test_what_was_entered_late_is_seen_late(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path, "UTC")
    put(con, given, "activities", EVENTS, [event(1, "2024-01-01", "2024-02-01")])
    rows = spine(("a", "2024-02-01"), ("a", "2024-02-02"))
    assert [row[0] for row in computed(con, given, counts(tmp_path), rows)] == [0.0, 1.0]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Europe/Berlin"])
def test_the_look_back_begins_at_a_midnight_too(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, zone: str
) -> None:
    given = made(tmp_path, zone)
    midnight = given.instant(dt.date(2024, 3, 29))  # the clocks change between it and April
    before = midnight - dt.timedelta(seconds=1)
    put(con, given, "activities", EVENTS, [event(1, str(before)), event(2, str(midnight))])

    def total(lookback: str, date: str) -> object:
        fs = counts(tmp_path, lookback=lookback)
        return computed(con, given, fs, spine(("a", date)))[0][1]

    assert total("3 days", "2024-04-02") == 0.0
    assert total("4 days", "2024-04-02") == 2.0
    assert total("5 days", "2024-04-02") == 3.0
    assert total("5 days", "2024-04-03") == 2.0


def test_state_is_the_version_known_on_the_date(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path, "UTC")
    versions = [
        ("a", "S", at("2024-01-01"), False),
        ("a", "A", at("2024-02-01"), False),
        ("a", "A", at("2024-03-01"), True),
        ("a", "B", at("2024-04-01"), False),
        ("b", "C", at("2024-01-01"), False),
    ]
    put(con, given, "accounts", STATES, versions, kind="state")
    fs = feature_set(tmp_path, SEGMENT, SEGMENT_FEATURES, reads=SEGMENT_READS, lookback="1 day")
    dates = ["2024-01-01", "2024-01-02", "2024-02-01", "2024-02-02", "2024-03-02", "2024-04-02"]
    rows = spine(*(("a", date) for date in dates), ("b", "2024-04-02"))
    assert [row[0] for row in computed(con, given, fs, rows)] == [
        "gone",
        "S",
        "S",
        "A",
        "gone",
        "B",
        "C",
    ]


def test_views_join_on_links_and_show_the_id_of_the_source(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path, "UTC")
    rows = [
        event(1, "2024-01-01"),
        event(2, "2024-01-02", account_id="b"),
        event(3, "2024-01-03", account_id="c", owner_id="p"),
    ]
    put(con, given, "activities", EVENTS, rows, entity="whole")
    sql = """select account_id, as_of, sum(amount) as total,
        count(distinct source_account_id)::double as others
        from of_owner group by all"""
    reads = {
        "of_owner": {
            "source": "activities",
            "on": "owner_id",
            "columns": {"amount": "double", "source_account_id": "varchar"},
        }
    }
    fs = feature_set(tmp_path, sql, {"total": feature(), "others": feature()}, reads=reads)
    wanted = spine(("a", "2024-01-03"), ("x", "2024-02-01"), owner_id=["o", "p"])
    assert computed(con, given, fs, wanted) == [(3.0, 2.0), (3.0, 1.0)]


def test_shared_views_join_on_the_date_alone(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path, "UTC")
    rows = [event(1, "2024-01-01"), event(2, "2024-01-05", account_id="b")]
    put(con, given, "activities", EVENTS, rows, entity="whole")
    sql = """with counted as (select as_of, count(*) as n from activities group by as_of)
        select spine.account_id, spine.as_of, n from spine join counted using (as_of)"""
    reads = {"activities": {"on": "as_of", "columns": {"account_id": "varchar"}}}
    fs = feature_set(tmp_path, sql, {"n": feature()}, reads=reads)
    wanted = spine(("a", "2024-01-03"), ("x", "2024-01-03"), ("x", "2024-01-09"))
    assert computed(con, given, fs, wanted) == [(1.0,), (1.0,), (2.0,)]


def test_a_number_links_to_a_text(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path, "UTC")
    columns = {"plan": "INTEGER", "price": "DOUBLE", "known_at": "TIMESTAMP", "_deleted": "BOOLEAN"}
    rows = [(7, 9.5, at("2024-01-01"), False)]
    put(con, given, "accounts", columns, rows, kind="state", entity="whole")
    reads = {"accounts": {"on": "plan", "columns": {"price": "double"}}}
    sql = "select account_id, as_of, price from accounts"
    fs = feature_set(tmp_path, sql, {"price": feature()}, reads=reads)
    wanted = spine(("a", "2024-02-01"), ("b", "2024-02-01"), plan=["7", "8"])
    assert computed(con, given, fs, wanted) == [(9.5,), (0.0,)]


def test_a_column_that_the_source_lacks(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    put(con, given, "activities", EVENTS, [])
    fs = counts(tmp_path, reads={"activities": {"columns": {"amuont": "double"}}})
    with pytest.raises(ConfigError, match=r"activities\.amuont.*Did you mean 'amount'") as caught:
        computed(con, given, fs, spine(("a", "2024-01-01")))
    assert caught.value.where == f"{tmp_path}/account/engagement.yml, reads activities"


def test_views_of_sources_are_cut_and_dated(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    put(
        con,
        given,
        "activities",
        EVENTS,
        [event(1, "2024-01-01 14:59:59"), event(2, "2024-01-01 15:00:00")],
    )
    versions = [("a", "S", at("2024-01-01"), False), ("a", "A", at("2024-01-01 15:00"), False)]
    put(con, given, "accounts", STATES, versions, kind="state")
    date = dt.date(2024, 1, 2)
    names, store = ["activities", "accounts"], store_of(given)
    create_source_views(con, given, store, names, known_before=date, as_of=date, bucket=None)
    assert con.execute("select activity_id, happened_at, as_of from activities").fetchall() == [
        ("e1", at("2024-01-01 23:59:59"), date)
    ]
    assert con.execute("from accounts").fetchall() == [("a", "S", at("2024-01-01 09:00"), date)]
    create_source_views(con, given, store, names, known_before=date, as_of=None, bucket=None)
    assert con.execute("from accounts").fetchall() == [("a", "S", at("2024-01-01 09:00"))]


# against pandas --------------------------------------------------------------------------------

ZONES = st.sampled_from(["Asia/Tokyo", "Europe/Berlin", "America/Sao_Paulo", "UTC"])
# around the ends of summer time in Europe and in Brazil, to the hour
MOMENTS = st.one_of(
    st.integers(0, 24 * 12).map(lambda h: dt.datetime(2018, 10, 26) + dt.timedelta(hours=h)),
    st.integers(0, 24 * 40 * 60).map(lambda m: dt.datetime(2018, 10, 10) + dt.timedelta(minutes=m)),
)
IDS = st.sampled_from(["a", "b", "c"])


def naive(
    rows: list[tuple[Any, ...]], who: str, as_of: dt.date, zone: str, lookback: int | None
) -> tuple[Any, ...]:
    """Count one account's events on one date, without SQL and without the engine."""

    def local(moment: dt.datetime) -> dt.datetime:
        return moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    first = dt.date.min if lookback is None else as_of - dt.timedelta(days=lookback)
    seen = [
        (local(row["happened_at"]), row["amount"])
        for row in pd.DataFrame(rows, columns=list(EVENTS)).to_dict("records")
        if row["account_id"] == who
        and local(row["known_at"]).date() < as_of
        and local(row["happened_at"]).date() >= first
    ]
    if not seen:
        return (0.0, 0.0, None, "never")
    total = float(sum(amount for _, amount in seen))
    days_ago = float(min((as_of - moment.date()).days for moment, _ in seen))
    return (float(len(seen)), total, days_ago, max(str(moment) for moment, _ in seen))


@settings(max_examples=25)
@given(
    zone=ZONES,
    moments=st.lists(st.tuples(IDS, MOMENTS, st.integers(-20, 900)), max_size=25),
    asked=st.lists(
        st.tuples(IDS, st.dates(dt.date(2018, 10, 25), dt.date(2018, 11, 8))),
        min_size=1,
        max_size=8,
        unique=True,
    ),
    lookback=st.one_of(st.none(), st.integers(1, 20)),
    buckets=st.sampled_from([1, 3]),
)
def test_features_against_pandas(
    tmp_path_factory: pytest.TempPathFactory,
    zone: str,
    moments: list[tuple[str, dt.datetime, int]],
    asked: list[tuple[str, dt.date]],
    lookback: int | None,
    buckets: int,
) -> None:
    folder = tmp_path_factory.mktemp("views")
    given = made(folder, zone, buckets)
    rows = [
        (f"e{i}", who, "o", float(i), happened, happened + dt.timedelta(hours=hours))
        for i, (who, happened, hours) in enumerate(moments)
    ]
    fs = counts(folder, lookback="all" if lookback is None else f"{lookback} days")
    wanted = spine(*((who, str(date)) for who, date in asked))
    with connect(threads=1) as con:
        put(con, given, "activities", EVENTS, rows)
        found = computed(con, given, fs, wanted)
    assert found == [naive(rows, who, date, zone, lookback) for who, date in asked]


@settings(max_examples=15)
@given(
    versions=st.lists(
        st.tuples(IDS, st.sampled_from(["S", "A"]), MOMENTS, st.booleans()),
        max_size=20,
        unique_by=lambda v: (v[0], v[2]),
    ),
    asked=st.lists(
        st.tuples(IDS, st.dates(dt.date(2018, 10, 12), dt.date(2018, 11, 8))),
        min_size=1,
        max_size=8,
        unique=True,
    ),
    zone=ZONES,
)
def test_states_against_a_naive_search(
    tmp_path_factory: pytest.TempPathFactory,
    versions: list[tuple[str, str, dt.datetime, bool]],
    asked: list[tuple[str, dt.date]],
    zone: str,
) -> None:
    folder = tmp_path_factory.mktemp("views")
    given = made(folder, zone)
    fs = feature_set(folder, SEGMENT, SEGMENT_FEATURES, reads=SEGMENT_READS)

    def segment(who: str, date: dt.date) -> str:
        known = [v for v in versions if v[0] == who and v[2] < given.instant(date)]
        newest = max(known, key=lambda v: v[2], default=("", "gone", None, False))
        return "gone" if newest[3] else newest[1]

    with connect(threads=1) as con:
        put(con, given, "accounts", STATES, versions, kind="state")
        wanted = spine(*((who, str(date)) for who, date in asked))
        found = [row[0] for row in computed(con, given, fs, wanted)]
        assert found == [segment(who, date) for who, date in asked]
        for date in {date for _, date in asked}:
            create_source_views(
                con,
                given,
                store_of(given),
                ["accounts"],
                known_before=date,
                as_of=date,
                bucket=None,
            )
            seen = dict(con.execute("select account_id, segment from accounts").fetchall())
            assert seen == {w: segment(w, date) for w in "abc" if segment(w, date) != "gone"}
