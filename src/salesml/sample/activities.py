"""What sellers, leads and customers did: mail, calls, visits, meetings, web, events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.sample import names
from salesml.sample.calendar import (
    CLOSED_SECOND,
    DAYS,
    FIRST_DAY,
    Array,
    around_the_clock,
    at_office,
    logged,
    on_working_days,
    stream,
    working,
)
from salesml.sample.contacts import participants
from salesml.sample.life import STATES, Life, mood, neglected
from salesml.sample.traces import PERIOD, occurrences

__all__ = ["KINDS", "make_activities"]


class Kind(NamedTuple):
    """How a kind of activity looks in the CRM."""

    channel: str
    direction: str
    by_rep: bool
    subject: str


KINDS = {
    "mail_sent": Kind("mail", "out", True, "ご案内"),
    "mail_open": Kind("mail", "in", False, "メール開封"),
    "mail_click": Kind("mail", "in", False, "メール内リンク"),
    "reply": Kind("mail", "in", True, "ご返信"),
    "handover": Kind("mail", "in", True, "担当者変更のご挨拶"),
    "call": Kind("phone", "out", True, "架電"),
    "inquiry": Kind("phone", "in", True, "お問い合わせ"),
    "visit": Kind("visit", "out", True, "訪問"),
    "meeting": Kind("meeting", "out", True, "打ち合わせ"),
    "page_view": Kind("web", "in", False, "サイト閲覧"),
    "price_page_view": Kind("web", "in", False, "料金ページ閲覧"),
    "download": Kind("web", "in", False, "資料ダウンロード"),
    "comparison_download": Kind("web", "in", False, "比較資料ダウンロード"),
    "form": Kind("web", "in", False, "フォーム送信"),
    "webinar": Kind("event", "in", False, "ウェビナー参加"),
    "exhibition": Kind("event", "in", False, "展示会来場"),
}
# How a lead of each source appears first; bought addresses do nothing by themselves.
_ARRIVAL = {
    "Web問い合わせ": "form",
    "資料請求": "download",
    "ウェビナー": "webinar",
    "展示会": "exhibition",
    "紹介": "inquiry",
    "広告": "form",
}
# kind: (expected number over a lead's first weeks, growth with interest)
_LEAD = {
    "page_view": (1.5, 0.6),
    "price_page_view": (0.5, 0.7),
    "download": (0.3, 0.5),
    "comparison_download": (0.2, 0.5),
    "mail_open": (1.2, 0.5),
    "mail_click": (0.4, 0.6),
    "reply": (0.4, 0.6),
    "webinar": (0.1, 0.4),
    "mail_sent": (2.2, 0.0),
    "call": (1.8, 0.0),
}
# kind: (expected number a week, growth with momentum, times where a competitor is in)
_DEAL = {
    "mail_sent": (0.40, 0.0, 1.0),
    "call": (0.30, 0.0, 1.0),
    "meeting": (0.20, 0.35, 1.0),
    "visit": (0.08, 0.1, 1.0),
    "reply": (0.35, 0.5, 1.0),
    "page_view": (0.30, 0.5, 1.0),
    "price_page_view": (0.10, 0.4, 1.0),
    "comparison_download": (0.015, 0.0, 9.0),
}
_CADENCE = {"S": 0.11, "A": 0.08, "B": 0.055, "C": 0.035}
_TOUCH = {"mail_sent": 0.5, "call": 0.25, "meeting": 0.18, "visit": 0.07}


def _after(rng: np.random.Generator, start: Array, days: Array, by_rep: bool) -> Array:
    """Return times *days* after *start*; those of reps fall into working hours."""
    raw = start + (days * 86400).astype("timedelta64[s]")
    moved = raw.astype("datetime64[D]")
    if by_rep:
        return np.maximum(at_office(rng, on_working_days(rng, moved)), start)
    return np.maximum(around_the_clock(rng, moved), start)


def _lead_end(leads: pd.DataFrame) -> Array:
    end = leads["closed_at"].fillna(pd.Timestamp(CLOSED_SECOND))
    return np.asarray(np.minimum(end.to_numpy().astype("datetime64[s]"), CLOSED_SECOND))


def _lead_kind(rng: np.random.Generator, leads: pd.DataFrame, kind: str) -> pd.DataFrame:
    usual, growth = _LEAD[kind]
    row = _repeat(rng, usual * np.exp(growth * leads["interest"].to_numpy()))
    created = leads["created_at"].to_numpy()[row]
    times = _after(rng, created, rng.exponential(14, len(row)), KINDS[kind].by_rep)
    frame = pd.DataFrame({"lead": row, "kind": kind, "happened_at": times})
    return frame[pd.Series(times < _lead_end(leads)[row])]


def _repeat(rng: np.random.Generator, expected: Array) -> Array:
    return np.repeat(np.arange(len(expected)), rng.poisson(expected))


def _arrivals(leads: pd.DataFrame) -> pd.DataFrame:
    kind = leads["source"].map(_ARRIVAL)
    frame = pd.DataFrame({"lead": leads.index, "kind": kind, "happened_at": leads["created_at"]})
    return frame[kind.notna()]


def _before_arrival(rng: np.random.Generator, leads: pd.DataFrame) -> pd.DataFrame:
    """Visits of the site before the visitor had a name; known once he gave it."""
    usual = 2.2 * np.exp(0.8 * leads["interest"].to_numpy())
    row = _repeat(rng, np.where(leads["source"] == "購入リスト", 0.0, usual))
    created = leads["created_at"].to_numpy()[row]
    ago = (rng.uniform(0, 14, len(row)) * 86400).astype("timedelta64[s]")
    kind = np.where(rng.random(len(row)) < 0.15, "price_page_view", "page_view")
    return pd.DataFrame(
        {"lead": row, "kind": kind, "happened_at": created - ago, "logged_at": created}
    )


def _of_leads(rng: np.random.Generator, leads: pd.DataFrame) -> pd.DataFrame:
    parts = [_lead_kind(rng, leads, kind) for kind in _LEAD]
    frame = pd.concat([_before_arrival(rng, leads), _arrivals(leads), *parts])
    row = frame["lead"].to_numpy()
    colleague = (rng.random(len(row)) * leads["persons"].to_numpy()[row]).astype(int)
    first = (rng.random(len(row)) < 0.3) | frame["kind"].isin(["mail_sent", "call"]).to_numpy()
    others = names.people(rng, len(leads) * 3).reshape(-1, 3)
    person = np.where(
        first | (colleague == 0),
        leads["person"].to_numpy()[row],
        others[row, (colleague - 1) % 3],
    )
    return frame.assign(
        lead_id=leads["lead_id"].to_numpy()[row],
        rep_id=leads["owner_id"].to_numpy()[row],
        person=person,
    )


def _deal_kind(rng: np.random.Generator, deals: pd.DataFrame, kind: str) -> pd.DataFrame:
    usual, growth, rival = _DEAL[kind]
    start = deals["created_at"].to_numpy().astype("datetime64[s]")
    end = np.minimum(deals["closed_at"].to_numpy().astype("datetime64[s]"), CLOSED_SECOND)
    weeks = (end - start).astype(int) / (7 * 86400)
    expected = usual * weeks * np.exp(growth * deals["momentum"].to_numpy())
    row = _repeat(rng, expected * np.where(deals["competitor"], rival, 1.0))
    after = rng.random(len(row)) * weeks[row] * 7
    times = _after(rng, start[row], after, KINDS[kind].by_rep)
    frame = pd.DataFrame({"deal": row, "kind": kind, "happened_at": times})
    return frame[pd.Series(times < end[row])]


def _of_deals(rng: np.random.Generator, deals: pd.DataFrame) -> pd.DataFrame:
    frame = pd.concat([_deal_kind(rng, deals, kind) for kind in _DEAL])
    whose = deals.loc[frame["deal"]]
    return frame.assign(
        account=whose["account"].to_numpy(),
        persons=whose["persons"].to_numpy(),
        opportunity_id=whose["opportunity_id"].to_numpy(),
        rep_id=whose["owner_id"].to_numpy(),
    )


def _customer_rates() -> dict[str, Array]:
    """Return expected activities a day in each state, beside the touches by us."""
    tone = mood(STATES)
    return {
        "reply": 0.030 * np.array([1.3, 1.0, 0.5, 0.2])[tone],
        "mail_open": 0.040 * np.array([1.2, 1.0, 0.6, 0.25])[tone],
        "page_view": 0.020 * np.array([1.2, 1.0, 0.8, 0.6])[tone],
        "price_page_view": np.array([0.003, 0.002, 0.003, 0.006])[tone],
        "comparison_download": np.array([0.0002, 0.0003, 0.0015, 0.007])[tone],
        "webinar": np.array([0.005, 0.003, 0.001, 0.0003])[tone],
    }


def _touches(customers: pd.DataFrame, states: Array) -> Array:
    cadence = customers["segment"].map(_CADENCE).to_numpy(float)
    return np.where(neglected(states) == 1, 0.03, 1.0) * cadence[None, :]


def _of_customers(rng: np.random.Generator, customers: pd.DataFrame, life: Life) -> pd.DataFrame:
    states, busy = life.states[:PERIOD], working(DAYS[:PERIOD])[:, None] * 7 / 5
    touches = _touches(customers, states)
    expected = {kind: share * touches for kind, share in _TOUCH.items()}
    expected |= {kind: rate[states] for kind, rate in _customer_rates().items()}
    here = np.where(states >= 0, busy, 0.0)
    parts = [_on_cells(rng, kind, here * each) for kind, each in expected.items()]
    frame = pd.concat(parts)
    whose = customers.iloc[frame["customer"].to_numpy()]
    return frame.assign(
        account=whose["account"].to_numpy(),
        persons=whose["persons"].to_numpy(),
        rep_id=whose["owner_id"].to_numpy(),
    )


def _on_cells(rng: np.random.Generator, kind: str, expected: Array) -> pd.DataFrame:
    day, who = occurrences(rng, expected)
    clock = at_office if KINDS[kind].by_rep else around_the_clock
    return pd.DataFrame({"customer": who, "kind": kind, "happened_at": clock(rng, FIRST_DAY + day)})


def _of_handovers(
    rng: np.random.Generator, accounts: pd.DataFrame, changes: pd.DataFrame
) -> pd.DataFrame:
    """Most of those who take over write a line."""
    frame = changes[rng.random(len(changes)) < 0.7].assign(kind="handover", persons=1)
    return frame.assign(rep_id=accounts["owner_id"].to_numpy()[frame["account"]])


def _finish(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    looks = frame["kind"].map(KINDS)
    frame["channel"], frame["direction"] = looks.str[0], looks.str[1]
    frame["rep_id"] = frame["rep_id"].where(looks.str[2])
    frame["subject"] = looks.str[3]
    typed = pd.Series(logged(rng, frame["happened_at"].to_numpy()), index=frame.index)
    frame["logged_at"] = frame["logged_at"].fillna(typed)
    frame = frame[frame["logged_at"] <= CLOSED_SECOND]
    return frame.sort_values(["logged_at", "happened_at"], kind="stable").reset_index(drop=True)


def make_activities(
    accounts: pd.DataFrame,
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    customers: pd.DataFrame,
    life: Life,
    changes: pd.DataFrame,
    contacts: pd.DataFrame,
    seed: int,
) -> pd.DataFrame:
    """Return the table ``activities`` in the order in which it was typed in."""
    rng = stream(seed, "activities")
    with_account = pd.concat(
        [
            _of_deals(rng, deals),
            _of_customers(rng, customers, life),
            _of_handovers(rng, accounts, changes),
        ]
    ).reset_index(drop=True)
    who = contacts.iloc[participants(rng, with_account, contacts)]
    with_account["contact_id"] = who["contact_id"].to_numpy()
    with_account["person"] = who["name"].to_numpy()
    with_account["account_id"] = accounts["account_id"].to_numpy()[with_account["account"]]
    frame = _finish(rng, pd.concat([with_account, _of_leads(rng, leads)], ignore_index=True))
    frame["activity_id"] = [f"V{i:08d}" for i in range(1, len(frame) + 1)]
    return frame
