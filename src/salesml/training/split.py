"""Which rows are learnt from and which are judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from salesml.training.table import Bools, Floats, Ints

__all__ = [
    "Fold",
    "crossed_folds",
    "date_blocks",
    "enough_in_each",
    "group_folds",
    "known_by",
    "newest_dates",
    "time_folds",
]

FIRST_TRAINING_SHARE = 0.4  # of the rows lie before the first validation date
# of the rows a fold must learn from: a model of much fewer, or of a time long gone, tells nothing
# of one that learns from all
LEAST_LEARNT_SHARE = 0.3
FEWEST_OF_A_CLASS = 10  # a fold that learns from fewer says nothing


@dataclass(frozen=True)
class Fold:
    """Row numbers to learn from and row numbers to judge on."""

    train: Ints
    valid: Ints


def known_by(days: Ints, first: int, horizon: int) -> Bools:
    """Return which rows, dated *days*, have an outcome that is known on day *first*."""
    return (days < first) & (days + horizon <= first)


def time_folds(days: Ints, y: Floats, embargo: int, count: int = 4) -> list[Fold]:
    """Return folds of an expanding window, oldest first, or none where history is too short.

    Each fold judges on a run of dates and learns from rows dated at least *embargo* days before
    the first of them, which must be a fair part of all rows.
    """
    dates, position = np.unique(days, return_inverse=True)
    share = _share_before(position)
    block = np.floor((share - FIRST_TRAINING_SHARE) / (1 - FIRST_TRAINING_SHARE) * count)
    folds = []
    for number in range(count):
        members = dates[block == number]
        if len(members):
            valid = np.isin(days, members)
            folds.append(Fold(*map(_rows, (known_by(days, int(members[0]), embargo), valid))))
    least = LEAST_LEARNT_SHARE * len(days)
    usable = [fold for fold in folds if len(fold.train) >= least and _has_both(y[fold.train])]
    judged = y[np.concatenate([f.valid for f in usable])] if usable else y[:0]
    return usable if len(usable) > 1 and _has_both(judged) else []


def group_folds(y: Floats, clusters: Ints, seed: int, count: int = 5) -> list[Fold]:
    """Return folds that keep each cluster whole and spread the positives evenly.

    *clusters* are codes 0 to n - 1.
    """
    positives = np.bincount(clusters, weights=y)
    shuffled = np.random.default_rng(seed).permutation(len(positives))
    order = shuffled[np.argsort(-positives[shuffled], kind="stable")]
    fold_of_cluster = np.empty(len(positives), dtype=np.int64)
    fold_of_cluster[order] = np.arange(len(order)) % count
    fold = fold_of_cluster[clusters]
    return [Fold(_rows(fold != k), _rows(fold == k)) for k in range(count) if (fold == k).any()]


def date_blocks(days: Ints, count: int = 3) -> Ints:
    """Return the number of each row's run of dates, of *count* runs of about as many rows."""
    _, position = np.unique(days, return_inverse=True)
    runs = np.floor(_share_before(position) * count)
    return np.asarray(np.unique(runs, return_inverse=True)[1][position], dtype=np.int64)


def enough_in_each(blocks: Ints, y: Floats) -> bool:
    """Whether each of *blocks* has enough of both outcomes to learn from it alone.

    A programme's first year may have seen two adopters: what learns from it knows nothing.
    """
    return all(_has_both(y[blocks == each]) for each in np.unique(blocks))


def crossed_folds(blocks: Ints, y: Floats, clusters: Ints, seed: int) -> list[Fold]:
    """Return folds that judge on other entities and other *blocks* of dates than they learn from.

    For a history too short for `time_folds`: rows of one date share what happened that day, so a
    model judged on the dates it learnt from looks better than it will be on new ones.
    """
    return [
        Fold(fold.train[blocks[fold.train] != each], fold.valid[blocks[fold.valid] == each])
        for fold in group_folds(y, clusters, seed)
        for each in np.unique(blocks[fold.valid])
    ]


def newest_dates(
    days: Ints, y: Floats, *, horizon: int, share: float, fewest: int
) -> tuple[Bools, Bools] | None:
    """Return (training rows, test rows): the newest dates are the test.

    The test holds about *share* of the rows and *fewest* positives if the data have them, and
    never more than half of the rows. None if no date leaves *fewest* positives and negatives
    to learn from.
    """
    dates, position = np.unique(days, return_inverse=True)
    rows, wins = np.bincount(position), np.bincount(position, weights=y)
    tested, tested_wins = rows[::-1].cumsum()[::-1], wins[::-1].cumsum()[::-1]
    learnt_dates = np.searchsorted(dates, dates - max(horizon, 1), side="right")
    learnt, learnt_wins = (np.append(0, each.cumsum())[learnt_dates] for each in (rows, wins))
    workable = (tested <= len(days) / 2) & (tested_wins > 0) & (tested_wins < tested)
    workable &= np.minimum(learnt_wins, learnt - learnt_wins) >= fewest
    enough = workable & (tested >= share * len(days)) & (tested_wins >= fewest)
    if not workable.any():
        return None
    chosen = np.flatnonzero(enough)[-1] if enough.any() else np.flatnonzero(workable)[0]
    first = int(dates[chosen])
    return known_by(days, first, horizon), days >= first


def _share_before(position: Ints) -> Floats:
    """Return the share of rows that come before each date; *position* numbers each row's date."""
    rows = np.bincount(position)
    return np.asarray((rows.cumsum() - rows) / len(position))


def _has_both(y: Floats) -> bool:
    return bool(min(y.sum(), len(y) - y.sum()) >= FEWEST_OF_A_CLASS)


def _rows(mask: Bools) -> Ints:
    return np.flatnonzero(mask).astype(np.int64)
