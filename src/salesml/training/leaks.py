"""First signs that a column knows the future, or is a mere number of the row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from salesml.training.columns import Column
from salesml.training.encoding import Encoder
from salesml.training.inputs import outcomes
from salesml.training.metrics import roc_auc
from salesml.training.table import Floats, Ints, Table

__all__ = ["identifier_columns", "leak_warnings", "leaking_columns", "say_leaks"]

TOO_GOOD = 0.98  # AUC that no single honest column reaches
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
    encoder = Encoder.learn(X)
    return say_leaks(leaking_columns(encoder.columns, encoder.transform(X), outcomes(y, len(X))))


def say_leaks(leaks: Mapping[str | int, float]) -> list[str]:
    """Return a sentence for each leaking column."""
    return [
        f"Column {name} alone tells the outcome (AUC {auc:.3f}): "
        "it probably holds what is only known afterwards."
        for name, auc in leaks.items()
    ]


def leaking_columns(columns: tuple[Column, ...], table: Table, y: Floats) -> dict[str | int, float]:
    """Return the columns that alone tell the outcome, with their AUC."""
    found: dict[str | int, float] = {}
    if min(y.sum(), len(y) - y.sum()) < FEWEST_OF_A_CLASS:
        return found
    for position, column in enumerate(columns):
        if column.kind != "ignored":
            auc = _alone(table, position, y)
            if auc > TOO_GOOD:
                found[column.name] = auc
    return found


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
