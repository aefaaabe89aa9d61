"""The trial of actions, results, tasks and people of the sample: they and their truth hold."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from salesml.sample import make_sample
from salesml.sample.world import make_world

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def world() -> tuple[Tables, Tables]:
    crm, truth, _ = make_world(150, seed=0)
    return crm, truth


def trials_and_truth(world: tuple[Tables, Tables]) -> pd.DataFrame:
    """Return a row a trial: what was done, what came, and the truth under the action taken."""
    crm, truth = world
    each = truth["actions"].rename(columns={"probability": "truth"})
    came = truth["conversion"][["lead_id", "converted", "source"]]
    rows = crm["action_trials"].merge(each, on=["entity", "entity_id", "action"])
    return rows.merge(came, left_on="entity_id", right_on="lead_id", validate="1:1")


def test_each_new_lead_since_july_2024_has_one_action(world: tuple[Tables, Tables]) -> None:
    crm, truth = world
    leads, trials = crm["leads"], crm["action_trials"]
    new = leads[(leads["created_at"] >= "2024-07-01") & (leads["created_at"] < "2026-06-30")]
    assert set(trials["entity_id"]) == set(new["lead_id"])
    assert trials["entity_id"].is_unique
    assert set(truth["actions"]["entity_id"]) == set(new["lead_id"])


def test_an_action_comes_after_its_lead_and_before_what_came_of_it(
    world: tuple[Tables, Tables],
) -> None:
    crm, _ = world
    rows = crm["action_trials"].merge(crm["leads"], left_on="entity_id", right_on="lead_id")
    assert (rows["decided_on"] > rows["created_at"]).all()
    assert (rows["logged_at"] >= rows["decided_on"]).all()
    converted = rows[rows["converted_at"].notna()]
    assert (converted["converted_at"] >= converted["decided_on"]).all()


def test_the_mean_over_the_chances_is_the_truth_of_before(world: tuple[Tables, Tables]) -> None:
    _, truth = world
    asked = truth["conversion"].set_index("lead_id")["source"]
    wide = truth["actions"].pivot(index="entity_id", columns="action", values="probability")
    warm = asked[wide.index].isin(["Web問い合わせ", "資料請求", "紹介"])
    chances = {"none": (0.25, 0.35), "first_call": (0.45, 0.25), "webinar_invitation": (0.30, 0.40)}
    mean = sum(wide[name] * np.where(warm, *each) for name, each in chances.items())
    known = truth["conversion"].set_index("lead_id")["probability"]
    np.testing.assert_allclose(mean, known[wide.index], atol=1e-9)


def test_actions_are_given_by_their_chances(world: tuple[Tables, Tables]) -> None:
    rows = trials_and_truth(world)
    warm = rows["source"].isin(["Web問い合わせ", "資料請求", "紹介"])
    for mine in (warm, ~warm):
        for _, group in rows[mine].groupby("action"):
            chance = group["probability"].iloc[0]
            assert (group["probability"] == chance).all()
            spread = np.sqrt(chance * (1 - chance) / mine.sum())
            assert abs(len(group) / mine.sum() - chance) < 4 * spread


def test_what_came_agrees_with_the_truth_of_the_action(world: tuple[Tables, Tables]) -> None:
    rows = trials_and_truth(world)
    rows["tenth"] = pd.qcut(rows["truth"], 5, labels=False)
    for _, group in rows.groupby(["action", "tenth"]):
        spread = np.sqrt((group["truth"] * (1 - group["truth"])).sum()) / len(group)
        assert abs(group["converted"].mean() - group["truth"].mean()) < 4 * spread + 0.005


def test_who_converted_does_not_depend_on_the_trial_otherwise(
    world: tuple[Tables, Tables],
) -> None:
    """Weighted by the chances, leads of all actions are alike."""
    rows = trials_and_truth(world)
    weight = 1 / rows["probability"]
    for name in rows["action"].unique():
        mine = rows["action"] == name
        share = (weight * mine * (rows["source"] == "紹介")).sum() / (weight * mine).sum()
        assert abs(share - (rows["source"] == "紹介").mean()) < 0.04


def test_results_follow_the_mood(world: tuple[Tables, Tables]) -> None:
    """Those about to leave reach less: fewer apply, and fewer of them become opportunities."""
    crm, truth = world
    rows = crm["pipeline_results"].merge(truth["churn"], on=["account_id", "month"])
    assert (rows["attended"] <= rows["applied"]).all()
    assert (rows["opportunities"] <= rows["attended"]).all()
    risky = rows["probability_90d"] > rows["probability_90d"].quantile(0.9)
    share = rows.groupby(risky)[["opportunities", "applied"]].sum()
    rate = share["opportunities"] / share["applied"]
    assert rate[True] < 0.75 * rate[False]
    assert not rows.duplicated(["account_id", "month"]).any()


def test_results_are_loaded_after_their_month(world: tuple[Tables, Tables]) -> None:
    rows = world[0]["pipeline_results"]
    later = rows["loaded_at"] - rows["month"]
    assert later.min() >= pd.Timedelta(days=28)
    assert later.max() <= pd.Timedelta(days=36)


def test_one_rep_of_two_roles_left_and_managers_manage(world: tuple[Tables, Tables]) -> None:
    crm, _ = world
    reps = crm["sales_reps"].set_index("rep_id")
    left = reps[reps["left_on"].notna()]
    assert sorted(left["role"]) == ["CS", "IS"]
    assert left["left_on"].dt.year.eq(2026).all()
    heads = reps[reps["manager_id"].isna()]
    assert sorted(heads["role"]) == ["CS", "FS", "IS", "route"]
    assert heads["left_on"].isna().all()
    managed = reps[reps["manager_id"].notna()]
    assert (reps.loc[managed["manager_id"], "role"].to_numpy() == managed["role"]).all()
    assert crm["accounts"]["owner_id"].isin(left.index).any()


def test_past_tasks_are_told_to_their_end(world: tuple[Tables, Tables]) -> None:
    tasks = world[0]["action_tasks"]
    assert tasks["action_id"].is_unique
    done = tasks["status"] == "done"
    assert done.any()
    assert tasks.loc[done, ["done_on", "done_by", "result"]].notna().all(axis=None)
    assert tasks.loc[~done, ["done_on", "done_by", "result"]].isna().all(axis=None)
    assert (tasks.loc[done, "done_on"] >= tasks.loc[done, "created_at"].dt.floor("D")).all()
    assert tasks["updated_at"].max() <= pd.Timestamp("2026-06-30 23:59:59")


def test_some_trials_lost_their_probability(tmp_path: Path) -> None:
    with closing(sqlite3.connect(make_sample(tmp_path, accounts=20))) as db:
        found = db.execute("select count(*), count(probability) from action_trials").fetchone()
    assert 0 < found[1] < found[0]
