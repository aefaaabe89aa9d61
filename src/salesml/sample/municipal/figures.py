"""What statistics say of the invented municipalities, year by year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesml.sample.calendar import Array, stream

__all__ = ["CARD_DATES", "TRADES", "Figures", "make_figures"]

_FIRST_YEAR, _YEARS = 2012, 15
CARD_DATES = np.arange(np.datetime64("2018-01", "M"), np.datetime64("2026-07", "M"), 3)
# the share of all people who hold a card, at the beginning of each year from 2018
_HOLDERS = (0.10, 0.12, 0.15, 0.24, 0.41, 0.60, 0.73, 0.77, 0.80, 0.82)
# industry of SSDSE: its sector, its share of the sector's workers, workers a place of business
TRADES = {
    "32": (1, 0.12, 9.0),
    "36": (2, 0.33, 6.0),
    "37": (2, 0.62, 20.0),
    "39": (3, 0.04, 15.0),
    "41": (3, 0.31, 8.5),
    "50": (3, 0.22, 17.0),
    "52": (3, 0.12, 12.0),
}


@dataclass(frozen=True)
class Figures:
    """What differs between municipalities, one number each, and the indices of fiscal years.

    ``digital`` is hidden: how far a town hall has come, in standard deviations; card uptake shows
    it. ``old`` is the share of people over 65. Arrays of two dimensions are (municipality, fiscal
    year since 2012).
    """

    digital: Array
    growth: Array
    old: Array
    fiscal_strength: Array
    current_balance: Array
    debt_service: Array
    future_burden: Array
    laspeyres: Array
    card_shift: Array  # (municipality, 1), in log-odds

    def index(self, name: str, year: int) -> Array:
        """Return the index called *name* of fiscal *year*; NaN where it is none."""
        return np.asarray(getattr(self, name)[:, year - _FIRST_YEAR])

    def people(self, places: pd.DataFrame, year: int) -> Array:
        """Return how many people live there in *year*."""
        now = places["population"].to_numpy() * np.exp(self.growth * (year - 2020))
        return np.asarray(now.astype(int))

    def card_rates(self) -> Array:
        """Return the share of people with a card, (municipality, date of `CARD_DATES`)."""
        years = CARD_DATES.astype(int) / 12 - 48
        usual = np.interp(years, np.arange(len(_HOLDERS)), _HOLDERS)
        odds = np.log(usual / (1 - usual)) + self.card_shift
        return np.asarray(1 / (1 + np.exp(-odds)))


def make_figures(places: pd.DataFrame, seed: int) -> Figures:
    """Draw the figures of *places*."""
    rng = stream(seed, "municipal figures")
    size, count = places["size"].to_numpy(), len(places)
    digital = rng.normal(size=count)
    old = (0.335 - 0.03 * size + rng.normal(0, 0.04, count)).clip(0.18, 0.58)
    strength = np.exp(np.log(0.46) + 0.28 * size + rng.normal(0, 0.30, count)).clip(0.08, 1.6)
    burden = 40 + 30 * rng.normal(size=count)
    return Figures(
        digital=digital,
        growth=(-0.011 + 0.004 * size + rng.normal(0, 0.006, count)).clip(-0.04, 0.02),
        old=old,
        fiscal_strength=_walk(rng, strength, 0.01).clip(0.06, 1.7).round(2),
        current_balance=_walk(rng, rng.normal(91, 4, count), 1.5).clip(70, 108).round(1),
        debt_service=_none_below(_walk(rng, rng.normal(7, 3.2, count), 0.5)).round(1),
        future_burden=_none_below(_walk(rng, burden, 6.0)).round(1),
        laspeyres=_walk(rng, rng.normal(97.3, 2.2, count), 0.3).round(1),
        card_shift=0.22 * digital[:, None] + _walk(rng, 0.05 * rng.normal(size=count), 0.02)[:, :1],
    )


def _walk(rng: np.random.Generator, start: Array, step: float) -> Array:
    """Return one value a year, that of 2019 *start*, from which the others stray."""
    moves = step * rng.normal(size=(len(start), _YEARS))
    past = moves[:, : 2020 - _FIRST_YEAR].sum(axis=1)
    return np.asarray((start - past)[:, None] + moves.cumsum(axis=1))


def _none_below(values: Array) -> Array:
    return np.asarray(np.where(values > 0, values, np.nan))
