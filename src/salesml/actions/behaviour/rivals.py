"""The models that compete to foretell what comes next."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from salesml.actions.behaviour.boosted import Boosted
from salesml.actions.behaviour.examples import Examples
from salesml.actions.behaviour.markov import Markov
from salesml.actions.behaviour.recency import recency
from salesml.actions.behaviour.sequences import Sequences, Standing
from salesml.training.table import Floats

__all__ = ["Chain", "Frequencies", "Model", "Trees"]

_MOST_ROWS = 50_000  # trees learn from no more


class Model(Protocol):
    """What predicts the class of a standing."""

    def predict_proba(self, sequences: Sequences, standing: Standing, date: int) -> Floats:
        """Probabilities, shape (n, classes)."""
        ...


class Frequencies:
    """How often each class follows, whatever came before."""

    def __init__(self, examples: Examples) -> None:
        counts = np.bincount(np.concatenate(examples.outcomes), minlength=examples.classes) + 1.0
        self._usual = counts / counts.sum()

    def predict_proba(self, _: Sequences, standing: Standing, __: int) -> Floats:
        """Probabilities, shape (n, classes)."""
        return np.tile(self._usual, (len(standing.entity), 1))


class Chain:
    """The Markov chain with back-off."""

    def __init__(self, examples: Examples, stiffness: float) -> None:
        chain = Markov(len(examples.sequences.kinds), examples.classes, stiffness)
        self._chain = chain.fit(examples.standings, examples.outcomes)

    def predict_proba(self, _: Sequences, standing: Standing, __: int) -> Floats:
        """Probabilities, shape (n, classes)."""
        return self._chain.predict_proba(standing)


class Trees:
    """LightGBM on counts and recency, learnt from some of the rows."""

    def __init__(self, examples: Examples, random_state: int) -> None:
        part = examples.some(_MOST_ROWS, random_state)
        X = np.concatenate(
            [
                recency(part.sequences, standing, date)
                for date, standing in zip(part.dates, part.standings, strict=True)
            ]
        )
        boosted = Boosted(examples.classes, random_state)
        self._boosted = boosted.fit(X, np.concatenate(part.outcomes))

    def predict_proba(self, sequences: Sequences, standing: Standing, date: int) -> Floats:
        """Probabilities, shape (n, classes)."""
        return self._boosted.predict_proba(recency(sequences, standing, date))
