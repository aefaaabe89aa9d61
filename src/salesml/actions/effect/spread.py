"""How far a single row's effect may lie from what is said of it.

The interval is as wide as that of a plain linear regression of the scores (with the covariance of
MacKinnon and White, Some heteroskedasticity-consistent covariance matrix estimators, 1985), but
lies around the weighted estimate: one drawn towards the average errs less than the plain one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from salesml.actions.effect.regression import Features, closest
from salesml.training.blas import one_blas_thread
from salesml.training.intervals import LEVEL
from salesml.training.table import Floats, Ints

__all__ = ["Spread", "spread_of"]

PENALTY = 0.01  # keeps columns that say nearly the same from blowing the spread up


@dataclass(frozen=True)
class Spread:
    """Standard errors of one action's effect, by row."""

    columns: Ints
    centre: Floats
    covariance: Floats
    error: float  # of the average effect
    freedom: int

    def half_width(self, features: Features) -> Floats:
        """Return half of the 95 % interval, shape (n,)."""
        centred = features.design[:, self.columns] - self.centre
        variance = np.einsum("ij,jk,ik->i", centred, self.covariance, centred, optimize=True)
        quantile = float(student.ppf(0.5 + LEVEL / 200, self.freedom))
        return np.asarray(quantile * np.sqrt(self.error**2 + np.maximum(variance, 0)))


def spread_of(features: Features, gains: Floats, error: float) -> Spread:
    """Learn the spread of effects from the scores' *gains*; *error* is that of their average."""
    columns, rows = closest(features.design, gains), len(gains)
    centre = features.design[:, columns].mean(axis=0)
    centred = features.design[:, columns] - centre
    with one_blas_thread():
        second = centred.T @ centred / rows
        inverse = np.linalg.inv(second + PENALTY * np.eye(len(columns)))
        slopes = inverse @ (centred.T @ (gains - gains.mean()) / rows)
        leverage = (1 + np.einsum("ij,jk,ik->i", centred, inverse, centred, optimize=True)) / rows
        left = (gains - gains.mean() - centred @ slopes) / np.maximum(1 - leverage, 0.1)
        middle = (centred * left[:, None] ** 2).T @ centred / rows
    covariance = inverse @ middle @ inverse / rows
    return Spread(columns, centre, covariance, error, max(rows - len(columns) - 1, 1))
