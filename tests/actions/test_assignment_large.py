"""Large problems: prices, the plan made whole of them, and a bound that holds."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.assignment import allocate, planning
from salesml.actions.assignment.bounds import bound_in_parts, bound_of_whole
from salesml.actions.assignment.highs import _silenced
from salesml.actions.assignment.inputs import given_of
from salesml.actions.assignment.problem import Prices, rank
from salesml.actions.assignment.program import exact

from .staff import keeps, made_up

STEADY = settings(deadline=None, derandomize=True, max_examples=25)
VISITS = {"visit": 3}


@pytest.fixture
def _by_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is small."""
    monkeypatch.setattr(planning, "_SMALL", 0)


@STEADY
@given(st.integers(0, 1000), st.sampled_from([60, 300, 3000]))
def test_a_bound_by_any_prices_holds(seed: int, minutes: int) -> None:
    options, people = made_up(12, 4, 4, seed, minutes)
    problem = given_of(options.assign(urgent=False), people, VISITS).problem
    if not len(problem):
        return
    rng = np.random.default_rng(seed)
    prices = Prices(rng.uniform(0, 200, 4), rng.uniform(0, 2000, problem.limits.shape))
    prices.action[~np.isfinite(problem.limits)] = 0
    best = exact(problem)
    value = problem.value[best.chosen].sum()
    whole = bound_of_whole(problem, prices)
    assert value <= whole * (1 + 1e-9)
    assert whole <= bound_in_parts(problem, prices) * (1 + 1e-9)


@pytest.mark.usefixtures("_by_prices")
@pytest.mark.parametrize(("seed", "minutes"), [(0, 300), (1, 1200), (2, 6000), (3, 60)])
def test_a_plan_by_prices_is_near_the_best_one(
    seed: int, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, people = made_up(400, 6, 8, seed, minutes)
    options = options.assign(urgent=False)
    found = allocate(options, people, channels=VISITS)
    monkeypatch.undo()
    best = allocate(options, people, channels=VISITS)
    assert best.gap == 0
    assert found.value <= best.value * (1 + 1e-9)
    assert found.bound >= best.value * (1 - 1e-9)
    assert found.value >= 0.99 * best.value
    assert found.gap <= 0.03


@pytest.mark.usefixtures("_by_prices")
def test_a_plan_by_prices_keeps_to_everything() -> None:
    options, people = made_up(600, 6, 8, seed=4)
    found = allocate(options, people, channels=VISITS)
    chosen = options.loc[found.chosen.index]
    assert chosen["entity"].is_unique
    assert keeps(
        [(row, who) for row, who in zip(chosen.itertuples(), found.chosen, strict=True)],
        people,
        VISITS,
    )
    assert np.allclose(found.loads["minutes"].sum(), chosen["minutes"].sum())
    skill = found.chosen.map(people.set_index("rep_id")["skill"])
    assert (skill >= chosen["skill"]).all()
    again = allocate(options.sample(frac=1, random_state=0), people, channels=VISITS)
    pd.testing.assert_series_equal(found.chosen, again.chosen)


@pytest.mark.usefixtures("_by_prices")
def test_what_is_urgent_comes_first_by_prices_too(monkeypatch: pytest.MonkeyPatch) -> None:
    options, people = made_up(300, 6, 8, seed=5, minutes=60)
    options["urgent"] = np.random.default_rng(0).random(len(options)) < 0.05
    found = allocate(options, people)
    monkeypatch.undo()
    best = allocate(options, people)
    urgent = [int(options.loc[each.chosen.index, "urgent"].sum()) for each in (found, best)]
    assert urgent[0] >= 0.97 * urgent[1]
    assert urgent[1] < options["urgent"].sum()


@pytest.mark.usefixtures("_by_prices")
def test_equal_values_by_prices() -> None:
    options, people = made_up(300, 4, 6, seed=6)
    found = allocate(options.assign(value=100.0, urgent=False), people)
    assert found.gap < 0.05


def test_no_time_left_is_no_plan() -> None:
    options, people = made_up(400, 6, 8, seed=7)
    found = allocate(options, people.assign(minutes=0))
    assert found.chosen.empty
    assert found.gap == found.bound == 0
    assert set(found.unplaced) <= {"capacity", "nobody with the skill"}


def test_rank_counts_within_groups() -> None:
    cost = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    assert rank(np.array([0, 0, 0, 1, 1]), cost).tolist() == [2, 0, 1, 1, 0]


def test_the_solver_writes_nothing_between_results(capfd: pytest.CaptureFixture[str]) -> None:
    print("before")
    with _silenced():
        os.write(1, b"a line of the solver's own\n")
    print("after")
    assert capfd.readouterr().out == "before\nafter\n"
