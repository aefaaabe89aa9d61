"""The minutes that people have left: of the week, and of the day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

__all__ = ["Time", "time_left"]

_WORKING_DAYS = 5


@dataclass(frozen=True)
class Time:
    """What people can still do this week.

    Parameters
    ----------
    people : rep_id, name, role, skill, ``weekly`` minutes, ``week`` (of these left), ``today``
        (its share of the working days left, none on a weekend); who left is not among them.
    channels : most actions of a channel left this week, by channel and rep_id.
    """

    people: pd.DataFrame
    channels: dict[str, dict[str, int]]

    def less(self, asked: pd.DataFrame) -> Time:
        """What is left of it once people do what they are *asked* today (as ``used`` below)."""
        taken = asked.groupby("assignee_id")["minutes"].sum().astype(float)
        minutes = self.people["rep_id"].map(taken).fillna(0.0).astype(float)
        often = asked.groupby(["channel", "assignee_id"]).size().to_dict()
        left = {n: (self.people[n] - minutes).clip(lower=0) for n in ("week", "today")}
        return Time(
            self.people.assign(**left),
            {
                channel: {rep: max(0, n - often.get((channel, rep), 0)) for rep, n in reps.items()}
                for channel, reps in self.channels.items()
            },
        )


def monday(date: dt.date) -> dt.date:
    """The Monday of the week of *date*."""
    return date - dt.timedelta(days=date.weekday())


def time_left(
    people: pd.DataFrame,
    capacity: Mapping[str, int],
    channels: Mapping[Any, int],
    used: pd.DataFrame,
    as_of: dt.date,
) -> Time:
    """What *people* can still do, after what was asked of them this week.

    *used* has rows of decisions of this week (assignee_id, channel, minutes). Who has no minutes
    of his own has the ``capacity`` of his role; a role that has none does nothing.
    """
    here = people[~people["left"]].sort_values("rep_id", ignore_index=True)
    weekly = pd.to_numeric(here["minutes"]).fillna(here["role"].map(dict(capacity)).astype(float))
    weekly = weekly.fillna(0).clip(lower=0).astype(float)
    taken = used.groupby("assignee_id")["minutes"].sum().astype(float)
    week = (weekly - here["rep_id"].map(taken).fillna(0).astype(float)).clip(lower=0)
    left = max(0, _WORKING_DAYS - as_of.weekday())
    today = week / left if left else week * 0
    often = used.groupby(["channel", "assignee_id"]).size().to_dict()
    return Time(
        here[["rep_id", "name", "role", "skill"]].assign(weekly=weekly, week=week, today=today),
        {
            channel: {rep: max(0, most - often.get((channel, rep), 0)) for rep in here["rep_id"]}
            for channel, most in channels.items()
        },
    )
