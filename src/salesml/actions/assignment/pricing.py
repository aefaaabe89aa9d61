"""Prices of large problems: those of a sample, then of the options that matter at them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from salesml.actions.assignment.bounds import bound_in_parts
from salesml.actions.assignment.problem import Prices, Problem, rank
from salesml.actions.assignment.program import relaxed
from salesml.training.table import Bools, Floats

__all__ = ["Relaxed", "priced"]

_SAMPLE, _CORE = 40_000, 30_000  # options that are priced at first, and added at a time
_ROUNDS = 6
_APART = 1e-4
_CLOSE = 1e-6  # share of the bound to which prices are right


@dataclass(frozen=True)
class Relaxed:
    """The best plan if everything could be done in parts, shapes (n,) and (P,), and its prices."""

    parts: Floats
    amounts: Floats
    prices: Prices


def priced(problem: Problem) -> Relaxed:
    """Return the best plan in parts, or one very near to it.

    Options far from worth their price are left out and looked at again: those that would be done at
    the prices found come in, until none is missing.
    """
    apart = replace(problem, value=_set_apart(problem.value))
    prices = _of_sample(apart)
    core = _first(apart, _slack(apart, prices))
    best, found = np.inf, Relaxed(np.zeros(0), np.zeros(0), prices)
    for _ in range(_ROUNDS):
        part = apart.take(core)
        shares, amounts, prices = relaxed(part)
        parts = np.zeros(len(problem))
        parts[core] = shares
        bound = bound_in_parts(apart, prices)
        if bound < best:
            best, found = bound, Relaxed(parts, amounts, prices)
        if bound - part.value @ shares <= _CLOSE * bound:
            break
        core |= _missing(apart, prices, core)
    return found


def _set_apart(value: Floats) -> Floats:
    """*value* with ties told apart by a share too small to matter: they take long to solve."""
    golden = (np.sqrt(5) - 1) / 2
    return np.asarray(value * (1 + _APART * (np.arange(len(value)) * golden % 1)))


def _of_sample(problem: Problem) -> Prices:
    """Prices if there were only some of the entities, and as much less to do them with."""
    every = -(-len(problem) // _SAMPLE)
    part = problem.take(problem.place % every == 0)
    fewer = replace(part, capacity=part.capacity / every, limits=part.limits / every)
    return relaxed(fewer)[2]


def _slack(problem: Problem, prices: Prices) -> Floats:
    """How much each option lacks to be the one of its entity, 0 for that one."""
    margins = prices.margins(problem)
    gains = np.maximum(np.maximum.reduceat(margins, problem.first_option), 0)
    return np.asarray(gains[problem.place] - margins)


def _first(problem: Problem, cost: Floats) -> Bools:
    """Options of the least *cost*: of all, and of each kind as many as people could do of it."""
    least = np.ones(len(cost), dtype=np.bool_)
    if len(cost) > _CORE:
        least = cost <= np.partition(cost, _CORE)[_CORE]
    return np.asarray(least | (rank(problem.kind, cost) < _places(problem)[problem.kind]))


def _places(problem: Problem) -> Floats:
    """How many of each kind people could do, if nothing else; fewer if that is too many in all."""
    minutes, channel = np.maximum(problem.pair_minutes, 1), problem.pair_channel
    people = problem.pair_person
    often = np.minimum(problem.capacity[people] / minutes, problem.limits[people, channel])
    places = np.bincount(problem.pair_kind, often, len(problem.minutes))
    return np.asarray(places * min(1, _CORE / max(places.sum(), 1)))


def _missing(problem: Problem, prices: Prices, core: Bools) -> Bools:
    """Options outside of *core* that are better for their entity than those in it."""
    margins = prices.margins(problem)
    inside = np.maximum.reduceat(np.where(core, margins, 0), problem.first_option)
    excess = np.where(core, 0, margins - np.maximum(inside, 0)[problem.place])
    return (excess > 0) & _first(problem, -excess)
