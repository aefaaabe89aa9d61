"""The nightly of the sample, night after night, held to the truth that made it."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from salesml import api
from salesml.config import load_project
from salesml.engine import connect
from salesml.errors import (
    ConfigError,
    IncompleteError,
    LabelError,
    LockedError,
    ModelError,
    SalesmlError,
    SourceError,
)
from salesml.features import Snapshots, load_feature_sets
from salesml.labels import population
from salesml.pipeline import NightlyResult, nightly, open_run, read_sources
from salesml.scoring import store_of
from tests.end_to_end.conftest import NOW, Workspace

FIRST = dt.date(2026, 6, 1)
TASKS = ("churn", "lead_conversion", "municipal_adoption", "win")
ENTITIES = ("account", "lead", "municipality", "opportunity")
TRUTH = {
    "churn": "select account_id as id, probability_90d as truth from churn where month = '{date}'",
    "lead_conversion": "select lead_id as id, probability as truth from conversion",
    "municipal_adoption": "select municipality_id as id, probability_365d as truth from municipal "
    "where month = '{date}'",
    "win": "select opportunity_id as id, probability as truth from win",
}


def _crm(root: Path) -> Path:
    return root / "var" / "sample" / "crm.sqlite"


def _content(path: Path) -> str:
    """A digest of all rows: the file's bytes may differ by bookkeeping of SQLite."""
    with sqlite3.connect(path) as con:
        return hashlib.sha256("\n".join(con.iterdump()).encode()).hexdigest()


def _keep_only(root: Path, *tasks: str) -> None:
    """Leave a project of *tasks*: what holds for each of them needs no more of them."""
    folder = root / "configs" / "sample"
    for path in (folder / "tasks").glob("*.yml"):
        if path.stem not in tasks:
            path.unlink()
    for name in ("actions.yml", "plays.yml"):  # they ask about all four entities
        (folder / name).unlink()
    export = yaml.safe_load((folder / "export.yml").read_text(encoding="utf-8"))
    kept = {name: each for name, each in export["targets"].items() if each.get("task") in tasks}
    text = yaml.safe_dump({**export, "targets": kept}, allow_unicode=True)
    (folder / "export.yml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def scored(first_night: NightlyResult) -> dict[str, pd.DataFrame]:
    root = first_night.run.project.root
    return {task: api.scores("sample", task, as_of=FIRST, root=root) for task in TASKS}


def test_every_task_gets_a_champion_that_beats_the_base_rate(first_night: NightlyResult) -> None:
    assert [t.task.name for t in first_night.tasks] == list(TASKS)
    for task in first_night.tasks:
        assert task.trained is not None
        assert task.champion.beats_base_rate, task.champion.verdict_en
        value, low, high = task.champion.metrics["roc_auc"]
        assert 0.6 < low < value < high < 0.95


def test_scores_have_the_promised_columns(scored: dict[str, pd.DataFrame]) -> None:
    promised = ["as_of", "run_id", "model_version", "probability", "score", "band", "change"]
    for task, entity in zip(TASKS, ENTITIES, strict=True):
        frame = scored[task]
        assert set(frame.columns) >= {f"{entity}_id", *promised, "expected_value", "reasons"}
        assert frame[f"{entity}_id"].is_unique
        assert frame["score"].between(1, 99).all()
        assert frame["probability"].between(0, 1, inclusive="neither").all()
        assert frame["change"].isna().all()
    amounts = scored["win"]["amount"] * scored["win"]["probability"]
    pd.testing.assert_series_equal(scored["win"]["expected_value"], amounts, check_names=False)
    assert scored["lead_conversion"]["expected_value"].isna().all()


def test_points_add_up_to_the_distance_from_the_average(scored: dict[str, pd.DataFrame]) -> None:
    for frame in scored.values():
        sums = frame["reasons"].map(lambda found: sum(reason["points"] for reason in found))
        assert (sums == frame["score"] - 50).all()


def test_reasons_read_as_sentences_in_both_languages(scored: dict[str, pd.DataFrame]) -> None:
    texts = [r for frame in scored.values() for found in frame["reasons"] for r in found]
    assert len(texts) > 500
    for reason in texts:
        assert reason["text_ja"]
        assert reason["text_en"]
        for text in (reason["text_ja"], reason["text_en"]):
            assert not re.search(r"\bnan\b|\bNone\b|\{|_30d|<NA>", text), text
    assert any("ログイン" in reason["text_ja"] for reason in texts)


@pytest.mark.parametrize("task", TASKS)
def test_scores_agree_with_the_known_truth(
    task: str, scored: dict[str, pd.DataFrame], sample_root: Path
) -> None:
    with sqlite3.connect(sample_root / "var" / "sample" / "truth.sqlite") as con:
        truth = pd.read_sql(TRUTH[task].format(date=FIRST), con)
    frame = scored[task].rename(columns=lambda c: "id" if c == scored[task].columns[0] else c)
    both = frame.merge(truth, on="id")
    assert len(both) > 0.9 * len(frame)
    # the truth of a lead is that of its first day, its score that of today
    least = 0.2 if task == "lead_conversion" else 0.3
    assert both["probability"].corr(both["truth"], method="spearman") > least
    likely = both["truth"] > both["truth"].quantile(0.8)
    assert roc_auc_score(likely, both["probability"]) > 0.65


def test_the_crm_holds_what_was_scored(scored: dict[str, pd.DataFrame], sample_root: Path) -> None:
    with sqlite3.connect(_crm(sample_root)) as con:
        rows = pd.read_sql(
            "select account_id, salesml_churn_score, salesml_churn_band, salesml_churn_reasons, "
            "salesml_scored_on from accounts where salesml_churn_score is not null",
            con,
        )
    both = scored["churn"].merge(rows, on="account_id", validate="one_to_one")
    assert len(both) == len(rows) == len(scored["churn"])
    assert (both["score"] == both["salesml_churn_score"]).all()
    assert set(rows["salesml_churn_band"]) <= {"健全", "要注意", "警戒", "危険"}
    assert set(rows["salesml_scored_on"]) == {str(FIRST)}
    worst = both.iloc[0]
    assert worst["reasons"][0]["text_ja"] in worst["salesml_churn_reasons"]


def test_the_report_is_one_file_with_the_names(
    first_night: NightlyResult, scored: dict[str, pd.DataFrame]
) -> None:
    page = first_night.report.read_text(encoding="utf-8")
    assert str(scored["churn"]["account_id"].iloc[0]) in page
    assert 'src="http' not in page


def test_quarantine_names_its_checks(first_night: NightlyResult) -> None:
    failed = {name for read in first_night.reads for name in read.quality.failed}
    assert {"refers_to(account_id)", "known_at"} <= failed
    assert all(read.quality.share < 0.05 for read in first_night.reads)


@pytest.mark.usefixtures("first_night")
def test_nothing_known_later_reaches_features_or_populations(
    sample_root: Path, workspace: Workspace
) -> None:
    """The same features from a CRM that ends where the date begins."""
    root = workspace("sample")
    _crm(root).parent.mkdir(parents=True)
    shutil.copy(_crm(sample_root), _crm(root))
    _cut_municipal(sample_root, root)
    with sqlite3.connect(_crm(root)) as con:
        for table, known in {
            "activities": "logged_at", "product_usage": "loaded_at", "tickets": "logged_at",
            "contract_events": "logged_at", "opportunity_stage_history": "logged_at",
            "leads": "created_at", "opportunities": "created_at",
            "municipal_activities": "logged_at", "municipal_adoptions": "logged_at",
        }.items():  # fmt: skip
            con.execute(f"delete from {table} where {known} >= '{FIRST}'")
    with open_run("sample", FIRST, root=root, now=NOW) as run:
        read_sources(run)
    for name in TASKS:
        whole, cut = (_features(place, name) for place in (sample_root, root))
        assert len(whole) > 15
        pd.testing.assert_frame_equal(whole, cut)


def _cut_municipal(sample_root: Path, root: Path) -> None:
    """Copy the municipal tables, without what was known on the date or later."""
    target = root / "var" / "sample" / "municipal"
    target.mkdir()
    for path in (sample_root / "var" / "sample" / "municipal").glob("*.parquet"):
        table = pd.read_parquet(path)
        table[table["known_at"] < pd.Timestamp(FIRST)].to_parquet(target / path.name, index=False)


def _features(root: Path, task_name: str) -> pd.DataFrame:
    project = load_project("sample", root)
    task, store = project.task(task_name), store_of(project)
    sets = load_feature_sets(project.features, task.entity, task.features)
    with connect() as con:
        spine = population(con, project, store, task, FIRST, "001")
        values = Snapshots(project, store, task, sets).features(con, spine, "001")
    shown = spine.drop(columns=["owner", "name"], errors="ignore")
    return pd.concat([shown, values], axis=1)


def test_the_same_night_again_changes_nothing(own_root: Path) -> None:
    before = _content(_crm(own_root))
    again = nightly("sample", FIRST, root=own_root, now=NOW)
    assert all(task.trained is None for task in again.tasks)
    assert sum(result.written for result in again.exports) == 0
    assert all(read.new_rows == 0 for read in again.reads)
    assert _content(_crm(own_root)) == before


def test_a_dry_run_shows_changes_and_writes_none(own_root: Path) -> None:
    _keep_only(own_root, "churn")
    before = _content(_crm(own_root))
    dry = nightly("sample", FIRST + dt.timedelta(1), root=own_root, now=NOW, dry_run=True)
    assert sum(result.written for result in dry.exports) > 0
    assert all(result.changes for result in dry.exports if result.written)
    assert _content(_crm(own_root)) == before


def test_the_next_night_writes_only_what_changed(own_root: Path) -> None:
    _keep_only(own_root, "churn", "municipal_adoption")
    day = FIRST + dt.timedelta(2)
    night = nightly("sample", day, root=own_root, now=NOW)
    assert all(task.trained is None for task in night.tasks)
    accounts = next(result for result in night.exports if result.target == "accounts")
    assert 0 < accounts.written < accounts.total
    assert accounts.unchanged == accounts.total - accounts.written
    now_scored = api.scores("sample", "churn", as_of=day, root=own_root)
    last = api.scores("sample", "churn", as_of=FIRST, root=own_root)
    both = now_scored.merge(last, on="account_id", suffixes=("", "_before"))
    assert (both["change"] == both["score"] - both["score_before"]).all()


def test_an_earlier_date_uses_no_later_model_and_overwrites_nothing(own_root: Path) -> None:
    _keep_only(own_root, "churn", "win")
    before = _content(_crm(own_root))
    early = dt.date(2025, 11, 1)
    night = nightly("sample", early, root=own_root, now=NOW)
    for task in night.tasks:
        assert task.champion.as_of <= early
        assert task.champion.windows["test_to"] < str(early)
    for result in night.exports:
        assert result.older > 0
        assert result.older + result.unchanged == result.total
    assert _content(_crm(own_root)) == before


@pytest.mark.usefixtures("first_night")
def test_two_runs_at_once_are_refused(sample_root: Path) -> None:
    with (
        open_run("sample", FIRST, root=sample_root, now=NOW),
        pytest.raises(LockedError, match="under way"),
    ):
        nightly("sample", FIRST, root=sample_root, now=NOW)


@pytest.mark.usefixtures("first_night")
def test_a_date_before_the_data_is_refused(sample_root: Path) -> None:
    with pytest.raises(SalesmlError, match="begin later") as caught:
        nightly("sample", dt.date(2010, 1, 1), root=sample_root, now=NOW)
    assert "--as-of after" in str(caught.value)


@pytest.mark.usefixtures("first_night")
def test_a_date_in_the_future_is_refused(sample_root: Path) -> None:
    far = NOW.date() + dt.timedelta(2)
    with pytest.raises(ConfigError, match="in the future"):
        nightly("sample", far, root=sample_root, now=NOW)


def test_a_lost_file_of_the_store_stops_the_run(own_root: Path) -> None:
    lost = next((own_root / "var" / "sample" / "data" / "usage").rglob("*.parquet"))
    lost.unlink()
    with pytest.raises(SourceError, match="usage is not as it was written"):
        nightly("sample", FIRST, root=own_root, now=NOW)


def test_a_champion_whose_features_are_gone_is_trained_anew(own_root: Path) -> None:
    _keep_only(own_root, "churn", "win")
    path = own_root / "configs" / "sample" / "tasks" / "win.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("account_engagement, ", ""), encoding="utf-8")
    day = FIRST + dt.timedelta(4)
    night = nightly("sample", day, root=own_root, now=NOW, dry_run=True)
    churn, win = night.tasks
    assert churn.trained is None
    assert win.trained is not None
    assert win.trained.decision.promote
    taken, champion = api.rollback("sample", "win", root=own_root, now=NOW)
    assert taken.version == win.champion.version
    assert champion.version < taken.version


@pytest.mark.usefixtures("first_night")
def test_too_few_positives_are_counted(sample_root: Path) -> None:
    early = dt.date(2023, 12, 15)
    with pytest.raises(LabelError, match="positive"):
        api.train("sample", "churn", as_of=early, root=sample_root, now=NOW)


def test_training_again_on_the_same_data_keeps_the_champion(own_root: Path) -> None:
    before = _champion(own_root)
    again = api.train("sample", "win", as_of=FIRST, root=own_root, now=NOW)
    assert not again.decision.promote
    assert _champion(own_root) == before != again.version.version


def _champion(root: Path) -> int:
    with open_run("sample", FIRST, root=root, now=NOW) as run:
        champion = run.registry.champion("win", FIRST)
    assert champion is not None
    return champion.version


def test_an_unknown_entity_gets_a_near_miss(
    scored: dict[str, pd.DataFrame], sample_root: Path
) -> None:
    known = str(scored["churn"]["account_id"].iloc[0])
    with pytest.raises(ModelError, match=f"Did you mean '{known}'"):
        api.explain("sample", "churn", known + "0", as_of=FIRST, root=sample_root)


def test_a_model_changed_by_hand_is_refused(first_night: NightlyResult, sample_root: Path) -> None:
    champion = first_night.tasks[0].champion
    path = champion.directory / "model.json"
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b"0", b"1", 1))
    try:
        with pytest.raises(IncompleteError, match=r"churn: The model was changed.*model\.json"):
            nightly("sample", FIRST, root=sample_root, now=NOW)
    finally:
        path.write_bytes(kept)
