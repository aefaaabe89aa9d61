"""The plan of a night, before any chance: who does what for whom within the time there is."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from salesml.actions.assignment import allocate
from salesml.actions.deciding.each import each, keys_of
from salesml.actions.deciding.week import Time

__all__ = ["Planned", "plan"]


@dataclass(frozen=True)
class Planned:
    """What is to be done.

    Parameters
    ----------
    chosen : by the index of an option, the rep_id of who does it.
    unplaced : by the index of an option, why nobody does it.
    left : minutes of today that each rep_id has left, ``often`` what channels have left.
    value, bound : what the plan is worth, and what no plan exceeds.
    """

    chosen: dict[int, str]
    unplaced: dict[int, str]
    left: dict[str, float]
    often: dict[str, dict[str, int]]
    value: float = 0.0
    bound: float = 0.0

    @property
    def gap(self) -> float:
        """The share of the bound that the plan may have missed."""
        return (self.bound - self.value) / self.bound if self.bound > 0 else 0.0


@dataclass
class _Left:
    """What is left as one plan follows the other."""

    people: pd.DataFrame
    often: dict[str, dict[str, int]]
    minutes: dict[str, float]
    taken: dict[str, float] = field(default_factory=dict)

    def take(self, options: pd.DataFrame, chosen: dict[int, str]) -> None:
        done = each(options.loc[list(chosen)], "minutes", "channel")
        for rep, (minutes, channel) in zip(chosen.values(), done, strict=True):
            self.taken[rep] = self.taken.get(rep, 0.0) + minutes
            if channel in self.often:
                self.often[channel][rep] = max(0, self.often[channel].get(rep, 0) - 1)

    def today(self) -> dict[str, float]:
        return {r: max(0.0, m - self.taken.get(r, 0.0)) for r, m in self.minutes.items()}


def plan(options: pd.DataFrame, time: Time) -> Planned:
    """Who does which of *options*: urgent ones with the week's minutes, then others with today's.

    *options* has the columns of `options_of` and ``rank``, ``urgent``: of those that are not
    urgent, what plays ask for (with a rank, 0 before 1) comes first and the others by value. At
    most one option an entity; who gets nothing urgent may get another.
    """
    left = _Left(
        time.people,
        {channel: dict(reps) for channel, reps in time.channels.items()},
        dict(zip(time.people["rep_id"], time.people["today"].astype(float), strict=True)),
    )
    week = dict(zip(time.people["rep_id"], time.people["week"].astype(float), strict=True))
    urgent = _stage(options[options["urgent"]], left, week)
    served = set(keys_of(options.loc[list(urgent.chosen)]))
    waits = pd.Series([key not in served for key in keys_of(options)], options.index, dtype=bool)
    others = options[~options["urgent"] & waits]
    rest = _stage(others, left, left.today())
    return Planned(
        urgent.chosen | rest.chosen,
        urgent.unplaced | rest.unplaced,
        left.today(),
        left.often,
        urgent.value + rest.value,
        urgent.bound + rest.bound,
    )


def _stage(options: pd.DataFrame, left: _Left, minutes: dict[str, float]) -> Planned:
    """Allocate *options* within *minutes*, and take that from what is *left*."""
    worth = options[options["rank"].notna() | options["value"].notna()]
    if worth.empty:
        return Planned({}, {}, {}, {})
    value = worth["value"].fillna(0.0)
    given = worth.assign(
        entity=worth["entity"] + ":" + worth["entity_id"],
        urgent=worth["rank"].notna(),
        value=value - _behind(worth["rank"], value),
    )
    people = left.people.assign(minutes=left.people["rep_id"].map(minutes).astype(float))
    found = allocate(given, people, channels=left.often)
    chosen = dict(zip(found.chosen.index.tolist(), found.chosen.tolist(), strict=True))
    left.take(options, chosen)
    unplaced = dict(zip(found.unplaced.index.tolist(), found.unplaced.tolist(), strict=True))
    got = float(value.loc[list(chosen)].sum())
    return Planned(chosen, unplaced, {}, {}, got, got + found.bound - found.value)


def _behind(rank: pd.Series, value: pd.Series) -> pd.Series:
    """What to take off the values, so that nothing of a rank comes before what one prefers."""
    asked = value[rank.notna()]
    step = 1 + asked.max() - asked.min() if len(asked) else 0.0
    return step * rank.fillna(0.0)
