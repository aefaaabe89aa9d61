"""Which candidate is kept: the simplest one within noise of the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import t

from salesml.training.calibration import log_losses
from salesml.training.candidates import Trial
from salesml.training.metrics import evaluate
from salesml.training.table import Floats, Ints

__all__ = ["Difference", "choose", "clustered_difference", "simplest_within_noise"]

RESAMPLES, FEW, MANY_ROWS = 200, 50, 20_000  # many rows need fewer resamples for an interval


class Difference(NamedTuple):
    """A mean, its standard error, and from how many clusters it is known."""

    mean: float
    standard_error: float
    clusters: int

    @property
    def reach(self) -> float:
        """Half of the 90 % interval: wide where few clusters tell of the noise."""
        return float(t.ppf(0.95, max(self.clusters - 1, 1))) * self.standard_error

    @property
    def low(self) -> float:
        """Lower end of the 90 % interval."""
        return self.mean - self.reach


def clustered_difference(values: Floats, clusters: Ints) -> Difference:
    """Return the mean of *values* and its error, whose rows are independent between clusters only.

    *clusters* are codes from 0. A single cluster says nothing about noise: the error is infinite.
    """
    mean = float(values.mean())
    sums = np.bincount(clusters, weights=values - mean)[np.bincount(clusters) > 0]
    if len(sums) < 2:
        return Difference(mean, float("inf"), len(sums))
    correction = len(sums) / (len(sums) - 1)
    error = float(np.sqrt(correction * (sums**2).sum()) / len(values))
    return Difference(mean, error, len(sums))


def simplest_within_noise(margins: Sequence[Floats], y: Floats, clusters: Ints) -> int:
    """Return the first of *margins*, simplest first, that is not clearly behind the best."""
    judged = ~np.isnan(margins[0])
    losses = [log_losses(y[judged], margin[judged]) for margin in margins]
    best = min(losses, key=lambda each: float(each.mean()))
    behind = (clustered_difference(each - best, clusters[judged]) for each in losses)
    return next(i for i, difference in enumerate(behind) if _within_noise(difference))


def choose(
    trials: Sequence[Trial], margins: Mapping[str, Floats], y: Floats, clusters: Ints
) -> tuple[str, pd.DataFrame]:
    """Return the name of the candidate to keep, and the leaderboard.

    *trials* come simplest first, the base rate before all; *margins* are calibrated log-odds out
    of fold. The base rate is left only for a candidate whose gain over it is clear of noise (90 %
    interval); among those, the simplest is kept that is not clearly behind the best (90 %, too:
    the search for settings makes the more complex candidates look a little better than they are).
    """
    first = margins[trials[0].name]
    judged = ~np.isnan(first)
    known, own = y[judged], np.unique(clusters[judged], return_inverse=True)[1]
    losses = [log_losses(known, margins[trial.name][judged]) for trial in trials]
    best = min(range(len(trials)), key=lambda i: (losses[i].mean(), i))
    behind = [clustered_difference(each - losses[best], own) for each in losses]
    gains = [clustered_difference(losses[0] - each, own) for each in losses]
    good = (
        i
        for i in range(1, len(trials))
        if trials[i].recipe and gains[i].low > 0 and _within_noise(behind[i])
    )
    # outcomes of one kind alone tell nothing: whoever answers with a lower rate seems better
    chosen = next(good, 0) if 0 < known.sum() < len(known) else 0
    board = pd.DataFrame(
        {
            "candidate": [trial.name for trial in trials],
            "chosen": [i == chosen for i in range(len(trials))],
            "log_loss": [float(each.mean()) for each in losses],
            "behind_best": [d.mean for d in behind],
            "behind_best_error": [d.standard_error for d in behind],
            "gain": [d.mean for d in gains],
            "gain_error": [d.standard_error for d in gains],
            **_intervals([margins[trial.name][judged] for trial in trials], known, own),
            "seconds": [trial.seconds for trial in trials],
            "settings": [trial.settings for trial in trials],
        }
    )
    return trials[chosen].name, board


def _intervals(margins: Sequence[Floats], y: Floats, clusters: Ints) -> dict[str, list[float]]:
    """95 % intervals of log loss, and AUC and Brier score with theirs."""
    resamples = FEW if len(y) > MANY_ROWS else RESAMPLES
    found = [evaluate(y, expit(m), clusters, resamples=resamples) for m in margins]
    columns = {}
    for metric in ("log_loss", "roc_auc", "brier"):
        if metric != "log_loss":
            columns[metric] = [each[metric].value for each in found]
        columns[f"{metric}_low"] = [each[metric].low for each in found]
        columns[f"{metric}_high"] = [each[metric].high for each in found]
    return columns


def _within_noise(behind: Difference) -> bool:
    return behind.mean <= behind.reach
