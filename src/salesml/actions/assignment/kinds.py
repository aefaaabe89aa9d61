"""Kinds of work: what takes as long, by the same channel, and the same people may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesml.training.table import Bools, Floats, Ints

__all__ = ["CAPACITY", "CHANNEL", "NOBODY", "Kinds", "People"]

CAPACITY, CHANNEL, NOBODY = "capacity", "channel", "nobody with the skill"


@dataclass(frozen=True)
class People:
    """Everybody, in the order of their ids, shape (R,), and their limits by channel, (R, C)."""

    ids: pd.Index[Any]
    role: npt.NDArray[np.object_]
    skill: Floats
    minutes: Floats
    limits: Floats

    def may(self, person: Ints, role: npt.NDArray[np.object_], skill: Floats) -> Bools:
        """Whether each *person* (-1: nobody) has the role and the skill."""
        known = np.flatnonzero(person >= 0)
        may = np.zeros(len(person), dtype=np.bool_)
        theirs = person[known]
        may[known] = (self.role[theirs] == role[known]) & (self.skill[theirs] >= skill[known])
        return may


@dataclass(frozen=True)
class Kinds:
    """The G kinds that somebody can do, and the P pairs of a kind and somebody who can.

    Parameters
    ----------
    kind : of each option, shape (n,); -1 where nobody can do it.
    refused : why nobody can, shape (n,); empty where somebody can.
    minutes, channel : of each kind, shape (G,).
    pair_kind, pair_person : shape (P,), sorted by kind.
    """

    kind: Ints
    refused: npt.NDArray[np.object_]
    minutes: Floats
    channel: Ints
    pair_kind: Ints
    pair_person: Ints

    @classmethod
    def of(cls, options: pd.DataFrame, people: People, channels: pd.Index[Any]) -> Kinds:
        """Return the kinds of *options*, *channels* in the order in which they are numbered."""
        role, skill = options["role"].to_numpy(object), options["skill"].to_numpy(np.float64)
        holder = _places(people.ids, options["owner_id"])
        theirs = people.may(holder, role, skill)
        table = pd.DataFrame(
            {
                "holder": np.where(theirs, holder, -1),
                "role": np.where(theirs, "", role),
                "skill": np.where(theirs, 0.0, skill),
                "minutes": options["minutes"].to_numpy(np.float64),
                "channel": _places(channels, options["channel"]),
            }
        )
        number = np.asarray(table.groupby(list(table), sort=True).ngroup(), dtype=np.int64)
        firsts = np.asarray(np.unique(number, return_index=True)[1], dtype=np.int64)
        return _with_people(number, table.iloc[firsts], people)


def _places(known: pd.Index[Any], values: pd.Series) -> Ints:
    """The place of each of *values* in *known*, -1 where it is missing or not there."""
    found = known.get_indexer(pd.Index(values.astype("str")))
    return np.where(values.isna().to_numpy(), -1, found).astype(np.int64)


def _with_people(number: Ints, table: pd.DataFrame, people: People) -> Kinds:
    """The kinds of *table* that somebody can do, numbered anew; *number* is that of each option."""
    holder, channel = table["holder"].to_numpy(), table["channel"].to_numpy(dtype=np.int64)
    may = (people.role == table[["role"]].to_numpy(object)) & (
        people.skill >= table[["skill"]].to_numpy()
    )
    may = np.where(holder[:, None] >= 0, np.arange(len(people.ids)) == holder[:, None], may)
    in_time = may & (table[["minutes"]].to_numpy() <= people.minutes)
    can = in_time & (people.limits[:, channel].T >= 1)
    known = can.any(axis=1)
    why = np.select(
        [known, in_time.any(axis=1), may.any(axis=1)], ["", CHANNEL, CAPACITY], NOBODY
    ).astype(object)
    pair_kind, pair_person = np.nonzero(can[known])
    anew = np.where(known, np.cumsum(known) - 1, -1)
    return Kinds(
        kind=np.asarray(anew[number], dtype=np.int64),
        refused=why[number],
        minutes=table["minutes"].to_numpy()[known],
        channel=channel[known],
        pair_kind=pair_kind.astype(np.int64),
        pair_person=pair_person.astype(np.int64),
    )
