"""Outcomes expected under each action, out of fold, and the scores that they make.

The doubly robust score of a row and an action is what is expected of the action, corrected by what
was seen where it was taken: its mean is the value of the action if either the expectation or the
probability is right. After Robins, Rotnitzky and Zhao, Estimation of regression coefficients when
some regressors are not always observed (1994), and Chernozhukov et al., Double/debiased machine
learning (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from salesml.actions.effect.regression import (
    Boosting,
    Features,
    Mean,
    Regression,
    boosted,
    ridge,
)
from salesml.training.table import Floats, Ints

__all__ = ["Bounded", "CrossFitted", "OutcomeModels", "Trial", "cross_fit", "dr_scores"]

OUTCOME = Boosting(rounds=60, leaves=8, share=0.01, leaf=20)
ENOUGH = 500  # rows of an action from which trees are grown


@dataclass(frozen=True)
class Trial:
    """What was done to whom, and what came of it; n rows, K actions, the control is number 0.

    ``arms`` are codes, -1 for an action that is not looked at; ``taken`` is the probability of the
    action that was taken; ``clusters`` are codes, from 0, of rows that belong together.
    """

    features: Features
    arms: Ints
    count: int
    outcomes: Floats
    taken: Floats
    clusters: Ints


@dataclass(frozen=True)
class OutcomeModels:
    """Models of the outcome, one list an action."""

    models: tuple[tuple[Regression, ...], ...]

    def predict(self, features: Features) -> Floats:
        """Return the expected outcome under each action, shape (n, K)."""
        columns = [_mean(each, features) for each in self.models]
        return np.column_stack(columns)

    @classmethod
    def learn(
        cls, trial: Trial, rows: Ints, seed: int, known: tuple[float, float]
    ) -> OutcomeModels:
        """Learn from *rows*; expectations are held inside the *known* ends."""
        return cls(
            tuple(
                _bounded(_learn(trial, rows[trial.arms[rows] == arm], seed), known)
                for arm in range(trial.count)
            )
        )

    @classmethod
    def together(cls, several: Sequence[OutcomeModels]) -> OutcomeModels:
        """Return the mean of *several*."""
        lists = zip(*(each.models for each in several), strict=True)
        return cls(tuple(tuple(m for models in own for m in models) for own in lists))


@dataclass(frozen=True)
class Bounded:
    """A regression whose answers lie between two ends."""

    model: Regression
    ends: tuple[float, float]

    def predict(self, features: Features) -> Floats:
        """Return shape (n,)."""
        return np.clip(self.model.predict(features), *self.ends)


def _bounded(models: Sequence[Regression], ends: tuple[float, float]) -> tuple[Regression, ...]:
    return tuple(Bounded(each, ends) for each in models)


def _learn(trial: Trial, rows: Ints, seed: int) -> list[Regression]:
    features, y = trial.features.take(rows), trial.outcomes[rows]
    if not len(y):
        return [Mean(float(trial.outcomes.mean()))]
    models: list[Regression] = [ridge(features, y)]
    if len(y) >= ENOUGH:
        models.append(boosted(features, y, OUTCOME, seed))
    return models


def _mean(models: Sequence[Regression], features: Features) -> Floats:
    return np.asarray(np.mean([each.predict(features) for each in models], axis=0))


@dataclass(frozen=True)
class CrossFitted:
    """Expectations from models that had not seen the row.

    ``judged[j]``, shape (n, K), is for judging fold j: no model behind it has seen fold j, nor the
    row's own fold. ``models`` are those that left out one fold each, together.
    """

    fold: Ints
    judged: Floats
    models: OutcomeModels

    @property
    def plain(self) -> Floats:
        """The expectations of each row's own fold, shape (n, K)."""
        return np.asarray(self.judged[self.fold, np.arange(len(self.fold))])


def cross_fit(trial: Trial, fold: Ints, seed: int) -> CrossFitted:
    """Learn outcomes on all rows but those of each two folds, and those of each one."""
    count = int(fold.max()) + 1
    known = float(trial.outcomes.min()), float(trial.outcomes.max())
    judged, whole = np.empty((count, len(fold), trial.count)), []
    for one in range(count):
        for other in range(one, count):
            learnt = np.flatnonzero((fold != one) & (fold != other))
            models = OutcomeModels.learn(trial, learnt, seed, known)
            for judge, own in ((one, other), (other, one)):
                rows = np.flatnonzero(fold == own)
                judged[judge, rows] = models.predict(trial.features.take(rows))
            if one == other:
                whole.append(models)
    return CrossFitted(fold, judged, OutcomeModels.together(whole))


def dr_scores(expected: Floats, arms: Ints, outcomes: Floats, taken: Floats) -> Floats:
    """Return the doubly robust score of each row and action, shape (n, K).

    *expected* has shape (n, K); the action taken, number ``arms`` of them (-1: none of them), gets
    ``expected + (outcome - expected) / taken``.
    """
    scores = expected.copy()
    rows = np.flatnonzero(arms >= 0)
    own = arms[rows]
    scores[rows, own] += (outcomes[rows] - expected[rows, own]) / taken[rows]
    return scores
