"""How good probabilities are, each number with an interval from resampled entities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.training.table import Floats, Ints

__all__ = [
    "METRICS",
    "Interval",
    "calibration_table",
    "evaluate",
    "expected_calibration_error",
    "gain_curve",
    "paired_gain",
    "roc_auc",
    "row_losses",
]

METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "lift_at_10")
LEVEL = 95  # per cent that an interval covers
RESAMPLES = 300
SMALLEST = 1e-15
Z_95 = 1.96


class Interval(NamedTuple):
    """A value with its 95 % interval; the ends are NaN where data do not tell."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class _Ranking:
    """Outcomes from the highest score down; ``starts`` are the first rows of equal scores."""

    y: Floats
    starts: Ints
    order: Ints

    @classmethod
    def of(cls, y: Floats, score: Floats) -> _Ranking:
        order = np.argsort(-score, kind="stable")
        falling = score[order]
        starts = np.flatnonzero(np.append(True, falling[1:] != falling[:-1]))
        return cls(y[order], starts, order)

    def curve(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return positives and negatives gathered after each group of equal scores."""
        w = weights[self.order]
        positives = np.add.reduceat(w * self.y, self.starts).cumsum()
        return positives, np.add.reduceat(w, self.starts).cumsum() - positives


def evaluate(
    y: Floats, probability: Floats, clusters: Ints, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Return the METRICS, with intervals from resampling whole clusters (codes from 0).

    Ranking measures are NaN where only one outcome occurs.
    """
    ranking = _Ranking.of(y, probability)
    losses = row_losses(y, probability)
    squares = (probability - y) ** 2

    def measure(weights: Floats) -> list[float]:
        positives, negatives = ranking.curve(weights)
        ranked = _ranked(positives, negatives)
        total = weights.sum()
        auc, precision, lift = ranked
        loss, brier = float(weights @ losses / total), float(weights @ squares / total)
        return [auc, precision, loss, brier, lift]

    values = measure(np.ones(len(y)))
    draws = np.array([measure(w) for w in _resampled(clusters, resamples, seed)])
    ends = _ends(draws.reshape(-1, len(METRICS)))
    return {m: Interval(values[i], *ends[i]) for i, m in enumerate(METRICS)}


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
    draws = [[w @ difference / w.sum()] for w in _resampled(clusters, resamples, seed)]
    return Interval(float(difference.mean()), *_ends(np.array(draws).reshape(-1, 1), level)[0])


def row_losses(y: Floats, probability: Floats) -> Floats:
    """Return each row's negative log likelihood."""
    p = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(-np.where(y == 1, np.log(p), np.log1p(-p)), dtype=np.float64)


def roc_auc(y: Floats, score: Floats) -> float:
    """Return the chance that a positive scores above a negative; ties count half."""
    return _ranked(*_Ranking.of(y, score).curve(np.ones(len(y))))[0]


def calibration_table(y: Floats, probability: Floats, bins: int = 10) -> pd.DataFrame:
    """Return up to *bins* groups of about equally many rows, from low to high probability.

    Columns: rows, probability (mean), observed (share of positives), low, high (its 95 %
    Wilson interval). Equal probabilities stay together.
    """
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
    frame = pd.DataFrame(
        {"bin": np.searchsorted(edges, probability, side="left"), "p": probability, "y": y}
    )
    grouped = frame.groupby("bin")
    rows = np.asarray(grouped["y"].count(), dtype=np.float64)
    observed = np.asarray(grouped["y"].mean(), dtype=np.float64)
    low, high = _wilson(observed, rows)
    return pd.DataFrame(
        {
            "rows": rows.astype(np.int64),
            "probability": grouped["p"].mean().to_numpy(),
            "observed": observed,
            "low": low,
            "high": high,
        }
    )


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Return the mean distance of probability and observed share in a `calibration_table`."""
    distance = (table["probability"] - table["observed"]).abs()
    return float((distance * table["rows"]).sum() / table["rows"].sum())


def gain_curve(y: Floats, probability: Floats) -> pd.DataFrame:
    """Return, for each percent of rows contacted from the top, the share of positives reached."""
    contacted = np.linspace(0, 1, 101)
    captured = _captured(*_Ranking.of(y, probability).curve(np.ones(len(y))), contacted)
    return pd.DataFrame({"contacted": contacted, "captured": captured})


def _resampled(clusters: Ints, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield row weights: how often each row's cluster was drawn. None for a single cluster."""
    rng, count = np.random.default_rng(seed), int(clusters.max()) + 1
    for _ in range(resamples if count > 1 else 0):
        drawn = np.bincount(rng.integers(count, size=count), minlength=count)
        yield drawn[clusters].astype(np.float64)


def _ends(draws: Floats, level: float = LEVEL) -> list[tuple[float, float]]:
    """Return the interval of each column, NaN where fewer than half of the draws are defined."""
    return [_percentiles(column[~np.isnan(column)], len(column), level) for column in draws.T]


def _percentiles(known: Floats, drawn: int, level: float) -> tuple[float, float]:
    if len(known) < 0.5 * drawn or not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [50 - level / 2, 50 + level / 2])
    return float(low), float(high)


def _ranked(positives: Floats, negatives: Floats) -> tuple[float, float, float]:
    """Return AUC, average precision and lift at 10 % from gathered counts."""
    wins, losses = positives[-1], negatives[-1]
    if not wins or not losses:
        return float("nan"), float("nan"), float("nan")
    new_wins, new_losses = np.diff(positives, prepend=0), np.diff(negatives, prepend=0)
    beaten = losses - negatives + new_losses / 2
    contacted = positives + negatives
    precision = np.divide(positives, contacted, out=np.ones_like(positives), where=contacted > 0)
    top = _captured(positives, negatives, np.array([0.1]))[0]
    return (
        float(new_wins @ beaten / (wins * losses)),
        float(new_wins @ precision / wins),
        float(top / 0.1),
    )


def _captured(positives: Floats, negatives: Floats, contacted: Floats) -> Floats:
    """Share of positives among the top share *contacted*; equal scores count in proportion."""
    total = positives + negatives
    x = np.append(0, total / total[-1])
    reached = np.append(0, positives / max(positives[-1], SMALLEST))
    return np.asarray(np.interp(contacted, x, reached), dtype=np.float64)


def _wilson(share: Floats, rows: Floats) -> tuple[Floats, Floats]:
    z2 = Z_95**2
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = Z_95 * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    return centre - half, centre + half
