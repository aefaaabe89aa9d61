"""How good probabilities are, each number with an interval from resampled entities."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.training.intervals import (
    LEVEL,
    RESAMPLES,
    Interval,
    Measure,
    draws_of,
    ends,
    estimate,
)
from salesml.training.ranking import Ranking
from salesml.training.table import Floats, Ints

__all__ = [
    "METRICS",
    "Interval",
    "calibration_error",
    "calibration_table",
    "design_effect",
    "evaluate",
    "gain_curve",
    "paired_differences",
    "paired_gain",
    "ranked",
    "roc_auc",
    "row_losses",
    "wilson_ends",
]

METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "lift_at_10")
BINS = 10
SMALLEST = 1e-15
Z_95 = 1.96


def evaluate(
    y: Floats, probability: Floats, clusters: Ints, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Return the METRICS, with intervals from resampling whole clusters (codes from 0).

    Ranking measures are NaN where only one outcome occurs.
    """
    found = estimate(_measure_of(y, probability), clusters, resamples=resamples, seed=seed)
    return dict(zip(METRICS, found, strict=True))


def paired_differences(
    y: Floats,
    old: Floats,
    new: Floats,
    clusters: Ints,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return the METRICS of *new* - those of *old*, with intervals that resample both alike."""
    before, after = _measure_of(y, old), _measure_of(y, new)
    found = estimate(
        lambda weights: np.subtract(after(weights), before(weights)),
        clusters,
        resamples=resamples,
        seed=seed,
    )
    return dict(zip(METRICS, found, strict=True))


def _measure_of(y: Floats, probability: Floats) -> Measure:
    """Return what makes the METRICS of row weights."""
    ranking = Ranking.of(probability)
    falling = ranking.ordered(y)
    losses = row_losses(y, probability)
    squares = (probability - y) ** 2

    def measure(weights: Floats) -> list[float]:
        auc, precision, lift = ranked(ranking, falling, weights)
        total = weights.sum()
        return [auc, precision, weights @ losses / total, weights @ squares / total, lift]

    return measure


def paired_gain(
    old: Floats,
    new: Floats,
    clusters: Ints,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """Return the mean of *old* - *new* row losses: positive where *new* is better.

    The interval covers *level* per cent.
    """
    difference = old - new
    return estimate(
        lambda weights: [weights @ difference / weights.sum()],
        clusters,
        resamples=resamples,
        seed=seed,
        level=level,
    )[0]


def row_losses(y: Floats, probability: Floats) -> Floats:
    """Return each row's negative log likelihood."""
    p = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(-np.where(y == 1, np.log(p), np.log1p(-p)), dtype=np.float64)


def ranked(ranking: Ranking, y: Floats, weights: Floats) -> tuple[float, float, float]:
    """Return AUC, average precision and lift at 10 %; NaN where only one outcome occurs.

    *y* is in the order of the *ranking*, *weights* in that of the rows.
    """
    w = ranking.ordered(weights)
    positives = ranking.gathered(w * y)
    negatives = ranking.gathered(w) - positives
    wins, losses = positives[-1], negatives[-1]
    if not wins or not losses:
        return float("nan"), float("nan"), float("nan")
    new_wins, new_losses = np.diff(positives, prepend=0), np.diff(negatives, prepend=0)
    beaten = losses - negatives + new_losses / 2
    contacted = positives + negatives
    precision = np.divide(positives, contacted, out=np.ones_like(positives), where=contacted > 0)
    top = np.interp(0.1, np.append(0, contacted / contacted[-1]), np.append(0, positives / wins))
    return (
        float(new_wins @ beaten / (wins * losses)),
        float(new_wins @ precision / wins),
        float(top / 0.1),
    )


def roc_auc(y: Floats, score: Floats) -> float:
    """Return the chance that a positive scores above a negative; ties count half."""
    ranking = Ranking.of(score)
    return ranked(ranking, ranking.ordered(y), np.ones(len(y)))[0]


def calibration_table(
    y: Floats, probability: Floats, clusters: Ints | None = None, bins: int = BINS
) -> pd.DataFrame:
    """Return up to *bins* groups of about equally many rows, from low to high probability.

    Columns: rows, probability (mean), observed (share of positives), low, high (its 95 %
    Wilson interval, of as many rows as are worth something alone where rows come in *clusters*).
    Equal probabilities stay together.
    """
    group = _groups(probability, bins)
    grouped = pd.DataFrame({"group": group, "p": probability, "y": y}).groupby("group")
    rows = np.asarray(grouped["y"].count(), dtype=np.float64)
    observed = np.asarray(grouped["y"].mean(), dtype=np.float64)
    effect = 1.0 if clusters is None else design_effect(y, observed[group], clusters)
    low, high = wilson_ends(observed, rows / effect)
    return pd.DataFrame(
        {
            "rows": rows.astype(np.int64),
            "probability": grouped["p"].mean().to_numpy(),
            "observed": observed,
            "low": low,
            "high": high,
        }
    )


def calibration_error(
    y: Floats,
    probability: Floats,
    clusters: Ints,
    *,
    bins: int = BINS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the mean distance of probability and observed share over `calibration_table`.

    Resampling adds noise to every group and so to the distance; the interval is that of the
    resamples moved down by what they add on average.
    """
    group = _groups(probability, bins)
    residuals = probability - y

    def measure(weights: Floats) -> list[float]:
        distance = np.abs(np.bincount(group, weights=weights * residuals))
        return [float(distance.sum() / weights.sum())]

    value = measure(np.ones(len(y)))[0]
    draws = draws_of(measure, clusters, resamples=resamples, seed=seed, width=1)
    moved = np.clip(draws - (draws.mean() - value), 0, None) if len(draws) else draws
    return Interval(value, *ends(moved)[0])


def design_effect(y: Floats, expected: Floats, clusters: Ints) -> float:
    """Return how many rows are worth one that is alone in its cluster, at least 1.

    *expected* is the share of positives expected of each row.
    """
    alone = float((expected * (1 - expected)).sum())
    together = float((np.bincount(clusters, weights=y - expected) ** 2).sum())
    return max(together / alone, 1.0) if alone else 1.0


def gain_curve(
    y: Floats, probability: Floats, clusters: Ints, *, resamples: int = RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Return, for each percent of rows contacted from the top, the share of positives reached.

    Columns: contacted, captured, low, high (95 % interval).
    """
    contacted, ranking = np.linspace(0, 1, 101), Ranking.of(probability)
    falling = ranking.ordered(y)

    def measure(weights: Floats) -> Floats:
        (reached,) = ranking.top(contacted, weights, falling)
        return reached / max(float(weights @ y), SMALLEST)

    found = estimate(measure, clusters, resamples=resamples, seed=seed)
    curve = pd.DataFrame(found).rename(columns={"value": "captured"})
    return pd.DataFrame({"contacted": contacted, **curve.to_dict("series")})


def _groups(probability: Floats, bins: int) -> Ints:
    """Codes from 0, without gaps, of groups of about equally many rows."""
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
    found = np.searchsorted(edges, probability, side="left")
    return np.asarray(np.unique(found, return_inverse=True)[1], dtype=np.int64)


def wilson_ends(share: Floats, rows: Floats, z: float = Z_95) -> tuple[Floats, Floats]:
    """Return the ends of the interval of each *share* of so many *rows* by Wilson (1927)."""
    z2 = z**2
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    return centre - half, centre + half
