"""Chance by hash: who is held out, who is explored, and how probable each decision was.

The same entity draws the same lot however often a date is run, and whatever happens to others.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

__all__ = ["Lots", "lot"]


def lot(*parts: object) -> float:
    """A number from 0 up to 1 that looks random and is always the same for the same *parts*."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") / 2**64


@dataclass(frozen=True)
class Lots:
    """The lots of a night.

    Parameters
    ----------
    holdout : share of the entities that get nothing, drawn anew each quarter.
    explore : share that gets an allowed action, or none, by chance, drawn anew each week. A lot is
        drawn on the first night of the week on which the entity is considered; the others of that
        week leave it alone.
    as_of : the night.
    """

    holdout: float
    explore: float
    as_of: dt.date

    def held(self, entity: str, entity_id: str) -> bool:
        """Whether the entity is held out this quarter."""
        quarter = (self.as_of.year, (self.as_of.month + 2) // 3)
        return lot("holdout", *quarter, entity, entity_id) < self.holdout

    def explored(self, entity: str, entity_id: str) -> bool:
        """Whether the entity gets by chance what it gets this week."""
        return lot("explore", *self._week, entity, entity_id) < self.explore

    def turn(self, entity: str, entity_id: str) -> float:
        """When it is the entity's turn to draw: it may have what those before it left."""
        return lot("turn", *self._week, entity, entity_id)

    def draw(self, entity: str, entity_id: str, many: int) -> int:
        """Which of *many* the entity draws, from 0 on."""
        return min(int(lot("draw", *self._week, entity, entity_id) * many), many - 1)

    def probability(self, *, none: bool, planned: bool, drawable: int | None) -> float:
        """The probability of a decision, before any lot was drawn.

        Parameters
        ----------
        none : whether it is for no action.
        planned : whether it is what the plan says.
        drawable : how many the entity could have drawn from, none among them; None if what was
            decided was not among them.
        """
        drawn = 1 / drawable if drawable else 0.0
        free = (1 - self.explore) * planned + self.explore * drawn
        return self.holdout * none + (1 - self.holdout) * free

    @property
    def _week(self) -> tuple[int, int]:
        year, week, _ = self.as_of.isocalendar()
        return year, week
