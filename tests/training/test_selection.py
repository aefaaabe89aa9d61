from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from salesml.training.candidates import BaseRateRecipe, Trial
from salesml.training.selection import choose, clustered_difference
from salesml.training.table import Floats, Ints


def judged(
    *margins: Floats, y: Floats, clusters: Ints, answers: bool = True
) -> tuple[str, pd.DataFrame]:
    """Choose among a base rate, a logistic regression and LightGBM with these margins."""
    recipe = BaseRateRecipe() if answers else None
    names = ("base_rate", "logistic", "lightgbm")
    trials = [Trial(n, m, "", recipe) for n, m in zip(names, margins, strict=False)]
    return choose(trials, {each.name: each.margin for each in trials}, y, clusters)


def truth(rows: int = 2000) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    margin = rng.normal(0, 1.5, rows)
    return margin, (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(float)


def test_standard_error_of_independent_rows() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = clustered_difference(values, np.arange(400))
    assert found.mean == values.mean()
    assert found.standard_error == pytest.approx(values.std(ddof=1) / 20)


def test_repeating_rows_of_a_cluster_tells_nothing_new() -> None:
    values = np.random.default_rng(0).normal(size=100)
    once = clustered_difference(values, np.arange(100))
    ten = clustered_difference(np.repeat(values, 10), np.repeat(np.arange(100), 10))
    assert ten.standard_error == pytest.approx(once.standard_error)


def test_a_single_cluster_proves_nothing() -> None:
    assert clustered_difference(np.ones(5), np.zeros(5, dtype=np.int64)).low == -np.inf


def test_gaps_between_cluster_codes_do_not_matter() -> None:
    values = np.random.default_rng(0).normal(size=100)
    assert clustered_difference(values, np.arange(100) * 3) == clustered_difference(
        values, np.arange(100)
    )


def test_best_is_kept_where_it_is_clearly_best() -> None:
    margin, y = truth()
    name, board = judged(np.zeros(2000), margin * 0.3, margin, y=y, clusters=np.arange(2000))
    assert name == "lightgbm"
    assert board["chosen"].tolist() == [False, False, True]
    assert board["behind_best"].iloc[2] == 0
    assert board["gain"].iloc[0] == 0


def test_simplest_within_noise_is_kept() -> None:
    margin, y = truth()
    noise = np.random.default_rng(1).normal(0, 0.05, 2000)
    assert (
        judged(np.zeros(2000), margin + noise, margin, y=y, clusters=np.arange(2000))[0]
        == "logistic"
    )


def test_noise_leaves_the_base_rate() -> None:
    _, y = truth(200)
    noise = np.random.default_rng(1).normal(0, 0.1, 200)
    assert judged(np.zeros(200), noise, -noise, y=y, clusters=np.arange(200))[0] == "base_rate"


def test_a_gain_that_hangs_on_one_entity_leaves_the_base_rate() -> None:
    y = np.array([1.0] * 30 + [0.0, 1.0] * 35)
    margin = np.array([1.0] * 30 + [0.0] * 70)
    one_entity = np.array([0] * 30 + list(range(1, 71)))
    assert judged(np.zeros(100), margin, y=y, clusters=np.arange(100))[0] == "logistic"
    assert judged(np.zeros(100), margin, y=y, clusters=one_entity)[0] == "base_rate"


def test_rows_outside_all_folds_do_not_count() -> None:
    margin, y = truth()
    hidden = np.arange(2000) < 1000
    margins = [np.where(hidden, np.nan, m) for m in (np.zeros(2000), margin)]
    name, board = judged(*margins, y=y, clusters=np.arange(2000))
    assert name == "logistic"
    assert board["log_loss"].iloc[0] == pytest.approx(np.log(2))


def test_candidate_that_cannot_answer_is_never_chosen() -> None:
    margin, y = truth()
    name, board = judged(np.zeros(2000), margin, y=y, clusters=np.arange(2000), answers=False)
    assert name == "base_rate"
    assert board["gain"].iloc[1] > 0.1


def test_leaderboard_measures_what_margins_are_worth() -> None:
    y = np.array([0.0, 0, 1, 1] * 10)
    margin = np.log(np.array([1 / 3, 1 / 3, 3, 1 / 3] * 10))  # probabilities 1/4 and 3/4
    _, board = judged(np.zeros(40), margin, y=y, clusters=np.arange(40))
    own = board.iloc[1]
    assert own["log_loss"] == pytest.approx(-(3 * np.log(3 / 4) + np.log(1 / 4)) / 4)
    assert own["brier"] == pytest.approx((3 * 1 / 16 + 9 / 16) / 4)
    assert own["roc_auc"] == pytest.approx(0.75)
    assert own["gain"] == pytest.approx(np.log(2) - own["log_loss"])
    assert board["roc_auc"].iloc[0] == 0.5
