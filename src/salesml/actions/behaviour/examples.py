"""Histories cut on dates, and what followed each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from salesml.actions.behaviour.sequences import Sequences, Standing
from salesml.training.table import Ints

__all__ = ["Examples"]


@dataclass(frozen=True)
class Examples:
    """How entities stood on *dates* (in seconds, oldest first), and the class that followed.

    ``standings`` and ``outcomes`` have one member a date; ``classes`` is the number of classes,
    the last of which is nothing.
    """

    sequences: Sequences
    dates: list[int]
    standings: list[Standing]
    outcomes: list[Ints]
    classes: int

    @classmethod
    def cut(cls, sequences: Sequences, dates: list[int], within: int, done: Ints) -> Self:
        """Histories on those of *dates* on which there are any, and what followed *within* days.

        *done* are the kinds of acts that may follow, in order.
        """
        code = np.full(len(sequences.kinds) + 1, len(done))
        code[done] = np.arange(len(done))
        found = {date: sequences.standing(date) for date in dates}
        stood = {date: standing for date, standing in found.items() if len(standing.entity)}
        outcomes = [
            code[sequences.what_next(date, standing.entity, within)]
            for date, standing in stood.items()
        ]
        return cls(sequences, list(stood), list(stood.values()), outcomes, len(done) + 1)

    @property
    def rows(self) -> int:
        """Number of histories."""
        return sum(map(len, self.outcomes))

    def between(self, first: int, end: int) -> Self:
        """Those of the dates number *first* to *end* - 1."""
        part = slice(first, end)
        return replace(
            self,
            dates=self.dates[part],
            standings=self.standings[part],
            outcomes=self.outcomes[part],
        )

    def some(self, most: int, random_state: int) -> Self:
        """About *most* of the rows, drawn by chance from all dates."""
        rng = np.random.default_rng(random_state)
        share = most / max(self.rows, 1)
        if share >= 1:
            return self
        kept = [rng.random(len(outcome)) < share for outcome in self.outcomes]
        return replace(
            self,
            standings=[each.only(rows) for each, rows in zip(self.standings, kept, strict=True)],
            outcomes=[each[rows] for each, rows in zip(self.outcomes, kept, strict=True)],
        )
