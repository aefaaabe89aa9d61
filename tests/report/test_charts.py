import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.report.charts import Calibration, Histogram, calibration, histogram
from tests.report.samples import row, section


def bins(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_every_score_is_drawn_once() -> None:
    scores = [1, 4, 5, 49, 50, 78, 79, 80, 81, 99, 99]
    found = histogram(section([row(s) for s in scores]))
    assert found is not None
    drawn = [(b.first, b.last, b.band.name, b.count) for b in found.bars]
    assert drawn == [
        (1, 4, "ok", 2),
        (5, 9, "ok", 1),
        (45, 49, "ok", 1),
        (50, 54, "risk", 1),
        (75, 79, "risk", 2),
        (80, 84, "critical", 2),
        (95, 99, "critical", 2),
    ]
    assert found.highest == 2


@given(st.lists(st.integers(1, 99), min_size=1, max_size=60))
def test_bars_stand_on_the_axis_and_fit(scores: list[int]) -> None:
    found = histogram(section([row(s) for s in scores]))
    assert found is not None
    assert sum(b.count for b in found.bars) == len(scores)
    for first in {b.first for b in found.bars}:
        stack = [b for b in found.bars if b.first == first]
        assert math.isclose(stack[0].y + stack[0].height, Histogram.base)
        assert stack[-1].y >= Histogram.top - 1e-6
        count = sum(b.height for b in stack) / (Histogram.base - Histogram.top) * found.highest
        assert round(count) == sum(b.count for b in stack)


def test_no_scores_no_histogram() -> None:
    assert histogram(section([])) is None


def test_a_perfect_bin_lies_on_the_diagonal() -> None:
    found = calibration(bins(probability=[0.1, 0.4], observed=[0.1, 0.4], rows=[100, 25]))
    assert found is not None
    assert all(math.isclose(d.x + d.y, Calibration.side) for d in found.dots)
    assert [d.radius for d in found.dots] == [7.0, 5.0]
    assert [d.low for d in found.dots] == [None, None]
    assert found.dots[0].label == "10.0% → 10.0% (100)"


def test_intervals_where_known() -> None:
    table = bins(
        probability=[0.5, 0.5],
        observed=[0.5, 0.5],
        rows=[4, 4],
        low=[0.0, math.nan],
        high=[1.0, math.nan],
    )
    found = calibration(table)
    assert found is not None
    assert [(d.low, d.high) for d in found.dots] == [(Calibration.side, 0.0), (None, None)]


@pytest.mark.parametrize(
    ("largest", "labels"),
    [
        (1.0, ["0%", "25%", "50%", "75%", "100%"]),
        (0.41, ["0%", "20%", "40%", "60%"]),
        (0.012, ["0.0%", "0.5%", "1.0%", "1.5%"]),
        (0.0, ["0.0%", "0.2%"]),
    ],
)
def test_axes_have_round_marks(largest: float, labels: list[str]) -> None:
    found = calibration(bins(probability=[largest], observed=[largest], rows=[1]))
    assert found is not None
    assert [t.label for t in found.ticks] == labels


@given(st.floats(0, 1), st.floats(0, 1))
def test_dots_stay_inside(probability: float, observed: float) -> None:
    found = calibration(bins(probability=[probability], observed=[observed], rows=[1]))
    assert found is not None
    assert -0.1 <= found.dots[0].x <= Calibration.side + 0.1
    assert -0.1 <= found.dots[0].y <= Calibration.side + 0.1


def test_no_table_no_plot() -> None:
    assert calibration(None) is None
    assert calibration(bins(probability=[], observed=[], rows=[])) is None
