"""Partial dependence: the mean probability if every row had one value of a feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salesml.card.plot import HEIGHT, WIDTH, Plot, Scale, line, plain, round_marks, shares
from salesml.training import PropensityModel

__all__ = ["Curve", "curves", "plot_of", "top_of"]

ROWS = 200  # of the test suffice for a mean
STEPS = 15  # values tried
ENDS = (0.02, 0.98)  # quantiles between which values are tried: beyond, there are hardly any rows
FEW = 8  # values that are told one by one
BINS = 24
DENSITY = 0.22  # of the drawing's height, for the most common values


@dataclass(frozen=True)
class Curve:
    """The mean probability by value of one feature, and how many rows have which.

    ``values`` are numbers where ``ordered``, else texts; ``rows`` counts by value where not
    ordered, else by bin of equal width between the first and the last value. ``missing`` is the
    mean probability if the value were unknown, None where it is known of every row.
    """

    feature: str
    ordered: bool
    values: list[Any]
    probability: list[float]
    rows: list[int]
    missing: float | None


def curves(model: PropensityModel, X: pd.DataFrame, features: Sequence[str]) -> list[Curve]:
    """Return the curve of each feature, over rows of X drawn at random."""
    some = X.sample(min(len(X), ROWS), random_state=0)
    return [_curve(model, X, some, name) for name in features]


def _curve(model: PropensityModel, X: pd.DataFrame, some: pd.DataFrame, name: str) -> Curve:
    column = X[name]
    known = np.flatnonzero(column.notna().to_numpy(dtype=bool))
    ordered = _is_measure(column)
    donors = _spread(column, known) if ordered else _common(column, known)
    gaps = np.flatnonzero(column.isna().to_numpy(dtype=bool))[:1]
    means = _means(model, some, column, [*donors, *gaps])
    values = [column.iloc[row] for row in donors]
    return Curve(
        feature=name,
        ordered=ordered,
        values=[float(v) for v in values] if ordered else [str(v) for v in values],
        probability=means[: len(donors)],
        rows=_density(column, values, ordered),
        missing=means[-1] if len(gaps) else None,
    )


def _is_measure(column: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return bool(numeric and column.nunique() > 1)


def _spread(column: pd.Series, known: np.ndarray) -> list[int]:
    """Rows whose values are spread over all of the column's, low to high."""
    order = known[np.argsort(column.iloc[known].to_numpy(dtype=float), kind="stable")]
    few = column.nunique() <= FEW
    places = np.linspace(0, 1, len(order)) if few else np.linspace(*ENDS, STEPS)
    rows = order[np.rint(places * (len(order) - 1)).astype(int)]
    firsts = ~column.iloc[rows].duplicated().to_numpy(dtype=bool)
    return [int(row) for row in rows[firsts]]


def _common(column: pd.Series, known: np.ndarray) -> list[int]:
    """A row of each of the most common values."""
    texts = column.iloc[known].astype(str)
    common = texts.value_counts().head(FEW).index
    first = {text: int(row) for row, text in zip(known[::-1], texts[::-1], strict=True)}
    return [first[text] for text in common]


def _means(
    model: PropensityModel, some: pd.DataFrame, column: pd.Series, donors: list[int]
) -> list[float]:
    """The mean probability of *some* rows with the value of each of *donors*."""
    if not donors:
        return []
    many = some.iloc[np.tile(np.arange(len(some)), len(donors))].copy()
    # values are taken from rows that have them, so that the column keeps its type
    many[column.name] = column.iloc[np.repeat(donors, len(some))].array
    found = model.predict_proba(many)[:, 1].reshape(len(donors), len(some))
    return [float(mean) for mean in found.mean(axis=1)]


def _density(column: pd.Series, values: list[Any], ordered: bool) -> list[int]:
    if not ordered:
        texts = column.dropna().astype(str)
        return [int((texts == str(value)).sum()) for value in values]
    inside = column.dropna().to_numpy(dtype=float)
    if len(values) < 2:
        return [len(inside)]
    counts, _ = np.histogram(inside, bins=BINS, range=(float(values[0]), float(values[-1])))
    return [int(count) for count in counts]


def plot_of(curve: Curve, top: float) -> Plot:
    """The drawing of an ordered curve; probabilities go from 0 to *top*."""
    first, last = curve.values[0], curve.values[-1]
    x = Scale(first, last if last > first else first + 1, WIDTH)
    y = Scale(0, top, HEIGHT, down=True)
    most = max(curve.rows)
    step = WIDTH / len(curve.rows)
    bars = [
        (round(i * step, 1), round(count / most * HEIGHT * DENSITY, 1), round(step - 1, 1))
        for i, count in enumerate(curve.rows)
    ]
    path = line(x, y, zip(curve.values, curve.probability, strict=True))
    return Plot(x.ticks(plain, 5), y.ticks(shares, 3), {"curve": path}, bars=bars)


def top_of(found: Sequence[Curve]) -> float:
    """The round probability that all curves stay below, so that their drawings compare."""
    highest = max((p for curve in found for p in curve.probability), default=0.0)
    return min(round_marks(0, max(highest, 0.01))[-1], 1.0)
