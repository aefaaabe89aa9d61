"""What was tried on whom and what came of it, checked before anything is learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from salesml.errors import LabelError, ModelError, suggest
from salesml.training.inputs import one_a_row
from salesml.training.table import Bools, Floats, Ints

__all__ = [
    "FEWEST_TRIED",
    "Warn",
    "actions_of",
    "arms_of",
    "codes_of",
    "costs_of",
    "outcomes_of",
    "probabilities_of",
]

FEWEST_TRIED = 20  # rows from which anything can be said of an action

Warn = Callable[[str], None]


def actions_of(action: Any, rows: int) -> pd.Series[Any]:
    """Return the action of each row, index 0 to *rows* - 1.

    Raises
    ------
    LabelError
        If there are no rows, or an action is missing.
    """
    values = one_a_row("action", action, rows).astype(object)
    if not rows:
        raise LabelError("There are no rows.", fix="check the population and dates")
    if values.isna().any():
        raise LabelError(
            f"The action is missing in {int(values.isna().sum())} of {rows} rows.",
            fix="write the name of the control where nothing was done",
        )
    return values


def arms_of(actions: pd.Series[Any], control: Any, named: Sequence[Any], warn: Warn) -> list[Any]:
    """Return the actions to learn of, the control first; what was tried too rarely is left out.

    *named* are actions that the caller speaks of, tried or not.

    Raises
    ------
    LabelError
        If the control, or everything but the control, was tried too rarely.
    """
    tried = dict(actions.value_counts())
    if control not in tried:
        raise LabelError(
            f"No row has the control '{control}'.{suggest(str(control), map(str, tried))}",
            received=", ".join(sorted(map(str, tried))),
            fix="name the action that stands for doing nothing: NextActionModel(control=...)",
        )
    others = sorted({*tried, *named} - {control}, key=str)
    rare = [each for each in others if tried.get(each, 0) < FEWEST_TRIED]
    arms = [control, *(each for each in others if each not in rare)]
    if len(arms) == 1 or tried[control] < FEWEST_TRIED:
        raise LabelError(
            "Effects need the control and at least one other action, each tried on "
            f"{FEWEST_TRIED} rows.",
            received=", ".join(f"{each}: {tried.get(each, 0)}" for each in (control, *others)),
            fix="give a random share of the entities each action, and of them none",
        )
    for each in rare:
        often = tried.get(each, 0)
        how = f"tried on {often} rows, fewer than {FEWEST_TRIED}" if often else "never tried"
        hint = "" if often else suggest(str(each), map(str, arms))
        warn(f"The action '{each}' was {how}; it is left out.{hint}")
    return arms


def codes_of(actions: pd.Series[Any], arms: Sequence[Any]) -> Ints:
    """Return the place of each action in *arms*, -1 where it is not there."""
    place = {arm: number for number, arm in enumerate(arms)}
    return np.array([place.get(each, -1) for each in actions], dtype=np.int64)


def outcomes_of(outcome: Any, rows: int) -> Floats:
    """Return outcomes as numbers.

    Raises
    ------
    LabelError
        If one is missing, infinite or no number.
    """
    values = one_a_row("outcome", outcome, rows)
    numbers = pd.to_numeric(values.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        raise LabelError(
            f"The outcome is missing or no finite number in {int(wrong.sum())} of {rows} rows.",
            received=repr(values[wrong].iloc[0]),
            fix="give 1 and 0, or amounts; leave out rows whose outcome is not known yet",
        )
    return numbers


def probabilities_of(propensity: Any, actions: pd.Series[Any]) -> Floats:
    """Return the probability with which each row's action was chosen.

    *propensity* is that number, holds it for each row, or is a DataFrame with a column for each
    action.

    Raises
    ------
    ModelError
        If a probability is missing, not above 0, or above 1.
    """
    if isinstance(propensity, Real):
        propensity = np.full(len(actions), float(propensity))
    if isinstance(propensity, pd.DataFrame) and propensity.shape[1] > 1:
        propensity = _of_the_action(propensity, actions)
    values = one_a_row("propensity", propensity, len(actions))
    numbers = pd.to_numeric(values.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    wrong: Bools = ~((numbers > 0) & (numbers <= 1 + 1e-9))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ModelError(
            f"The propensity must be above 0 and at most 1; it is not in {int(wrong.sum())} "
            f"of {len(numbers)} rows.",
            received=f"{values.iloc[row]!r} for the action '{actions.iloc[row]}' in row {row}",
            fix="give the probability with which the action that was taken had been chosen, "
            "or None to estimate it",
        )
    return np.asarray(np.minimum(numbers, 1.0), dtype=np.float64)


def _of_the_action(propensity: pd.DataFrame, actions: pd.Series[Any]) -> Floats:
    columns = list(propensity.columns)
    missing = sorted({str(each) for each in actions.unique() if each not in columns})
    if missing or len(propensity) != len(actions):
        raise ModelError(
            "The propensities do not fit the actions.",
            received=f"{len(propensity)} rows for {len(actions)} actions; no column for "
            f"{', '.join(missing) or 'none'}",
            fix="give one row for each row of X and one column for each action",
        )
    codes = codes_of(actions, columns)
    matrix = propensity.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(matrix[np.arange(len(codes)), codes])


def costs_of(cost: Any, arms: Sequence[Any]) -> Floats:
    """Return what each of *arms* costs, in the unit of the outcome; the control 0 unless named.

    *cost* is None, a number for every action but the control, or action -> number.

    Raises
    ------
    ModelError
        If a cost is no number, or is negative.
    """
    given = cost if isinstance(cost, Mapping) else dict.fromkeys(arms[1:], cost or 0.0)
    wrong = {name: value for name, value in given.items() if not _is_cost(value)}
    if wrong:
        raise ModelError(
            "Costs cannot be used.",
            received=", ".join(f"{name}: {value!r}" for name, value in wrong.items()),
            fix="give a number of at least 0 for each action, in the unit of the outcome",
        )
    return np.array([float(given.get(arm, 0.0)) for arm in arms])


def _is_cost(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) < np.inf
