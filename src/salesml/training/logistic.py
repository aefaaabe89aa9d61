"""Regularised logistic regression with its own preprocessing, additive by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from salesml.training.candidates import Trial, best_by_fold, mean_loss
from salesml.training.split import Fold
from salesml.training.table import Floats, Ints, Table

__all__ = ["Logistic", "try_logistic"]

STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # scikit-learn's C on standardised columns
WINSOR = (0.01, 0.99)
MOST_ROWS = 50_000  # more do not move a few hundred coefficients
MOST_CODES = 50  # rarer levels share the last one


@dataclass(frozen=True)
class NumberTerm:
    """``weight * (clip(x) - centre)``, plus ``missing_weight`` centred where x is missing."""

    median: float
    low: float
    high: float
    centre: float
    scale: float
    missing_share: float
    weight: float = 0.0
    missing_weight: float = 0.0

    @classmethod
    def learn(cls, x: Floats) -> NumberTerm:
        known = x[~np.isnan(x)]
        if not len(known):
            return cls(0.0, 0.0, 0.0, 0.0, 1.0, 1.0)
        low, median, high = np.quantile(known, [WINSOR[0], 0.5, WINSOR[1]])
        if low == high:  # rarely anything but one value: that rare value is the signal
            low, high = known.min(), known.max()
        filled = np.clip(np.where(np.isnan(x), median, x), low, high)
        missing = float(np.isnan(x).mean())
        centre, scale = float(filled.mean()), float(filled.std()) or 1.0
        return cls(float(median), float(low), float(high), centre, scale, missing)

    def design(self, x: Floats) -> Floats:
        """Return the standardised value and, where training had gaps, the missing flag."""
        parts = [self._standardised(x)]
        if 0 < self.missing_share < 1:
            parts.append(np.isnan(x) - self.missing_share)
        return np.column_stack(parts)

    def weighted(self, weights: Floats) -> NumberTerm:
        """Return the term with the weights learnt on its design."""
        weight, missing_weight = [*weights.tolist(), 0.0][:2]
        return replace(self, weight=weight, missing_weight=missing_weight)

    def contribution(self, x: Floats) -> Floats:
        """Return log-odds, shape (n,)."""
        flag = np.isnan(x) - self.missing_share
        return self._standardised(x) * self.weight + flag * self.missing_weight

    def _standardised(self, x: Floats) -> Floats:
        filled = np.clip(np.where(np.isnan(x), self.median, x), self.low, self.high)
        return np.asarray((filled - self.centre) / self.scale, dtype=np.float64)


@dataclass(frozen=True)
class LevelTerm:
    """One weight a code, the last one for missing; centred on the training rows."""

    shares: tuple[float, ...]
    weights: tuple[float, ...] = ()

    @classmethod
    def learn(cls, x: Floats, codes: int) -> LevelTerm:
        codes = min(codes, MOST_CODES)
        return cls(tuple(np.bincount(_slots(x, codes), minlength=codes + 1) / len(x)))

    def design(self, x: Floats) -> Floats:
        """Return one column a code and one for missing, shape (n, codes + 1)."""
        return np.eye(len(self.shares))[_slots(x, len(self.shares) - 1)]

    def weighted(self, weights: Floats) -> LevelTerm:
        """Return the term with weights centred; codes never seen count as the average."""
        shares = np.array(self.shares)
        centred = np.where(shares > 0, weights - shares @ weights, 0.0)
        return LevelTerm(self.shares, tuple(centred.tolist()))

    def contribution(self, x: Floats) -> Floats:
        """Return log-odds, shape (n,)."""
        return np.array(self.weights)[_slots(x, len(self.shares) - 1)]


Term = NumberTerm | LevelTerm


@dataclass(frozen=True)
class Logistic:
    """A sum of one term a column."""

    expected_value: float
    terms: tuple[Term, ...]

    @classmethod
    def learn(cls, table: Table, y: Floats, strengths: Sequence[float]) -> list[Logistic]:
        """Learn one model for each of scikit-learn's C in *strengths*."""
        bare = _bare_terms(table)
        parts = [t.design(table.matrix[:, j]) for j, t in enumerate(bare)]
        edges = np.cumsum([part.shape[1] for part in parts])[:-1]
        design = np.hstack(parts)

        def solved(strength: float) -> Logistic:
            model = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200)
            model.fit(design, y)
            weights = np.split(model.coef_[0], edges)
            average = float(model.decision_function(design).mean())
            return cls(average, tuple(t.weighted(w) for t, w in zip(bare, weights, strict=True)))

        return [solved(strength) for strength in strengths]

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
        return cls(stored["expected_value"], tuple(map(_restore_term, stored["terms"])))


def try_logistic(table: Table, y: Floats, folds: Sequence[Fold], seed: int) -> Trial:
    """Judge a few strengths of regularisation out of fold."""
    margins = np.empty((len(STRENGTHS), len(y)))
    losses = np.empty((len(STRENGTHS), len(folds)))
    for k, fold in enumerate(folds):
        valid = table.take(fold.valid)
        models = _learn(table.take(fold.train), y[fold.train], STRENGTHS, seed)
        margins[:, fold.valid] = [model.margin(valid) for model in models]
        losses[:, k] = [mean_loss(y[fold.valid], each) for each in margins[:, fold.valid]]
    by_fold, best = best_by_fold(losses, folds)
    margin = np.full(len(y), np.nan)
    for k, fold in enumerate(folds):
        margin[fold.valid] = margins[by_fold[k], fold.valid]
    strength = STRENGTHS[best]

    def finish(table: Table, y: Floats) -> Logistic:
        return _learn(table, y, [strength], seed)[0]

    return Trial("logistic", margin, f"C={strength:g}", finish)


def _learn(table: Table, y: Floats, strengths: Sequence[float], seed: int) -> list[Logistic]:
    if len(y) > MOST_ROWS:
        rows = np.random.default_rng(seed).choice(len(y), MOST_ROWS, replace=False)
        table, y = table.take(rows), y[rows]
    return Logistic.learn(table, y, strengths)


def _bare_terms(table: Table) -> list[Term]:
    columns = enumerate(table.matrix.T)
    return [
        LevelTerm.learn(x, table.levels[j]) if j in table.levels else NumberTerm.learn(x)
        for j, x in columns
    ]


def _slots(x: Floats, codes: int) -> Ints:
    return np.where(np.isnan(x), codes, np.minimum(x, codes - 1)).astype(np.int64)


def _restore_term(stored: dict[str, Any]) -> Term:
    if "shares" in stored:
        return LevelTerm(tuple(stored["shares"]), tuple(stored["weights"]))
    return NumberTerm(**stored)
