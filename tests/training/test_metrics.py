from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from salesml.training.metrics import (
    METRICS,
    Interval,
    calibration_error,
    calibration_table,
    design_effect,
    evaluate,
    gain_curve,
    paired_gain,
    roc_auc,
    row_losses,
)
from salesml.training.table import Floats

tied_scores = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.1, 0.2, 0.5, 0.9])),
    min_size=4,
    max_size=40,
).filter(lambda rows: 0 < sum(y for y, _ in rows) < len(rows))


def arrays(rows: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    y, p = np.array(rows).T
    return y, p


@given(tied_scores)
def test_measures_equal_scikit_learn_with_ties(rows: list[tuple[float, float]]) -> None:
    y, p = arrays(rows)
    found = evaluate(y, p, np.arange(len(y)), resamples=0)
    assert found["roc_auc"].value == pytest.approx(reference.roc_auc_score(y, p))
    assert found["average_precision"].value == pytest.approx(
        reference.average_precision_score(y, p)
    )
    assert found["log_loss"].value == pytest.approx(reference.log_loss(y, p))
    assert found["brier"].value == pytest.approx(reference.brier_score_loss(y, p))


@given(tied_scores)
def test_weights_of_a_resample_count_like_repeated_rows(rows: list[tuple[float, float]]) -> None:
    y, p = arrays(rows)
    clusters = np.arange(len(y)) // 2
    drawn = evaluate(y, p, clusters, resamples=1, seed=1)
    count = clusters.max() + 1
    times = np.bincount(np.random.default_rng(1).integers(count, size=count), minlength=count)
    repeated = np.repeat(np.arange(len(y)), times[clusters])
    y, p = y[repeated], p[repeated]
    assert drawn["brier"].low == pytest.approx(float(((p - y) ** 2).mean()))
    if 0 < y.sum() < len(y):
        assert drawn["roc_auc"].low == pytest.approx(reference.roc_auc_score(y, p))
        assert drawn["average_precision"].high == pytest.approx(
            reference.average_precision_score(y, p)
        )


@pytest.mark.parametrize(
    ("y", "p", "lift"),
    [
        ([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0.9] + [0.1] * 9, 10.0),
        ([0, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0.9] + [0.1] * 9, 0.0),
        ([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0.5] * 10, 1.0),
        ([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0.9, 0.9] + [0.1] * 8, 5.0),
    ],
)
def test_lift_shares_ties_in_proportion(y: list[float], p: list[float], lift: float) -> None:
    found = evaluate(np.array(y, float), np.array(p), np.arange(10), resamples=0)
    assert found["lift_at_10"].value == pytest.approx(lift)


def test_one_class_leaves_ranking_undefined_and_losses_defined() -> None:
    found = evaluate(np.zeros(4), np.full(4, 0.5), np.arange(4))
    assert np.isnan(found["roc_auc"].value)
    assert np.isnan(found["lift_at_10"].low)
    assert found["log_loss"].value == pytest.approx(np.log(2))
    assert tuple(found) == METRICS


def test_certain_and_wrong_stays_finite() -> None:
    assert np.isfinite(row_losses(np.array([1.0, 0.0]), np.array([0.0, 1.0]))).all()


def test_intervals_are_wider_when_rows_come_in_clusters() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(rng.integers(0, 2, 100).astype(float), 10)
    p = np.repeat(rng.uniform(0.2, 0.8, 100), 10)
    rows = evaluate(y, p, np.arange(1000))["log_loss"]
    clustered = evaluate(y, p, np.repeat(np.arange(100), 10))["log_loss"]
    assert rows.low < rows.value < rows.high
    assert clustered.high - clustered.low > 2 * (rows.high - rows.low)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0.1, 0.9, 200)
        y = (rng.random(200) < p).astype(float)
        truth = 0.5 - (0.8**2 / 12 + 0.25)  # mean of p (1 - p), p uniform on 0.1 to 0.9
        found = evaluate(y, p, np.arange(200), resamples=100, seed=seed)["brier"]
        covered += found.low <= truth <= found.high
    assert 50 <= covered <= 60


def test_single_cluster_has_no_interval() -> None:
    gain = paired_gain(np.ones(5), np.zeros(5), np.zeros(5, dtype=np.int64))
    assert gain.value == 1
    assert np.isnan(gain.low)
    assert not gain.low > 0


def test_paired_gain_sees_a_small_but_steady_difference() -> None:
    noise = np.random.default_rng(0).normal(size=500)
    gain = paired_gain(noise + 0.01, noise, np.arange(500))
    assert gain == Interval(pytest.approx(0.01), pytest.approx(0.01), pytest.approx(0.01))


def test_resampling_is_repeatable() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 50).astype(float), rng.random(50)
    assert evaluate(y, p, np.arange(50)) == evaluate(y, p, np.arange(50))


def test_calibration_table_has_equal_groups_and_keeps_ties() -> None:
    p = np.linspace(0.05, 0.95, 100)
    table = calibration_table((p > 0.5).astype(float), p)
    assert table["rows"].tolist() == [10] * 10
    assert table["observed"].tolist() == [0] * 5 + [1] * 5
    assert (table["low"] <= table["observed"] + 1e-12).all()
    assert (table["high"] >= table["observed"] - 1e-12).all()
    constant = calibration_table(np.array([0.0, 1, 0, 0]), np.full(4, 0.25))
    assert constant["rows"].tolist() == [4]
    assert calibration_error(np.array([0.0, 1, 0, 0]), np.full(4, 0.25), np.arange(4)).value == 0


def test_expected_calibration_error_by_hand() -> None:
    y, p = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.1, 0.7, 0.7])
    found = calibration_error(y, p, np.arange(4), bins=2)
    assert found.value == pytest.approx((0.1 + 0.3) / 2)


def test_wilson_interval_by_hand() -> None:
    table = calibration_table(np.array([1.0] * 5 + [0.0] * 5), np.full(10, 0.5))
    assert table["low"].iloc[0] == pytest.approx(0.2366, abs=1e-4)
    assert table["high"].iloc[0] == pytest.approx(0.7634, abs=1e-4)


def test_gain_curve_of_a_perfect_order() -> None:
    y = np.array([1.0] * 20 + [0.0] * 80)
    curve = gain_curve(y, np.linspace(1, 0, 100), np.arange(100)).set_index("contacted")["captured"]
    assert curve.iloc[[0, 10, 20, 100]].tolist() == pytest.approx([0, 0.5, 1, 1])


@given(tied_scores)
def test_auc_of_reversed_scores_is_the_complement(rows: list[tuple[float, float]]) -> None:
    y, p = arrays(rows)
    assert roc_auc(y, p) + roc_auc(y, -p) == pytest.approx(1)


def test_lower_level_of_proof_gives_a_narrower_interval() -> None:
    old, new = np.random.default_rng(0).normal(size=(2, 500))
    wide, narrow = (paired_gain(old, new, np.arange(500), level=level) for level in (95, 90))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_calibration_error_of_right_probabilities_has_an_interval_that_reaches_down() -> None:
    """By chance alone ten groups of 40 rows are off by 6 points; resampling must not add to it."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.2, 0.8, 400)
    y = (rng.random(400) < p).astype(float)
    found = calibration_error(y, p, np.arange(400))
    assert 0.03 < found.value < 0.1
    assert 0 <= found.low < found.value < found.high < 0.12


@given(tied_scores)
def test_calibration_error_is_the_mean_distance_in_the_table(
    rows: list[tuple[float, float]],
) -> None:
    y, p = arrays(rows)
    table = calibration_table(y, p)
    distance = (table["probability"] - table["observed"]).abs()
    found = calibration_error(y, p, np.arange(len(y)))
    assert found.value == pytest.approx((distance * table["rows"]).sum() / len(y))
    assert found.low <= found.value + 1e-12


def test_calibration_of_rows_repeated_is_as_uncertain_as_of_the_rows_once() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.2, 0.8, 200)
    y = (rng.random(200) < p).astype(float)
    once = calibration_table(y, p, np.arange(200), bins=2)
    thrice = calibration_table(np.repeat(y, 3), np.repeat(p, 3), np.repeat(np.arange(200), 3), 2)
    blind = calibration_table(np.repeat(y, 3), np.repeat(p, 3), None, 2)
    widths = [(table["high"] - table["low"]).mean() for table in (once, thrice, blind)]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert widths[2] < 0.7 * widths[0]


def test_design_effect_by_hand() -> None:
    y, expected = np.array([1.0, 1.0, 0.0, 0.0]), np.full(4, 0.5)
    assert design_effect(y, expected, np.array([0, 0, 1, 1])) == 2
    assert design_effect(y, expected, np.array([0, 1, 0, 1])) == 1
    assert design_effect(np.zeros(2), np.zeros(2), np.array([0, 0])) == 1


def test_gain_curve_has_an_interval_around_it() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(200) < 0.3).astype(float)
    curve = gain_curve(y, y + rng.normal(size=200), np.arange(200) // 2)
    inner = curve.iloc[5:60]
    assert (inner["low"] < inner["captured"]).all()
    assert (inner["captured"] < inner["high"]).all()
    assert curve.iloc[-1].tolist() == pytest.approx([1, 1, 1, 1])
