"""From when on published figures may be seen."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from salesml.municipal.publication import YearlyDay
from salesml.municipal.settings import default_municipal

CONFIG = default_municipal().publication


def test_a_day_so_many_years_later() -> None:
    day = YearlyDay(years=2, month=3, day=31)
    assert day.of(pd.Series([2020, 2021])).tolist() == [
        pd.Timestamp("2022-03-31"),
        pd.Timestamp("2023-03-31"),
    ]


@pytest.mark.parametrize(("month", "day"), [(2, 29), (2, 30), (4, 31)])
def test_a_day_that_some_year_lacks_is_refused(month: int, day: int) -> None:
    with pytest.raises(ValidationError, match="in every year"):
        YearlyDay(month=month, day=day)


@given(st.integers(2000, 2060))
def test_nothing_is_known_before_the_year_it_tells_of_has_ended(year: int) -> None:
    years = pd.Series([year])
    ended = pd.Timestamp(year + 1, 3, 31)
    assert CONFIG.finance.of(years)[0] > ended
    assert CONFIG.adoptions.of(years)[0] >= ended
    # the newest data of an edition are of the second year before it
    assert CONFIG.statistics.of(years)[0] > pd.Timestamp(year - 1, 3, 31)
    assert CONFIG.adopted.of(years)[0] < CONFIG.adoptions.of(years)[0]
