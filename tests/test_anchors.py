"""Panels anchored to events: a row for each day on which an entity had one, cut at its end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from fakes import (
    EVENTS,
    STATES,
    feature,
    feature_set,
    project,
    put,
    source,
    spine,
    state,
    store_of,
    task,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.config import Project, TaskConfig
from salesml.engine import connect
from salesml.errors import ConfigError, LabelError
from salesml.features import FeatureSet, Snapshots, compute_set, with_links
from salesml.labels import (
    dates_of_panel,
    outcomes,
    population,
    populations,
    require_same_alone,
    sources_of,
)

# neither joined nor grouped by as_of: what a row may see must not depend on that
BUYERS = """with newest as (
        select account_id, any_value(as_of) as today, max(happened_at) as last, sum(amount) as paid
        from activities group by account_id
    )
    select newest.account_id, segment, paid as amount
    from newest left join accounts using (account_id)
    where last >= today - 1"""
ALL = "select distinct account_id from activities"
BUYS_AGAIN = """select distinct s.account_id, s.as_of
    from spine s join activities using (account_id)
    where happened_at >= s.as_of and happened_at < s.horizon_end"""
VERSIONS = [("a", "S", "2024-01-01", False), ("a", "M", "2024-01-06", False)]
Row = tuple[Any, ...]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def made(folder: Path, zone: str = "UTC", buckets: int = 1, **changes: Any) -> Project:
    sources = {"activities": source(**changes), "accounts": state()}
    return project(folder, sources, timezone=zone, buckets=buckets)


def asking(**changes: Any) -> TaskConfig:
    plain = {"every": "activities", "horizon": 30, "population": BUYERS, "outcome": BUYS_AGAIN}
    return task(**{**plain, **changes})


def event(number: int, who: str, happened: str, known: str | None = None) -> Row:
    times = [dt.datetime.fromisoformat(text) for text in (happened, known or happened)]
    return (f"e{number}", who, float(2**number), *times)


def store(
    con: duckdb.DuckDBPyConnection, given: Project, *events: Row, entity: str = "account_id"
) -> None:
    put(con, given, "activities", EVENTS, list(events), entity=entity)
    versions = [
        (who, what, dt.datetime.fromisoformat(at), gone) for who, what, at, gone in VERSIONS
    ]
    put(con, given, "accounts", STATES, versions, kind="state")


def dates(
    con: duckdb.DuckDBPyConnection, given: Project, as_of: str = "2024-06-01", **task_: Any
) -> list[str]:
    found = dates_of_panel(
        con, given, store_of(given), asking(**task_), day("2022-01-01"), day(as_of)
    )
    return [str(date) for date in found]


def panel(
    con: duckdb.DuckDBPyConnection, given: Project, *, bucket: str | None = None, **task_: Any
) -> pd.DataFrame:
    wanted = [day(date) for date in dates(con, given, **task_)]
    return populations(con, given, store_of(given), asking(**task_), wanted, bucket)


def asked(found: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(found["account_id"], found["as_of"].astype(str), strict=True))


# which rows ------------------------------------------------------------------------------------


def test_a_row_for_each_day_with_an_event(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    store(
        con,
        given,
        event(0, "a", "2024-01-05 09:00"),
        event(1, "a", "2024-01-05 23:59:59"),
        event(2, "a", "2024-01-09"),
        event(3, "b", "2024-01-05"),
    )
    found = panel(con, given)
    assert list(found) == ["account_id", "as_of", "segment", "amount"]
    assert asked(found) == [("a", "2024-01-06"), ("b", "2024-01-06"), ("a", "2024-01-10")]
    # all of the day is seen, nothing after it, and each row sees the version of its own day
    assert found["amount"].tolist() == [3.0, 8.0, 7.0]
    assert found["segment"].fillna("").tolist() == ["S", "", "M"]


@pytest.mark.parametrize(
    ("zone", "as_of"),
    [("UTC", "2024-01-06"), ("Asia/Tokyo", "2024-01-07"), ("America/Sao_Paulo", "2024-01-06")],
)
def test_a_day_is_one_of_the_project(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, zone: str, as_of: str
) -> None:
    given = made(tmp_path, zone)
    store(con, given, event(0, "a", "2024-01-05 15:00"))
    assert asked(panel(con, given)) == [("a", as_of)]


def test_an_event_known_late_is_asked_about_once_it_is_known(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path)
    late = event(0, "a", "2024-01-05", "2024-01-20 10:00")
    store(con, given, late, event(1, "a", "2024-01-18"))
    found = panel(
        con, given, population="select account_id, count(*) as n from activities group by all"
    )
    assert asked(found) == [("a", "2024-01-19"), ("a", "2024-01-21")]
    assert found["n"].tolist() == [1, 2]
    # the day before is long past by then: this population does not ask
    assert asked(panel(con, given)) == [("a", "2024-01-19")]


def test_the_population_says_who_of_them_is_asked_about(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path)
    store(con, given, event(0, "a", "2024-01-05"), event(1, "b", "2024-01-05"))
    known = f"select account_id from ({ALL}) semi join accounts using (account_id)"
    assert asked(panel(con, given, population=known)) == [("a", "2024-01-06")]
    assert panel(con, given, population=f"{ALL} where as_of < date '2024-01-01'").empty


def test_who_has_no_event_is_not_asked_about(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path)
    store(con, given, event(0, "b", "2024-01-05"))
    everybody = "select account_id from accounts union select account_id from activities"
    assert asked(panel(con, given, population=everybody)) == [("b", "2024-01-06")]
    tonight = population(
        con, given, store_of(given), asking(population=everybody), day("2024-02-01")
    )
    assert tonight["account_id"].tolist() == ["a", "b"]


def test_the_horizon_must_be_over_and_something_known(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path)
    store(con, given, *(event(i, "a", f"2024-01-{i:02}") for i in range(1, 10)))
    after = [f"2024-01-{i:02}" for i in range(2, 11)]
    assert dates(con, given) == after
    assert dates(con, given, as_of="2024-02-05") == after[:5]
    assert dates(con, given, history=3) == after[-3:]
    with pytest.raises(LabelError, match="no past date whose 30 days are over") as caught:
        dates(con, given, as_of="2024-01-31")
    assert caught.value.fix == "Use an --as-of after 2022-02-01, or a shorter horizon."


@pytest.mark.parametrize("entity", ["account_id", "whole"])
def test_buckets_part_the_panel(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, entity: str
) -> None:
    given = made(tmp_path, buckets=3, entity=entity)
    store(con, given, *(event(i % 5, f"c{i}", "2024-01-05") for i in range(20)), entity=entity)
    parts = [asked(panel(con, given, bucket=f"{i:03d}")) for i in range(3)]
    assert all(parts)
    together = asked(panel(con, given))
    assert len(together) == 20
    assert sorted(row for part in parts for row in part) == sorted(together)


def test_deals_in_buckets_of_accounts(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A deal's row sees all of its account, on its own date."""
    given = made(tmp_path)
    columns = {"opportunity_id": "VARCHAR", **EVENTS}
    rows = [("o1", *event(0, "a", "2024-01-05")), ("o2", *event(1, "a", "2024-01-07"))]
    put(con, given, "activities", columns, rows)
    sql = """select opportunity_id, account_id, (select count(*) from activities o
        where o.account_id = activities.account_id) as n from activities"""
    deals = asking(entity="opportunity", bucket="account_id", population=sql)
    wanted = [day("2024-01-06"), day("2024-01-08")]
    found = populations(con, given, store_of(given), deals, wanted)
    rows = found[["opportunity_id", "account_id", "n"]].to_numpy().tolist()
    assert rows == [["o1", "a", 1], ["o2", "a", 2]]


def test_outcomes_of_anchored_rows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path)
    store(
        con,
        given,
        event(0, "a", "2024-01-05"),
        event(1, "a", "2024-02-04 23:59"),  # the last of the thirty days
        event(2, "b", "2024-01-05"),
        event(3, "b", "2024-02-05"),
    )
    found = panel(con, given)
    known = day("2024-06-01")
    came = outcomes(con, given, store_of(given), asking(), found, known_before=known)
    assert dict(zip(asked(found), came, strict=True)) == {
        ("a", "2024-01-06"): 1,
        ("b", "2024-01-06"): 0,
        ("a", "2024-02-05"): 0,
        ("b", "2024-02-06"): 0,
    }


# what cannot be --------------------------------------------------------------------------------


def test_the_anchor_is_one_of_the_sources(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    plain = "select account_id, as_of from spine where false"
    only = asking(population="select account_id from accounts", outcome=plain)
    assert sources_of(con, made(tmp_path), only) == ["accounts", "activities"]


@pytest.mark.parametrize(
    ("every", "message"),
    [
        ("activites", "nor a source. Did you mean 'activities'?"),
        (
            "mnth",
            "is neither 'year', 'month', 'week', a number of days, nor a source. Did you mean "
            "'month'",
        ),
        ("accounts", "a source of state, whose rows change but do not happen; name one of events"),
    ],
)
def test_sources_that_cannot_be_anchors(tmp_path: Path, every: str, message: str) -> None:
    sources = made(tmp_path).sources
    assert message in str(asking(every=every).anchor_problem(sources))
    assert asking().anchor_problem(sources) is None
    assert asking(every="3 days").anchor_problem({}) is None


def test_an_anchor_must_name_the_entity(tmp_path: Path) -> None:
    leads = asking(entity="lead", bucket="account_id")
    problem = leads.anchor_problem(made(tmp_path).sources)
    assert problem == "names activities, which has no column lead_id"


@pytest.mark.parametrize(
    ("sql", "message", "line"),
    [
        (f"{ALL} union all {ALL}", "returns an entity twice", ""),
        ("select account_id,\n nmae from activities", "does not run: Binder Error", ", line 2"),
        ("select 1 as x from activities", "does not return account_id", ""),
    ],
)
def test_populations_that_cannot_be(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str, message: str, line: str
) -> None:
    given = made(tmp_path)
    store(con, given, event(0, "a", "2024-01-05"))
    with pytest.raises(ConfigError, match=message) as caught:
        panel(con, given, population=sql)
    assert str(caught.value.where).startswith(f"configs/test/tasks/churn.yml, population{line}")


def test_a_population_that_compares_entities_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path)
    store(con, given, event(3, "a", "2024-01-05"), event(1, "b", "2024-01-05"))

    def require(sql: str) -> None:
        found = panel(con, given, population=sql, bucket="000")
        anchored = asking(population=sql)
        require_same_alone(con, given, store_of(given), anchored, found, "000")

    require(BUYERS)
    paid = "select account_id, sum(amount) as amount from activities group by all"
    require(paid)
    with pytest.raises(ConfigError, match="looks across entities") as caught:
        require(f"{paid} order by amount desc limit 1")
    assert caught.value.received == "other rows for an entity alone than among all: b"
    shares = f"select account_id, amount / sum(amount) over () as amount from ({paid})"
    with pytest.raises(ConfigError, match="looks across entities") as caught:
        require(shares)
    assert str(caught.value.received).endswith("among all: amount")


# each row alone --------------------------------------------------------------------------------

COUNTS = """select account_id, as_of, count(*) as n, sum(amount) as total
    from activities group by account_id, as_of"""
SHARED = """with counted as (select as_of, count(*) as everybody from shop group by as_of)
    select spine.account_id, spine.as_of, everybody from spine join counted using (as_of)"""
MOMENTS = st.integers(0, 24 * 30).map(lambda h: dt.datetime(2024, 1, 2) + dt.timedelta(hours=h))


def sets_of(folder: Path) -> list[FeatureSet]:
    own = {"activities": {"columns": {"amount": "double"}}}
    shop = {"shop": {"source": "everything", "on": "as_of", "columns": {"amount": "double"}}}
    return [
        feature_set(folder, COUNTS, {"n": feature(), "total": feature()}, reads=own),
        feature_set(
            folder, SHARED, {"everybody": feature()}, reads=shop, name="shop", lookback="9 days"
        ),
    ]


@settings(max_examples=25)
@given(
    moments=st.lists(
        st.tuples(st.sampled_from("abc"), MOMENTS, st.sampled_from([0, 0, 0, 5, 30, 200])),
        min_size=1,
        max_size=20,
    ),
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Berlin"]),
    buckets=st.sampled_from([1, 2]),
)
def test_an_anchored_row_is_what_it_would_be_alone(
    tmp_path_factory: pytest.TempPathFactory,
    moments: list[tuple[str, dt.datetime, int]],
    zone: str,
    buckets: int,
) -> None:
    folder = tmp_path_factory.mktemp("anchors")
    given = made(folder, zone, buckets)
    rows = [
        (f"e{i}", who, float(2**i), at, at + dt.timedelta(hours=late))
        for i, (who, at, late) in enumerate(moments)
    ]
    sets = sets_of(folder)
    with connect(threads=1) as con:
        store(con, given, *rows)
        put(con, given, "everything", EVENTS, rows, entity="whole")
        given.sources["everything"] = source(entity="whole")

        def features(asked_about: pd.DataFrame) -> list[list[float]]:
            parts = [
                compute_set(con, given, store_of(given), s, with_links(asked_about, s))
                for s in sets
            ]
            return pd.concat(parts, axis=1).to_numpy().tolist()

        found = panel(con, given)
        together = features(found)
        expected = {
            (who, (max(at, known).replace(tzinfo=dt.UTC).astimezone(given.zone)).date())
            for _, who, _, at, known in rows
        }
        assert {
            (w, d - dt.timedelta(days=1))
            for w, d in zip(found["account_id"], found["as_of"], strict=True)
        } <= expected
        for number, (who, date) in enumerate(zip(found["account_id"], found["as_of"], strict=True)):
            alone = population(con, given, store_of(given), asking(), date)
            alone = alone[alone["account_id"] == who].reset_index(drop=True)
            wanted = found.iloc[[number]].reset_index(drop=True)
            assert alone.astype("str").equals(wanted.astype("str"))
            assert features(alone) == [together[number]]
        for who, date in expected:
            tonight = date + dt.timedelta(days=1)
            there = population(con, given, store_of(given), asking(), tonight)["account_id"]
            assert (who in set(there)) == ((who, str(tonight)) in asked(found))


# kept from run to run --------------------------------------------------------------------------


def test_days_of_a_year_share_a_snapshot(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from salesml.features import snapshots as module

    computed: list[int] = []
    plain = module.compute_set

    def counted(*args: Any) -> pd.DataFrame:
        computed.append(len(args[4]))
        return plain(*args)

    monkeypatch.setattr(module, "compute_set", counted)
    given = made(tmp_path)
    rows = [event(i, "a", f"202{year}-03-0{i}") for year in (2, 3, 4) for i in range(2, 6)]
    rows = [(f"{n}", *row[1:]) for n, row in enumerate(rows)]
    store(con, given, *rows)
    snapshots = Snapshots(given, store_of(given), asking(), sets_of(tmp_path)[:1])
    found = panel(con, given)
    first = snapshots.features(con, found, "000")
    assert first["n"].tolist() == [float(n) for n in range(1, 13)]
    assert sorted(p.parent.name for p in snapshots.folder.rglob("*.parquet")) == [
        "2022", "2023", "2024",
    ]  # fmt: skip
    # tonight's scores leave them alone
    snapshots.features(con, spine(("a", "2024-03-06")), "000")
    late = event(9, "a", "2022-03-02", "2024-03-05 12:00")
    store(con, given, *rows, late)
    again = snapshots.features(con, found, "000")
    assert computed == [12, 1, 4]
    assert again["n"].tolist() == [*first["n"].tolist()[:-1], 13.0]
