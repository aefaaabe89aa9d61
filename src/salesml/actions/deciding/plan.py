"""The plan of a night, before any chance: who does what for whom within the time there is."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from salesml.actions.assignment import allocate
from salesml.actions.deciding.each import each
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

    *options* has the columns of `options_of` and ``play``, ``urgent``: of those that are not
    urgent, plays come first and the others by value. At most one option an entity.
    """
    left = _Left(
        time.people,
        {channel: dict(reps) for channel, reps in time.channels.items()},
        dict(zip(time.people["rep_id"], time.people["today"].astype(float), strict=True)),
    )
    week = dict(zip(time.people["rep_id"], time.people["week"].astype(float), strict=True))
    urgent = _stage(options[options["urgent"]], left, week, first=options["urgent"])
    others = options[~options["urgent"]]
    rest = _stage(others, left, left.today(), first=options["play"].notna())
    return Planned(
        urgent.chosen | rest.chosen,
        urgent.unplaced | rest.unplaced,
        left.today(),
        left.often,
        urgent.value + rest.value,
        urgent.bound + rest.bound,
    )


def _stage(
    options: pd.DataFrame, left: _Left, minutes: dict[str, float], first: pd.Series
) -> Planned:
    """Allocate *options* within *minutes*, and take that from what is *left*."""
    first = first.reindex(options.index)
    worth = options[first | options["value"].notna()]
    first = first.reindex(worth.index)
    if worth.empty:
        return Planned({}, {}, {}, {})
    spent = worth["value"].fillna(0.0)
    given = worth.assign(
        entity=worth["entity"] + ":" + worth["entity_id"], urgent=first.astype(bool), value=spent
    )
    people = left.people.assign(minutes=left.people["rep_id"].map(minutes).astype(float))
    found = allocate(given, people, channels=left.often)
    chosen = dict(zip(found.chosen.index.tolist(), found.chosen.tolist(), strict=True))
    left.take(options, chosen)
    unplaced = dict(zip(found.unplaced.index.tolist(), found.unplaced.tolist(), strict=True))
    return Planned(chosen, unplaced, {}, {}, found.value, found.bound)
