import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.report.outlook import band_records, outlook, wilson
from tests.report.samples import row, section, task


def past(*rows: tuple[str, int, float], amounts: list[float] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["as_of", "y", "probability"])
    return table if amounts is None else table.assign(amount=amounts)


def logistic(score: int) -> float:
    return 1 / (1 + math.exp(-(score - 80) / 20))


def scored(score: int, **values: object) -> dict[str, object]:
    return row(score, probability=logistic(score), **values)


def test_rows_of_the_test_fall_into_the_bands_of_tonight() -> None:
    tonight = [scored(95), scored(60), scored(20)]
    rows = [("2025-01-01", y, logistic(s)) for s, y in ((80, 1), (79, 0), (50, 1), (49, 0), (3, 0))]
    found = band_records(section(tonight, predictions=past(*rows)))
    assert [(r.band.name, r.now, r.true, r.rows) for r in found] == [
        ("critical", 1, 1, 1),
        ("risk", 1, 1, 2),
        ("ok", 1, 0, 2),
    ]
    assert found[1].rate == 0.5
    assert found[1].expected == pytest.approx(logistic(60))


def test_a_band_nobody_was_in_has_no_rate() -> None:
    found = band_records(
        section([scored(95), scored(20)], predictions=past(("2025-01-01", 0, 0.01)))
    )
    assert [(r.rate, r.low, r.high) for r in found[:2]] == [(None, None, None)] * 2


def test_without_a_test_or_a_spread_of_scores_nothing_is_told() -> None:
    assert band_records(section()) == []
    assert band_records(section([row(50)], predictions=past(("2025-01-01", 0, 0.1)))) == []
    assert outlook(section()) is None


@given(st.integers(0, 50), st.integers(1, 50))
def test_the_interval_holds_the_share(true: int, rows: int) -> None:
    low, high = wilson(min(true, rows), rows)
    assert 0 <= low <= min(true, rows) / rows + 1e-9
    assert min(true, rows) / rows <= high + 1e-9 <= 1 + 2e-9


def test_months_hold_what_was_expected_and_what_came() -> None:
    rows = [("2025-01-01", 1, 0.5), ("2025-01-01", 0, 0.25), ("2025-02-01", 0, 0.1)]
    found = outlook(section([row(60, probability=0.4)], predictions=past(*rows)))
    assert found is not None
    assert not found.money
    assert [(p.date, p.expected, p.actual) for p in found.periods] == [
        ("25/01", 0.75, 1.0),
        ("25/02", 0.1, 0.0),
        ("", 0.4, None),
    ]
    half = 1.645 * math.sqrt(0.5 * 0.5 + 0.25 * 0.75)
    assert found.periods[0].low == 0
    assert found.periods[0].high == pytest.approx(0.75 + half)


def test_amounts_weigh_where_they_are_known() -> None:
    table = past(("2025-01-01", 1, 0.5), ("2025-01-01", 1, 0.5), amounts=[100.0, math.nan])
    found = outlook(section([row(60, probability=0.5, expected_value=20.0)], predictions=table))
    assert found is not None
    assert found.money
    assert [(p.expected, p.actual) for p in found.periods] == [(50.0, 100.0), (20.0, None)]


def test_dates_of_one_month_overlap_and_the_last_stands_for_it() -> None:
    rows = [("2025-01-06", 1, 0.5), ("2025-01-13", 0, 0.2)]
    found = outlook(section(predictions=past(*rows)))
    assert found is not None
    assert found.periods[0].expected == 0.2
    events = task().model_copy(update={"every": "orders"})
    anchored = outlook(section(task=events, predictions=past(*rows)))
    assert anchored is not None
    assert [p.expected for p in anchored.periods] == [0.7]
