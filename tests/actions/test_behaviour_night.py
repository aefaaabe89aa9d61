"""What the night is told of each entity, from the SQL of the catalogue to the words."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from fakes import project, put, source, store_of

from actions.catalogues import catalogue, config
from salesml.actions.behaviour import behaviour_of
from salesml.config import Project
from salesml.engine import connect
from salesml.errors import ConfigError

AS_OF = dt.date(2025, 6, 1)
BEGIN = dt.datetime(2024, 1, 1)
COLUMNS = {
    "activity_id": "VARCHAR",
    "account_id": "VARCHAR",
    "channel": "VARCHAR",
    "direction": "VARCHAR",
    "kind": "VARCHAR",
    "happened_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
}
WORDS = "(values ('reply', '返信', 'a reply'), ('view', '閲覧', 'a visit')) words (kind, ja, en)"
PLAIN = "select account_id, happened_at, kind, channel, direction from activities"
SPOKEN = f"""select account_id, happened_at, known_at, kind, channel, direction, ja, en
    from activities left join {WORDS} using (kind)"""
NEXT = ["next_kind", "next_probability", "next_ja", "next_en"]
BEST = ["best_channel", "best_hour", "best_ja", "best_en"]
Row = tuple[Any, ...]
Night = tuple[duckdb.DuckDBPyConnection, Project]


def acts() -> list[Row]:
    """Calls at 10 are answered at once, mails at 16 hardly ever; all reply within two weeks."""
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for who in range(30):
        for week in range(74):
            called = week % 2 == 0
            day = BEGIN + dt.timedelta(days=7 * week + int(rng.integers(0, 4)))
            contact = day + dt.timedelta(hours=(10 if called else 16) - 9)  # stored in UTC
            rows.append((f"a{who:02d}", "phone" if called else "mail", "out", "call", contact))
            later = dt.timedelta(hours=5) if called and rng.random() < 0.8 else dt.timedelta(days=6)
            rows.append((f"a{who:02d}", "mail", "in", "reply", contact + later))
    return rows


def company(con: duckdb.DuckDBPyConnection, root: Path, sql: str, rows: list[Row]) -> Project:
    columns = {name: name for name in list(COLUMNS)[:5]}
    made = project(root, {"activities": source(columns=columns)}, buckets=2)
    known = [(f"v{i}", *row, row[4]) if len(row) == 5 else row for i, row in enumerate(rows)]
    put(con, made, "activities", COLUMNS, known)
    return asking(made, sql)


def asking(given: Project, sql: str) -> Project:
    return dataclasses.replace(given, actions=config(catalogue(behaviour={"account": sql})))


def told(
    con: duckdb.DuckDBPyConnection, given: Project, ids: list[str], as_of: dt.date = AS_OF
) -> pd.DataFrame:
    rows = pd.DataFrame({"entity_id": ids, "segment": "B"})
    return behaviour_of(con, given, store_of(given), "account", as_of, rows)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    con = connect()
    return con, company(con, tmp_path_factory.mktemp("night"), SPOKEN, acts())


def test_next_act_and_best_way_in_words(night: Night) -> None:
    found = told(*night, ["a07", "unknown", "a01"])
    assert found["entity_id"].tolist() == ["a07", "unknown", "a01"]
    first = found.iloc[0]
    assert (first["next_kind"], first["best_channel"], first["best_hour"]) == ("reply", "phone", 10)
    assert 0.5 < first["next_probability"] <= 1
    percent = f"{round(100 * first['next_probability'])}%"
    assert first["next_ja"] == f"14日以内の次の動き：返信（{percent}）"
    assert first["next_en"] == f"Next within 14 days: a reply ({percent})"
    assert first["best_ja"].startswith("電話が反応されやすい（反応率")
    assert "、10〜12時が反応されやすい（" in first["best_ja"]
    assert first["best_en"].startswith("phone is answered most (")
    assert found.loc[1, [*NEXT, *BEST]].isna().all()


def test_only_what_was_known_counts(night: Night, tmp_path: Path) -> None:
    con, given = night
    early = dt.date(2024, 12, 1)
    rows = [row for row in acts() if row[4] + dt.timedelta(hours=9) < dt.datetime(2024, 12, 1)]
    cut = company(con, tmp_path, SPOKEN, rows)
    ids = ["a00", "a01", "a02"]
    pd.testing.assert_frame_equal(told(con, given, ids, early), told(con, cut, ids, early))


def test_kinds_without_words_show_as_they_are(night: Night) -> None:
    con, given = night
    found = told(con, asking(given, PLAIN), ["a03"])
    assert found.loc[0, "next_en"].startswith("Next within 14 days: reply (")


def test_without_directions_all_is_theirs_and_no_way_is_best(night: Night) -> None:
    con, given = night
    sql = "select account_id, happened_at, kind from activities"
    found = told(con, asking(given, sql), ["a03"])
    assert found.loc[0, "next_kind"] in {"call", "reply"}
    assert found.loc[0, BEST].isna().all()


def test_days_without_an_hour_are_no_midnight(tmp_path: Path) -> None:
    con = connect()
    # the calls of 10 o'clock were noted without an hour: midnight in Tokyo is 15:00 the day before
    called = dt.timedelta(hours=10)
    rows = [(*row[:4], row[4] - called * (row[1] == "phone")) for row in acts()]
    found = told(con, company(con, tmp_path, PLAIN, rows), ["a00"])
    assert found.loc[0, "best_channel"] == "phone"
    assert pd.isna(found.loc[0, "best_hour"])


@pytest.mark.parametrize("rows", [[], acts()[:6]], ids=["no acts", "few acts"])
def test_too_little_leaves_it_unsaid(tmp_path: Path, rows: list[Row]) -> None:
    con = connect()
    found = told(con, company(con, tmp_path, PLAIN, rows), ["a00", "a01"])
    assert found["entity_id"].tolist() == ["a00", "a01"]
    assert found[[*NEXT, *BEST]].isna().all(axis=None)
    assert found["next_probability"].dtype == "float64"
    assert found["best_hour"].dtype == "Int64"


def test_nothing_is_said_where_the_project_does_not_say_what_acts_are(night: Night) -> None:
    con, given = night
    for actions in (None, config(catalogue())):
        found = told(con, dataclasses.replace(given, actions=actions), ["a00"])
        assert found[[*NEXT, *BEST]].isna().all(axis=None)


def test_sql_without_a_needed_column_is_told(night: Night) -> None:
    con, given = night
    with pytest.raises(ConfigError, match="does not return happened_at") as caught:
        told(con, asking(given, "select account_id, kind from activities"), ["a00"])
    assert "actions.yml" in str(caught.value.where)


def test_segments_may_be_missing(night: Night) -> None:
    con, given = night
    for rows in (
        pd.DataFrame({"entity_id": ["a00"]}),
        pd.DataFrame({"entity_id": ["a00"], "segment": [None]}),
    ):
        found = behaviour_of(con, given, store_of(given), "account", AS_OF, rows)
        assert found.loc[0, "best_channel"] == "phone"
    nobody = pd.DataFrame({"entity_id": [], "segment": []})
    assert behaviour_of(con, given, store_of(given), "account", AS_OF, nobody).empty
