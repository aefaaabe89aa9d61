import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.report.formats import (
    Shown,
    amount,
    clean,
    day,
    interval,
    number,
    percent,
    rough,
    shown,
    signed,
)


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (1234567.5, "JPY", "¥1,234,568"),
        (0.4, "JPY", "¥0"),
        (-0.4, "JPY", "¥0"),
        (-1200, "JPY", "−¥1,200"),
        (12.5, "USD", "$12.50"),
        (999.994, "BRL", "R$999.99"),
        (1234567.5, "EUR", "€1,234,568"),
        (3, "CHF", "CHF 3.00"),
        (None, "JPY", "–"),
        (float("nan"), "JPY", "–"),
        (float("inf"), "JPY", "–"),
        (pd.NA, "JPY", "–"),
    ],
)
def test_amount(value: object, currency: str, text: str) -> None:
    assert amount(value, currency) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0%"),
        (0.0004, "<0.1%"),
        (0.0456, "4.6%"),
        (0.5, "50.0%"),
        (0.9999, ">99.9%"),
        (1, "100.0%"),
        (None, "–"),
    ],
)
def test_percent(value: object, text: str) -> None:
    assert percent(value) == text


def test_numbers_and_intervals() -> None:
    assert number(-0.1234) == "−0.123"
    assert number(float("nan")) == "–"
    assert interval(0.1, 0.25, 2) == "0.10 – 0.25"
    assert interval(float("nan"), 0.2) == "–"


def test_rough_counts() -> None:
    assert [rough(v) for v in (0, 0.44, 9.94, 9.96, 1234.5)] == ["0.0", "0.4", "9.9", "10", "1,234"]


def test_signs() -> None:
    assert [signed(p) for p in (12, -3, 0)] == ["+12", "−3", "±0"]
    assert signed(-3, " ") == "− 3"


def test_day_in_both_languages() -> None:
    words = day(dt.date(2025, 3, 9))
    assert (words.ja, words.en) == ("2025年3月9日（日）", "Sun 9 March 2025")


def test_cut_text_keeps_the_whole() -> None:
    assert shown("abc", 3) == Shown("abc")
    assert shown("abcd", 3) == Shown("ab…", "abcd")
    assert shown(None) == Shown("")


def test_clean_keeps_what_names_are_made_of() -> None:
    assert clean("  a\t b\n\u2028c ") == "a b c"
    assert clean("👩‍👩‍👧 שלום ㈱\ue000") == "👩‍👩‍👧 שלום ㈱\ue000"
    assert clean("\x1b[2J\x07\ud800") == "\ufffd[2J\ufffd\ufffd"
    assert clean("\u202eabc\u2069") == "abc"
    assert clean(float("nan")) == ""
    assert clean(7) == "7"


@given(st.text())
def test_clean_text_is_one_safe_line(text: str) -> None:
    found = clean(text)
    assert clean(found) == found
    assert found.isprintable() or not set(found) & set("\x1b\x9b\r\n\x00")
    found.encode()


@given(st.text(max_size=200), st.integers(1, 100))
def test_shown_text_fits(text: str, limit: int) -> None:
    found = shown(text, limit)
    assert len(found.text) <= limit
    assert (found.full is None) == (found.text == clean(text))
