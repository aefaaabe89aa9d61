from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from salesml.config import Capacity, Value
from salesml.errors import ConfigError
from salesml.training import Interval, TrainingData
from salesml.training.profit import (
    Best,
    Cut,
    Rate,
    best_threshold,
    cuts_at,
    profit_curve,
    rate_of,
    row_values,
    target,
)
from salesml.training.table import Floats

VALUE = Value.model_validate({"contact": -10, "positive": 100, "negative": -5})

rows = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from([0.1, 0.2, 0.35, 0.5, 0.65, 0.9]),
        st.integers(-50, 200),
    ),
    min_size=2,
    max_size=30,
)


def panel(y: list[int], amount: list[float] | None = None, dates: int = 1) -> TrainingData:
    """Rows of their own entities, on dates a week apart."""
    days = [dt.date(2024, 1, 1) + dt.timedelta(weeks=i % dates) for i in range(len(y))]
    return TrainingData(
        pd.DataFrame({"x": range(len(y))}),
        pd.Series(y),
        pd.Series(days),
        pd.Series([f"e{i}" for i in range(len(y))]),
        None if amount is None else pd.Series(amount),
    )


def test_value_of_a_row_by_hand() -> None:
    assert row_values(panel([1, 0]), VALUE).tolist() == [90, -15]


def test_amounts_count_by_their_share_and_unknown_ones_as_nothing() -> None:
    value = Value.model_validate({"contact": -10, "positive": "0.5 * amount"})
    data = panel([1, 0, 1], [200.0, 200.0, math.nan])
    assert row_values(data, value).tolist() == [90, -10, -10]
    found = target(data, np.array([0.3, 0.2, 0.1]), rate=Rate(), value=value)
    assert found.warnings == ["The amount is unknown in 1 of 3 test rows; it counts as 0."]


def test_value_by_amount_needs_amounts() -> None:
    value = Value.model_validate({"positive": "amount"})
    with pytest.raises(ConfigError, match="needs an amount") as caught:
        row_values(panel([1, 0]), value)
    assert "Select `amount`" in str(caught.value.fix)


def test_cut_by_hand() -> None:
    """Of ten rows the top two are contacted; three are positive, two of them at the top."""
    data = panel([1, 1, 0, 0, 1, 0, 0, 0, 0, 0])
    p = np.linspace(0.9, 0.1, 10)
    (cut,) = cuts_at([0.2], data, p, row_values(data, VALUE), Rate(50, "week"))
    assert cut.contacts == 10
    assert cut.probability == pytest.approx(p[1])
    assert cut.precision.value == 1
    assert cut.recall.value == pytest.approx(2 / 3)
    assert cut.lift.value == pytest.approx(10 / 3)
    assert cut.profit is not None
    assert cut.profit.value == pytest.approx((90 + 90) / 10 * 50)


def test_cut_through_equal_probabilities_takes_them_in_proportion() -> None:
    data = panel([1, 0, 0, 0])
    (cut,) = cuts_at([0.5], data, np.full(4, 0.25), row_values(data, VALUE), Rate(4))
    assert cut.precision.value == pytest.approx(0.25)
    assert cut.lift.value == pytest.approx(1)
    assert cut.profit is not None
    assert cut.profit.value == pytest.approx((90 - 15 * 3) / 2)


def contacted_one_by_one(p: Floats, worth: Floats, share: float) -> float:
    """Profit of the top share, the slow way: equal probabilities share what is left."""
    left, total = share * len(p), 0.0
    for level in sorted(set(p), reverse=True):
        same = p == level
        taken = min(left, float(same.sum()))
        total += taken * float(worth[same].mean())
        left -= taken
    return total


@given(rows, st.floats(0.01, 1))
def test_profit_equals_contacting_one_by_one(
    given_rows: list[tuple[int, float, int]], share: float
) -> None:
    y, p, worth = (np.array(column, dtype=float) for column in zip(*given_rows, strict=True))
    data = panel([int(v) for v in y])
    (cut,) = cuts_at([share], data, p, worth, Rate(len(y)))
    assert cut.profit is not None
    assert cut.profit.value == pytest.approx(contacted_one_by_one(p, worth, share), abs=1e-6)
    assert cut.contacts == pytest.approx(share * len(y))


@given(rows)
def test_best_threshold_equals_trying_all(given_rows: list[tuple[int, float, int]]) -> None:
    _, p, worth = (np.array(column, dtype=float) for column in zip(*given_rows, strict=True))
    tried = {level: float(worth[p >= level].sum()) for level in p}
    found = best_threshold(p, worth)
    most = max([0.0, *tried.values()])
    assert (0.0 if math.isinf(found) else tried[found]) == pytest.approx(most)
    assert math.isinf(found) == (most <= 0)


@given(rows)
def test_curve_runs_from_nobody_to_everybody(given_rows: list[tuple[int, float, int]]) -> None:
    _, p, worth = (np.array(column, dtype=float) for column in zip(*given_rows, strict=True))
    curve = profit_curve(p, worth, np.arange(len(p)), Rate(len(p)))
    assert curve["profit"].iloc[0] == 0
    assert curve["profit"].iloc[-1] == pytest.approx(worth.sum())
    assert (curve["low"] <= curve["high"]).all()


def test_rows_come_up_at_the_pace_of_the_panel() -> None:
    """Forty rows on four weekly dates are ten a week: 43 in a month of 30 days."""
    data = panel([0, 1] * 20, dates=4)
    assert rate_of(data, data.days, Capacity(contacts=5, per="week")) == Rate(10, "week")
    month = rate_of(data, data.days, Capacity(contacts=5, per="month"))
    assert month.rows == pytest.approx(40 * 30 / 28)
    assert rate_of(data, data.days, None) == Rate(100, "")


def test_single_date_is_one_period() -> None:
    data = panel([0, 1] * 20)
    assert rate_of(data, data.days, Capacity(contacts=5, per="month")) == Rate(40, "month")


def test_capacity_is_a_share_of_what_comes_up_and_never_more_than_all() -> None:
    data, p = panel([1, 0] * 20, dates=4), np.linspace(0.9, 0.1, 40)
    some, plenty = (
        target(data, p, rate=Rate(10, "week"), capacity=Capacity(contacts=n, per="week")).capacity
        for n in (4, 25)
    )
    assert some is not None
    assert (some.share, some.contacts) == (0.4, 4)
    assert some.profit is None
    assert plenty is not None
    assert (plenty.share, plenty.contacts) == (1, 10)
    assert plenty.recall.value == 1
    assert plenty.probability == pytest.approx(0.1)


def test_threshold_is_chosen_in_training_and_only_tried_on_the_test() -> None:
    """In training contacting pays from 0.5 up; on the test nobody there is positive."""
    training, test = panel([1, 1, 0, 0, 1]), panel([0, 0, 1, 1])
    tuned = np.array([0.9, 0.5, 0.4, 0.1, np.nan])
    best = target(
        test,
        np.array([0.8, 0.5, 0.3, 0.2]),
        rate=Rate(4, "week"),
        value=VALUE,
        tuning=(training, tuned),
    ).best
    assert best is not None
    assert best.probability == 0.5
    assert best.expected.value == pytest.approx((90 + 90) / 4 * 4)
    assert (best.expected_share, best.share, best.contacts) == (0.5, 0.5, 2)
    assert best.profit.value == pytest.approx(-30)


def test_nobody_is_contacted_where_no_contact_pays() -> None:
    value = Value.model_validate({"contact": -1000, "positive": 10})
    test, p = panel([1, 0, 1, 0]), np.array([0.8, 0.5, 0.3, 0.2])
    best = target(test, p, rate=Rate(), value=value, tuning=(test, p)).best
    nothing = Interval(0, 0, 0)
    assert best == Best(math.inf, 0, nothing, 0, 0, nothing)


def test_without_out_of_fold_rows_there_is_no_best_threshold() -> None:
    test, p = panel([1, 0]), np.array([0.8, 0.5])
    found = target(test, p, rate=Rate(), value=VALUE, tuning=(test, np.full(2, np.nan)))
    assert found.best is None
    assert found.curve is not None


def test_without_options_there_are_shares_and_no_money() -> None:
    found = target(panel([1, 0] * 50), np.linspace(1, 0, 100), rate=Rate())
    assert [cut.share for cut in found.cuts] == [0.05, 0.1, 0.2]
    assert all(cut.profit is None for cut in found.cuts)
    assert (found.capacity, found.best, found.curve, found.warnings) == (None, None, None, [])
    names = set(found.numbers())
    assert {"precision_at_5", "recall_at_10", "lift_at_20"} <= names
    assert not [name for name in names if "profit" in name or "capacity" in name]


def test_one_class_leaves_recall_undefined() -> None:
    (cut,) = cuts_at([0.5], panel([0, 0]), np.array([0.2, 0.1]), None, Rate())
    assert cut.precision.value == 0
    assert math.isnan(cut.recall.value)
    assert math.isnan(cut.lift.low)


def test_intervals_hold_the_value_and_are_wider_for_clusters() -> None:
    rng = np.random.default_rng(0)
    p = np.repeat(rng.uniform(0.05, 0.6, 100), 5)
    y = [int(v) for v in np.repeat(rng.random(100) < p[::5], 5)]
    alone = panel(y)
    together = replace(alone, entity=pd.Series(np.repeat(np.arange(100), 5)))
    worth = row_values(alone, VALUE)
    narrow, wide = (cuts_at([0.2], data, p, worth, Rate())[0] for data in (alone, together))
    for cut in (narrow, wide):
        for interval in (cut.precision, cut.recall, cut.lift, cut.profit):
            assert interval is not None
            assert interval.low < interval.value < interval.high
    assert _width(wide) > 1.5 * _width(narrow)


def _width(cut: Cut) -> float:
    return cut.precision.high - cut.precision.low


@pytest.mark.parametrize(
    ("given_value", "message"),
    [
        ({"contact": 3000, "positive": 1}, "less than or equal to 0"),
        ({"positive": "amount * 2"}, r"0\.1 \* amount"),
        ({"positive": True}, "sum of money"),
        ({"contact": -1}, "positive"),
        ({"positive": 1, "cost": 2}, "cost"),
    ],
)
def test_impossible_values_are_refused(given_value: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Value.model_validate(given_value)


@pytest.mark.parametrize("given_capacity", [{"contacts": 0, "per": "week"}, {"contacts": 1}])
def test_impossible_capacities_are_refused(given_capacity: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Capacity.model_validate(given_capacity)


def test_worth_reads_as_it_is_written() -> None:
    value = Value.model_validate({"positive": "0.25 * amount", "negative": -1500})
    assert (str(value.positive), str(value.negative)) == ("0.25 * amount", "-1,500")
    assert Value.model_validate(value.model_dump()) == value
