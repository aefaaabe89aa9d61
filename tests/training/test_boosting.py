from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from salesml.training.boosting import Boosted, BoostingRecipe, Grower, Member
from salesml.training.split import group_folds
from salesml.training.table import Floats, Table
from salesml.training.tuning import PORTFOLIO

from .conftest import sample, unseen

USUAL = PORTFOLIO[0]


def learn(table: Table, y: Floats, directions: dict[int, int] | None = None) -> Boosted:
    members = (Member(USUAL, 30, 0.75), Member(PORTFOLIO[1], 10, 0.25))
    return BoostingRecipe(members, directions or {}, 1, 1).learn(table, y, {})


def grower(table: Table, y: Floats, threads: int = 1) -> Grower:
    folds = group_folds(y, np.arange(len(y)), 0)
    return Grower(table, y, folds, {}, threads, 0)


def test_contributions_add_up_and_files_bring_it_back(tmp_path: Path) -> None:
    table, y = sample()
    model = learn(table, y)
    both = Table(np.vstack([table.matrix, unseen().matrix]), table.levels)
    total = model.contributions(both).sum(axis=1) + model.expected_value
    assert total == pytest.approx(model.margin(both), abs=1e-9)
    again = Boosted.restore(model.dump(tmp_path), tmp_path, table.width, 1)
    assert (again.margin(both) == model.margin(both)).all()
    assert again.expected_value == model.expected_value


def test_bag_is_the_weighted_mean_of_its_members() -> None:
    table, y = sample()
    model = learn(table, y)
    each = [booster.predict(table.matrix, raw_score=True) for booster in model.boosters]
    assert model.weights == (0.25, 0.25, 0.25, 0.25 / 3, 0.25 / 3, 0.25 / 3)
    assert model.margin(table) == pytest.approx(np.average(each, axis=0, weights=model.weights))
    assert [b.current_iteration() for b in model.boosters] == [30] * 3 + [10] * 3
    assert (each[0] != each[1]).any()  # seeds differ


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_one_thread_prepares_small_data(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """What is grown on data takes over their number, and idle threads cost more than the work."""
    asked: list[Any] = []
    real = lgb.Dataset.__init__

    def noted(data: lgb.Dataset, *arguments: Any, **options: Any) -> None:
        asked.append(options["params"].get("num_threads"))
        real(data, *arguments, **options)

    monkeypatch.setattr(lgb.Dataset, "__init__", noted)
    table, y = sample()
    BoostingRecipe((Member(USUAL, 2, 1.0),), {}, threads, 1).learn(table, y, {})
    grower(table, y, threads)
    assert set(asked) == {1}


def test_no_rows_have_no_margin() -> None:
    table, y = sample()
    model, none = learn(table, y), Table(np.zeros((0, 4)), table.levels)
    assert model.margin(none).shape == (0,)
    assert model.contributions(none).shape == (0, 4)


@pytest.mark.parametrize("sign", [-1, 1])
def test_column_goes_the_way_it_must(sign: int) -> None:
    table, y = sample()
    model = learn(table, y, {0: sign, 1: sign})
    for column in (0, 1):
        rows = np.tile(table.matrix[1:2], (300, 1))
        rows[:, column] = np.linspace(-5, 50, 300)
        rises = np.diff(model.margin(Table(rows, table.levels)))
        assert (rises * sign).min() >= -1e-12
    free = learn(table, y).margin(table)
    assert (model.margin(table) != free).any()


def test_grower_judges_each_round_on_each_fold() -> None:
    table, y = sample()
    folds = group_folds(y, np.arange(len(y)), 0)
    grown = grower(table, y).grow(USUAL)
    assert grown is not None
    assert grown.losses.shape == (1000, 5)
    margin = grown.margin(table, folds, [7] * 5)
    for k, fold in enumerate(folds):
        own, outcome = margin[fold.valid], y[fold.valid]
        loss = np.mean(np.logaddexp(0, own) - outcome * own)
        assert grown.losses[6, k] == pytest.approx(loss)
    assert grown.start == grown.losses[:, :2].min(axis=0).mean()


def test_hopeless_settings_are_left_after_two_folds() -> None:
    table, y = sample()
    found = grower(table, y)
    whole = found.grow(USUAL)
    assert whole is not None
    after_five = found.trees
    assert found.grow(USUAL, whole.start * 0.99) is None
    pruned = found.trees - after_five
    assert 0 < pruned < after_five
    same = found.grow(USUAL, whole.start * (1 + 1e-9))
    assert same is not None
    assert same.losses == pytest.approx(whole.losses)
    assert found.trees == 2 * after_five + pruned


def test_threads_do_not_change_what_is_grown() -> None:
    table, y = sample()
    one, two = (grower(table, y, threads).grow(USUAL) for threads in (1, 2))
    assert one is not None
    assert two is not None
    assert (one.losses == two.losses).all()


def test_wide_categories_can_be_held_back() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 21, 4000).astype(float)
    y = (rng.random(4000) < np.where(codes % 2, 0.8, 0.2)).astype(float)
    table = Table(np.column_stack([codes, rng.normal(size=4000)]), {0: 21})

    def worth(share: float) -> float:
        member = Member({**USUAL, "wide": share}, 20, 1.0)
        model = BoostingRecipe((member,), {}, 1, 1).learn(table, y, {})
        return float(np.abs(model.contributions(table)[:, 0]).mean())

    assert worth(0.0) == 0
    assert worth(1.0) > 0.1


def test_margins_out_of_fold_never_saw_their_rows() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300).astype(float)
    table = Table(rng.normal(size=(300, 5)), {})
    folds = group_folds(y, np.arange(300), 0)
    grown = Grower(table, y, folds, {}, 1, 0).grow(USUAL)
    assert grown is not None
    margin = grown.margin(table, folds, [60] * 5)
    assert abs(np.corrcoef(margin, y)[0, 1]) < 0.2


def test_any_kind_of_column_is_grown_on() -> None:
    """Infinite in spirit: huge, tiny, empty, constant and rare values."""
    y = np.tile([0.0, 1.0], 60)
    columns: list[Any] = [y * 1e100, y * 1e-300, y * np.nan, y * 0, np.arange(120) % 50]
    table = Table(np.column_stack(columns).astype(float), {4: 50})
    model = learn(table, y)
    assert np.isfinite(model.margin(table)).all()
    assert isinstance(model.boosters[0], lgb.Booster)
