"""The sales organisation of the vendor."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from salesml.sample import names
from salesml.sample.calendar import Array, stream

__all__ = ["assign", "make_reps", "with_changes"]

_TEAMS = {
    "IS": "インサイドセールス",
    "FS": "フィールドセールス",
    "route": "ルートセールス",
    "CS": "カスタマーサクセス",
}
# A customer success manager never holds more than 30 accounts.
_ACCOUNTS_A_REP = {"IS": 50, "FS": 35, "route": 60, "CS": 25}
# One of each of these roles leaves; who was theirs stays theirs in the CRM.
_LEFT = {"CS": np.datetime64("2026-04-30"), "IS": np.datetime64("2026-03-31")}


def make_reps(accounts: int, seed: int) -> pd.DataFrame:
    """Return the table ``sales_reps``: four roles, skill 1 to 5."""
    rng = stream(seed, "reps")
    roles = [
        r for r, each in _ACCOUNTS_A_REP.items() for _ in range(2 + math.ceil(accounts / each))
    ]
    count = len(roles)
    hired = np.datetime64("2014-04-01") + rng.integers(0, 3200, count)
    return pd.DataFrame(
        {
            "rep_id": [f"R{i:04d}" for i in range(1, count + 1)],
            "name": names.people(rng, count),
            "role": roles,
            "team": [_TEAMS[r] for r in roles],
            "region": names.pick(rng, {"東日本": 0.6, "西日本": 0.4}, count),
            "hired_on": hired,
            "skill": 1 + rng.choice(5, size=count, p=[0.15, 0.25, 0.3, 0.2, 0.1]),
        }
    )


def assign(
    rng: np.random.Generator, reps: pd.DataFrame, role: str, count: int
) -> tuple[Array, Array]:
    """Draw reps of *role*; return their ids and skills."""
    staff = reps[reps["role"] == role]
    chosen = rng.integers(0, len(staff), count)
    return staff["rep_id"].to_numpy(object)[chosen], staff["skill"].to_numpy()[chosen]


def with_changes(reps: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return *reps* with the manager of each (none for managers) and the day on which some left."""
    rng = stream(seed, "leavers")
    heads = reps.sort_values(["skill", "hired_on"], ascending=[False, True], kind="stable")
    head = reps["role"].map(heads.drop_duplicates("role").set_index("role")["rep_id"])
    managed = reps["rep_id"] != head
    left = pd.Series(pd.NaT, index=reps.index, dtype="datetime64[s]")
    for role, day in _LEFT.items():
        left[rng.choice(reps.index[(reps["role"] == role) & managed])] = day
    return reps.assign(manager_id=head.where(managed), left_on=left)
