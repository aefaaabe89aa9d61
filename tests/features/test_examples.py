from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes import feature, feature_set

from salesml.errors import FeatureError
from salesml.features import FeatureSet, run_examples

SQL = """
select account_id, as_of, count(*) as n, sum(amount) as total, max(channel) as channel,
    bool_or(amount > 5) as large
from activities group by all
"""
FEATURES = {
    "n": feature(),
    "total": feature(),
    "channel": feature(type="varchar", missing="none"),
    "large": feature(type="boolean", missing=False),
}
READS = {"activities": {"columns": {"amount": "double", "channel": "varchar"}}}
DAY, DATE = dt.date(2024, 1, 10), dt.date(2024, 2, 1)


def example(given: dict[str, Any], expect: dict[str, Any], **changes: Any) -> dict[str, Any]:
    key = {"account_id": "a", "as_of": DATE}
    return {"name": "one", "given": given, "spine": [key], "expect": [{**key, **expect}], **changes}


def made(folder: Path, *examples: dict[str, Any], **changes: Any) -> FeatureSet:
    given = {"reads": READS, "lookback": "60 days", **changes}
    return feature_set(folder, given.pop("sql", SQL), FEATURES, tests=list(examples), **given)


def rows(*given: dict[str, Any]) -> dict[str, Any]:
    return {"activities": [{"account_id": "a", "happened_at": DAY, **row} for row in given]}


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        (rows({"amount": 2, "channel": "mail"}, {"amount": 8}), {"n": 2, "total": 10}),
        (rows({"amount": 0.1}, {"amount": 0.2}), {"total": 0.3, "large": False}),
        (rows({"amount": 6}), {"large": True, "channel": "none"}),
        (rows({"channel": "None"}), {"channel": "None"}),
        (rows({"account_id": "b"}), {"n": 0}),
        (rows({"happened_at": DATE}), {"n": 0}),
        (rows({"happened_at": dt.datetime(2024, 1, 31, 23, 59)}), {"n": 1}),
        (rows({"known_at": DATE}), {"n": 0}),
        (rows({"known_at": dt.datetime(2024, 1, 31, 23, 59)}), {"n": 1}),
        (rows({"happened_at": dt.date(2023, 12, 3)}), {"n": 1}),
        (rows({"happened_at": dt.date(2023, 12, 2)}), {"n": 0}),
        ({}, {"n": 0, "total": 0, "channel": "none"}),
    ],
)
def test_examples_that_hold(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, given: dict[str, Any], expect: dict[str, Any]
) -> None:
    run_examples(con, made(tmp_path, example(given, expect)))


def test_examples_that_do_not_hold_are_all_told(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    fs = made(
        tmp_path,
        example(rows({"amount": 2}), {"n": 2, "channel": "mail", "totl": 3}),
        example({}, {"account_id": "b", "n": 0}, name="two"),
    )
    with pytest.raises(FeatureError, match="account/engagement breaks its own examples") as caught:
        run_examples(con, fs)
    lines = caught.value.what.splitlines()[1:]
    assert lines == [
        "  one: n is 1.0, expected 2",
        "  one: channel is none, expected mail",
        "  one: 'totl' is no feature. Did you mean 'total'?",
        "  two: no row b, 2024-02-01 in spine",
    ]
    assert caught.value.where == f"{tmp_path}/account/engagement.yml"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"activites": []}, "gives rows of 'activites', which is not under reads. Did you mean"),
        (rows({"amuont": 3}), "activities the column 'amuont', which is not under reads. Did you"),
    ],
)
def test_names_in_examples_are_checked(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(FeatureError) as caught:
        run_examples(con, made(tmp_path, example(given, {})))
    assert message in caught.value.what


def test_sql_must_run_on_empty_tables(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="does not run"):
        run_examples(con, made(tmp_path, example({}, {}), sql="select account_id from spine"))


def test_rows_without_a_day_are_states(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    sql = (
        "select account_id, as_of, 1 as n, amount as total, channel, null as large from activities"
    )
    given = {
        "activities": [
            {"account_id": "a", "amount": 3},
            {"account_id": "b", "amount": 4, "known_at": DATE},
        ]
    }
    spine = [{"account_id": who, "as_of": DATE} for who in "ab"]
    expect = [{**spine[0], "total": 3}, {**spine[1], "total": 0}]
    states = {"name": "states", "given": given, "spine": spine, "expect": expect}
    run_examples(con, made(tmp_path, states, sql=sql))


def test_aliases_and_links(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    reads = {
        "activities": READS["activities"],
        "of_owner": {"source": "activities", "on": "owner_id", "columns": {"amount": "double"}},
    }
    sql = """select account_id, as_of, count(*) as n, null as total, null as channel, null as large
        from of_owner group by account_id, as_of"""
    spine = [{"account_id": "a", "owner_id": "o", "as_of": "2024-02-01"}]
    given = {
        "activities": rows({"owner_id": "o"})["activities"],
        "of_owner": [{"owner_id": "o", "happened_at": DAY}, {"owner_id": "p", "happened_at": DAY}],
    }
    linked = example(given, {"n": 2}, spine=spine)
    run_examples(con, made(tmp_path, linked, sql=sql, reads=reads))
    run_examples(con, made(tmp_path, example(given, {"n": 0}), sql=sql, reads=reads))


def test_a_value_that_is_expected_to_be_missing(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    words = {"ja": "無", "en": "none"}
    features = {**FEATURES, "total": feature(missing="unknown", missing_words=words)}
    fs = feature_set(
        tmp_path, SQL, features, reads=READS, tests=[example({}, {"total": None, "n": 0})]
    )
    run_examples(con, fs)
    wrong = feature_set(
        tmp_path, SQL, features, reads=READS, tests=[example({}, {"total": 0, "n": None})]
    )
    with pytest.raises(FeatureError) as caught:
        run_examples(con, wrong)
    assert "total is nan, expected 0" in caught.value.what
    assert "n is 0.0, expected None" in caught.value.what
