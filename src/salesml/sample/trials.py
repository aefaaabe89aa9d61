"""First actions on new leads, given by chance, and what they do to conversion.

Since July 2024 each new lead gets, by known chances, a call, an invitation to a webinar, or
nothing, on the morning after it came in. Whoever asked us wants to be called, and cools down when
invited to a webinar instead; whoever was merely met is put off by a call, and likes to be invited.

The probability of converting that ``conversion`` tells is the one before the chances fall: the mean
over the actions. So the action of a lead is drawn from its chances given what came of the lead: the
lead, its action and its outcome then have the very joint distribution of a trial in which the
action is drawn first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesml.sample.calendar import CLOSED_SECOND, Array, stream

__all__ = ["TRIAL_DRIVERS", "lead_trials", "trial_truth"]

ACTIONS = ("none", "first_call", "webinar_invitation")
_SINCE = np.datetime64("2024-07-01", "s")
_ASKED_US = ("Web問い合わせ", "資料請求", "紹介")
_SENIOR = ("役員", "部長", "課長")
# chances of the three actions, for those who asked us and for the others
_CHANCES = np.array([[0.35, 0.25, 0.40], [0.25, 0.45, 0.30]])
# effects on the log-odds of converting, against no action
TRIAL_DRIVERS = {
    "first_call where the lead asked us": 2.0,
    "first_call where it did not": -1.5,
    "first_call where the title is 役員, 部長 or 課長, in addition": 0.3,
    "webinar_invitation where the lead asked us": -1.2,
    "webinar_invitation where it did not": 1.8,
    "webinar_invitation where the title is 役員, 部長 or 課長, in addition": -0.3,
}


def _tried(leads: pd.DataFrame) -> pd.DataFrame:
    """Return the leads of the trial, with the morning on which their action was drawn."""
    created = leads["created_at"].to_numpy().astype("datetime64[s]")
    decided = created.astype("datetime64[D]") + 1
    mine = (created >= _SINCE) & (decided.astype("datetime64[s]") <= CLOSED_SECOND)
    return leads.assign(decided_on=decided)[mine].reset_index(drop=True)


def _chances(leads: pd.DataFrame) -> Array:
    return np.asarray(_CHANCES[leads["source"].isin(_ASKED_US).to_numpy(int)])


def _effects(leads: pd.DataFrame) -> Array:
    """Return effects on the log-odds, shape (n, 3)."""
    asked = leads["source"].isin(_ASKED_US).to_numpy()
    senior = leads["job_title"].isin(_SENIOR).to_numpy(float)
    call, cold_call, call_senior, web, cold_web, web_senior = TRIAL_DRIVERS.values()
    called = np.where(asked, call, cold_call) + call_senior * senior
    invited = np.where(asked, web, cold_web) + web_senior * senior
    return np.column_stack([np.zeros(len(leads)), called, invited])


def _probabilities(leads: pd.DataFrame) -> Array:
    """Return the probability of converting under each action, shape (n, 3).

    Their mean over the chances is the lead's ``probability``.
    """
    chances, effects = _chances(leads), _effects(leads)
    wanted = leads["probability"].to_numpy(float)
    low, high = np.full(len(leads), -20.0), np.full(len(leads), 20.0)
    for _ in range(60):
        middle = (low + high) / 2
        each = 1 / (1 + np.exp(-middle[:, None] - effects))
        too_low = (chances * each).sum(axis=1) < wanted
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return np.asarray(1 / (1 + np.exp(-low[:, None] - effects)))


def trial_truth(leads: pd.DataFrame) -> pd.DataFrame:
    """Return the truth ``actions``: the probability of converting under each action."""
    tried = _tried(leads)
    return pd.DataFrame(
        {
            "entity": "lead",
            "entity_id": np.repeat(tried["lead_id"].to_numpy(object), len(ACTIONS)),
            "action": np.tile(np.array(ACTIONS, object), len(tried)),
            "probability": _probabilities(tried).ravel(),
        }
    )


def lead_trials(leads: pd.DataFrame, converted: Array, seed: int) -> pd.DataFrame:
    """Return the table ``action_trials``; *converted* is 1 for leads that did within 60 days."""
    rng = stream(seed, "lead trials")
    tried = _tried(leads.assign(converted=converted))
    chances, each = _chances(tried), _probabilities(tried)
    came = tried["converted"].to_numpy()[:, None] == 1
    weight = np.cumsum(chances * np.where(came, each, 1 - each), axis=1)
    arm = (weight < rng.random((len(tried), 1)) * weight[:, -1:]).sum(axis=1)
    early = (5 * 3600 + rng.integers(0, 1800, len(tried))).astype("timedelta64[s]")
    return pd.DataFrame(
        {
            "trial_id": [f"Q{i:06d}" for i in range(1, len(tried) + 1)],
            "entity": "lead",
            "entity_id": tried["lead_id"],
            "action": np.array(ACTIONS, object)[arm],
            "probability": chances[np.arange(len(tried)), arm],
            "decided_on": tried["decided_on"],
            "logged_at": tried["decided_on"].to_numpy().astype("datetime64[s]") + early,
        }
    )
