"""First signs that a column knows the future, or is a mere number of the row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from salesml.training.columns import Column
from salesml.training.encoding import Encoder, as_frame
from salesml.training.inputs import outcomes
from salesml.training.metrics import roc_auc
from salesml.training.table import Bools, Floats, Ints, Table

__all__ = [
    "identifier_columns",
    "leak_warnings",
    "say_leaks",
    "single_column_aucs",
    "suspicions",
    "too_good",
]

TOO_GOOD = 0.98  # AUC that no single honest column reaches
VERY_GOOD = 0.95  # AUC that wants a second look
PURE = 0.98  # share of one outcome that wants a second look ...
COMMON = 0.8  # ... unless so many have it anyway
FEWEST_PURE_ROWS = 30
NEWEST = 0.25  # share of rows that are compared with the older ones
MOST_NAMED = 10
FEWEST_ENTITIES = 50  # with fewer, columns are unique by chance
MOSTLY = 0.9
FEWEST_OF_A_CLASS = 10  # with fewer, a column separates them by chance


def leak_warnings(X: pd.DataFrame, y: Any) -> list[str]:
    """Return a sentence for each column of *X* that alone tells the outcome *y*.

    Raises
    ------
    ModelError, LabelError
        If columns or outcomes cannot be read.
    """
    frame = as_frame(X)
    encoder = Encoder.learn(frame)
    aucs = single_column_aucs(encoder.columns, encoder.transform(frame), outcomes(y, len(frame)))
    return say_leaks(too_good(aucs))


def say_leaks(leaks: Mapping[str | int, float]) -> list[str]:
    """Return a sentence for each leaking column."""
    return [
        f"Column {name} alone tells the outcome (AUC {auc:.3f}): "
        "it probably holds what is only known afterwards."
        for name, auc in leaks.items()
    ]


def too_good(aucs: Mapping[str | int, float]) -> dict[str | int, float]:
    """Return the columns that alone tell the outcome, of `single_column_aucs`."""
    return {name: auc for name, auc in aucs.items() if auc > TOO_GOOD}


def single_column_aucs(
    columns: tuple[Column, ...], table: Table, y: Floats
) -> dict[str | int, float]:
    """Return the AUC, at least 0.5, that each column reaches alone."""
    if min(y.sum(), len(y) - y.sum()) < FEWEST_OF_A_CLASS:
        return {}
    return {
        column.name: _alone(table, position, y)
        for position, column in enumerate(columns)
        if column.kind != "ignored"
    }


def suspicions(
    columns: tuple[Column, ...],
    table: Table,
    y: Floats,
    days: Ints | None,
    aucs: Mapping[str | int, float],
) -> list[str]:
    """Return sentences on columns that may know too much, or that follow the calendar."""
    strong = {n: auc for n, auc in aucs.items() if VERY_GOOD < auc <= TOO_GOOD}
    found = [
        f"Column {name} alone predicts very well (AUC {auc:.3f}): check when it is filled in."
        for name, auc in strong.items()
    ]
    for position, column in enumerate(columns):
        if column.kind != "ignored" and column.name in aucs and aucs[column.name] <= TOO_GOOD:
            found += _pure_values(column, table, position, y)
    return _capped(found) + _followers(columns, table, days)


def _capped(texts: list[str]) -> list[str]:
    more = len(texts) - MOST_NAMED
    return texts if more <= 0 else [*texts[:MOST_NAMED], f"{more} more columns look like these."]


def _pure_values(column: Column, table: Table, position: int, y: Floats) -> list[str]:
    """Values, gaps among them, that go with one outcome nearly always."""
    x = table.matrix[:, position]
    for value, text in _values(column, x):
        rows = np.isnan(x) if np.isnan(value) else x == value
        for group, said in ((rows, f"is {text}"), (~rows, f"is not {text}")):
            sentence = _purity(column.name, said, group, y)
            if sentence:
                return [sentence]
    return []


def _values(column: Column, x: Floats) -> list[tuple[float, str]]:
    """The values worth a look: gaps, all common categories, and the most frequent number."""
    gaps = [(np.nan, "missing")] if np.isnan(x).any() else []
    found, rows = np.unique(x[~np.isnan(x)], return_counts=True)
    order = np.argsort(-rows, kind="stable")[: MOST_NAMED if column.kind == "category" else 1]
    common = [i for i in order if rows[i] >= FEWEST_PURE_ROWS]
    return gaps + [(float(found[i]), _text_of(column, float(found[i]))) for i in common]


def _text_of(column: Column, value: float) -> str:
    if column.kind != "category":
        return f"{value:g}"
    return f"'{column.levels[int(value)]}'" if value < column.modelled else "a rare value"


def _purity(name: str | int, said: str, group: Bools, y: Floats) -> str | None:
    rows = int(group.sum())
    if rows < FEWEST_PURE_ROWS or rows > len(y) - FEWEST_PURE_ROWS:
        return None
    inside, outside = float(y[group].mean()), float(y[~group].mean())
    positive = inside >= PURE and outside < COMMON
    if not positive and not (inside <= 1 - PURE and outside > 1 - COMMON):
        return None
    return (
        f"Where column {name} {said}, {inside:.1%} of {rows:,} rows are positive, "
        f"{outside:.1%} elsewhere: check that it is not filled in afterwards."
    )


def _followers(columns: tuple[Column, ...], table: Table, days: Ints | None) -> list[str]:
    """Columns that tell older rows from newer ones."""
    if days is None or len(np.unique(days)) < 2:
        return []
    newer = (days > np.quantile(days, 1 - NEWEST)).astype(np.float64)
    names = [
        str(column.name)
        for position, column in enumerate(columns)
        if column.kind in ("number", "date") and _alone(table, position, newer) > TOO_GOOD
    ]
    if not newer.any() or not names:
        return []
    return [
        f"Columns that follow the calendar, so that their newer values were never seen while "
        f"learning: {', '.join(names[:MOST_NAMED])}. Use spans of time instead of dates."
    ]


def identifier_columns(
    frame: pd.DataFrame, columns: tuple[Column, ...], clusters: Ints
) -> list[str | int]:
    """Return the columns that number or name the entities: different for nearly each of them."""
    first = np.unique(clusters, return_index=True)[1]
    if len(first) < FEWEST_ENTITIES:
        return []
    once = frame.iloc[first]
    return [c.name for c in columns if _identifies(c, once[c.name])]


def _identifies(column: Column, values: pd.Series[Any]) -> bool:
    if column.kind == "category":
        return bool(values.nunique() >= MOSTLY * len(values))
    if column.kind != "number" or not values.is_unique or values.isna().any():
        return False
    numbers = column.read(values)
    whole = bool((numbers == np.floor(numbers)).all())
    return whole and float(np.ptp(numbers)) < 2 * len(numbers)  # a dense sequence


def _alone(table: Table, position: int, y: Floats) -> float:
    values = table.matrix[:, position]
    missing = np.isnan(values)
    if position in table.levels:
        codes = np.where(missing, table.levels[position], values).astype(np.int64)
        values = (np.bincount(codes, weights=y) / np.maximum(np.bincount(codes), 1))[codes]
        missing = np.zeros_like(missing)
    aucs = [roc_auc(y, np.where(missing, end, values)) for end in (-np.inf, np.inf)]
    return max(*aucs, *(1 - auc for auc in aucs))
