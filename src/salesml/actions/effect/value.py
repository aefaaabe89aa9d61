"""Means of scores and ratios of them, with intervals; rows of a cluster count as one draw."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from salesml.training.intervals import LEVEL, Interval
from salesml.training.table import Floats, Ints

__all__ = ["mean_of", "ratio_of", "snips"]


def mean_of(scores: Floats, clusters: Ints, level: float = LEVEL) -> Interval:
    """Return the mean of *scores*, shape (n,); *clusters* are codes from 0."""
    value = float(scores.mean())
    return _around(value, scores - value, float(len(scores)), clusters, level)


def ratio_of(upper: Floats, lower: Floats, clusters: Ints, level: float = LEVEL) -> Interval:
    """Return sum(upper) / sum(lower), NaN where the latter is 0; intervals by the delta method."""
    total = float(lower.sum())
    if not total:
        return Interval(float("nan"), float("nan"), float("nan"))
    value = float(upper.sum()) / total
    return _around(value, upper - value * lower, total, clusters, level)


def snips(
    outcomes: Floats, chosen: Floats, taken: Floats, clusters: Ints, level: float = LEVEL
) -> Interval:
    """Return the self-normalised value of a policy that would take a row's action with *chosen*.

    *taken* is the probability with which it was taken. After Swaminathan and Joachims, The
    self-normalized estimator for counterfactual learning (2015).
    """
    weights = chosen / taken
    return ratio_of(weights * outcomes, weights, clusters, level)


def _around(
    value: float, residuals: Floats, total: float, clusters: Ints, level: float
) -> Interval:
    sums = np.bincount(clusters, weights=residuals)
    count = int((np.bincount(clusters) > 0).sum())
    if count < 2:
        return Interval(value, float("nan"), float("nan"))
    error = np.sqrt(count / (count - 1) * float(sums @ sums)) / total
    half = float(student.ppf(0.5 + level / 200, count - 1)) * error
    return Interval(value, value - half, value + half)
