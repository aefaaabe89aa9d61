"""An order and folds of rows that do not depend on how the rows came."""

from __future__ import annotations

import numpy as np

from salesml.training.table import Floats, Ints, Table

__all__ = ["FOLDS", "canonical_order", "deal"]

FOLDS = 5


def canonical_order(table: Table, arms: Ints, outcomes: Floats) -> Ints:
    """Return the rows sorted by all that is known of them."""
    return np.lexsort((arms, outcomes, *table.matrix.T[::-1])).astype(np.int64)


def deal(arms: Ints, outcomes: Floats, clusters: Ints, seed: int, count: int = FOLDS) -> Ints:
    """Return the number of each row's fold; each holds alike shares of every action and outcome.

    Rows of a cluster, codes from 0, lie in one fold.
    """
    first = np.unique(clusters, return_index=True)[1]
    fold = np.empty(len(first), dtype=np.int64)
    for arm in np.unique(arms[first]):
        members = np.flatnonzero(arms[first] == arm)
        noise = np.random.default_rng(seed).permutation(len(members))
        order = members[np.lexsort((noise, outcomes[first[members]]))]
        fold[order] = np.arange(len(order)) % count
    return np.asarray(fold[clusters])
