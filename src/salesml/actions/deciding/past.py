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

__all__ = ["WAITING", "Past", "joined", "past_of"]

_DAY = dt.timedelta(days=1)
_AGENDA = 30  # days past its deadline that a task stays on the agenda
_WANTED = 14  # days back to the last night that told which plays an entity waited for
_CLOSED = ("done", "declined")
_SURE = ("open", "escalated")  # what is so whatever lots say
WAITING = ("capacity", "open")  # a play may wait behind these
_OF_LAST = [
    *KEY, "as_of", "action_id", "action", "how", "play", "plays", "could", "urgent", "assignee_id",
    "due_on", "escalate_on",
]  # fmt: skip


@dataclass(frozen=True)
class Past:
    """What was decided before a night, as known then.

    Parameters
    ----------
    given : recommendations that count, oldest first, with ``status``, ``done_on``; those that
        somebody has who left before doing them, or is not known any more, do not count.
    last : the newest row of each entity, with ``status``.
    first : the first row of each entity that was considered this week.
    as_of : the night.
    """

    given: pd.DataFrame
    last: pd.DataFrame
    first: pd.DataFrame
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

    def drawn(self) -> dict[Key, int | None]:
        """Of how many actions each entity could draw on its first night of this week.

        Only who was considered this week before is there: 0 where chance had no say, None for who
        drew an action.
        """
        rows = each(self.first, "could", "how", "urgent", "action")
        return dict(zip(keys_of(self.first), (_drawn(*row) for row in rows), strict=True))

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
        waits = self.last["how"].isin(WAITING) & (self.last["action"] == NO_ACTION)
        waiting = self.last[waits & self.last["play"].notna()]
        rows = pd.concat([self.given[self._unanswered], waiting], ignore_index=True)
        late = pd.to_datetime(rows["escalate_on"]) <= pd.Timestamp(self.as_of)
        answered = set(self.given["follows"].dropna())
        due = rows[late & ~rows["action_id"].isin(answered)]
        return due.sort_values("as_of", kind="stable").drop_duplicates(KEY)

    @property
    def _unanswered(self) -> pd.Series:
        return ~self.given["status"].isin(_CLOSED)


def _drawn(could: Collection[str] | None, how: str, urgent: bool | None, action: str) -> int | None:
    if how == "explored" and action != NO_ACTION:
        return None
    return 0 if how in _SURE or urgent or could is None else len(could)


def past_of(
    book: ActionBook,
    config: ActionsConfig,
    results: pd.DataFrame,
    here: Collection[str],
    as_of: dt.date,
) -> Past:
    """What *book* holds of the time before *as_of*, joined with *results*.

    *results* are action_id, status, done_on, done_by and result as known before the night, *here*
    the ids of the people there are, without those who left.
    """
    since = as_of - _reach(config) * _DAY
    last = book.decisions(as_of - _WANTED * _DAY, as_of, _OF_LAST)
    return joined(book.recommendations(since, as_of), last, results, here, as_of)


def joined(
    given: pd.DataFrame,
    decisions: pd.DataFrame,
    results: pd.DataFrame,
    here: Collection[str],
    as_of: dt.date,
) -> Past:
    """Recommendations *given* and the *decisions* of late, both oldest first, with *results*."""
    known = results.drop_duplicates("action_id", keep="last").set_index("action_id")
    given = _with_results(given, known, here)
    last = _with_results(decisions.drop_duplicates(KEY, keep="last"), known, here)
    first = decisions[decisions["as_of"] >= monday(as_of)].drop_duplicates(KEY, keep="first")
    return Past(given[~given["void"]].reset_index(drop=True), last, first, as_of)


def _reach(config: ActionsConfig) -> int:
    """How many days back a recommendation can matter."""
    cooldowns = [action.cooldown for action in config.actions.values()]
    dues = [action.due for action in config.actions.values()]
    late = [p.deadline + (p.escalate.after if p.escalate else 0) for p in config.plays.values()]
    return max([*cooldowns, *dues, *late]) + _AGENDA + max(cooldowns)


def _with_results(rows: pd.DataFrame, known: pd.DataFrame, here: Collection[str]) -> pd.DataFrame:
    found = {
        name: rows["action_id"].map(known[name]).astype(object).where(lambda v: v.notna(), None)
        for name in ("status", "done_on")
    }
    rows = rows.assign(**found)
    lost = rows["assignee_id"].notna() & ~rows["assignee_id"].isin(here)
    return rows.assign(void=lost & ~rows["status"].isin(_CLOSED))
