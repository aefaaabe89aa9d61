"""How town halls take up an online counter: by the budget year, one after the other.

Each quarter ends with a session of the assembly: June, September and December pass supplementary
budgets, March the budget of the coming fiscal year. In each, a town hall that has not adopted yet
does so by a probability that follows from its state when the quarter began.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from salesml.sample.calendar import Array, stream
from salesml.sample.municipal.figures import CARD_DATES, Figures

__all__ = [
    "ADOPTION_DRIVERS",
    "FIRST_QUARTER",
    "QUARTERS",
    "History",
    "Setting",
    "State",
    "advance",
    "live",
    "make_setting",
]

FIRST_QUARTER = np.datetime64("2018-04", "M")
QUARTERS = 36  # to March 2027: what comes within a year of the CRM's last date is known as well
_MIDDLE = np.datetime64("2023-04", "M")  # whose card uptake counts
_COPIES = 64  # futures by which the truth averages over what others will do
_PEERS = 15
_STAYS = 0.75  # of the interest from one fiscal year to the next
_MOST_DEPARTMENTS = 5
_MOVED = 0.35  # share of contact persons who move each 1 April

# session, June first: effect on the log-odds
_SESSION = {"June": -1.45, "September": -1.3, "December": -1.45, "March": 0.0}
_LEVEL = -6.1
_FIXED = {
    "population (standard deviations of its logarithm)": 0.45,
    "fiscal strength (standard deviations)": 0.25,
    "card uptake (standard deviations)": 0.5,
}
_EFFECTS = {
    "interest (standard deviations; the theme in the policy speech)": 1.1,
    "share of adopters among the 15 most similar": 3.0,
    "share of adopters in the prefecture": 2.0,
    "mayor new within two years": 0.6,
    "contacts in half a year, log(1 + n)": 0.65,
    "departments known beyond one": 0.2,
    "contact person new since April, until September": -0.5,
    "meets the conditions of a subsidy": 0.5,
}
ADOPTION_DRIVERS: dict[str, float] = {
    **{f"session={name}": effect for name, effect in _SESSION.items()},
    **_FIXED,
    **_EFFECTS,
}


@dataclass(frozen=True)
class Setting:
    """What the simulation takes as given; arrays are (municipality) or (quarter, municipality)."""

    fixed: Array  # log-odds from size, finance and card uptake
    new_mayor: Array
    eligible: Array
    peers: Array  # (municipality, municipality); rows add up to 1
    prefecture: Array
    effort: Array  # of our rep: the logarithm of contacts a quarter


@dataclass(frozen=True)
class State:
    """How things stand when a quarter begins; arrays are (copy, municipality)."""

    adopted: Array
    interest: Array
    contacts: Array  # in the quarter before
    earlier: Array  # and in the one before that
    departments: Array
    moved: Array  # the contact person, on the last 1 April


@dataclass(frozen=True)
class History:
    """What came: states by quarter, hazards, when they adopted, and the truth.

    ``adopted_in`` is the quarter, or QUARTERS for those who did not. ``truth`` is (quarter,
    municipality): the probability of adopting in one of four sessions, those of that quarter and
    the next three; its last three quarters are missing.
    """

    states: list[State]
    adopted_in: Array
    truth: Array

    def stack(self, name: str) -> Array:
        """Return an array of all states, (quarter, municipality)."""
        return np.concatenate([getattr(state, name) for state in self.states])


def _standard(values: Array) -> Array:
    return np.asarray((values - values.mean()) / values.std())


def _similar(places: pd.DataFrame, figures: Figures) -> Array:
    """Return the weight of each municipality among the peers of each other one."""
    strength = figures.index("fiscal_strength", 2020)
    marks = (1.2 * places["size"], _standard(figures.old), 0.7 * _standard(strength))
    points = np.column_stack([*marks, 0.5 * _standard(places["share_3"].to_numpy())])
    apart = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    same = places["prefecture_id"].to_numpy()
    apart = apart + 0.3 * (same[:, None] != same[None, :]) + 1e9 * np.eye(len(points))
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :_PEERS]
    weights = np.zeros(apart.shape)
    np.put_along_axis(weights, nearest, 1 / nearest.shape[1], axis=1)
    return weights


def _neighbours(places: pd.DataFrame) -> Array:
    home = places["prefecture_id"].to_numpy()
    same = (home[:, None] == home[None, :]).astype(float) - np.eye(len(home))
    return np.asarray(same / np.maximum(same.sum(axis=1, keepdims=True), 1))


def _fixed(places: pd.DataFrame, figures: Figures) -> Array:
    rates = figures.card_rates()[:, CARD_DATES.tolist().index(_MIDDLE.item())]
    strength = figures.index("fiscal_strength", 2020)
    terms = (places["size"].to_numpy(), strength, rates)
    return np.asarray(sum(e * _standard(t) for e, t in zip(_FIXED.values(), terms, strict=True)))


def make_setting(
    places: pd.DataFrame, figures: Figures, new_mayor: Array, eligible: Array, seed: int
) -> Setting:
    """Return what the simulation takes as given."""
    effort = -0.35 + 0.55 * stream(seed, "municipal effort").normal(size=len(places))
    return Setting(
        fixed=_fixed(places, figures),
        new_mayor=new_mayor,
        eligible=eligible,
        peers=_similar(places, figures).T,
        prefecture=_neighbours(places).T,
        effort=effort,
    )


def _hazard(setting: Setting, state: State, quarter: int) -> Array:
    """Return the probability of adopting in the session that ends *quarter*, (copy, place)."""
    others = state.adopted.astype(float)
    terms = (
        state.interest,
        others @ setting.peers,
        others @ setting.prefecture,
        setting.new_mayor[quarter],
        np.log1p(state.contacts + state.earlier),
        np.maximum(state.departments - 1, 0),
        state.moved * (quarter % 4 < 2),
        setting.eligible[quarter],
    )
    total = _LEVEL + list(_SESSION.values())[quarter % 4] + setting.fixed
    for effect, term in zip(_EFFECTS.values(), terms, strict=True):
        total = total + effect * term
    return np.asarray(1 / (1 + np.exp(-total)))


def _contacts(rng: np.random.Generator, setting: Setting, state: State) -> Array:
    """Return how often our reps are in contact in the quarter: more where things move."""
    moving = 0.25 * state.interest + 0.3 * (state.contacts > 0)
    return np.asarray(rng.poisson(np.exp(setting.effort + moving)).clip(max=12))


def advance(rng: np.random.Generator, setting: Setting, state: State, quarter: int) -> State:
    """Return the state when the quarter after *quarter* begins, one of those that may come."""
    return _after(rng, setting, state, _hazard(setting, state, quarter), quarter)


def _after(
    rng: np.random.Generator, setting: Setting, state: State, chance: Array, quarter: int
) -> State:
    """Return the state when the next quarter begins."""
    contacts = _contacts(rng, setting, state)
    more = rng.random(contacts.shape) < np.minimum(0.12 * contacts, 0.6)
    following = replace(
        state,
        adopted=state.adopted | (rng.random(chance.shape) < chance),
        contacts=contacts,
        earlier=state.contacts,
        departments=np.minimum(state.departments + more, _MOST_DEPARTMENTS),
    )
    return _in_april(rng, setting, following, quarter + 1) if quarter % 4 == 3 else following


def _in_april(rng: np.random.Generator, setting: Setting, state: State, quarter: int) -> State:
    """A fiscal year begins: priorities move on, and so do people."""
    shape = state.interest.shape
    fresh = np.sqrt(1 - _STAYS**2) * rng.normal(size=shape)
    new = setting.new_mayor[min(quarter, QUARTERS - 1)]
    return replace(
        state,
        interest=_STAYS * state.interest + fresh + 0.15 * new,
        moved=rng.random(shape) < _MOVED,
        departments=state.departments - (rng.random(shape) < 0.3) * (state.departments > 1),
    )


def _begin(rng: np.random.Generator, count: int) -> State:
    shape = (1, count)
    return State(
        adopted=rng.random(shape) < 0.02,
        interest=rng.normal(size=shape),
        contacts=np.zeros(shape, int),
        earlier=np.zeros(shape, int),
        departments=np.ones(shape, int),
        moved=rng.random(shape) < _MOVED,
    )


def _truth(rng: np.random.Generator, setting: Setting, state: State, quarter: int) -> Array:
    """Return the chance of adopting in the next four sessions, given *state*.

    Averaged over futures of everybody else; of each, one minus the product of the chances not to.
    """
    names = ("adopted", "interest", "contacts", "earlier", "departments", "moved")
    copies = {name: np.repeat(getattr(state, name), _COPIES, axis=0) for name in names}
    future, stays = State(**copies), np.ones((_COPIES, state.adopted.shape[1]))
    for ahead in range(quarter, quarter + 4):
        chance = _hazard(setting, future, ahead)
        stays *= 1 - chance
        future = _after(rng, setting, future, chance, ahead)
    return np.asarray(1 - stays.mean(axis=0))


def live(setting: Setting, seed: int) -> History:
    """Simulate all quarters once, and the futures that the truth averages over."""
    rng, futures = stream(seed, "municipal world"), stream(seed, "municipal futures")
    state = _begin(rng, len(setting.fixed))
    states, truth = [state], []
    adopted_in = np.where(state.adopted[0], -1, QUARTERS)
    for quarter in range(QUARTERS):
        if quarter <= QUARTERS - 4:
            truth.append(_truth(futures, setting, state, quarter))
        state = advance(rng, setting, state, quarter)
        now = state.adopted[0] & (adopted_in == QUARTERS)
        adopted_in = np.where(now, quarter, adopted_in)
        states.append(state)
    return History(states, adopted_in, np.array(truth))
