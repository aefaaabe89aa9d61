"""The best plan of a problem: exactly where it is small, by prices where it is large."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from salesml.actions.assignment.pricing import priced
from salesml.actions.assignment.problem import Plan, Problem
from salesml.actions.assignment.program import exact
from salesml.actions.assignment.rounding import rounded

__all__ = ["best_plan"]

_SMALL = 8000  # options and pairs that are decided exactly


def best_plan(problem: Problem) -> Plan:
    """Return the plan that does most of what is urgent, and of those the one of most value.

    In a large problem what is urgent is planned by itself, and the rest with what that leaves.
    """
    if not len(problem):
        return Plan.nothing(problem)
    if len(problem) + len(problem.pair_kind) <= _SMALL:
        return exact(problem)
    if problem.urgent.any():
        return _urgent_first(problem)
    return rounded(problem, priced(problem))


def _urgent_first(problem: Problem) -> Plan:
    urgent = np.flatnonzero(problem.urgent)
    first = _most_urgent(problem.take(urgent))
    chosen = urgent[first.chosen]
    rest = np.flatnonzero(~np.isin(problem.entity, problem.entity[chosen]))
    left = problem.without(first.counts).take(rest)
    second = best_plan(replace(left, urgent=np.zeros_like(left.urgent)))
    return Plan(
        np.sort(np.append(chosen, rest[second.chosen])),
        first.counts + second.counts,
        float(problem.value[chosen].sum()) + second.bound,
    )


def _most_urgent(problem: Problem) -> Plan:
    """The plan of *problem*, all of it urgent: if large, any of it counts more than its value."""
    if len(problem) + len(problem.pair_kind) <= _SMALL:
        return exact(problem)
    lifted = problem.value + 2 * float(np.abs(problem.value).max()) + 1
    return best_plan(replace(problem, value=lifted, urgent=np.zeros_like(problem.urgent)))
