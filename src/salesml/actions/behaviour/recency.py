"""What trees see of a history: how often and how long ago each kind of act was."""

from __future__ import annotations

import numpy as np

from salesml.actions.behaviour.sequences import DAY, MEMORY, Sequences, Standing
from salesml.training.table import Floats, Ints

__all__ = ["recency"]

_WINDOWS = (7, 30, 90, MEMORY)  # days, the longest last


def recency(sequences: Sequences, standing: Standing, date: int) -> Floats:
    """Numbers on each entity of *standing* at *date*, in seconds; shape (n, columns).

    Acts by kind and in all in each window, days since the last of each kind (NaN: none), days
    since the first act, days of silence, and the latest acts.
    """
    rows = sequences.seen(date, MEMORY)
    ago = (date - sequences.time[rows]) / DAY
    counts = [_counts(sequences, rows[ago <= days])[standing.entity] for days in _WINDOWS]
    return np.column_stack(
        [
            *counts,
            *(count.sum(axis=1) for count in counts),
            _latest(sequences, rows, ago)[standing.entity],
            _first(sequences, rows, ago)[standing.entity],
            standing.silence,
            standing.kinds,
        ]
    )


def _counts(sequences: Sequences, rows: Ints) -> Ints:
    shape = len(sequences.ids), len(sequences.kinds)
    cells = sequences.entity[rows] * shape[1] + sequences.kind[rows]
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)


def _latest(sequences: Sequences, rows: Ints, ago: Floats) -> Floats:
    days = np.full((len(sequences.ids), len(sequences.kinds)), np.nan)
    days[sequences.entity[rows], sequences.kind[rows]] = ago  # oldest first: the last one stays
    return days


def _first(sequences: Sequences, rows: Ints, ago: Floats) -> Floats:
    days = np.full(len(sequences.ids), np.nan)
    days[sequences.entity[rows[::-1]]] = ago[::-1]
    return days
