"""The budget year of municipalities: its stages, sessions and windows on any date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import pandas as pd

from salesml.config import Words
from salesml.municipal.settings import MunicipalConfig, StageConfig

__all__ = [
    "Deadline",
    "Period",
    "budget_calendar",
    "deadlines",
    "last_rotation",
    "next_assembly",
    "next_stage",
    "next_supplementary",
    "parallel_on",
    "stage_on",
]

Kind = Literal["stage", "execution", "year", "assembly", "supplementary", "rotation"]

# whoever asks about 2000..2080 also finds what came before and what follows
_YEARS = range(1999, 2082)
_ALWAYS_KNOWN = dt.datetime(1900, 1, 1)
_COLUMNS = ["kind", "name", "ja", "en", "starts_on", "ends_on", "known_at"]


class _Yearly(Protocol):
    """What comes round every year, and what it is called."""

    @property
    def ja(self) -> str: ...

    @property
    def en(self) -> str: ...

    def in_year(self, year: int) -> tuple[dt.date, dt.date]: ...


@dataclass(frozen=True)
class Period:
    """One stage, session or window of one year; both dates are in it."""

    kind: Kind
    name: str
    words: Words
    starts_on: dt.date
    ends_on: dt.date

    def __contains__(self, date: dt.date) -> bool:
        return self.starts_on <= date <= self.ends_on


@dataclass(frozen=True)
class Deadline:
    """The last date on which something can be done, what it is, and the period it belongs to."""

    on: dt.date
    words: Words
    period: Period


def stage_on(settings: MunicipalConfig, date: dt.date) -> Period:
    """The stage of next year's budget on *date*."""
    return next(period for period in _near(_stages(settings), "stage", date) if date in period)


def parallel_on(settings: MunicipalConfig, date: dt.date) -> list[Period]:
    """The parallel stages on *date*: this year's budget is executed meanwhile."""
    return [period for period in _near(_parallel(settings), "execution", date) if date in period]


def next_stage(settings: MunicipalConfig, date: dt.date) -> Period:
    """The first stage that begins after *date*."""
    return _next(_near(_stages(settings), "stage", date), date)


def next_assembly(settings: MunicipalConfig, date: dt.date) -> Period:
    """The first session that begins after *date*."""
    return _next(_near(settings.assembly, "assembly", date), date)


def next_supplementary(settings: MunicipalConfig, date: dt.date) -> Period:
    """The first window of a supplementary budget that opens after *date*."""
    return _next(_near(settings.supplementary, "supplementary", date), date)


def last_rotation(settings: MunicipalConfig, date: dt.date) -> dt.date:
    """The newest date, *date* itself at the latest, on which people moved to other posts."""
    rotations = _near({"rotation": settings.rotation}, "rotation", date)
    return max(period.starts_on for period in rotations if period.starts_on <= date)


def deadlines(settings: MunicipalConfig, date: dt.date) -> list[Deadline]:
    """What must be done by when, from *date* on, the next first: one of each kind.

    The material of a stage by its last day; what shall be in a supplementary budget by the day
    before its window opens.
    """
    stage, window = stage_on(settings, date), next_supplementary(settings, date)
    found = [_end_of(stage, settings.stages[stage.name]), _before(window)]
    return sorted(found, key=lambda deadline: deadline.on)


def budget_calendar(settings: MunicipalConfig) -> pd.DataFrame:
    """Every period that touches the years 2000 to 2080, one a row, and its neighbours.

    Columns kind, name, ja, en, starts_on, ends_on (dates, both in the period), known_at (1900: a
    calendar is known ahead). Of kind ``stage`` there is one on every date; parallel stages are of
    kind ``execution``, the budget year as a whole of kind ``year``.
    """
    periods = sorted(_all(settings, _YEARS), key=lambda p: (p.starts_on, p.kind, p.name))
    rows = [
        (p.kind, p.name, p.words.ja, p.words.en, p.starts_on, p.ends_on, _ALWAYS_KNOWN)
        for p in periods
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _all(settings: MunicipalConfig, years: Iterable[int]) -> Iterator[Period]:
    yield from _years(settings, years)
    for kind, items in _kinds(settings).items():
        yield from _periods(items, kind, years)


def _kinds(settings: MunicipalConfig) -> dict[Kind, Mapping[str, _Yearly]]:
    return {
        "stage": _stages(settings),
        "execution": _parallel(settings),
        "assembly": settings.assembly,
        "supplementary": settings.supplementary,
        "rotation": {"rotation": settings.rotation},
    }


def _years(settings: MunicipalConfig, years: Iterable[int]) -> Iterator[Period]:
    for year in years:
        first, following = (settings.year_start.in_year(y) for y in (year, year + 1))
        words = Words(ja=f"{year}年度", en=f"fiscal year {year}")
        yield Period("year", str(year), words, first, following - dt.timedelta(days=1))


def _stages(settings: MunicipalConfig) -> dict[str, StageConfig]:
    return {name: stage for name, stage in settings.stages.items() if not stage.parallel}


def _parallel(settings: MunicipalConfig) -> dict[str, StageConfig]:
    return {name: stage for name, stage in settings.stages.items() if stage.parallel}


def _near(items: Mapping[str, _Yearly], kind: Kind, date: dt.date) -> list[Period]:
    """The periods of the year of *date*, of the one before and the one after."""
    return list(_periods(items, kind, range(date.year - 1, date.year + 2)))


def _periods(items: Mapping[str, _Yearly], kind: Kind, years: Iterable[int]) -> Iterator[Period]:
    for year in years:
        for name, item in items.items():
            yield Period(kind, name, Words(ja=item.ja, en=item.en), *item.in_year(year))


def _next(periods: list[Period], date: dt.date) -> Period:
    return min((p for p in periods if p.starts_on > date), key=lambda period: period.starts_on)


def _end_of(period: Period, stage: StageConfig) -> Deadline:
    ja, en = _day(period.ends_on)
    words = Words(
        ja=f"{stage.ja}は{ja}まで：{stage.material.ja}",
        en=f"{stage.en} until {en}: {stage.material.en}",
    )
    return Deadline(period.ends_on, words, period)


def _before(window: Period) -> Deadline:
    on = window.starts_on - dt.timedelta(days=1)
    ja, en = _day(on)
    words = Words(
        ja=f"{window.words.ja}への要求は{ja}まで",
        en=f"{window.words.en}: ask for it by {en}",
    )
    return Deadline(on, words, window)


def _day(date: dt.date) -> tuple[str, str]:
    return f"{date.month}月{date.day}日", f"{date.day} {date:%B}"
