"""The value of a policy from the log of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salesml.actions.effect.folds import deal
from salesml.actions.effect.inputs import actions_of, codes_of, outcomes_of, probabilities_of
from salesml.actions.effect.nuisance import dr_scores
from salesml.actions.effect.overlap import least_of
from salesml.actions.effect.value import mean_of, snips
from salesml.errors import ModelError
from salesml.training.inputs import cluster_codes, one_a_row
from salesml.training.intervals import Interval
from salesml.training.table import Floats, Ints

__all__ = ["PolicyValue", "policy_value"]

PRIOR_ROWS = 50.0  # that the mean of all actions counts for, in each action's own
SURE = 1e-6  # by which probabilities may miss a sum of 1


@dataclass(frozen=True)
class PolicyValue:
    """Mean outcome of a row under a policy, by three estimators with 95 % intervals.

    ``dr`` is doubly robust, ``snips`` self-normalised, ``ips`` plainly weighted; ``logged`` is what
    the log itself came to. ``effective_rows`` is how many rows of its own log would tell as much as
    the weights do; ``clipped`` counts propensities too small to be used as they are.
    """

    dr: Interval
    snips: Interval
    ips: Interval
    logged: Interval
    effective_rows: float
    clipped: int


def policy_value(
    action: Any,
    outcome: Any,
    propensity: Any,
    policy: Any,
    *,
    expected: Any = None,
    groups: Any = None,
    least: float | None = None,
) -> PolicyValue:
    """Return what *policy* would have come to where another one was followed.

    Parameters
    ----------
    action : the action taken, shape (n,).
    outcome : numbers, shape (n,), in any unit.
    propensity : the probability with which it was taken, shape (n,) or one for all, or a DataFrame
        with a column for each action.
    policy : DataFrame, shape (n, K), one column for each action: the probability of it under the
        policy; or the one action it takes, shape (n,).
    expected : outcomes expected under the actions, shape (n, K) with columns as *policy*, from a
        model that has not seen the rows; by default the action's mean in other rows, drawn
        towards the mean of all.
    groups : entity of each row; rows of one are not independent.
    least : smaller propensities count as this; by default 1 %, or half an equal share of the
        actions where that is less.

    Raises
    ------
    LabelError
        If an action or outcome is missing.
    ModelError
        If a propensity is missing, not above 0 or above 1, or the policy's probabilities do not
        add up to 1.

    Notes
    -----
    After Dudík, Langford and Li, Doubly robust policy evaluation and learning (2011).
    """
    size = len(one_a_row("action", action, len(action)))
    actions, y = actions_of(action, size), outcomes_of(outcome, size)
    taken = probabilities_of(propensity, actions)
    clusters = cluster_codes(groups, size)
    chances = _chances(policy, actions)
    arms = codes_of(actions, list(chances.columns))
    share = chances.to_numpy(dtype=np.float64)
    least = least_of(share.shape[1]) if least is None else least
    clipped = np.maximum(taken, least)
    own = np.where(arms >= 0, share[np.arange(size), arms], 0.0)
    means = _expected(expected, chances, arms, y, clusters)
    weights = own / clipped
    total = float((weights**2).sum())
    return PolicyValue(
        dr=mean_of((share * dr_scores(means, arms, y, clipped)).sum(axis=1), clusters),
        snips=snips(y, own, clipped, clusters),
        ips=mean_of(weights * y, clusters),
        logged=mean_of(y, clusters),
        effective_rows=float(weights.sum()) ** 2 / total if total else 0.0,
        clipped=int((taken < least).sum()),
    )


def _chances(policy: Any, actions: pd.Series[Any]) -> pd.DataFrame:
    """Return the policy's probability of each action, shape (n, K), index 0 to n - 1."""
    if not isinstance(policy, pd.DataFrame):
        wanted = actions_of(policy, len(actions))
        names = sorted({*actions, *wanted}, key=str)
        wide = np.equal.outer(codes_of(wanted, names), np.arange(len(names)))
        return pd.DataFrame(wide.astype(np.float64), columns=names)
    share = policy.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~((share >= 0).all(axis=1) & (np.abs(share.sum(axis=1) - 1) < SURE))
    if len(policy) != len(actions) or wrong.any():
        raise ModelError(
            "The policy must give each row probabilities that add up to 1.",
            received=f"{len(policy)} rows for {len(actions)} actions, {int(wrong.sum())} of them "
            "with other sums or numbers below 0",
            fix="give a DataFrame with a row for each action taken and a column for each action",
        )
    return policy.reset_index(drop=True)


def _expected(
    expected: Any, chances: pd.DataFrame, arms: Ints, y: Floats, clusters: Ints
) -> Floats:
    if expected is None:
        return _means(arms, chances.shape[1], y, clusters)
    table = expected[list(chances.columns)] if isinstance(expected, pd.DataFrame) else expected
    found = np.asarray(table, dtype=np.float64)
    if found.shape != chances.shape or not np.isfinite(found).all():
        raise ModelError(
            "The expected outcomes must be finite numbers, one for each row and action.",
            received=f"shape {found.shape}",
            fix=f"give shape {chances.shape}",
        )
    return found


def _means(arms: Ints, count: int, y: Floats, clusters: Ints) -> Floats:
    """Return each action's mean in the other folds, drawn towards that of all actions."""
    fold = deal(arms, y, clusters, seed=0)
    means = np.empty((len(y), count))
    for number in np.unique(fold):
        others = (fold != number) if (fold != number).any() else fold == number
        means[fold == number] = _drawn(arms[others], y[others], count)
    return means


def _drawn(arms: Ints, y: Floats, count: int) -> Floats:
    known: Sequence[bool] | np.ndarray = arms >= 0
    sums = np.bincount(arms[known], weights=y[known], minlength=count)
    rows = np.bincount(arms[known], minlength=count)
    return np.asarray((sums + PRIOR_ROWS * y.mean()) / (rows + PRIOR_ROWS))
