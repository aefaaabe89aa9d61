"""Options and people as tests of the assignment write them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

USUAL = {
    "minutes": 30,
    "channel": "phone",
    "role": "CS",
    "skill": 1,
    "owner_id": None,
    "urgent": False,
}


def options_of(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """Options, each with ``entity``, ``action``, ``value`` and what differs from the usual."""
    columns = ["entity", "action", "value", *USUAL]
    return pd.DataFrame([{**USUAL, **row} for row in rows], columns=columns)


def option(entity: str, action: str, value: float, **other: Any) -> dict[str, Any]:
    return {"entity": entity, "action": action, "value": value, **other}


def people_of(*rows: tuple[str, float] | tuple[str, float, int]) -> pd.DataFrame:
    """CS people: id, minutes, and skill (1)."""
    return pd.DataFrame(
        {
            "rep_id": [row[0] for row in rows],
            "role": "CS",
            "skill": [row[2] if len(row) == 3 else 1 for row in rows],
            "minutes": [float(row[1]) for row in rows],
        }
    )


def able(option: Any, people: pd.DataFrame) -> list[str]:
    """Who may do it: the owner who has role and skill, else everybody who has them."""
    fit = people[(people["role"] == option.role) & (people["skill"] >= option.skill)]
    ids = list(fit["rep_id"])
    return [option.owner_id] if option.owner_id in ids else ids


def best_of_all(
    options: pd.DataFrame, people: pd.DataFrame, channels: Mapping[str, int]
) -> tuple[int, float]:
    """Urgent ones done and value of the best of all plans there are, tried one by one."""
    moves: list[list[tuple[Any, str] | None]] = []
    for _, mine in options.groupby("entity"):
        found: list[tuple[Any, str] | None] = [None]
        found += [
            (row, who)
            for row in mine.itertuples()
            if row.urgent or row.value > 0
            for who in able(row, people)
        ]
        moves.append(found)
    plans = ([move for move in plan if move] for plan in itertools.product(*moves))
    kept = (plan for plan in plans if keeps(plan, people, channels))
    return max(
        (sum(bool(row.urgent) for row, _ in plan), float(sum(row.value for row, _ in plan)))
        for plan in kept
    )


def keeps(
    plan: Sequence[tuple[Any, str]], people: pd.DataFrame, channels: Mapping[str, int]
) -> bool:
    """Whether nobody has more minutes, or actions by a channel, than they may."""
    for who, minutes in zip(people["rep_id"], people["minutes"], strict=True):
        mine = [row for row, doer in plan if doer == who]
        often = {name: sum(row.channel == name for row in mine) for name in channels}
        if sum(row.minutes for row in mine) > minutes + 1e-6:
            return False
        if any(often[name] > most for name, most in channels.items()):
            return False
    return True


def made_up(
    entities: int, actions: int, people: int, seed: int, minutes: int = 1200
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A market: two roles, most entities owned, values and minutes as they come."""
    rng = np.random.default_rng(seed)
    roles = np.array(["IS", "CS"])
    staff = pd.DataFrame(
        {
            "rep_id": [f"R{i:03}" for i in range(people)],
            "role": roles[np.arange(people) % 2],
            "skill": rng.integers(1, 6, people),
            "minutes": rng.integers(minutes // 2, minutes, people).astype(float),
        }
    )
    which = np.tile(np.arange(actions), entities)
    owners = staff["rep_id"].to_numpy(object)[rng.integers(0, people, entities)]
    owners[rng.random(entities) < 0.2] = None
    length = rng.choice([5, 15, 30, 45, 60], actions)
    market = pd.DataFrame(
        {
            "entity": np.repeat([f"E{i:05}" for i in range(entities)], actions),
            "action": [f"A{k:02}" for k in which],
            "value": rng.lognormal(8, 1, len(which)) - 60 * length[which],
            "minutes": length[which],
            "channel": rng.choice(["mail", "phone", "visit"], actions)[which],
            "role": roles[which % 2],
            "skill": rng.integers(1, 4, actions)[which],
            "owner_id": np.repeat(owners, actions),
            "urgent": rng.random(len(which)) < 0.01,
        }
    )
    return market, staff
