"""What every candidate model can do, and the simplest of them: the base rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from salesml.training.calibration import log_losses, log_odds
from salesml.training.split import Fold
from salesml.training.table import Floats, Ints, Table

__all__ = [
    "BaseRate",
    "Candidate",
    "Recipe",
    "Trial",
    "best_by_fold",
    "cross_fit",
    "mean_loss",
    "timed",
    "try_base_rate",
]


class Candidate(Protocol):
    """A fitted model; margins and contributions are log-odds."""

    @property
    def expected_value(self) -> float:
        """Margin of the average row."""

    def margin(self, table: Table) -> Floats:
        """Return log-odds, shape (n,)."""

    def contributions(self, table: Table) -> Floats:
        """Return shape (n, columns); row sums + expected_value are the margin."""

    def dump(self, directory: Path) -> dict[str, Any]:
        """Write what JSON cannot hold to *directory*; return the rest."""


class Recipe(Protocol):
    """The settings that did best, ready to learn from any rows."""

    def learn(self, table: Table, y: Floats, finished: Mapping[str, Candidate]) -> Candidate:
        """Learn from all of *table*; *finished* are simpler candidates learnt from the same."""


@dataclass(frozen=True)
class Trial:
    """A candidate judged out of fold.

    ``margin`` has NaN for rows in no fold's validation part; ``settings`` puts in words what
    ``recipe`` learns with, which is None where the candidate cannot answer for new rows.
    """

    name: str
    margin: Floats
    settings: str
    recipe: Recipe | None
    seconds: float = 0.0


@dataclass(frozen=True)
class BaseRate:
    """Everybody gets the share of positives."""

    expected_value: float

    @classmethod
    def of(cls, y: Floats) -> BaseRate:
        """Learn from outcomes; half a row of each class keeps the log-odds finite."""
        return cls(float(log_odds(np.array((y.sum() + 0.5) / (len(y) + 1)))))

    def margin(self, table: Table) -> Floats:
        """Return the same log-odds for each row."""
        return np.full(len(table), self.expected_value)

    def contributions(self, table: Table) -> Floats:
        """Return zeros."""
        return np.zeros((len(table), table.width))

    def dump(self, directory: Path) -> dict[str, Any]:  # noqa: ARG002 (all of it is JSON)
        """Return the log-odds."""
        return {"expected_value": self.expected_value}


class BaseRateRecipe:
    """There is nothing to set."""

    def learn(self, table: Table, y: Floats, finished: Mapping[str, Candidate]) -> BaseRate:  # noqa: ARG002
        """Learn the share of positives."""
        return BaseRate.of(y)


def try_base_rate(y: Floats, folds: Sequence[Fold]) -> Trial:
    """Judge the base rate: each fold is predicted by the rate of its older or other rows."""
    margin = np.full(len(y), np.nan)
    for fold in folds:
        margin[fold.valid] = BaseRate.of(y[fold.train]).expected_value
    return Trial("base_rate", margin, "share of positives", BaseRateRecipe())


def cross_fit(recipe: Recipe, table: Table, y: Floats, folds: Sequence[Fold]) -> Floats:
    """Return margins out of fold, NaN for rows in no fold's validation part."""
    margin = np.full(len(y), np.nan)
    for fold in folds:
        learnt = recipe.learn(table.take(fold.train), y[fold.train], {})
        margin[fold.valid] = learnt.margin(table.take(fold.valid))
    return margin


def best_by_fold(losses: Floats, folds: Sequence[Fold]) -> tuple[Ints, int]:
    """Choose among settings without flattering them.

    *losses* has shape (settings, folds). Returns, for each fold, the setting that did best on
    the other folds (so the fold's own loss stays an honest estimate), and the best over all.
    """
    rows = np.array([len(fold.valid) for fold in folds], dtype=np.float64)
    total = losses @ rows
    others = total[:, None] - losses * rows if len(folds) > 1 else losses
    return others.argmin(axis=0), int(total.argmin())


def mean_loss(y: Floats, margin: Floats) -> float:
    """Return the log loss of *margin*."""
    return float(log_losses(y, margin).mean())


def timed() -> Callable[[], float]:
    """Start a clock; the call that is returned tells its seconds."""
    started = time.perf_counter()
    return lambda: time.perf_counter() - started
