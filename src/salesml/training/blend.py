"""Logistic regression and LightGBM together: a weighted sum of their log-odds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from salesml.training.calibration import log_losses
from salesml.training.candidates import Candidate, Recipe, Trial, timed
from salesml.training.split import Fold
from salesml.training.table import Floats, Table

__all__ = ["Blend", "BlendRecipe", "try_blend"]

PRIOR = 50.0  # strength of the belief in equal weights: some two hundred rows worth


@dataclass(frozen=True)
class Blend:
    """The weighted sum of other candidates' margins; no weight is negative."""

    parts: Mapping[str, Candidate]
    weights: Mapping[str, float]
    shift: float

    @property
    def expected_value(self) -> float:
        """Margin of the average row."""
        each = (self.weights[name] * part.expected_value for name, part in self.parts.items())
        return self.shift + sum(each)

    def margin(self, table: Table) -> Floats:
        """Return log-odds, shape (n,)."""
        return self._sum(lambda part: part.margin(table)) + self.shift

    def contributions(self, table: Table) -> Floats:
        """Return shape (n, columns)."""
        return self._sum(lambda part: part.contributions(table))

    def dump(self, directory: Path) -> dict[str, Any]:
        """Write the parts' files; return weights and what the parts return."""
        parts = {name: part.dump(directory) for name, part in self.parts.items()}
        return {"shift": self.shift, "weights": dict(self.weights), "parts": parts}

    def _sum(self, ask: Callable[[Candidate], Floats]) -> Floats:
        each = [self.weights[name] * ask(part) for name, part in self.parts.items()]
        return np.asarray(sum(each), dtype=np.float64)


@dataclass(frozen=True)
class BlendRecipe:
    """What is blended, and how."""

    parts: Mapping[str, Recipe]
    weights: Mapping[str, float]
    shift: float

    def learn(self, table: Table, y: Floats, finished: Mapping[str, Candidate]) -> Blend:
        """Learn the parts that are not *finished*."""
        parts = {
            name: finished.get(name) or recipe.learn(table, y, finished)
            for name, recipe in self.parts.items()
        }
        return Blend(parts, self.weights, self.shift)


def try_blend(trials: Sequence[Trial], y: Floats, folds: Sequence[Fold]) -> Trial:
    """Judge the blend of *trials*, each fold with the weights that suit the others."""
    started = timed()
    margins = np.column_stack([trial.margin for trial in trials])
    rows = np.concatenate([fold.valid for fold in folds])
    margin = np.full(len(y), np.nan)
    for fold in folds:
        others = np.setdiff1d(rows, fold.valid) if len(folds) > 1 else rows
        shift, weights = _weigh(margins[others], y[others])
        margin[fold.valid] = margins[fold.valid] @ weights + shift
    shift, weights = _weigh(margins[rows], y[rows])
    by_name = dict(zip((t.name for t in trials), weights.tolist(), strict=True))
    words = ", ".join(f"{weight:.2f} of {name}" for name, weight in by_name.items())
    recipes = {trial.name: trial.recipe for trial in trials if trial.recipe}
    return Trial("blend", margin, words, BlendRecipe(recipes, by_name, shift), started())


def _weigh(margins: Floats, y: Floats) -> tuple[float, Floats]:
    """Return shift and weights, none negative, that give *y* the least log loss."""
    equal = np.full(margins.shape[1], 1 / margins.shape[1])

    def loss(point: Floats) -> tuple[float, Floats]:
        line = point[0] + margins @ point[1:]
        error = np.asarray(expit(line) - y)
        distance = point[1:] - equal
        gradient = np.append(error.sum(), margins.T @ error + PRIOR * distance)
        value = log_losses(y, line).sum() + PRIOR * (distance**2).sum() / 2
        return float(value), gradient

    bounds = [(-10.0, 10.0), *[(0.0, None)] * len(equal)]
    best = minimize(loss, np.append(0.0, equal), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(best.x[0]), best.x[1:]
