"""What was decided before, and what became of it: open tasks, cooldowns, plays still wanted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from salesml.actions.book import NO_ACTION, ActionBook
from salesml.actions.deciding.each import KEY, Key, each, keys_of
from salesml.actions.deciding.week import monday
from salesml.config import ActionConfig, ActionsConfig

__all__ = ["Past", "joined", "past_of"]

_DAY = dt.timedelta(days=1)
_AGENDA = 30  # days past its deadline that a task stays on the agenda
_WANTED = 14  # days back to the last night that told which plays an entity waited for
_CLOSED = ("done", "declined")
_OF_LAST = [
    *KEY, "as_of", "action_id", "action", "how", "play", "plays", "assignee_id", "due_on",
    "escalate_on",
]  # fmt: skip


@dataclass(frozen=True)
class Past:
    """What was decided before a night, as known then.

    Parameters
    ----------
    given : recommendations that count, oldest first, with ``status``, ``done_on``; those that
        somebody has who left before doing them do not count.
    last : the newest row of each entity, with ``status``.
    as_of : the night.
    """

    given: pd.DataFrame
    last: pd.DataFrame
    as_of: dt.date

    def open(self) -> pd.DataFrame:
        """Recommendations that are to be done yet."""
        return self.given[self._unanswered & (self.given["due_on"] >= self.as_of)]

    def agenda(self) -> pd.DataFrame:
        """The last recommendation of each entity, where nobody has answered it yet."""
        newest = ~self.given.duplicated(KEY, keep="last")
        since = self.as_of - dt.timedelta(days=_AGENDA)
        return self.given[self._unanswered & newest & (self.given["due_on"] >= since)]

    def cooling(self, actions: Mapping[str, ActionConfig]) -> set[tuple[str, str, str]]:
        """Each (entity, entity_id, action) that is not to come again yet."""
        found = set()
        for entity, entity_id, action, date, done in each(
            self.given, *KEY, "action", "as_of", "done_on"
        ):
            days = actions[action].cooldown if action in actions else 0
            if max(date, done or date) + days * _DAY > self.as_of:
                found.add((entity, entity_id, action))
        return found

    def this_week(self) -> pd.DataFrame:
        """Recommendations since Monday."""
        return self.given[self.given["as_of"] >= monday(self.as_of)]

    def drawn(self) -> set[Key]:
        """Each (entity, entity_id) that was considered this week before."""
        return set(keys_of(self.last[self.last["as_of"] >= monday(self.as_of)]))

    def wanted(self, config: ActionsConfig) -> dict[Key, list[str]]:
        """Plays that fired and were not answered by an action, by (entity, entity_id)."""
        found = {}
        for entity, entity_id, names, action, void in each(
            self.last, *KEY, "plays", "action", "void"
        ):
            plays = [config.plays[name] for name in names or () if name in config.plays]
            waiting = [play.id for play in plays if void or action not in play.action]
            if waiting:
                found[entity, entity_id] = waiting
        return found

    def overdue(self) -> pd.DataFrame:
        """Rows of plays to be escalated tonight, the oldest of each entity."""
        waiting = self.last[(self.last["action"] == NO_ACTION) & (self.last["how"] == "capacity")]
        rows = pd.concat([self.given[self._unanswered], waiting], ignore_index=True)
        late = pd.to_datetime(rows["escalate_on"]) <= pd.Timestamp(self.as_of)
        answered = set(self.given["follows"].dropna())
        due = rows[late & ~rows["action_id"].isin(answered)]
        return due.sort_values("as_of", kind="stable").drop_duplicates(KEY)

    @property
    def _unanswered(self) -> pd.Series:
        return ~self.given["status"].isin(_CLOSED)


def past_of(
    book: ActionBook,
    config: ActionsConfig,
    results: pd.DataFrame,
    gone: Collection[str],
    as_of: dt.date,
) -> Past:
    """What *book* holds of the time before *as_of*, joined with *results*.

    *results* are action_id, status, done_on, done_by and result as known before the night, *gone*
    the ids of people who left.
    """
    since = as_of - _reach(config) * _DAY
    last = book.decisions(as_of - _WANTED * _DAY, as_of, _OF_LAST)
    return joined(book.recommendations(since, as_of), last, results, gone, as_of)


def joined(
    given: pd.DataFrame,
    decisions: pd.DataFrame,
    results: pd.DataFrame,
    gone: Collection[str],
    as_of: dt.date,
) -> Past:
    """Recommendations *given* and the *decisions* of late, both oldest first, with *results*."""
    known = results.drop_duplicates("action_id", keep="last").set_index("action_id")
    given = _with_results(given, known, gone)
    last = _with_results(decisions.drop_duplicates(KEY, keep="last"), known, gone)
    return Past(given[~given["void"]].reset_index(drop=True), last, as_of)


def _reach(config: ActionsConfig) -> int:
    """How many days back a recommendation can matter."""
    cooldowns = [action.cooldown for action in config.actions.values()]
    dues = [action.due for action in config.actions.values()]
    late = [p.deadline + (p.escalate.after if p.escalate else 0) for p in config.plays.values()]
    return max([*cooldowns, *dues, *late]) + _AGENDA + max(cooldowns)


def _with_results(rows: pd.DataFrame, known: pd.DataFrame, gone: Collection[str]) -> pd.DataFrame:
    found = {
        name: rows["action_id"].map(known[name]).astype(object).where(lambda v: v.notna(), None)
        for name in ("status", "done_on")
    }
    rows = rows.assign(**found)
    left = rows["assignee_id"].isin(gone) & ~rows["status"].isin(_CLOSED)
    return rows.assign(void=left)
