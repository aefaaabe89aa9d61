from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.config import Words
from salesml.report.municipal import Municipal, Span
from salesml.report.municipal_calendar import MOST_COMING, MOST_LANES, coming, strip
from tests.report.municipalities import TODAY, calendar

WORD = Words(ja="言葉", en="Word")
DAYS = st.dates(dt.date(2024, 1, 1), dt.date(2027, 12, 31))


def at(day: dt.date, *spans: Span) -> Municipal:
    return Municipal(day, spans or calendar())


def span(first: str, last: str, kind: str = "subsidy") -> Span:
    return Span(kind, WORD, dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def test_the_year_runs_from_april_to_march() -> None:
    made = strip(at(TODAY))
    assert made is not None
    assert made.year == 2025
    assert [month.number for month in made.months] == [*range(4, 13), 1, 2, 3]
    assert [month.number for month in made.months if month.now] == [7]
    assert sum(month.width for month in made.months) == pytest.approx(100)
    assert made.today == pytest.approx(100 * 91 / 365, abs=0.01)


@pytest.mark.parametrize(
    ("day", "year"), [("2026-03-31", 2025), ("2026-04-01", 2026), ("2026-01-01", 2025)]
)
def test_a_day_belongs_to_the_budget_year_it_is_in(day: str, year: int) -> None:
    made = strip(at(dt.date.fromisoformat(day)))
    assert made is not None
    assert made.year == year


def test_the_five_stages_fill_a_lane_and_the_present_one_is_marked() -> None:
    made = strip(at(TODAY))
    assert made is not None
    (stages,) = (lane for lane in made.lanes if lane.kind == "stage")
    assert [bar.span.words.en for bar in stages.bars] == [
        "Budget policy",
        "Requests",
        "Assessment",
        "Draft budget",
        "Deliberation and passage",
    ]
    assert [(bar.now, bar.over) for bar in stages.bars[:3]] == [
        (False, True),
        (True, False),
        (False, False),
    ]
    assert sum(bar.width for bar in stages.bars) == pytest.approx(100, abs=0.05)
    assert [lane.kind for lane in made.lanes] == [
        *("stage", "assembly", "supplementary", "rotation", "subsidy", "subsidy")
    ]
    assert [lane.first for lane in made.lanes] == [True, True, True, True, True, False]


def test_a_window_that_begins_before_the_year_is_cut_at_april() -> None:
    made = strip(at(TODAY, span("2025-01-01", "2025-04-30"), span("2026-03-01", "2027-01-01")))
    assert made is not None
    bars = [bar for lane in made.lanes for bar in lane.bars]
    assert [(bar.left, round(bar.left + bar.width)) for bar in bars] == [(0, 8), (91.51, 100)]


def test_of_many_windows_at_once_the_first_are_drawn() -> None:
    made = strip(at(TODAY, *[span("2025-05-01", "2025-06-30")] * 9))
    assert made is not None
    assert len(made.lanes) == MOST_LANES


def test_without_a_calendar_there_is_no_strip() -> None:
    assert strip(Municipal(TODAY)) is None
    assert coming(Municipal(TODAY)) == []


def test_what_comes_next_comes_first() -> None:
    found = coming(at(TODAY))
    assert len(found) == MOST_COMING
    assert [each.days for each in found] == sorted(each.days for each in found)
    assert found[0].span.words.en == "Disaster grant"
    assert (found[0].open, found[0].days) == (False, 31)
    grant = found[1]
    assert (grant.open, grant.days, grant.span.count) == (True, 59, 42)


def test_a_window_is_open_on_its_last_day_and_gone_after_it() -> None:
    window = span("2025-06-01", "2025-07-01")
    assert [(each.open, each.days) for each in coming(at(TODAY, window))] == [(True, 0)]
    assert coming(at(dt.date(2025, 7, 2), window)) == []


@given(DAYS, st.lists(st.tuples(DAYS, DAYS).map(sorted), min_size=1, max_size=12))
def test_bars_lie_inside_the_year_and_never_on_each_other(
    day: dt.date, ends: list[list[dt.date]]
) -> None:
    made = strip(Municipal(day, [Span("assembly", WORD, *pair) for pair in ends]))
    assert made is not None
    assert 0 <= made.today < 100
    for lane in made.lanes:
        end = 0.0
        for bar in lane.bars:
            assert bar.left >= end - 0.02
            assert bar.width <= bar.room + 0.02
            end = bar.left + bar.width
        assert end <= 100.02
