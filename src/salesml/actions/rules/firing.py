"""Plays start on edges: when their trigger becomes true, once, and not again while they rest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from salesml.actions.rules.situation import Situation
from salesml.config import PlayConfig, Words

__all__ = ["Fired", "fire"]

_FIRED = ["entity", "entity_id", "play"]
_DATE = "datetime64[s]"
_STATE = {"play": "str", "entity_id": "str", "since": _DATE, "fired_on": _DATE, "trigger": "str"}
_MOST = 0.5  # a play that would start for more than this share of the entities is held back,
_FEW = 20  # unless they are fewer than this


@dataclass(frozen=True)
class Fired:
    """The plays that start on a date: ``entity``, ``entity_id`` and ``play``, a row each.

    ``state`` is what to remember of it, a row for each play and entity: ``since``, the date on
    which the trigger became true (missing: it is not true now), and ``fired_on``, the last start.
    A row without ``entity_id`` says since when the play is watched, by which ``trigger``: what was
    true on that date starts nothing.
    """

    fired: pd.DataFrame
    state: pd.DataFrame
    notes: list[Words]


def fire(
    plays: Mapping[str, PlayConfig],
    situations: Mapping[str, Situation],
    before: pd.DataFrame | None,
    as_of: dt.date,
) -> Fired:
    """The plays that start on *as_of*.

    A play that is new, or whose trigger was rewritten, starts for nobody, and so does one that
    would start for more than half of 20 or more entities: both are told. One that becomes true
    again within its cooldown starts when that is over, if it is still true.

    Parameters
    ----------
    situations : by entity; the plays of an entity without one keep their state, and so do those
        whose trigger failed.
    before : the ``state`` of the last date, None on the first one ever.
    """
    known = (pd.DataFrame(columns=list(_STATE)) if before is None else before).astype(_STATE)
    told = {
        play.id: situations[play.entity]
        for play in plays.values()
        if play.entity in situations and play.id not in situations[play.entity].failing("play")
    }
    nights = [
        _Night(plays[name], situation, known[known["play"] == name], as_of)
        for name, situation in told.items()
    ]
    untold = [name for name in plays if name not in told]
    states = [known[known["play"].isin(untold)], *(night.state for night in nights)]
    fired = [pd.DataFrame(columns=_FIRED, dtype="str"), *(night.fired for night in nights)]
    return Fired(
        pd.concat(fired, ignore_index=True),
        pd.concat(states, ignore_index=True),
        [*_watched_from_now(nights), *(n.held_back for n in nights if n.is_of_everybody)],
    )


class _Night:
    """One play on one date; *past* is its state of the last one."""

    def __init__(
        self, play: PlayConfig, situation: Situation, past: pd.DataFrame, as_of: dt.date
    ) -> None:
        self.play, self.as_of = play, pd.Timestamp(as_of)
        self.asked = len(situation.rows)
        true = situation.true
        self.true = pd.Index(true.loc[true["play"] == play.id, "entity_id"])
        watch = past[past["entity_id"].isna()]
        self.is_new = list(watch["trigger"]) != [play.trigger]
        self.watched = self.as_of if self.is_new else watch["since"].iloc[0]
        self.course = self._course(past[past["entity_id"].notna()].set_index("entity_id"))
        self.due = self._due()

    def _course(self, past: pd.DataFrame) -> pd.DataFrame:
        """``since`` and ``fired_on`` by entity, before anything starts tonight."""
        known = past.index.union(self.true)
        course = past[["since", "fired_on"]].reindex(known)
        course["since"] = course["since"].fillna(self.as_of).where(known.isin(self.true))
        return course

    def _due(self) -> pd.Series:
        """For whom it is to start: came true while watched, has not started since, has rested."""
        since, last = self.course["since"], self.course["fired_on"]
        rested = last + pd.Timedelta(days=self.play.cooldown) <= self.as_of
        return (since > self.watched) & (last.isna() | ((last < since) & rested))

    @property
    def is_of_everybody(self) -> bool:
        """Whether it would start for so many that its trigger cannot be meant."""
        return self.asked >= _FEW and self.due.sum() > _MOST * self.asked

    @property
    def fired(self) -> pd.DataFrame:
        """``entity``, ``entity_id`` and ``play``, where it starts."""
        ids = [] if self.is_of_everybody else list(self.due.index[self.due])
        rows = {"entity": self.play.entity, "entity_id": ids, "play": self.play.id}
        return pd.DataFrame(rows, dtype="str")

    @property
    def state(self) -> pd.DataFrame:
        """What to remember; what is neither true nor resting can be forgotten."""
        held_back = self.is_of_everybody
        course = self.course.assign(play=self.play.id)
        if not held_back:
            course["fired_on"] = course["fired_on"].mask(self.due, self.as_of)
        resting = course["fired_on"] + pd.Timedelta(days=self.play.cooldown) > self.as_of
        told = course[course["since"].notna() | resting].rename_axis("entity_id").reset_index()
        watched = self.as_of if held_back else self.watched
        watch = {"play": self.play.id, "since": watched, "trigger": self.play.trigger}
        return pd.concat([pd.DataFrame([watch]), told]).reindex(columns=list(_STATE)).astype(_STATE)

    @property
    def held_back(self) -> Words:
        """That it would have started for everybody."""
        name, many, of = self.play.name, int(self.due.sum()), self.asked
        return Words(
            ja=f"サイン「{name.ja}」が一度に{of:,}件中{many:,}件に当てはまったため、誰にも開始していません。"
            f"plays.yml の {self.play.id} の trigger をご確認ください。",
            en=f"The play '{name.en}' came true for {many:,} of {of:,} at once and starts for none "
            f"of them: see the trigger of {self.play.id} in plays.yml.",
        )


def _watched_from_now(nights: Sequence[_Night]) -> list[Words]:
    """That new plays start for nobody yet, and for how many they hold."""
    new = [night for night in nights if night.is_new]
    if not new:
        return []
    holding = [night for night in new if len(night.true)]
    ja = "、".join(f"{n.play.name.ja}（{len(n.true):,}件）" for n in holding) or "なし"
    en = ", ".join(f"{n.play.name.en} ({len(n.true):,})" for n in holding) or "none"
    return [
        Words(
            ja=f"{len(new)}件のサインの監視を始めました。すでに当てはまっているものには開始しません：{ja}",
            en=f"{len(new)} plays are watched from now on; those that hold already do not start: "
            f"{en}",
        )
    ]
