"""Options and people as they were given, checked, and made a problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesml.actions.assignment.kinds import Kinds, People
from salesml.actions.assignment.problem import Problem
from salesml.errors import ModelError, suggest
from salesml.training.table import Floats, Ints

__all__ = ["Channels", "Given", "given_of"]

Channels = Mapping[str, int | Mapping[Any, int]]
_OPTION = ("entity", "action", "value", "minutes", "channel", "role", "skill", "owner_id", "urgent")
_PERSON = ("rep_id", "role", "skill", "minutes")
_TOLD = 3  # rows that an error names


@dataclass(frozen=True)
class Given:
    """The problem, and the rows it came from.

    Parameters
    ----------
    problem : of all options worth doing that somebody can do.
    rows : where each option of the problem stands in the frame given.
    refused_rows, refused : where options worth doing stand that nobody can do, and why nobody can.
    entity : a code of the entity of each row given.
    people : sorted by id, in the order in which the problem numbers them.
    """

    problem: Problem
    rows: Ints
    refused_rows: Ints
    refused: npt.NDArray[np.object_]
    entity: Ints
    people: pd.DataFrame


def given_of(options: pd.DataFrame, people: pd.DataFrame, channels: Channels) -> Given:
    """Return the problem of *options* and *people*, the same for every order of rows.

    Raises
    ------
    ModelError
        If columns, ids or numbers are missing or impossible, or anything stands twice.
    """
    _check("options", options, _OPTION, ("entity", "action"))
    _check("people", people, _PERSON, ("rep_id",))
    people = people.sort_values("rep_id", key=lambda ids: ids.astype("str"), ignore_index=True)
    names = pd.Index(sorted({*options["channel"].astype("str").unique(), *channels}))
    everybody = _everybody(people, channels, names)
    value, urgent = _numbers(options["value"]), options["urgent"].to_numpy(np.bool_)
    entity = _codes(options["entity"])
    order = np.lexsort((_codes(options["action"]), entity))
    order = order[((value > 0) | urgent)[order]]
    kinds = Kinds.of(options.iloc[order], everybody, names)
    can = kinds.kind >= 0
    kept = order[can]
    problem = Problem(
        entity=entity[kept],
        kind=kinds.kind[can],
        value=value[kept],
        urgent=urgent[kept],
        minutes=kinds.minutes,
        channel=kinds.channel,
        pair_kind=kinds.pair_kind,
        pair_person=kinds.pair_person,
        capacity=everybody.minutes,
        limits=everybody.limits,
    )
    return Given(problem, kept, order[~can], kinds.refused[~can], entity, people)


def _everybody(people: pd.DataFrame, channels: Channels, names: pd.Index[Any]) -> People:
    return People(
        ids=pd.Index(people["rep_id"].astype("str")),
        role=people["role"].to_numpy(object),
        skill=_numbers(people["skill"]),
        minutes=_numbers(people["minutes"]),
        limits=_limits(channels, people["rep_id"], names),
    )


def _check(what: str, frame: pd.DataFrame, columns: Sequence[str], ids: tuple[str, ...]) -> None:
    """Raise ModelError unless *columns* are there, rows have ids of their own and fit numbers."""
    missing = [each for each in columns if each not in frame]
    if missing:
        hints = "".join(suggest(each, map(str, frame)) for each in missing)
        raise ModelError(
            f"The {what} lack the columns {', '.join(missing)}.{hints}",
            received=", ".join(map(str, frame)),
            fix=f"give {', '.join(columns)}",
        )
    named = [each for each in (*ids, "role", "channel") if each in columns]
    unnamed = frame[named].isna().any(axis=1)
    _refuse(what, frame, unnamed, named, "lack a name")
    _refuse(what, frame, frame.duplicated(list(ids)), ids, "stand twice")
    _refuse(what, frame, pd.Series(frame.index.duplicated()), ids, "share a row's label")
    if "urgent" in columns:
        unsaid = ~frame["urgent"].isin([True, False])
        _refuse(what, frame, unsaid, (*ids, "urgent"), "do not say whether they are urgent")
    for name in sorted({"value", "minutes", "skill"} & set(columns)):
        numbers = _numbers(frame[name])
        fits = np.isfinite(numbers) & ((numbers >= 0) | (name == "value"))
        wanted = "a finite number" if name == "value" else "a number of at least 0"
        _refuse(what, frame, pd.Series(~fits), (*ids, name), f"need {wanted} as {name}")


def _refuse(
    what: str, frame: pd.DataFrame, wrong: pd.Series, columns: Sequence[str], why: str
) -> None:
    if not wrong.any():
        return
    told = frame.loc[wrong.to_numpy(), list(columns)].head(_TOLD).to_dict("records")
    raise ModelError(
        f"{int(wrong.sum())} of {len(frame)} {what} {why}.",
        received="; ".join(", ".join(f"{k} {v!r}" for k, v in row.items()) for row in told),
        fix="give each once, with an id, a role and numbers",
    )


def _numbers(values: pd.Series) -> Floats:
    found = pd.to_numeric(values, errors="coerce")
    return np.asarray(found.to_numpy(dtype=np.float64, na_value=np.nan))


def _codes(values: pd.Series) -> Ints:
    return np.asarray(pd.factorize(values.astype("str"), sort=True)[0], dtype=np.int64)


def _limits(channels: Channels, ids: pd.Series, names: pd.Index[Any]) -> Floats:
    """Most actions of each person (row) by each of *names*; infinite where nothing is said."""
    limits = np.full((len(ids), max(len(names), 1)), np.inf)
    for channel, most in channels.items():
        each = most if isinstance(most, Mapping) else dict.fromkeys(ids, most)
        wrong = [n for n in each.values() if not (isinstance(n, Integral) and int(n) >= 0)]
        if wrong:
            raise ModelError(
                f"The limit of the channel '{channel}' must be a whole number of at least 0.",
                received=repr(wrong[0]),
                fix="give how many actions a person may do by it, or nothing for any number",
            )
        limits[:, names.get_loc(channel)] = [float(each.get(person, np.inf)) for person in ids]
    return limits
