from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from salesml.training.calibration import IDENTITY, fit_calibration, log_losses, log_odds


def drawn(rows: int, a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    margin = rng.normal(-1, 1.5, rows)
    return (rng.random(rows) < expit(a + b * margin)).astype(float), margin


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 0.5), (-0.5, 2)])
def test_many_rows_find_the_line(a: float, b: float) -> None:
    line = fit_calibration(*drawn(50_000, a, b))
    assert line == pytest.approx((a, b), abs=0.07)


def test_few_rows_stay_near_the_identity() -> None:
    y, margin = drawn(30, 1, 0.3)
    shrunk, free = fit_calibration(y, margin), fit_calibration(y, margin, shrunk=False)
    assert abs(np.log(shrunk.b)) < abs(np.log(free.b)) / 2


def test_slope_is_positive_even_for_reversed_margins() -> None:
    y, margin = drawn(1000, 0, 1)
    assert fit_calibration(y, -margin).b > 0


def test_mean_probability_becomes_the_observed_share() -> None:
    y, margin = drawn(20_000, 0, 1)
    line = fit_calibration(y, margin - 2)
    assert line.probability(margin - 2).mean() == pytest.approx(y.mean(), abs=0.002)


def test_nothing_to_learn_from_is_the_identity() -> None:
    assert fit_calibration(np.zeros(0), np.zeros(0)) == IDENTITY


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_level_alone_is_shifted(spread: float) -> None:
    y = np.tile([0.0, 0, 0, 1], 5000)
    margin = np.full(20_000, -3.0) + spread * np.repeat([-1, 1], 10_000)
    line = fit_calibration(y, margin, stretch=False)
    assert line.b == 1
    assert line.probability(margin).mean() == pytest.approx(0.25, abs=0.002)


def test_log_odds_are_the_inverse_and_finite() -> None:
    assert log_odds(expit(np.array([-3.0, 0, 5]))) == pytest.approx([-3, 0, 5])
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


def test_log_losses_are_stable() -> None:
    losses = log_losses(np.array([1.0, 1.0, 0.0]), np.array([0.0, -800.0, -800.0]))
    assert losses == pytest.approx([np.log(2), 800, 0])


def test_levels_of_blocks_that_judge_each_other_say_nothing_of_the_slope() -> None:
    y, margin = drawn(20_000, 0.0, 1.0)
    half = np.arange(len(y)) % 2
    crossed = margin + np.where(half == 1, 1.5, -1.5)  # each is judged by the other's level
    assert fit_calibration(y, crossed).b < 0.8
    line = fit_calibration(y, crossed, half)
    assert line == pytest.approx((0.0, 1.0), abs=0.06)
