"""Regularised logistic regression on straight, bent or stepped columns, additive by column."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from salesml.training.blas import one_blas_thread
from salesml.training.calibration import log_losses
from salesml.training.candidates import Candidate, Trial, best_by_fold, mean_loss, timed
from salesml.training.selection import simplest_within_noise
from salesml.training.split import Fold
from salesml.training.table import Floats, Ints, Table
from salesml.training.terms import SHAPES, Shape, Term, bases_of, restore_term

__all__ = ["Logistic", "LogisticRecipe", "try_logistic"]

STRENGTHS = (0.0003, 0.002, 0.01, 0.03, 0.1, 0.5)  # scikit-learn's C on standardised columns
MOST_ROWS = 50_000  # more do not move a few hundred coefficients ...
MOST_TRIED_ROWS = 20_000  # ... and fewer show which strength is best
MOST_CELLS = 40_000_000  # of a design: 320 MB
SMALL = 1_000_000  # cells of a design for which threads would wait for each other
MOST_COLUMNS = 300  # of a design: Newton's method takes time in the square of their number


@dataclass(frozen=True)
class Logistic:
    """A sum of one term a column."""

    expected_value: float
    terms: tuple[Term, ...]

    def margin(self, table: Table) -> Floats:
        """Return log-odds, shape (n,)."""
        total = np.full(len(table), self.expected_value)
        for position, term in enumerate(self.terms):
            total += term.contribution(table.matrix[:, position])
        return total

    def contributions(self, table: Table) -> Floats:
        """Return shape (n, columns)."""
        parts = [t.contribution(table.matrix[:, j]) for j, t in enumerate(self.terms)]
        return np.column_stack(parts)

    def dump(self, directory: Path) -> dict[str, Any]:  # noqa: ARG002 (all of it is JSON)
        """Return the terms."""
        return {"expected_value": self.expected_value, "terms": [asdict(t) for t in self.terms]}

    @classmethod
    def restore(cls, stored: dict[str, Any]) -> Logistic:
        """Return the model that `dump` described."""
        return cls(stored["expected_value"], tuple(map(restore_term, stored["terms"])))


@dataclass(frozen=True)
class LogisticRecipe:
    """How to learn: the shape of numbers, scikit-learn's C, and directions asked for by column."""

    shape: Shape
    strength: float
    directions: Mapping[int, int]
    seed: int

    def learn(self, table: Table, y: Floats, finished: Mapping[str, Candidate]) -> Logistic:  # noqa: ARG002
        """Learn from *table*."""
        return learn_path(table, y, self.shape, [self.strength], self.directions, self.seed)[0]


def learn_path(
    table: Table,
    y: Floats,
    shape: Shape,
    strengths: Sequence[float],
    directions: Mapping[int, int],
    seed: int,
    most: int | None = None,
) -> list[Logistic]:
    """Learn one model for each of scikit-learn's C in *strengths*, from at most *most* rows."""
    most = most or MOST_ROWS
    if len(y) > most:
        rows = np.random.default_rng(seed).choice(len(y), most, replace=False)
        table, y = table.take(np.sort(rows)), y[np.sort(rows)]
    bases = bases_of(table, shape)
    parts = [basis.design(table.matrix[:, j]) for j, basis in enumerate(bases)]
    kept = _screened(parts, y)
    design = np.hstack([parts[j] for j in kept])
    signs = np.concatenate([bases[j].directions(directions.get(j, 0)) for j in kept])
    edges = np.cumsum([parts[j].shape[1] for j in kept])[:-1]
    nothing = [basis.weighted(np.zeros(p.shape[1])) for basis, p in zip(bases, parts, strict=True)]
    models = []
    for weights, intercept in _solve(design, y, strengths, signs):
        terms = list(nothing)
        for j, own in zip(kept, np.split(weights, edges), strict=True):
            terms[j] = bases[j].weighted(own)
        models.append(Logistic(float((design @ weights).mean() + intercept), tuple(terms)))
    return models


def _screened(parts: Sequence[Floats], y: Floats) -> list[int]:
    """Return the columns to learn from: of a wide table, those that go with *y* most closely.

    Weak columns add more noise than they tell; after Fan and Lv, Sure independence screening for
    ultrahigh dimensional feature space (2008).
    """
    if sum(part.shape[1] for part in parts) <= MOST_COLUMNS:
        return list(range(len(parts)))
    centred = y - y.mean()
    closeness = [float(np.abs(centred @ part).max()) for part in parts]
    order = sorted(range(len(parts)), key=lambda j: -closeness[j])
    widths = np.cumsum([parts[j].shape[1] for j in order])
    return sorted(order[: max(1, int((widths <= MOST_COLUMNS).sum()))])


def try_logistic(
    table: Table,
    y: Floats,
    folds: Sequence[Fold],
    directions: Mapping[int, int],
    seed: int,
    clusters: Ints | None = None,
) -> Trial:
    """Judge shapes of numbers and strengths of regularisation out of fold.

    The simplest shape is kept that is not clearly behind the best; *clusters* are codes of rows
    that belong together.
    """
    started = timed()
    own = np.arange(len(y)) if clusters is None else clusters
    tried = []
    for name, shape in SHAPES.items():
        if _fits(table, shape):
            margin, strength = _judged(table, y, folds, shape, directions, seed)
            recipe = LogisticRecipe(shape, strength, directions, seed)
            tried.append(Trial("logistic", margin, f"{name}, C={strength:g}", recipe))
    chosen = simplest_within_noise([trial.margin for trial in tried], y, own)
    return replace(tried[chosen], seconds=started())


def _judged(
    table: Table,
    y: Floats,
    folds: Sequence[Fold],
    shape: Shape,
    directions: Mapping[int, int],
    seed: int,
) -> tuple[Floats, float]:
    """Return margins out of fold, each fold's by what suits the others, and the best strength."""
    margins = np.full((len(STRENGTHS), len(y)), np.nan)
    losses = np.empty((len(STRENGTHS), len(folds)))
    for k, fold in enumerate(folds):
        train, valid = table.take(fold.train), table.take(fold.valid)
        models = learn_path(
            train, y[fold.train], shape, STRENGTHS, directions, seed, MOST_TRIED_ROWS
        )
        margins[:, fold.valid] = [model.margin(valid) for model in models]
        losses[:, k] = [mean_loss(y[fold.valid], each) for each in margins[:, fold.valid]]
    by_fold, best = best_by_fold(losses, folds)
    margin = np.full(len(y), np.nan)
    for k, fold in enumerate(folds):
        margin[fold.valid] = margins[by_fold[k], fold.valid]
    return margin, STRENGTHS[best]


def _fits(table: Table, shape: Shape) -> bool:
    """Whether the design of *shape* stays small; the straight one is tried in any case."""
    columns = table.width * (1 + shape.hinges + shape.steps)
    small = columns * min(len(table), MOST_ROWS) <= MOST_CELLS and columns <= 4 * MOST_COLUMNS
    return shape == SHAPES["straight"] or small


def _solve(
    design: Floats, y: Floats, strengths: Sequence[float], signs: Ints
) -> Iterator[tuple[Floats, float]]:
    """Yield weights and intercept that minimise C * loss + |weights|^2 / 2, for each C."""
    if signs.any():
        yield from _solve_signed(design, y, strengths, signs)
        return
    # each solution is where the search for the next one starts
    model = LogisticRegression(solver="newton-cholesky", warm_start=True, max_iter=200)
    for strength in strengths:
        with _few_threads(design), warnings.catch_warnings():
            # a solution that is nearly right is judged out of fold like any other
            warnings.simplefilter("ignore")
            model.set_params(C=strength).fit(design, y)
        yield model.coef_[0].copy(), float(model.intercept_[0])


def _solve_signed(
    design: Floats, y: Floats, strengths: Sequence[float], signs: Ints
) -> Iterator[tuple[Floats, float]]:
    """As `_solve`, where weights may have to be of one *sign* (0: any)."""
    ends = {-1: (None, 0.0), 0: (None, None), 1: (0.0, None)}
    bounds = [*(ends[int(sign)] for sign in signs), (None, None)]
    point = np.zeros(design.shape[1] + 1)
    for strength in strengths:
        with _few_threads(design):
            found = minimize(
                _penalised, point, (design, y, strength), jac=True, method="L-BFGS-B", bounds=bounds
            )
        point = found.x
        yield point[:-1].copy(), float(point[-1])


def _few_threads(design: Floats) -> AbstractContextManager[Any]:
    return one_blas_thread() if design.size < SMALL else nullcontext()


def _penalised(point: Floats, design: Floats, y: Floats, strength: float) -> tuple[float, Floats]:
    """Return C * loss + |weights|^2 / 2, and its gradient; the last of *point* is the intercept."""
    weights, margin = point[:-1], design @ point[:-1] + point[-1]
    error = np.asarray(expit(margin) - y)
    gradient = np.append(design.T @ error, error.sum()) * strength
    gradient[:-1] += weights
    return float(log_losses(y, margin).sum() * strength + weights @ weights / 2), gradient
