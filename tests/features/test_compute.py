from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from fakes import feature, feature_set, project, put, source, spine, store_of

from salesml.config import Project
from salesml.errors import FeatureError
from salesml.features import FeatureSet, compute_set, require_plain_sql, with_links

COLUMNS = {
    "activity_id": "VARCHAR",
    "account_id": "VARCHAR",
    "amount": "DOUBLE",
    "happened_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
}
READS = {"activities": {"columns": {"amount": "double"}}}
COUNT = "select account_id, as_of, count(*) as n from activities group by all"


@pytest.fixture
def given(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Project:
    made = project(tmp_path, {"activities": source()}, timezone="UTC")
    rows = [
        (f"{who}{day}", who, float(day), *[dt.datetime(2024, 1, day)] * 2)
        for who in "abc"
        for day in range(1, 10)
    ]
    put(con, made, "activities", COLUMNS, rows)
    return made


def made(folder: Path, sql: str, **features: Any) -> FeatureSet:
    return feature_set(folder, sql, features or {"n": feature()}, reads=READS)


def computed(
    con: duckdb.DuckDBPyConnection, given: Project, fs: FeatureSet, rows: pd.DataFrame
) -> pd.DataFrame:
    return compute_set(con, given, store_of(given), fs, rows)


def test_values_keep_order_and_index_of_the_spine(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path
) -> None:
    rows = spine(("b", "2024-01-05"), ("z", "2024-01-05"), ("a", "2024-01-03"), ("b", "2024-01-02"))
    rows.index = pd.Index([7, 7, 3, 1])
    found = computed(con, given, made(tmp_path, COUNT), rows)
    assert found["n"].tolist() == [4.0, 0.0, 2.0, 1.0]
    assert found.index.tolist() == [7, 7, 3, 1]


@pytest.mark.parametrize("limit", [1, 20, 10_000])
def test_dates_computed_together_or_apart_are_the_same(
    con: duckdb.DuckDBPyConnection,
    given: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
) -> None:
    monkeypatch.setattr("salesml.features.compute._JOINED_ROWS", limit)
    rows = spine(*((who, f"2024-01-{day:02}") for day in range(12, 1, -1) for who in "cab"))
    found = computed(con, given, made(tmp_path, COUNT), rows)
    assert found["n"].tolist() == [min(d - 1, 9) for d in range(12, 1, -1) for _ in "cab"]


def test_a_row_asked_for_twice_counts_once(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path
) -> None:
    rows = spine(*[("a", "2024-01-03")] * 3)
    for sql in (COUNT, "select account_id, as_of, 2 as n from spine"):
        assert computed(con, given, made(tmp_path, sql), rows)["n"].tolist() == [2.0] * 3


def test_nobody(con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path) -> None:
    fs = made(tmp_path, COUNT, n=feature(), name=feature(type="varchar", missing="none"))
    found = computed(con, given, fs, spine())
    assert found.empty
    assert found.dtypes.astype(str).to_dict() == {"n": "float64", "name": "str"}


def test_types_and_missing_values(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path
) -> None:
    sql = """select account_id, as_of, count(*) as n, count(*) > 1 as many,
        case when count(*) > 1 then 'x' end as name, 1.0 / (count(*) - 1) as share,
        null as unknown, null as nobody
        from activities group by all"""
    words = {"ja": "無", "en": "none"}
    fs = made(
        tmp_path,
        sql,
        n=feature(),
        many=feature(type="boolean", missing=False),
        name=feature(type="varchar", missing="few"),
        share=feature(missing=-1),
        unknown=feature(missing="unknown", missing_words=words),
        nobody=feature(type="varchar", missing="unknown", missing_words=words),
    )
    rows = spine(("a", "2024-01-02"), ("a", "2024-01-04"), ("z", "2024-01-04"))
    found = computed(con, given, fs, rows)
    assert found[["n", "many"]].to_numpy().tolist() == [[1.0, 0.0], [3.0, 1.0], [0.0, 0.0]]
    assert found["name"].tolist() == ["few", "x", "few"]
    assert found["share"].tolist() == [-1.0, 0.5, -1.0]  # what is infinite counts as missing
    assert found["unknown"].isna().all()
    assert found["nobody"].isna().all()
    kinds = {"n": "float64", "many": "float64", "name": "str", "share": "float64"}
    assert found.dtypes.astype(str).to_dict() == {**kinds, "unknown": "float64", "nobody": "str"}


def test_ids_that_the_sql_turned_into_numbers(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path
) -> None:
    sql = "select 7 as account_id, as_of::timestamp as as_of, 3 as n from spine"
    found = computed(con, given, made(tmp_path, sql), spine(("7", "2024-01-02")))
    assert found["n"].tolist() == [3.0]


def test_a_trailing_semicolon_and_comment(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path
) -> None:
    rows = spine(("a", "2024-01-02"))
    for end in (";\n", "\n-- the end", " ; "):
        assert computed(con, given, made(tmp_path, COUNT + end), rows)["n"].tolist() == [1.0]


# errors ----------------------------------------------------------------------------------------


def test_several_rows_for_one_entity_and_date(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path
) -> None:
    fs = made(tmp_path, "select account_id, as_of, amount as n from activities")
    with pytest.raises(FeatureError, match="several rows for one account and date") as caught:
        computed(con, given, fs, spine(("a", "2024-01-05")))
    assert caught.value.where == f"{tmp_path}/account/engagement.sql"
    assert "'account_id': 'a'" in str(caught.value.received)


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("select account_id,\n as_of, amuont as n\nfrom activities", 2, '"amuont" not found'),
        ("select account_id, as_of\nfrom activities", 1, 'does not have a column named "n"'),
        ("select account_id,\nas_of, 'x' as n from spine", 1, "Could not convert string 'x'"),
        ("select account_id, as_of,\n\nlowr('x') as n from spine", 3, "lowr does not exist"),
    ],
)
def test_sql_that_does_not_run(
    con: duckdb.DuckDBPyConnection, given: Project, tmp_path: Path, sql: str, line: int, words: str
) -> None:
    with pytest.raises(FeatureError, match=words) as caught:
        computed(con, given, made(tmp_path, sql), spine(("a", "2024-01-05")))
    assert caught.value.where == f"{tmp_path}/account/engagement.sql:{line}"
    assert caught.value.received == "views activities, spine"


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("select *\nfrom activites", 2, "'activites', which is not under reads. Did you mean 'act"),
        ("select * from main.activities", 1, "reads 'main.activities', which is not under reads"),
        ("select *\nfrom 'x.parquet'", 2, "reads 'x.parquet'"),
        ("with mapped as (\nselect * from mapped) from mapped", 1, "reads 'mapped'"),
        ("select account_id\nfrom read_csv('x.csv')", 2, "uses read_csv, whose result depends"),
        ("select *, -- now\n now() as n from spine", 2, "uses now, whose result depends"),
        ("select *, current_date as n from spine", 1, "uses current_date"),
        ("select *,\nrandom() as n from spine", 2, "uses random"),
        ("select *, age(as_of) as n from spine", 1, "uses age"),
        ("select * from activities using sample 5", 1, "uses sample"),
        ("select * from spine; select 1", 1, "must be one select"),
        ("drop table _spine", 1, "does not run"),
        ("selec * from spine", 1, "does not run"),
    ],
)
def test_only_views_may_be_read(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str, line: int, words: str
) -> None:
    with pytest.raises(FeatureError) as caught:
        require_plain_sql(con, made(tmp_path, sql))
    assert words in caught.value.what
    assert caught.value.where == f"{tmp_path}/account/engagement.sql:{line}"


def test_plain_sql_may_name_anything_in_texts_and_comments(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    sql = "with today as (select 'now()' as n from spine) -- random()\nselect n from today"
    require_plain_sql(con, made(tmp_path, sql))


def test_links_that_the_population_lacks(tmp_path: Path) -> None:
    reads = {"activities": {"on": "owner_id", "columns": {"amount": "double"}}}
    fs = feature_set(tmp_path, COUNT, {"n": feature()}, reads=reads)
    with pytest.raises(FeatureError, match="joins on owner_id, which the population does not"):
        with_links(spine(("a", "2024-01-01")), fs)
    rows = spine(("a", "2024-01-01"), owner_id=["o"]).assign(name="x")
    assert list(with_links(rows, fs)) == ["account_id", "as_of", "owner_id"]
