from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from salesml.errors import LabelError, ModelError
from salesml.training import PropensityModel, TrainingData
from salesml.training.propensity import LADDER


def fast(**settings: Any) -> PropensityModel:
    return PropensityModel(num_threads=1, **settings)


@pytest.fixture(scope="module")
def model(data: TrainingData) -> PropensityModel:
    return fast(embargo_days=60).fit(data.X, data.y, data.as_of, data.entity)


@pytest.mark.parametrize("name", LADDER)
def test_contributions_add_up_for_every_candidate(
    model: PropensityModel, data: TrainingData, name: str
) -> None:
    other = model.with_candidate(name)
    explained = other.explain(data.X)
    total = explained.sum(axis=1) + other.expected_value_
    assert total.to_numpy() == pytest.approx(other.margin(data.X), abs=1e-6)
    assert list(explained.columns) == list(data.X.columns) == list(other.feature_names_in_)
    assert explained.index.equals(data.X.index)


@pytest.mark.parametrize("name", LADDER)
def test_saved_model_answers_the_same(
    model: PropensityModel, data: TrainingData, name: str, tmp_path: Path
) -> None:
    other = model.with_candidate(name)
    other.save(tmp_path / "model")
    again = PropensityModel.load(tmp_path / "model")
    assert (again.predict_proba(data.X) == other.predict_proba(data.X)).all()
    pd.testing.assert_frame_equal(again.explain(data.X), other.explain(data.X))
    pd.testing.assert_frame_equal(again.leaderboard_, other.leaderboard_)
    assert again.get_params() == other.get_params()
    assert (again.chosen_, again.score_slope_) == (other.chosen_, other.score_slope_)
    assert again.calibration_ == other.calibration_
    assert not list(tmp_path.rglob("*.pkl"))


def test_model_with_signal_is_chosen_and_calibrated(
    model: PropensityModel, data: TrainingData
) -> None:
    assert model.chosen_ != "base_rate"
    a, b = model.calibration_
    odds = a + b * model.margin(data.X)
    assert model.predict_proba(data.X)[:, 1] == pytest.approx(1 / (1 + np.exp(-odds)))
    assert b > 0
    assert model.predict_proba(data.X)[:, 1].mean() == pytest.approx(data.y.mean(), abs=0.03)
    assert model.predict(data.X).tolist() == (odds >= 0).astype(int).tolist()


def test_score_slope_spans_the_scale(model: PropensityModel, data: TrainingData) -> None:
    distance = (model.margin(data.X) - model.expected_value_) * model.score_slope_
    ends = np.quantile(distance, [0.01, 0.99])
    assert np.abs(ends).max() == pytest.approx(49)
    assert model.with_candidate("base_rate").score_slope_ == 1


def test_equal_seeds_give_equal_models(data: TrainingData, model: PropensityModel) -> None:
    again = clone(model).fit(data.X, data.y, data.as_of, data.entity)
    for name in LADDER:
        first, second = model.with_candidate(name), again.with_candidate(name)
        assert (first.margin(data.X) == second.margin(data.X)).all()
    pd.testing.assert_frame_equal(again.leaderboard_, model.leaderboard_)


@pytest.mark.parametrize("with_time", [True, False])
def test_no_signal_ends_with_the_base_rate(
    panel: Callable[..., TrainingData], with_time: bool
) -> None:
    for seed in range(3):
        silent = panel(entities=60, signal=0, seed=seed)
        model = fast().fit(silent.X, silent.y, silent.as_of if with_time else None, silent.entity)
        assert model.chosen_ == "base_rate"
        assert np.ptp(model.predict_proba(silent.X)[:, 1]) == 0
        assert (model.explain(silent.X) == 0).all(axis=None)


def test_margin_of_the_bag_is_the_mean_of_its_boosters(
    model: PropensityModel, data: TrainingData
) -> None:
    boosted = model.with_candidate("lightgbm")
    table = boosted.encoder_.transform(data.X)
    boosters = boosted.fitted_["lightgbm"].candidate.boosters
    each = [booster.predict(table.matrix, raw_score=True) for booster in boosters]
    assert len(each) > 1
    assert boosted.margin(data.X) == pytest.approx(np.mean(each, axis=0))


def test_class_balance_is_never_changed() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    y = (rng.random(3000) < 1 / (1 + np.exp(4 - x))).astype(int)
    model = fast().fit(pd.DataFrame({"x": x}), y)
    for name in LADDER:
        probability = model.with_candidate(name).predict_proba(pd.DataFrame({"x": x}))[:, 1]
        assert probability.mean() == pytest.approx(y.mean(), rel=0.1)


def test_single_rows_and_none_are_predicted(model: PropensityModel, data: TrainingData) -> None:
    whole = model.predict_proba(data.X)
    assert (model.predict_proba(data.X.iloc[[5]]) == whole[[5]]).all()
    for name in LADDER:
        none = model.with_candidate(name)
        assert none.predict_proba(data.X.iloc[:0]).shape == (0, 2)
        assert none.explain(data.X.iloc[:0]).shape == (0, 3)


def test_unseen_category_counts_as_missing(model: PropensityModel, data: TrainingData) -> None:
    column = data.X.columns[2]
    new = data.X.head(3).assign(**{column: "新しい区分"})
    missing = data.X.head(3).assign(**{column: None})
    assert model.unseen(new) == {column: ["新しい区分"]}
    assert (model.margin(new) == model.margin(missing)).all()


def test_sixty_rows_suffice() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    y = (x + rng.normal(0, 0.5, 60) > 0).astype(int)
    model = fast().fit(pd.DataFrame({"x": x}), y)
    assert model.chosen_ == "logistic"


def test_large_tables_are_compared_on_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.training.propensity.MOST_TUNING_ROWS", 200)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=1000)})
    model = fast().fit(X, rng.random(1000) < 0.5)
    assert model.warnings_ == ["Candidates were compared on 200 of 1,000 rows, drawn at random."]
    assert model.expected_value_ == pytest.approx(0, abs=0.2)


def test_table_that_never_varies_ends_with_the_base_rate() -> None:
    X = pd.DataFrame({"constant": [1] * 80, "empty": [None] * 80})
    model = fast().fit(X, [0, 1] * 40)
    assert model.chosen_ == "base_rate"
    assert model.warnings_ == ["No column varies: everybody gets the base rate."]
    assert model.explain(X).columns.tolist() == ["constant", "empty"]


def test_identifiers_are_left_out_and_leaks_named() -> None:
    y = np.array([0, 1] * 60)
    X = pd.DataFrame({"id": [f"a{n}" for n in range(120)], "closed": y * 2.0})
    model = fast().fit(X, y)
    assert (model.explain(X)["id"] == 0).all()
    assert model.leaks_ == {"closed": 1.0}
    assert "name or number the rows: id" in model.warnings_[0]
    assert "Column closed alone tells the outcome (AUC 1.000)" in model.warnings_[1]


def test_short_history_is_said(panel: Callable[..., TrainingData]) -> None:
    short = panel(months=2)
    model = fast(embargo_days=90).fit(short.X, short.y, short.as_of, short.entity)
    assert "too little time" in model.warnings_[0]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1] * 10, "too few positives to learn from: 10 of 20 rows, 20 are needed"),
        ([1] * 19 + [0], "too few positives to learn from: 19 of 20 rows"),
        ([1.0, None] * 10, "missing in 10 of 20 rows"),
        ([0, 2] * 10, "must be 0 or 1"),
        (["yes", "no"] * 10, "must be 0 or 1"),
    ],
)
def test_impossible_outcomes_are_refused(y: list[Any], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        fast().fit(pd.DataFrame({"x": range(20)}), y)


def test_too_few_negatives_are_refused() -> None:
    with pytest.raises(LabelError, match="too few negatives to learn from: 10 of 60 rows"):
        fast().fit(pd.DataFrame({"x": range(60)}), [1] * 50 + [0] * 10)


def test_fewest_positives_can_be_set() -> None:
    y = [0, 1] * 15
    assert fast(min_positives=15).fit(pd.DataFrame({"x": range(30)}), y).chosen_ == "base_rate"


def test_no_rows_are_refused() -> None:
    with pytest.raises(LabelError, match="no rows"):
        fast().fit(pd.DataFrame({"x": []}), [])


@pytest.mark.parametrize(
    ("time", "groups", "message"),
    [
        (["2024-01-01"] * 39, None, "time and X have different numbers of rows"),
        (["2024-01-01"] * 39 + ["soon"], None, "unreadable in 1 rows"),
        (None, [None] * 40, "group is missing in 40 rows"),
    ],
)
def test_impossible_dates_and_groups_are_refused(time: Any, groups: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        fast().fit(pd.DataFrame({"x": range(40)}), [0, 1] * 20, time, groups)


def test_unfitted_model_says_so() -> None:
    X = pd.DataFrame({"x": [1]})
    for ask in (fast().margin, fast().predict_proba, fast().explain, fast().unseen):
        with pytest.raises(ModelError, match="not learnt anything"):
            ask(X)


def test_saving_over_files_is_refused(model: PropensityModel, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ModelError, match="holds files already"):
        model.save(tmp_path)


def test_unknown_candidate_is_refused(model: PropensityModel) -> None:
    with pytest.raises(ModelError, match="no candidate 'forest'"):
        model.with_candidate("forest")


def test_changed_booster_is_refused(model: PropensityModel, tmp_path: Path) -> None:
    model.with_candidate("lightgbm").save(tmp_path)
    booster = tmp_path / "booster_1.txt"
    booster.write_text(booster.read_text().replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(ModelError, match=r"changed after training: booster_1\.txt"):
        PropensityModel.load(tmp_path)
