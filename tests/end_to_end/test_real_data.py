"""The shipped projects on real data."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from salesml import api
from salesml.config import load_project
from salesml.engine import connect
from salesml.intake import read_source
from salesml.labels import dates_of_panel, outcomes, populations
from salesml.pipeline import NightlyResult, nightly
from salesml.scoring import store_of
from tests.end_to_end.conftest import NOW, REPOSITORY, Workspace

QUICK = "\nmodel: {tree_budget: 2000}\n"


@pytest.fixture(scope="module")
def run(workspace: Workspace, real_data: Path) -> object:
    roots: dict[str, Path] = {}

    def night(project: str, date: dt.date) -> tuple[NightlyResult, pd.DataFrame, Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SALESML_DATA", str(real_data))
            root = roots.setdefault(project, workspace(project))
            for path in (root / "configs" / project / "tasks").glob("*.yml"):
                text = path.read_text(encoding="utf-8")
                path.write_text(text if "\nmodel:" in text else text + QUICK, encoding="utf-8")
            result = nightly(project, date, root=root, now=NOW)
            task = result.tasks[0].task.name
            return result, api.scores(project, task, as_of=date, root=root), root

    return night


def test_olist_leads_convert_better_than_by_chance(run: object) -> None:
    result, scores, root = run("olist", dt.date(2018, 6, 1))  # type: ignore[operator]
    champion = result.tasks[0].champion
    assert champion.beats_base_rate
    assert champion.metrics["roc_auc"].low > 0.6
    assert champion.windows["test_to"] <= "2018-03-03"
    assert len(scores) > 1000
    written = pd.read_csv(next((root / "var" / "olist" / "export").glob("*.csv")))
    assert len(written) == len(scores)
    assert result.exports[0].written == len(scores)


def test_cdnow_customers_who_stay_away_are_found(run: object) -> None:
    result, scores, _ = run("cdnow", dt.date(1998, 3, 15))  # type: ignore[operator]
    champion = result.tasks[0].champion
    assert champion.beats_base_rate
    assert champion.metrics["roc_auc"].low > 0.7
    assert scores["probability"].between(0, 1).all()


def test_cdnow_learns_nothing_from_days_after_the_log_ended(run: object) -> None:
    result, _, _ = run("cdnow", dt.date(1998, 9, 1))  # type: ignore[operator]
    assert result.tasks[0].champion.windows["test_to"] <= "1998-04-02"


def test_maven_says_plainly_that_there_is_no_signal(run: object) -> None:
    result, scores, _ = run("maven", dt.date(2017, 10, 1))  # type: ignore[operator]
    champion = result.tasks[0].champion
    assert not champion.beats_base_rate
    assert "does not beat the base rate" in champion.verdict_en
    assert "基準率" in champion.verdict_ja
    assert champion.verdict_en in result.report.read_text(encoding="utf-8")
    assert scores["probability"].std() < 0.02
    assert 0.3 < scores["probability"].mean() < 0.75


def test_adventureworks_customers_are_asked_about_the_day_after_they_order(
    run: object, real_data: Path
) -> None:
    result, scores, _ = run("adventureworks", dt.date(2014, 7, 1))  # type: ignore[operator]
    champion = result.tasks[0].champion
    assert champion.beats_base_rate
    assert champion.metrics["roc_auc"].low > 0.7
    # the last order whose 90 days are over was placed on 1 April
    assert champion.windows["test_to"] == "2014-04-02"
    orders = pd.read_csv(real_data / "adventureworks_orders" / "SalesOrderHeader.csv.gz")
    yesterday = orders.loc[orders["OrderDate"] == "2014-06-30", "CustomerID"]
    assert set(scores["account_id"]) == set(yesterday.astype("str"))
    assert scores["probability"].between(0, 1).all()


def test_adventureworks_learns_from_a_row_for_each_order_day(real_data: Path) -> None:
    """The figures of the data's own description, several orders of one day being one row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALESML_DATA", str(real_data))
        project = load_project("adventureworks", REPOSITORY)
    with tempfile.TemporaryDirectory() as folder, connect() as con:
        project, task = replace(project, scratch=Path(folder)), project.task("churn")
        store, known = store_of(project), dt.date(2014, 7, 1)
        for name in ("accounts", "purchases"):
            read_source(con, project, store, name, now=NOW.replace(tzinfo=None), types={})
        every = task.model_copy(update={"history": None})
        dates = dates_of_panel(con, project, store, every, dt.date(2011, 5, 31), known)
        spine = populations(con, project, store, every, dates, "000")
        churn = outcomes(con, project, store, every, spine, known_before=known, bucket="000")
    assert (len(dates), len(spine)) == (1034, 26010)
    tested = spine["as_of"].between(dt.date(2014, 1, 2), dt.date(2014, 4, 1))
    assert tested.sum() == 6287
    assert churn[tested].mean() == pytest.approx(0.8923, abs=1e-4)
    assert (spine["as_of"] <= dt.date(2013, 10, 3)).sum() == 13686
