"""SHAP values of many rows at once; LightGBM's own are the oracle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.training import shap_kernel, shap_values
from salesml.training.blend import Blend
from salesml.training.logistic import LogisticRecipe
from salesml.training.shap_pieces import MOST_BITS, pieces_of
from salesml.training.shap_values import tree_contributions
from salesml.training.table import Floats, Table
from salesml.training.terms import SHAPES
from salesml.training.trees import trees_of

from .conftest import sample, unseen
from .test_boosting import learn

NUMBER, GAPPY, CATEGORY, FEW, UNUSED = range(5)
CODES = 40
QUIET = {"objective": "binary", "verbosity": -1, "num_threads": 1}
KINDS: dict[str, dict[str, Any]] = {
    "deep": {"num_leaves": 48, "max_depth": 8, "min_data_in_leaf": 2},
    "stumps": {"num_leaves": 2},
    "a line of splits": {"num_leaves": 12, "feature_fraction": 0.5, "extra_trees": True},
    "monotone": {
        "monotone_constraints": [1, 0, 0, 0, 0],
        "monotone_constraints_method": "intermediate",
    },
    "bagged": {"num_leaves": 8, "bagging_freq": 1, "bagging_fraction": 0.5},
}


def rows(count: int = 600, seed: int = 0) -> Floats:
    """A number without gaps, one with, a category with gaps, one of three, an unused one."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, 5))
    matrix[rng.random(count) < 0.2, GAPPY] = np.nan
    matrix[:, CATEGORY] = rng.integers(0, CODES, count)
    matrix[rng.random(count) < 0.1, CATEGORY] = np.nan
    matrix[:, FEW] = rng.integers(0, 3, count)
    matrix[:, UNUSED] = 7
    return matrix


def strange() -> Floats:
    """Gaps where there were none, codes never seen, and what lies far out or next to 0."""
    odd = [np.nan, 0.0, -0.0, 1e-36, -1e-36, np.inf, -np.inf, -1.0, 31.0, 32.0, 63.0, 64.0, 1e9]
    matrix = np.tile(rows(len(odd), 1), (4, 1))
    for column in range(4):
        matrix[column * len(odd) : (column + 1) * len(odd), column] = odd
    return matrix


@cache
def booster(kind: str, trees: int = 12) -> lgb.Booster:
    matrix = rows()
    odds = matrix[:, NUMBER] + (matrix[:, CATEGORY] % 3 == 0) * (1 + np.isnan(matrix[:, GAPPY]))
    chance = np.random.default_rng(2).random(len(matrix))
    params = QUIET | {"min_data_per_group": 5, "cat_smooth": 1, "learning_rate": 0.2} | KINDS[kind]
    data = lgb.Dataset(
        matrix, chance < 1 / (1 + np.exp(1 - odds)), categorical_feature=[CATEGORY, FEW]
    )
    return lgb.train(params, data, trees)


def oracle(boosters: Sequence[lgb.Booster], weights: Sequence[float], matrix: Floats) -> Floats:
    each = [b.predict(matrix, pred_contrib=True, num_threads=1)[:, :-1] for b in boosters]
    return np.asarray(np.tensordot(weights, each, axes=1), dtype=np.float64)


@pytest.fixture(autouse=True)
def _always_in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shap_values, "MANY", 0)


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_lightgbms_own(kind: str) -> None:
    one = booster(kind)
    matrix = np.vstack([rows(), strange()])
    found = tree_contributions([one], [1.0], matrix, 1)
    assert found == pytest.approx(oracle([one], [1.0], matrix), abs=1e-12)
    assert (found[:, UNUSED] == 0).all()


def test_trees_ask_for_everything_that_is_tested() -> None:
    trees = trees_of(booster("deep"))
    asked = np.concatenate([tree.column for tree in trees])
    assert set(asked) == {NUMBER, GAPPY, CATEGORY, FEW}
    ways = np.concatenate([tree.missing_left[tree.column == GAPPY] for tree in trees])
    assert set(ways) == {True, False}
    assert max(len(members) for tree in trees for members in tree.members) > 32


@given(
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3, unique=True),
    st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    st.lists(st.lists(st.floats(allow_infinity=False), min_size=5, max_size=5), min_size=1),
)
@settings(max_examples=25)
def test_any_bag_and_any_values(
    kinds: list[str], weights: list[float], values: list[list[float]]
) -> None:
    bag, own = [booster(kind) for kind in kinds], weights[: len(kinds)]
    matrix = np.array(values)
    matrix[:, [CATEGORY, FEW]] = np.nan_to_num(matrix[:, [CATEGORY, FEW]]).clip(-9, 99).round()
    found = tree_contributions(bag, own, matrix, 1)
    assert found == pytest.approx(oracle(bag, own, matrix), abs=1e-12)


def test_one_split_adds_its_leaf_less_the_average() -> None:
    x = np.repeat([[0.0], [1.0]], [30, 10], axis=0)
    y = (np.arange(40) < 6) | (np.arange(40) > 33)
    stump = lgb.train(QUIET | {"min_data_in_leaf": 1}, lgb.Dataset(x, y), 1)
    ends = np.array([[0.0], [1.0]])
    low, high = stump.predict(ends, raw_score=True)
    found = tree_contributions([stump], [2.0], ends, 1)
    assert found[:, 0] == pytest.approx([2 * (low - high) / 4, 2 * (high - low) * 3 / 4])


def test_constant_trees_add_nothing() -> None:
    matrix, y = rows(), np.arange(600) % 2
    silent = lgb.train(QUIET | {"min_data_in_leaf": 599}, lgb.Dataset(matrix, y), 2)
    assert trees_of(silent) == []
    assert (tree_contributions([silent], [1.0], matrix, 1) == np.zeros((600, 5))).all()
    bag, weights = [silent, booster("deep")], [0.25, 0.75]
    found = tree_contributions(bag, weights, matrix, 1)
    assert found == pytest.approx(oracle(bag, weights, matrix), abs=1e-12)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_blocks_and_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, one = rows(), booster("deep")
    whole = tree_contributions([one], [1.0], matrix, 1)
    monkeypatch.setattr(shap_values, "BLOCK", 7)
    assert (tree_contributions([one], [1.0], matrix, threads) == whole).all()
    monkeypatch.setattr(shap_values, "TREES", 5)
    assert tree_contributions([one], [1.0], matrix, threads) == pytest.approx(whole, abs=1e-12)


def test_columns_may_lie_next_to_each_other() -> None:
    matrix, one = rows(), booster("deep")
    found = tree_contributions([one], [1.0], np.asfortranarray(matrix), 1)
    assert (found == tree_contributions([one], [1.0], matrix, 1)).all()


@pytest.mark.parametrize("many", [0, math.inf])
def test_no_rows(many: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shap_values, "MANY", many)
    assert tree_contributions([booster("deep")], [1.0], rows()[:0], 1).shape == (0, 5)


def test_few_rows_are_lightgbms_own(monkeypatch: pytest.MonkeyPatch) -> None:
    bag, weights = [booster("deep"), booster("stumps")], [0.5, 2.0]
    monkeypatch.setattr(shap_values, "MANY", len(rows()) * 24 + 1)
    found = tree_contributions(bag, weights, rows(), 1)
    assert found == pytest.approx(oracle(bag, weights, rows()), abs=1e-12)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    tree_contributions([booster("deep")], [1.0], rows(), 0)
    assert capfd.readouterr() == ("", "")


def test_boosting_and_blend_add_up_to_their_margin() -> None:
    table, y = sample()
    both = Table(np.vstack([table.matrix, unseen().matrix]), table.levels)
    trees = learn(table, y)
    straight = LogisticRecipe(SHAPES["straight"], 0.1, {}, 0).learn(table, y, {})
    blend = Blend({"a": trees, "b": straight}, {"a": 0.7, "b": 0.6}, 0.1)
    for model in (trees, blend):
        total = model.contributions(both).sum(axis=1) + model.expected_value
        assert total == pytest.approx(model.margin(both), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_hold_each_leaf_once_in_small_tables(kind: str) -> None:
    for tree in trees_of(booster(kind)):
        pieces = pieces_of(tree)
        values = sorted(leaf.value for piece in pieces for leaf in piece.leaves)
        assert values == sorted(tree.leaf_value)
        assert all(piece.bits <= MOST_BITS for piece in pieces)


def test_it_runs_where_compiled_code_cannot_be_kept() -> None:
    space: dict[str, Any] = {}
    exec("def twice(x): return 2 * x", space)  # no file: no folder
    assert shap_kernel._compiled(space["twice"])(4) == 8
