from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salesml.training.candidates import (
    BaseRate,
    BaseRateRecipe,
    best_by_fold,
    cross_fit,
    mean_loss,
    try_base_rate,
)
from salesml.training.split import Fold
from salesml.training.table import Floats, Table


def folds_of(*sizes: int) -> list[Fold]:
    return [Fold(np.arange(0), np.arange(size)) for size in sizes]


def test_setting_of_a_fold_is_chosen_by_the_other_folds() -> None:
    by_fold, best = best_by_fold(np.array([[0.1, 0.9], [0.5, 0.6]]), folds_of(10, 10))
    assert by_fold.tolist() == [1, 0]
    assert best == 0


def test_larger_folds_weigh_more() -> None:
    assert best_by_fold(np.array([[0.1, 0.9], [0.2, 0.6]]), folds_of(99, 1))[1] == 0


def test_a_single_fold_chooses_for_itself() -> None:
    by_fold, best = best_by_fold(np.array([[0.3], [0.2]]), folds_of(5))
    assert (by_fold.tolist(), best) == ([1], 1)


@given(arrays(np.float64, (4, 3), elements=st.integers(1, 9)), st.integers(0, 2), st.integers(1, 9))
def test_losses_of_a_fold_do_not_choose_its_setting(
    losses: Floats, fold: int, other: float
) -> None:
    changed = losses.copy()
    changed[0, fold] = other
    before, after = (best_by_fold(each, folds_of(2, 3, 4))[0] for each in (losses, changed))
    assert before[fold] == after[fold]


def test_base_rate_is_that_of_the_rows_learnt_from() -> None:
    y = np.array([1.0, 0, 0, 0, 1, 1, 1, 1])
    trial = try_base_rate(y, [Fold(np.arange(4), np.arange(4, 6))])
    assert np.isnan(trial.margin[[0, 1, 2, 3, 6, 7]]).all()
    assert trial.margin[4:6] == pytest.approx([np.log(1.5 / 3.5)] * 2)


def test_base_rate_is_finite_without_positives() -> None:
    assert np.isfinite(BaseRate.of(np.zeros(10)).expected_value)


def test_cross_fit_learns_each_fold_without_its_rows() -> None:
    y = np.array([1.0, 1, 1, 0, 0, 0])
    folds = [Fold(np.array([0, 1]), np.array([3])), Fold(np.array([4, 5]), np.array([0]))]
    margin = cross_fit(BaseRateRecipe(), Table(np.zeros((6, 1)), {}), y, folds)
    assert margin[[3, 0]] == pytest.approx([np.log(5), -np.log(5)])
    assert np.isnan(margin[[1, 2, 4, 5]]).all()


def test_mean_loss_is_the_log_loss() -> None:
    assert mean_loss(np.array([1.0, 0.0]), np.log([3.0, 3.0])) == pytest.approx(
        -(np.log(3 / 4) + np.log(1 / 4)) / 2
    )
