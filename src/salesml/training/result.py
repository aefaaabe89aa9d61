"""What a training ends with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from salesml.training.data import TrainingData
from salesml.training.metrics import Interval
from salesml.training.propensity import PropensityModel

__all__ = ["TrainingResult", "Verdict", "Window"]


@dataclass(frozen=True)
class Window:
    """The first and last date of some rows, and how many there are."""

    first: date
    last: date
    rows: int
    positives: int
    entities: int

    @classmethod
    def of(cls, data: TrainingData) -> Window:
        """Return the window of *data*."""
        dates = pd.to_datetime(data.as_of)
        positives, entities = int(data.outcomes.sum()), int(data.clusters.max()) + 1
        return cls(dates.min().date(), dates.max().date(), len(data.X), positives, entities)

    def __str__(self) -> str:
        return (
            f"{self.first} to {self.last}, {self.rows:,} rows of {self.entities:,} entities, "
            f"{self.positives:,} positive"
        )


@dataclass(frozen=True)
class Verdict:
    """What the test says, in a sentence or two of each language."""

    ja: str
    en: str


@dataclass(frozen=True)
class TrainingResult:
    """A model to deploy, and how its like did on rows it had not seen.

    Attributes
    ----------
    model : learnt from all rows; answers with ``deployed``.
    holdout_model : learnt from the training window only; made the test's predictions.
    deployed : the candidate in use; the base rate where nothing beats it on the test.
    metrics : of the deployed candidate on the test; see `salesml.training.metrics.METRICS`.
    candidates : the same of every candidate.
    leaderboard : one row a candidate: out of fold, and on the test.
    gain : log loss of the base rate - log loss of ``challenger``, on the test.
    challenger : the model candidate that was compared with the base rate.
    beats_base_rate : whether the deployed candidate is a model: on the test its gain is clear of 0
        and its AUC of 0.5.
    calibration_error : mean distance of probability and observed share over ten groups.
    test_predictions : entity, as_of, y, probability, base_rate_probability.
    importance : feature, importance (mean absolute log-odds on test rows), largest first.
    leaks : columns that alone tell the outcome -> their AUC.
    split : "time" (the newest dates are the test) or "groups" (other entities are).
    """

    model: PropensityModel
    holdout_model: PropensityModel
    deployed: str
    metrics: dict[str, Interval]
    candidates: dict[str, dict[str, Interval]]
    leaderboard: pd.DataFrame
    gain: Interval
    challenger: str
    beats_base_rate: bool
    calibration_error: float
    calibration_table: pd.DataFrame
    gain_curve: pd.DataFrame
    test_predictions: pd.DataFrame
    importance: pd.DataFrame
    verdict: Verdict
    warnings: list[str]
    leaks: dict[str | int, float]
    split: str
    horizon_days: int
    training: Window
    testing: Window
    test: TrainingData

    @property
    def windows(self) -> dict[str, str]:
        """``train_from``, ``train_to``, ``test_from`` and ``test_to`` as ISO dates."""
        both = {"train": self.training, "test": self.testing}
        ends = {f"{name}_from": str(window.first) for name, window in both.items()}
        return ends | {f"{name}_to": str(window.last) for name, window in both.items()}

    def lines(self) -> list[str]:
        """What to print: windows, measures with their 95 % intervals, verdict, warnings."""
        measures = [f"{name} {interval}" for name, interval in self.metrics.items()]
        return [
            f"learnt from {self.training}",
            f"tested on {self.testing}",
            f"{self.deployed}: {', '.join(measures)}",
            self.verdict.en,
            *(f"warning: {text}" for text in self.warnings),
        ]
