"""The chain: counts, back-off, and what a context is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.behaviour.markov import Markov
from salesml.actions.behaviour.sequences import Standing

STEADY = settings(deadline=None, derandomize=True, max_examples=40)
NONE = -1


def stood(*kinds: tuple[int, int, int], silence: float = 0.5) -> Standing:
    size = len(kinds)
    return Standing(np.arange(size), np.array(kinds).reshape(-1, 3), np.full(size, silence))


def given_kinds(seed: int, rows: int = 50) -> tuple[Standing, np.ndarray]:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(-1, 3, (rows, 3))
    return Standing(np.arange(rows), kinds, rng.uniform(0, 200, rows)), rng.integers(0, 4, rows)


def test_a_context_mixes_with_the_shorter_ones() -> None:
    # two classes; the act 0 was followed by class 0 twice and class 1 once, act 1 by class 1 once
    seen = stood((0, NONE, NONE), (0, NONE, NONE), (0, NONE, NONE), (1, NONE, NONE))
    chain = Markov(2, 2).fit([seen], [np.array([0, 0, 1, 1])])
    nothing = (2 + 2 * 0.5) / (4 + 2)  # no context: 2 of 4 and two kinds, leaning on one half
    silence = (2 + 2 * nothing) / (4 + 2)  # all share the silence
    one = (2 + 2 * silence) / (3 + 2)
    two = (2 + 2 * one) / (3 + 2)
    three = (2 + 2 * two) / (3 + 2)
    assert chain.predict_proba(stood((0, NONE, NONE)))[0] == pytest.approx([three, 1 - three])


def test_an_unknown_context_speaks_as_the_longest_known_one() -> None:
    seen = stood((0, 1, NONE), (0, 1, NONE), (0, 2, NONE))
    chain = Markov(3, 2).fit([seen], [np.array([0, 0, 1])])
    unknown = chain.predict_proba(stood((0, 0, 0), (0, 0, 2)))
    assert unknown[0] == pytest.approx(unknown[1])
    assert unknown[0, 0] > chain.predict_proba(stood((0, 2, NONE)))[0, 0]


def test_silence_is_part_of_the_context() -> None:
    fresh, stale = stood(*[(0, 0, 0)] * 20), stood(*[(0, 0, 0)] * 20, silence=90)
    chain = Markov(1, 2).fit([fresh, stale], [np.zeros(20, dtype=int), np.ones(20, dtype=int)])
    assert chain.predict_proba(stood((0, 0, 0)))[0, 0] > 0.9
    assert chain.predict_proba(stood((0, 0, 0), silence=100))[0, 0] < 0.1


def test_a_stiffer_chain_is_closer_to_the_shorter_contexts() -> None:
    seen, outcome = given_kinds(1, 400)
    plain = np.bincount(outcome, minlength=4) / 400
    far = [
        np.abs(Markov(3, 4, stiffness).fit([seen], [outcome]).predict_proba(seen) - plain).mean()
        for stiffness in (1, 4, 16, 64)
    ]
    assert far == sorted(far, reverse=True)


@STEADY
@given(st.integers(0, 10_000))
def test_probabilities_are_positive_and_sum_to_one(seed: int) -> None:
    seen, outcome = given_kinds(seed)
    asked, _ = given_kinds(seed + 1)
    probabilities = Markov(3, 5).fit([seen], [outcome]).predict_proba(asked)
    assert (probabilities > 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(asked.entity)))


@STEADY
@given(st.integers(0, 10_000), st.integers(1, 49))
def test_dates_counted_apart_count_the_same(seed: int, cut: int) -> None:
    seen, outcome = given_kinds(seed)
    first = np.arange(50) < cut
    whole = Markov(3, 4).fit([seen], [outcome])
    parts = Markov(3, 4).fit(
        [seen.only(first), seen.only(~first)], [outcome[first], outcome[~first]]
    )
    assert parts.predict_proba(seen) == pytest.approx(whole.predict_proba(seen))
