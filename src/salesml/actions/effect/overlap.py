"""Probabilities with which actions were taken: logged or estimated, and whether they overlap."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from salesml.actions.effect.inputs import Warn
from salesml.actions.effect.regression import Features, threads_for
from salesml.training.blas import one_blas_thread
from salesml.training.table import Bools, Floats, Ints

__all__ = ["HARDLY", "least_of", "overlap_table", "propensities"]

HARDLY = 0.001  # a propensity as low as this is noted wrongly, or too low to weigh with
LEAST = 0.01  # propensities below count as this ...
EQUAL = 0.5  # ... or as this part of an equal share, if that is less
MOST_CLIPPED = 0.02  # share of rows from which clipping is told
LEAST_EFFECTIVE = 0.3  # share of an action's rows that its weights should leave
MOST_ROWS = 20_000  # show which rows get which action
ENOUGH = 2_000  # rows from which trees are grown
ERRORS = 4.0  # standard errors that inverse propensities may be off


class _Chooser(Protocol):
    def predict(self, features: Features) -> Floats: ...


@dataclass(frozen=True)
class _Shares:
    """Every row has the same probabilities."""

    shares: Floats

    def predict(self, features: Features) -> Floats:
        return np.tile(self.shares, (len(features), 1))


@dataclass(frozen=True)
class _Linear:
    model: Any
    count: int

    def predict(self, features: Features) -> Floats:
        chances = np.zeros((len(features), self.count))
        chances[:, self.model.classes_] = self.model.predict_proba(features.design)
        return chances


@dataclass(frozen=True)
class _Trees:
    booster: lgb.Booster

    def predict(self, features: Features) -> Floats:
        threads = threads_for(len(features))
        return np.asarray(self.booster.predict(features.table.matrix, num_threads=threads))


def _chances(features: Features, arms: Ints, count: int, fold: Ints) -> Floats:
    """Return the probability of each action, shape (n, count), from rows of other folds.

    Equal shares for all, a logistic regression and trees are tried; one that foretells better by
    less than chance would is not believed.
    """
    learners = [_shares, _linear] + ([_trees] if len(arms) >= ENOUGH else [])
    best, losses = _of_folds(features, arms, count, fold, learners[0])
    for learner in learners[1:]:
        other, own = _of_folds(features, arms, count, fold, learner)
        gain = losses - own
        if gain.mean() > 2 * gain.std() / np.sqrt(len(gain)):
            best, losses = other, own
    return best


def _of_folds(
    features: Features, arms: Ints, count: int, fold: Ints, learner: Any
) -> tuple[Floats, Floats]:
    chances = np.empty((len(arms), count))
    for number in np.unique(fold):
        train, valid = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        model: _Chooser = learner(features.take(train), arms[train], count)
        chances[valid] = model.predict(features.take(valid))
    own = chances[np.arange(len(arms)), arms]
    return chances, -np.log(np.maximum(own, 1e-6))


def _shares(features: Features, arms: Ints, count: int) -> _Chooser:  # noqa: ARG001
    return _Shares(np.bincount(arms, minlength=count) / len(arms))


def _linear(features: Features, arms: Ints, count: int) -> _Chooser:
    if len(np.unique(arms)) < 2:
        return _shares(features, arms, count)
    if len(arms) > MOST_ROWS:
        step = np.linspace(0, len(arms) - 1, MOST_ROWS).astype(np.int64)
        features, arms = features.take(step), arms[step]
    with one_blas_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a solution that is nearly right is judged like any other
        model = LogisticRegression(C=0.1, max_iter=200).fit(features.design, arms)
    return _Linear(model, count)


def _trees(features: Features, arms: Ints, count: int) -> _Chooser:
    table = features.table
    data = lgb.Dataset(
        table.matrix,
        arms,
        feature_name=[f"f{number}" for number in range(table.width)],
        categorical_feature=list(table.levels),
        params={"verbosity": -1, "force_row_wise": True},
    )
    settings = {
        "objective": "multiclass",
        "num_class": count,
        "num_leaves": 6,
        "min_data_in_leaf": max(20, len(arms) // 100),
        "learning_rate": 0.1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads_for(len(arms)),
        "verbosity": -1,
    }
    return _Trees(lgb.train(settings, data, 40))


def propensities(
    features: Features,
    arms: Ints,
    names: Sequence[Any],
    fold: Ints,
    logged: Floats | None,
    warn: Warn,
) -> tuple[Floats, pd.DataFrame]:
    """Return the probability of each row's action, held above `least_of`, and the `overlap_table`.

    *arms* are places in *names*, -1 for actions that are not looked at; without *logged* they are
    estimated, *fold* by fold.
    """
    taken = logged if logged is not None else _estimated(features, arms, fold)
    table = overlap_table(names, arms, taken)
    _warn_of_overlap(table, logged is None, warn)
    return _clipped(taken, least_of(len(names)), warn), table


def _estimated(features: Features, arms: Ints, fold: Ints) -> Floats:
    known = np.flatnonzero(arms >= 0)
    present, codes = np.unique(arms[known], return_inverse=True)
    taken = np.ones(len(arms))
    if len(present) > 1:
        chances = _chances(features.take(known), codes, len(present), fold[known])
        taken[known] = chances[np.arange(len(known)), codes]
    return taken


def least_of(count: int) -> float:
    """Return what lower propensities count as where there are *count* actions.

    A weight that is far above others is luck; after Ionides, Truncated importance sampling (2008).
    """
    return min(LEAST, EQUAL / count)


def _clipped(taken: Floats, least: float, warn: Warn) -> Floats:
    """Return probabilities of at least *least*, with a warning where that moves many."""
    low = taken < least
    if low.mean() > MOST_CLIPPED:
        warn(
            f"{int(low.sum()):,} of {len(low):,} rows got an action that such rows get in less "
            f"than {least:.2%} of cases; that is what their propensities count as, which biases "
            "effects a little."
        )
    return np.maximum(taken, least)


def overlap_table(names: Sequence[Any], arms: Ints, taken: Floats) -> pd.DataFrame:
    """Return a row for each action; *taken* as logged or estimated, before clipping.

    Columns: rows; share; lowest, median and highest propensity of the rows that got it; clipped
    rows; effective_share, the share of its rows that equal weights would need to tell as much;
    inverse, the mean of 1 / propensity over all rows, 1 where propensities are right, and its
    standard error.
    """
    least = least_of(len(names))
    found = [_overlap(arms == arm, taken, least) for arm in range(len(names))]
    return pd.DataFrame(found, index=pd.Index(names, name="action"))


def _overlap(own: Bools, taken: Floats, least: float) -> dict[str, float]:
    mine = taken[own]
    if not len(mine):
        return {"rows": 0, "share": 0.0}
    weights = 1 / np.maximum(mine, least)
    plain = np.zeros(len(taken))
    plain[own] = 1 / mine
    return {
        "rows": len(mine),
        "share": float(own.mean()),
        "lowest": float(mine.min()),
        "median": float(np.median(mine)),
        "highest": float(mine.max()),
        "clipped": int((mine < least).sum()),
        "effective_share": float(weights.sum() ** 2 / (weights**2).sum() / len(mine)),
        "inverse": float(plain.mean()),
        "inverse_error": float(plain.std() / np.sqrt(len(plain))),
    }


def _warn_of_overlap(table: pd.DataFrame, estimated: bool, warn: Warn) -> None:
    """Tell of actions whose rows are too unlike the others, and of propensities that cannot be."""
    for name, row in table.iterrows():
        if row["effective_share"] < LEAST_EFFECTIVE:
            warn(
                f"Hardly any rows are alike to those that got '{name}': its {row['rows']:,.0f} "
                f"tell as much as {row['effective_share'] * row['rows']:,.0f} would."
            )
        if not estimated and row["lowest"] < HARDLY:
            warn(
                f"'{name}' was taken in spite of a propensity of {row['lowest']:.2g}; such rows "
                "would count for more than all others, and are better left out."
            )
        off = abs(row["inverse"] - 1)
        if not estimated and off > max(ERRORS * row["inverse_error"], 0.05):
            warn(
                f"The propensities of '{name}' do not fit how often it was taken: their inverse "
                f"should average 1 over all rows and averages {row['inverse']:.2f}."
            )
