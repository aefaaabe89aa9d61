"""Rows from the highest score down, and what they add up to on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from salesml.training.table import Floats, Ints

__all__ = ["Ranking"]


@dataclass(frozen=True)
class Ranking:
    """The order of rows by falling score; ``ends`` are the last places of equal scores.

    Rows of equal scores have no order: of a cut that goes through them, they count in proportion.
    Values are put in order once, by `ordered`, and then added up for many weights.
    """

    order: Ints
    ends: Ints

    @classmethod
    def of(cls, score: Floats) -> Ranking:
        """Return the ranking by *score*, shape (n,)."""
        order = np.argsort(-score, kind="stable")
        falling = score[order]
        ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        return cls(order.astype(np.int64), ends.astype(np.int64))

    def ordered(self, values: Floats) -> Floats:
        """Return *values*, one a row, from the top down."""
        return np.asarray(values[self.order], dtype=np.float64)

    def gathered(self, ordered: Floats) -> Floats:
        """Return the sum of *ordered* values from the top to the end of each of equal scores."""
        sums = ordered.cumsum()
        return sums if len(self.ends) == len(sums) else sums[self.ends]

    def top(self, shares: Floats, weights: Floats, *ordered: Floats) -> list[Floats]:
        """Return weighted sums of *ordered* values over the top *shares* of weighted rows.

        *weights* are in the order of the rows.
        """
        w = self.ordered(weights)
        contacted = np.append(0, self.gathered(w))
        wanted = shares * contacted[-1]
        return [
            np.interp(wanted, contacted, np.append(0, self.gathered(w * values)))
            for values in ordered
        ]
