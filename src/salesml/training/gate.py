"""Whether a newly trained model may replace the one in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.training.calibration import fit_calibration, log_odds
from salesml.training.inputs import cluster_codes
from salesml.training.metrics import Interval, paired_gain, row_losses
from salesml.training.result import TrainingResult
from salesml.training.table import Floats

__all__ = ["Comparison", "Decision", "decide"]

SLOPES = (0.5, 2.0)  # calibration slopes outside are grossly off
LEVELS = (0.5, 2.0)  # so are shares of positives, as a multiple of what was predicted
Z = 3.0  # standard errors that an error must be clear of noise by
KEY = ["entity", "as_of"]


class Comparison(NamedTuple):
    """Log loss of the champion - log loss of the new model, on rows that both predicted."""

    gain: Interval
    rows: int
    entities: int


@dataclass(frozen=True)
class Decision:
    """Whether the new model becomes the champion, and why, in sentences."""

    promote: bool
    reasons: list[str]
    comparison: Comparison | None = None


def decide(result: TrainingResult, champion_predictions: pd.DataFrame | None) -> Decision:
    """Compare with the champion's predictions (entity, as_of, probability) of the same rows.

    Without a champion everything is promoted but a model that a leak explains. Otherwise the new
    model must be better by a 95 % interval over resampled entities, and calibrated.
    """
    leaks = [
        f"Column {name} alone tells the outcome (AUC {auc:.3f}); remove it and train again."
        for name, auc in result.leaks.items()
    ]
    if champion_predictions is None:
        return _first(result, leaks)
    flaws = leaks + _calibration_flaws(result)
    comparison = _compare(result.test_predictions, champion_predictions)
    if comparison is None:
        flaws.append("There are no rows that both this model and the champion predicted.")
        return Decision(False, flaws)
    gain, rows, entities = comparison
    numbers = (
        f"log loss lower by {gain.value:.4f} (95 % interval {gain.low:.4f} to {gain.high:.4f}) "
        f"on {rows:,} common rows of {entities:,} entities"
    )
    if gain.low > 0 and not flaws:
        return Decision(True, [f"Better than the champion: {numbers}."], comparison)
    word = "Better" if gain.low > 0 else "Not clearly better"
    return Decision(False, [*flaws, f"{word} than the champion: {numbers}."], comparison)


def _first(result: TrainingResult, leaks: list[str]) -> Decision:
    if leaks:
        return Decision(False, leaks)
    kind = "the base rate" if result.deployed == "base_rate" else f"this {result.deployed} model"
    return Decision(
        True, [f"There is no champion yet: {kind} is the first.", *_calibration_flaws(result)]
    )


def _calibration_flaws(result: TrainingResult) -> list[str]:
    rows = result.test_predictions
    y, p = (rows[name].to_numpy(dtype=np.float64) for name in ("y", "probability"))
    return [*_level_flaw(y, p), *_slope_flaw(y, p)]


def _level_flaw(y: Floats, p: Floats) -> list[str]:
    error = abs(y.sum() - p.sum()) / np.sqrt((p * (1 - p)).sum())
    if error <= Z or LEVELS[0] <= y.sum() / p.sum() <= LEVELS[1]:
        return []
    return [f"Probabilities are off: {p.mean():.1%} predicted on average, {y.mean():.1%} observed."]


def _slope_flaw(y: Floats, p: Floats) -> list[str]:
    margin = log_odds(p)
    if np.ptp(margin) == 0:
        return []
    line = fit_calibration(y, margin, shrunk=False)
    fitted = line.probability(margin)
    weights = fitted * (1 - fitted)
    centre = (weights * margin).sum() / weights.sum()
    error = 1 / np.sqrt((weights * (margin - centre) ** 2).sum())
    if line.b + Z * error >= SLOPES[0] and line.b - Z * error <= SLOPES[1]:
        return []
    said = "too extreme" if line.b < 1 else "too timid"
    return [f"Probabilities are {said}: calibration slope {line.b:.2f} on the test (1 is right)."]


def _compare(new: pd.DataFrame, champion: pd.DataFrame) -> Comparison | None:
    both = _keyed(new).merge(_keyed(champion), on=KEY, suffixes=("", "_champion"))
    if both.empty:
        return None
    y = both["y"].to_numpy(dtype=np.float64)
    old, own = (
        row_losses(y, both[name].to_numpy(dtype=np.float64))
        for name in ("probability_champion", "probability")
    )
    clusters = cluster_codes(both["entity"], len(both))
    return Comparison(paired_gain(old, own, clusters), len(both), int(clusters.max()) + 1)


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Ids as text and dates as timestamps, so that rows read from files match."""
    return rows.assign(
        entity=rows["entity"].astype(str), as_of=pd.to_datetime(rows["as_of"]).dt.as_unit("s")
    )
