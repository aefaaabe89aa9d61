"""Which candidate is kept: the simplest one within noise of the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.training.calibration import log_losses
from salesml.training.candidates import Trial
from salesml.training.table import Floats, Ints

__all__ = ["Difference", "choose", "clustered_difference"]

Z_90 = 1.645  # ends of a two-sided 90 % interval, in standard errors


class Difference(NamedTuple):
    """A mean and its standard error."""

    mean: float
    standard_error: float

    @property
    def low(self) -> float:
        """Lower end of the 90 % interval."""
        return self.mean - Z_90 * self.standard_error


def clustered_difference(values: Floats, clusters: Ints) -> Difference:
    """Return the mean of *values* and its error, whose rows are independent between clusters only.

    *clusters* are codes from 0. A single cluster says nothing about noise: the error is infinite.
    """
    mean = float(values.mean())
    sums = np.bincount(clusters, weights=values - mean)[np.bincount(clusters) > 0]
    if len(sums) < 2:
        return Difference(mean, float("inf"))
    correction = len(sums) / (len(sums) - 1)
    return Difference(mean, float(np.sqrt(correction * (sums**2).sum()) / len(values)))


def choose(trials: Sequence[Trial], y: Floats, clusters: Ints) -> tuple[str, pd.DataFrame]:
    """Return the name of the candidate to keep, and the leaderboard.

    *trials* come simplest first, the base rate before all. The base rate is left only for a
    candidate whose gain over it is clear of noise (90 % interval); among those, the simplest
    within one standard error of the best is kept.
    """
    judged = ~np.isnan(trials[0].margin)
    losses = [log_losses(y[judged], trial.margin[judged]) for trial in trials]
    best = min(range(len(trials)), key=lambda i: (losses[i].mean(), i))
    behind = [clustered_difference(each - losses[best], clusters[judged]) for each in losses]
    gains = [clustered_difference(losses[0] - each, clusters[judged]) for each in losses]
    chosen = next(
        (i for i in range(1, len(trials)) if gains[i].low > 0 and _within_noise(behind[i])), 0
    )
    board = pd.DataFrame(
        {
            "candidate": [trial.name for trial in trials],
            "chosen": [i == chosen for i in range(len(trials))],
            "log_loss": [float(each.mean()) for each in losses],
            "behind_best": [d.mean for d in behind],
            "behind_best_error": [d.standard_error for d in behind],
            "gain": [d.mean for d in gains],
            "gain_error": [d.standard_error for d in gains],
            "settings": [trial.settings for trial in trials],
        }
    )
    return trials[chosen].name, board


def _within_noise(behind: Difference) -> bool:
    return behind.mean <= behind.standard_error
