"""What the hidden life leaves behind in the product and at the help desk."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.calendar import (
    CLOSED_SECOND,
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    Array,
    around_the_clock,
    at_office,
    logged,
    month_factor,
    stream,
    working,
)
from salesml.sample.life import STATES, Life, changed, mood, trouble
from salesml.sample.names import pick

__all__ = ["PERIOD", "occurrences", "product_usage", "tickets"]

# Relative use in each mood: deliveries fall before and deeper than logins.
_LOGINS, _DELIVERIES = np.array([1.4, 1.0, 0.42, 0.12]), np.array([1.4, 1.0, 0.30, 0.04])
_MEMORY_DAYS = 8
_USE_BY_MONTH = (0.9, 1.0, 1.15, 1.0, 0.95, 1.0, 1.0, 0.85, 1.1, 1.05, 1.05, 0.9)
_DELIVERY_SHARE = 0.30
PERIOD = int((LAST_DAY - FIRST_DAY).astype(int)) + 1

_PRIORITY = {"low": 0.35, "middle": 0.45, "high": 0.2}


def occurrences(rng: np.random.Generator, expected: Array) -> tuple[Array, Array]:
    """Draw Poisson events; return day and customer of each.

    *expected* has shape (days, customers) and holds expected counts.
    """
    cells = np.repeat(np.arange(expected.size), rng.poisson(expected).ravel())
    return cells // expected.shape[1], cells % expected.shape[1]


def _smooth(level: Array) -> Array:
    """Let use follow the mood with a delay of some days, along axis 0."""
    smoothed = level.copy()
    for day in range(1, len(level)):
        was = np.where(np.isnan(smoothed[day - 1]), level[day], smoothed[day - 1])
        smoothed[day] = was + (level[day] - was) / _MEMORY_DAYS
    return np.nan_to_num(smoothed)


def _weekly_noise(rng: np.random.Generator, customers: int, spread: float) -> Array:
    """Return factors around 1 that drift from week to week, shape (period, customers)."""
    weeks = PERIOD // 7 + 1
    noise = rng.normal(size=(weeks, customers))
    for week in range(1, weeks):
        noise[week] = 0.7 * noise[week - 1] + np.sqrt(1 - 0.49) * noise[week]
    return np.exp(spread * np.repeat(noise, 7, axis=0)[:PERIOD])


def _level(life: Life, by_mood: Array) -> Array:
    states = life.states[:PERIOD]
    level = by_mood[mood(states) % 4] * np.where(changed(states) == 1, 0.75, 1.0)
    return _smooth(np.where(states >= 0, level, np.nan)) * (states >= 0)


def _onboarding(life: Life) -> Array:
    """Use grows over the first 45 days of a contract."""
    days_in = np.arange(PERIOD)[:, None] - life.started[None, :]
    return np.clip((days_in + 5) / 45, 0.1, 1.0)


def product_usage(customers: pd.DataFrame, life: Life, seed: int) -> pd.DataFrame:
    """Return one row per customer and day with at least one login; ``customer`` is the row."""
    rng = stream(seed, "usage")
    count = len(customers)
    season = (working(DAYS[:PERIOD]) + 0.04) * month_factor(DAYS[:PERIOD], _USE_BY_MONTH)
    common = season[:, None] * _weekly_noise(rng, count, 0.2)
    size = (customers["employees"].to_numpy() / 120) ** 0.25
    habit = size * np.exp(rng.normal(0, 0.3, count))
    logins = rng.poisson(1.8 * habit * common * _level(life, _LOGINS))
    sent = _DELIVERY_SHARE * np.exp(rng.normal(0, 0.4, count)) * _onboarding(life)
    deliveries = rng.poisson(sent * common * _level(life, _DELIVERIES))
    day, who = np.nonzero(logins)
    loaded = _loaded(rng, FIRST_DAY + day)
    return pd.DataFrame(
        {
            "customer": who,
            "used_on": FIRST_DAY + day,
            "logins": logins[day, who],
            "active_users": 1 + rng.binomial(logins[day, who] - 1, 0.6),
            "deliveries": deliveries[day, who],
            "loaded_at": loaded,
        }
    )[loaded <= CLOSED_SECOND].reset_index(drop=True)


def _loaded(rng: np.random.Generator, used: Array) -> Array:
    """Return 4:00 to 4:30 of the next morning; some days later where the load failed."""
    failed = rng.random(len(used)) < 0.03
    after = np.where(failed, rng.integers(2, 6, len(used)), 1)
    seconds = 4 * 3600 + rng.integers(0, 1800, len(used))
    midnight = (used + after).astype("datetime64[s]")
    return np.asarray(midnight + seconds.astype("timedelta64[s]"))


def _ticket_rates() -> dict[str, Array]:
    """Return expected tickets a day in each state, by kind."""
    tone, bad = mood(STATES), trouble(STATES)
    return {
        "question": 0.012 * np.array([1.2, 1.0, 0.7, 0.3])[tone],
        "bug": 0.003 + 0.015 * bad,
        "complaint": 0.0006 + 0.028 * bad + 0.004 * (tone == 3),
        "request": 0.004 * np.array([1.3, 1.0, 0.6, 0.3])[tone],
    }


def _of_kind(rng: np.random.Generator, kind: str, rate: Array, life: Life) -> pd.DataFrame:
    states = life.states[:PERIOD]
    busy = working(DAYS[:PERIOD])[:, None] * 7 / 5
    expected = np.where(states >= 0, rate[states], 0.0) * busy
    if kind == "question":
        expected *= np.where(np.arange(PERIOD)[:, None] - life.started[None, :] < 60, 2.5, 1.0)
    day, who = occurrences(rng, expected)
    return pd.DataFrame({"customer": who, "day": day, "kind": kind})


def _satisfaction(rng: np.random.Generator, frame: pd.DataFrame, closed: Array) -> Array:
    usual = frame["kind"].map({"question": 4.1, "bug": 3.1, "complaint": 2.2, "request": 3.7})
    mark = (usual + rng.normal(0, 0.8, len(frame))).round().clip(1, 5).to_numpy(float)
    answered = (rng.random(len(frame)) < 0.6) & ~np.isnat(closed)
    return np.where(answered, mark, np.nan)


def tickets(life: Life, seed: int) -> pd.DataFrame:
    """Return the tickets of customers (``customer`` is the row) in order of time."""
    rng = stream(seed, "tickets")
    parts = [_of_kind(rng, kind, rate, life) for kind, rate in _ticket_rates().items()]
    frame = pd.concat(parts).sort_values(["day", "customer"], kind="stable")
    frame = frame.reset_index(drop=True)
    opened = around_the_clock(rng, FIRST_DAY + frame["day"].to_numpy())
    slow = np.where(frame["kind"] == "question", 1, 3)
    took = (rng.exponential(4, len(frame)) * slow).astype(int)
    closed = at_office(rng, opened.astype("datetime64[D]") + 1 + took)
    closed = np.where(closed <= CLOSED_SECOND, closed, np.datetime64("NaT", "s"))
    frame = frame.assign(opened_at=opened, logged_at=logged(rng, opened), closed_at=closed)
    angry = (frame["kind"] == "complaint") & (rng.random(len(frame)) < 0.5)
    frame["priority"] = np.where(angry, "high", pick(rng, _PRIORITY, len(frame)))
    frame["satisfaction"] = _satisfaction(rng, frame, closed)
    return frame[frame["logged_at"] <= CLOSED_SECOND].reset_index(drop=True)
