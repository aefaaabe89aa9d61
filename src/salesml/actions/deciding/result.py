"""What a night decided, for whoever prints or renders it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from salesml.actions.book import as_decisions, frame_of
from salesml.config import Words

__all__ = ["Actions", "told_once"]


@dataclass(frozen=True)
class Actions:
    """What a night decided.

    Parameters
    ----------
    decisions : one row an entity considered, with the columns of `salesml.actions.book.DECISIONS`.
    agenda : what is to be done, tonight's actions and those before that nobody has answered.
    loads : rep_id, name, role, ``minutes`` asked of them this week, ``of`` how many.
    fired : entity, play, name_ja, name_en, ``n``: how often plays fired.
    notes : what else is to be known.
    value, gap : what the plan without chance is worth, in the project's currency, and the share
        that the best plan may be better.
    recorded : whether the book holds this: not where a later date was decided before, nor after a
        dry run.
    withdrawn : what was to be done before, and is not any more though nobody answered it.
    """

    decisions: pd.DataFrame
    agenda: pd.DataFrame
    loads: pd.DataFrame
    fired: pd.DataFrame
    notes: list[Words] = field(default_factory=list)
    value: float = 0.0
    gap: float = 0.0
    recorded: bool = True
    withdrawn: pd.DataFrame = field(default_factory=lambda: frame_of(as_decisions([])))

    @property
    def counts(self) -> dict[str, int]:
        """How many entities were decided how."""
        return dict(Counter(self.decisions["how"]))


def told_once(notes: Iterable[Words]) -> list[Words]:
    """*notes* without those that say the same again."""
    return list({(note.ja, note.en): note for note in notes}.values())
