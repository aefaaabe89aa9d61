"""Values of policies, by hand and by properties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.effect import policy_value
from salesml.actions.effect.nuisance import dr_scores
from salesml.actions.effect.value import mean_of, ratio_of, snips
from salesml.errors import LabelError, ModelError

STEADY = settings(deadline=None, derandomize=True, max_examples=30)


def test_doubly_robust_scores_by_hand() -> None:
    expected = np.array([[0.2, 0.5], [0.2, 0.5], [0.4, 0.1]])
    scores = dr_scores(
        expected, np.array([0, 1, -1]), np.array([1.0, 0.0, 9.0]), np.array([0.5, 0.25, 1.0])
    )
    # 0.2 + (1 - 0.2) / 0.5; 0.5 + (0 - 0.5) / 0.25; an action that is not looked at
    assert scores == pytest.approx(np.array([[1.8, 0.5], [0.2, -1.5], [0.4, 0.1]]))
    assert expected[0, 0] == 0.2


def test_mean_of_has_the_interval_of_students_t() -> None:
    found = mean_of(np.array([1.0, 2.0, 3.0, 4.0]), np.arange(4))
    half = 3.182446 * np.sqrt(5 / 3 / 4)
    assert found == pytest.approx((2.5, 2.5 - half, 2.5 + half), abs=1e-5)


def test_rows_of_a_cluster_count_as_one_draw() -> None:
    values, alone = np.array([1.0, 2.0, 3.0, 4.0]), np.arange(4)
    twice = mean_of(np.repeat(values, 2), np.repeat(alone, 2))
    assert twice == pytest.approx(mean_of(values, alone))
    assert np.isnan(mean_of(values, np.zeros(4, dtype=np.int64)).low)


def test_snips_by_hand() -> None:
    found = snips(
        np.array([1.0, 0.0, 1.0]),
        np.array([1.0, 1.0, 0.0]),
        np.array([0.5, 0.25, 0.5]),
        np.arange(3),
    )
    assert found.value == pytest.approx(2 / 6)
    assert found.low < found.value < found.high


def test_a_ratio_over_nothing_is_unknown() -> None:
    assert np.isnan(ratio_of(np.ones(2), np.zeros(2), np.arange(2)).value)


def log(rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    action = rng.choice(["a", "b"], rows, p=[0.8, 0.2])
    outcome = (rng.random(rows) < np.where(action == "a", 0.2, 0.6)).astype(float)
    return action, outcome, np.where(action == "a", 0.8, 0.2)


def test_another_policys_value_is_found_from_the_log() -> None:
    action, outcome, propensity = log(4000)
    value = policy_value(action, outcome, propensity, np.full(4000, "b"))
    for each in (value.dr, value.snips, value.ips):
        assert each.low < 0.6 < each.high
    assert value.logged.value == outcome.mean()
    assert value.effective_rows == pytest.approx((action == "b").sum())
    assert value.clipped == 0


def test_the_logs_own_policy_is_worth_what_it_came_to() -> None:
    action, outcome, propensity = log()
    own = pd.DataFrame({"a": np.full(400, 0.8), "b": 0.2})
    value = policy_value(action, outcome, propensity, own)
    assert value.ips.value == pytest.approx(outcome.mean())
    assert value.snips.value == pytest.approx(outcome.mean())
    assert value.effective_rows == pytest.approx(400)


def test_given_expectations_make_the_doubly_robust_value() -> None:
    policy = pd.DataFrame({"a": [1.0, 0.5], "b": [0.0, 0.5]})
    expected = pd.DataFrame({"b": [0.5, 0.5], "a": [0.2, 0.2]})
    value = policy_value(["a", "b"], [1.0, 0.0], [0.5, 0.5], policy, expected=expected)
    # row 1: 0.2 + 0.8 / 0.5; row 2: 0.5 * 0.2 + 0.5 * (0.5 - 0.5 / 0.5)
    assert value.dr.value == pytest.approx((1.8 - 0.15) / 2)


def test_small_propensities_are_held_up_and_counted() -> None:
    value = policy_value(["a", "b"], [1.0, 1.0], [1e-6, 0.5], ["a", "b"], least=0.1)
    assert value.clipped == 1
    assert value.ips.value == pytest.approx((10 + 2) / 2)


@STEADY
@given(st.permutations(range(60)), st.integers(0, 3))
def test_neither_names_nor_the_order_of_rows_matter(order: list[int], seed: int) -> None:
    action, outcome, propensity = log(60, seed)
    policy = pd.DataFrame({"a": np.full(60, 0.3), "b": 0.7})
    told = policy_value(action, outcome, propensity, policy)
    rows = np.array(order)
    renamed = np.where(action == "a", "z", "y")[rows]
    other = policy_value(
        renamed,
        outcome[rows],
        propensity[rows],
        policy.rename(columns={"a": "z", "b": "y"})[["y", "z"]],
    )
    assert other.ips == pytest.approx(told.ips)
    assert other.snips == pytest.approx(told.snips)
    assert other.effective_rows == pytest.approx(told.effective_rows)


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.2, np.nan, np.inf])
def test_impossible_propensities_are_named(wrong: float) -> None:
    with pytest.raises(ModelError, match="above 0 and at most 1") as caught:
        policy_value(["a", "b"], [1, 0], [0.5, wrong], ["a", "a"])
    assert "for the action 'b' in row 1" in str(caught.value)


def test_what_else_cannot_be_used() -> None:
    action, outcome, propensity = ["a", "b"], [1.0, 0.0], [0.5, 0.5]
    unfair = pd.DataFrame({"a": [0.5, 0.7], "b": [0.5, 0.7]})
    with pytest.raises(ModelError, match="add up to 1"):
        policy_value(action, outcome, propensity, unfair)
    with pytest.raises(ModelError, match="one for each row and action"):
        policy_value(action, outcome, propensity, action, expected=[[1.0]])
    with pytest.raises(LabelError, match="action is missing"):
        policy_value(["a", None], outcome, propensity, action)
    with pytest.raises(LabelError, match="outcome is missing"):
        policy_value(action, [1.0, None], propensity, action)
    with pytest.raises(ModelError, match="do not fit the actions"):
        policy_value(action, outcome, pd.DataFrame({"a": [1, 1], "c": [1, 1]}), action)


def test_propensities_of_all_actions_may_be_given() -> None:
    wide = pd.DataFrame({"a": [0.4, 0.9], "b": [0.6, 0.1]})
    told = policy_value(["a", "b"], [1.0, 2.0], wide, ["a", "b"])
    assert told.ips == policy_value(["a", "b"], [1.0, 2.0], [0.4, 0.1], ["a", "b"]).ips
