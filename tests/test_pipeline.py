"""Runs of the small company that cannot go on, and what they leave: all of it as it was."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import tiny
from fakes import task

from salesml import api
from salesml.config import load_project
from salesml.errors import (
    ConfigError,
    DataQualityError,
    LabelError,
    LockedError,
    SalesmlError,
    SourceError,
)
from salesml.learning import training_data
from salesml.pipeline import export_rows, nightly, read_sources
from salesml.run import open_run
from salesml.scoring import ScoreBook

SOURCES, TASK = "configs/tiny/sources.yml", "configs/tiny/tasks/away.yml"


@pytest.fixture
def company(tiny_night: Path, tmp_path: Path) -> Path:
    return tiny.copy_of(tiny_night, tmp_path / "company")


def state(root: Path) -> tuple[object, ...]:
    """What counts: the CRM, the tables stored, the scores, the reports, the models."""
    var = root / "var/tiny"
    kept = [p for p in var.rglob("*.json") if p.parent.parent.name in ("data", "scores")]
    kept += [*var.glob("report/*"), *var.glob("mlflow-artifacts/*/artifacts/model/*")]
    digests = {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}
    return tiny.content(root), digests, ScoreBook(load_project("tiny", root), "away").dates()


def refused(
    root: Path, kind: type[SalesmlError], *said: str, as_of: dt.date = tiny.NEXT
) -> SalesmlError:
    """Run a night that raises *kind*, saying what is *said*, and changes nothing that counts."""
    before = state(root)
    with pytest.raises(kind) as caught:
        nightly("tiny", as_of, root=root, now=tiny.NOW)
    text = str(caught.value)
    for part in (*said, "where: ", "to do: "):
        assert part in text
    assert state(root) == before
    # nothing that was tried stands in the way
    assert (root / "var/tiny/run.lock").exists()
    with open_run("tiny", as_of, root=root, now=tiny.NOW):
        return caught.value


# sources ---------------------------------------------------------------------------------------


def test_a_source_without_rows(company: Path) -> None:
    with tiny.crm(company) as link:
        link.execute("delete from visits")
    refused(company, SourceError, "Source activities is empty, but 1,", "rows were read before")


def test_a_source_that_was_always_empty(tmp_path: Path) -> None:
    root = tiny.make_company(tmp_path)
    with tiny.crm(root) as link:
        link.execute("delete from visits")
    before = tiny.content(root)
    with pytest.raises(SourceError) as caught:
        nightly("tiny", tiny.AS_OF, root=root, now=tiny.NOW)
    assert "The source activities has no rows." in str(caught.value)
    assert "Task away cannot run without it" in str(caught.value)
    assert tiny.content(root) == before
    assert not (root / "var/tiny/scores").exists()
    assert not (root / "var/tiny/report").exists()


def test_a_column_that_is_gone(company: Path) -> None:
    with tiny.crm(company) as link:
        link.execute("alter table visits rename column channel to way")
    refused(
        company,
        SourceError,
        "mapping of source activities does not fit its table",
        "received: columns id, customer, visited_at, logged_at, way in visits",
        "sources.yml:",
        "map a column that is not there as `null`",
    )


def test_a_table_that_is_gone(company: Path) -> None:
    with tiny.crm(company) as link:
        link.execute("alter table visits rename to visits_old")
    refused(company, SourceError, "'visits'", "Did you mean 'visits_old'?")


def test_too_many_rows_that_fail(company: Path) -> None:
    with tiny.crm(company) as link:
        link.execute("update visits set visited_at = 'soon' where id % 3 = 0")
        link.execute("update visits set logged_at = '2031-01-01' where id % 3 = 1")
    error = refused(
        company,
        DataQualityError,
        "of the rows of source activities fail checks, more than the 20.0% allowed",
        "rows fail happened_at",
        "rows fail not_in_future(known_at)",
        "stop_above",
    )
    assert str(company / "var/tiny/quarantine/activities") in str(error.where)


def test_a_few_rows_that_fail_go_to_quarantine(company: Path) -> None:
    with tiny.crm(company) as link:
        link.execute("create table visits_twice as select * from visits")
        link.execute("insert into visits_twice select * from visits where id <= 2")
        link.execute(
            "insert into visits_twice values (70001, 'c001', '2025-02-31', '2025-03-01', '')"
        )
        link.execute(
            "insert into visits_twice values (70002, 'c001', '2025-03-01', '2030-01-01', '')"
        )
    tiny.change(company, SOURCES, "sources.activities.table", "visits_twice")
    night = nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    quality = night.reads[1].quality
    assert quality.failed == {
        "unique(activity_id)": 2,
        "happened_at": 1,
        "not_in_future(known_at)": 1,
    }
    kept = pd.read_parquet(company / "var/tiny/quarantine/activities")
    assert len(kept) == quality.quarantined == 4
    page = night.report.read_text(encoding="utf-8")
    assert "unique(activity_id)" in page


def test_a_stored_table_that_was_damaged(company: Path) -> None:
    table = company / "var/tiny/data/activities"
    part = next(table.rglob("*.parquet"))
    os.truncate(part, part.stat().st_size // 2)
    refused(
        company,
        SourceError,
        "The stored table activities is not as it was written.",
        "a damaged file",
        f"Delete {table}; the next run reads the table anew.",
    )
    shutil.rmtree(table)
    assert nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW).reads[1].new_rows > 1000


def test_a_source_that_is_stale(company: Path) -> None:
    tiny.change(company, SOURCES, "sources.activities.checks.fresh_within", "3 days")
    nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    before = ScoreBook(load_project("tiny", company), "away").dates()
    later = tiny.NOW + dt.timedelta(days=10)
    with pytest.raises(DataQualityError, match="activities: last known 2025-03-09, 3 days allowed"):
        nightly("tiny", dt.date(2025, 3, 20), root=company, now=later)
    assert ScoreBook(load_project("tiny", company), "away").dates() == before


# configuration and labels ----------------------------------------------------------------------


def test_configuration_is_read_before_anything_else(company: Path) -> None:
    tiny.change(company, TASK, "horizn", "30 days")
    before = tiny.content(company)
    with pytest.raises(ConfigError, match=r"away\.yml:\d+: unknown key 'horizn'"):
        nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    assert tiny.content(company) == before


def test_sets_and_sources_that_do_not_fit(company: Path) -> None:
    tiny.change(company, SOURCES, "sources.activities.columns", {
        "activity_id": "id", "account_id": "customer",
    })  # fmt: skip
    refused(company, ConfigError, "reads columns that source activities does not have: channel")


def test_a_date_before_the_data(company: Path) -> None:
    refused(
        company,
        SourceError,
        "Nothing is known before 2023-01-01: the data of task away begin later.",
        "received: first known row on 2024-01-01",
        "sources accounts, activities",
        "Use an --as-of after 2024-01-01.",
        as_of=dt.date(2023, 1, 1),
    )


def test_a_date_without_any_past(company: Path) -> None:
    refused(
        company,
        LabelError,
        "Task away has no past date whose 30 days are over.",
        "received: data from 2024-01-01, as of 2024-02-15",
        "Use an --as-of after 2024-03-02",
        as_of=dt.date(2024, 2, 15),
    )


def test_a_date_to_come(company: Path) -> None:
    before = state(company)
    with pytest.raises(ConfigError) as caught:
        nightly("tiny", dt.date(2025, 3, 12), root=company, now=tiny.NOW)
    text = str(caught.value)
    assert "The date 2025-03-12 lies in the future." in text
    assert "received: today is 2025-03-10 in Asia/Tokyo" in text
    assert "Use a date up to tomorrow." in text
    assert state(company) == before
    with open_run("tiny", dt.date(2025, 3, 11), root=company, now=tiny.NOW) as run:
        assert run.as_of == dt.date(2025, 3, 11)


def test_without_a_date_it_is_the_configured_one_or_today(company: Path) -> None:
    def date() -> dt.date:
        with open_run("tiny", root=company, now=tiny.NOW.replace(hour=16)) as run:
            return run.as_of

    assert date() == tiny.AS_OF
    tiny.change(company, "configs/tiny/project.yml", "as_of", "today")
    # 16:00 UTC is past midnight in Tokyo
    assert date() == dt.date(2025, 3, 11)


def test_outcomes_beyond_the_end_of_the_data_are_not_learnt(company: Path) -> None:
    """The first of December needs what happened up to the thirty-first."""

    def last() -> dt.date:
        with open_run("tiny", tiny.NEXT, root=company, now=tiny.NOW) as run:
            read_sources(run)
            return max(training_data(run, run.project.task("away")).as_of)

    assert last() == dt.date(2025, 1, 1)
    tiny.change(company, "configs/tiny/project.yml", "complete_until", "2024-12-30")
    assert last() == dt.date(2024, 12, 1)
    tiny.change(company, "configs/tiny/project.yml", "complete_until", "2024-12-29")
    assert last() == dt.date(2024, 11, 1)


def test_a_champion_whose_features_are_gone_is_replaced(company: Path) -> None:
    tiny.change(company, TASK, "features", ["contact"])
    told: list[str] = []
    night = nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW, tell=told.append)
    assert any("the champion needs account_segment, which the task has no more" in t for t in told)
    assert night.tasks[0].trained is not None
    assert night.tasks[0].rows == tiny.CUSTOMERS
    again = nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    assert again.tasks[0].trained is None


def test_a_new_feature_waits_for_the_next_training(company: Path) -> None:
    tiny.leak(company)
    night = nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    assert night.tasks[0].trained is None
    assert night.tasks[0].rows == tiny.CUSTOMERS


def test_too_few_positives(company: Path) -> None:
    rarely = "select account_id, as_of from spine where account_id = 'c001'"
    tiny.change(company, TASK, "outcome", rarely)
    before = state(company)
    with pytest.raises(LabelError) as caught:
        api.train("tiny", "away", as_of=tiny.NEXT, root=company, now=tiny.NOW)
    text = str(caught.value)
    assert "too few positives to learn from: 12 of 576 rows, 20 are needed" in text
    assert "received: 12 positives, 564 negatives" in text
    assert "to do: use a longer history" in text
    assert state(company) == before


def test_a_leak_stops_the_first_model(company: Path) -> None:
    """Before the first champion's date: the night trains, and the gate refuses."""
    tiny.leak(company)
    before = tiny.content(company)
    with pytest.raises(LabelError) as caught:
        nightly("tiny", dt.date(2024, 12, 20), root=company, now=tiny.NOW)
    text = str(caught.value)
    assert "Task away has no champion, and the gate refused the model just trained." in text
    assert "Column flag alone tells the outcome (AUC 1.000)" in text
    assert "where: MLflow run " in text
    assert tiny.content(company) == before
    assert ScoreBook(load_project("tiny", company), "away").dates() == [tiny.AS_OF]


# at once ---------------------------------------------------------------------------------------


def test_another_process_is_refused_while_a_run_goes_on(company: Path) -> None:
    program = "from salesml.cli import app; app()"
    command = [sys.executable, "-c", program, "nightly", "-p", "tiny"]
    with open_run("tiny", tiny.AS_OF, root=company, now=tiny.NOW) as run:
        done = subprocess.run(command, cwd=company, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Another run of project tiny is under way." in done.stderr
    assert f'"run_id": "{run.run_id}", "pid": {os.getpid()}' in done.stderr
    assert str(company / "var/tiny/run.lock") in done.stderr
    assert "Wait until it ends" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("call", ["train", "export", "rollback"])
def test_nothing_else_changes_a_project_while_a_run_goes_on(company: Path, call: str) -> None:
    arguments = ("tiny",) if call == "export" else ("tiny", "away")
    with (
        open_run("tiny", tiny.AS_OF, root=company, now=tiny.NOW),
        pytest.raises(LockedError, match="under way"),
    ):
        getattr(api, call)(*arguments, root=company)


def test_scores_can_be_read_while_a_run_goes_on(company: Path) -> None:
    with open_run("tiny", tiny.NEXT, root=company, now=tiny.NOW):
        assert len(api.scores("tiny", "away", root=company)) == tiny.CUSTOMERS


# what is written back --------------------------------------------------------------------------


def test_rows_for_a_crm() -> None:
    reasons = [
        {"concept": c, "points": p, "text_ja": f"{c}の", "text_en": f"of {c}"}
        for c, p in (("a", 12), ("b", -7), ("c", 3), ("d", 1))
    ]
    bands = [
        {"name": "high", "ja": "高", "en": "High", "from": 60},
        {"name": "low", "ja": "低", "en": "Low", "from": 1},
    ]
    scored = pd.DataFrame({"account_id": ["x", "y"], "score": [59, 60], "reasons": [reasons, []]})
    scored = scored.assign(changes=None, expected_value=[2.5, 5_000.0])
    rows = export_rows(task(bands=bands), scored)
    assert rows.to_dict("list") == {
        "account_id": ["x", "y"],
        "score": [59, 60],
        "expected_value": [2.5, 5_000.0],
        "external_id": ["x", "y"],
        "entity": ["account", "account"],
        "grade": [1, 0],
        "_priority": [2.5, 5_000.0],
        "band_ja": ["低", "高"],
        "band_en": ["Low", "High"],
        "reasons_ja": ["+12 aの\n-7 bの\n+3 cの", ""],
        "reasons_en": ["+12 of a\n-7 of b\n+3 of c", ""],
    }
    assert export_rows(task(bands=bands), scored, top=1)["reasons_en"].tolist() == ["+12 of a", ""]
