"""The estimator: what somebody does next, and when they will do nothing."""

from __future__ import annotations

import datetime as dt
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from salesml.actions.behaviour.contest import contest
from salesml.actions.behaviour.examples import Examples
from salesml.actions.behaviour.sequences import DAY, Sequences, seconds_of
from salesml.errors import LabelError, ModelError
from salesml.training.table import Ints

__all__ = ["NOTHING", "NextBehaviour"]

NOTHING = "nothing"
_DATES = 60  # so many dates back are learnt from
_FEWEST_ROWS = 100


class NextBehaviour(BaseEstimator):  # type: ignore[misc]
    """What an entity does first within some days, ``nothing`` included, by what it did so far.

    The base is a Markov chain over kinds of acts, of order 3 with the silence since the latest
    act, that backs off to shorter contexts. LightGBM on counts and recency takes its place where
    its log loss on newer dates is lower by more than the 95 % interval; the plain frequencies do
    where even the chain is worse than they are. A history is cut on dates *within* days apart:
    what was known before the date is the history, what follows the outcome.

    Parameters
    ----------
    within : days, the window in which the next act is looked for.
    random_state : seed of the rows that trees learn from, and of the trees.

    Attributes
    ----------
    classes_ : kinds of acts that entities do, then ``nothing``.
    model_ : ``frequencies``, ``markov`` or ``lightgbm``, which predicts.
    leaderboard_ : DataFrame by model: log_loss on newer dates, gain over ``markov`` in log loss a
        row with its 95 % interval (low, high), chosen. Empty where the dates are too few.
    rows_ : how many histories were learnt from.
    """

    def __init__(self, within: int = 14, random_state: int = 0) -> None:
        self.within = within
        self.random_state = random_state

    def fit(self, events: pd.DataFrame, *, until: dt.date | None = None) -> Self:
        """Learn from *events* before *until* (by default, up to the last one).

        Parameters
        ----------
        events : a row an act: ``entity_id``, ``happened_at`` (business time), ``kind``; optionally
            ``known_at``, and ``direction``: acts that are ``out`` are ours, which may explain
            what comes next but are never it.
        until : the first date that nothing is known of.

        Raises
        ------
        ModelError
            If columns are missing, or *within* is no number of days.
        LabelError
            If values are missing, or there is too little to learn from.
        """
        self._check_within()
        sequences = Sequences(events)
        if until is not None:
            before = pd.to_datetime(events["happened_at"]) < pd.Timestamp(until)
            sequences = Sequences(events[before])
        return self.fit_sequences(sequences, sequences.end if until is None else seconds_of(until))

    def fit_sequences(self, sequences: Sequences, end: int) -> Self:
        """Learn from *sequences*, all of them before *end*, in seconds; else as `fit`."""
        _require_acts(sequences)
        self.kinds_ = sequences.kinds
        done = np.unique(sequences.kind[sequences.theirs])
        self.classes_ = np.array([*(self.kinds_[code] for code in done), NOTHING], dtype=object)
        examples = self._examples(sequences, done, end)
        self.rows_ = examples.rows
        self.model_, self.leaderboard_, self._winner = contest(examples, self.random_state)
        return self

    def predict_proba(self, events: pd.DataFrame, at: dt.date | None = None) -> pd.DataFrame:
        """Return probabilities of ``classes_`` (columns) by entity of *events* (index).

        *events* are as in `fit`; those known before *at* count, by default all. Entities without
        an act in the year before get NaN: nothing is known of them. Raises as `fit`.
        """
        if not hasattr(self, "_winner"):
            raise ModelError("NextBehaviour was not fitted.", fix="Call fit first.")
        sequences = Sequences(events, self.kinds_)
        return self.predict_sequences(sequences, sequences.end if at is None else seconds_of(at))

    def predict_sequences(self, sequences: Sequences, date: int) -> pd.DataFrame:
        """Probabilities at *date*, in seconds, of all entities of *sequences*."""
        standing = sequences.standing(date)
        rows = np.full((len(sequences.ids), len(self.classes_)), np.nan)
        rows[standing.entity] = self._winner.predict_proba(sequences, standing, date)
        return pd.DataFrame(rows, index=sequences.ids.rename("entity_id"), columns=self.classes_)

    def _examples(self, sequences: Sequences, done: Ints, end: int) -> Examples:
        step = self.within * DAY
        dates = [end - back * step for back in range(_DATES, 0, -1)]
        examples = Examples.cut(sequences, dates, self.within, done)
        if examples.rows < _FEWEST_ROWS:
            raise LabelError(
                "There is too little to learn what comes next from.",
                received=f"{examples.rows} histories on {len(dates)} dates, {self.within} days "
                f"apart; {_FEWEST_ROWS} are needed",
                fix="Give more entities, or a longer time.",
            )
        return examples

    def _check_within(self) -> None:
        if not isinstance(self.within, int) or self.within < 1:
            raise ModelError(
                "within must be a number of days.", received=repr(self.within), fix="Use 14, say."
            )


def _require_acts(sequences: Sequences) -> None:
    if not sequences.theirs.any():
        ours = f"{len(sequences.theirs)} events, all of them ours"
        raise LabelError(
            "Nobody did anything.",
            received=ours if len(sequences.theirs) else "no events",
            fix="Give events of what entities did; only ours have the `direction` out.",
        )
