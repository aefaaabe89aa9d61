"""Work that several could do is shared so that nobody carries more of it than need be."""

from __future__ import annotations

import numpy as np

from salesml.actions.assignment.problem import Problem
from salesml.training.table import Floats, Ints

__all__ = ["shared_fairly"]

_LEAST = 1e-9  # share of what somebody is relieved of that a move must gain


def shared_fairly(problem: Problem, counts: Ints) -> Ints:
    """Return *counts*, shape (P,), after all moves from one person to another that even loads out.

    A load is the share of somebody's minutes that is taken. Work moves where that lessens the sum
    of squared loads, weighted by minutes, the greatest gain first; limits are kept.
    """
    counts = counts.copy()
    movable = _movable(problem, counts)
    while movable.size and _move(problem, counts, movable):
        pass
    return counts


def _movable(problem: Problem, counts: Ints) -> Ints:
    """Pairs of kinds that are done, take time, and that several people could do."""
    kinds = len(problem.minutes)
    several = np.bincount(problem.pair_kind, minlength=kinds) > 1
    done = np.bincount(problem.pair_kind, counts, kinds) > 0
    return np.flatnonzero((several & done & (problem.minutes > 0))[problem.pair_kind])


def _move(problem: Problem, counts: Ints, movable: Ints) -> bool:
    """Move work of one kind from one person to another; False where that evens nothing out."""
    kind, person = problem.pair_kind[movable], problem.pair_person[movable]
    minutes, capacity = problem.pair_minutes[movable], problem.capacity[person]
    used, often = problem.used(counts)
    taken, room = used[person], _room(problem, movable, used, often)
    whole = np.maximum(capacity, 1e-9)
    relief = np.where(counts[movable] > 0, (2 * taken - minutes) * minutes / whole, -np.inf)
    burden = np.where(room > 0, (2 * taken + minutes) * minutes / whole, np.inf)
    giver, taker = _firsts(kind, -relief), _firsts(kind, burden)
    gains = relief[giver] - burden[taker]
    best = int(np.argmax(gains))
    a, b = giver[best], taker[best]
    if not gains[best] > _LEAST * relief[a]:
        return False
    even = (taken[a] / whole[a] - taken[b] / whole[b]) / (1 / whole[a] + 1 / whole[b])
    times = max(1, min(counts[movable[a]], room[b], int(even // minutes[a])))
    counts[movable[a]] -= times
    counts[movable[b]] += times
    return True


def _room(problem: Problem, pairs: Ints, used: Floats, often: Floats) -> Ints:
    """How many more actions each of *pairs* has room for."""
    person, channel = problem.pair_person[pairs], problem.pair_channel[pairs]
    by_time = (problem.capacity - used)[person] / problem.pair_minutes[pairs] + 1e-9
    by_channel = (problem.limits - often)[person, channel]
    least = np.minimum(np.minimum(by_time, by_channel), np.iinfo(np.int32).max)
    return np.asarray(np.floor(least), dtype=np.int64)


def _firsts(kind: Ints, cost: Floats) -> Ints:
    """Where the least *cost* of each kind stands; *kind* is sorted."""
    order = np.lexsort((cost, kind))
    return np.asarray(order[np.flatnonzero(np.diff(kind, prepend=-1))])
