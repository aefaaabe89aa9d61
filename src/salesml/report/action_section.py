"""What the report tells of actions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from salesml.actions.learning import ActionEvaluation
from salesml.config import TaskConfig, Words

__all__ = ["ActionSection", "Brought"]


@dataclass(frozen=True)
class Brought:
    """What actions have brought so far.

    Parameters
    ----------
    actions, policies, uplift : as `salesml.actions.learning.ActionEvaluation` has them.
    tasks : titles of the tasks that policies and uplift are about.
    as_of : the date by which it was known.
    notes : what limits these numbers, in words.
    """

    actions: pd.DataFrame
    policies: pd.DataFrame
    uplift: pd.DataFrame
    tasks: Mapping[str, Words]
    as_of: dt.date
    notes: Sequence[Words] = ()

    @classmethod
    def of(cls, found: ActionEvaluation, tasks: Mapping[str, TaskConfig]) -> Brought:
        """What *found* says, with titles from *tasks*."""
        titles = {name: task.title for name, task in tasks.items()}
        return cls(found.actions, found.policies, found.uplift, titles, found.as_of, found.notes)

    def nameless(self) -> Brought:
        """Without who did what; notes may name persons, too."""
        return replace(self, actions=self.actions.assign(by=None), notes=())


@dataclass(frozen=True)
class ActionSection:
    """What is to be done as of a date, and what was done so far.

    Parameters
    ----------
    agenda : one row an action to be done, with the columns of decisions; those of earlier nights
        that are still open are among them.
    loads : one row a person: ``name, minutes`` (planned for this week) and ``of`` (what they have).
    fired : plays that came true since the last night, and of how many.
    left : how many got no action today, by why: ``how`` of decisions.
    notes : what is to be looked at in the rules.
    brought : what actions have brought so far, where that is known.
    """

    as_of: dt.date
    agenda: pd.DataFrame
    loads: pd.DataFrame
    fired: Sequence[tuple[Words, int]] = ()
    left: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[Words] = ()
    brought: Brought | None = None

    def nameless(self) -> ActionSection:
        """Without what names records and persons, or may: a person is told by their id."""
        agenda, loads = self.agenda, self.loads
        return replace(
            self,
            agenda=agenda.assign(name=None, owner=None, assignee=agenda["assignee_id"]),
            loads=loads.assign(name=loads["rep_id"]),
            notes=(),
            brought=self.brought and self.brought.nameless(),
        )
