"""Contracts and what happened to them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.accounts import relative_price
from salesml.sample.calendar import (
    CLOSED_SECOND,
    FIRST_DAY,
    LAST_DAY,
    Array,
    at_office,
    logged,
    on_working_days,
    stream,
)
from salesml.sample.life import Life, changed, mood, trouble
from salesml.sample.names import pick

__all__ = ["contract_events", "contracts"]

_OTHER_REASONS = {"施策終了": 0.5, "コスト": 0.3, "競合への切替": 0.2}


def _started(rng: np.random.Generator, customers: pd.DataFrame) -> pd.DataFrame:
    times = at_office(rng, customers["started_on"].to_numpy())
    return pd.DataFrame({"customer": customers.index, "kind": "started", "happened_at": times})


def _renewed(rng: np.random.Generator, customers: pd.DataFrame, life: Life) -> pd.DataFrame:
    first = customers["started_on"].to_numpy().astype("datetime64[M]")
    year, who = (x.ravel() for x in np.mgrid[1:9, : len(customers)])
    days = (first[who] + 12 * year).astype("datetime64[D]")
    left = life.cancelled[who]
    stayed = (left < 0) | (days <= FIRST_DAY + left)
    kept = stayed & (days <= LAST_DAY)
    times = at_office(rng, days[kept])
    return pd.DataFrame({"customer": who[kept], "kind": "renewed", "happened_at": times})


def _changed(rng: np.random.Generator, deals: pd.DataFrame, life: Life) -> pd.DataFrame:
    """Won upsells and renewal talks change the fee some days later."""
    won = deals[deals["won"]]
    closed = won["closed_at"].to_numpy().astype("datetime64[D]")
    days = on_working_days(rng, closed + rng.integers(3, 15, len(won)))
    who = won["customer"].to_numpy(int)
    left = life.cancelled[who]
    stays = (left < 0) | (days < FIRST_DAY + left)
    upsell = (won["kind"] == "upsell").to_numpy()
    factor = np.where(upsell, rng.uniform(1.1, 1.4, len(won)), rng.uniform(0.92, 1.15, len(won)))
    frame = pd.DataFrame({"customer": who, "kind": "changed", "factor": factor})
    frame["happened_at"] = at_office(rng, days)
    return frame[pd.Series(stays)]


def _reasons(rng: np.random.Generator, customers: pd.DataFrame, state: Array) -> Array:
    price = relative_price(
        customers["monthly_fee"].to_numpy(float), customers["employees"].to_numpy(float)
    )
    named = ["担当者変更", "機能・品質への不満", "コスト"]
    conditions = [changed(state) == 1, trouble(state) == 1, price > 0.3]
    reason = np.select(conditions, named, pick(rng, _OTHER_REASONS, len(state)).astype(str))
    rival = (mood(state) == 3) & (rng.random(len(state)) < 0.3)
    return np.where(rival, "競合への切替", reason)


def _cancelled(rng: np.random.Generator, customers: pd.DataFrame, life: Life) -> pd.DataFrame:
    who = np.flatnonzero(life.cancelled >= 0)
    day = life.cancelled[who]
    reason = _reasons(rng, customers.iloc[who], life.states[day, who])
    times = at_office(rng, FIRST_DAY + day)
    frame = pd.DataFrame({"customer": who, "kind": "cancelled", "happened_at": times})
    return frame.assign(reason=reason)


def _next_renewal(started: Array, times: Array) -> Array:
    """Return the first yearly anniversary of *started* after each time."""
    begin, now = started.astype("datetime64[M]"), times.astype("datetime64[M]")
    years = (now - begin).astype(int) // 12 + 1
    return np.asarray((begin + 12 * years).astype("datetime64[D]"))


def contract_events(
    customers: pd.DataFrame, deals: pd.DataFrame, life: Life, seed: int
) -> pd.DataFrame:
    """Return what happened to contracts up to the CRM's last day, in order of time.

    ``customer`` is the row of *customers*; the other columns are those of the table.
    """
    rng = stream(seed, "contracts")
    parts = [
        _started(rng, customers),
        _renewed(rng, customers, life),
        _changed(rng, deals, life),
        _cancelled(rng, customers, life),
    ]
    events = pd.concat(parts).sort_values(["happened_at", "customer"], kind="stable")
    events["logged_at"] = logged(rng, events["happened_at"].to_numpy())
    events = events[events["logged_at"] <= CLOSED_SECOND].reset_index(drop=True)
    owner = customers.loc[events["customer"]].reset_index(drop=True)
    growth = events["factor"].fillna(1.0).groupby(events["customer"]).cumprod()
    fee = (owner["monthly_fee"] * growth / 1000).round().astype(int) * 1000
    due = _next_renewal(owner["started_on"].to_numpy(), events["happened_at"].to_numpy())
    events = events.assign(monthly_fee=fee, renewal_on=due, plan=owner["plan"])
    events["renewal_on"] = events["renewal_on"].where(events["kind"] != "cancelled")
    return events.assign(
        account_id=owner["account_id"],
        contract_id=owner["contract_id"],
    )


def contracts(customers: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Return the table ``contracts`` as the CRM shows it when the period closes."""
    newest = events.groupby("customer").tail(1).set_index("customer").sort_index()
    frame = customers.loc[newest.index]
    gone = newest["kind"] == "cancelled"
    left = newest["happened_at"].to_numpy().astype("datetime64[M]") + 1
    month_end = left.astype("datetime64[D]") - 1
    signed = frame["started_on"] - pd.Timedelta(days=7) + pd.Timedelta(hours=10)
    return frame.assign(
        monthly_fee=newest["monthly_fee"],
        renewal_on=newest["renewal_on"],
        status=np.where(gone, "cancelled", "active"),
        ended_on=pd.Series(month_end, index=newest.index).where(gone),
        created_at=signed,
        updated_at=newest["logged_at"],
    )
