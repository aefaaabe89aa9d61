"""The regressions that outcomes and effects are learnt with: ridge and a small LightGBM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import lightgbm as lgb
import numpy as np
from threadpoolctl import threadpool_limits

from salesml.training.table import Floats, Ints, Table
from salesml.training.terms import LEVEL_SCALE, SHAPES, bases_of, dump_basis, restore_basis

__all__ = [
    "Boosting",
    "Features",
    "Mean",
    "Reader",
    "Regression",
    "Ridge",
    "Trees",
    "boosted",
    "closest",
    "ridge",
    "threads_for",
]

STRENGTHS = np.geomspace(0.01, 30.0, 13)  # of the penalty, for columns of spread 1
TINY = 1e-300  # an error that is none
NOISE = 2.0  # that twice a log-likelihood moves by chance
MOST_COLUMNS = 200  # of a design that are learnt from ...
ROWS_A_COLUMN = 4  # ... and never more than this allows
QUANTILES = 51  # that ranks are told by
FEWEST_RANKED = 5  # different values
THREADED = 200_000  # rows from which threads do: fewer make them wait where cores are busy
# What a Dataset must know when it is built.
_DATA_SETTINGS: dict[str, Any] = {
    "feature_pre_filter": False,
    "force_row_wise": True,
    "verbosity": -1,
}


class Features(NamedTuple):
    """Rows twice: as LightGBM reads them, and as columns of mean 0 and spread 1."""

    table: Table
    design: Floats

    def take(self, rows: Ints) -> Features:
        """Return the features of *rows*, in that order."""
        return Features(self.table.take(rows), self.design[rows])

    def __len__(self) -> int:
        return len(self.table)


class Reader:
    """Turns encoded tables into `Features`, as learnt from one of them; outcomes play no part."""

    def __init__(self, table: Table) -> None:
        self._bases = bases_of(table, SHAPES["straight"])
        self._ranks = {j: _Rank.of(table.matrix[:, j]) for j in _bending(table)}

    def read(self, table: Table) -> Features:
        """Return *table* with its design, shape (n, design columns).

        Numbers stand there as they are and, for the sake of skewed ones, as ranks; categories as 0
        and 1.
        """
        parts = [
            basis.design(table.matrix[:, j]) / (LEVEL_SCALE if j in table.levels else 1)
            for j, basis in enumerate(self._bases)
        ]
        parts += [rank.read(table.matrix[:, j])[:, None] for j, rank in self._ranks.items()]
        return Features(table, np.hstack(parts))

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain lists and numbers."""
        ranks = {str(j): rank.known.tolist() for j, rank in self._ranks.items()}
        return {"bases": [dump_basis(basis) for basis in self._bases], "ranks": ranks}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Reader:
        """Return the reader that `to_json` wrote."""
        reader = cls.__new__(cls)
        reader._bases = [restore_basis(basis) for basis in stored["bases"]]
        reader._ranks = {int(j): _Rank(np.array(known)) for j, known in stored["ranks"].items()}
        return reader


@dataclass(frozen=True)
class _Rank:
    """Ranks among the rows that were learnt from, of mean 0 and spread 1; 0 where missing."""

    known: Floats

    @classmethod
    def of(cls, x: Floats) -> _Rank:
        return cls(np.unique(np.quantile(x[~np.isnan(x)], np.linspace(0, 1, QUANTILES))))

    def read(self, x: Floats) -> Floats:
        rank = np.interp(x, self.known, np.linspace(-1, 1, len(self.known)))
        return np.asarray(np.nan_to_num(rank) * np.sqrt(3))


def _bending(table: Table) -> list[int]:
    """Return the columns of numbers whose ranks say more than the numbers do."""
    numbers = [j for j in range(table.width) if j not in table.levels]
    known = ((j, table.matrix[:, j]) for j in numbers)
    return [j for j, x in known if len(np.unique(x[~np.isnan(x)])) > FEWEST_RANKED]


class Regression(Protocol):
    """Anything that expects a number for each row."""

    def predict(self, features: Features) -> Floats:
        """Return shape (n,)."""
        ...


class Mean(NamedTuple):
    """The same for all rows."""

    value: float

    def predict(self, features: Features) -> Floats:
        """Return shape (n,)."""
        return np.full(len(features), self.value)


@dataclass(frozen=True)
class Ridge:
    """``intercept + design @ weights``."""

    intercept: float
    weights: Floats

    def predict(self, features: Features) -> Floats:
        """Return shape (n,)."""
        return np.asarray(self.intercept + features.design @ self.weights)


def ridge(features: Features, y: Floats, strongest: float = STRENGTHS[-1]) -> Ridge:
    """Learn by ridge regression; the penalty has the least generalised cross-validation error.

    It is at most *strongest*: with a strong one, columns that go together count several times.

    After Golub, Heath and Wahba, Generalized cross-validation as a method for choosing a good ridge
    parameter (1979).
    """
    kept = closest(features.design, y)
    design, rows = features.design[:, kept], len(y)
    centre, mean = design.mean(axis=0), float(y.mean())
    centred, residual = design - centre, y - mean
    with threadpool_limits(1, user_api="blas"):
        roots, vectors = np.linalg.eigh(centred.T @ centred / rows)
        roots = np.maximum(roots, 0)
        along = vectors.T @ (centred.T @ residual / rows)
        tried = STRENGTHS[strongest >= STRENGTHS]
        strength = _strength(tried, roots, along, float(residual @ residual) / rows, rows)
        own = vectors @ (along / (roots + strength))
    weights = np.zeros(features.design.shape[1])
    weights[kept] = own
    return Ridge(mean - float(centre @ own), weights)


def _strength(tried: Floats, roots: Floats, along: Floats, spread: float, rows: int) -> float:
    errors = []
    for strength in tried:
        used = (roots / (roots + strength)).sum() + 1
        left = spread - np.sum(along**2 * (roots + 2 * strength) / (roots + strength) ** 2)
        errors.append(max(float(left), TINY) / (1 - min(used / rows, 0.99)) ** 2)
    # the strongest that fits as well as the best, but for noise
    return float(tried[rows * np.log(np.array(errors) / min(errors)) <= NOISE].max())


def closest(design: Floats, y: Floats) -> Ints:
    """Return the columns to learn from: of a wide table, those that go with *y* most closely."""
    most = min(MOST_COLUMNS, max(1, len(y) // ROWS_A_COLUMN))
    if design.shape[1] <= most:
        return np.arange(design.shape[1])
    closeness = np.abs((y - y.mean()) @ design)
    return np.sort(np.argsort(-closeness, kind="stable")[:most])


def threads_for(rows: int) -> int:
    """Return LightGBM's number of threads; 0 is as OpenMP decides."""
    return 1 if rows < THREADED else 0


class Boosting(NamedTuple):
    """Settings of a small LightGBM; a leaf holds at least *share* of the rows, and *leaf* rows."""

    rounds: int
    leaves: int
    share: float
    leaf: int


@dataclass(frozen=True)
class Trees:
    """A booster of LightGBM."""

    booster: lgb.Booster

    def predict(self, features: Features) -> Floats:
        """Return shape (n,)."""
        if not len(features):  # LightGBM refuses none
            return np.empty(0)
        threads = threads_for(len(features))
        return np.asarray(self.booster.predict(features.table.matrix, num_threads=threads))


def boosted(features: Features, y: Floats, settings: Boosting, seed: int) -> Regression:
    """Learn by LightGBM; outcomes of 0 and 1 are expected as probabilities."""
    if y.min() == y.max():
        return Mean(float(y[0]))
    table = features.table
    names = [f"f{number}" for number in range(table.width)]
    data = lgb.Dataset(
        table.matrix,
        y,
        feature_name=names,
        categorical_feature=list(table.levels),
        params=_DATA_SETTINGS,
    )
    own = _DATA_SETTINGS | _settings(y, settings, len(table)) | {"seed": seed}
    return Trees(lgb.train(own, data, settings.rounds))


def _settings(y: Floats, settings: Boosting, rows: int) -> dict[str, Any]:
    return {
        "objective": "binary" if np.isin(y, (0, 1)).all() else "regression",
        "num_leaves": settings.leaves,
        "min_data_in_leaf": max(settings.leaf, int(settings.share * rows)),
        "learning_rate": 0.05,
        "lambda_l2": 10.0,
        "bagging_fraction": 0.5,
        "bagging_freq": 1,
        "feature_fraction": 0.7,
        "deterministic": True,
        "num_threads": threads_for(rows),
    }
