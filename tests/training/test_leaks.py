from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from salesml.training import leak_warnings
from salesml.training.encoding import Encoder
from salesml.training.leaks import identifier_columns

RNG = np.random.default_rng(0)
Y = np.array([0, 1] * 100)


@pytest.mark.parametrize(
    "column",
    [
        Y + RNG.normal(0, 0.1, 200),
        -Y * 5.0,
        np.where(Y == 1, np.nan, RNG.normal(size=200)),
        np.where(Y == 1, "closed", "open"),
        pd.Series(np.where(Y == 1, "2024-01-01", None)),
    ],
    ids=["close", "reversed", "missing", "category", "category missing"],
)
def test_column_that_tells_the_outcome_is_named(column: object) -> None:
    frame = pd.DataFrame({"honest": RNG.normal(size=200), "解約日": column})
    (warning,) = leak_warnings(frame, Y)
    assert warning.startswith("Column 解約日 alone tells the outcome (AUC ")


def test_strong_but_honest_columns_pass() -> None:
    assert leak_warnings(pd.DataFrame({"x": Y + RNG.normal(0, 0.8, 200)}), Y) == []


def test_few_positives_prove_nothing() -> None:
    y = np.array([1] * 5 + [0] * 195)
    assert leak_warnings(pd.DataFrame({"x": y}), y) == []


def identifiers(values: object, clusters: np.ndarray) -> list[str | int]:
    frame = pd.DataFrame({"x": values})
    return identifier_columns(frame, Encoder.learn(frame).columns, clusters)


def test_names_and_numbers_of_entities_are_found() -> None:
    clusters = np.repeat(np.arange(60), 10)
    assert identifiers([f"a{c}" for c in clusters], clusters) == ["x"]
    assert identifiers(1000 + clusters, clusters) == ["x"]


def test_measures_and_groups_are_no_identifiers() -> None:
    clusters = np.arange(100)
    assert identifiers(RNG.normal(size=100), clusters) == []
    assert identifiers(RNG.permutation(100) * 1000, clusters) == []
    assert identifiers(clusters // 2, clusters) == []
    assert identifiers([f"segment {c % 30}" for c in clusters], clusters) == []
