"""A plan in parts made whole: most of it stays, and what is uncertain is decided exactly."""

from __future__ import annotations

import numpy as np

from salesml.actions.assignment.bounds import bound_of_whole
from salesml.actions.assignment.pricing import Relaxed
from salesml.actions.assignment.problem import Plan, Problem, rank
from salesml.actions.assignment.program import exact
from salesml.training.table import Bools, Ints

__all__ = ["rounded"]

_SURE = 1 - 1e-6
_UNSURE, _MOST_UNSURE = 2, 40  # options a pair that are decided anew, and at most a kind
_OPEN = 4000  # in all
_RIVALS = 4  # options of an entity that are looked at
_NODES, _GAP = 20, 1e-4


def rounded(problem: Problem, found: Relaxed) -> Plan:
    """Return a plan of whole actions near to *found*, and a bound on the value of every plan.

    What *found* does for sure stays, but for the least certain of each kind. These, the best of
    what it does not do, and what it does in part are decided by an integer program with the time
    that is left.
    """
    settled, counts = _settled(problem, found)
    open_to = _undecided(problem, found, settled)
    rest = exact(problem.without(counts).take(open_to), nodes=_NODES, gap=_GAP)
    chosen = np.sort(np.append(np.flatnonzero(settled), open_to[rest.chosen]))
    return Plan(chosen, counts + rest.counts, bound_of_whole(problem, found.prices))


def _settled(problem: Problem, found: Relaxed) -> tuple[Bools, Ints]:
    """Which options stay, and how many each pair does of them: whole parts of what it did."""
    margins = found.prices.margins(problem)
    sure = np.flatnonzero(found.parts > _SURE)
    stay = sure[
        rank(problem.kind[sure], margins[sure]) >= _open_places(problem)[problem.kind[sure]]
    ]
    often = np.bincount(problem.kind[stay], minlength=len(problem.minutes))
    counts = _at_most(problem, np.floor(found.amounts + 1e-6).astype(np.int64), often)
    often = np.bincount(problem.pair_kind, counts, len(problem.minutes)).astype(np.int64)
    stay = stay[rank(problem.kind[stay], -margins[stay]) < often[problem.kind[stay]]]
    settled = np.zeros(len(problem), dtype=np.bool_)
    settled[stay] = True
    return settled, counts


def _open_places(problem: Problem) -> Ints:
    """How many options of each kind are decided anew."""
    pairs = np.bincount(problem.pair_kind, minlength=len(problem.minutes))
    places = np.minimum(_UNSURE * pairs, _MOST_UNSURE)
    return np.asarray(places * _OPEN // max(_OPEN, int(places.sum())))


def _at_most(problem: Problem, counts: Ints, often: Ints) -> Ints:
    """*counts*, those of each kind cut to *often* in all."""
    before = np.cumsum(counts) - counts
    before -= before[problem.first_pair][problem.pair_kind]
    return np.clip(often[problem.pair_kind] - before, 0, counts)


def _undecided(problem: Problem, found: Relaxed, settled: Bools) -> Ints:
    """Options that may be done with what is left.

    They are the best of each entity that the plan in parts serves but is not settled, and of each
    kind the best ones of entities it does not serve.
    """
    margins = found.prices.margins(problem)
    entities = problem.place[-1] + 1
    done = np.zeros(entities, dtype=np.bool_)
    done[problem.place[settled]] = True
    served = np.zeros(entities, dtype=np.bool_)
    served[problem.place[found.parts > 1 - _SURE]] = True
    theirs = np.flatnonzero((served & ~done)[problem.place])
    theirs = theirs[rank(problem.place[theirs], -margins[theirs]) < _RIVALS]
    others = np.flatnonzero(~(served | done)[problem.place])
    places = rank(problem.kind[others], -margins[others])
    others = others[places < _open_places(problem)[problem.kind[others]]]
    return np.union1d(theirs, others)
