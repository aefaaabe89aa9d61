from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salesml.training.table import Floats, Table
from salesml.training.terms import SHAPES, Basis, Shape, bases_of, restore_term

NAN = float("nan")
SHAPE = st.sampled_from(list(SHAPES.values()))
NUMBER = st.one_of(st.just(NAN), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6))
COLUMN = arrays(np.float64, st.integers(1, 40), elements=NUMBER)
SEED = st.integers(0, 1000)


def basis_of(x: Floats, shape: Shape = SHAPES["straight"], codes: int = 0) -> Basis:
    return bases_of(Table(x[:, None], {0: codes} if codes else {}), shape)[0]


def learnt(basis: Basis, x: Floats, seed: int, signed: int = 0) -> tuple[Floats, Any]:
    """A design and the term of some weights, all of one sign where one is given."""
    design = basis.design(x)
    weights = np.random.default_rng(seed).normal(size=design.shape[1])
    signs = basis.directions(signed)
    weights = np.where(signs == 0, weights, signs * np.abs(weights))
    return design @ weights, basis.weighted(weights)


@given(COLUMN, SHAPE, SEED)
def test_number_is_worth_what_its_design_says(x: Floats, shape: Shape, seed: int) -> None:
    design, term = learnt(basis_of(x, shape), x, seed)
    found = term.contribution(x)
    assert found == pytest.approx(design - design.mean(), abs=1e-4)
    assert found.mean() == pytest.approx(0, abs=1e-4)


@given(arrays(np.float64, st.integers(1, 40), elements=st.sampled_from([NAN, 0, 1, 2, 70])), SEED)
def test_category_is_worth_what_its_design_says(x: Floats, seed: int) -> None:
    design, term = learnt(basis_of(x, codes=71), x, seed)
    found = term.contribution(x)
    assert found == pytest.approx(design - design.mean())
    assert found.mean() == pytest.approx(0, abs=1e-9)


@given(COLUMN, SHAPE, SEED)
def test_terms_survive_json(x: Floats, shape: Shape, seed: int) -> None:
    for codes in (0, 3):
        values = np.where(np.isnan(x), x, np.abs(x) % 3 // 1) if codes else x
        term = learnt(basis_of(values, shape, codes), values, seed)[1]
        assert restore_term(json.loads(json.dumps(asdict(term)))) == term


@given(COLUMN, SHAPE, SEED, st.sampled_from([-1, 1]))
def test_signed_weights_make_a_curve_that_goes_one_way(
    x: Floats, shape: Shape, seed: int, sign: int
) -> None:
    term = learnt(basis_of(x, shape), x, seed, sign)[1]
    range_ = np.sort(
        np.concatenate([np.linspace(-2e6, 2e6, 101), x[~np.isnan(x)], [-1e300, 1e300]])
    )
    rises = np.diff(term.contribution(range_)) * sign
    assert rises.min() >= -1e-6


def test_straight_curve_is_exact() -> None:
    x = np.array([1.0, 2, 3, NAN])
    basis = basis_of(x)
    term = basis.weighted(np.array([1.0, 0.5]))
    low, high = np.quantile([1, 2, 3], [0.01, 0.99])
    z = np.array([low, 2, high, 2])
    gap = (np.array([0, 0, 0, 1]) - 0.25) / np.sqrt(0.25 * 0.75)
    assert term.contribution(x) == pytest.approx((z - z.mean()) / z.std() + 0.5 * gap)


def test_far_values_count_as_the_last_ones_seen() -> None:
    x = np.arange(100.0)
    term = learnt(basis_of(x, SHAPES["stepped"]), x, 0)[1]
    ends = term.contribution(np.array([-1e9, 0, 99, 1e9]))
    assert ends[0] == ends[1]
    assert ends[2] == ends[3]


def test_missing_without_gaps_in_training_counts_as_the_median() -> None:
    x = np.arange(101.0)
    term = learnt(basis_of(x, SHAPES["bent"]), x, 0)[1]
    assert term.contribution(np.array([NAN])) == pytest.approx(term.contribution(np.array([50.0])))


def test_shapes_bend_and_step_at_quantiles() -> None:
    x = np.arange(1001.0)
    assert basis_of(x, Shape(3, 0)).design(x).shape == (1001, 4)
    assert np.array(basis_of(x, Shape(3, 0)).hinges) == pytest.approx([250, 500, 750], abs=6)
    assert basis_of(x, SHAPES["stepped"]).design(x).shape == (1001, 1 + 4 + 16)
    assert basis_of(x % 2, SHAPES["stepped"]).design(x).shape == (1001, 1)


def test_rare_value_is_not_winsorised_away() -> None:
    x = np.array([0.0] * 995 + [7.0] * 5)
    term = basis_of(x).weighted(np.array([1.0]))
    assert term.contribution(np.array([7.0]))[0] - term.contribution(np.array([0.0]))[0] > 1


def test_empty_and_constant_columns_add_nothing() -> None:
    for x in (np.full(10, NAN), np.full(10, 3.0)):
        term = basis_of(x, SHAPES["stepped"]).weighted(np.ones(1))
        assert term.contribution(x) == pytest.approx(np.zeros(10))


def test_rare_codes_share_one_weight_and_unseen_ones_are_average() -> None:
    codes = np.repeat(np.arange(80.0), 5)
    found = learnt(basis_of(codes, codes=80), codes, 0)[1]
    shared = found.contribution(np.array([49.0, 60, 79]))
    assert shared[0] == shared[1] == shared[2]
    assert found.contribution(np.array([NAN]))[0] == 0
    assert found.contribution(np.array([1.0]))[0] != 0
