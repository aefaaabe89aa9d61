"""What is learnt from, checked before anything else happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from salesml.errors import LabelError, ModelError
from salesml.training.table import Floats, Ints

__all__ = ["cluster_codes", "day_numbers", "enough_of_both", "outcomes"]


def outcomes(y: Any, rows: int) -> Floats:
    """Return outcomes as 0.0 and 1.0.

    Raises
    ------
    LabelError
        If there are none, some are missing, or some are neither 0 nor 1.
    """
    values = pd.Series(y).reset_index(drop=True)
    _same_length("y", len(values), rows)
    if not rows:
        raise LabelError("There are no rows to learn from.", fix="check the population and dates")
    missing = int(values.isna().sum())
    if missing:
        raise LabelError(
            f"The outcome y is missing in {missing} of {rows} rows.",
            fix="leave rows without a known outcome out of the training",
        )
    numbers = pd.to_numeric(values.astype(object), errors="coerce")
    wrong = values[~numbers.isin([0, 1]).to_numpy(dtype=bool)]
    if len(wrong):
        raise LabelError(
            "The outcome y must be 0 or 1.",
            received=", ".join(map(repr, wrong.unique()[:5].tolist())),
            fix="map the outcome to 1 (happened) and 0 (did not happen)",
        )
    return numbers.to_numpy(dtype=np.float64)


def enough_of_both(y: Floats, fewest: int) -> None:
    """Raise LabelError unless *y* holds *fewest* positives and as many negatives."""
    counts = {"positives": int(y.sum()), "negatives": int(len(y) - y.sum())}
    for name, count in counts.items():
        if count < fewest:
            raise LabelError(
                f"There are too few {name} to learn from: {count} of {len(y)} rows, "
                f"{fewest} are needed.",
                received=f"{counts['positives']} positives, {counts['negatives']} negatives",
                fix="use a longer history, a longer horizon or a wider outcome",
            )


def day_numbers(time: Any, rows: int) -> Ints:
    """Return days since 1970-01-01.

    Raises
    ------
    ModelError
        If a date is missing or cannot be read.
    """
    values = pd.Series(time).reset_index(drop=True)
    _same_length("time", len(values), rows)
    dates = pd.to_datetime(values, errors="coerce", format="ISO8601")
    if dates.isna().any():
        raise ModelError(
            f"The date is missing or unreadable in {int(dates.isna().sum())} rows.",
            received=repr(values[dates.isna().to_numpy(dtype=bool)].iloc[0]),
            fix="give each row its as_of date",
        )
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64)


def cluster_codes(groups: Any, rows: int) -> Ints:
    """Return a code from 0 for each group; without groups each row is its own.

    Raises
    ------
    ModelError
        If a group is missing.
    """
    if groups is None:
        return np.arange(rows, dtype=np.int64)
    values = pd.Series(groups).reset_index(drop=True)
    _same_length("groups", len(values), rows)
    codes = pd.factorize(values)[0].astype(np.int64)
    if (codes < 0).any():
        raise ModelError(
            f"The group is missing in {int((codes < 0).sum())} rows.",
            fix="give each row the id of its entity",
        )
    return codes


def _same_length(name: str, length: int, rows: int) -> None:
    if length != rows:
        raise ModelError(
            f"{name} and X have different numbers of rows.", received=f"{length} and {rows}"
        )
