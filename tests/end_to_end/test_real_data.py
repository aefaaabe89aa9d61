"""The shipped projects on real data."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from salesml import api
from salesml.pipeline import NightlyResult, nightly
from tests.end_to_end.conftest import NOW, Workspace

QUICK = "\nmodel: {time_budget: 8}\n"


@pytest.fixture(scope="module")
def run(workspace: Workspace, real_data: Path) -> object:
    roots: dict[str, Path] = {}

    def night(project: str, date: dt.date) -> tuple[NightlyResult, pd.DataFrame, Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SALESML_DATA", str(real_data))
            root = roots.setdefault(project, workspace(project))
            for path in (root / "configs" / project / "tasks").glob("*.yml"):
                text = path.read_text(encoding="utf-8")
                path.write_text(text if "time_budget" in text else text + QUICK, encoding="utf-8")
            result = nightly(project, date, root=root, now=NOW)
            task = result.tasks[0].task.name
            return result, api.scores(project, task, as_of=date, root=root), root

    return night


@pytest.mark.xdist_group("olist")
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


@pytest.mark.xdist_group("cdnow")
def test_cdnow_customers_who_stay_away_are_found(run: object) -> None:
    result, scores, _ = run("cdnow", dt.date(1998, 3, 15))  # type: ignore[operator]
    champion = result.tasks[0].champion
    assert champion.beats_base_rate
    assert champion.metrics["roc_auc"].low > 0.7
    assert scores["probability"].between(0, 1).all()


@pytest.mark.xdist_group("cdnow")
def test_cdnow_learns_nothing_from_days_after_the_log_ended(run: object) -> None:
    result, _, _ = run("cdnow", dt.date(1998, 9, 1))  # type: ignore[operator]
    assert result.tasks[0].champion.windows["test_to"] <= "1998-04-02"


@pytest.mark.xdist_group("maven")
def test_maven_says_plainly_that_there_is_no_signal(run: object) -> None:
    result, scores, _ = run("maven", dt.date(2017, 10, 1))  # type: ignore[operator]
    champion = result.tasks[0].champion
    assert not champion.beats_base_rate
    assert "does not beat the base rate" in champion.verdict_en
    assert "基準率" in champion.verdict_ja
    assert champion.verdict_en in result.report.read_text(encoding="utf-8")
    assert scores["probability"].std() < 0.02
    assert 0.3 < scores["probability"].mean() < 0.75
