"""What customers reach with the product by month: applications, attendance, opportunities."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.calendar import CLOSED_SECOND, FIRST_DAY, LAST_DAY, Array, day_number, stream
from salesml.sample.life import Life, mood

__all__ = ["pipeline_results"]

# By mood: how many apply a month at a usual size, which share attends, and which share of those
# becomes an opportunity.
_APPLIED = np.array([42.0, 30.0, 14.0, 5.0])
_ATTENDED = np.array([0.66, 0.60, 0.52, 0.45])
_WON = np.array([0.34, 0.27, 0.19, 0.14])
_FIRST_RESULTS = 30  # days from the start of the contract


def _months() -> Array:
    months = np.arange(FIRST_DAY.astype("datetime64[M]"), LAST_DAY.astype("datetime64[M]"))
    return np.asarray(months.astype("datetime64[D]"))


def _share(life: Life, month: Array, who: Array, by_mood: Array) -> Array:
    """Return the mean of *by_mood* over three days of each month."""
    days = day_number(month)[:, None] + np.array([3, 13, 23])
    states = life.states[days, who[:, None]]
    level = np.where(states >= 0, by_mood[mood(states) % 4], np.nan)
    return np.asarray(np.nanmean(level, axis=1))


def _here(life: Life) -> tuple[Array, Array]:
    """Return month and customer of each row: those who were customers for the whole month."""
    months = _months()
    first, last = day_number(months), day_number(months.astype("datetime64[M]") + 1) - 1
    there = (life.states[first] >= 0) & (life.states[last] >= 0)
    there &= first[:, None] - life.started[None, :] >= _FIRST_RESULTS
    month, who = np.nonzero(there)
    return months[month], who


def pipeline_results(customers: pd.DataFrame, life: Life, seed: int) -> pd.DataFrame:
    """Return one row a customer and full month, loaded in the first days of the next one.

    ``customer`` is the row of *customers*; the other columns are those of the table.
    """
    rng = stream(seed, "pipeline results")
    luck, skill = np.exp(rng.normal(0, 0.5, len(customers))), rng.normal(0, 0.25, len(customers))
    month, who = _here(life)
    applied = rng.poisson(_share(life, month, who, _APPLIED) * luck[who])
    attended = rng.binomial(applied, _share(life, month, who, _ATTENDED))
    won = _share(life, month, who, _WON) * np.exp(skill[who])
    after = (month.astype("datetime64[M]") + 1).astype("datetime64[D]") + rng.integers(
        1, 5, len(who)
    )
    loaded = after.astype("datetime64[s]") + np.timedelta64(5 * 3600, "s")
    frame = pd.DataFrame(
        {
            "customer": who,
            "month": month,
            "applied": applied,
            "attended": attended,
            "opportunities": rng.binomial(attended, won.clip(0, 0.9)),
            "loaded_at": loaded,
        }
    )
    return frame[pd.Series(loaded <= CLOSED_SECOND)].reset_index(drop=True)
