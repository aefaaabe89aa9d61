"""Escalation: plays that nobody answered in time go to a manager, or to another role."""

from __future__ import annotations

from collections.abc import Collection
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
    keys: Collection[Key],
) -> dict[Key, Escalation]:
    """What is escalated of *overdue*, by entity; plays and entities that are gone are let go.

    *owners* has the owner_id of each (entity, entity_id): where nobody had the task, it is the
    manager of the owner who is told.
    """
    owner = owners["owner_id"].to_dict()
    found = {}
    for entity, entity_id, name, action, rep, action_id in each(
        overdue, *KEY, "play", "action", "assignee_id", "action_id"
    ):
        key, play = (entity, entity_id), config.plays.get(name)
        if play is None or play.escalate is None or key not in keys:
            continue
        whom = _whom(play.escalate.to, people, rep or owner.get(key))
        again = action if action in config.actions else play.action[0]
        found[key] = Escalation(play.id, again, play.escalate.to, whom, action_id)
    return found


def _whom(to: str, people: pd.DataFrame, rep_id: str | None) -> str | None:
    """The manager of *rep_id*, or the most skilled of a role; None where there is none.

    What the head of a team had stays with the head.
    """
    here = people[~people["left"]]
    if to == MANAGER:
        manager = people.loc[people["rep_id"] == rep_id, "manager_id"].dropna()
        heads = {rep_id} & set(people["manager_id"]) if manager.empty else set(manager)
        known = here.loc[here["rep_id"].isin(heads), "rep_id"]
    else:
        able = here[here["role"] == to].sort_values(["skill", "rep_id"], ascending=[False, True])
        known = able["rep_id"]
    return str(known.iloc[0]) if len(known) else None


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
