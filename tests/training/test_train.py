from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salesml.config import Capacity, Value
from salesml.errors import ConfigError, LabelError, ModelError
from salesml.training import METRICS, TrainingData, TrainingResult, train
from salesml.training.metrics import row_losses

from .conftest import QUICK


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
    assert result.calibration_error.value < 0.1
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
    assert {"base_rate", "logistic", "lightgbm"} <= set(result.candidates)
    for measures in result.candidates.values():
        assert tuple(measures) == METRICS
        assert all(m.low <= m.value <= m.high for m in measures.values())
    assert result.metrics == result.candidates[result.deployed]
    board = result.leaderboard.set_index("candidate")
    columns = ["test_log_loss", "test_log_loss_low", "test_log_loss_high"]
    assert tuple(board.loc["logistic", columns]) == result.candidates["logistic"]["log_loss"]


def test_predictions_are_those_of_the_holdout(result: TrainingResult) -> None:
    rows = result.test_predictions
    assert list(rows) == ["entity", "as_of", "y", "probability", "base_rate_probability"]
    assert rows["as_of"].min() == result.testing.first
    expected = result.holdout_model.predict_proba(result.test.X)[:, 1]
    assert rows["probability"].to_numpy() == pytest.approx(expected)
    y = rows["y"].to_numpy(dtype=float)
    losses = [row_losses(y, rows[c].to_numpy()) for c in ("base_rate_probability", "probability")]
    assert result.gain.value == pytest.approx(losses[0].mean() - losses[1].mean())


def test_deployed_model_learnt_from_all_rows(
    result: TrainingResult, silent_result: TrainingResult, panel: Callable[..., TrainingData]
) -> None:
    odds = silent_result.model.expected_value_
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(panel(signal=0).y.mean(), abs=1e-3)
    held = result.holdout_model.margin(result.test.X)
    assert not np.allclose(result.model.margin(result.test.X), held)


def test_profit_is_that_of_out_of_fold_rows_and_of_the_test(data: TrainingData) -> None:
    value = Value.model_validate({"contact": -10, "positive": 30})
    found = train(data, horizon_days=60, settings=QUICK, value=value)
    best = found.targeting.best
    assert best is not None
    # a contact pays from one in three up
    assert best.probability == pytest.approx(1 / 3, abs=0.12)
    rows = found.test_predictions
    taken = rows["probability"] >= best.probability
    profit = (30 * rows["y"] - 10)[taken].sum() / len(rows) * 100
    assert best.profit.value == pytest.approx(profit)
    assert best.profit.low < profit < best.profit.high


@pytest.mark.parametrize("known", [True, False])
def test_rule_that_knows_all_stays_and_one_that_knows_little_is_beaten(
    data: TrainingData, known: bool
) -> None:
    """The rule is what the outcome was drawn from, or a coin that came up a little like it."""
    logins, _, segment = data.X.columns
    truth = 1.5 * (data.X[logins] + (data.X[segment] == "SMB"))
    rng = np.random.default_rng(0)
    health = truth if known else rng.normal(size=len(truth)) + 0.2 * truth
    ruled = replace(data, X=data.X.assign(health=health))
    found = train(ruled, horizon_days=60, settings=QUICK, baseline="health")
    assert found.rule == "health"
    assert found.rule_gain is not None
    assert found.leaderboard["candidate"].tolist()[:2] == ["base_rate", "rule"]
    assert "rule_probability" in found.test_predictions
    assert (found.deployed == "rule") == known
    assert found.beats_base_rate
    said = "does not beat the rule (health)" if known else "and the rule (health)"
    assert said in found.verdict.en


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
    found = train(replace(data, X=X, y=pd.Series(y)), horizon_days=60, settings=QUICK)
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
    found = train(replace(data, y=shuffled), horizon_days=60, settings=QUICK)
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
        settings=QUICK,
    )
    assert found.deployed == "base_rate"
    base = found.holdout_model.with_candidate("base_rate")
    assert base.calibration_.a > 0.2
    assert base.calibration_.b == 1


def test_training_is_repeatable(result: TrainingResult, data: TrainingData) -> None:
    again = train(data, horizon_days=60, settings=QUICK)
    assert again.metrics == result.metrics
    pd.testing.assert_frame_equal(again.test_predictions, result.test_predictions)
    assert (again.model.margin(data.X) == result.model.margin(data.X)).all()


def test_progress_is_told(panel: Callable[..., TrainingData]) -> None:
    said: list[str] = []
    train(
        panel(entities=50, signal=0),
        horizon_days=60,
        settings=QUICK,
        progress=said.append,
    )
    assert [text.split()[0] for text in said] == ["learning", "testing", "learning"]


def test_single_date_is_tested_on_other_entities(panel: Callable[..., TrainingData]) -> None:
    found = train(panel(entities=400, months=1), horizon_days=90, settings=QUICK)
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


def test_baseline_that_is_no_feature_is_suggested(data: TrainingData) -> None:
    near = data.X.columns[0].replace("30d", "30")
    with pytest.raises(ConfigError, match=r"is no feature of the task\. Did you mean"):
        train(data, horizon_days=60, settings={}, baseline=near)


def test_segments_and_capacity_are_measured_on_the_test(data: TrainingData) -> None:
    """120 rows a month come up: forty contacts a month are a third of them."""
    parted = replace(data, segments=data.X.iloc[:, [2]])
    found = train(
        parted,
        horizon_days=60,
        settings=QUICK,
        capacity=Capacity(contacts=40, per="month"),
    )
    assert sum(part.rows for part in found.segments) == found.testing.rows
    assert {part.group for part in found.segments} == {"大企業", "中堅", "SMB"}
    cut = found.targeting.capacity
    assert cut is not None
    assert cut.share == pytest.approx(1 / 3, abs=0.02)
    assert cut.contacts == pytest.approx(40)
    y = found.test_predictions.sort_values("probability", ascending=False)["y"].to_numpy()
    assert cut.recall.value == pytest.approx(
        y[: round(cut.share * len(y))].sum() / y.sum(), abs=0.01
    )
    assert found.metrics["lift_at_10"].value == pytest.approx(found.targeting.cuts[1].lift.value)


def test_segment_that_is_off_is_warned_of(data: TrainingData) -> None:
    """On the test nearly everybody of the largest segment says yes, whatever was learnt."""
    new = (pd.to_datetime(data.as_of) >= "2024-10-01").to_numpy()
    turned = new & (data.X.iloc[:, 2] == "大企業").to_numpy()
    changed = replace(data, y=data.y.where(~turned, 1), segments=data.X.iloc[:, [2]])
    found = train(changed, horizon_days=60, settings=QUICK)
    (flawed,) = (part for part in found.segments if part.flaw)
    assert flawed.group == "大企業"
    assert flawed.warning is not None
    assert flawed.warning.en in found.warnings
    assert any(flawed.warning.en in line for line in found.lines())
    assert flawed.warning in found.warning_words


def test_whole_window_holds_training_and_test(result: TrainingResult) -> None:
    assert (result.whole.first, result.whole.last) == (result.training.first, result.testing.last)
    assert result.whole.rows == 12 * 120


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
        ({"segments": pd.DataFrame({"a": [1]})}, ModelError, "segments and X have different"),
    ],
)
def test_impossible_data_are_refused(
    changed: dict[str, pd.Series | pd.DataFrame], error: type[Exception], message: str
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
    data = replace(
        small(5, dates=["2024-01-01"], positives=2),
        amount=pd.Series(range(5)),
        segments=pd.DataFrame({"region": list("abcde")}),
    )
    some = data.take(np.array([4, 1]))
    assert some.segments is not None
    assert some.segments["region"].tolist() == ["e", "b"]
    assert some.entity.tolist() == [4, 1]
    assert some.amount is not None
    assert some.amount.tolist() == [4, 1]
    assert some.X["x"].tolist() == data.X["x"].iloc[[4, 1]].tolist()
