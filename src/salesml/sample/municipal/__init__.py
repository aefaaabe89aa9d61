"""The invented municipalities of the sample: a CRM's tables, published files, and the truth.

Some 420 town halls, in real prefectures, under codes that no municipality has (xx801 to xx899).
The vendor sells them an online counter. Truth ``municipal``: per town hall and first of a month,
the probability of adopting within 365 days, given that day's hidden state, and what came. It is
averaged over what all others may do meanwhile; who is mayor when is taken as given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesml.sample.calendar import LAST_DAY, Array
from salesml.sample.municipal.customers import adoption_days, municipal_tables
from salesml.sample.municipal.figures import make_figures
from salesml.sample.municipal.places import make_places
from salesml.sample.municipal.politics import (
    eligible,
    make_documents,
    make_elections,
    new_mayors,
    published_elections,
)
from salesml.sample.municipal.published import Published, write_published
from salesml.sample.municipal.world import ADOPTION_DRIVERS, FIRST_QUARTER, live, make_setting

__all__ = ["ADOPTION_DRIVERS", "Municipal", "Published", "make_municipal", "write_published"]

_A_HUNDRED_ACCOUNTS, _FEWEST, _MOST = 140, 60, 420
_HORIZON = 365


@dataclass(frozen=True)
class Municipal:
    """Tables of the CRM, tables of the truth, and what is published."""

    crm: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]
    published: Published


def make_municipal(accounts: int, reps: pd.DataFrame, seed: int) -> Municipal:
    """Return the municipal side of a world of so many *accounts*: 420 town halls for 300."""
    count = min(max(round(accounts * _A_HUNDRED_ACCOUNTS / 100), _FEWEST), _MOST)
    places = make_places(count, seed)
    figures, elections = make_figures(places, seed), make_elections(places, seed)
    mayors = new_mayors(elections, len(places))
    setting = make_setting(places, figures, mayors, eligible(places, figures), seed)
    history = live(setting, seed)
    days = adoption_days(history.adopted_in, seed)
    # the speech of a spring tells of the fiscal year to come
    interest = history.stack("interest")[: len(history.truth) : 4]
    documents = make_documents(places, interest, seed)
    seen = published_elections(elections, seed)
    return Municipal(
        crm=municipal_tables(places, history, days, reps, seed),
        truth={"municipal": _truth(places, history.truth, days)},
        published=Published(places, figures, seen, documents, seed),
    )


def _truth(places: pd.DataFrame, chances: Array, days: Array) -> pd.DataFrame:
    """Return the truth for the first of each month and each town hall yet without."""
    months = np.arange(FIRST_QUARTER, LAST_DAY.astype("datetime64[M]") + 1)
    firsts = months.astype("datetime64[D]")
    month, place = np.nonzero(np.isnat(days)[None, :] | (days[None, :] >= firsts[:, None]))
    ahead = (days[place] - firsts[month]).astype("timedelta64[D]")
    came = ~np.isnat(ahead) & (ahead < np.timedelta64(_HORIZON, "D"))
    return pd.DataFrame(
        {
            "municipality_id": places["municipality_id"].to_numpy(object)[place],
            "month": firsts[month],
            "probability_365d": chances[month // 3, place].round(6),
            "adopted_365d": came.astype(int),
        }
    )
