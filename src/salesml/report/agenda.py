"""What is to be done, by whom, until when and why, as the page and the terminal show it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from salesml.config import Words
from salesml.report.formats import MINUS, Shown, clean, missing, short_day, shown
from salesml.report.words import phrase

__all__ = ["Counts", "Todo", "channel_words", "counts", "entity_words", "pressing", "todo_of"]

_ENTITIES = ("entity_account", "entity_lead", "entity_opportunity", "entity_municipality")
_CHANNELS = (
    *("channel_mail", "channel_phone", "channel_visit"),
    *("channel_meeting", "channel_web", "channel_event"),
)
_TOLD = ("told_play", "told_concept", "told_effect", "told_evidence", "told_explored")
_WHY = ("explored", "play", "concept")

Record = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Todo:
    """One action to be done.

    ``left`` are the days until it is due, negative where that is past, None where it never is;
    ``since`` is the date it was recommended on, None where that is today. ``effect``, ``low`` and
    ``high`` are points of the probability of the good outcome; like ``value`` they are None where a
    play asks for what gains nothing by itself. ``reasons`` pair a kind (``play``,
    ``concept``, ``effect``, ``evidence``, ``explored`` where chance chose it) with its words.
    """

    entity: str
    key: str
    id: Shown
    name: Shown
    task: str
    title: Words
    channel: Words
    minutes: int | None
    by: Shown
    due: dt.date | None
    left: int | None
    since: dt.date | None
    urgent: bool
    escalated: bool
    effect: float | None
    low: float | None
    high: float | None
    learnt: bool
    value: float | None
    material: Words | None
    best: Words | None
    next: Words | None
    reasons: list[tuple[str, Words]]

    @property
    def kind(self) -> Words:
        """What it is for: a customer, a lead …"""
        return entity_words(self.entity)

    @property
    def late(self) -> bool:
        """Whether its deadline is past."""
        return self.left is not None and self.left < 0

    @property
    def deadline(self) -> Words:
        """How long there is: ``2 days left``, ``today``, ``3 days late``."""
        if self.left is None:
            return phrase("open_ended")
        if self.left == 0:
            return phrase("left_none")
        days = abs(self.left)
        one = ("late_one", "left_one")[self.left > 0]
        many = ("late", "left")[self.left > 0]
        return phrase(one) if days == 1 else phrase(many, points=f"{days:,}")

    @property
    def why(self) -> Words | None:
        """The first reason that is no number, if there is one."""
        told = [words for kind, words in self.reasons if kind in _WHY]
        return next(iter(told or [words for _, words in self.reasons]), None)

    @property
    def gain(self) -> str:
        """The effect in points: ``+4.1``."""
        return "" if self.effect is None else points(self.effect)


def points(share: float) -> str:
    """A change of a probability in points, with its sign: ``+4.1``."""
    sign = MINUS if share < 0 else "+"
    return f"{sign}{abs(100 * share):.1f}"


def pressing(agenda: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """*agenda*, what is urgent or escalated first, then overdue, then due early, then worth much.

    How long a deadline is past does not count: of what is overdue the worthiest comes first.
    """
    due = pd.to_datetime(agenda["due_on"])
    late = due < pd.Timestamp(as_of)
    urgent = agenda["urgent"].fillna(False).astype(bool) | (agenda["how"] == "escalated")
    order = pd.DataFrame(
        {
            "urgent": ~urgent,
            "late": ~late,
            "due": due.mask(late),
            "value": -pd.to_numeric(agenda["value"]).fillna(0.0).astype(float),
            "id": agenda["entity_id"].astype(str),
        }
    )
    return agenda.loc[order.sort_values(list(order.columns), kind="stable").index]


def todo_of(record: Record, as_of: dt.date) -> Todo:
    """One row of an agenda as readers see it on *as_of*."""
    id_, name = shown(record["entity_id"], limit=40), shown(record["name"])
    due, asked = _day(record, "due_on"), _day(record, "as_of")
    since = asked if asked and asked < as_of else None
    gains = _gains(record)
    return Todo(
        entity=str(record["entity"]),
        key=str(record["entity_id"]),
        id=id_,
        name=name if name.text else id_,
        task=clean(record["task"]),
        title=_words(record, "title") or Words(ja=record["action"], en=record["action"]),
        channel=channel_words(record["channel"]),
        minutes=None if missing(record["minutes"]) else round(float(record["minutes"])),
        by=_person(record),
        due=due,
        left=None if due is None else (due - as_of).days,
        since=since,
        urgent=not missing(record["urgent"]) and bool(record["urgent"]),
        escalated=record["how"] == "escalated",
        effect=gains["effect"],
        low=gains["effect_low"],
        high=gains["effect_high"],
        learnt=record["effect_source"] == "learnt",
        value=gains["value"],
        material=_words(record, "material"),
        best=_words(record, "best"),
        next=None if record["next_kind"] == "nothing" else _words(record, "next"),
        reasons=[*_trial(record), *_reasons(record["reasons"], since)],
    )


def _gains(record: Record) -> dict[str, float | None]:
    """Value and effect; of a play only what rounds to more than nothing."""
    effects = ("effect", "effect_low", "effect_high")
    found = {name: _number(record[name]) for name in ("value", *effects)}
    if not missing(record["play"]):
        if round(found["value"] or 0) <= 0:
            found["value"] = None
        if round(found["effect"] or 0, 3) <= 0:
            found |= dict.fromkeys(effects)
    return found


def _trial(record: Record) -> list[tuple[str, Words]]:
    """What is to be said where chance chose the action."""
    return [("explored", phrase("chosen_by_chance"))] if record["how"] == "explored" else []


def channel_words(channel: object) -> Words:
    """A channel in words; one that nobody named here as it is."""
    return _named("channel", _CHANNELS, channel)


def entity_words(entity: str) -> Words:
    """A kind of entity in words."""
    return _named("entity", _ENTITIES, entity)


def _named(kind: str, known: tuple[str, ...], value: object) -> Words:
    key = f"{kind}_{value}"
    text = clean(value)
    return phrase(key) if key in known else Words(ja=text, en=text)


def _person(record: Record) -> Shown:
    name = shown(record["assignee"], limit=20)
    return name if name.text else shown(record["assignee_id"], limit=20)


def _day(record: Record, name: str) -> dt.date | None:
    value = record[name]
    return None if missing(value) else pd.Timestamp(value).date()


def _number(value: object) -> float | None:
    return None if missing(value) else float(value)  # type: ignore[arg-type]


def _words(record: Record, name: str) -> Words | None:
    return _both(record[f"{name}_ja"], record[f"{name}_en"])


@lru_cache(maxsize=10_000)  # many rows say the same
def _both(ja: object, en: object) -> Words | None:
    """Both texts as shown, one standing in for the other; None where there is neither."""
    first, second = shown(ja, limit=160).text, shown(en, limit=160).text
    return Words(ja=first or second, en=second or first) if first or second else None


def _reasons(told: object, since: dt.date | None) -> list[tuple[str, Words]]:
    """Reasons; an effect is of the probability on the day it was told, *since* if not today."""
    return [
        (str(each["kind"]), _dated(words, since) if each["kind"] == "effect" else words)
        for each in (told if isinstance(told, list) else [])
        if f"told_{each['kind']}" in _TOLD and (words := _both(each["ja"], each["en"])) is not None
    ]


def _dated(words: Words, since: dt.date | None) -> Words:
    if since is None:
        return words
    day = short_day(since)
    return Words(ja=f"{words.ja}（{day.ja}時点）", en=f"{words.en} (on {day.en})")


@dataclass(frozen=True)
class Counts:
    """How much there is to do, and what it is expected to bring."""

    todo: int
    new: int
    overdue: int
    escalated: int
    value: float


def counts(agenda: pd.DataFrame, as_of: dt.date) -> Counts:
    """The figures of an *agenda* on *as_of*."""
    today = pd.Timestamp(as_of)
    value = pd.to_numeric(agenda["value"]).fillna(0.0)
    return Counts(
        todo=len(agenda),
        new=int((pd.to_datetime(agenda["as_of"]) == today).sum()),
        overdue=int((pd.to_datetime(agenda["due_on"]) < today).sum()),
        escalated=int((agenda["how"] == "escalated").sum()),
        value=float(value.clip(lower=0).sum()),
    )
