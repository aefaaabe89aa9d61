"""Uplift and Qini curves on arrays that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from salesml.actions.effect.curves import uplift_coefficients, uplift_curve

EFFECT = np.array([4.0, 3.0, 2.0, 1.0])
TREATED = np.array([True, False, True, False])
OUTCOMES = np.array([1.0, 0.0, 0.0, 1.0])
ONES = np.ones(4)


def test_curves_by_hand() -> None:
    curve = uplift_curve(EFFECT, TREATED, OUTCOMES, ONES, points=4)
    assert curve["share"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    # treated mean less control mean, times the share; unknown (0) until both are there
    assert curve["gain"].tolist() == pytest.approx([0, 0, 0.5, 0.5 * 0.75, 0])
    # wins of the treated less those of as many controls, for each of 2 treated
    assert curve["qini"].tolist() == pytest.approx([0, 0.5, 0.5, 0.5, 0])
    assert curve["at_random"].tolist() == pytest.approx([0] * 5)


def test_coefficients_are_areas() -> None:
    found = uplift_coefficients(EFFECT, TREATED, OUTCOMES, ONES, np.arange(4))
    assert found["qini"].value == pytest.approx((0.25 + 0.5 + 0.5 + 0.25) * 0.25)
    assert found["uplift"].value == pytest.approx((0.25 + 0.4375 + 0.1875) * 0.25)


def test_an_order_that_tells_nothing_is_worth_nothing() -> None:
    rng = np.random.default_rng(0)
    treated, outcomes = rng.random(200) < 0.5, rng.random(200)
    args = np.zeros(200), treated, outcomes, np.ones(200)
    curve = uplift_curve(*args)
    assert curve["share"].tolist() == [0, 1]
    found = uplift_coefficients(*args, np.arange(200))
    assert found["qini"] == pytest.approx((0, 0, 0))
    assert found["uplift"].value == pytest.approx(
        (outcomes[treated].mean() - outcomes[~treated].mean()) / 2
    )


def test_weights_stand_for_rows() -> None:
    rng = np.random.default_rng(1)
    effect, treated, outcomes = rng.normal(size=60), rng.random(60) < 0.4, rng.random(60)
    twice = np.repeat(np.arange(60), 2)
    one = uplift_curve(effect, treated, outcomes, np.full(60, 2.0), points=6)
    two = uplift_curve(effect[twice], treated[twice], outcomes[twice], np.ones(120), points=6)
    assert one["qini"].to_numpy() == pytest.approx(two["qini"].to_numpy())


def test_the_true_order_beats_its_reverse() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(size=2000)
    treated = rng.random(2000) < 0.5
    outcomes = truth * treated + rng.normal(size=2000)
    args = treated, outcomes, np.ones(2000)
    best = uplift_coefficients(truth, *args, np.arange(2000))["qini"]
    worst = uplift_coefficients(-truth, *args, np.arange(2000))["qini"]
    assert best.low > 0 > worst.high
