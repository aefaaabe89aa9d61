from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from salesml.errors import LabelError, ModelError
from salesml.training import PropensityModel, TrainingData
from salesml.training.propensity import LADDER
from salesml.training.split import time_folds

from .conftest import LOGINS, NOISE, SEGMENT, Panel, fast


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
    assert model.chosen_ not in ("base_rate", "rule")
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
    again = clone(model).fit(data.X, data.y, data.as_of, data.entity, baseline=LOGINS)
    for name in LADDER:
        first, second = model.with_candidate(name), again.with_candidate(name)
        assert (first.margin(data.X) == second.margin(data.X)).all()
    boards = [each.leaderboard_.drop(columns="seconds") for each in (again, model)]
    pd.testing.assert_frame_equal(*boards)
    pd.testing.assert_frame_equal(again.out_of_fold_, model.out_of_fold_)


@pytest.mark.parametrize("with_time", [True, False])
def test_no_signal_ends_with_the_base_rate(panel: Panel, with_time: bool) -> None:
    for seed in range(2):
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
    weights = boosted.fitted_["lightgbm"].candidate.weights
    assert len(each) > 1
    assert sum(weights) == pytest.approx(1)
    assert boosted.margin(data.X) == pytest.approx(np.average(each, axis=0, weights=weights))


def test_class_balance_is_never_changed() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    y = (rng.random(3000) < 1 / (1 + np.exp(4 - x))).astype(int)
    model = fast().fit(pd.DataFrame({"x": x}), y)
    for name in model.fitted_:
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
    assert np.corrcoef(model.margin(pd.DataFrame({"x": x})), x)[0, 1] > 0.9


def test_large_tables_are_compared_on_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.training.preparation.MOST_TUNING_ROWS", 200)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=1000)})
    model = fast().fit(X, rng.random(1000) < 0.5, candidates=["logistic"])
    assert model.warnings_ == ["Candidates were compared on 200 of 1,000 rows, drawn at random."]
    assert model.expected_value_ == pytest.approx(0, abs=0.2)
    assert model.out_of_fold_.shape == (1000, 2)
    assert model.out_of_fold_.notna().all(axis=1).sum() == 200


def test_table_that_never_varies_ends_with_the_base_rate() -> None:
    X = pd.DataFrame({"constant": [1] * 80, "empty": [None] * 80})
    model = fast().fit(X, [0, 1] * 40)
    assert model.chosen_ == "base_rate"
    assert model.warnings_[-1] == "No column varies: everybody gets the base rate."
    assert model.explain(X).columns.tolist() == ["constant", "empty"]


def test_identifiers_are_left_out_and_leaks_named() -> None:
    y = np.array([0, 1] * 60)
    X = pd.DataFrame({"id": [f"a{n}" for n in range(120)], "closed": y * 2.0})
    model = fast().fit(X, y)
    assert (model.explain(X)["id"] == 0).all()
    assert model.leaks_ == {"closed": 1.0}
    assert "name or number the rows: id" in model.warnings_[0]
    assert "Column closed alone tells the outcome (AUC 1.000)" in model.warnings_[1]


def test_short_history_is_said(panel: Panel) -> None:
    short = panel(months=2)
    learner = fast(embargo_days=90)
    model = learner.fit(short.X, short.y, short.as_of, short.entity, candidates=["logistic"])
    assert "too little time" in model.warnings_[-1]


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
    X = pd.DataFrame({"x": np.tile([0.5, 1.5, 2.5], 10)})
    model = fast(min_positives=15).fit(X, y, candidates=["logistic"])
    assert model.chosen_ == "base_rate"
    assert "Only 15 positives to learn from" in model.warnings_[0]


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


def test_most_important_columns_are_shown_first(model: PropensityModel, data: TrainingData) -> None:
    whole = model.explain(data.X)
    first = model.explain(data.X, top=1)
    assert first.columns.tolist() == [LOGINS, "other"]
    assert first[LOGINS].equals(whole[LOGINS])
    assert first["other"].to_numpy() == pytest.approx(whole[[NOISE, SEGMENT]].sum(axis=1))
    assert first.index.equals(data.X.index)
    pd.testing.assert_frame_equal(model.explain(data.X, top=3), whole)
    with pytest.raises(ModelError, match="At least one column"):
        model.explain(data.X, top=0)


@pytest.mark.filterwarnings("ignore")  # shap's and matplotlib's own
def test_explanation_suits_the_plots_of_shap(model: PropensityModel, data: TrainingData) -> None:
    X = data.X[[SEGMENT, NOISE, LOGINS]].assign(extra=1).tail(50)  # another order, one too many
    for name in ("logistic", "lightgbm", "blend"):
        other = model.with_candidate(name)
        found = other.explanation(X)
        assert found.feature_names == [LOGINS, NOISE, SEGMENT]
        assert (found.values == other.explain(X).to_numpy()).all()
        assert found.values.sum(axis=1) + found.base_values == pytest.approx(other.margin(X))
    assert found.data.dtype == np.float64
    assert found.data[:, 0] == pytest.approx(X[LOGINS])
    assert found[3].display_data[2] == X[SEGMENT].iloc[3]
    import matplotlib.pyplot as plt
    import shap

    plt.switch_backend("Agg")
    shap.plots.beeswarm(found, show=False)
    shap.plots.waterfall(found[0], show=False)
    shap.plots.scatter(found[:, 2], show=False)
    plt.close("all")


def test_leaderboard_tells_what_each_candidate_is_worth(model: PropensityModel) -> None:
    board = model.leaderboard_.set_index("candidate")
    assert list(board.index) == list(LADDER)
    assert board["chosen"].sum() == 1
    assert board.loc[model.chosen_, "chosen"]
    for metric in ("log_loss", "roc_auc", "brier"):
        assert (board[f"{metric}_low"] <= board[metric]).all()
        assert (board[metric] <= board[f"{metric}_high"]).all()
    assert board.loc["base_rate", "gain"] == 0
    assert (board["seconds"] >= 0).all()
    assert board.loc[model.chosen_, "roc_auc"] > board.loc["rule", "roc_auc"]


def test_out_of_fold_rows_are_those_of_the_folds(
    model: PropensityModel, data: TrainingData
) -> None:
    folds = time_folds(data.days, data.outcomes, 60)
    judged = np.sort(np.concatenate([fold.valid for fold in folds]))
    found = model.out_of_fold_
    assert found.columns.tolist() == list(LADDER)
    assert found.index.equals(pd.RangeIndex(len(data.X)))
    assert np.flatnonzero(found.notna().all(axis=1)).tolist() == judged.tolist()
    assert found.notna().any(axis=1).sum() == len(judged)
    own, y = found.loc[judged, model.chosen_], data.outcomes[judged]
    loss = -np.log(np.where(y == 1, own, 1 - own)).mean()
    board = model.leaderboard_.set_index("candidate")
    assert board.loc[model.chosen_, "log_loss"] == pytest.approx(loss)


def test_out_of_fold_positions_survive_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The column is 1 for positives: probabilities must lie beside the rows they are of."""
    monkeypatch.setattr("salesml.training.preparation.MOST_ROWS", 400)
    monkeypatch.setattr("salesml.training.preparation.MOST_TUNING_ROWS", 200)
    rng = np.random.default_rng(0)
    y = (rng.random(1000) < 0.5).astype(int)
    X = pd.DataFrame({"x": y + rng.normal(0, 0.4, 1000)}, index=rng.permutation(1000) + 5000)
    model = fast().fit(X, y, candidates=["logistic"])
    found = model.out_of_fold_["logistic"]
    judged = np.flatnonzero(found.notna())
    assert (len(found), len(judged)) == (1000, 200)
    assert np.corrcoef(found.iloc[judged], X["x"].iloc[judged])[0, 1] > 0.9
    assert model.warnings_[:2] == [
        "Learnt from 400 of 1,000 rows, drawn at random.",
        "Candidates were compared on 200 of 400 rows, drawn at random.",
    ]


def test_wide_tables_are_learnt_from_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.training.preparation.MOST_TUNING_CELLS", 2000)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(1500, 2)))
    model = fast().fit(X, rng.random(1500) < 0.5, candidates=[])
    assert model.warnings_ == ["Candidates were compared on 1,000 of 1,500 rows, drawn at random."]


def test_memorised_rows_are_worth_nothing_out_of_fold() -> None:
    """Each category holds rows of one entity and outcome; no other entity has it."""
    rng = np.random.default_rng(0)
    entity = np.repeat(np.arange(40), 10)
    y = (rng.random(40) < 0.5).astype(int)[entity]
    X = pd.DataFrame({"who": [f"team {number}" for number in entity], "x": rng.normal(size=400)})
    model = fast().fit(X, y, groups=np.arange(400) // 10, candidates=["lightgbm"])
    learnt = fast().fit(X, y, groups=np.arange(400), candidates=["logistic"])
    assert model.chosen_ == "base_rate"
    assert model.leaderboard_["roc_auc"].max() < 0.65
    assert learnt.leaderboard_["roc_auc"].max() > 0.9  # what believing rows independent comes to


def test_fit_can_be_told_which_candidates_to_try(data: TrainingData) -> None:
    model = fast().fit(data.X, data.y, groups=data.entity, candidates="logistic")
    assert list(model.fitted_) == ["base_rate", "logistic"]
    with pytest.raises(ModelError, match="Unknown candidates: forest"):
        fast().fit(data.X, data.y, candidates=["forest"])


def test_refit_learns_the_same_settings_from_new_rows(model: PropensityModel, panel: Panel) -> None:
    new = panel(seed=7)
    for name in ("rule", "logistic", "lightgbm"):
        again = model.refit(new.X, new.y, new.as_of, new.entity, candidate=name)
        board = model.leaderboard_.set_index("candidate")
        assert again.chosen_ == name
        assert again.trials_[name].settings == board.loc[name, "settings"]
        old = model.with_candidate(name)
        assert (again.margin(new.X) != old.margin(new.X)).any()
        assert np.corrcoef(again.margin(new.X), old.margin(new.X))[0, 1] > 0.9
        total = again.explain(new.X).sum(axis=1) + again.expected_value_
        assert total.to_numpy() == pytest.approx(again.margin(new.X), abs=1e-6)
        assert again.calibration_ == old.calibration_


def test_refit_on_the_same_rows_is_the_same_model(
    model: PropensityModel, data: TrainingData, tmp_path: Path
) -> None:
    again = model.refit(data.X, data.y, data.as_of, data.entity, candidate="blend")
    old = model.with_candidate("blend")
    assert again.margin(data.X) == pytest.approx(old.margin(data.X), abs=1e-2)
    again.save(tmp_path / "model")
    loaded = PropensityModel.load(tmp_path / "model")
    assert (loaded.margin(data.X) == again.margin(data.X)).all()
    with pytest.raises(ModelError, match="no settings") as caught:
        loaded.refit(data.X, data.y)
    assert caught.value.received == "a model loaded from files"


def test_refit_refuses_what_it_has_no_settings_for(
    model: PropensityModel, data: TrainingData
) -> None:
    with pytest.raises(ModelError, match="not those that the settings were found for"):
        model.refit(data.X.rename(columns={NOISE: "other"}), data.y)
    with pytest.raises(ModelError, match="no settings of a candidate 'forest'"):
        model.refit(data.X, data.y, candidate="forest")
    with pytest.raises(ModelError, match="not learnt anything"):
        fast().refit(data.X, data.y)


def test_model_whose_measures_are_unknown_is_saved(tmp_path: Path) -> None:
    """All rows are of one entity: errors are infinite and intervals unknown."""
    x = np.tile(np.arange(50.0), 2) + np.linspace(0, 1, 100)
    X, y = pd.DataFrame({"x": x}), np.arange(100) % 2
    model = fast().fit(X, y, groups=["a"] * 100, candidates=["logistic"])
    assert model.chosen_ == "base_rate"
    assert any("other rows of the same entities" in text for text in model.warnings_)
    assert model.leaderboard_["roc_auc_low"].isna().all()
    model.save(tmp_path / "model")
    board = PropensityModel.load(tmp_path / "model").leaderboard_
    assert board["roc_auc_low"].isna().all()
    assert board["log_loss"].equals(model.leaderboard_["log_loss"])


def test_every_candidate_goes_the_way_it_must() -> None:
    """The truth bends: it falls, then rises. A quarter of the values is missing."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 800))
    y = (rng.random(800) < 1 / (1 + np.exp(1 - x**2 - z))).astype(int)
    X = pd.DataFrame({"x": np.where(rng.random(800) < 0.25, np.nan, x), "z": z})
    model = fast(monotone={"x": 1, "z": -1}).fit(X, y, baseline="z")
    line = np.concatenate([[-1e9], np.linspace(-4, 4, 400), [1e9]])
    for name in LADDER:
        answer = model.with_candidate(name)
        for other in (np.nan, -1.0, 1.0):
            for column, sign in (("x", 1), ("z", -1)):
                rows = pd.DataFrame({"x": other, "z": other}, index=range(402))
                rows[column] = line
                assert (np.diff(answer.margin(rows)) * sign).min() >= -1e-9, name
        assert np.isfinite(answer.margin(pd.DataFrame({"x": [np.nan], "z": [np.nan]}))).all()
    assert np.ptp(model.with_candidate("lightgbm").margin(X)) > 0
