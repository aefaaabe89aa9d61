"""What no plan can exceed: told by prices, whatever these are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from salesml.actions.assignment.highs import Rows, whole
from salesml.actions.assignment.problem import Prices, Problem
from salesml.training.table import Floats

__all__ = ["bound_in_parts", "bound_of_whole"]

_NODES = 100


def bound_in_parts(problem: Problem, prices: Prices) -> float:
    """Return what no plan exceeds, even if actions could be done in parts.

    No entity gains more than the value of an option above its price, and nobody's minutes and
    channels earn more than their prices.
    """
    by_minutes = prices.minute @ problem.capacity
    by_channels = prices.action[prices.action > 0] @ problem.limits[prices.action > 0]
    return float(_gains(problem, prices) + by_minutes + by_channels)


def bound_of_whole(problem: Problem, prices: Prices) -> float:
    """Return what no plan exceeds: as `bound_in_parts`, but people earn by whole actions alone."""
    return _gains(problem, prices) + sum(_earnings(problem, prices))


def _gains(problem: Problem, prices: Prices) -> float:
    best = np.maximum.reduceat(prices.margins(problem), problem.first_option)
    return float(np.maximum(best, 0).sum())


def _earnings(problem: Problem, prices: Prices) -> Iterator[float]:
    """The most that each person can earn, a small integer program each."""
    of_pairs = prices.of_pairs(problem)
    order = np.argsort(problem.pair_person, kind="stable")
    people = np.arange(len(problem.capacity))
    for person, mine in enumerate(
        np.split(order, np.searchsorted(problem.pair_person[order], people[1:]))
    ):
        sorts = np.column_stack([problem.pair_minutes[mine], problem.pair_channel[mine]])
        sorts, first = np.unique(sorts, axis=0, return_index=True)
        yield _earning(problem, person, sorts, of_pairs[mine[first]])


def _earning(problem: Problem, person: int, sorts: Floats, prices: Floats) -> float:
    """The most that *person* earns by actions of *sorts* (minutes, channel) at *prices*."""
    if not prices.any():
        return 0.0
    minutes, channel = sorts.T
    limits = problem.limits[person]
    told = np.flatnonzero(np.isfinite(limits))
    matrix = np.vstack([minutes, *(channel == each for each in told)]).astype(np.float64)
    high = np.append(problem.capacity[person], limits[told])
    often = np.minimum(high[0] / np.maximum(minutes, 1e-9), limits[channel.astype(np.int64)])
    scale = float(prices.max())
    rows = Rows(matrix, np.full(len(high), -np.inf), high)
    found = whole(prices / scale, np.minimum(often + 1, len(problem)), rows, nodes=_NODES, gap=0.0)
    return -float(found.mip_dual_bound) * scale
