"""The estimator: what it claims, what it refuses, and what must not matter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import salesml
from salesml import NextActionModel
from salesml.errors import LabelError, ModelError
from salesml.training.inputs import NotLearntError

ROOT = Path(__file__).parents[2]
DATA = ROOT / os.environ.get("SALESML_DATA", "../shared/data")
NAMES = np.array(["none", "call", "mail"])


class Trial(NamedTuple):
    X: pd.DataFrame
    action: np.ndarray
    outcome: np.ndarray
    effect: np.ndarray


def trial(rows: int = 300, strength: float = 0.0, average: float = 0.0, seed: int = 0) -> Trial:
    """Calls help where usage is high, mails where it is low; the outcome is an amount."""
    rng = np.random.default_rng(seed)
    usage = rng.normal(size=rows)
    X = pd.DataFrame(
        {
            "usage": np.where(rng.random(rows) < 0.1, np.nan, usage),
            "noise": rng.normal(size=rows),
            "segment": rng.choice(["S", "A", "B"], rows),
        },
        index=[f"c{number}" for number in range(rows)],
    )
    effect = np.column_stack([np.zeros(rows), strength * usage, -strength * usage])
    effect[:, 1:] += average
    arm = rng.integers(0, 3, rows)
    outcome = 0.5 * (X.segment == "S") + effect[np.arange(rows), arm] + rng.normal(size=rows)
    return Trial(X, NAMES[arm], outcome.to_numpy(), effect)


def fitted(data: Trial, cost: Any = None, **more: Any) -> NextActionModel:
    return NextActionModel().fit(data.X, data.action, data.outcome, 1 / 3, cost, **more)


@pytest.fixture(autouse=True, scope="module")
def _few_repeats() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salesml.actions.effect.referee.REPEATS", ((np.inf, 1),))
        patch.setattr("salesml.actions.effect.curves.RESAMPLES", 20)
        yield


@pytest.fixture(scope="module")
def strong() -> Trial:
    return trial(strength=1.5)


@pytest.fixture(scope="module")
def model(strong: Trial) -> NextActionModel:
    return fitted(strong)


def test_it_is_public() -> None:
    assert salesml.NextActionModel is NextActionModel
    assert "NextActionModel" in salesml.__all__
    assert clone(NextActionModel(control="x", random_state=3)).get_params() == {
        "control": "x",
        "random_state": 3,
    }


def test_strong_effects_are_used(model: NextActionModel) -> None:
    new = trial(500, strength=1.5, seed=1)
    taken = [list(NAMES).index(each) for each in model.recommend(new.X).action]
    value = new.effect[np.arange(500), taken].mean()
    best = new.effect.max(axis=1).mean()
    assert model.targets_
    assert model.gain_.low > 0
    assert value > 0.8 * best
    assert "Targeting beats one action for all" in model.verdict_.en
    assert "選び分けが全員一律を上回ります" in model.verdict_.ja


def test_effects_have_intervals_that_hold_the_truth(model: NextActionModel, strong: Trial) -> None:
    told = model.effects(strong.X)
    assert told.index.equals(strong.X.index)
    held = [
        (told[name]["low"] <= strong.effect[:, k]) & (strong.effect[:, k] <= told[name]["high"])
        for k, name in enumerate(NAMES)
        if k
    ]
    assert np.mean(held) > 0.9
    average = model.average_effects_
    truth = strong.effect.mean(axis=0)[1:]
    assert ((average.low <= truth) & (truth <= average.high)).all()


def test_the_recommended_effect_is_the_chosen_actions(
    model: NextActionModel, strong: Trial
) -> None:
    plan, told = model.recommend(strong.X), model.effects(strong.X)
    for name, row in plan.iloc[:40].iterrows():
        if row.action == "none":
            assert row[["effect", "low", "high"]].tolist() == [0, 0, 0]
        else:
            assert row.effect == pytest.approx(told.loc[name, (row.action, "effect")])
    assert (plan.probability == 1).all()


def test_without_effects_nothing_is_claimed() -> None:
    claims = [fitted(trial(seed=seed)).targets_ for seed in range(4)]
    assert not any(claims)


def test_where_actions_cost_doing_nothing_is_the_rule() -> None:
    data = trial(seed=5)
    model = fitted(data, cost=0.2)
    assert model.single_ == "none"
    assert (model.recommend(data.X).action == "none").all()
    assert "not proven better than 'none'" in model.verdict_.en
    assert "費用差引後" in model.verdict_.ja


def test_one_action_for_all_where_all_are_alike() -> None:
    data = trial(average=1.0, seed=2)
    model = fitted(data, cost={"call": 0.0, "mail": 0.5})
    assert not model.targets_
    assert model.single_ == "call"
    assert (model.recommend(data.X).action == "call").all()
    assert model.average_effects_.loc["mail", "cost"] == 0.5
    few = model.recommend(data.X, capacity={"call": 10})
    assert (few.action == "call").sum() == 10
    assert (few.action == "mail").sum() == 290  # proven to be worth its cost, too


def test_capacity_takes_the_highest_effects(model: NextActionModel, strong: Trial) -> None:
    plan = model.recommend(strong.X, capacity={"call": 20})
    free = model.recommend(strong.X)
    callers = plan.index[plan.action == "call"]
    assert len(callers) == 20
    wished = free[free.action == "call"].effect
    assert wished[callers].min() >= wished.drop(callers).max()
    nobody = model.recommend(strong.X, capacity=0)
    assert (nobody.action == "none").all()


def test_exploration_tells_its_probabilities(model: NextActionModel, strong: Trial) -> None:
    plan = model.recommend(strong.X)
    tried = model.recommend(strong.X, explore=0.3)
    same = tried.action == plan.action
    assert tried.probability[same].to_numpy() == pytest.approx(0.8)
    assert tried.probability[~same].to_numpy() == pytest.approx(0.1)
    assert 0.1 < (~same).mean() < 0.3
    half = model.recommend(strong.X.iloc[::2], explore=0.3)
    assert half.action.equals(tried.action[half.index])
    own = model.recommend(strong.X, explore=0.3, ids=strong.X.index.to_numpy())
    assert own.equals(tried)


def test_the_order_of_rows_does_not_matter(model: NextActionModel, strong: Trial) -> None:
    order = np.random.default_rng(0).permutation(len(strong.X))
    moved = Trial(strong.X.iloc[order], strong.action[order], strong.outcome[order], strong.effect)
    other = fitted(moved)
    assert other.gain_ == model.gain_
    assert other.effects(strong.X).equals(model.effects(strong.X))


def test_the_names_of_actions_do_not_matter(model: NextActionModel, strong: Trial) -> None:
    renamed = np.where(strong.action == "call", "z", np.where(strong.action == "mail", "a", "none"))
    other = fitted(strong._replace(action=renamed))
    assert other.actions_ == ["none", "a", "z"]
    assert other.gain_ == pytest.approx(model.gain_)
    ours, theirs = model.effects(strong.X), other.effects(strong.X)
    assert theirs["z"].to_numpy() == pytest.approx(ours["call"].to_numpy())


def test_evaluation_on_other_rows(model: NextActionModel) -> None:
    new = trial(600, strength=1.5, seed=3)
    found = model.evaluate(new.X, new.action, new.outcome, np.full(600, 1 / 3))
    taken = [list(NAMES).index(each) for each in model.recommend(new.X).action]
    truth = 0.5 * (new.X.segment == "S").mean() + new.effect[np.arange(600), taken].mean()
    assert found.value.low < truth < found.value.high
    assert found.gains.loc["best single action", "low"] > 0
    assert found.values.loc["logged", "value"] == pytest.approx(new.outcome.mean())
    assert {"policy", "best single action", "all: none", "all: call", "all: mail", "logged"} == set(
        found.values.index
    )
    row = found.values.loc["policy"]
    assert row.snips == pytest.approx(row.value, abs=0.3)
    assert found.uplift.loc["call", "qini_low"] > 0
    assert found.curves["call"]["share"].iloc[-1] == 1
    assert found.overlap["rows"].sum() == 600
    assert "is confirmed" in found.verdict.en
    assert not found.warnings


def test_evaluation_takes_costs_off_and_estimates_propensities() -> None:
    data, new = trial(average=1.0, seed=2), trial(average=1.0, seed=6)
    model = fitted(data, cost=0.25)
    found = model.evaluate(new.X, new.action, new.outcome)
    net = new.outcome - 0.25 * (new.action != "none")
    assert found.values.loc["logged", "value"] == pytest.approx(net.mean())
    assert found.values.loc["policy", "value"] == found.values.loc["best single action", "value"]
    assert "adds nothing" in found.verdict.en


def test_propensities_are_estimated_where_not_logged() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=900)
    called = rng.random(900) < 1 / (1 + np.exp(-x))
    outcome = x + 0.5 * called + rng.normal(size=900)
    model = NextActionModel().fit(pd.DataFrame({"x": x}), np.where(called, "call", "none"), outcome)
    naive = outcome[called].mean() - outcome[~called].mean()
    own = model.average_effects_.loc["call"]
    assert naive > 1.0
    assert own.low < 0.5 < own.high < naive
    assert model.overlap_.loc["call", "lowest"] < 0.3


def test_little_overlap_is_told() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=600)
    chance = np.clip(1 / (1 + np.exp(-5 * x)), 0.001, 0.999)
    called = rng.random(600) < chance
    model = NextActionModel().fit(
        pd.DataFrame({"x": x}),
        np.where(called, "call", "none"),
        rng.normal(size=600),
        np.where(called, chance, 1 - chance),
    )
    assert any("Hardly any rows are alike" in each for each in model.warnings_)


def test_one_propensity_that_is_hardly_possible_is_told(strong: Trial) -> None:
    given = np.full(len(strong.X), 1 / 3)
    given[np.flatnonzero(strong.action == "call")[0]] = 1e-7
    model = NextActionModel().fit(strong.X, strong.action, strong.outcome, given)
    assert (
        sum("'call' was taken in spite of a propensity of 1e-07" in w for w in model.warnings_) == 1
    )


def test_propensities_that_cannot_be_are_told(strong: Trial) -> None:
    wrong = np.full(len(strong.X), 0.9)
    model = NextActionModel().fit(strong.X, strong.action, strong.outcome, wrong)
    assert sum("do not fit how often" in each for each in model.warnings_) == 3


def test_actions_tried_too_rarely_are_left_out(strong: Trial) -> None:
    action = strong.action.astype(object)
    action[:3] = "visit"
    model = fitted(strong._replace(action=action), cost={"visit": 1, "calls": 2})
    assert model.actions_ == ["none", "call", "mail"]
    assert "'visit' was tried on 3 rows" in model.warnings_[1]
    assert model.warnings_[0].startswith("The action 'calls' was never tried; it is left out.")
    assert model.warnings_[0].endswith("Did you mean 'call'?")
    found = model.evaluate(strong.X, action, strong.outcome, np.full(300, 1 / 3))
    assert found.overlap["rows"].sum() == 297


@pytest.mark.parametrize("outcome", [np.zeros(300), np.arange(300) % 2 == 0, np.full(300, 1e9)])
def test_outcomes_that_say_nothing(strong: Trial, outcome: np.ndarray) -> None:
    model = fitted(strong._replace(outcome=outcome))
    assert not model.targets_
    assert np.isfinite(model.effects(strong.X).to_numpy()).all()


def test_columns_of_any_kind_and_wide_tables(strong: Trial) -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(300, 120)), index=strong.X.index).rename(columns=str)
    odd = pd.DataFrame(
        {"since": pd.date_range("2025-01-01", periods=300), "empty": np.nan, "same": 1},
        index=strong.X.index,
    )
    data = strong._replace(X=pd.concat([strong.X, wide, odd], axis=1))
    assert np.isfinite(fitted(data).effects(data.X).to_numpy()).all()


def test_rows_of_one_entity_widen_the_intervals(strong: Trial) -> None:
    twice = np.repeat(np.arange(300), 2)
    data = Trial(*(each.iloc[twice] if hasattr(each, "iloc") else each[twice] for each in strong))
    alone = fitted(data).average_effects_
    grouped = fitted(data, groups=twice).average_effects_
    width = (grouped.high - grouped.low) / (alone.high - alone.low)
    assert width.min() > 1.2


def test_what_cannot_be_learnt_from(strong: Trial) -> None:
    model, (X, action, outcome, _) = NextActionModel(), strong
    with pytest.raises(LabelError, match="each tried on 20 rows"):
        model.fit(X, np.full(300, "none"), outcome)
    with pytest.raises(LabelError, match="No row has the control 'nome'") as caught:
        NextActionModel(control="nome").fit(X, action, outcome)
    assert "Did you mean 'none'?" in str(caught.value)
    with pytest.raises(LabelError, match="outcome is missing"):
        model.fit(X, action, np.append(outcome[:-1], np.nan))
    with pytest.raises(LabelError, match="action is missing"):
        model.fit(X, [None, *action[1:]], outcome)
    with pytest.raises(LabelError, match="There are no rows"):
        model.fit(X.iloc[:0], [], [])
    with pytest.raises(ModelError, match="above 0 and at most 1"):
        model.fit(X, action, outcome, np.zeros(300))
    with pytest.raises(ModelError, match="different numbers of rows"):
        model.fit(X, action[:-1], outcome)
    with pytest.raises(ModelError, match="Costs cannot be used") as wrong:
        model.fit(X, action, outcome, cost={"cal": 1.0, "mail": -1.0})
    assert "mail: -1.0" in str(wrong.value)
    with pytest.raises(ModelError, match="seed"):
        NextActionModel(random_state=-1).fit(X, action, outcome)


def test_it_must_learn_before_it_answers(model: NextActionModel, strong: Trial) -> None:
    with pytest.raises(NotLearntError):
        NextActionModel().recommend(strong.X)
    with pytest.raises(ModelError, match="columns are missing"):
        model.effects(strong.X[["usage"]])


def test_a_real_mailing_is_not_oversold() -> None:
    file = DATA / "hillstrom_email/hillstrom.csv.gz"
    if not file.exists():
        pytest.skip(f"no real data: {file} is absent (set SALESML_DATA)")
    table = pd.read_csv(file)
    part = table.sample(6000, random_state=0)
    X = part.drop(columns=["segment", "visit", "conversion", "spend"])
    model = NextActionModel(control="No E-Mail").fit(X, part.segment, part.visit)
    own = model.average_effects_
    seen = part.groupby("segment").visit.mean()
    assert (own.effect - (seen - seen["No E-Mail"])).abs().max() < 0.003
    assert (own.high - own.low).max() < 0.045  # no wider than that of the two means
    assert model.single_ == "Mens E-Mail"
    assert not model.targets_
    assert model.overlap_["effective_share"].min() > 0.95
