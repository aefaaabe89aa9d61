"""What a training ends with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import pandas as pd

from salesml.config import Words
from salesml.training.data import TrainingData
from salesml.training.fairness import Selection, fairness_warnings
from salesml.training.intervals import Interval
from salesml.training.profit import Targeting
from salesml.training.propensity import PropensityModel
from salesml.training.segments import Segment

__all__ = ["Explained", "TrainingResult", "Verdict", "Window"]


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


class Explained(NamedTuple):
    """Some rows of the test, drawn at random, and what each column adds to their log-odds."""

    rows: pd.DataFrame
    contributions: pd.DataFrame

    @classmethod
    def of(cls, model: PropensityModel, X: pd.DataFrame, most: int = 2000) -> Explained:
        """Explain at most so many rows of *X*: they suffice for means and pictures."""
        rows = X.sample(min(len(X), most), random_state=0)
        return cls(rows, model.explain(rows))

    def head(self, count: int) -> Explained:
        """The first *count* rows."""
        return Explained(self.rows.head(count), self.contributions.head(count))


@dataclass(frozen=True)
class TrainingResult:
    """A model to deploy, and how its like did on rows it had not seen.

    Attributes
    ----------
    model : learnt from all rows; answers with ``deployed``.
    holdout_model : learnt from the training window only; made the test's predictions.
    deployed : the candidate in use; the rule, or the base rate, where nothing beats it on the test.
    metrics : of the deployed candidate on the test; see `salesml.training.metrics.METRICS`.
    candidates : the same of every candidate.
    leaderboard : one row a candidate: out of fold, and on the test.
    gain : log loss of the base rate - log loss of ``challenger``, on the test.
    challenger : the model candidate that was compared with the base rate and the rule.
    rule : the column that holds the rule's score, where there is a rule.
    rule_gain : log loss of the rule - log loss of ``challenger``, on the test.
    beats_base_rate : whether the deployed candidate is better than the base rate: on the test its
        gain is clear of 0 and its AUC of 0.5.
    calibration_error : mean distance of probability and observed share over ten groups.
    calibration_table : those groups; see `salesml.training.metrics.calibration_table`.
    gain_curve : contacted, captured, low, high.
    segments : how the deployed candidate does in parts of the test.
    fairness : how often groups of the test are among those selected.
    targeting : what contacting the best-scored comes to.
    test_predictions : entity, as_of, y, probability, base_rate_probability, and rule_probability
        where there is a rule.
    explained : some rows of the test and what each column adds to their log-odds by ``model``.
    training, testing, whole : what ``holdout_model`` learnt from, was tested on, and what ``model``
        learnt from.
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
    rule: str | None
    rule_gain: Interval | None
    beats_base_rate: bool
    calibration_error: Interval
    calibration_table: pd.DataFrame
    gain_curve: pd.DataFrame
    segments: list[Segment]
    fairness: list[Selection]
    targeting: Targeting
    test_predictions: pd.DataFrame
    explained: Explained
    verdict: Verdict
    warnings: list[str]
    leaks: dict[str | int, float]
    split: str
    horizon_days: int
    training: Window
    testing: Window
    whole: Window
    test: TrainingData

    @property
    def importance(self) -> pd.DataFrame:
        """``feature`` and ``importance``: mean absolute log-odds on test rows, largest first."""
        mean = self.explained.contributions.abs().mean()
        mean = mean.sort_values(ascending=False, kind="stable")
        return pd.DataFrame({"feature": mean.index.map(str), "importance": mean.to_numpy()})

    @property
    def windows(self) -> dict[str, str]:
        """``train_from``, ``train_to``, ``test_from`` and ``test_to`` as ISO dates."""
        both = {"train": self.training, "test": self.testing}
        ends = {f"{name}_from": str(window.first) for name, window in both.items()}
        return ends | {f"{name}_to": str(window.last) for name, window in both.items()}

    @property
    def warning_words(self) -> list[Words]:
        """The warnings in both languages; what is there in English alone stands for both."""
        flaws = [words for part in self.segments if (words := part.warning)]
        told = {words.en: words for words in (*flaws, *fairness_warnings(self.fairness))}
        return [told.get(text, Words(ja=text, en=text)) for text in self.warnings]

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
