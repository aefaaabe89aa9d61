from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import duckdb
import fakes
import pandas as pd
import pytest

from salesml.actions.rules import ask, people_of
from salesml.config import Project
from salesml.errors import ConfigError
from tests.actions.catalogues import catalogue, config

AS_OF = dt.date(2024, 6, 1)
REPS = {
    "rep_id": "VARCHAR",
    "name": "VARCHAR",
    "role": "VARCHAR",
    "skill": "VARCHAR",
    "left_on": "DATE",
    "known_at": "TIMESTAMP",
    "_deleted": "BOOLEAN",
}
LONG_AGO = dt.datetime(2020, 1, 1)
ALL = "select rep_id, name, role, skill, left_on from reps"


@pytest.fixture
def project(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Project:
    columns = {name: name for name in ("rep_id", "name", "role", "skill", "left_on")}
    reps = fakes.state(table="reps", key="rep_id", entity="whole", columns=columns)
    made = fakes.project(tmp_path, {"reps": reps}, fakes.task(name="away"))
    rows = [
        ("r2", "Mori", "IS", "4", dt.date(2024, 6, 1), LONG_AGO, False),
        ("r1", "Sato", "CS", "2", dt.date(2024, 6, 2), LONG_AGO, False),
        ("r3", None, "boss", None, None, LONG_AGO, False),
        ("r4", "Ito", "CS", "1", None, dt.datetime(2024, 6, 1), False),
    ]
    fakes.put(con, made, "reps", REPS, rows, kind="state", entity="whole", key="rep_id")
    return made


def people(con: duckdb.DuckDBPyConnection, project: Project, sql: str = ALL) -> pd.DataFrame:
    given = dataclasses.replace(project, actions=config(catalogue(people=sql)))
    return people_of(con, given, fakes.store_of(given), AS_OF)


def test_people_as_known_on_a_date(con: duckdb.DuckDBPyConnection, project: Project) -> None:
    found = people(con, project)
    assert list(found.columns) == [
        "rep_id", "name", "role", "skill", "team", "manager_id", "left", "minutes",
    ]  # fmt: skip
    assert found[["rep_id", "name", "role", "skill", "left", "minutes"]].to_dict("split")[
        "data"
    ] == [
        ["r1", "Sato", "CS", 2, False, 1200],
        ["r2", "Mori", "IS", 4, True, 0],
        ["r3", "r3", "boss", 1, False, 0],
    ]
    assert found[["team", "manager_id"]].isna().all(axis=None)


def test_what_else_people_may_say(con: duckdb.DuckDBPyConnection, project: Project) -> None:
    sql = """select rep_id, name, role, skill, 'east' as team, 'r3' as manager_id,
        if(rep_id = 'r1', 90, null) as minutes from reps"""
    found = people(con, project, sql).set_index("rep_id")
    assert list(found["minutes"]) == [90, 600, 0]
    assert (found["left"].any(), set(found["team"]), set(found["manager_id"])) == (
        False,
        {"east"},
        {"r3"},
    )


def test_ids_that_are_numbers(con: duckdb.DuckDBPyConnection, project: Project) -> None:
    sql = """select substr(rep_id, 2)::int as rep_id, name, role, skill,
        if(rep_id = 'r1', 3, null) as manager_id from reps"""
    found = people(con, project, sql)
    assert list(found["rep_id"]) == ["1", "2", "3"]
    assert found["manager_id"].fillna("").tolist() == ["3", "", ""]


def test_nobody(con: duckdb.DuckDBPyConnection, project: Project) -> None:
    found = people(con, project, f"{ALL} where false")
    assert (len(found), found["left"].dtype) == (0, bool)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (f"{ALL} union all {ALL}", "returns a person twice"),
        ("select rep_id, name, skill, role as rol from reps", r"does not return role.*'rol'\?"),
        ("select 'r1' as rep_id, 'x' as name, 'CS' as role, 'top' as skill", "skill of people"),
        ("select rep_id from rep", r"reads the unknown source 'rep'\. Did you mean 'reps'\?"),
        ("select rep_id, now() as name from reps", "uses now, whose result depends on more"),
        ("select rep_id,\n nam from reps", "does not run: Binder Error"),
        ("select rep_id from", "does not run"),
    ],
)
def test_people_that_cannot_be_asked(
    con: duckdb.DuckDBPyConnection, project: Project, sql: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        people(con, project, sql)
    assert "actions.yml, people" in str(caught.value)


def test_the_line_of_an_error_in_long_sql(con: duckdb.DuckDBPyConnection, project: Project) -> None:
    with pytest.raises(ConfigError, match="line 2 of the SQL"):
        ask(con, project, fakes.store_of(project), ("x",), "select\nnam from reps", (), AS_OF)
