"""What is learnt from, checked before anything else happens."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError

from salesml.errors import LabelError, ModelError
from salesml.training.table import Floats, Ints

__all__ = [
    "NotLearntError",
    "check_parameters",
    "cluster_codes",
    "day_numbers",
    "enough_of_both",
    "one_a_row",
    "outcomes",
]


class NotLearntError(ModelError, NotFittedError):  # type: ignore[misc]
    """A model is asked before it has learnt; scikit-learn's tools know it by its second base."""


def check_parameters(given: Mapping[str, Any]) -> None:
    """Raise ModelError, naming all parameters of `PropensityModel` that cannot be used."""
    whole = dict.fromkeys(("embargo_days", "min_positives", "random_state"), Integral)
    kinds = whole | {"time_budget": Real, "tree_budget": Integral, "num_threads": Integral}
    unset = {"tree_budget"}  # may be None
    wrong = [
        f"{name}={given[name]!r}"
        for name, kind in kinds.items()
        if not (given[name] is None and name in unset)
        and not (isinstance(given[name], kind) and _usable(name, given[name]))
    ]
    if wrong:
        raise ModelError(
            "Parameters of the model cannot be used.",
            received=", ".join(wrong),
            fix="give numbers that are not negative, whole ones but for time_budget",
        )


def _usable(name: str, number: Any) -> bool:
    return name == "num_threads" or 0 <= number < np.inf


def outcomes(y: Any, rows: int) -> Floats:
    """Return outcomes as 0.0 and 1.0.

    Raises
    ------
    LabelError
        If there are none, some are missing, or some are neither 0 nor 1.
    """
    values = one_a_row("y", y, rows)
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
            received=", ".join(list(dict.fromkeys(map(repr, wrong.tolist())))[:5]),
            fix="map the outcome to 1 (happened) and 0 (did not happen)",
        )
    return np.asarray(numbers.isin([1]), dtype=np.float64)


def enough_of_both(y: Floats, fewest: int) -> None:
    """Raise LabelError unless *y* holds *fewest* positives and as many negatives, at least one."""
    fewest = max(fewest, 1)
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
    """Return days since 1970-01-01, by the clock of each date's own time zone.

    Raises
    ------
    ModelError
        If a date is missing or cannot be read.
    """
    values = one_a_row("time", time, rows)
    dates = _dates(values)
    if dates.isna().any():
        raise ModelError(
            f"The date is missing or unreadable in {int(dates.isna().sum())} rows.",
            received=repr(values[dates.isna().to_numpy(dtype=bool)].iloc[0]),
            fix="give each row its as_of date",
        )
    days = dates.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    return np.asarray(days.astype(np.int64))


def _dates(values: pd.Series[Any]) -> pd.Series[Any]:
    if pd.api.types.is_numeric_dtype(values.dtype):  # of what unit, and since when?
        return pd.Series(pd.NaT, values.index, dtype="datetime64[us]")
    try:
        return pd.to_datetime(values, errors="coerce", format="ISO8601")
    except ValueError as problem:
        raise ModelError(
            "The dates have different time zones.",
            received=problem,
            fix="give each row its as_of date, or all in one time zone",
        ) from problem


def cluster_codes(groups: Any, rows: int) -> Ints:
    """Return a code from 0 for each group; without groups each row is its own.

    Raises
    ------
    ModelError
        If a group is missing.
    """
    if groups is None:
        return np.arange(rows, dtype=np.int64)
    values = one_a_row("groups", groups, rows)
    try:
        codes = pd.factorize(values)[0].astype(np.int64)
    except TypeError as problem:
        raise ModelError(
            "The groups cannot be told apart.", received=problem, fix="give texts or numbers"
        ) from problem
    if (codes < 0).any():
        raise ModelError(
            f"The group is missing in {int((codes < 0).sum())} rows.",
            fix="give each row the id of its entity",
        )
    return codes


def one_a_row(name: str, values: Any, rows: int) -> pd.Series[Any]:
    """Return *values* with index 0 to *rows* - 1; a table of one column counts as that column.

    Raises
    ------
    ModelError
        If there is not one value for each row.
    """
    if isinstance(values, (pd.DataFrame, np.ndarray)) and values.ndim == 2:
        if values.shape[1] != 1:
            raise ModelError(
                f"{name} must hold one value a row.",
                received=f"{values.shape[1]} columns",
                fix="pass one column",
            )
        values = values.iloc[:, 0] if isinstance(values, pd.DataFrame) else values[:, 0]
    try:
        found = pd.Series(values).reset_index(drop=True)
    except (TypeError, ValueError) as problem:
        raise ModelError(
            f"{name} must hold one value a row.", received=problem, fix="pass one column"
        ) from problem
    if len(found) != rows:
        raise ModelError(
            f"{name} and X have different numbers of rows.", received=f"{len(found)} and {rows}"
        )
    return found
