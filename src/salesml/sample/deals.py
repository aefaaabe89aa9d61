"""Opportunities and the truth behind winning them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.calendar import (
    CLOSED_SECOND,
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    Array,
    at_office,
    day_number,
    month_factor,
    on_working_days,
    stream,
    working,
)
from salesml.sample.leads import logits_to_rate
from salesml.sample.life import CHURN_HORIZON, Life, mood
from salesml.sample.names import pick
from salesml.sample.reps import assign

__all__ = ["WIN_DRIVERS", "customer_deals", "new_deals", "starts"]

_OTHER = {
    "momentum (standard deviations; replies, meetings)": 0.8,
    "momentum where a competitor is in, in addition": -0.3,
    "log10 of the amount over 1,600,000 JPY": -0.6,
    "amount over 5,000,000 JPY": -0.4,
    "skill of the rep, per level over 3": 0.35,
    "amount over 5,000,000 JPY and skill of 4 or 5, in addition": 0.6,
    "three or more persons of the account seen": 0.6,
    "competitor in (comparison downloads)": -1.0,
    "created in December to February or June to August": 0.3,
    "customer's mood thriving": 0.6,
    "customer's mood drifting": -0.6,
    "customer's mood leaving": -1.2,
}
_SOURCE = {"紹介": 0.7, "Web問い合わせ": 0.2, "展示会": -0.2, "アウトバウンド": -0.5}
_PRODUCT = {"動画制作オプション": 0.3, "コンサルティング": -0.3, "エンタープライズ": -0.2}
WIN_DRIVERS: dict[str, float] = {
    **_OTHER,
    **{f"source={k}": v for k, v in _SOURCE.items()},
    **{f"product={k}": v for k, v in _PRODUCT.items()},
}
# Share won and usual days to the close, by kind.
_RATE = {"new": 0.24, "upsell": 0.34, "renewal": 0.48}
_USUAL_DAYS = {"new": 75, "upsell": 58, "renewal": 52}
_SHORTEST, _LONGEST = 20, 150
_OPTIONS = {"追加ライセンス": 0.45, "動画制作オプション": 0.25, "コンサルティング": 0.3}
# Wins fall into the last weeks of the fiscal year and half-year.
_WINS_BY_MONTH = (0.8, 1.2, 2.6, 0.6, 0.6, 1.0, 0.9, 0.7, 2.2, 0.7, 0.8, 1.1)
_ASKED_BY_MONTH = (1.3, 1.3, 0.8, 0.8, 0.9, 1.1, 1.3, 0.9, 0.8, 1.0, 1.1, 1.1)
_LOSS_REASONS = {"価格": 0.3, "予算なし": 0.2, "時期尚早": 0.2, "機能不足": 0.15, "連絡途絶": 0.15}


def _is_in_months(times: pd.Series, months: tuple[int, ...]) -> Array:
    return np.asarray(times.dt.month.isin(months))


def _logits(deals: pd.DataFrame) -> Array:
    large, tone = deals["amount"] > 5e6, deals["mood"].to_numpy()
    terms = (
        deals["momentum"],
        deals["momentum"] * deals["competitor"],
        np.log10(deals["amount"] / 1.6e6),
        large,
        deals["skill"] - 3,
        large & (deals["skill"] >= 4),
        deals["persons"] >= 3,
        deals["competitor"],
        _is_in_months(deals["created_at"], (12, 1, 2, 6, 7, 8)),
        *(tone == level for level in (0, 2, 3)),
    )
    pairs = zip(_OTHER.values(), terms, strict=True)
    total = np.zeros(len(deals))
    for effect, term in pairs:
        total += effect * np.asarray(term, dtype=float)
    total += deals["source"].map(_SOURCE).fillna(0.0).to_numpy(float)
    return np.asarray(total + deals["product"].map(_PRODUCT).fillna(0.0).to_numpy(float))


def _month_end(days: Array) -> Array:
    left = (days.astype("datetime64[M]") + 1).astype("datetime64[D]") - days
    return np.where(left.astype(int) <= 7, 1.6, 1.0)


def _closing_days(rng: np.random.Generator, deals: pd.DataFrame, won: Array) -> Array:
    """Draw the day each deal closes, 20 to 150 days after it was created."""
    length = np.arange(_SHORTEST, _LONGEST + 1)
    usual = deals["kind"].map(_USUAL_DAYS).to_numpy(float) * np.where(won, 1.0, 1.2)
    created = deals["created_at"].to_numpy().astype("datetime64[D]")
    days = created[:, None] + length[None, :]
    season = np.where(won[:, None], month_factor(days, _WINS_BY_MONTH) * _month_end(days), 1.0)
    weight = length**3.0 * np.exp(-4 * length / usual[:, None]) * season * working(days)
    reached = np.cumsum(weight, axis=1)
    chosen = (reached < rng.random((len(deals), 1)) * reached[:, -1:]).sum(axis=1)
    return np.asarray(days[np.arange(len(deals)), chosen])


def _settle(rng: np.random.Generator, deals: pd.DataFrame) -> pd.DataFrame:
    """Give deals their truth, and what came of it."""
    logits, chance = _logits(deals), np.zeros(len(deals))
    for kind in deals["kind"].unique():
        mine = (deals["kind"] == kind).to_numpy()
        chance[mine] = logits_to_rate(logits[mine], _RATE[kind])
    won = rng.random(len(deals)) < chance
    deals["probability"], deals["won"] = chance, won
    deals["closed_at"] = at_office(rng, _closing_days(rng, deals, won))
    rival = deals["competitor"].to_numpy(bool) & (rng.random(len(deals)) < 0.6)
    reason = np.where(rival, "競合", pick(rng, _LOSS_REASONS, len(deals)))
    deals["loss_reason"] = pd.Series(reason, index=deals.index).where(~won)
    return deals


def new_deals(accounts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one new-business deal for each account that was not a customer before the period.

    Beside columns of the table ``opportunities``: ``account`` (row of *accounts*), the hidden
    ``momentum``, ``persons``, ``competitor``, ``mood``, and the truth (``probability`` of
    winning, at creation; ``won``; ``closed_at``, also after the CRM's last day).
    """
    rng = stream(seed, "new deals")
    born = accounts[accounts["origin"] != "initial"]
    outbound = (born["origin"] == "outbound").to_numpy()
    met = born["created_at"].to_numpy().astype("datetime64[s]")
    later = on_working_days(rng, met.astype("datetime64[D]") + rng.integers(2, 40, len(born)))
    created = np.where(outbound, at_office(rng, later), met)
    born = born.assign(account=born.index, met_at=met, created_at=created, kind="new", mood=-1)
    born = born[born["created_at"] <= CLOSED_SECOND]
    born["product"], born["skill"] = born["plan"], born["owner_skill"]
    yearly = born["monthly_fee"] * 12 * np.exp(rng.normal(0, 0.1, len(born)))
    born["amount"] = (yearly / 1e4).round().astype(int) * 10_000
    born["momentum"] = 0.5 * born["interest"] + np.sqrt(0.75) * rng.normal(size=len(born))
    born["competitor"] = rng.random(len(born)) < 0.3
    return _settle(rng, born.reset_index(drop=True))


def starts(rng: np.random.Generator, deals: pd.DataFrame) -> Array:
    """Return the first day of the contract that each new deal would bring."""
    closed = deals["closed_at"].to_numpy().astype("datetime64[D]") + 5
    month = closed.astype("datetime64[M]") + 1
    half_year_next = np.isin(month.astype(int) % 12, (2, 8))
    waits = half_year_next & (rng.random(len(deals)) < 0.5)
    return np.asarray((month + waits.astype(int)).astype("datetime64[D]"))


def _upsell_cells(rng: np.random.Generator, life: Life, count: int) -> tuple[Array, Array]:
    """Draw days and customers of upsell talks: busy days, content customers more often."""
    last = int((LAST_DAY - FIRST_DAY).astype(int)) + 1
    tenure = np.arange(last)[:, None] - life.started[None, :]
    interest = np.array([1.4, 1.0, 0.6, 0.3])[mood(life.states[:last]) % 4]
    weight = np.where((life.states[:last] >= 0) & (tenure > 95), interest, 0.0)
    weight *= (working(DAYS[:last]) * month_factor(DAYS[:last], _ASKED_BY_MONTH))[:, None]
    cells = rng.choice(weight.size, size=count, p=(weight / weight.sum()).ravel())
    return np.asarray(cells // weight.shape[1]), np.asarray(cells % weight.shape[1])


def _renewal_cells(rng: np.random.Generator, life: Life, count: int) -> tuple[Array, Array]:
    """Draw renewal talks, 30 to 75 days before a yearly renewal of a running contract."""
    opens = np.diff(life.near_renewal, axis=0, prepend=1) == 1
    day, who = np.nonzero(opens)
    day = day_number(on_working_days(rng, FIRST_DAY + day + rng.integers(0, 30, len(day))))
    day = np.minimum(day, len(DAYS) - 1)
    fits = (FIRST_DAY + day <= LAST_DAY) & (life.states[day, who] >= 0)
    chosen = rng.permutation(np.flatnonzero(fits))[:count]
    return day[chosen], who[chosen]


def customer_deals(
    count: int, customers: pd.DataFrame, life: Life, reps: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return *count* upsell and renewal deals with customers (a third renewals, where possible).

    Columns as of :func:`new_deals`. A deal is lost the day its customer cancels, and its truth
    knows of that risk.
    """
    rng = stream(seed, "customer deals")
    renewal_day, renewer = _renewal_cells(rng, life, count // 3)
    day, who = _upsell_cells(rng, life, count - len(renewer))
    day, who = np.concatenate([day, renewal_day]), np.concatenate([who, renewer])
    frame = customers.iloc[who].reset_index(drop=True)
    frame["kind"] = np.repeat(["upsell", "renewal"], [count - len(renewer), len(renewer)])
    frame["created_at"] = at_office(rng, FIRST_DAY + day)
    frame["mood"], frame["customer"] = mood(life.states[day, who]), who
    frame["persons"] = 1 + rng.poisson(1.1, count)
    frame["momentum"], frame["competitor"] = rng.normal(size=count), rng.random(count) < 0.15
    frame["owner_id"], frame["skill"] = assign(rng, reps, "route", count)
    frame["source"], frame["lead_id"] = "既存顧客", None
    return _cut_by_churn(rng, _settle(rng, _offers(rng, frame)), life, day)


def _offers(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    renewal, yearly = frame["kind"] == "renewal", frame["monthly_fee"] * 12
    option = pick(rng, _OPTIONS, len(frame))
    share = np.where(renewal, 1.0, 0.4) * np.exp(rng.normal(0, np.where(renewal, 0.1, 0.5)))
    frame["product"] = np.where(renewal, frame["plan"], option)
    frame["amount"] = ((yearly * share / 1e4).round().astype(int) * 10_000).clip(lower=50_000)
    return frame


def _cut_by_churn(
    rng: np.random.Generator, deals: pd.DataFrame, life: Life, day: Array
) -> pd.DataFrame:
    who = deals["customer"].to_numpy()
    share = deals["kind"].map(_USUAL_DAYS).to_numpy() / CHURN_HORIZON
    deals["probability"] *= (1 - life.probability(day, who)) ** share
    left = life.cancelled[who]
    gone = (left >= 0) & (left < day_number(deals["closed_at"].to_numpy()))
    last = at_office(rng, FIRST_DAY + left + 1)
    deals.loc[gone, "closed_at"] = last[gone]
    deals.loc[gone, "won"] = False
    deals.loc[gone, "loss_reason"] = "解約"
    return deals
