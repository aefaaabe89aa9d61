from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from salesml.training.logistic import STRENGTHS, Logistic, learn_path, try_logistic
from salesml.training.split import group_folds
from salesml.training.table import Floats, Table
from salesml.training.terms import SHAPES, Shape

from .conftest import sample, unseen

NAN = float("nan")
STRAIGHT, BENT, STEPPED = SHAPES.values()


def learn(
    table: Table, y: Floats, strength: float = 0.1, shape: Shape = STRAIGHT, **directions: int
) -> Logistic:
    by_column = {int(name[1:]): sign for name, sign in directions.items()}
    return learn_path(table, y, shape, [strength], by_column, 0)[0]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_contributions_add_up_and_are_centred(shape: Shape) -> None:
    table, y = sample()
    model = learn(table, y, shape=shape)
    contributions = model.contributions(table)
    assert contributions.sum(axis=1) + model.expected_value == pytest.approx(model.margin(table))
    assert contributions.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    assert (contributions[:, 3] == 0).all()
    assert model.contributions(unseen()).sum(axis=1) + model.expected_value == pytest.approx(
        model.margin(unseen())
    )


def test_without_gaps_it_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 500)  # nothing to winsorise but 1 % at each end
    y = (rng.random(500) < 1 / (1 + np.exp(-x))).astype(float)
    clipped = np.clip(x, *np.quantile(x, [0.01, 0.99]))
    scaled = ((clipped - clipped.mean()) / clipped.std())[:, None]
    expected = LogisticRegression(C=0.1).fit(scaled, y).decision_function(scaled)
    found = learn(Table(x[:, None], {}), y).margin(Table(x[:, None], {}))
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("signs", [{}, {0: 1}], ids=["free", "one way"])
@pytest.mark.parametrize("shape", [STRAIGHT, STEPPED], ids=["straight", "stepped"])
def test_path_of_strengths_ends_where_each_alone_does(shape: Shape, signs: dict[int, int]) -> None:
    """Each solution starts at the one before; that must not show."""
    table, y = sample()
    path = learn_path(table, y, shape, STRENGTHS, signs, 0)
    for strength, warm in zip(STRENGTHS, path, strict=True):
        cold = learn_path(table, y, shape, [strength], signs, 0)[0]
        assert warm.margin(table) == pytest.approx(cold.margin(table), abs=5e-3)


def test_signed_solver_finds_the_free_solution_where_signs_do_not_bind() -> None:
    table, y = sample()
    free, signed = learn(table, y), learn(table, y, c0=1)
    assert signed.margin(table) == pytest.approx(free.margin(table), abs=5e-3)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_column_goes_the_way_it_must(shape: Shape, sign: int) -> None:
    table, y = sample()
    model = learn(table, y, 1.0, shape, c0=sign, c1=sign)
    for column in (0, 1):
        rows = np.tile(table.matrix[:1], (200, 1))
        rows[:, column] = np.linspace(-5, 50, 200)
        rises = np.diff(model.margin(Table(rows, table.levels)))
        assert (rises * sign).min() >= -1e-12
    assert np.ptp(model.contributions(table)[:, 2]) > 0.1  # categories stay free


def test_little_is_said_about_what_was_never_seen() -> None:
    table, y = sample()
    contributions = learn(table, y).contributions(unseen())
    assert contributions[0, 2] == 0  # no gaps in training: the average
    assert np.abs(contributions[1]).max() < 3  # far out is clipped


def test_a_gap_that_tells_is_used() -> None:
    table, y = sample()
    table.matrix[y == 1, 0] = NAN
    missing = np.isnan(table.matrix[:, 0])
    assert learn(table, y, 1.0).contributions(table)[missing, 0].min() > 0.5


def test_many_rows_are_learnt_from_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    table, y = sample(2000)
    whole = learn(table, y).margin(table)
    monkeypatch.setattr("salesml.training.logistic.MOST_ROWS", 1000)
    part = learn(table, y).margin(table)
    assert (part != whole).any()
    assert np.corrcoef(part, whole)[0, 1] > 0.97


def test_of_a_wide_table_the_columns_closest_to_the_outcome_are_used() -> None:
    rng = np.random.default_rng(0)
    matrix, y = rng.normal(size=(200, 400)), rng.integers(0, 2, 200).astype(float)
    matrix[:, 123] += 3 * y
    model = learn(Table(matrix, {}), y)
    worth = np.abs(model.contributions(Table(matrix, {}))).max(axis=0)
    assert (worth > 0).sum() == 300
    assert worth.argmax() == 123
    closeness = np.abs((y - y.mean()) @ ((matrix - matrix.mean(axis=0)) / matrix.std(axis=0)))
    assert closeness[worth > 0].min() > np.quantile(closeness, 0.2)


def test_the_widest_category_is_used_even_if_it_is_too_wide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("salesml.training.logistic.MOST_COLUMNS", 3)
    table, y = sample()
    assert np.ptp(learn(table, y).margin(table)) > 0


def test_bent_truth_is_followed() -> None:
    x = np.random.default_rng(0).uniform(-2, 2, 3000)
    y = (np.random.default_rng(1).random(3000) < 1 / (1 + np.exp(2 - 2 * x**2))).astype(float)
    table = Table(x[:, None], {})
    trial = try_logistic(table, y, group_folds(y, np.arange(3000), 0), {}, 0)
    assert not trial.settings.startswith("straight")
    assert np.corrcoef(trial.margin, x**2)[0, 1] > 0.95


def test_straight_truth_is_learnt_again_with_what_did_best() -> None:
    table, y = sample(1000)
    trial = try_logistic(table, y, group_folds(y, np.arange(1000), 0), {}, 0)
    shape, strength = trial.settings.split(", C=")
    assert trial.recipe is not None
    assert trial.recipe.learn(table, y, {}) == learn(table, y, float(strength), SHAPES[shape])


def test_it_survives_json() -> None:
    table, y = sample()
    for shape in SHAPES.values():
        model = learn(table, y, shape=shape)
        assert Logistic.restore(json.loads(json.dumps(model.dump(Path())))) == model


def test_margins_out_of_fold_never_saw_their_rows() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300).astype(float)
    table = Table(rng.normal(size=(300, 5)), {})
    trial = try_logistic(table, y, group_folds(y, np.arange(300), 0), {}, 0)
    assert not np.isnan(trial.margin).any()
    correlation = np.corrcoef(trial.margin + rng.normal(0, 1e-9, 300), y)[0, 1]
    assert abs(correlation) < 0.15
