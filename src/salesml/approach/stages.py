"""The budget year on a date: its stage, whom to talk to about what, and what must be done when."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from salesml.config import Words
from salesml.municipal.budget_year import (
    Period,
    budget_calendar,
    deadlines,
    next_assembly,
    next_stage,
    parallel_on,
    stage_on,
)
from salesml.municipal.settings import MunicipalConfig, StakeholderConfig

__all__ = ["Stage", "Talk", "calendar_from", "common_deadlines", "deadline", "stages_from"]

_AHEAD = 365  # days of the calendar


@dataclass(frozen=True)
class Talk:
    """Somebody to talk to in a stage, what they care about, and what to bring."""

    stakeholder: str
    ja: str
    en: str
    cares_ja: str
    cares_en: str
    material_ja: str
    material_en: str


@dataclass(frozen=True)
class Stage:
    """A stage of one budget, both dates in it; the most important of *talks* first."""

    name: str
    ja: str
    en: str
    starts_on: dt.date
    ends_on: dt.date
    talks: list[Talk]

    def told(self) -> list[dict[str, Any]]:
        """Its talks as plain dicts."""
        return [asdict(talk) for talk in self.talks]


def stages_from(settings: MunicipalConfig, as_of: dt.date) -> tuple[list[Stage], list[Stage]]:
    """The stage on *as_of* and those that follow, of one year; and the parallel ones of the day."""
    now = stage_on(settings, as_of)
    row, many = [now], sum(not stage.parallel for stage in settings.stages.values())
    for _ in range(many - 1):
        row.append(next_stage(settings, row[-1].starts_on))
    return (
        [_stage(settings, period) for period in row],
        [_stage(settings, period) for period in parallel_on(settings, as_of)],
    )


def _stage(settings: MunicipalConfig, period: Period) -> Stage:
    found = settings.stages[period.name]
    talks = [_talk(name, settings.stakeholders[name], found.material) for name in found.talk_to]
    return Stage(period.name, found.ja, found.en, period.starts_on, period.ends_on, talks)


def _talk(name: str, who: StakeholderConfig, material: Words) -> Talk:
    cares = who.cares_about
    return Talk(name, who.ja, who.en, cares.ja, cares.en, material.ja, material.en)


def calendar_from(settings: MunicipalConfig, as_of: dt.date) -> pd.DataFrame:
    """What of the budget calendar is not over on *as_of* and begins within a year, in order."""
    rows = budget_calendar(settings).drop(columns="known_at")
    until = as_of + dt.timedelta(days=_AHEAD)
    chosen = (rows["ends_on"] >= as_of) & (rows["starts_on"] <= until)
    return rows[chosen].sort_values(["starts_on", "kind"], kind="stable", ignore_index=True)


def common_deadlines(settings: MunicipalConfig, as_of: dt.date) -> list[dict[str, Any]]:
    """The deadlines that all municipalities share, one of each kind, the next first."""
    session = next_assembly(settings, as_of)
    begins = Words(ja=f"{session.words.ja}の開会", en=f"{session.words.en} begins")
    found = [
        *(deadline(d.period.kind, d.on, d.words, as_of) for d in deadlines(settings, as_of)),
        deadline("assembly", session.starts_on, begins, as_of),
    ]
    return sorted(found, key=lambda each: each["on"])


def deadline(
    kind: str, on: dt.date, words: Words, as_of: dt.date, programme: str | None = None
) -> dict[str, Any]:
    """One deadline as a plain dict."""
    return {
        "kind": kind,
        "ja": words.ja,
        "en": words.en,
        "on": on,
        "days_left": (on - as_of).days,
        "programme_id": programme,
    }
