"""Intervals of any number, from resampled entities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from salesml.training.table import Floats, Ints

__all__ = ["LEVEL", "RESAMPLES", "Interval", "Measure", "draws_of", "ends", "estimate", "resampled"]

LEVEL = 95  # per cent that an interval covers
RESAMPLES = 300

Measure = Callable[[Floats], Sequence[float] | Floats]


class Interval(NamedTuple):
    """A value with its 95 % interval; the ends are NaN where data do not tell."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def estimate(
    measure: Measure,
    clusters: Ints,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> list[Interval]:
    """Return each number that *measure* makes of row weights, with its interval.

    Whole clusters are drawn again and again; a row's weight is how often its cluster was drawn.
    *clusters* are codes from 0.
    """
    values = np.asarray(measure(np.ones(len(clusters))), dtype=np.float64)
    draws = draws_of(measure, clusters, resamples=resamples, seed=seed, width=len(values))
    return [
        Interval(float(value), *both)
        for value, both in zip(values, ends(draws, level), strict=True)
    ]


def draws_of(
    measure: Measure, clusters: Ints, *, resamples: int = RESAMPLES, seed: int = 0, width: int
) -> Floats:
    """Return what *measure* makes of each resample, shape (resamples, width)."""
    rows = [measure(weights) for weights in resampled(clusters, resamples, seed)]
    return np.array(rows, dtype=np.float64).reshape(-1, width)


def resampled(clusters: Ints, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield row weights: how often each row's cluster was drawn. None for a single cluster."""
    rng, count = np.random.default_rng(seed), int(clusters.max()) + 1
    for _ in range(resamples if count > 1 else 0):
        drawn = np.bincount(rng.integers(count, size=count), minlength=count)
        yield drawn[clusters].astype(np.float64)


def ends(draws: Floats, level: float = LEVEL) -> list[tuple[float, float]]:
    """Return the interval of each column, NaN where fewer than half of the draws are defined."""
    return [_percentiles(column[~np.isnan(column)], len(column), level) for column in draws.T]


def _percentiles(known: Floats, drawn: int, level: float) -> tuple[float, float]:
    if len(known) < 0.5 * drawn or not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [50 - level / 2, 50 + level / 2])
    return float(low), float(high)
