from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from salesml.training import TrainingData
from salesml.training.segments import by_segment, groups_of, segment_table
from salesml.training.table import Floats


def panel(y: Floats, clusters: np.ndarray | None = None, **columns: list[object]) -> TrainingData:
    return TrainingData(
        pd.DataFrame({"x": range(len(y))}),
        pd.Series(y),
        pd.Series([dt.date(2024, 1, 1)] * len(y)),
        pd.Series(np.arange(len(y)) if clusters is None else clusters),
        segments=pd.DataFrame(columns),
    )


def outcomes(share: float, rows: int) -> Floats:
    """Exactly *share* of positives, spread evenly."""
    return (np.floor(np.arange(1, rows + 1) * share) > np.floor(np.arange(rows) * share)) * 1.0


cells = st.one_of(st.none(), st.sampled_from(["a", "b", "(other)", "", "ü"]))
numbers = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-3, 3).map(float))


@given(st.lists(cells, min_size=1, max_size=120), st.lists(cells, min_size=1, max_size=20))
def test_groups_of_texts_partition_the_rows(test: list[object], training: list[object]) -> None:
    _is_partition(pd.Series(training, dtype=object), pd.Series(test, dtype=object))


@given(
    st.lists(numbers, min_size=1, max_size=120),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
)
def test_groups_of_numbers_partition_the_rows(
    test: list[float | None], training: list[float]
) -> None:
    _is_partition(pd.Series(training), pd.Series(test, dtype="float64"))


def _is_partition(training: pd.Series, test: pd.Series) -> None:
    groups = groups_of(training, test)
    member = np.sum([rows for _, _, rows in groups], axis=0)
    assert (member == 1).all()
    assert all(rows.any() for _, _, rows in groups)
    names = [(name, kind) for name, kind, _ in groups]
    assert len(set(names)) == len(names)


def test_numbers_are_cut_at_the_quartiles_of_training() -> None:
    groups = groups_of(pd.Series(range(1, 101)), pd.Series([1, 25, 26, 75, 76, 500, np.nan]))
    assert [(name, kind, int(rows.sum())) for name, kind, rows in groups] == [
        ("≤ 25.75", "range", 2),
        ("> 25.75, ≤ 50.5", "range", 1),
        ("> 50.5, ≤ 75.25", "range", 1),
        ("> 75.25", "range", 2),
        ("", "missing", 1),
    ]


def test_few_numbers_and_truth_values_are_told_one_by_one() -> None:
    ranks = pd.Series([1.0, 2.0, 3.0] * 60)
    assert [name for name, _, _ in groups_of(ranks, ranks)] == ["1", "2", "3"]
    flags = pd.Series([True, False] * 60)
    assert {name for name, _, _ in groups_of(flags, flags)} == {"True", "False"}


def test_numbers_without_a_training_value_are_told_one_by_one() -> None:
    groups = groups_of(pd.Series([np.nan, np.nan]), pd.Series([1.0] * 60))
    assert [(name, kind) for name, kind, _ in groups] == [("1", "value")]


def test_rare_values_join_and_large_ones_come_first() -> None:
    test = pd.Series(["b"] * 50 + ["a"] * 60 + ["c"] * 49 + ["d"] * 2)
    groups = groups_of(test, test)
    assert [(name, kind, int(rows.sum())) for name, kind, rows in groups] == [
        ("a", "value", 60),
        ("b", "value", 50),
        ("", "other", 51),
    ]


def test_numbers_of_a_segment_are_those_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, 300)
    y = (rng.random(300) < p) * 1.0
    data = panel(y, region=["east"] * 200 + ["west"] * 100)
    east, west = by_segment(data, data, p, np.full(300, 0.5))
    assert (east.group, east.rows, east.entities, west.rows) == ("east", 200, 200, 100)
    assert east.positives == y[:200].sum()
    assert east.predicted == pytest.approx(p[:200].mean())
    assert east.observed is not None
    assert east.observed.value == pytest.approx(y[:200].mean())
    assert east.log_loss is not None
    assert east.log_loss.value == pytest.approx(log_loss(y[:200], p[:200]))
    assert east.base_log_loss == pytest.approx(np.log(2))
    assert east.gain is not None
    assert east.gain.value == pytest.approx(np.log(2) - east.log_loss.value)
    assert east.auc is not None
    assert east.auc.value == pytest.approx(roc_auc_score(y[:200], p[:200]))
    for interval in (east.observed, east.log_loss, east.gain, east.auc):
        assert interval.low < interval.value < interval.high
    assert east.flaw == west.flaw == ""
    assert east.warning is None


def test_shares_clearly_off_are_warned_of_in_both_languages() -> None:
    y = np.concatenate([outcomes(0.2, 400), outcomes(0.4, 200)])
    data = panel(y, region=["east"] * 400 + ["west"] * 200)
    east, west = by_segment(data, data, np.full(600, 0.2), np.full(600, 0.2))
    assert (east.flaw, west.flaw) == ("", "level")
    assert west.warning is not None
    assert west.warning.en == (
        "Segment region = west: probabilities are off, 20.0% predicted on average, 40.0% observed "
        "in 200 rows."
    )
    assert "予測の平均20.0%、実際40.0%" in west.warning.ja


def test_same_entities_over_and_over_prove_less() -> None:
    """40 % against 20 % in 200 rows is clear; in 20 entities of ten equal rows it is not."""
    y = np.concatenate([outcomes(0.2, 400), np.repeat(outcomes(0.4, 20), 10)])
    clusters = np.concatenate([np.arange(400), 1000 + np.repeat(np.arange(20), 10)])
    data = panel(y, clusters, region=["east"] * 400 + ["west"] * 200)
    _, west = by_segment(data, data, np.full(600, 0.2), np.full(600, 0.2))
    assert west.entities == 20
    assert west.flaw == ""


def test_nobody_positive_among_few_expected_is_no_alarm() -> None:
    y = np.concatenate([outcomes(0.05, 400), np.zeros(60)])
    data = panel(y, region=["east"] * 400 + ["west"] * 60)
    _, west = by_segment(data, data, np.full(460, 0.05), np.full(460, 0.05))
    assert west.positives == 0
    assert west.flaw == ""
    assert west.auc is not None
    assert np.isnan(west.auc.value)


def test_right_level_in_the_wrong_order_is_worse_than_the_base_rate() -> None:
    y = outcomes(0.5, 400)
    wrong = np.where(y == 1, 0.2, 0.8)
    data = panel(y, region=["east"] * 400)
    (east,) = by_segment(data, data, wrong, np.full(400, 0.5))
    assert east.flaw == "worse"
    assert east.warning is not None
    assert "does worse than the base rate, log loss higher by 0.9" in east.warning.en
    assert "基準率に劣ります" in east.warning.ja


def test_many_segments_of_right_probabilities_raise_few_alarms() -> None:
    """One run in twenty may raise one; without correction nearly all twenty would."""
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0.05, 0.5, 1200)
        names = [str(i // 60) for i in range(1200)]
        data = panel((rng.random(1200) < p) * 1.0, part=names)
        found = by_segment(data, data, p, np.full(1200, 0.27))
        alarms += any(part.flaw for part in found)
    assert alarms <= 2


def test_small_segments_tell_counts_alone() -> None:
    y = outcomes(0.3, 49)
    data = panel(y, region=["east"] * 49)
    (rest,) = by_segment(data, data, np.full(49, 0.9), np.full(49, 0.3))
    assert (rest.kind, rest.group, rest.rows) == ("other", "other", 49)
    assert rest.observed is rest.gain is None
    assert rest.warning is None
    table = segment_table([rest])
    assert table["rows"].tolist() == [49]
    assert table["log_loss"].isna().all()


def test_few_entities_tell_counts_alone() -> None:
    data = panel(outcomes(0.3, 90), np.arange(90) % 9, region=["east"] * 90)
    (east,) = by_segment(data, data, np.full(90, 0.3), np.full(90, 0.3))
    assert (east.rows, east.entities, east.observed) == (90, 9, None)


def test_without_columns_there_are_no_segments() -> None:
    data = replace(panel(outcomes(0.3, 90), a=["x"] * 90), segments=None)
    assert by_segment(data, data, np.full(90, 0.3), np.full(90, 0.3)) == []
    assert segment_table([]).empty


def test_each_column_of_a_table_is_a_number_with_its_interval() -> None:
    data = panel(outcomes(0.3, 90), a=["x"] * 90, b=[1, 2, 3] * 30)
    table = segment_table(by_segment(data, data, np.full(90, 0.3), np.full(90, 0.3)))
    assert table["column"].tolist() == ["a", "b"]
    assert {"observed", "observed_low", "observed_high", "auc_low", "gain", "flaw"} <= set(table)
