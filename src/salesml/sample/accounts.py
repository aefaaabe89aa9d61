"""Accounts: customers of before, prospects born from leads and from outbound calls."""

from __future__ import annotations

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

__all__ = ["PLANS", "make_accounts", "relative_price"]

# plan: (up to this many employees, usual fee a month in JPY)
PLANS = {
    "ライト": (50, 40_000),
    "スタンダード": (250, 100_000),
    "プロ": (700, 250_000),
    "エンタープライズ": (10**9, 600_000),
}
# Contracts start at the turn of a half-year more often than in other months.
STARTS_BY_MONTH = (0.8, 0.6, 0.6, 3.0, 0.9, 0.8, 1.0, 0.6, 0.7, 2.4, 0.9, 0.7)
_INITIAL_SHARE, _NEW_DEALS_AN_ACCOUNT = 0.53, 2.6
_FROM_LEAD = ["lead_id", "source", "industry", "employees", "prefecture", "interest", "persons"]


def relative_price(monthly_fee: Array, employees: Array) -> Array:
    """Return the log of the fee over what a company of that size usually pays."""
    return np.asarray(np.log(monthly_fee / (40_000 * (employees / 20) ** 0.54)))


def _companies(rng: np.random.Generator, count: int) -> pd.DataFrame:
    industry = names.pick(rng, {k: share for k, (share, _) in names.INDUSTRIES.items()}, count)
    return pd.DataFrame(
        {
            "industry": industry,
            "employees": names.employees(rng, count),
            "prefecture": names.prefectures(rng, count),
            "interest": rng.normal(size=count),
            "persons": 1 + rng.poisson(0.9, count),
        }
    )


def _first_of_months(rng: np.random.Generator, first: str, last: str, count: int) -> Array:
    months = np.arange(np.datetime64(first, "M"), np.datetime64(last, "M")).astype("datetime64[D]")
    weight = month_factor(months, STARTS_BY_MONTH) * np.linspace(0.4, 1.6, len(months))
    return np.asarray(rng.choice(months, size=count, p=weight / weight.sum()))


def _initial(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Customers whose contracts began before the period and were running when it began."""
    frame = _companies(rng, count)
    frame["started_on"] = _first_of_months(rng, "2019-04", "2023-04", count)
    before = frame["started_on"].to_numpy().astype("datetime64[D]") - rng.integers(30, 150, count)
    frame["created_at"] = at_office(rng, on_working_days(rng, before))
    return frame.assign(origin="initial", source="既存顧客", role="CS")


def _from_leads(leads: pd.DataFrame) -> pd.DataFrame:
    seen = leads[leads["converted_at"] <= CLOSED_SECOND]
    frame = seen[_FROM_LEAD].assign(name=seen["company"], name_kana=seen["kana"])
    return frame.assign(created_at=seen["converted_at"], origin="lead", role="FS")


def _outbound(rng: np.random.Generator, count: int) -> pd.DataFrame:
    frame = _companies(rng, count)
    days = np.arange(FIRST_DAY, LAST_DAY + 1)
    weight = working(days)
    chosen = rng.choice(days, size=count, p=weight / weight.sum())
    frame["created_at"] = around_the_clock(rng, chosen)
    return frame.assign(origin="outbound", source="アウトバウンド", role="FS")


def _owners(rng: np.random.Generator, accounts: pd.DataFrame, reps: pd.DataFrame) -> pd.DataFrame:
    for role in ("FS", "CS"):
        mine = accounts["role"] == role
        owner, skill = assign(rng, reps, role, int(mine.sum()))
        accounts.loc[mine, "owner_id"], accounts.loc[mine, "owner_skill"] = owner, skill
    return accounts


def _plans(rng: np.random.Generator, employees: Array) -> tuple[Array, Array]:
    felt = employees * np.exp(rng.normal(0, 0.45, len(employees)))
    limits = np.array([limit for limit, _ in PLANS.values()])
    chosen = np.searchsorted(limits, felt)
    usual = np.array([fee for _, fee in PLANS.values()])[chosen]
    fee = usual * np.exp(rng.normal(0, 0.22, len(employees)))
    return np.array(list(PLANS), dtype=object)[chosen], (fee / 1000).round().astype(int) * 1000


def _segments(rng: np.random.Generator, monthly_fee: Array) -> Array:
    low_touch = rng.random(len(monthly_fee)) < 0.25
    yearly = monthly_fee * 12
    return np.select([yearly >= 5e6, yearly >= 1e6, low_touch], ["S", "A", "C"], "B").astype(object)


def make_accounts(count: int, leads: pd.DataFrame, reps: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return all companies in the order in which the CRM met them.

    About 0.53 * *count* are customers from before the period (``started_on`` set, origin
    ``initial``); the rest are prospects of whom deals make customers.
    """
    rng = stream(seed, "accounts")
    born = _from_leads(leads)
    outbound = _outbound(rng, max(round(_NEW_DEALS_AN_ACCOUNT * count) - len(born), count // 5))
    named = pd.concat([_initial(rng, round(_INITIAL_SHARE * count)), outbound])
    industry = named["industry"].to_numpy()
    named["name"], named["name_kana"] = names.companies(seed, industry, after=len(leads))
    frame = pd.concat([named, born])
    frame = frame.sort_values("created_at", kind="stable").reset_index(drop=True)
    frame.insert(0, "account_id", [f"A{i:06d}" for i in range(1, len(frame) + 1)])
    frame["plan"], frame["monthly_fee"] = _plans(rng, frame["employees"].to_numpy())
    frame["segment"] = _segments(rng, frame["monthly_fee"].to_numpy())
    revenue = frame["employees"] * 18e6 * np.exp(rng.normal(0, 0.5, len(frame)))
    frame["annual_revenue"] = (revenue / 1e6).round().astype(int) * 1_000_000
    return _owners(rng, frame, reps)
