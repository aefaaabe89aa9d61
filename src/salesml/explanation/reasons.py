"""Reasons: contributions summed by concept, as points that add up and words with their facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesml.features import Feature, FeatureSet

__all__ = ["AVERAGE", "Number", "concepts_of", "points", "reasons", "scores"]

LOWEST, AVERAGE, HIGHEST = 1, 50, 99
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Number(float):
    """A number that reads well without a format: 6, 1,234 or 0.5."""

    def __format__(self, spec: str) -> str:
        if spec:
            return float(self).__format__(spec)
        if self.is_integer():
            return f"{int(self):,}"
        rounded = round(float(self), 1) + 0.0  # no -0
        return f"{float(self):,.0f}" if abs(self) >= 100 else f"{rounded:g}"


class _Unknown:
    """What stands for a previous value that nobody knows, whatever format the words ask for."""

    def __format__(self, spec: str) -> str:
        return "–"


def scores(margin: Floats, *, average: float, slope: float) -> Ints:
    """Scores 1 to 99 of margins in log-odds; *average* scores 50, *slope* points a log-odd."""
    exact = AVERAGE + slope * (margin - average)
    return np.clip(np.rint(exact), LOWEST, HIGHEST).astype(np.int64)


def points(contributions: Floats, score: Ints, slope: float) -> Ints:
    """Whole points by concept that add up to ``score - 50`` in every row.

    Parameters
    ----------
    contributions : (rows, concepts) in log-odds; a row adds up to its distance from the average.
    score : (rows,), as `scores` makes it of the same margins and *slope*.
    slope : points a log-odd.

    A score cut off at 1 or 99 shrinks its points alike; what rounding leaves goes to the largest
    remainders.
    """
    exact = slope * contributions
    total = exact.sum(axis=1)
    distance = score - AVERAGE
    # told by the score: within the scale, a total near a half may round to either side
    cut = np.isin(score, (LOWEST, HIGHEST)) & (np.abs(total) > np.abs(distance) + 0.5)
    exact *= np.divide(distance, total, out=np.ones_like(total), where=cut)[:, None]
    whole = np.floor(exact).astype(np.int64)
    left = distance - whole.sum(axis=1)
    order = np.argsort(whole - exact, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(exact.shape[1])[None, :], axis=1)
    rounded: Ints = whole + (rank < left[:, None])
    return rounded


def concepts_of(sets: Sequence[FeatureSet]) -> dict[str, str]:
    """The concept of each feature."""
    return {n: f.concept for feature_set in sets for n, f in feature_set.features.items()}


def reasons(
    values: pd.DataFrame,
    contributions: pd.DataFrame,
    score: Ints,
    sets: Sequence[FeatureSet],
    slope: float,
) -> list[list[dict[str, Any]]]:
    """Reasons of every row, strongest first: ``{concept, points, text_ja, text_en}``.

    *contributions* has the model's features as columns, *values* these and those that their words
    compare with. Concepts of no points are left out; the points of a row add up to ``score - 50``.
    """
    features = {n: f for feature_set in sets for n, f in feature_set.features.items()}
    grouped = _group(list(contributions.columns), concepts_of(sets))
    matrix = contributions.to_numpy(dtype=float)
    by_concept = np.column_stack([matrix[:, columns].sum(axis=1) for columns in grouped.values()])
    whole = points(by_concept, score, slope)
    speakers = _speakers(matrix, by_concept, list(grouped.values()))
    telling = _Telling(values, list(contributions.columns), features)
    names = list(grouped)
    return [
        [
            {"concept": names[j], "points": int(whole[i, j]), **telling(i, int(speakers[i, j]))}
            for j in np.argsort(-np.abs(whole[i]), kind="stable")
            if whole[i, j] != 0
        ]
        for i in range(len(whole))
    ]


def _group(columns: list[str], concepts: Mapping[str, str]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for position, name in enumerate(columns):
        grouped.setdefault(concepts[name], []).append(position)
    return grouped


def _speakers(matrix: Floats, by_concept: Floats, groups: list[list[int]]) -> Ints:
    """The feature that speaks for each row and concept: the strongest in its direction."""
    chosen = np.empty(by_concept.shape, dtype=np.int64)
    for j, columns in enumerate(groups):
        along = matrix[:, columns] * np.sign(by_concept[:, [j]])
        chosen[:, j] = np.asarray(columns)[np.argmax(along, axis=1)]
    return chosen


class _Telling:
    """The words for the value of one feature in one row; equal facts are put in words once."""

    def __init__(
        self, values: pd.DataFrame, names: list[str], features: Mapping[str, Feature]
    ) -> None:
        self._names = names
        self._features = features
        self._columns = {n: values[n].to_numpy(dtype=object) for n in values.columns}
        self._told: dict[tuple[Any, ...], dict[str, str]] = {}

    def __call__(self, row: int, column: int) -> dict[str, str]:
        name = self._names[column]
        feature = self._features[name]
        value = self._columns[name][row]
        previous = self._columns[feature.previous][row] if feature.previous else None
        fact = (name, None if _missing(value) else value, None if _missing(previous) else previous)
        if fact not in self._told:
            self._told[fact] = _tell(feature, value, previous)
        return self._told[fact]


def _missing(value: object) -> bool:
    return value is None or value != value


def _tell(feature: Feature, value: object, previous: object) -> dict[str, str]:
    if _missing(value):
        words = feature.missing_words or feature.words
        return {"text_ja": words.ja, "text_en": words.en}
    texts: dict[str, str] = {}
    for language in ("ja", "en"):
        template: str = getattr(feature.words, language)
        if value == previous:
            template = _MOVE.sub("", template)
        texts[f"text_{language}"] = template.format(
            value=_shown(feature, value, language),
            previous=_shown(feature, previous, language),
        )
    return texts


_MOVE = re.compile(r"\{previous\}[^{]*→\s*")  # "8日→8日" tells of no move

_YES_NO: dict[str, Callable[[bool], str]] = {
    "ja": lambda yes: "はい" if yes else "いいえ",
    "en": lambda yes: "yes" if yes else "no",
}


def _shown(feature: Feature, value: Any, language: str) -> object:
    if _missing(value):
        return _Unknown()
    if feature.type == "boolean":
        return _YES_NO[language](bool(value))
    return Number(value) if feature.type == "double" else value
