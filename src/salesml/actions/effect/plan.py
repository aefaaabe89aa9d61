"""Who gets which action: the best for each, within capacities, and a random share by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from salesml.errors import ModelError, suggest
from salesml.training.inputs import one_a_row
from salesml.training.table import Floats, Ints

__all__ = ["assign", "capacities_of", "explored", "plan", "share_of", "uniforms"]


def capacities_of(capacity: Any, arms: Sequence[Any], rows: int) -> Ints:
    """Return how many rows each of *arms* may have; the control is never limited.

    Raises
    ------
    ModelError
        If a capacity is no whole number of at least 0, or is of an action that is not known.
    """
    given = capacity if isinstance(capacity, Mapping) else dict.fromkeys(arms[1:], capacity)
    given = {name: value for name, value in given.items() if value is not None}
    strangers = [each for each in given if each not in arms[1:]]
    wrong = {n: v for n, v in given.items() if not (isinstance(v, Integral) and int(v) >= 0)}
    if strangers or wrong:
        hints = (f"{each}{suggest(str(each), map(str, arms[1:]))}" for each in strangers)
        raise ModelError(
            "Capacities cannot be used.",
            received=", ".join([*hints, *(f"{name}: {value!r}" for name, value in wrong.items())]),
            fix="give a whole number of rows for each of the actions "
            + ", ".join(map(str, arms[1:])),
        )
    return np.array([min(int(given.get(arm, rows)), rows) for arm in arms], dtype=np.int64)


def share_of(explore: Any) -> float:
    """Return the share of rows that get an action at random; ModelError unless 0 to 1."""
    if not (isinstance(explore, Real) and 0 <= float(explore) <= 1):
        raise ModelError(
            "The share to explore must lie between 0 and 1.",
            received=repr(explore),
            fix="explore=0.05 gives one row of twenty an action at random",
        )
    return float(explore)


def uniforms(ids: Any, rows: int, seed: int) -> Floats:
    """Return a number in [0, 1) for each id, the same for it whenever and with whom it comes.

    Raises
    ------
    ModelError
        If an id is missing or occurs twice.
    """
    values = one_a_row("ids", ids, rows)
    wrong = values.isna() | values.duplicated()
    if wrong.any():
        raise ModelError(
            f"Each row needs an id of its own; {int(wrong.sum())} of {rows} rows have none.",
            received=repr(values[wrong].iloc[0]),
            fix="give ids=, one a row",
        )
    return np.array([_uniform(f"{seed}:{each}") for each in values], dtype=np.float64)


def _uniform(text: str) -> float:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def assign(gains: Floats, capacity: Ints, ties: Floats) -> Ints:
    """Return each row's action: the highest of *gains*, shape (n, K), number 0 where none is above.

    Where more rows want an action than its *capacity*, those with the highest gains have it (among
    equals the highest *ties*, shape (n, K)) and the others their next best: what a greedy walk
    down all pairs comes to.
    """
    count = gains.shape[1]
    open_to = np.where(gains > 0, gains, -np.inf)
    open_to[:, 0] = 0.0
    while True:
        wanted = np.argmax(open_to, axis=1)
        rejected = False
        for arm in range(1, count):
            takers = np.flatnonzero(wanted == arm)
            if len(takers) > capacity[arm]:
                falling = np.lexsort((takers, -ties[takers, arm], -gains[takers, arm]))
                open_to[takers[falling[capacity[arm] :]], arm] = -np.inf
                rejected = True
        if not rejected:
            return np.asarray(wanted, dtype=np.int64)


def plan(
    gains: Floats,
    ties: Floats,
    capacity: Ints,
    explore: float,
    uniform: Floats,
    names: Sequence[Any],
) -> tuple[Ints, Floats]:
    """Return each row's action and the probability with which it was chosen, shape (n,) each.

    What chance may take is taken off the capacities first, so that nobody's plan depends on who
    explores: the probabilities are exact.
    """
    drawn, chance = np.full(len(gains), -1), np.zeros(len(capacity))
    if explore:
        drawn, chance = explored(uniform, explore, capacity, names)
    reserved = np.bincount(drawn[drawn >= 0], minlength=len(capacity))
    places = np.where(capacity < len(gains), capacity - reserved, capacity)
    planned = assign(gains, places, ties)
    taken = np.where(drawn >= 0, drawn, planned)
    return taken, (taken == planned) * (1 - chance.sum()) + chance[taken]


def explored(
    uniform: Floats, explore: float, capacity: Ints, names: Sequence[Any]
) -> tuple[Ints, Floats]:
    """Return the action that chance gives each row, -1 for none, and each action's probability.

    Actions of capacity 0 are not tried. Where capacities bind, shares are made exact by the order
    of the hashes, so that chance never takes more rows than there are places.

    Raises
    ------
    ModelError
        If chance alone would take more places than there are.
    """
    rows = len(uniform)
    usable = [k for k in range(len(capacity)) if k == 0 or capacity[k] > 0]
    bound = bool((capacity[usable] < rows).any())
    if bound:
        uniform = np.argsort(np.argsort(uniform, kind="stable"), kind="stable") / max(rows, 1)
    edges = explore * np.arange(1, len(usable) + 1) / len(usable)
    slot = np.searchsorted(edges, uniform, side="right")
    drawn = np.where(slot < len(usable), np.array(usable)[np.minimum(slot, len(usable) - 1)], -1)
    share = np.zeros(len(capacity))
    counts = np.bincount(drawn[drawn >= 0], minlength=len(capacity))
    share[usable] = counts[usable] / max(rows, 1) if bound else explore / len(usable)
    short = [names[k] for k in usable if counts[k] > capacity[k]]
    if short:
        raise ModelError(
            f"Exploring alone takes more than the capacity of {', '.join(map(str, short))}.",
            received=f"explore={explore:g}, capacities "
            + ", ".join(f"{names[k]}: {capacity[k]}" for k in usable),
            fix="explore less, or raise the capacity",
        )
    return np.asarray(drawn, dtype=np.int64), share
