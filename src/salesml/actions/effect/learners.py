"""Effects of actions by features: an average, what ridge and trees add to it, and how much of it.

Each action's scores less the control's are learnt from (Kennedy, Towards optimal doubly robust
estimation of heterogeneous causal effects, 2023). What the two regressions add to the average is
weighed by how well it foretells scores that they had not seen, starting from a cautious guess, so
that little is left where effects are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from salesml.actions.effect.regression import Boosting, Features, Regression, boosted, ridge
from salesml.training.table import Floats, Ints

__all__ = [
    "ArmEffect",
    "Effects",
    "Learnt",
    "assemble",
    "enough_for_trees",
    "learn",
    "out_of_fold",
    "weigh",
]

EFFECT = Boosting(rounds=50, leaves=4, share=0.02, leaf=40)
ENOUGH = 400  # rows for each action from which trees are grown
# What the weights of ridge and trees are taken for before looking, how far they may be off, and
# what is left of them in any case: who is first in line matters where capacity is short.
GUESS, DOUBT, FLOOR = (0.6, 0.1), 0.25, (0.2, 0.0)
STRONGEST = 1.0  # penalty of ridge: its weight draws it to the average, too


@dataclass(frozen=True)
class Learnt:
    """One action's average effect, and regressions of it."""

    average: float
    regressions: tuple[Regression, ...]

    def added(self, features: Features) -> Floats:
        """Return what each regression adds to the average, shape (n, regressions)."""
        return np.column_stack([r.predict(features) - self.average for r in self.regressions])


@dataclass(frozen=True)
class ArmEffect:
    """One action's effect: the average and a weighted part of what regressions add."""

    learnt: Learnt
    weights: Floats

    def predict(self, features: Features) -> Floats:
        """Return shape (n,)."""
        return np.asarray(self.learnt.average + self.learnt.added(features) @ self.weights)


@dataclass(frozen=True)
class Effects:
    """Effects of all actions against the control."""

    arms: tuple[ArmEffect, ...]

    def predict(self, features: Features) -> Floats:
        """Return shape (n, K); the control's column is 0."""
        columns = [arm.predict(features) for arm in self.arms]
        return np.column_stack([np.zeros(len(features)), *columns])


def enough_for_trees(rows: int, count: int) -> bool:
    """Whether so many rows of *count* actions are enough to grow trees of effects from."""
    return rows >= ENOUGH * count


def learn(features: Features, scores: Floats, seed: int, trees: bool) -> list[Learnt]:
    """Learn one model for each action from doubly robust *scores*, shape (n, K)."""
    gains = (scores[:, k] - scores[:, 0] for k in range(1, scores.shape[1]))
    return [_learn(features, each, seed, trees) for each in gains]


def _learn(features: Features, gains: Floats, seed: int, trees: bool) -> Learnt:
    models: list[Regression] = [ridge(features, gains, STRONGEST)]
    if trees:
        models.append(boosted(features, gains, EFFECT, seed))
    return Learnt(float(gains.mean()), tuple(models))


def weigh(added: Floats, left: Floats) -> Floats:
    """Return the weights with which *added*, shape (n, regressions), foretells *left*.

    Least squares that start from a guess; weights are not negative and add up to 1 at most.
    """
    spread = max(float(left.std()), 1e-12)
    guess, floor = (np.array(each[: added.shape[1]]) for each in (GUESS, FLOOR))
    q, root = np.linalg.qr(added / spread)
    rows = np.vstack([root, np.eye(len(guess)) / DOUBT])
    aims = np.append(q.T @ (left / spread), guess / DOUBT)
    weights = floor + nnls(rows, aims - rows @ floor)[0]
    return np.asarray(weights / max(1.0, float(weights.sum())))


def out_of_fold(
    features: Features, judged: Floats, fold: Ints, seed: int, trees: bool
) -> tuple[Floats, Floats]:
    """Return (average, added) from models that had not seen the row's fold.

    *judged[j]* are the scores to learn from where fold j is judged, shape (folds, n, K); the
    results have shapes (n, K - 1) and (n, K - 1, regressions).
    """
    averages, added = [], []
    for number in range(len(judged)):
        train, valid = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        models = learn(features.take(train), judged[number, train], seed, trees)
        held = features.take(valid)
        averages.append(np.tile([m.average for m in models], (len(valid), 1)))
        added.append(np.stack([m.added(held) for m in models], axis=1))
    order = np.argsort(np.argsort(fold, kind="stable"), kind="stable")
    return np.concatenate(averages)[order], np.concatenate(added)[order]


def assemble(models: Sequence[Learnt], weights: Sequence[Floats]) -> Effects:
    """Return the effects that *models* and their *weights* make."""
    pairs = zip(models, weights, strict=True)
    return Effects(tuple(ArmEffect(model, own) for model, own in pairs))
