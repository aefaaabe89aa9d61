"""The rows of the book, from the verdicts of a night."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.actions.book import DECISIONS, NO_ACTION, as_decisions, frame_of
from salesml.actions.deciding.each import KEY, Key
from salesml.actions.deciding.escalating import Escalation
from salesml.actions.deciding.options import options_at
from salesml.actions.deciding.past import WAITING
from salesml.actions.deciding.reasons import reasons_of
from salesml.actions.deciding.verdicts import Verdict
from salesml.config import ActionConfig, ActionsConfig, PlayConfig, TaskConfig

__all__ = ["Telling", "agenda_of", "rows_of"]

_DAY = dt.timedelta(days=1)
_SATURDAY = 5
_OF_OPTION = ("effect", "effect_low", "effect_high", "effect_source", "value", "worth")


@dataclass(frozen=True)
class Telling:
    """What rows are made of.

    Parameters
    ----------
    entities : of every (entity, entity_id) name, segment, owner_id, owner, amount and, by task,
        ``<task>.reasons``.
    options : as `options_of` makes them.
    wanted : the plays that each entity waits for, those that count most first.
    leading : the play that counts most and can be answered.
    fired_on : when each (play, entity_id) fired: its deadline runs from there.
    names : of people by rep_id.
    """

    entities: pd.DataFrame
    options: pd.DataFrame
    wanted: Mapping[Key, list[str]]
    leading: Mapping[Key, str]
    fired_on: Mapping[tuple[str, str], dt.date]
    names: Mapping[str, str]
    config: ActionsConfig
    tasks: Mapping[str, TaskConfig]
    as_of: dt.date
    run_id: str


def rows_of(
    telling: Telling, verdicts: Mapping[Key, Verdict], escalated: Mapping[Key, Escalation]
) -> pd.DataFrame:
    """One row an entity with a verdict, with the columns `salesml.actions.book.DECISIONS`."""
    t = telling
    asked = t.entities.loc[list(verdicts)].reset_index()
    names = ["entity", "entity_id", "name", "segment", "owner_id", "owner", "amount"]
    base = asked[names].assign(as_of=t.as_of, run_id=t.run_id)
    base["action_id"] = f"{t.as_of:%Y%m%d}-" + base["entity"] + "-" + base["entity_id"]
    actions = t.options["action"].to_dict()
    chosen = [verdict.row for verdict in verdicts.values() if verdict.row is not None]
    options = options_at(t.options, chosen)
    told = [
        _escalated(t, key, escalated[key])
        if verdict.how == "open" and key in escalated
        else _decided(t, key, verdict, options) | _chances(verdict, actions)
        for key, verdict in verdicts.items()
    ]
    told_of = pd.DataFrame(told, index=base.index, dtype=object)
    return frame_of(as_decisions(pd.concat([base, told_of], axis=1)))


def _chances(verdict: Verdict, actions: Mapping[Any, str]) -> dict[str, Any]:
    """What the entity could have got, and what the plan gave it."""
    planned = NO_ACTION if verdict.planned is None else actions[verdict.planned]
    return {"could": [actions[row] for row in verdict.could], "planned": planned}


def _decided(
    t: Telling, key: Key, verdict: Verdict, options: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "how": verdict.how,
        "probability": verdict.probability,
        "action": NO_ACTION,
        "plays": t.wanted.get(key, []),
        "urgent": False,
        "reasons": [],
    }
    if verdict.row is None:
        return row | _unanswered(t, key, verdict)
    option = options[verdict.row]
    action = t.config.actions[option["action"]]
    plays = [p for p in t.wanted.get(key, []) if action.id in t.config.plays[p].action]
    play = t.config.plays[plays[0]] if plays else None
    return {
        **row,
        **_task(t, action, verdict.rep_id),
        **(_deadline(play, t.as_of, _fired_on(t, key, play)) if play else {}),
        **{name: option[name] for name in _OF_OPTION},
        "reasons": reasons_of(
            option, action, plays, _told(t, key, action), t.config, _of(t, action)
        ),
    }


def _of(t: Telling, action: ActionConfig) -> TaskConfig:
    return t.tasks[action.task]


def _told(t: Telling, key: Key, action: ActionConfig) -> object:
    name = f"{action.task}.reasons"
    return t.entities.at[key, name] if name in t.entities else None


def _fired_on(t: Telling, key: Key, play: PlayConfig) -> dt.date:
    return t.fired_on.get((play.id, key[1]), t.as_of)


def _task(t: Telling, action: ActionConfig, rep_id: str | None) -> dict[str, Any]:
    """What the person who does it has to know."""
    material = action.material
    return {
        "action": action.id,
        "task": action.task,
        "role": action.role,
        "channel": action.channel,
        "minutes": action.minutes,
        "cost": action.cost,
        "assignee_id": rep_id,
        "assignee": t.names.get(rep_id) if rep_id else None,
        "title_ja": action.name.ja,
        "title_en": action.name.en,
        "material_ja": material.ja if material else None,
        "material_en": material.en if material else None,
        "due_on": _working(t.as_of + action.due * _DAY),
    }


def _working(date: dt.date) -> dt.date:
    """*date*, or the Monday after it where it is on a weekend."""
    return date + (7 - date.weekday()) * _DAY if date.weekday() >= _SATURDAY else date


def _deadline(play: PlayConfig, as_of: dt.date, fired: dt.date) -> dict[str, Any]:
    """Until when a play is to be answered, and when it goes to somebody else.

    Both run from the night on which it *fired*, however long it had to wait.
    """
    due = _working(max(as_of, fired + play.deadline * _DAY))
    found = {"play": play.id, "urgent": play.urgent, "severity": play.severity, "due_on": due}
    if play.escalate is None:
        return found
    late = max(due, fired + play.escalate.after * _DAY)
    return {**found, "escalate_on": late, "escalate_to": play.escalate.to}


def _unanswered(t: Telling, key: Key, verdict: Verdict) -> dict[str, Any]:
    """The play that waits for somebody with time, or behind an open task."""
    if verdict.how not in WAITING or key not in t.leading:
        return {}
    play = t.config.plays[t.leading[key]]
    return _deadline(play, t.as_of, _fired_on(t, key, play))


def _escalated(t: Telling, key: Key, escalation: Escalation) -> dict[str, Any]:
    action, play = t.config.actions[escalation.action], t.config.plays[escalation.play]
    plays = list(dict.fromkeys([play.id, *t.wanted.get(key, [])]))
    told = _told(t, key, action)
    return {
        **_task(t, action, escalation.rep_id),
        **_deadline(play, t.as_of, t.as_of),
        "how": "escalated",
        "probability": 1.0,
        "plays": plays,
        "could": [action.id],
        "escalate_on": None,
        "escalate_to": escalation.to,
        "follows": escalation.follows,
        "reasons": reasons_of(None, action, [play.id], told, t.config, _of(t, action)),
    }


def agenda_of(decisions: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """What is to be done: tonight's actions, and those *before* of entities that have none tonight.

    Those due first come first.
    """
    tonight = decisions[decisions["action"] != NO_ACTION]
    new = pd.MultiIndex.from_frame(tonight[KEY])
    stays = before[~pd.MultiIndex.from_frame(before[KEY]).isin(new)]
    parts = [part.reindex(columns=DECISIONS.names).astype(object) for part in (tonight, stays)]
    whole = frame_of(as_decisions(pd.concat(parts)))
    return whole.sort_values(["due_on", *KEY], kind="stable", ignore_index=True)
