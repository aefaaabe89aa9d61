"""The decisions of a night, from situations, plays, people and the past."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from salesml.actions.assignment.kinds import NOBODY
from salesml.actions.deciding import escalating
from salesml.actions.deciding.chance import Lots
from salesml.actions.deciding.each import KEY, Key, each, keys_of
from salesml.actions.deciding.escalating import Escalation, escalations
from salesml.actions.deciding.options import COLUMNS, answers_of, by_weight, options_of
from salesml.actions.deciding.past import Past
from salesml.actions.deciding.plan import Planned
from salesml.actions.deciding.rows import Telling, rows_of
from salesml.actions.deciding.verdicts import Cases, Verdict, verdicts
from salesml.actions.deciding.week import Time, time_left
from salesml.actions.rules import Situation
from salesml.config import ActionsConfig, TaskConfig, Words

__all__ = ["Decided", "Night", "decide"]

_NO_EFFECTS = pd.DataFrame(columns=["entity_id", "action", "effect", "low", "high"])
_NO_OPTIONS = pd.DataFrame(columns=COLUMNS)
_ASKED = ["assignee_id", "channel", "minutes"]
_NOBODY = pd.DataFrame(columns=_ASKED, dtype=object)
_NO_STATE = pd.DataFrame(columns=["play", "entity_id", "fired_on"], dtype=object)


@dataclass(frozen=True)
class Night:
    """What a night is decided on.

    Parameters
    ----------
    situations : by entity, those whose tasks were scored.
    fired : entity, entity_id, play: the plays that fired tonight.
    past : what was decided before, as known tonight.
    people : as `salesml.actions.rules.people_of`.
    learnt : effects by entity, as `options_of` takes them.
    standing : decisions of this very date that stay as they are; their entities are not among
        the situations.
    state : play, entity_id, fired_on, as `salesml.actions.rules.fire` remembers them: deadlines
        count from that date.
    """

    config: ActionsConfig
    tasks: Mapping[str, TaskConfig]
    as_of: dt.date
    run_id: str
    situations: Mapping[str, Situation]
    fired: pd.DataFrame
    past: Past
    people: pd.DataFrame
    learnt: Mapping[str, pd.DataFrame]
    standing: pd.DataFrame = field(default_factory=lambda: _NOBODY)
    state: pd.DataFrame = field(default_factory=lambda: _NO_STATE)

    @cached_property
    def entities(self) -> pd.DataFrame:
        """Everybody considered, by (entity, entity_id)."""
        rows = [s.rows.assign(entity=entity) for entity, s in self.situations.items()]
        whole = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=KEY)
        names = ["name", "segment", "owner_id", "owner", "amount"]
        lacking = {name: None for name in names if name not in whole}
        whole = whole.assign(**lacking)
        return whole.assign(owner_id=_or_none(whole["owner_id"])).set_index(KEY)

    @cached_property
    def options(self) -> pd.DataFrame:
        """Every action allowed, in a fixed order."""
        parts = [
            options_of(
                entity, s.rows, s.allowed, self.config, self.tasks,
                self.learnt.get(entity, _NO_EFFECTS),
            )
            for entity, s in self.situations.items()
        ]  # fmt: skip
        parts = [part for part in parts if len(part)]
        if not parts:
            return _NO_OPTIONS
        whole = pd.concat(parts, ignore_index=True)
        whole["owner_id"] = _or_none(whole["owner_id"])
        return whole.sort_values([*KEY, "action"], ignore_index=True)

    @cached_property
    def wanted(self) -> dict[Key, list[str]]:
        """The plays that each entity waits for: fired tonight, or before and still true."""
        true = {
            (entity, *of)
            for entity, s in self.situations.items()
            for of in each(s.true, "entity_id", "play")
        }
        found: dict[Key, list[str]] = {
            key: [p for p in plays if (*key, p) in true]
            for key, plays in self.past.wanted(self.config).items()
        }
        for entity, entity_id, play in each(self.fired, *KEY, "play"):
            found.setdefault((entity, entity_id), []).append(play)
        there = set(self.entities.index)
        weighed = {k: by_weight(plays, self.config) for k, plays in found.items() if k in there}
        return {key: plays for key, plays in weighed.items() if plays}

    @cached_property
    def fired_on(self) -> dict[tuple[str, str], dt.date]:
        """When each (play, entity_id) fired last."""
        days = each(self.state.dropna(subset=["entity_id", "fired_on"]), *_NO_STATE)
        return {(play, entity_id): pd.Timestamp(day).date() for play, entity_id, day in days}


def _or_none(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), None)


@dataclass(frozen=True)
class Decided:
    """The rows of the book, what people were asked for this week, and what else is to be known."""

    decisions: pd.DataFrame
    loads: pd.DataFrame
    notes: list[Words]
    planned: Planned


def decide(night: Night) -> Decided:
    """Decide what everybody considered gets, and who does it."""
    config, past = night.config, night.past
    fresh = _fresh(night)
    ready = night.options[~fresh]
    answers = answers_of(ready, night.wanted, config)
    late = _escalated(night)
    urgent = _urgent(answers, config, late)
    escalated = {key: to for key, to in late.items() if key not in urgent}
    used = _asked(past.this_week(), escalated, config)
    time = time_left(night.people, config.capacity, config.channels, used, night.as_of)
    time = time.less(night.standing)
    cases = Cases(
        options=ready,
        answers=answers,
        urgent=urgent,
        closed=set(keys_of(past.open())) | escalated.keys(),
        drawn=past.drawn(),
        keys=list(night.entities.index),
        cooling=set(keys_of(night.options[fresh])),
    )
    found, planned = verdicts(cases, Lots(config.holdout, config.explore, night.as_of), time)
    leading = {key: next(iter(plays.values())) for key, plays in answers.items()}
    decisions = rows_of(_telling(night, leading), found, escalated)
    tonight = decisions.loc[decisions["how"] != "escalated", used.columns]
    loads = _loads(time, pd.concat([used, night.standing[_ASKED].astype(object), tonight]))
    notes = [*escalating.notes(escalated), *_notes(found, leading, config, night)]
    notes += _unskilled(night, planned, found)
    return Decided(decisions, loads, notes, planned)


def _fresh(night: Night) -> pd.Series:
    """Whether each option was given so lately that it is not to come again yet."""
    cooling = night.past.cooling(night.config.actions)
    named = each(night.options, *KEY, "action")
    return pd.Series([name in cooling for name in named], night.options.index, dtype=bool)


def _urgent(
    answers: Mapping[Key, Mapping[str, str]],
    config: ActionsConfig,
    late: Mapping[Key, Escalation],
) -> dict[Key, set[str]]:
    """The urgent plays of those whose first play is: but for one that is escalated tonight."""
    found = {}
    for key, plays in answers.items():
        first = next(iter(plays.values()))
        escalated = late[key].play if key in late else None
        if config.plays[first].urgent and first != escalated:
            found[key] = {p for p in plays.values() if config.plays[p].urgent and p != escalated}
    return found


def _escalated(night: Night) -> dict[Key, Escalation]:
    week = pd.concat([night.past.this_week()[_ASKED], night.standing[_ASKED]])
    minutes = week.groupby("assignee_id")["minutes"].sum()
    busy = {str(rep): float(many) for rep, many in minutes.items()}
    return escalations(night.past.overdue(), night.config, night.people, night.entities, busy)


def _asked(
    before: pd.DataFrame, escalated: Mapping[Key, Escalation], config: ActionsConfig
) -> pd.DataFrame:
    """What people were asked for this week, escalations of tonight among it."""
    columns = ["assignee_id", "channel", "minutes"]
    actions = [(e.rep_id, config.actions[e.action]) for e in escalated.values()]
    rows = [(rep, action.channel, action.minutes) for rep, action in actions if rep]
    tonight = pd.DataFrame(rows, columns=columns, dtype=object)
    return pd.concat([before[columns].astype(object), tonight], ignore_index=True)


def _telling(night: Night, leading: Mapping[Key, str]) -> Telling:
    return Telling(
        entities=night.entities,
        options=night.options,
        wanted=night.wanted,
        leading=leading,
        fired_on=night.fired_on,
        names=dict(each(night.people, "rep_id", "name")),
        config=night.config,
        tasks=night.tasks,
        as_of=night.as_of,
        run_id=night.run_id,
    )


def _loads(time: Time, asked: pd.DataFrame) -> pd.DataFrame:
    """Minutes that people were asked for this week, tonight among them, of those they have."""
    taken = asked.dropna(subset="assignee_id").groupby("assignee_id")["minutes"].sum()
    people = time.people
    minutes = people["rep_id"].map(taken.astype(float)).fillna(0.0)
    loads = people[["rep_id", "name", "role"]].assign(minutes=minutes, of=people["weekly"])
    return loads[(loads["of"] > 0) | (loads["minutes"] > 0)].reset_index(drop=True)


def _notes(
    found: Mapping[Key, Verdict],
    leading: Mapping[Key, str],
    config: ActionsConfig,
    night: Night,
) -> list[Words]:
    """Urgent plays that found nobody, and entities of which nobody knows the amount."""
    missed = [k for k, v in found.items() if v.how == "capacity" and k in leading and v.row is None]
    urgent = sum(config.plays[leading[key]].urgent for key in missed)
    told = []
    if urgent:
        told.append(
            Words(
                ja=f"緊急のサインのうち{urgent}件は、今週対応できる人がいません。",
                en=f"{urgent} urgent plays found nobody with the time or skill this week.",
            )
        )
    many = len(set(keys_of(night.options[night.options["worth"].isna()])))
    if many:
        told.append(
            Words(
                ja=f"金額が分からないため、効果を金額にできないもの：{many}件（サインだけが対象）。",
                en=f"{many} have no amount, so that only plays choose actions for them.",
            )
        )
    return told


def _unskilled(night: Night, planned: Planned, found: Mapping[Key, Verdict]) -> list[Words]:
    """Actions that entities wait for, and that nobody there is has the role and skill for."""
    lacking = night.options.loc[[row for row, why in planned.unplaced.items() if why == NOBODY]]
    waits = [found[key].how == "capacity" for key in keys_of(lacking)]
    names = [night.config.actions[a].name for a in sorted(set(lacking.loc[waits, "action"]))]
    if not names:
        return []
    return [
        Words(
            ja=f"対応できる役割・スキルの人がいないもの：{sum(waits)}件"
            f"（{'、'.join(name.ja for name in names)}）。",
            en=f"{sum(waits)} wait for what nobody has the role and skill for "
            f"({', '.join(name.en for name in names)}).",
        )
    ]
