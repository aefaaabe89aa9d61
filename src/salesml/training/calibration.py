"""From margins to probabilities one can count with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from salesml.training.table import Floats, Ints

__all__ = ["IDENTITY", "Calibration", "fit_calibration", "log_losses", "log_odds"]

SHIFT_PRIOR = 0.5  # standard deviation of the shift believed before seeing data, in log-odds
STRETCH_PRIOR = 0.25  # the same of the logarithm of the slope
SMALLEST = 1e-12


class Calibration(NamedTuple):
    """Calibrated log-odds are ``a + b * margin``, with b > 0."""

    a: float
    b: float

    def probability(self, margin: Floats) -> Floats:
        """Return the calibrated probability, shape as *margin*."""
        return np.asarray(expit(self.a + self.b * margin), dtype=np.float64)


IDENTITY = Calibration(0.0, 1.0)


def log_odds(probability: Floats) -> Floats:
    """Return log(p / (1 - p)), finite for 0 and 1 too."""
    p = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float64)


def log_losses(y: Floats, margin: Floats) -> Floats:
    """Return each row's negative log likelihood, stable for large margins."""
    return np.asarray(np.logaddexp(0, margin) - y * margin, dtype=np.float64)


def fit_calibration(
    y: Floats,
    margin: Floats,
    blocks: Ints | None = None,
    *,
    shrunk: bool = True,
    stretch: bool = True,
) -> Calibration:
    """Fit Platt's line to margins of rows that were not learnt from.

    Few rows move it little from the identity (unless *shrunk* is False): shift and slope have
    normal priors around it. Without *stretch* the slope stays 1, as it must for equal margins.
    Each of *blocks*, numbered from 0, has a shift of its own, whose mean is kept: where each was
    judged by models of the others, what their levels differ by adds up to nothing, and says
    nothing of the slope.
    """
    if len(y) == 0:
        return IDENTITY
    own = np.zeros(len(y), dtype=np.int64) if blocks is None else blocks
    centre = float(margin.mean())
    spread = margin - centre
    count = int(own.max()) + 1
    deviations = np.append(np.full(count, SHIFT_PRIOR), STRETCH_PRIOR)
    prior = deviations**-2 if shrunk else np.zeros(count + 1)
    reach = 5 if stretch and np.ptp(margin) > 0 else 0

    def loss(point: Floats) -> tuple[float, Floats]:
        slope = float(np.exp(point[-1]))
        line = centre + point[own] + slope * spread
        error = np.asarray(expit(line) - y)
        shifts = np.bincount(own, weights=error, minlength=count)
        gradient = np.append(shifts, (error * spread).sum() * slope)
        value = log_losses(y, line).sum() + (prior * point**2).sum() / 2
        return float(value), gradient + prior * point

    bounds = [(-10, 10)] * count + [(-reach, reach)]
    best = minimize(loss, np.zeros(count + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    b = float(np.exp(best.x[-1]))
    return Calibration(centre + float(best.x[:-1].mean()) - b * centre, b)
