from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.card import charts
from salesml.card.plot import HEIGHT, WIDTH, Scale, band, line, plain, round_marks, shares
from salesml.training import Interval
from salesml.training.profit import Best, Cut, Rate, Targeting, profit_curve

NUMBER = r"-?[\d.]+"


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_marks_are_few_and_cover_the_range(low: float, width: float) -> None:
    marks = round_marks(low, low + width)
    slack = 1e-6 * max(abs(low), width)
    assert marks[0] <= low + slack
    assert marks[-1] >= low + width - slack
    assert 2 <= len(marks) <= 7
    assert marks == sorted(marks)


def test_scale_runs_up_or_down() -> None:
    assert [Scale(-1, 1, 100).at(v) for v in (-1, 0, 1)] == [0, 50, 100]
    assert [Scale(0, 2, 100, down=True).at(v) for v in (0, 0.5, 2)] == [100, 75, 0]
    ticks = Scale(0.1, 1, 90).ticks(shares)
    assert [tick.label for tick in ticks] == ["25%", "50%", "75%", "100%"]


@pytest.mark.parametrize(
    ("value", "label"),
    [(0, "0"), (0.25, "0.25"), (-25_000, "−25,000"), (2_500_000, "2.5M"), (-3e9, "−3B")],
)
def test_numbers_on_an_axis(value: float, label: str) -> None:
    assert plain(value) == label


def test_paths_leave_out_what_is_not_known() -> None:
    x, y = Scale(0, 1, 10), Scale(0, 1, 10, down=True)
    assert line(x, y, [(0, 0), (0.5, np.nan), (1, 1)]) == "M0 10 L10 0"
    assert line(x, y, []) == ""
    assert band(x, y, [0, 1], [0, 0.5], [0.5, 1]) == "M0 5 L10 0 L10 5 L0 10 Z"
    assert band(x, y, [0, 1], [0, np.nan], [0.5, 1]) == ""


def table(**columns: list[float]) -> pd.DataFrame:
    plain_columns = {
        "rows": [50, 200],
        "probability": [0.1, 0.4],
        "observed": [0.0, 0.5],
        "low": [0.0, 0.4],
        "high": [0.1, 0.6],
    }
    return pd.DataFrame({**plain_columns, **columns})


def test_calibration_lies_within_its_square() -> None:
    plot = charts.calibration(table())
    assert [tick.label for tick in plot.x] == ["0%", "20%", "40%", "60%"]
    first, second = plot.marks
    assert (first.x, first.y) == (50, HEIGHT)
    assert second.radius > first.radius
    assert second.low is not None
    assert second.high is not None
    assert second.low > second.y > second.high
    certain = charts.calibration(table(probability=[1.0, 1.0], high=[1.0, 1.0]))
    assert all(0 <= mark.x <= WIDTH for mark in certain.marks)


def targeting(rate: Rate, worth: np.ndarray) -> Targeting:
    p = np.linspace(0.9, 0.1, len(worth))
    curve = profit_curve(p, worth, np.arange(len(worth)), rate)
    nothing = Interval(0.5, 0.4, 0.6)
    cut = Cut(0.3, 3, 0.5, nothing, nothing, nothing, Interval(40, 30, 50))
    best = Best(0.6, 0.2, nothing, 0.2, 2, Interval(60, 50, 70))
    return Targeting(rate, [], cut, best, curve, [])


@pytest.mark.parametrize("sign", [1, -1])
def test_profit_shows_zero_and_both_marks(sign: int) -> None:
    rng = np.random.default_rng(0)
    plot = charts.profit(targeting(Rate(10, "week"), sign * rng.uniform(1, 9, 50)), "JPY")
    assert plot is not None
    assert "0" in [tick.label for tick in plot.y]
    assert {mark.tone: mark.x for mark in plot.marks} == {"best": 60, "capacity": 90}
    numbers = [float(n) for n in re.findall(NUMBER, plot.lines["curve"] + plot.areas["band"])]
    assert min(numbers) >= 0
    assert max(numbers) <= WIDTH


def test_undefined_recall_has_no_mark() -> None:
    plain_curve = pd.DataFrame(
        {"contacted": [0.0, 1.0], "captured": [0.0, 0.0], "low": [np.nan] * 2, "high": [np.nan] * 2}
    )
    unknown = Interval(float("nan"), float("nan"), float("nan"))
    cut = Cut(0.3, 3, 0.5, unknown, unknown, unknown, None)
    plot = charts.gain(plain_curve, Targeting(Rate(), [], cut, None, None, []))
    assert plot.marks == []
    assert plot.areas["band"] == ""
