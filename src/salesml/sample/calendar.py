"""Time in the sample: the period, Japanese working days, seasons and clock times."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "CLOSED_SECOND",
    "DAYS",
    "FIRST_DAY",
    "LAST_DAY",
    "Array",
    "around_the_clock",
    "at_office",
    "day_number",
    "logged",
    "month_factor",
    "on_working_days",
    "stream",
    "working",
]

Array = npt.NDArray[Any]

FIRST_DAY = np.datetime64("2023-04-01", "D")
LAST_DAY = np.datetime64("2026-06-30", "D")
CLOSED_SECOND = np.datetime64("2026-06-30T23:59:59", "s")
# The world goes on for a quarter after the CRM was read, so that what happens within 90 days
# of the last dates is known as well.
DAYS = np.arange(FIRST_DAY, np.datetime64("2026-10-01", "D"))

_TABLE_FROM = np.datetime64("2015-01-01", "D")
_WEEKEND, _HOLIDAY = 0.03, 0.06
_QUIET = (("04-29", "05-05"), ("08-11", "08-16"), ("12-28", "12-31"), ("01-01", "01-04"))
_LATE_SHARE = 0.03


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of one part of the world, independent of all other parts."""
    return np.random.default_rng([seed, *name.encode()])


def _weights_from_2015() -> Array:
    days = np.arange(_TABLE_FROM, np.datetime64("2027-12-31", "D"))
    weight = np.where(np.is_busday(days), 1.0, _WEEKEND)
    month_day = np.array([text[5:] for text in np.datetime_as_string(days).tolist()])
    for first, last in _QUIET:
        quiet = (month_day >= first) & (month_day <= last)
        weight = np.where(quiet, np.minimum(weight, _HOLIDAY), weight)
    return weight


_WORKING = _weights_from_2015()


def working(days: Array) -> Array:
    """Return how busy each day is: 1 on a working day, near 0 on weekends and in long holidays."""
    return np.asarray(_WORKING[(days.astype("datetime64[D]") - _TABLE_FROM).astype(int)])


def month_factor(days: Array, by_month: tuple[float, ...]) -> Array:
    """Look up *by_month* (12 values, January first) for each day."""
    months = days.astype("datetime64[M]").astype(int) % 12
    return np.asarray(np.asarray(by_month)[months])


def day_number(times: Array) -> Array:
    """Return whole days since the first day of the period; negative before it."""
    return np.asarray((times.astype("datetime64[D]") - FIRST_DAY).astype(int))


def on_working_days(rng: np.random.Generator, days: Array) -> Array:
    """Move days forward to working days; a few stay on weekends and holidays."""
    moved = days.astype("datetime64[D]").copy()
    waiting = rng.random(len(moved)) >= working(moved)
    while waiting.any():
        moved[waiting] += 1
        waiting[waiting] = rng.random(int(waiting.sum())) >= working(moved[waiting])
    return moved


def _clock(days: Array, hours: Array) -> Array:
    midnight = days.astype("datetime64[D]").astype("datetime64[s]")
    return np.asarray(midnight + (hours * 3600).astype("timedelta64[s]"))


def at_office(rng: np.random.Generator, days: Array) -> Array:
    """Give each day a time between 9:00 and 18:30."""
    return _clock(days, 9 + 9.5 * rng.beta(1.6, 1.8, len(days)))


def around_the_clock(rng: np.random.Generator, days: Array) -> Array:
    """Give each day a time between 7:00 and 23:00, when people are on the web."""
    return _clock(days, 7 + 16 * rng.beta(2.0, 2.4, len(days)))


def logged(rng: np.random.Generator, happened: Array) -> Array:
    """Return when events were typed in: minutes later, days later for 3 % of them."""
    delay = rng.exponential(20 * 60, len(happened)).astype(int).clip(0, 4 * 3600)
    late = rng.random(len(happened)) < _LATE_SHARE
    days_late = rng.integers(2, 21, len(happened))
    return np.asarray(happened + np.where(late, days_late * 86400, delay).astype("timedelta64[s]"))
