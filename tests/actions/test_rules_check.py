from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tiny

from salesml.actions.rules import require_concepts, require_conditions, require_sql
from salesml.check import check
from salesml.config import load_project
from salesml.engine import connect
from salesml.errors import ConfigError
from salesml.pipeline import read_sources
from salesml.run import open_run
from salesml.scoring import store_of
from tests.actions.catalogues import action, block, catalogue, play, write


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small company, its sources read; rows of activities lie in buckets of their own id."""
    made = tiny.make_company(tmp_path_factory.mktemp("check"))
    sources = "configs/tiny/sources.yml"
    tiny.change(made, sources, "sources.spread", _like_activities(made, entity="activity_id"))
    tiny.change(made, sources, "sources.all", _like_activities(made, entity="whole"))
    with open_run("tiny", tiny.AS_OF, root=made, now=tiny.NOW) as run:
        read_sources(run)
    return made


def _like_activities(root: Path, **changes: str) -> dict[str, Any]:
    source = load_project("tiny", root).sources["activities"]
    plain = source.model_dump(exclude_none=True, exclude={"checks", "joins", "stop_above"})
    columns = {name: column.sql for name, column in source.columns.items()}
    return {**plain, "columns": columns, **changes}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(threads=1) as opened:
        yield opened


def conditions(con: duckdb.DuckDBPyConnection, root: Path, when: str) -> None:
    write(root, catalogue({"call": action(when=when)}), {"start": play()})
    project = load_project("tiny", root)
    require_conditions(con, project, store_of(project), "account", tiny.AS_OF)


def said(con: duckdb.DuckDBPyConnection, root: Path, when: str) -> str:
    with pytest.raises(ConfigError) as caught:
        conditions(con, root, when)
    assert "configs/tiny/actions.yml:" in str(caught.value)
    assert "actions.call.when" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "when",
    [
        "true",
        "visits_30d > 1 and contact.visits_prev_30d <= 2",
        "away.change <= -5 or away.band = 'high' or expected_value > 1e6",
        "exists (select 1 from activities where activities.account_id = spine.account_id)",
        "(select count(*) from activities a where a.account_id = away.account_id) > 3",
        "(select count(*) from \"all\") > 3 and owner like 'r%'",
        "account_segment in ('大企業', '中堅') -- both",
        "account_id in (select account_id from activities where channel = 'phone')",
        'away.score > (select avg(length(channel)) from "all")',
        "as_of >= date '2025-03-01' and month(as_of) between 1 and 3",
    ],
)
def test_conditions_that_are_sound(con: duckdb.DuckDBPyConnection, root: Path, when: str) -> None:
    conditions(con, root, when)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("contct.visits_30d > 1", "Did you mean 'contact'?"),
        ("contact.visits_30 > 1", "Did you mean 'visits_30d'?"),
        ("visits_30 > 1", "Did you mean 'visits_30d'?"),
        ("away.scor > 1", "Did you mean 'score'?"),
        ("exists (select 1 from activites)", "unknown source 'activites'. Did you mean"),
        (
            "exists (select 1 from accounts where accounts.account_d = spine.account_id)",
            "Source accounts has no column 'account_d'. Did you mean 'account_id'?",
        ),
        ("exists (select 1 from spread)", "lies in buckets of activity_id, not account_id"),
        (
            "exists (select 1 from activities where activities.account_id = account_id)",
            "Compare with the row by its table: activities.account_id = spine.account_id.",
        ),
        ("(select count(*) from activities) > 3", "activities that does not depend on the row"),
        ("score", "is of type INTEGER, not true or false"),
        ("score > 'x'", "Could not convert string 'x'"),
        ("score >", "syntax error"),
        ("true; drop table x", "syntax error"),
        ("count(*) > 3", "cannot contain aggregates"),
        ("rank() over (order by score) > 3", "cannot contain window functions"),
        ("as_of < current_date", "uses current_date, whose result depends on more"),
        ("random() > 0.5", "uses random"),
        ("exists (select 1 from read_csv('x.csv'))", "uses read_csv"),
        ("lenth(segment) > 2", "lenth does not exist"),
        ("visits_30d > 1\n  and vists_30d < 3", "line 2 of the SQL"),
    ],
)
def test_conditions_that_are_not(
    con: duckdb.DuckDBPyConnection, root: Path, when: str, expected: str
) -> None:
    assert expected in said(con, root, when)


def test_concepts_are_those_of_the_features(root: Path) -> None:
    known = {"call": action(answers=["visits", "profile"]), "mail": action(answers="rhytm")}
    write(root, catalogue(known))
    with pytest.raises(ConfigError, match=r"mail answers to 'rhytm'.*Did you mean 'rhythm'\?") as e:
        require_concepts(load_project("tiny", root), "account")
    assert "actions.yml:" in str(e.value)
    assert "profile, rhythm, visits" in str(e.value)


def test_sql_is_checked_all_together(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    changes = {
        "people": "select name from accounts",
        "results": "select 1 as action_id",
        "history": "select 1 as entity from acounts",
        "behaviour": {"account": "select account_id, happened_at, channel as kind from activities"},
    }
    write(root, catalogue(**changes))
    project = load_project("tiny", root)
    with pytest.raises(ConfigError) as caught:
        require_sql(con, project, store_of(project), tiny.AS_OF)
    text = str(caught.value)
    assert "The actions have 3 problems" in text
    assert "The SQL of people does not return rep_id, role, skill, but name." in text
    assert "The SQL of results does not return status, done_on, done_by, result" in text
    assert "The SQL of history reads the unknown source 'acounts'" in text


def test_check_finds_what_is_wrong_with_actions(tmp_path: Path) -> None:
    root = tiny.make_company(tmp_path)
    write(root, catalogue(blocks={"busy": block("visits > 1", roles=["CS"])}), {"start": play()})
    report = check("tiny", root=root, now=tiny.NOW)
    (problem,) = report.problems
    assert "The condition `when` of block busy does not run" in str(problem)
    assert "actions: people and results" in report.passed
    assert "actions: conditions about account" not in report.passed


def test_check_looks_at_sets_that_only_conditions_use(tmp_path: Path) -> None:
    root = tiny.make_company(tmp_path)
    tiny.change(root, "configs/tiny/tasks/away.yml", "features", ["contact"])
    write(root, catalogue(features={"account": ["profile"]}))
    broken = (root / "features/account/profile.sql").read_text().replace("as_of,", "as_of, 1 as x,")
    (root / "features/account/profile.sql").write_text(broken.replace("segment as", "sgment as"))
    report = check("tiny", root=root, now=tiny.NOW)
    assert "profile" in str(report.problems[0])
    assert "features account/contact: truncation test for away" in report.passed
