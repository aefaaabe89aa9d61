from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salesml.errors import ConfigError, LabelError, ModelError
from salesml.training import METRICS, TrainingData, TrainingResult, train
from salesml.training.metrics import row_losses


def small(rows: int, *, dates: list[str], positives: int) -> TrainingData:
    rng = np.random.default_rng(0)
    return TrainingData(
        pd.DataFrame({"x": rng.normal(size=rows)}),
        pd.Series(np.arange(rows) < positives).sample(frac=1, random_state=0),
        pd.Series(np.resize(np.array(dates), rows)),
        pd.Series(range(rows)),
    )


def test_signal_beats_the_base_rate(result: TrainingResult) -> None:
    assert result.beats_base_rate
    assert result.deployed == result.model.chosen_ == result.holdout_model.chosen_ != "base_rate"
    assert result.metrics["roc_auc"].low > 0.8
    assert result.metrics["log_loss"].high < result.candidates["base_rate"]["log_loss"].value
    assert result.gain.low > 0
    assert result.verdict.en.startswith("The model beats the base rate: log loss 0.")
    assert result.verdict.ja.startswith("モデルは基準率（全体平均）を上回ります: テスト")
    assert result.calibration_error < 0.1
    assert result.leaks == {}


def test_nothing_within_the_horizon_of_the_test_was_learnt_from(result: TrainingResult) -> None:
    assert result.split == "time"
    assert result.training.last + dt.timedelta(days=60) <= result.testing.first
    assert result.testing.last == dt.date(2024, 12, 1)
    assert result.windows == {
        "train_from": "2024-01-01",
        "train_to": "2024-08-01",
        "test_from": "2024-10-01",
        "test_to": "2024-12-01",
    }
    assert result.testing.rows == 3 * 120


def test_every_candidate_is_measured_with_intervals(result: TrainingResult) -> None:
    assert set(result.candidates) == {"base_rate", "logistic", "lightgbm"}
    for measures in result.candidates.values():
        assert tuple(measures) == METRICS
        assert all(m.low <= m.value <= m.high for m in measures.values())
    assert result.metrics == result.candidates[result.deployed]
    board = result.leaderboard.set_index("candidate")
    assert board.loc["logistic", "test_log_loss"] == result.candidates["logistic"]["log_loss"].value


def test_predictions_are_those_of_the_holdout(result: TrainingResult) -> None:
    rows = result.test_predictions
    assert list(rows) == ["entity", "as_of", "y", "probability", "base_rate_probability"]
    assert rows["as_of"].min() == result.testing.first
    expected = result.holdout_model.predict_proba(result.test.X)[:, 1]
    assert rows["probability"].to_numpy() == pytest.approx(expected)
    y = rows["y"].to_numpy(dtype=float)
    losses = [row_losses(y, rows[c].to_numpy()) for c in ("base_rate_probability", "probability")]
    assert result.gain.value == pytest.approx(losses[0].mean() - losses[1].mean())


def test_deployed_model_learnt_from_all_rows(result: TrainingResult, data: TrainingData) -> None:
    odds = result.model.with_candidate("base_rate").expected_value_
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(data.y.mean(), abs=1e-3)


def test_importance_names_what_matters(result: TrainingResult, data: TrainingData) -> None:
    logins, noise, segment = data.X.columns
    assert result.importance["feature"].tolist() == [logins, segment, noise]
    assert result.importance["importance"].is_monotonic_decreasing


def test_no_signal_ends_with_the_base_rate_and_says_so(silent_result: TrainingResult) -> None:
    assert not silent_result.beats_base_rate
    assert silent_result.deployed == silent_result.model.chosen_ == "base_rate"
    assert silent_result.verdict.en.startswith("The model does not beat the base rate: log loss")
    assert "モデルは基準率（全体平均）を上回りません" in silent_result.verdict.ja
    assert silent_result.challenger in silent_result.verdict.en
    rows = silent_result.test_predictions
    assert (rows["probability"] == rows["base_rate_probability"]).all()
    assert silent_result.metrics["roc_auc"].value == 0.5
    assert any(silent_result.verdict.en in line for line in silent_result.lines())


def test_probabilities_may_gain_but_an_order_of_chance_does_not_beat(
    panel: Callable[..., TrainingData],
) -> None:
    """On the test logins and outcomes are more, but who logs in tells nothing any more."""
    data, rng = panel(), np.random.default_rng(1)
    new = (pd.to_datetime(data.as_of) >= "2024-10-01").to_numpy()
    logins = np.where(new, rng.normal(1.5, 0.5, len(new)), data.X.iloc[:, 0])
    y = np.where(new, rng.random(len(new)) < 0.7, data.y).astype(int)
    X = data.X.assign(**{data.X.columns[0]: logins})
    found = train(replace(data, X=X, y=pd.Series(y)), horizon_days=60, settings={"num_threads": 1})
    assert found.gain.low > 0
    assert found.candidates[found.challenger]["roc_auc"].low <= 0.5
    assert found.deployed == "base_rate"
    assert "does not beat" in found.verdict.en
    assert ", AUC 0." in found.verdict.en
    assert "、AUC 0." in found.verdict.ja


def test_signal_that_is_gone_on_the_test_ends_with_the_base_rate(
    panel: Callable[..., TrainingData],
) -> None:
    data = panel()
    new = pd.to_datetime(data.as_of) >= "2024-10-01"
    shuffled = data.y.where(~new, data.y.sample(frac=1, random_state=0).to_numpy())
    found = train(replace(data, y=shuffled), horizon_days=60, settings={"num_threads": 1})
    assert found.holdout_model.chosen_ != "base_rate"
    assert found.deployed == "base_rate"
    assert not found.beats_base_rate
    assert found.challenger == found.holdout_model.chosen_


def test_following_a_drift_is_not_beating_the_base_rate() -> None:
    """The share of positives grows from 10 % to 60 %; the column tells nothing but the date."""
    rng = np.random.default_rng(0)
    month = np.tile(np.arange(16), 200)
    found = train(
        TrainingData(
            pd.DataFrame({"x": rng.normal(size=3200)}),
            pd.Series(rng.random(3200) < 0.1 + month / 30),
            pd.Series(pd.date_range("2024-01-01", periods=16, freq="MS")[month]),
            pd.Series(np.repeat(np.arange(200), 16)),
        ),
        horizon_days=60,
        settings={"num_threads": 1},
    )
    assert found.deployed == "base_rate"
    base = found.holdout_model.with_candidate("base_rate")
    assert base.calibration_.a > 0.2
    assert base.calibration_.b == 1


def test_training_is_repeatable(result: TrainingResult, data: TrainingData) -> None:
    again = train(data, horizon_days=60, settings={"num_threads": 1})
    assert again.metrics == result.metrics
    pd.testing.assert_frame_equal(again.test_predictions, result.test_predictions)
    assert (again.model.margin(data.X) == result.model.margin(data.X)).all()


def test_progress_is_told(panel: Callable[..., TrainingData]) -> None:
    said: list[str] = []
    train(
        panel(entities=50, signal=0),
        horizon_days=60,
        settings={"num_threads": 1},
        progress=said.append,
    )
    assert [text.split()[0] for text in said] == ["learning", "testing", "learning"]


def test_single_date_is_tested_on_other_entities(panel: Callable[..., TrainingData]) -> None:
    found = train(panel(entities=400, months=1), horizon_days=90, settings={"num_threads": 1})
    assert found.split == "groups"
    assert "not on later dates" in found.warnings[0]
    assert "dates from 2024-01-01 to 2024-01-01, 0 days apart" in found.warnings[0]
    assert (found.training.entities, found.testing.entities) == (300, 100)


def test_too_few_positives_are_counted() -> None:
    with pytest.raises(LabelError, match="positives to learn from: 7 of 100 rows, 20 are needed"):
        train(small(100, dates=["2024-01-01"], positives=7), horizon_days=30, settings={})


def test_nothing_left_to_test_on_names_dates_and_history() -> None:
    data = small(100, dates=["2024-01-01", "2024-02-01"], positives=21)
    with pytest.raises(LabelError, match="21 positives in 100 rows") as caught:
        train(data, horizon_days=90, settings={})
    assert "dates from 2024-01-01 to 2024-02-01, 31 days apart" in str(caught.value.received)
    assert "well over 90 days" in str(caught.value.fix)


def test_unknown_setting_is_suggested(data: TrainingData) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'time_budget'"):
        train(data, horizon_days=60, settings={"time_budgt": 5})


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"y": pd.Series([1, 0])}, ModelError, "y and X have different"),
        ({"y": pd.Series([1, 0, 3])}, LabelError, "must be 0 or 1"),
        ({"as_of": pd.Series(["2024-01-01", None, "2024-01-01"])}, ModelError, "date is missing"),
        ({"entity": pd.Series(["a", None, "b"])}, ModelError, "group is missing"),
        ({"amount": pd.Series([1.0])}, ModelError, "amount and X have different"),
    ],
)
def test_impossible_data_are_refused(
    changed: dict[str, pd.Series], error: type[Exception], message: str
) -> None:
    parts = {
        "X": pd.DataFrame({"x": [1, 2, 3]}),
        "y": pd.Series([0, 1, 0]),
        "as_of": pd.Series(["2024-01-01"] * 3),
        "entity": pd.Series(["a", "b", "c"]),
    }
    with pytest.raises(error, match=message):
        TrainingData(**(parts | changed))


def test_taking_rows_keeps_all_parts() -> None:
    data = replace(small(5, dates=["2024-01-01"], positives=2), amount=pd.Series(range(5)))
    some = data.take(np.array([4, 1]))
    assert some.entity.tolist() == [4, 1]
    assert some.amount is not None
    assert some.amount.tolist() == [4, 1]
    assert some.X["x"].tolist() == data.X["x"].iloc[[4, 1]].tolist()
