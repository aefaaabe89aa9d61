"""What comes next by LightGBM, on counts and recency."""

from __future__ import annotations

from typing import Self

import lightgbm as lgb
import numpy as np

from salesml.training.table import Floats, Ints

__all__ = ["Boosted"]

# small trees: 60 rounds a class take seconds, and more of either did not pay on real data
_SETTINGS = {
    "objective": "multiclass",
    "num_leaves": 7,
    "learning_rate": 0.1,
    "min_data_in_leaf": 50,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "num_threads": 1,  # a night may share its cores
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
_ROUNDS = 60
_HUMILITY = 0.002  # the share of the plain frequencies: a kind never seen so far may come


class Boosted:
    """Gradient boosted trees that give probabilities of *classes* classes."""

    def __init__(self, classes: int, random_state: int = 0) -> None:
        self.classes = classes
        self.random_state = random_state

    def fit(self, X: Floats, outcome: Ints) -> Self:
        """Learn from X, shape (n, columns), and the class of each row."""
        settings = {**_SETTINGS, "num_class": self.classes, "seed": self.random_state}
        self._booster = lgb.train(settings, lgb.Dataset(X, outcome), _ROUNDS)
        counts = np.bincount(outcome, minlength=self.classes) + 1.0
        self._usual = counts / counts.sum()
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """Probabilities of the classes, shape (n, classes)."""
        if not len(X):
            return np.empty((0, self.classes))
        learnt = np.asarray(self._booster.predict(X, num_threads=1), dtype=np.float64)
        return np.asarray((1 - _HUMILITY) * learnt + _HUMILITY * self._usual)
