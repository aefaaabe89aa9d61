"""The hidden life of customers, and the exact probability that they cancel.

Every customer is, each day, in one of 32 hidden states: mood (thriving, steady, drifting,
leaving) x contact person just changed x in trouble x neglected by us. Moods worsen and recover
at rates that depend on the other three; a customer cancels at a daily hazard that depends on the
state, on the renewal window, tenure, plan, price, and season. The chain is finite, so the
probability of cancelling within 90 days is computed exactly, backwards, not by simulation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.accounts import relative_price
from salesml.sample.calendar import DAYS, Array, day_number, month_factor, stream, working

__all__ = [
    "CHURN_DRIVERS",
    "CHURN_HORIZON",
    "STATES",
    "Life",
    "changed",
    "mood",
    "neglected",
    "trouble",
]

CHURN_HORIZON = 90

_MOOD = {
    "mood thriving (many logins and deliveries)": -1.6,
    "mood steady": -0.6,
    "mood drifting (logins halve, deliveries fall to a third)": 1.0,
    "mood leaving (hardly any login, no deliveries)": 2.9,
}
_STATE = {
    "contact person changed in the last months": 0.6,
    "trouble (complaints, bugs)": 0.5,
    "neglected (no contact from us)": 0.3,
    "neglected while in trouble, in addition": 0.8,
    "contact person changed while the mood is drifting or leaving, in addition": 0.4,
}
_RENEWAL = {
    "renewal within 75 days": 0.3,
    "renewal within 75 days while the mood is drifting or leaving, in addition": 1.0,
}
_TENURE = {
    "first 90 days of the contract": -1.2,
    "day 91 to 365 of the contract": 0.35,
    "third year of the contract and later": -0.4,
}
_PLAN = {"ライト": 0.35, "スタンダード": 0.1, "プロ": -0.1, "エンタープライズ": -0.5}
_INDUSTRY = {"小売": 0.35, "不動産": 0.25, "自治体関連": -0.5}
_PRICE = 0.5
CHURN_DRIVERS: dict[str, float] = {
    **_MOOD,
    **_STATE,
    **_RENEWAL,
    **_TENURE,
    **{f"plan={k}": v for k, v in _PLAN.items()},
    **{f"industry={k}": v for k, v in _INDUSTRY.items()},
    "log of the fee over the usual fee at that size": _PRICE,
}
_BASE = -8.0  # log of the daily hazard; gives 35 to 40 % a year
_BY_MONTH = (0.9, 1.2, 1.6, 0.8, 0.8, 1.0, 1.0, 0.8, 1.3, 0.9, 0.9, 1.0)

# Daily probabilities of moving one mood down and up, before the multipliers below.
_WORSEN, _RECOVER = np.array([0.0030, 0.0015, 0.0050, 0.0]), np.array([0.0, 0.0030, 0.0070, 0.0040])
_WORSEN_BY, _RECOVER_BY = np.array([0.7, 0.7, 0.5]), np.array([-0.3, -0.5, -0.5])
_CHANGED, _CHANGED_OVER = 1 / 550, 1 / 100
_TROUBLE, _TROUBLE_OVER = 1 / 240, 1 / 40
_NEGLECT, _NEGLECT_OVER = 1 / 210, 1 / 100
_START = np.array([0.40, 0.45, 0.12, 0.03])

STATES = np.arange(32)


def mood(state: Array) -> Array:
    """Return 0 (thriving) to 3 (leaving)."""
    return state >> 3


def changed(state: Array) -> Array:
    """Return 1 where the contact person has just changed."""
    return (state >> 2) & 1


def trouble(state: Array) -> Array:
    """Return 1 where complaints are going on."""
    return (state >> 1) & 1


def neglected(state: Array) -> Array:
    """Return 1 where nobody of ours calls."""
    return state & 1


def _state_hazards() -> Array:
    """Return hazard multipliers, shape (2, 32): outside and inside the renewal window."""
    poor, c, t, n = mood(STATES) >= 2, changed(STATES), trouble(STATES), neglected(STATES)
    effects = zip(_STATE.values(), (c, t, n, n * t, c * poor), strict=True)
    log = np.array(list(_MOOD.values()))[mood(STATES)] + sum(e * x for e, x in effects)
    near, near_poor = _RENEWAL.values()
    return np.asarray(np.exp(np.stack([log, log + near + near_poor * poor])))


def _mood_moves() -> tuple[Array, Array]:
    """Return the daily probabilities to worsen and to recover in each state, shape (32,) each."""
    flags = np.stack([changed(STATES), trouble(STATES), neglected(STATES)], axis=1)
    worsen = _WORSEN[mood(STATES)] * np.exp(flags @ _WORSEN_BY)
    recover = _RECOVER[mood(STATES)] * np.exp(flags @ _RECOVER_BY)
    return worsen, recover


_HAZARDS = _state_hazards()
_DOWN, _UP = _mood_moves()
_WORK = working(DAYS)
# Personnel move on 1 April.
_CHANGE_ON = _CHANGED * np.where(
    (DAYS.astype("datetime64[M]").astype(int) % 12 == 3)
    & ((DAYS - DAYS.astype("datetime64[M]")).astype(int) < 10),
    10,
    1,
)


def _tenure_effect(days_in: Array) -> Array:
    early, first_year, late = _TENURE.values()
    return np.select([days_in < 90, days_in <= 365, days_in > 730], [early, first_year, late], 0.0)


def _near_renewal(started: Array) -> Array:
    """Return, per day and customer, whether a yearly renewal is at most 75 days away."""
    near = np.zeros((len(DAYS), len(started)), dtype=np.int8)
    for year in range(1, 10):
        first_day = day_number(started.astype("datetime64[M]") + 12 * year)
        ahead = first_day[None, :] - np.arange(len(DAYS))[:, None]
        near |= ((ahead > 0) & (ahead <= 75)).astype(np.int8)
    return near


class Life:
    """The customers' hidden states, day by day.

    Parameters
    ----------
    customers : one row a customer, in the order used below; started_on, plan, monthly_fee,
        employees, industry, owner_skill.
    seed : of the sample.

    Attributes
    ----------
    states : (days, customers) int8, -1 where not a customer on that day.
    cancelled : (customers,) day number of the cancellation, -1 where there is none.
    """

    def __init__(self, customers: pd.DataFrame, seed: int) -> None:
        started = customers["started_on"].to_numpy().astype("datetime64[D]")
        self.started = day_number(started)
        self.near_renewal = _near_renewal(started)
        self._neglect = _NEGLECT * np.exp(-0.25 * (customers["owner_skill"].to_numpy(float) - 3))
        self._rate = self._daily_rate(customers)
        self.states, self.cancelled = self._live(stream(seed, "life"))

    def _daily_rate(self, customers: pd.DataFrame) -> Array:
        """Return the hazard before the state's multiplier, shape (days, customers)."""
        price = relative_price(
            customers["monthly_fee"].to_numpy(float), customers["employees"].to_numpy(float)
        )
        fixed = _BASE + _PRICE * price + customers["plan"].map(_PLAN).to_numpy(float)
        fixed += customers["industry"].map(_INDUSTRY).fillna(0.0).to_numpy(float)
        tenure = _tenure_effect(np.arange(len(DAYS))[:, None] - self.started[None, :])
        season = _WORK * 7 / 5 * month_factor(DAYS, _BY_MONTH)
        return np.asarray(np.exp(fixed[None, :] + tenure) * season[:, None])

    def _live(self, rng: np.random.Generator) -> tuple[Array, Array]:
        count = len(self.started)
        state = rng.choice(4, size=count, p=_START) << 3
        state |= (rng.random(count) < 0.25).astype(int)
        states = np.full((len(DAYS), count), -1, dtype=np.int8)
        cancelled = np.full(count, -1)
        for day in range(len(DAYS)):
            here = (self.started <= day) & (cancelled < 0)
            states[day, here] = state[here]
            hazard = self._rate[day] * _HAZARDS[self.near_renewal[day], state]
            cancelled[here & (rng.random(count) < 1 - np.exp(-hazard))] = day
            state = np.where(here, self._next(rng, state, day), state)
        return states, cancelled

    def _next(self, rng: np.random.Generator, state: Array, day: int) -> Array:
        u = rng.random((4, len(state)))
        moved = mood(state) + (u[0] < _DOWN[state]) - (u[0] > 1 - _UP[state])
        c = np.where(changed(state) == 1, u[1] >= _CHANGED_OVER, u[1] < _CHANGE_ON[day])
        t = np.where(trouble(state) == 1, u[2] >= _TROUBLE_OVER, u[2] < _TROUBLE)
        n = np.where(neglected(state) == 1, u[3] >= _NEGLECT_OVER, u[3] < self._neglect)
        return np.asarray((moved << 3) | (c << 2) | (t << 1) | n)

    def active(self) -> Array:
        """Return whether each was a customer, shape (days, customers)."""
        return self.states >= 0

    def probability(self, days: Array, who: Array) -> Array:
        """Return the true probability that customer *who* cancels in the 90 days from each day.

        Given the state at the start of the day; both arguments have shape (n,), as the result.
        """
        survive = np.ones((len(days), 4, 2, 2, 2))
        for ahead in reversed(range(CHURN_HORIZON)):
            survive = self._day_before(survive, days + ahead, who)
        state = self.states[days, who]
        return np.asarray(1 - survive.reshape(-1, 32)[np.arange(len(days)), state])

    def _day_before(self, survive: Array, days: Array, who: Array) -> Array:
        kept = _flip(survive, 4, self._neglect[who], _NEGLECT_OVER)
        kept = _flip(kept, 3, np.full(len(days), _TROUBLE), _TROUBLE_OVER)
        kept = _flip(kept, 2, _CHANGE_ON[days], _CHANGED_OVER)
        kept = _move(kept).reshape(-1, 32)
        hazard = self._rate[days, who][:, None] * _HAZARDS[self.near_renewal[days, who]]
        return np.asarray((kept * np.exp(-hazard)).reshape(survive.shape))


def _flip(value: Array, axis: int, enter: Array, leave: float) -> Array:
    """Expect *value* over one two-state flag along *axis*, a day earlier."""
    off, on = np.take(value, 0, axis), np.take(value, 1, axis)
    change = on - off
    return np.stack([off + enter[:, None, None, None] * change, on - leave * change], axis)


def _move(value: Array) -> Array:
    """Expect *value* over tomorrow's mood, given today's state."""
    worse = np.concatenate([value[:, 1:], value[:, -1:]], axis=1)
    better = np.concatenate([value[:, :1], value[:, :-1]], axis=1)
    down, up = _DOWN.reshape(1, 4, 2, 2, 2), _UP.reshape(1, 4, 2, 2, 2)
    return np.asarray(value + down * (worse - value) + up * (better - value))
