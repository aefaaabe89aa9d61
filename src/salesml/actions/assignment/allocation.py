"""Who does what tonight: the plan that is worth most within what everybody can do."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesml.actions.assignment.fairness import shared_fairly
from salesml.actions.assignment.inputs import Channels, Given, given_of
from salesml.actions.assignment.kinds import CAPACITY, CHANNEL, NOBODY
from salesml.actions.assignment.planning import best_plan
from salesml.actions.assignment.problem import Problem
from salesml.training.table import Ints

__all__ = ["Allocation", "allocate"]

_NOISE = 1e-9  # share of a sum that is rounding


@dataclass(frozen=True)
class Allocation:
    """Which options are done by whom.

    Parameters
    ----------
    chosen : ``rep_id`` of the person who does it, by the index of the option in the frame given.
    value : the sum of the values of what is chosen.
    bound : what no plan can exceed that does as much that is urgent.
    gap : the share of the bound that the plan may fall short of the best one; 0 where it is best.
    loads : ``rep_id, minutes, of, actions`` of each person: taken, left for this plan, how many.
    unplaced : why, by the index of the best option of each entity that gets nothing although
        something would be worth doing: ``capacity``, ``channel`` or ``nobody with the skill``.
    seconds : how long it took.
    """

    chosen: pd.Series
    value: float
    bound: float
    gap: float
    loads: pd.DataFrame
    unplaced: pd.Series
    seconds: float


def allocate(
    options: pd.DataFrame, people: pd.DataFrame, *, channels: Channels | None = None
) -> Allocation:
    """Choose at most one option for each entity, and who does it, so that the most value is made.

    As many urgent ones as can be done come first; an option that is not urgent is done only if its
    value is above 0. The owner does it who has the action's role and skill; else anybody who has
    them. Of plans equally good, people who can do the same work share it by their minutes. Small
    problems are solved exactly, large ones within ``gap``; the same rows give the same plan.

    Parameters
    ----------
    options : one row an allowed action of an entity: ``entity``, ``action``, ``value`` (money, net
        of what it costs), ``minutes``, ``channel``, ``role``, ``skill`` (least one needed),
        ``owner_id`` (may be missing), ``urgent``.
    people : ``rep_id``, ``role``, ``skill``, ``minutes`` (left for this plan); who has left is not
        among them.
    channels : most actions of a person by a channel, for everybody or by ``rep_id``.

    Raises
    ------
    ModelError
        If columns, ids or numbers are missing or impossible, or anything stands twice.
    """
    started = time.perf_counter()
    given = given_of(options, people, channels or {})
    plan = best_plan(given.problem)
    counts = shared_fairly(given.problem, plan.counts)
    value = float(given.problem.value[plan.chosen].sum())
    bound = plan.bound if plan.bound - value > _NOISE * abs(value) else value
    doers = given.people["rep_id"].to_numpy()[_doers(given.problem, plan.chosen, counts)]
    return Allocation(
        chosen=pd.Series(doers, options.index[given.rows[plan.chosen]], name="rep_id"),
        value=value,
        bound=bound,
        gap=(bound - value) / max(abs(bound), abs(value), 1e-300),
        loads=_loads(given, counts),
        unplaced=_unplaced(given, options, plan.chosen, counts),
        seconds=time.perf_counter() - started,
    )


def _doers(problem: Problem, chosen: Ints, counts: Ints) -> Ints:
    """Who does each of *chosen*: those of a kind are dealt out in their order."""
    order = np.argsort(problem.kind[chosen], kind="stable")
    doers = np.empty(len(chosen), dtype=np.int64)
    doers[order] = np.repeat(problem.pair_person, counts)
    return doers


def _loads(given: Given, counts: Ints) -> pd.DataFrame:
    minutes, often = given.problem.used(counts)
    return pd.DataFrame(
        {
            "rep_id": given.people["rep_id"],
            "minutes": minutes,
            "of": given.problem.capacity,
            "actions": often.sum(axis=1).astype(np.int64),
        }
    )


def _unplaced(given: Given, options: pd.DataFrame, chosen: Ints, counts: Ints) -> pd.Series:
    """Why each entity that gets nothing does not get its best option, of those somebody may do."""
    rows = np.append(given.rows, given.refused_rows)
    table = pd.DataFrame(
        {
            "row": rows,
            "why": np.append(_reasons(given.problem, counts), given.refused),
            "entity": given.entity[rows],
            "urgent": options["urgent"].to_numpy(np.bool_)[rows],
            "value": options["value"].to_numpy(np.float64)[rows],
        }
    )
    table = table[~table["entity"].isin(given.problem.entity[chosen])]
    table = table.assign(possible=table["why"] != NOBODY)
    best = table.sort_values(["possible", "urgent", "value"], ascending=False, kind="stable")
    best = best.drop_duplicates("entity").sort_values("entity")
    return pd.Series(best["why"].to_numpy(object), options.index[best["row"]], name="why")


def _reasons(problem: Problem, counts: Ints) -> npt.NDArray[np.object_]:
    """What keeps each option from being done: time, or the channel of all who have time for it."""
    used, _ = problem.used(counts)
    person = problem.pair_person
    time_left = problem.capacity[person] - used[person] >= problem.pair_minutes - 1e-6
    by_kind = np.zeros(len(problem.minutes), dtype=np.bool_)
    by_kind[problem.pair_kind[time_left]] = True
    return np.where(by_kind[problem.kind], CHANNEL, CAPACITY).astype(object)
