"""Drift: exact small cases, and that chance alone is no drift."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.drift import SCORES, Bins, Reference, merge_counts, psi

DATES = pd.Series(np.repeat(pd.date_range("2024-01-01", periods=12, freq="MS"), 150))
N = len(DATES)


def reference(panel: pd.DataFrame, seed: int = 0) -> Reference:
    scores = pd.Series(np.random.default_rng(seed).random(N))
    return Reference.learn(panel, DATES, scores, scores, DATES)


def shifted(
    learnt: Reference, features: pd.DataFrame, scores: pd.Series | None = None, limit: float = 0.25
) -> list[str]:
    drawn = np.random.default_rng(1).random(len(features))
    counts = learnt.count(features, pd.Series(drawn) if scores is None else scores)
    found = learnt.shifts(learnt.indices(counts), len(features), limit)
    return [shift.name for shift in found]


# the index -------------------------------------------------------------------------------------


def test_the_index_of_two_counts() -> None:
    # shares 0.25 and 0.75 after half a row is added to each
    expected = (0.75 - 0.25) * math.log(0.75 / 0.25) * 2
    assert psi([0, 1], [1, 0]) == pytest.approx(expected)
    assert psi([3, 7], [3, 7]) == 0
    assert psi([50, 50], [100, 0]) == pytest.approx(psi([100, 0], [50, 50]))


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12))
def test_the_index_is_never_negative(counts: list[tuple[int, int]]) -> None:
    old, new = zip(*counts, strict=True)
    assert psi(old, new) >= 0
    assert math.isfinite(psi(old, new))


# counting --------------------------------------------------------------------------------------


def test_numbers_are_counted_by_tenths() -> None:
    bins = Bins.of(pd.Series(range(100), dtype=float))
    assert bins.count(pd.Series(range(100), dtype=float)).tolist() == [10] * 10 + [0]
    assert bins.count(pd.Series([-5.0, 1e9, np.nan])).tolist() == [1, *[0] * 8, 1, 1]


def test_one_frequent_value_takes_one_place() -> None:
    values = pd.Series([0.0] * 90 + [1.0, 2.0, 3.0, 4.0, 5.0] * 2)
    bins = Bins.of(values)
    assert bins.edges == (0.0,)
    assert bins.count(values).tolist() == [90, 10, 0]


def test_a_constant_and_an_empty_column() -> None:
    assert Bins.of(pd.Series([3.0, 3.0])).count(pd.Series([3.0, 4.0, None])).tolist() == [2, 1]
    empty = Bins.of(pd.Series([None, None], dtype=object))
    assert empty.count(pd.Series(["x", None])).tolist() == [1, 1]


@pytest.mark.parametrize("kind", ["object", "str", "category"])
def test_texts_are_counted_by_level(kind: str) -> None:
    values = pd.Series(["a"] * 3 + ["b"] * 2 + [None], dtype=object)
    bins = Bins.of(values)
    assert bins.levels == ("a", "b")
    assert bins.count(values.astype(kind)).tolist() == [3, 2, 0, 1]
    assert bins.count(pd.Series(["b", "new", None], dtype=kind)).tolist() == [0, 1, 1, 1]


def test_truth_values_are_counted_with_or_without_gaps() -> None:
    bins = Bins.of(pd.Series([True, False, None], dtype=object))
    assert bins.count(pd.Series([True, True, False])).tolist() == [1, 2, 0, 0]


def test_rare_levels_share_a_place() -> None:
    values = pd.Series([f"l{i}" for i in range(30) for _ in range(30 - i)])
    bins = Bins.of(values)
    assert len(bins.levels) == 9
    assert bins.count(values)[-2] == sum(30 - i for i in range(9, 30))


@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=60),
    cut=st.integers(0, 60),
)
def test_counts_of_buckets_add_up(values: list[float | None], cut: int) -> None:
    whole = pd.Series(values, dtype="float64")
    bins = Bins.of(whole)
    parts = [whole[:cut], whole[cut:]]
    counted = [{"x": bins.count(part).tolist()} for part in parts if len(part)]
    assert merge_counts(counted) == {"x": bins.count(whole).tolist()}
    assert sum(bins.count(whole)) == len(values)


# judging ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("many", [20, 48, 150, 3000])
def test_chance_is_no_drift(seed: int, many: int) -> None:
    rng = np.random.default_rng(seed)
    learnt = reference(pd.DataFrame(rng.normal(size=(N, 10)), columns=[*"abcdefghij"]), seed)
    tonight = pd.DataFrame(rng.normal(size=(many, 10)), columns=[*"abcdefghij"])
    assert shifted(learnt, tonight, pd.Series(rng.random(many)), limit=0.05) == []


@pytest.mark.parametrize("many", [150, 3000])
def test_a_real_shift_is_found(many: int) -> None:
    rng = np.random.default_rng(0)
    learnt = reference(pd.DataFrame(rng.normal(size=(N, 2)), columns=["moved", "stayed"]))
    tonight = pd.DataFrame(rng.normal([1.5, 0], size=(many, 2)), columns=["moved", "stayed"])
    assert shifted(learnt, tonight) == ["moved"]
    assert shifted(learnt, tonight - [1.5, 0], pd.Series(rng.random(many) ** 4)) == [SCORES]


def test_values_that_went_missing_are_a_shift() -> None:
    learnt = reference(pd.DataFrame({"x": np.random.default_rng(0).normal(size=N)}))
    assert shifted(learnt, pd.DataFrame({"x": [None] * 150}, dtype=object)) == ["x"]
    assert shifted(learnt, pd.DataFrame({"x": [np.nan] * 150})) == ["x"]


def test_what_only_tells_the_date_is_left_out() -> None:
    rng = np.random.default_rng(0)
    panel = pd.DataFrame(
        {"month": DATES.dt.month.astype(str), "year_day": DATES.dt.day_of_year.astype(float),
         "constant": 1.0, "real": rng.normal(size=N)}
    )  # fmt: skip
    learnt = reference(panel)
    assert set(learnt.gauges) == {"constant", "real", SCORES}
    tonight = pd.DataFrame({"month": "13", "year_day": 400.0, "constant": 1.0,
                            "real": rng.normal(size=150)})  # fmt: skip
    assert shifted(learnt, tonight) == []


def test_a_season_that_training_saw_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    season = np.where(DATES.dt.month == 8, -3.0, 0.0)
    learnt = reference(pd.DataFrame({"visits": rng.normal(size=N) + season}))
    augusts = [pd.DataFrame({"visits": rng.normal(size=150) - 3.0}) for _ in range(20)]
    assert [shifted(learnt, august) for august in augusts] == [[]] * 20
    # without it the same values are one
    calm = reference(pd.DataFrame({"visits": rng.normal(size=N)}))
    assert [shifted(calm, august) for august in augusts] == [["visits"]] * 20


def test_many_dates_are_taken_by_month() -> None:
    days = pd.Series(pd.date_range("2024-01-01", periods=N, freq="D"))
    values = pd.DataFrame({"x": np.random.default_rng(0).normal(size=N)})
    scores = pd.Series(np.random.default_rng(1).random(N))
    learnt = Reference.learn(values, days, scores, scores, days)
    # one row a date would make the usual index of a date enormous
    assert learnt.gauges["x"].usual < 2


def test_the_furthest_comes_first_and_nobody_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    learnt = reference(pd.DataFrame(rng.normal(size=(N, 2)), columns=["near", "far"]))
    tonight = pd.DataFrame(rng.normal([1.2, 3], size=(1000, 2)), columns=["near", "far"])
    assert shifted(learnt, tonight) == ["far", "near"]
    assert shifted(learnt, tonight.head(3)) == []


def test_a_reference_survives_json() -> None:
    rng = np.random.default_rng(0)
    panel = pd.DataFrame({"x": rng.normal(size=N), "s": rng.choice(["あ", "b"], N)})
    learnt = reference(panel)
    assert Reference.from_json(json.loads(json.dumps(learnt.to_json()))) == learnt


def test_a_column_that_is_gone_is_not_judged() -> None:
    learnt = reference(pd.DataFrame({"x": np.random.default_rng(0).normal(size=N)}))
    assert shifted(learnt, pd.DataFrame({"other": [1.0] * 500})) == []
