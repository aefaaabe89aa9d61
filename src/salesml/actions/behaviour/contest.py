"""Which model foretells best what comes next, judged on newer dates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.actions.behaviour.examples import Examples
from salesml.actions.behaviour.rivals import Chain, Frequencies, Model, Trees
from salesml.training.table import Floats

__all__ = ["Contest", "contest"]

_NEWEST = 0.25  # the share of the dates that judge
_FEWEST_DATES = 6
_FEWEST_ROWS = 1_000
_MOST_JUDGED = 50_000
_STIFFNESS = (1.0, 4.0, 16.0, 64.0, 256.0)
_USUAL_STIFFNESS = 16.0
_Z = 1.96


class Contest(NamedTuple):
    """Who won, the leaderboard, and the winner, learnt from all dates."""

    name: str
    leaderboard: pd.DataFrame
    winner: Model


def contest(examples: Examples, random_state: int) -> Contest:
    """Judge the models on the newest dates; the Markov chain wins where there are too few."""
    older, newer = _by_time(examples)
    newer = newer.some(_MOST_JUDGED, random_state)
    if len(examples.dates) < _FEWEST_DATES or older.rows < _FEWEST_ROWS:
        return Contest("markov", _leaderboard({}, newer), Chain(examples, _USUAL_STIFFNESS))
    rivals: dict[str, Callable[[Examples], Model]] = {
        "frequencies": Frequencies,
        "markov": partial(Chain, stiffness=_stiffness(older)),
        "lightgbm": partial(Trees, random_state=random_state),
    }
    board = _leaderboard(
        {name: _losses(rival(older), newer) for name, rival in rivals.items()}, newer
    )
    name = _best(board)
    return Contest(name, board.assign(chosen=board.index == name), rivals[name](examples))


def _by_time(examples: Examples) -> tuple[Examples, Examples]:
    """The older and the newest dates; their outcomes do not overlap, dates are that far apart."""
    cut = len(examples.dates) - max(2, round(_NEWEST * len(examples.dates)))
    return examples.between(0, max(cut, 0)), examples.between(max(cut, 0), len(examples.dates))


def _stiffness(examples: Examples) -> float:
    older, newer = _by_time(examples)
    losses = {each: _losses(Chain(older, each), newer).mean() for each in _STIFFNESS}
    return min(losses, key=lambda each: losses[each])


def _losses(model: Model, examples: Examples) -> Floats:
    """The log loss of each row."""
    parts = []
    for date, standing, outcome in zip(
        examples.dates, examples.standings, examples.outcomes, strict=True
    ):
        given = model.predict_proba(examples.sequences, standing, date)
        parts.append(-np.log(given[np.arange(len(outcome)), outcome]))
    return np.concatenate(parts)


def _leaderboard(losses: dict[str, Floats], examples: Examples) -> pd.DataFrame:
    """Log loss by model and the gain over the chain, rows of an entity taken as one."""
    rows = {}
    for name, loss in losses.items():
        gain, error = _mean_of_clusters(losses["markov"] - loss, examples)
        rows[name] = (loss.mean(), gain, gain - _Z * error, gain + _Z * error, False)
    columns = ["log_loss", "gain", "low", "high", "chosen"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("model")


def _mean_of_clusters(values: Floats, examples: Examples) -> tuple[float, float]:
    """The mean of *values* and its standard error, by entity."""
    entity = np.concatenate([standing.entity for standing in examples.standings])
    mean = float(values.mean())
    sums = np.bincount(entity, weights=values - mean)
    return mean, float(np.sqrt(np.square(sums).sum())) / len(values)


def _best(board: pd.DataFrame) -> str:
    if board["low"]["lightgbm"] > 0:
        return "lightgbm"
    return "markov" if board["gain"]["frequencies"] <= 0 else "frequencies"
