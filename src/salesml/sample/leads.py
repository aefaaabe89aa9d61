"""Leads and the truth behind their conversion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from salesml.sample import names
from salesml.sample.calendar import (
    CLOSED_SECOND,
    FIRST_DAY,
    LAST_DAY,
    Array,
    around_the_clock,
    at_office,
    month_factor,
    on_working_days,
    stream,
    working,
)
from salesml.sample.reps import assign

__all__ = ["LEAD_DRIVERS", "SOURCES", "logits_to_rate", "make_leads"]

# source: (share of leads, effect on the log-odds of converting)
SOURCES = {
    "Web問い合わせ": (0.22, 0.4),
    "資料請求": (0.20, 0.0),
    "ウェビナー": (0.15, 0.1),
    "展示会": (0.18, -0.5),
    "紹介": (0.07, 1.1),
    "広告": (0.13, -0.6),
    "購入リスト": (0.05, -1.3),
}
# title: (share of leads, effect)
TITLES = {
    "役員": (0.06, 0.4),
    "部長": (0.15, 0.5),
    "課長": (0.22, 0.3),
    "主任": (0.14, 0.1),
    "担当者": (0.26, 0.0),
    "情報システム担当": (0.12, 0.0),
    "学生・その他": (0.05, -1.3),
}
_INDUSTRY = {"IT": 0.4, "サービス": 0.3, "教育": 0.2, "金融": -0.4, "自治体関連": -0.5}
_OTHER = {
    "interest (standard deviations; web visits, replies)": 0.7,
    "interest where the title is 役員, 部長 or 課長, in addition": 0.3,
    "two persons of the company seen": 0.3,
    "three or more persons of the company seen": 0.8,
    "employees under 30": -0.6,
    "employees 100 to 1000": 0.5,
    "employees over 3000": -0.4,
    "skill of the rep, per level over 3": 0.25,
    "created in February, March, August or September": 0.3,
    "source 広告 and industry 自治体関連, in addition": -0.8,
}
LEAD_DRIVERS: dict[str, float] = {
    **{f"source={k}": effect for k, (_, effect) in SOURCES.items()},
    **{f"job_title={k}": effect for k, (_, effect) in TITLES.items()},
    **{f"industry={k}": effect for k, effect in _INDUSTRY.items()},
    **_OTHER,
}
_SENIOR = ("役員", "部長", "課長")
_RATE = 0.12
_BY_MONTH = (0.8, 1.1, 1.1, 1.0, 0.9, 1.0, 1.0, 0.7, 1.2, 1.15, 1.1, 0.8)


def logits_to_rate(logits: Array, rate: float) -> Array:
    """Shift log-odds so that the mean probability is *rate*; return the probabilities."""
    low, high = -15.0, 15.0
    for _ in range(60):
        middle = (low + high) / 2
        too_low = np.mean(1 / (1 + np.exp(-logits - middle))) < rate
        low, high = (middle, high) if too_low else (low, middle)
    return np.asarray(1 / (1 + np.exp(-logits - low)))


def _created(rng: np.random.Generator, count: int) -> Array:
    days = np.arange(FIRST_DAY, LAST_DAY + 1)
    growth = np.linspace(0.8, 1.2, len(days))
    weight = (working(days) + 0.08) * month_factor(days, _BY_MONTH) * growth
    chosen = rng.choice(days, size=count, p=weight / weight.sum())
    return np.sort(around_the_clock(rng, chosen))


def _campaign(sources: Array, created: Array) -> list[str | None]:
    months = pd.DatetimeIndex(created)
    halves = np.where((months.month >= 4) & (months.month <= 9), "上期", "下期")
    years = months.year - (months.month < 4)
    return [
        None if source == "紹介" else f"{year}{half}_{source}"
        for source, year, half in zip(sources, years, halves, strict=True)
    ]


def _drawn(rng: np.random.Generator, count: int, seed: int) -> dict[str, Any]:
    created = _created(rng, count)
    source = names.pick(rng, {k: share for k, (share, _) in SOURCES.items()}, count)
    industry = names.pick(rng, {k: share for k, (share, _) in names.INDUSTRIES.items()}, count)
    company, kana = names.companies(seed, industry)
    interest = rng.normal(size=count)
    return {
        "lead_id": [f"L{i:06d}" for i in range(1, count + 1)],
        "company": company,
        "kana": kana,
        "person": names.people(rng, count),
        "source": source,
        "campaign": _campaign(source, created),
        "industry": industry,
        "employees": names.employees(rng, count),
        "prefecture": names.prefectures(rng, count),
        "job_title": names.pick(rng, {k: share for k, (share, _) in TITLES.items()}, count),
        "created_at": created,
        "interest": interest,
        "persons": 1 + rng.poisson(0.45 * np.exp(0.5 * interest)),
    }


def _mapped(values: pd.Series, effects: dict[str, float]) -> Array:
    return np.asarray(values.map(effects).fillna(0.0).to_numpy(float))


def _logits(leads: pd.DataFrame) -> Array:
    senior, month = leads["job_title"].isin(_SENIOR), leads["created_at"].dt.month
    staff, persons, interest = leads["employees"], leads["persons"], leads["interest"]
    size = (staff < 30, (staff >= 100) & (staff <= 1000), staff > 3000)
    terms = (
        interest,
        interest * senior,
        persons == 2,
        persons >= 3,
        *size,
        leads["skill"] - 3,
        month.isin([2, 3, 8, 9]),
        (leads["source"] == "広告") & (leads["industry"] == "自治体関連"),
    )
    effects = _OTHER.values()
    total = sum(e * t.to_numpy(float) for e, t in zip(effects, terms, strict=True))
    total += _mapped(leads["source"], {k: effect for k, (_, effect) in SOURCES.items()})
    total += _mapped(leads["job_title"], {k: effect for k, (_, effect) in TITLES.items()})
    return np.asarray(total + _mapped(leads["industry"], _INDUSTRY))


def _conversion_times(rng: np.random.Generator, leads: pd.DataFrame) -> Array:
    """Return when leads convert: within 60 days by their truth, later for a few, else NaT."""
    count, probability = len(leads), leads["probability"].to_numpy()
    soon = rng.random(count) < probability
    later = ~soon & (rng.random(count) < 0.15 * probability)
    # At most 49 days plus a long holiday stays within 60.
    after = np.where(soon, 1 + 48 * rng.beta(1.3, 2.4, count), rng.uniform(62, 120, count))
    days = leads["created_at"].to_numpy().astype("datetime64[D]") + after.astype(int)
    times = at_office(rng, on_working_days(rng, days))
    return np.where(soon | later, times, np.datetime64("NaT", "s"))


def _status(rng: np.random.Generator, leads: pd.DataFrame) -> pd.DataFrame:
    """Give leads the state that the CRM shows when the period closes."""
    created, count = leads["created_at"].to_numpy(), len(leads)
    seen = leads["converted_at"] <= CLOSED_SECOND
    age = (CLOSED_SECOND - created).astype("timedelta64[D]").astype(int)
    dropped = created + (rng.integers(20, 120, count) * 86400).astype("timedelta64[s]")
    out = (rng.random(count) < 0.55) & (dropped <= CLOSED_SECOND)
    open_status = np.select([age < 5, age < 30], ["新規", "架電中"], "育成中")
    leads["status"] = np.where(seen, "商談化", np.where(out, "対象外", open_status))
    later = created + np.timedelta64(10, "D")
    touched = np.where(later <= CLOSED_SECOND, later, created)
    leads["updated_at"] = np.where(seen, leads["converted_at"], np.where(out, dropped, touched))
    leads["closed_at"] = np.where(out & ~seen, dropped, leads["converted_at"])
    return leads


def make_leads(count: int, reps: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return *count* leads with their hidden drivers and truth.

    Beside columns of the table ``leads``: ``interest`` and ``persons`` (hidden), ``probability``
    (of converting within 60 days, at creation), ``converted_at`` (also after the CRM's last
    day), ``closed_at`` (converted or given up; NaT while worked).
    """
    rng = stream(seed, "leads")
    leads = pd.DataFrame(_drawn(rng, count, seed))
    leads["owner_id"], leads["skill"] = assign(rng, reps, "IS", count)
    leads["probability"] = logits_to_rate(_logits(leads), _RATE)
    leads["converted_at"] = _conversion_times(rng, leads)
    return _status(rng, leads)
