from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from salesml.errors import ModelError
from salesml.training import leak_warnings
from salesml.training.encoding import Encoder
from salesml.training.leaks import (
    MOST_NAMED,
    identifier_columns,
    single_column_aucs,
    suspicions,
)

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


MANY = np.random.default_rng(1).integers(0, 2, 2000)


def suspected(y: np.ndarray, days: np.ndarray | None = None, **columns: object) -> list[str]:
    frame = pd.DataFrame(columns)
    encoder = Encoder.learn(frame)
    table = encoder.transform(frame)
    aucs = single_column_aucs(encoder.columns, table, y.astype(float))
    return suspicions(encoder.columns, table, y.astype(float), days, aucs)


def test_values_that_only_go_with_one_outcome_are_suspected() -> None:
    """A tenth of the lost ones are marked so; no won one is."""
    marked = (MANY == 0) & (np.arange(2000) % 10 == 0)
    (said,) = suspected(MANY, state=np.where(marked, "closed", RNG.choice(["new", "open"], 2000)))
    assert "Where column state is 'closed', 0.0% of" in said
    assert "check that it is not filled in afterwards" in said


def test_column_filled_only_after_the_outcome_is_suspected() -> None:
    filled = (MANY == 1) & (np.arange(2000) % 5 == 0)
    (said,) = suspected(MANY, days_to_close=np.where(filled, RNG.integers(0, 50, 2000), np.nan))
    assert "Where column days_to_close is not missing, 100.0% of" in said


def test_gaps_that_tell_are_suspected() -> None:
    gone = (MANY == 0) & (np.arange(2000) % 3 == 0)
    (said,) = suspected(MANY, amount=np.where(gone, np.nan, RNG.normal(size=2000)))
    assert "Where column amount is missing, 0.0% of" in said


def test_common_number_that_tells_is_suspected() -> None:
    zero = (MANY == 0) & (np.arange(2000) % 3 == 0)
    (said,) = suspected(MANY, amount=np.where(zero, 0, RNG.integers(1, 1000, 2000)))
    assert "Where column amount is 0, 0.0% of" in said


def test_very_strong_column_wants_a_second_look() -> None:
    (said,) = suspected(MANY, x=MANY + RNG.normal(0, 0.38, 2000))
    assert said.startswith("Column x alone predicts very well (AUC 0.9")


def test_columns_that_follow_the_calendar_are_named() -> None:
    days = np.sort(RNG.integers(0, 365, 2000))
    said = suspected(
        MANY,
        days,
        opened=pd.to_datetime("2024-01-01") + pd.to_timedelta(days, unit="D"),
        number=days * 3 + RNG.integers(0, 5, 2000),
        age=RNG.normal(size=2000),
        drifting=days / 365 + RNG.normal(size=2000),
    )
    assert len(said) == 1
    assert "follow the calendar" in said[0]
    assert "learning: opened, number. Use spans" in said[0]
    assert suspected(MANY, np.zeros(2000, dtype=int), opened=days) == []


@pytest.mark.parametrize("base", [0.01, 0.5, 0.99])
def test_honest_columns_are_not_suspected(base: float) -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(3000) < base).astype(int)
    days = np.sort(rng.integers(0, 365, 3000))
    strong = y + rng.normal(0, 0.8, 3000)
    assert (
        suspected(
            y,
            days,
            strong=strong,
            flag=strong > 0.5,
            segment=rng.choice(["a", "b", "c"], 3000),
            skewed=np.where(rng.random(3000) < 0.9, 0, rng.lognormal(size=3000)),
            gappy=np.where(rng.random(3000) < 0.5, np.nan, rng.normal(size=3000)),
        )
        == []
    )


def test_a_handful_of_pure_rows_proves_nothing() -> None:
    few = np.arange(2000) < 20
    assert suspected(np.where(few, 1, MANY), state=np.where(few, "new", "old")) == []


def test_only_the_first_of_many_suspicions_are_told() -> None:
    marked = (MANY == 0) & (np.arange(2000) % 10 == 0)
    said = suspected(MANY, **{f"c{number}": marked for number in range(14)})
    assert len(said) == MOST_NAMED + 1
    assert said[-1] == "4 more columns look like these."


def test_matrices_are_looked_at_too() -> None:
    assert leak_warnings(Y[:, None] * 2, Y)[0].startswith("Column 0 alone tells the outcome")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="must be a pandas DataFrame"):
        leak_warnings(Y, Y)  # type: ignore[arg-type]
