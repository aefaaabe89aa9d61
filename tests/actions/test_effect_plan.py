"""Who gets what: capacities, hashes and the probabilities told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.effect.plan import assign, capacities_of, explored, share_of, uniforms
from salesml.errors import ModelError

STEADY = settings(deadline=None, derandomize=True, max_examples=40)
NAMES = ["none", "call", "mail"]


def walked(gains: np.ndarray, capacity: np.ndarray) -> np.ndarray:
    """The greedy walk down all pairs of rows and actions."""
    left, taken = capacity.copy(), np.zeros(len(gains), dtype=np.int64)
    pairs = [(-gains[i, k], i, k) for i in range(len(gains)) for k in range(1, gains.shape[1])]
    for loss, i, k in sorted(pairs):
        if loss < 0 and not taken[i] and left[k]:
            taken[i], left[k] = k, left[k] - 1
    return taken


@STEADY
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(0, 8), st.integers(0, 8))
def test_assignment_is_the_greedy_walk(seed: int, rows: int, call: int, mail: int) -> None:
    gains = np.random.default_rng(seed).normal(size=(rows, 3))
    gains[:, 0] = 0
    capacity = np.array([rows, call, mail])
    assert assign(gains, capacity, gains).tolist() == walked(gains, capacity).tolist()


def test_ties_decide_among_equal_gains() -> None:
    gains = np.tile([0.0, 1.0], (3, 1))
    ties = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0]])
    assert assign(gains, np.array([3, 2]), ties).tolist() == [0, 1, 1]


def test_what_brings_nothing_is_not_done() -> None:
    gains = np.array([[0.0, -1.0], [0.0, 0.0], [0.0, 0.1]])
    assert assign(gains, np.array([3, 3]), gains).tolist() == [0, 0, 1]


@STEADY
@given(
    st.floats(0, 0.3),
    st.lists(st.sampled_from([0, 10, 20, 50]), min_size=2, max_size=2),
    st.integers(0, 3),
)
def test_probabilities_add_up_and_capacities_hold(
    explore: float, places: list[int], seed: int
) -> None:
    capacity = np.array([50, *places])
    drawn, share = explored(uniforms(np.arange(50), 50, seed), explore, capacity, NAMES)
    assert (np.bincount(drawn[drawn >= 0], minlength=3) <= capacity).all()
    assert share[capacity == 0].sum() == 0
    if set(places) <= {0, 50}:
        assert share.sum() == pytest.approx(explore)
    else:  # as many as there are, exactly
        assert share.sum() == pytest.approx((drawn >= 0).mean())


def test_an_id_explores_alike_wherever_it_comes() -> None:
    ids = [f"a{number}" for number in range(200)]
    alone = uniforms(ids[:1], 1, 0)
    assert uniforms(ids, 200, 0)[0] == alone[0]
    assert uniforms(ids[::-1], 200, 0)[-1] == alone[0]
    assert uniforms(ids[:1], 1, 1)[0] != alone[0]


def test_hashes_are_spread_evenly() -> None:
    uniform = uniforms(np.arange(4000), 4000, 0)
    drawn, share = explored(uniform, 0.3, np.full(3, 4000), NAMES)
    assert share.tolist() == pytest.approx([0.1] * 3)
    assert np.bincount(drawn + 1) / 4000 == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.02)
    assert uniform.min() >= 0
    assert uniform.max() < 1


def test_capacities() -> None:
    assert capacities_of(None, NAMES, 9).tolist() == [9, 9, 9]
    assert capacities_of(2, NAMES, 9).tolist() == [9, 2, 2]
    assert capacities_of({"mail": 0}, NAMES, 9).tolist() == [9, 9, 0]
    with pytest.raises(ModelError, match=r"Capacities") as caught:
        capacities_of({"mial": 1, "call": -1}, NAMES, 9)
    assert "Did you mean 'mail'?" in str(caught.value)
    assert "call: -1" in str(caught.value)
    with pytest.raises(ModelError):
        capacities_of(1.5, NAMES, 9)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "much", float("nan")])
def test_shares_that_cannot_be(wrong: object) -> None:
    with pytest.raises(ModelError, match="between 0 and 1"):
        share_of(wrong)


def test_ids_must_be_there_once() -> None:
    with pytest.raises(ModelError, match="an id of its own"):
        uniforms(["a", "a", None], 3, 0)


def test_exploring_cannot_take_more_than_there_is() -> None:
    with pytest.raises(ModelError, match="Exploring alone takes more than the capacity of call"):
        explored(uniforms(range(90), 90, 0), 0.9, np.array([90, 1, 90]), NAMES)
