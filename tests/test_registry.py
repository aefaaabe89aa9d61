from __future__ import annotations

import datetime as dt
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import salesml.registry as registry_module
from salesml.config import Words
from salesml.errors import ModelError
from salesml.registry import Registry, Version
from salesml.training import METRICS, Decision, PropensityModel, TrainingData, TrainingResult, train
from salesml.training.figures import draw

JANUARY, FEBRUARY, MARCH = (dt.date(2025, month, 1) for month in (1, 2, 3))
PASSED, REFUSED = Decision(True, ["Better."]), Decision(False, ["Not better."])


@pytest.fixture(scope="module")
def result() -> TrainingResult:
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    return train(
        TrainingData(
            pd.DataFrame({"ログイン": x, "noise": rng.normal(size=600)}),
            pd.Series(rng.random(600) < 1 / (1 + np.exp(-2 * x))),
            pd.Series(np.repeat(pd.date_range("2024-01-01", periods=10, freq="MS"), 60)),
            pd.Series(np.tile(np.arange(60), 10)),
        ),
        horizon_days=30,
        settings={"num_threads": 1},
    )


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store without runs: making its tables takes longer than all the rest."""
    place = tmp_path_factory.mktemp("empty")
    Registry(place / "mlflow.db", place, "見本").versions("churn")
    return (place / "mlflow.db").read_bytes()


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """Draw no pictures, they take longer than all the rest; return what would."""
    monkeypatch.setattr(registry_module, "draw", lambda *_: [])
    return draw


@pytest.fixture
def registry(tmp_path: Path, empty_store: bytes, pictures: object) -> Registry:  # noqa: ARG001
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    return Registry(tmp_path / "mlflow.db", tmp_path / "artifacts", "見本")


def log(
    registry: Registry, result: TrainingResult, as_of: dt.date, decision: Decision = PASSED
) -> Version:
    return registry.log(
        "churn",
        result,
        decision,
        as_of=as_of,
        params={"horizon": 30, "long": "x" * 9000},
        feature_list=list(result.model.feature_names_in_),
        extra_tags={"run_id": "r1"},
    )


def alias(registry: Registry) -> int:
    return int(registry._client.get_model_version_by_alias("見本-churn", "champion").version)


def test_logged_model_comes_back(registry: Registry, result: TrainingResult) -> None:
    version = log(registry, result, JANUARY)
    assert registry.champion("churn") == version
    assert alias(registry) == version.version == 1
    model = version.load()
    X = result.test.X
    assert (model.predict_proba(X) == result.model.predict_proba(X)).all()
    assert tuple(version.metrics) == METRICS
    for name, interval in version.metrics.items():
        assert interval == pytest.approx(result.metrics[name])
    assert version.windows == result.windows
    assert (version.verdict_ja, version.verdict_en) == (result.verdict.ja, result.verdict.en)
    assert version.beats_base_rate
    assert version.deployed == result.deployed
    pd.testing.assert_frame_equal(version.predictions(), result.test_predictions)
    pd.testing.assert_frame_equal(version.calibration(), result.calibration_table)
    assert version.summary.startswith(
        f"churn version 1, as of 2025-01-01, {result.deployed}, passed: roc_auc 0."
    )


def test_run_says_everything(
    registry: Registry,
    result: TrainingResult,
    pictures: Callable[..., list[Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry_module, "draw", pictures)
    warned = replace(result, warnings=["Short history."])
    version = log(registry, warned, JANUARY)
    run = registry._client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["horizon"] == "30"
    assert len(run.data.params["long"]) == 6000
    assert run.data.params["train_to"] == result.windows["train_to"]
    assert run.data.metrics["roc_auc_low"] == result.metrics["roc_auc"].low
    assert run.data.metrics["gain"] == result.gain.value
    assert run.data.metrics["calibration_error_high"] == result.calibration_error.high
    assert run.data.metrics["precision_at_10"] == result.targeting.cuts[1].precision.value
    assert version.warnings() == [Words(ja="Short history.", en="Short history.")]
    assert not version.card.exists()
    base = result.candidates["base_rate"]["log_loss"].value
    assert run.data.metrics["base_rate_log_loss"] == pytest.approx(base)
    assert run.data.tags["run_id"] == "r1"
    for text in (result.verdict.ja, result.verdict.en, "Better.", "Warning: Short history."):
        assert text in run.data.tags["mlflow.note.content"]
    place = version.directory.parent
    assert json.loads((place / "features.json").read_text()) == ["ログイン", "noise"]
    assert json.loads((place / "warnings.json").read_text()) == ["Short history."]
    assert {file.name for file in (place / "figures").iterdir()} >= {"gain.png", "importance.png"}
    assert pd.read_csv(place / "leaderboard.csv")["candidate"].tolist()[0] == "base_rate"
    assert not [file for file in place.rglob("*") if file.suffix in {".pkl", ".pickle", ".joblib"}]


def test_undefined_measures_are_left_out(registry: Registry, result: TrainingResult) -> None:
    nan = result.metrics["roc_auc"]._replace(low=float("nan"), high=float("nan"))
    odd = replace(result, metrics=result.metrics | {"roc_auc": nan})
    version = log(registry, odd, JANUARY)
    assert version.metrics["roc_auc"].value == nan.value
    assert np.isnan(version.metrics["roc_auc"].low)


def test_nothing_trained_later_is_used_for_an_earlier_date(
    registry: Registry, result: TrainingResult
) -> None:
    log(registry, result, MARCH)
    log(registry, result, JANUARY)
    found = registry.champion("churn", FEBRUARY)
    assert found is not None
    assert found.as_of == JANUARY
    assert registry.champion("churn", dt.date(2024, 12, 31)) is None
    newest = registry.champion("churn")
    assert newest is not None
    assert newest.as_of == MARCH
    assert alias(registry) == newest.version == 1


def test_of_one_date_the_later_version_counts(registry: Registry, result: TrainingResult) -> None:
    log(registry, result, JANUARY)
    log(registry, result, JANUARY)
    assert alias(registry) == 2


def test_refused_model_is_kept_but_no_champion(registry: Registry, result: TrainingResult) -> None:
    log(registry, result, JANUARY)
    refused = log(registry, result, FEBRUARY, REFUSED)
    assert not refused.passed
    assert [v.version for v in registry.versions("churn")] == [2, 1]
    assert alias(registry) == 1
    assert "refused" in refused.summary


def test_no_champion_before_anything_was_trained(registry: Registry) -> None:
    assert registry.champion("churn") is None
    assert registry.versions("churn") == []


def test_rollback_goes_back_step_by_step(registry: Registry, result: TrainingResult) -> None:
    for date in (JANUARY, FEBRUARY, MARCH):
        log(registry, result, date)
    taken, now = registry.rollback("churn")
    assert (taken.version, now.version, alias(registry)) == (3, 2, 2)
    registry.rollback("churn")
    assert alias(registry) == 1
    with pytest.raises(ModelError, match="no earlier version of 'churn'"):
        registry.rollback("churn")
    champion = registry.champion("churn")
    assert champion is not None
    assert champion.version == 1
    assert [v.rolled_back for v in registry.versions("churn")] == [True, True, False]


def test_changed_model_is_refused(registry: Registry, result: TrainingResult) -> None:
    version = log(registry, result, JANUARY)
    file = version.directory / "model.json"
    file.write_text(file.read_text().replace('"score_slope": ', '"score_slope": 9'))
    with pytest.raises(ModelError, match=r"changed after training: model\.json") as caught:
        version.load()
    assert caught.value.where == str(file)


def test_crash_while_logging_leaves_no_half_champion(
    registry: Registry, result: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = log(registry, result, JANUARY)

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(PropensityModel, "save", full)
        with pytest.raises(OSError, match="No space left"):
            log(registry, result, FEBRUARY)
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "_tag", full)  # the model is registered, the gate's word is not
        with pytest.raises(OSError, match="No space left"):
            log(registry, result, MARCH)
    assert registry.champion("churn") == first
    assert alias(registry) == first.version
    assert [v.version for v in registry.versions("churn")] == [first.version]
    runs = registry._client.search_runs([registry._experiment])
    assert sorted(run.info.status for run in runs) == ["FAILED", "FINISHED", "FINISHED"]


def test_a_store_moved_without_its_files_is_said_before_anything_is_learnt(
    registry: Registry, result: TrainingResult, tmp_path: Path
) -> None:
    version = log(registry, result, JANUARY)
    moved = Registry(tmp_path / "mlflow.db", tmp_path / "elsewhere", "見本")
    with pytest.raises(ModelError, match="keeps its files in another directory") as caught:
        moved.prepare()
    assert f"{tmp_path / 'elsewhere'} lacks the files of 1 runs" in str(caught.value.received)
    assert caught.value.where == str(tmp_path / "mlflow.db")
    # nothing was changed
    registry.prepare()
    assert registry.champion("churn") == version


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_store_moved_or_copied_with_its_files_goes_on(
    tmp_path: Path,
    empty_store: bytes,
    result: TrainingResult,
    how: Any,
    pictures: object,  # noqa: ARG001
) -> None:
    old, new = tmp_path / "old place", tmp_path / "新しい"
    old.mkdir()
    (old / "mlflow.db").write_bytes(empty_store)
    first = log(Registry(old / "mlflow.db", old / "files", "見本"), result, JANUARY)
    how(old, new)
    here = Registry(new / "mlflow.db", new / "files", "見本")
    here.prepare()
    second = log(here, result, FEBRUARY)
    assert [v.version for v in here.versions("churn")] == [2, 1]
    assert second.directory.is_relative_to(new / "files")
    # MLflow itself finds the files of both
    for version in (first, second):
        names = {file.path for file in here._client.list_artifacts(version.run_id)}
        assert {"model", "leaderboard.csv"} <= names
        place = here._client.get_model_version_download_uri("見本-churn", str(version.version))
        assert place == (new / "files" / version.run_id / "artifacts" / "model").as_uri()
    if how is shutil.copytree:
        there = Registry(old / "mlflow.db", old / "files", "見本")
        assert there.champion("churn") == first
        there.prepare()
        assert {f.path for f in there._client.list_artifacts(first.run_id)} >= {"model"}


def test_notes_lie_beside_the_model(registry: Registry, result: TrainingResult) -> None:
    version = log(registry, result, JANUARY)
    assert version.note("gate")["reasons"] == ["Better."]
    assert version.note("nothing") is None
    assert (version.job, version.why) == ("r1", "")
    noted = registry.log(
        "churn", result, REFUSED, as_of=FEBRUARY, params={}, feature_list=[],
        extra_tags={"why": "due"}, notes={"reference": {"名": [1]}},
    )  # fmt: skip
    assert noted.note("reference") == {"名": [1]}
    assert noted.why == "due"
    # what lies beside it is no part of what its hash protects
    assert noted.load()


def test_new_store_is_made_quietly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        assert Registry(tmp_path / "new" / "mlflow.db", tmp_path, "p").versions("t") == []
    assert (tmp_path / "new" / "mlflow.db").exists()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
