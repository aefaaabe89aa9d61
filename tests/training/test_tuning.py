from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.training import tuning
from salesml.training.calibration import log_losses
from salesml.training.split import group_folds
from salesml.training.table import Floats
from salesml.training.tuning import (
    FEWEST_SETTINGS,
    MOST_MEMBERS,
    PORTFOLIO,
    SPACE,
    Budget,
    Judged,
    _select,
    try_boosting,
)

from .conftest import sample

ALL = np.arange(8)
Y = np.tile([0.0, 1.0], 4)


def judged(*margins: Sequence[float] | Floats) -> list[Judged]:
    return [Judged({}, 1, np.asarray(margin, dtype=np.float64), 0.0) for margin in margins]


def budget(
    trees: int | None = 200,
    *,
    seconds: float = 60,
    threads: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Budget:
    return Budget(seconds, trees, threads, 0, say)


def test_best_setting_alone_is_selected_where_others_only_hurt() -> None:
    right = np.where(Y == 1, 2.0, -2.0)
    assert _select(judged(np.zeros(8), right, -right), Y, ALL) == {1: 1.0}


def test_settings_that_know_different_rows_share_the_weight() -> None:
    right = np.where(Y == 1, 2.0, -2.0)
    first, second = np.where(ALL < 4, right, 0), np.where(ALL < 4, 0, right)
    assert _select(judged(first, second), Y, ALL) == {0: 0.5, 1: 0.5}


def test_overconfident_setting_is_tempered_by_a_cautious_one() -> None:
    y = np.array([1.0, 1, 1, 0] * 2)
    found = _select(judged(np.full(8, 4.0), np.zeros(8)), y, ALL)
    mixed = sum(weight * margin for weight, margin in zip(found.values(), (4.0, 0.0), strict=True))
    assert mixed == pytest.approx(np.log(3), abs=0.21)  # weights are tenths


def test_only_the_rows_asked_for_count() -> None:
    right = np.where(Y == 1, 2.0, -2.0)
    poisoned = np.where(ALL < 4, right, -9 * right)
    assert _select(judged(poisoned, right / 2), Y, ALL[:4]) == {0: 1.0}
    assert _select(judged(poisoned, right / 2), Y, ALL[4:]) == {1: 1.0}


@given(st.integers(0, 10**6), st.integers(1, 9))
def test_selection_is_a_small_bag_no_worse_than_its_best(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 30).astype(float)
    margins = rng.normal(0, 2, (count, 30))
    found = _select(judged(*margins), y, np.arange(30))
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) > 0
    assert len(found) <= MOST_MEMBERS
    first = log_losses(y, margins).mean(axis=1).min()
    mixed = sum(weight * margins[i] for i, weight in found.items())
    # the loss is convex, and the first draw is the best one
    assert log_losses(y, np.asarray(mixed)).mean() <= first + 0.5


def test_budget_of_seconds_becomes_trees_by_the_size_of_the_table() -> None:
    small, large = (budget(None).trees_for(rows, 10) for rows in (1000, 1_000_000))
    assert small > 10 * large > 0
    assert budget(None, seconds=30).trees_for(1000, 10) == pytest.approx(small / 2, abs=1)
    assert budget(7).trees_for(1_000_000, 1000) == 7
    assert budget(None, seconds=0).trees_for(1000, 10) == 0


def test_equal_budgets_of_trees_give_equal_results_whatever_the_clock_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, y = sample(200)
    folds = group_folds(y, np.arange(200), 0)
    first = try_boosting(table, y, folds, {}, budget(1500))
    monkeypatch.setattr(tuning.time, "monotonic", iter(range(0, 10**9, 10**6)).__next__)
    said: list[str] = []
    second = try_boosting(table, y, folds, {}, budget(1500, seconds=0, say=said.append))
    assert (first.margin == second.margin).all()
    assert first.settings == second.settings
    assert said == []
    assert int(first.settings.split("; ")[1].split()[0]) > 1


def test_exceeded_time_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    table, y = sample(200)
    monkeypatch.setattr(tuning.time, "monotonic", iter(range(0, 10**9, 40)).__next__)
    monkeypatch.setattr(tuning, "MOST_SETTINGS", 10)
    said: list[str] = []
    folds = group_folds(y, np.arange(200), 0)
    trial = try_boosting(table, y, folds, {}, budget(None, say=said.append))
    assert trial.settings.endswith("2 settings judged")
    assert said == [
        "The time budget of 60 s ended the search after 2 settings of LightGBM; "
        "another run may choose differently."
    ]


def test_one_setting_is_judged_without_any_budget() -> None:
    table, y = sample(200)
    trial = try_boosting(table, y, group_folds(y, np.arange(200), 0), {}, budget(0))
    assert trial.settings.startswith("100% of 8 leaves")
    assert trial.settings.endswith("1 settings judged")


def test_few_outcomes_try_few_settings() -> None:
    """Forty settings on so few rows would be a lottery."""
    table, y = sample(60)
    trial = try_boosting(table, y, group_folds(y, np.arange(60), 0), {}, budget(10**9))
    settings = int(trial.settings.split("; ")[1].split()[0])
    assert 1 <= settings <= FEWEST_SETTINGS


def test_portfolio_lies_in_the_space_that_is_searched() -> None:
    for settings in PORTFOLIO:
        assert settings.keys() == SPACE.keys()
        assert all(settings[name] in values for name, values in SPACE.items())
    assert len({tuple(settings.items()) for settings in PORTFOLIO}) == len(PORTFOLIO)
