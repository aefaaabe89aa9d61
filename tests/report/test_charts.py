import math
import re

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from salesml.report.charts import calibration, funnel, histogram, months, stacks
from salesml.report.outlook import band_records, outlook
from tests.report.samples import row, section


def bins(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def past(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_every_score_is_drawn_once() -> None:
    scores = [1, 4, 5, 49, 50, 78, 79, 80, 81, 99, 99]
    drawn = [
        (b["from"], b["band"], b["low"], b["high"]) for b in stacks(section([*map(row, scores)]))
    ]
    assert drawn == [
        (0.3, "ok", 0, 2),
        (5.3, "ok", 0, 1),
        (45.3, "ok", 0, 1),
        (50.3, "risk", 0, 1),
        (75.3, "risk", 0, 2),
        (80.3, "critical", 0, 2),
        (95.3, "critical", 0, 2),
    ]


@given(st.lists(st.integers(1, 99), min_size=1, max_size=60))
def test_bars_of_a_step_stand_on_each_other(scores: list[int]) -> None:
    bars = stacks(section([*map(row, scores)]))
    assert sum(bar["high"] - bar["low"] for bar in bars) == len(scores)
    for start in {bar["from"] for bar in bars}:
        stack = [bar for bar in bars if bar["from"] == start]
        assert [bar["low"] for bar in stack] == [0, *(bar["high"] for bar in stack[:-1])]


def test_charts_take_the_colours_of_the_page_and_both_languages() -> None:
    drawn = histogram(section([row(90), row(20)]))
    assert drawn is not None
    assert 'fill="var(--t0)"' in drawn
    assert not re.search("#[0-9a-f]{3,6}|https?:", drawn)
    said = re.findall(r'<text class="(\w\w)" lang="\1"[^>]*>([^<]+)</text>', drawn)
    assert said == [("ja", "スコア"), ("en", "Score")]


def test_names_of_bands_cannot_break_out_of_a_chart() -> None:
    about = section([row(90), row(20)])
    bands = [b.model_copy(update={"ja": "<script>&", "en": "</text>"}) for b in about.task.bands]
    known = past(y=[1, 0], probability=[0.45, 0.1], as_of=["2025-01-01"] * 2)
    hostile = section(
        [row(90), row(20)], task=about.task.model_copy(update={"bands": bands}), predictions=known
    )
    drawn = funnel(band_records(hostile))
    assert drawn is not None
    assert "<script" not in drawn
    assert drawn.count("&lt;/text&gt;") == drawn.count("&lt;script&gt;&amp;") == 3


def test_nothing_to_draw() -> None:
    assert histogram(section([])) is None
    assert calibration(None) is None
    assert calibration(bins(probability=[], observed=[], rows=[])) is None
    assert funnel([]) is None
    assert months(outlook(section())) is None


def test_calibration_draws_a_dot_a_bin_with_or_without_intervals() -> None:
    table = bins(probability=[0.1, 0.4], observed=[0.0, 0.5], rows=[100, 25])
    plain = calibration(table)
    whiskers = calibration(table.assign(low=[0.0, math.nan], high=[0.1, math.nan]))
    assert plain is not None
    assert whiskers is not None
    assert plain.count("<path") >= 3  # two dots and the diagonal
    assert "NaN" not in whiskers
    assert "50%" in plain
