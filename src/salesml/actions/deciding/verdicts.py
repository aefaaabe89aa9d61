"""The verdict on each entity: what it gets, why so, and with what probability."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from salesml.actions.deciding.chance import Lots
from salesml.actions.deciding.each import Key, each, keys_of
from salesml.actions.deciding.exploring import Drawn, Team, explore
from salesml.actions.deciding.plan import Planned, plan
from salesml.actions.deciding.week import Time

__all__ = ["Cases", "Verdict", "verdicts"]


@dataclass(frozen=True)
class Verdict:
    """What an entity gets: the index of an option and who does it, or no action; and why so.

    ``could`` are the options that had any probability, ``planned`` is what the plan gave it before
    any lot was drawn.
    """

    how: str
    row: int | None = None
    rep_id: str | None = None
    probability: float = 1.0
    could: tuple[int, ...] = ()
    planned: int | None = None


@dataclass(frozen=True)
class Cases:
    """What is to be decided.

    Parameters
    ----------
    options : as `options_of` makes them, without those that are too fresh to come again.
    answers : the actions that plays ask for of an entity, as `answers_of` tells them.
    urgent : by entity whose first of these plays is urgent, its plays that are.
    closed : those who get nothing that is not urgent: a task is open, or is escalated tonight.
    drawn : of how many actions those drew, or could have, whose lot of this week was drawn before;
        None where it was for an action: that was all for this week.
    keys : every entity considered.
    cooling : those who wait because an action is too fresh to come again.
    """

    options: pd.DataFrame
    answers: Mapping[Key, Mapping[str, str]]
    urgent: Mapping[Key, Collection[str]]
    closed: Collection[Key]
    drawn: Mapping[Key, int | None]
    keys: list[Key]
    cooling: Collection[Key]

    def free(self, key: Key) -> bool:
        """Whether chance may have a say in what the entity gets."""
        return key not in self.urgent and key not in self.closed


def verdicts(cases: Cases, lots: Lots, time: Time) -> tuple[dict[Key, Verdict], Planned]:
    """The verdict on every entity, and the plan without chance."""
    options = _to_plan(cases)
    planned = plan(options, time)
    keys = dict(zip(options.index.tolist(), keys_of(options), strict=True))
    chosen = {keys[row]: (row, rep) for row, rep in planned.chosen.items()}
    chance = _Chance.of(cases, lots)
    team = _team(options, planned, time, chance)
    asked = {k: chance.explored[k] for k in cases.keys if cases.free(k) and k not in cases.drawn}
    at_work = {k: v for k, v in chosen.items() if k in asked and not chance.took(k)}
    may = pd.Series([key in asked for key in keys.values()], options.index, dtype=bool)
    free = options[may & options["good"].notna()]
    drawn = explore(free, lots, team, at_work, asked)
    missed = {keys[row] for row in planned.unplaced}
    found = {key: _one(key, cases, lots, chosen, chance, drawn, missed) for key in cases.keys}
    return found, planned


@dataclass(frozen=True)
class _Chance:
    """Who is held out and who is explored, of those of whom chance has a say."""

    held: dict[Key, bool]
    explored: dict[Key, bool]

    @classmethod
    def of(cls, cases: Cases, lots: Lots) -> _Chance:
        held = {k: cases.free(k) and lots.held(*k) for k in cases.keys}
        return cls(held, {k: cases.free(k) and not held[k] and lots.explored(*k) for k in held})

    def took(self, key: Key) -> bool:
        """Whether chance took away what the plan gave the entity."""
        return self.held[key] or self.explored[key]


def _to_plan(cases: Cases) -> pd.DataFrame:
    """The options of those who may get one, with ``rank`` (of what plays ask for) and ``urgent``.

    Whose first play is urgent gets what plays ask for, or nothing.
    """
    options = cases.options
    told = [
        _standing(cases, key, action)
        for key, action in zip(keys_of(options), options["action"], strict=True)
    ]
    named = pd.DataFrame(told, options.index, ["rank", "urgent", "stays"])
    options = options.assign(rank=named["rank"].astype(float), urgent=named["urgent"].astype(bool))
    return options[named["stays"].astype(bool)]


def _standing(cases: Cases, key: Key, action: str) -> tuple[float | None, bool, bool]:
    """The rank of an action among those asked for, whether it is urgent, and whether it may be."""
    answers, urgent = cases.answers.get(key, {}), cases.urgent.get(key)
    rank = list(answers).index(action) if action in answers else None
    if urgent is not None and rank is None:
        return None, False, False
    now = urgent is not None and answers[action] in urgent
    return rank, now, now or key not in cases.closed


def _team(options: pd.DataFrame, planned: Planned, time: Time, chance: _Chance) -> Team:
    """People with what they have left today once chance has taken its part out of the plan."""
    team = Team(time.people, planned.left, planned.often)
    done = options.loc[list(planned.chosen)]
    for key, rep, (minutes, channel) in zip(
        keys_of(done), planned.chosen.values(), each(done, "minutes", "channel"), strict=True
    ):
        if chance.took(key):
            team.give(rep, minutes, channel, times=-1)
    return team


def _one(
    key: Key,
    cases: Cases,
    lots: Lots,
    chosen: Mapping[Key, tuple[int, str]],
    chance: _Chance,
    drawn: Mapping[Key, Drawn],
    missed: Collection[Key],
) -> Verdict:
    row, rep = chosen.get(key, (None, None))
    if key in cases.urgent:
        return Verdict("capacity" if row is None else "play", row, rep, could=_some(row))
    if key in cases.closed:
        return Verdict("open")
    mine = drawn.get(key, Drawn({}))
    many = cases.drawn.get(key, len(mine.could))
    if many is None:
        return Verdict("explored", planned=row)
    if chance.took(key):
        how = "holdout" if chance.held[key] else "explored"
        got, who = (None, None) if chance.held[key] else (mine.row, mine.rep_id)
    else:
        how, got, who = _how(key, row, cases, missed), row, rep
    could = got is None or got in mine.could
    probability = lots.probability(
        none=got is None, planned=got == row, drawable=many + 1 if could else None
    )
    return Verdict(how, got, who, probability, tuple(sorted({*mine.could, *_some(row)})), row)


def _some(row: int | None) -> tuple[int, ...]:
    return () if row is None else (row,)


def _how(key: Key, row: int | None, cases: Cases, missed: Collection[Key]) -> str:
    """Why the plan gives an entity what it gives."""
    if row is not None:
        action = cases.options.at[row, "action"]
        return "play" if action in cases.answers.get(key, {}) else "best"
    if key in missed:
        return "capacity"
    return "cooldown" if key in cases.cooling else "nothing"
