"""Exploring: what entities draw, and what each of the others could have drawn in its turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.actions.deciding.chance import Lots
from salesml.actions.deciding.each import Key, each, keys_of

__all__ = ["Drawn", "Team", "explore"]


@dataclass(frozen=True)
class Drawn:
    """What an entity drew, or could have drawn.

    Parameters
    ----------
    could : the index of each option that somebody had time for when it was its turn, by rep_id.
    row, rep_id : what it drew and who does it; None for no action, and for those not explored.
    """

    could: dict[int, str]
    row: int | None = None
    rep_id: str | None = None


class Team:
    """People and what they have left today, as options are given to them one by one."""

    def __init__(
        self,
        people: pd.DataFrame,
        minutes: Mapping[str, float],
        often: Mapping[str, Mapping[str, int]],
    ) -> None:
        self.minutes = dict(minutes)
        self._often = {channel: dict(reps) for channel, reps in often.items()}
        self._people = {
            rep: (role, skill) for rep, role, skill in each(people, "rep_id", "role", "skill")
        }
        self._able: dict[tuple[str, int], list[str]] = {}
        self._freest: dict[tuple[object, ...], str | None] = {}

    def give(self, rep_id: str, minutes: float, channel: str, times: int = 1) -> None:
        """Let somebody do something of *channel*; ``times=-1`` takes it from him again."""
        self._freest.clear()
        self.minutes[rep_id] -= times * minutes
        if channel in self._often:
            self._often[channel][rep_id] = self._often[channel].get(rep_id, 0) - times

    def who(
        self, role: str, skill: int, owner: str | None, minutes: float, channel: str
    ) -> str | None:
        """Who would do it: the owner where it is his to do, else who has most time; or nobody."""
        if owner and self._can(owner, role, skill):
            return owner if self._has(owner, minutes, channel) else None
        asked = (role, skill, minutes, channel)
        if asked not in self._freest:
            self._freest[asked] = self._most_free(*asked)
        return self._freest[asked]

    def _can(self, rep_id: str, role: str, skill: int) -> bool:
        theirs = self._people.get(rep_id)
        return theirs is not None and theirs[0] == role and theirs[1] >= skill

    def _most_free(self, role: str, skill: int, minutes: float, channel: str) -> str | None:
        able = self._able.get((role, skill))
        if able is None:  # asked for again and again, and nobody learns within a night
            able = [rep for rep in self._people if self._can(rep, role, skill)]
            self._able[role, skill] = able
        free = [rep for rep in able if self._has(rep, minutes, channel)]
        return max(free, key=lambda rep: (self.minutes[rep], rep)) if free else None

    def _has(self, rep_id: str, minutes: float, channel: str) -> bool:
        often = self._often.get(channel)
        return self.minutes[rep_id] >= minutes and (often is None or often.get(rep_id, 0) > 0)


def explore(
    options: pd.DataFrame,
    lots: Lots,
    team: Team,
    planned: Mapping[Key, tuple[int, str]],
    explored: Mapping[Key, bool],
) -> dict[Key, Drawn]:
    """What each entity of *explored* draws of *options*, or could have drawn.

    Entities take turns by their lot. Each draws evenly of those of its options that somebody has
    time for by then, and no action; what the plan gave it is free again for that. Of the others
    only what they could have drawn is told: what they have does not depend on it.

    *planned* is the index of the option and the rep_id of those who do what the plan says;
    *team* has left what these leave, and is given what is drawn.
    """
    work = _Work.of(options)
    found = {}
    for key in sorted(explored, key=lambda key: (lots.turn(*key), key)):
        own = planned.get(key)
        if own:
            team.give(own[1], *work.of_row[own[0]], times=-1)
        could = {row: who for row, *of in work.of_key.get(key, ()) if (who := team.who(*of))}
        if own:
            team.give(own[1], *work.of_row[own[0]])
        found[key] = _draw(key, could, lots, team, work) if explored[key] else Drawn(could)
    return found


@dataclass(frozen=True)
class _Work:
    """What is to be done: minutes and channel by option, and the options of each entity."""

    of_row: dict[int, tuple[float, str]]
    of_key: dict[Key, list[tuple[Any, ...]]]

    @classmethod
    def of(cls, options: pd.DataFrame) -> _Work:
        names = ("role", "skill", "owner_id", "minutes", "channel")
        of_key: dict[Key, list[tuple[Any, ...]]] = {}
        told = zip(options.index.tolist(), keys_of(options), each(options, *names), strict=True)
        for row, key, of in told:
            of_key.setdefault(key, []).append((row, *of))
        work = each(options, "minutes", "channel")
        return cls(dict(zip(options.index.tolist(), work, strict=True)), of_key)


def _draw(key: Key, could: dict[int, str], lots: Lots, team: Team, work: _Work) -> Drawn:
    drawn = lots.draw(*key, len(could) + 1)
    if drawn == len(could):
        return Drawn(could)
    row = sorted(could)[drawn]
    team.give(could[row], *work.of_row[row])
    return Drawn(could, row, could[row])
