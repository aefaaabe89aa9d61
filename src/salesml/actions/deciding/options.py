"""What could be done tonight: each action that an entity is allowed, with what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from salesml.actions.deciding.each import KEY, Key, each
from salesml.config import ActionsConfig, TaskConfig, Worth

__all__ = ["COLUMNS", "answers_of", "by_weight", "options_at", "options_of"]

SEVERITIES = ("high", "medium", "low-medium", "low")
_EFFECT = ["effect", "effect_low", "effect_high"]
_LEARNT = (*_EFFECT, "without", "evidence_ja", "evidence_en")


def options_of(
    entity: str,
    rows: pd.DataFrame,
    allowed: pd.DataFrame,
    config: ActionsConfig,
    tasks: Mapping[str, TaskConfig],
    learnt: pd.DataFrame,
) -> pd.DataFrame:
    """One row each action that an entity of a kind is *allowed*, with effect and value.

    Parameters
    ----------
    rows, allowed : as in `salesml.actions.rules.Situation`.
    learnt : entity_id, action, effect, low, high, without (the probability of the good outcome of
        like cases without the action), evidence_ja, evidence_en; where there is none, the effect
        that the catalogue assumes counts.

    Returns
    -------
    entity, entity_id, action, task, role, channel, minutes, cost, skill, owner_id, ``good`` (the
    probability of the good outcome), effect (its change) with effect_low, effect_high and
    effect_source, evidence_ja, evidence_en, worth, value. Values are missing where the task did
    not score the entity, or where nobody knows the amount (one without bounds is none).
    """
    found = allowed[["entity_id", "action"]].merge(_catalogue(config), on="action")
    found = found.merge(rows, on="entity_id")
    found.insert(0, "entity", entity)
    found["good"] = _by_task(found, lambda task, part: _good(part, task, tasks[task]))
    worth = _by_task(found, lambda task, part: _worth(part, task, config.worth[task]))
    found["worth"] = worth.where(np.isfinite(worth))
    found = _with_effects(found, learnt)
    spent = found["minutes"] * config.minute_cost + found["cost"]
    found["value"] = found["effect"] * found["worth"] - spent
    return found[COLUMNS]


COLUMNS = [
    *KEY, "action", "task", "role", "channel", "minutes", "cost", "skill", "owner_id", "good",
    "effect", "effect_low", "effect_high", "effect_source", "evidence_ja", "evidence_en", "worth",
    "value",
]  # fmt: skip


def _catalogue(config: ActionsConfig) -> pd.DataFrame:
    names = ("task", "role", "channel", "minutes", "cost", "skill")
    actions = config.actions.values()
    return pd.DataFrame(
        [
            {"action": a.id, **{n: getattr(a, n) for n in names}, "_assumed": a.effect}
            for a in actions
        ]
    )


def _by_task(found: pd.DataFrame, values: Callable[[str, pd.DataFrame], pd.Series]) -> pd.Series:
    """The numbers that *values* gives for the rows of each task."""
    parts = [values(str(task), part) for task, part in found.groupby("task", sort=False)]
    return pd.concat(parts).reindex(found.index) if parts else pd.Series(dtype=np.float64)


def _good(part: pd.DataFrame, task: str, config: TaskConfig) -> pd.Series:
    probability = _column(part, f"{task}.probability")
    return probability if config.outcome_is == "good" else 1 - probability


def _worth(part: pd.DataFrame, task: str, worth: Worth) -> pd.Series:
    """What the good outcome is worth; of an amount that nobody knows that is not known either."""
    fixed = pd.Series(worth.fixed, part.index, dtype=np.float64)
    if not worth.of_amount:
        return fixed
    own = f"{task}.amount"
    return fixed + worth.of_amount * _column(part, own if own in part else "amount")


def _column(part: pd.DataFrame, name: str) -> pd.Series:
    values = part[name] if name in part else pd.Series(np.nan, part.index)
    return pd.to_numeric(values).astype(np.float64)


def _with_effects(found: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
    """*found* with the effects *learnt*, and elsewhere those assumed."""
    known = learnt.rename(columns={"low": "effect_low", "high": "effect_high"})
    known = known.reindex(columns=["entity_id", "action", *_LEARNT])
    found = found.merge(known, on=["entity_id", "action"], how="left")
    numbers = [*_EFFECT, "without"]
    found[numbers] = found[numbers].apply(pd.to_numeric).astype(np.float64)
    is_learnt = found["effect"].notna()
    found[_EFFECT] = found[_EFFECT].mul(_carried(found), axis=0)
    assumed = found["_assumed"] * found["good"] * (1 - found["good"])
    found["effect"] = found["effect"].fillna(assumed)
    found["effect_source"] = np.where(is_learnt, "learnt", "assumed")
    return found


def _carried(found: pd.DataFrame) -> pd.Series:
    """The share of each learnt effect that holds for who has another chance than like cases had.

    What doubles the odds of those who were tried doubles tonight's odds at most: an effect learnt
    of the promising is not promised to those who have next to no chance.
    """
    before, chance = _inside(found["without"]), _inside(found["good"])
    after = _inside(found["without"] + found["effect"])
    odds = chance / (1 - chance) * (after / (1 - after)) / (before / (1 - before))
    share = (odds / (1 + odds) - chance) / found["effect"]
    return share.clip(0, 1).fillna(1.0)


def _inside(probability: pd.Series) -> pd.Series:
    return probability.clip(0.001, 0.999)


def options_at(options: pd.DataFrame, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The options with the indices *rows*."""
    told = each(options.loc[list(rows)], *COLUMNS)
    return {row: dict(zip(COLUMNS, of, strict=True)) for row, of in zip(rows, told, strict=True)}


def answers_of(
    options: pd.DataFrame, wanted: Mapping[Key, Sequence[str]], config: ActionsConfig
) -> dict[Key, dict[str, str]]:
    """The actions that the plays of each entity ask for, the ones to take first first, by play.

    Urgent plays come before others, then those more severe; of a play its actions in their order,
    without those that are forbidden or too fresh. An action counts for the first that asks for it.
    """
    there = set(each(options, *KEY, "action"))
    found: dict[Key, dict[str, str]] = {}
    for key, names in wanted.items():
        for play in by_weight(names, config):
            for action in config.plays[play].action:
                if (*key, action) in there:
                    found.setdefault(key, {}).setdefault(action, play)
    return found


def by_weight(plays: Sequence[str], config: ActionsConfig) -> list[str]:
    """*plays*, urgent ones first, then by severity, then as in the catalogue."""
    order = list(config.plays)

    def weight(name: str) -> tuple[bool, int, int]:
        play = config.plays[name]
        return not play.urgent, SEVERITIES.index(play.severity), order.index(name)

    return sorted(dict.fromkeys(plays), key=weight)
