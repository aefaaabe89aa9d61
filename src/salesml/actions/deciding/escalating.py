"""Escalation: plays that nobody answered in time go to a manager, or to another role."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from salesml.actions.deciding.each import KEY, Key, each
from salesml.config import ActionsConfig, Words

__all__ = ["MANAGER", "Escalation", "escalations", "notes"]

MANAGER = "manager"


@dataclass(frozen=True)
class Escalation:
    """A play that is escalated tonight: its action, whom it goes to, and which task it follows."""

    play: str
    action: str
    to: str
    rep_id: str | None
    follows: str


def escalations(
    overdue: pd.DataFrame,
    config: ActionsConfig,
    people: pd.DataFrame,
    owners: pd.DataFrame,
    busy: Mapping[str, float],
) -> dict[Key, Escalation]:
    """What is escalated of *overdue*, by entity; plays and entities that are gone are let go.

    *owners* has the owner_id of each (entity, entity_id): where nobody had the task, it is the
    manager of the owner who is told. *busy* are the minutes that people were asked for this week,
    by rep_id: of a role it goes to one who has the skill, and of those to the least busy.
    """
    owner = owners["owner_id"].to_dict()
    asked = defaultdict(float, busy)
    found = {}
    for entity, entity_id, name, action, rep, action_id in each(
        overdue, *KEY, "play", "action", "assignee_id", "action_id"
    ):
        key, play = (entity, entity_id), config.plays.get(name)
        if play is None or play.escalate is None or key not in owner:
            continue
        again = config.actions[action if action in config.actions else play.action[0]]
        if play.escalate.to == MANAGER:
            whom = _manager(people, rep or owner[key])
        else:
            whom = _least_busy(people, play.escalate.to, again.skill, asked)
        if whom:
            asked[whom] += again.minutes
        found[key] = Escalation(play.id, again.id, play.escalate.to, whom, action_id)
    return found


def _manager(people: pd.DataFrame, rep_id: str | None) -> str | None:
    """The manager of *rep_id*; what the head of a team had stays with the head."""
    manager = people.loc[people["rep_id"] == rep_id, "manager_id"].dropna()
    heads = {rep_id} & set(people["manager_id"]) if manager.empty else set(manager)
    known = people.loc[~people["left"] & people["rep_id"].isin(heads), "rep_id"]
    return str(known.iloc[0]) if len(known) else None


def _least_busy(
    people: pd.DataFrame, role: str, skill: int, asked: Mapping[str, float]
) -> str | None:
    """Who of *role* has the *skill* and is asked for least; else the most skilled there is."""
    here = people[~people["left"] & (people["role"] == role)]
    best = here["skill"].clip(upper=skill).max()
    able = each(here[here["skill"] >= best], "skill", "rep_id")
    ranked = sorted((asked.get(rep, 0.0), -has, rep) for has, rep in able)
    return ranked[0][2] if ranked else None


def notes(found: dict[Key, Escalation]) -> list[Words]:
    """What to know of those that were to be escalated, and nobody knows to whom."""
    lost = [key[1] for key, escalation in found.items() if escalation.rep_id is None]
    if not lost:
        return []
    named = "、".join(lost[:5]), ", ".join(lost[:5])
    return [
        Words(
            ja=f"エスカレーション先が見つからないもの：{len(lost)}件（{named[0]}）。",
            en=f"{len(lost)} escalations found nobody to go to ({named[1]}).",
        )
    ]
