"""The integer program of a problem, and its relaxation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array, csr_array, vstack

from salesml.actions.assignment.highs import Rows, relaxation, whole
from salesml.actions.assignment.problem import Plan, Prices, Problem
from salesml.training.table import Floats, Ints

__all__ = ["exact", "relaxed"]


def exact(problem: Problem, *, nodes: int = 500, gap: float = 0.0) -> Plan:
    """Return the best plan: most urgent options, and of those plans the one of most value.

    *gap* is the share of the value by which it may fall short; nor is it sure to be the best one
    if that takes more than *nodes* of branch and bound.
    """
    rows = _rows(problem)
    if not problem.urgent.any():
        return _solved(problem, problem.value, rows, nodes, gap)
    first = _solved(problem, problem.urgent.astype(np.float64), rows, nodes, 0.0)
    most = int(problem.urgent[first.chosen].sum())
    urgent = np.zeros(len(problem) + len(problem.pair_kind))
    urgent[: len(problem)] = problem.urgent
    best = _solved(problem, problem.value, rows.and_at_least(urgent, most), nodes, gap)
    enough = int(problem.urgent[best.chosen].sum()) >= most
    return best if enough else replace(first, bound=best.bound)


def _solved(problem: Problem, worth: Floats, rows: Rows, nodes: int, gap: float) -> Plan:
    """The plan for which the sum of *worth* is most."""
    worth, scale = _scaled(problem, worth)
    found = whole(worth, _most(problem), rows, nodes=nodes, gap=gap)
    bound = -float(found.mip_dual_bound) * scale
    if found.x is None:
        return Plan.nothing(problem, bound)
    numbers = np.rint(found.x).astype(np.int64)
    return Plan(np.flatnonzero(numbers[: len(problem)]), numbers[len(problem) :], bound)


def relaxed(problem: Problem) -> tuple[Floats, Floats, Prices]:
    """Return the share of each option that is done and the amount of each pair, and the prices.

    That is the best plan if everything could be done in parts.
    """
    worth, scale = _scaled(problem, problem.value)
    rows = _rows(problem)
    parts, duals = relaxation(worth, _most(problem), rows)
    told = np.isfinite(problem.limits)
    ends = len(duals) - told.sum() - len(problem.capacity), len(duals) - told.sum()
    action = np.zeros(problem.limits.shape)
    action[told] = duals[ends[1] :]
    prices = Prices(np.maximum(duals[ends[0] : ends[1]], 0) * scale, np.maximum(action, 0) * scale)
    return parts[: len(problem)], parts[len(problem) :], prices


def _scaled(problem: Problem, worth: Floats) -> tuple[Floats, float]:
    """The worth of options and pairs in numbers of about 1, and what 1 stands for."""
    scale = float(np.abs(worth).max(initial=0)) or 1.0
    return np.append(worth / scale, np.zeros(len(problem.pair_kind))), scale


def _most(problem: Problem) -> Floats:
    """Most of each option, and of each pair: as many as there are options of its kind."""
    options = np.bincount(problem.kind, minlength=len(problem.minutes))
    return np.append(np.ones(len(problem)), options[problem.pair_kind])


def _rows(problem: Problem) -> Rows:
    """What a plan keeps to, for options and counts of pairs.

    One option an entity; of each kind as many done as chosen; then everybody's minutes, and last
    everybody's channels, those that are limited.
    """
    p, n = problem, len(problem)
    pairs, width = np.arange(len(p.pair_kind)) + n, n + len(p.pair_kind)
    entity, several = p.rivals
    once = _matrix(entity, np.flatnonzero(several), np.ones(len(entity)), width)
    signs = np.repeat([1.0, -1.0], [n, len(pairs)])
    done = _matrix(np.append(p.kind, p.pair_kind), np.arange(width), signs, width, len(p.minutes))
    minutes = _matrix(p.pair_person, pairs, p.pair_minutes, width, len(p.capacity))
    told = np.isfinite(p.limits)
    place = np.cumsum(told.ravel()).reshape(told.shape) - 1
    limited = told[p.pair_person, p.pair_channel]
    row = place[p.pair_person, p.pair_channel][limited]
    often = _matrix(row, pairs[limited], np.ones(len(row)), width, int(told.sum()))
    high = [np.ones(once.shape[0]), np.zeros(len(p.minutes)), p.capacity, p.limits[told]]
    low = [np.full(len(part), -np.inf) for part in high]
    low[1][:] = 0
    return Rows(
        vstack([once, done, minutes, often], format="csr"),
        np.concatenate(low),
        np.concatenate(high),
    )


def _matrix(
    rows: Ints, columns: Ints, values: Floats, width: int, height: int | None = None
) -> csr_array:
    height = int(rows.max(initial=-1)) + 1 if height is None else height
    return coo_array((values, (rows, columns)), shape=(height, width)).tocsr()
