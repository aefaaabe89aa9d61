"""Points: contributions in log-odds summed by concept, as whole points that add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from salesml.features import FeatureSet

__all__ = ["AVERAGE", "Concepts", "Floats", "Ints", "concepts_of", "moves", "points", "scores"]

LOWEST, AVERAGE, HIGHEST = 1, 50, 99
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def scores(margin: Floats, *, average: float, slope: float) -> Ints:
    """Scores 1 to 99 of margins in log-odds; *average* scores 50, *slope* points a log-odd."""
    exact = AVERAGE + slope * (margin - average)
    return np.clip(np.rint(exact), LOWEST, HIGHEST).astype(np.int64)


def points(contributions: Floats, score: Ints, slope: float) -> Ints:
    """Whole points by concept that add up to ``score - 50`` in every row.

    Parameters
    ----------
    contributions : (rows, concepts) in log-odds; a row adds up to its distance from the average.
    score : (rows,), as `scores` makes it of the same margins and *slope*.
    slope : points a log-odd.

    A score cut off at 1 or 99 shrinks its points alike; what rounding leaves goes to the largest
    remainders.
    """
    exact = slope * contributions
    total = exact.sum(axis=1)
    distance = score - AVERAGE
    # told by the score: within the scale, a total near a half may round to either side
    cut = np.isin(score, (LOWEST, HIGHEST)) & (np.abs(total) > np.abs(distance) + 0.5)
    exact *= np.divide(distance, total, out=np.ones_like(total), where=cut)[:, None]
    return _rounded(exact, distance)


def moves(before: Floats, now: Floats, score_before: Ints, score_now: Ints, slope: float) -> Ints:
    """Whole points by concept, (rows, concepts), that add up to ``score_now - score_before``.

    *before* and *now* are contributions as `points` takes them, by one model. A concept whose
    contribution stayed as it was has no points. Where a score is cut off at 1 or 99, all points
    shrink alike; otherwise what the rounding of the two scores leaves goes to the concept that
    moved most.
    """
    exact = slope * (now - before)
    total = exact.sum(axis=1)
    moved = score_now - score_before
    # each of the two scores was rounded by half a point at most
    cut = np.abs(total) > np.abs(moved) + 1 + 1e-6
    exact *= np.divide(moved, total, out=np.ones_like(total), where=cut)[:, None]
    if exact.size:
        most = np.argmax(np.abs(exact), axis=1)
        rows = np.arange(len(exact))
        exact[rows, most] += moved - exact.sum(axis=1)
    return _rounded(exact, moved)


def _rounded(exact: Floats, total: Ints) -> Ints:
    """*exact* as whole numbers that add up to *total*: the largest remainders are rounded up."""
    # a hair below a whole number is that number: what did not move has no points
    near = np.rint(exact)
    exact = np.where(np.abs(exact - near) < 1e-9, near, exact)
    whole = np.floor(exact).astype(np.int64)
    left = total - whole.sum(axis=1)
    order = np.argsort(whole - exact, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(exact.shape[1])[None, :], axis=1)
    rounded: Ints = whole + (rank < left[:, None])
    return rounded


def concepts_of(sets: Sequence[FeatureSet]) -> dict[str, str]:
    """The concept of each feature."""
    return {n: f.concept for feature_set in sets for n, f in feature_set.features.items()}


@dataclass(frozen=True)
class Concepts:
    """The concepts of a table of contributions, and the positions of their columns."""

    columns: dict[str, list[int]]

    @classmethod
    def of(cls, names: Sequence[str], sets: Sequence[FeatureSet]) -> Concepts:
        """The concepts of the features *names*, in the order they first occur."""
        concepts, grouped = concepts_of(sets), dict[str, list[int]]()
        for position, name in enumerate(names):
            grouped.setdefault(concepts[name], []).append(position)
        return cls(grouped)

    @cached_property
    def names(self) -> list[str]:
        """The names of the concepts."""
        return list(self.columns)

    def sums(self, contributions: Floats) -> Floats:
        """*contributions*, (rows, features), summed by concept, (rows, concepts)."""
        return np.column_stack([contributions[:, at].sum(axis=1) for at in self.columns.values()])

    def speakers(self, contributions: Floats, first: Floats | None = None) -> Ints:
        """The feature that speaks for each row and concept: the strongest in its direction.

        Where *first*, (rows, features), is greater, a feature of that direction comes first.
        Returns positions of columns, (rows, concepts).
        """
        sums = self.sums(contributions)
        chosen = np.empty(sums.shape, dtype=np.int64)
        for j, columns in enumerate(self.columns.values()):
            along = contributions[:, columns] * np.sign(sums[:, [j]])
            if first is not None:
                ahead = along.max(axis=1, initial=0.0, keepdims=True) * 2
                along = np.where(along > 0, along + ahead * first[:, columns], along)
            chosen[:, j] = np.asarray(columns)[np.argmax(along, axis=1)]
        return chosen
