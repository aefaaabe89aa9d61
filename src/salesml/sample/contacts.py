"""Persons at the accounts, and which of them took part in what."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample import names
from salesml.sample.calendar import (
    CLOSED_SECOND,
    FIRST_DAY,
    Array,
    at_office,
    on_working_days,
    stream,
)
from salesml.sample.life import Life, changed
from salesml.sample.traces import PERIOD

__all__ = ["handovers", "make_contacts", "participants"]

_DEPARTMENTS = {"営業部": 0.3, "マーケティング部": 0.3, "情報システム部": 0.2, "経営企画室": 0.2}
_TITLES = {"部長": 0.2, "課長": 0.3, "主任": 0.2, "担当": 0.25, "取締役": 0.05}


def handovers(customers: pd.DataFrame, life: Life, seed: int) -> pd.DataFrame:
    """Return when a customer's contact person changed: account (row), happened_at."""
    rng = stream(seed, "handovers")
    states = life.states[:PERIOD]
    now = (changed(states) == 1) & (states >= 0)
    day, who = np.nonzero(now[1:] & ~now[:-1] & (states[:-1] >= 0))
    # The CRM learns of the new person some days after the change.
    told = on_working_days(rng, FIRST_DAY + day + 1 + rng.integers(0, 10, len(day)))
    frame = pd.DataFrame({"account": customers["account"].to_numpy()[who]})
    frame["happened_at"] = at_office(rng, told)
    frame = frame[frame["happened_at"] <= CLOSED_SECOND]
    return frame.sort_values(["happened_at", "account"], kind="stable").reset_index(drop=True)


def _first_contacts(rng: np.random.Generator, accounts: pd.DataFrame) -> pd.DataFrame:
    count = np.maximum(accounts["persons"].to_numpy(), 1 + rng.poisson(1.0, len(accounts)))
    row = np.repeat(np.arange(len(accounts)), count)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    created = accounts["created_at"].to_numpy()[row]
    return pd.DataFrame({"account": row, "rank": rank, "created_at": created})


def _leavers(contacts: pd.DataFrame, changes: pd.DataFrame) -> Array:
    """Return when each contact left: the first of an account at its first handover, and so on."""
    turn = changes.groupby("account").cumcount()
    new = contacts[contacts["rank"] < 0]
    holder = contacts[contacts["rank"] == 0].set_index("account").index.to_numpy()
    first = pd.Series(contacts.index[contacts["rank"] == 0], index=holder)
    by_turn = pd.Series(new.index, index=pd.MultiIndex.from_arrays([changes["account"], turn]))
    before = pd.MultiIndex.from_arrays([changes["account"], turn - 1])
    leaver = by_turn.reindex(before).to_numpy()
    leaver = np.where(turn == 0, first.reindex(changes["account"]).to_numpy(), leaver)
    left = np.full(len(contacts), np.datetime64("NaT", "s"))
    left[leaver.astype(int)] = changes["happened_at"].to_numpy()
    return left


def make_contacts(accounts: pd.DataFrame, changes: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the table ``contacts``; ``account`` is the row, ``rank`` -1 for a successor."""
    rng = stream(seed, "contacts")
    first = _first_contacts(rng, accounts)
    new = changes.rename(columns={"happened_at": "created_at"}).assign(rank=-1)
    frame = pd.concat([first, new]).reset_index(drop=True)
    frame["left_on"] = _leavers(frame, changes)
    count = len(frame)
    frame["account_id"] = accounts["account_id"].to_numpy()[frame["account"]]
    frame["name"] = names.people(rng, count)
    frame["department"] = names.pick(rng, _DEPARTMENTS, count)
    frame["title"] = names.pick(rng, _TITLES, count)
    frame["is_active"] = frame["left_on"].isna().astype(int)
    frame["updated_at"] = frame["left_on"].fillna(frame["created_at"])
    order = frame["created_at"].argsort(kind="stable").argsort()
    frame["contact_id"] = [f"P{i + 1:06d}" for i in order]
    address = frame["contact_id"] + "@" + frame["account_id"] + ".example.jp"
    return frame.assign(email=address.str.lower())


def participants(
    rng: np.random.Generator, activities: pd.DataFrame, contacts: pd.DataFrame
) -> Array:
    """Return the row of the contact in each activity; needs account, persons, happened_at.

    One of the first *persons* contacts of the account, or the one who has taken over.
    """
    first = contacts[contacts["rank"] >= 0]
    known = first.groupby("account").size()
    offset = first.reset_index().groupby("account")["index"].min()
    account = activities["account"]
    among = activities["persons"].clip(upper=account.map(known)).to_numpy()
    rank = (rng.random(len(activities)) * among).astype(int)
    row = account.map(offset).to_numpy() + rank
    newest = _newest(activities, contacts)
    moved = ~np.isnan(newest) & ((rank == 0) | (rng.random(len(row)) < 0.4))
    return np.asarray(np.where(moved, newest, row).astype(int))


def _newest(activities: pd.DataFrame, contacts: pd.DataFrame) -> Array:
    """Return the row of the successor in office at each activity, NaN where there is none."""
    new = contacts[contacts["rank"] < 0].reset_index(names="successor")
    new = new[["account", "created_at", "successor"]].sort_values("created_at", kind="stable")
    asked = activities[["account", "happened_at"]].reset_index(drop=True).reset_index()
    asked = asked.sort_values("happened_at", kind="stable")
    found = pd.merge_asof(
        asked, new, left_on="happened_at", right_on="created_at", by="account"
    ).sort_values("index")
    return found["successor"].to_numpy(float)
