from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.training.blend import Blend, BlendRecipe, _weigh, try_blend
from salesml.training.candidates import BaseRate, BaseRateRecipe, Trial
from salesml.training.logistic import Logistic, LogisticRecipe
from salesml.training.split import group_folds
from salesml.training.table import Floats
from salesml.training.terms import SHAPES

from .conftest import sample

RECIPE = LogisticRecipe(SHAPES["straight"], 0.1, {}, 0)


def trials(*margins: Floats) -> list[Trial]:
    names = ("logistic", "lightgbm")
    return [Trial(n, m, "", RECIPE) for n, m in zip(names, margins, strict=True)]


def truth(rows: int = 4000) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, rows))
    return one, two, (rng.random(rows) < 1 / (1 + np.exp(-one - two))).astype(float)


def test_parts_that_know_different_things_are_added_up() -> None:
    one, two, y = truth()
    shift, weights = _weigh(np.column_stack([one, two]), y)
    assert weights == pytest.approx([1, 1], abs=0.15)
    assert shift == pytest.approx(0, abs=0.15)


def test_part_that_misleads_gets_no_weight() -> None:
    one, two, y = truth()
    weights = _weigh(np.column_stack([one + two, -3 * (one + two)]), y)[1]
    assert weights[1] == 0
    assert weights[0] > 0.8


def test_few_rows_leave_the_parts_equal() -> None:
    one, two, y = truth(12)
    assert _weigh(np.column_stack([one, two]), y)[1] == pytest.approx([0.5, 0.5], abs=0.1)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 60), st.floats(0, 30))
def test_no_weight_is_negative(seed: int, rows: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows).astype(float)
    shift, weights = _weigh(rng.normal(0, scale, (rows, 2)), y)
    assert (weights >= 0).all()
    assert np.isfinite([shift, *weights]).all()


def test_weights_of_a_fold_are_those_that_suit_the_others() -> None:
    one, two, y = truth(400)
    folds = group_folds(y, np.arange(400), 0)
    trial = try_blend(trials(one, two), y, folds)
    for fold in folds:
        shift, weights = _weigh(*(v[fold.train] for v in (np.column_stack([one, two]), y)))
        expected = shift + np.column_stack([one, two])[fold.valid] @ weights
        assert trial.margin[fold.valid] == pytest.approx(expected)
    assert trial.settings.endswith("of lightgbm")
    poisoned = y.copy()
    poisoned[folds[0].valid] = 1 - y[folds[0].valid]
    again = try_blend(trials(one, two), poisoned, folds)
    assert (again.margin[folds[0].valid] == trial.margin[folds[0].valid]).all()


def test_margin_and_contributions_add_up() -> None:
    table, y = sample()
    parts = {"logistic": RECIPE, "lightgbm": LogisticRecipe(SHAPES["bent"], 1.0, {}, 0)}
    model = BlendRecipe(parts, {"logistic": 0.25, "lightgbm": 0.5}, 0.1).learn(table, y, {})
    one, two = model.parts.values()
    expected = 0.1 + 0.25 * one.margin(table) + 0.5 * two.margin(table)
    assert model.margin(table) == pytest.approx(expected)
    total = model.contributions(table).sum(axis=1) + model.expected_value
    assert total == pytest.approx(model.margin(table))


def test_finished_parts_are_not_learnt_again() -> None:
    table, y = sample()
    finished = BaseRate(0.5)
    recipe = BlendRecipe({"logistic": RECIPE, "lightgbm": BaseRateRecipe()}, {}, 0.0)
    model = recipe.learn(table, y, {"logistic": finished})
    assert model.parts["logistic"] is finished
    assert isinstance(model.parts["lightgbm"], BaseRate)


def test_dump_holds_the_parts(tmp_path: Path) -> None:
    table, y = sample()
    part = RECIPE.learn(table, y, {})
    model = Blend(
        {"logistic": part, "lightgbm": BaseRate(1.5)}, {"logistic": 1.0, "lightgbm": 0.5}, 2.0
    )
    stored = json.loads(json.dumps(model.dump(tmp_path)))
    assert Logistic.restore(stored["parts"]["logistic"]) == part
    assert stored["parts"]["lightgbm"] == {"expected_value": 1.5}
    assert (stored["weights"], stored["shift"]) == ({"logistic": 1.0, "lightgbm": 0.5}, 2.0)
    assert model.expected_value == pytest.approx(2.0 + part.expected_value + 0.75)
