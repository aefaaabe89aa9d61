"""What the customer success team noted as to be done, before anything told it what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.calendar import (
    CLOSED_SECOND,
    FIRST_DAY,
    LAST_DAY,
    Array,
    at_office,
    day_number,
    on_working_days,
    stream,
)
from salesml.sample.life import Life
from salesml.sample.names import pick

__all__ = ["action_tasks"]

# subject: (share, channel, what came of it)
_SUBJECTS = {
    "定例会の日程調整": (0.3, "phone", "日程を確定"),
    "活用状況の確認": (0.3, "phone", "利用状況を確認、課題なし"),
    "新機能のご案内": (0.2, "mail", "資料を送付"),
    "訪問の御礼と宿題の回答": (0.2, "mail", "回答済み"),
}
_MONTHS_BACK, _SHARE = 9, 0.12
_DONE, _DECLINED = 0.78, 0.08


def _whom(rng: np.random.Generator, life: Life) -> tuple[Array, Array]:
    """Return customer and day of each task: some of the customers of each of the last months."""
    newest = LAST_DAY.astype("datetime64[M]")
    months = np.arange(newest - _MONTHS_BACK, newest + 1)
    firsts = day_number(months.astype("datetime64[D]"))
    month, who = np.nonzero(life.states[firsts] >= 0)
    kept = rng.random(len(who)) < _SHARE
    return who[kept], firsts[month[kept]] + rng.integers(0, 27, int(kept.sum()))


def action_tasks(
    customers: pd.DataFrame, life: Life, reps: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return the table ``action_tasks``: tasks that people made by hand and mostly did."""
    rng = stream(seed, "tasks")
    who, day = _whom(rng, life)
    whose = customers.iloc[who].reset_index(drop=True)
    created = at_office(rng, on_working_days(rng, FIRST_DAY + day))
    due = created.astype("datetime64[D]") + rng.integers(3, 15, len(who))
    frame = pd.DataFrame({"entity": "account", "entity_id": whose["account_id"]})
    frame["subject"] = pick(rng, {name: share for name, (share, *_) in _SUBJECTS.items()}, len(who))
    frame["owner_id"], frame["role"], frame["priority"] = whose["owner_id"], "CS", "normal"
    frame["owner"] = frame["owner_id"].map(reps.set_index("rep_id")["name"])
    frame["channel"] = frame["subject"].map(
        {k: channel for k, (_, channel, _) in _SUBJECTS.items()}
    )
    frame = _ended(rng, frame.assign(created_at=created, due_on=due))
    frame = frame[created <= CLOSED_SECOND].sort_values("created_at", kind="stable")
    return frame.assign(action_id=[f"H{i:06d}" for i in range(1, len(frame) + 1)])


def _ended(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Give tasks what came of them up to the CRM's last day."""
    took = rng.integers(0, 12, len(frame))
    ended = at_office(rng, frame["created_at"].to_numpy().astype("datetime64[D]") + 1 + took)
    luck, over = rng.random(len(frame)), ended <= CLOSED_SECOND
    done, declined = over & (luck < _DONE), over & (luck > 1 - _DECLINED)
    result = frame["subject"].map({name: words for name, (*_, words) in _SUBJECTS.items()})
    return frame.assign(
        status=np.select([done, declined], ["done", "declined"], "open"),
        done_on=pd.Series(ended).where(done),
        done_by=frame["owner_id"].where(done),
        result=result.where(done),
        updated_at=np.where(done | declined, ended, frame["created_at"]),
    )
