from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from salesml.crm.base import Tolerance
from salesml.errors import ExportError
from salesml.export.values import cut, digest, kind_of, plain, same


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (float("nan"), None),
        (np.float64("nan"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (Decimal("NaN"), None),
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (Decimal("0.10"), "0.10"),
        (dt.date(2025, 1, 2), "2025-01-02"),
        (pd.Timestamp("2025-01-02 03:04:05"), "2025-01-02 03:04:05"),
        (pd.Timestamp("2025-01-02 09:00", tz="Asia/Tokyo"), "2025-01-02 00:00:00"),
        (np.str_("東京"), "東京"),
        ("a\ud83d", "a\ufffd"),
        ("\ud83d\ude00", "😀"),
    ],
)
def test_plain_values(value: Any, expected: object) -> None:
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("value", [[1], {"a": 1}, np.array([1, 2]), b"x", pd.Timedelta("1D")])
def test_several_values_in_one_are_refused(value: Any) -> None:
    with pytest.raises(ExportError, match="takes one value"):
        plain(value)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (1, 1.0),
        (1, "1"),
        (1.0, "1"),
        (0.25, "0.25"),
        ("0.25", Decimal("0.250")),
        (0.1 + 0.2, "0.3"),
        (-0.0, 0),
        (True, 1),
        (False, "false"),
        (True, "True"),
        (None, ""),
        ("", None),
        ("2025-01-02", "2025-01-02 00:00:00"),
        ("2025-01-02 10:00:00", "2025-01-02"),
        ("2025-01-02 00:00:00", "2025-01-02T00:00:00+00:00"),
        ("2025-01-02 00:00:00", "2025-01-02 09:00:00+09"),
        (float("inf"), float("inf")),
    ],
)
def test_one_value_in_two_forms(ours: object, theirs: object) -> None:
    assert same(ours, theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (1, 2),
        (0.25, 0.2501),
        (10**16, 10**16 + 1),
        ("10000000000000001", 10000000000000000),
        ("007", "7"),
        ("1.0", "1"),
        ("a", "A"),
        ("a", "a "),
        (0, None),
        (False, None),
        (1, "one"),
        (True, "yes"),
        ("2025-01-02", "2025-01-03"),
        ("2025-01-02", "2025-01-02 10:00:00"),
        ("1-2", "1-3"),
        (float("inf"), float("-inf")),
    ],
)
def test_different_values(ours: object, theirs: object) -> None:
    assert not same(ours, theirs)


def test_how_lines_end_is_no_matter() -> None:
    assert same("a\nb\n", "a\r\nb\r\n")
    assert same("a\rb", "a\nb")
    assert not same("a\nb", "a\n\nb")
    assert not same("a\nb", "ab")


def test_rounding_of_the_field_is_no_difference() -> None:
    assert same(73.4, 73, Tolerance(absolute=0.5))
    assert not same(73.4, 74, Tolerance(absolute=0.5))
    assert same(0.125, Decimal("0.13"), Tolerance(absolute=0.005))
    assert same(0.123456789, float(np.float32(0.123456789)), Tolerance(relative=1e-7))
    assert not same(0.123456789, float(np.float32(0.123456789)))


def test_a_check_box_that_knows_no_nothing() -> None:
    box = Tolerance(blank=False)
    assert same(None, False, box)
    assert not same(None, True, box)
    assert not same(True, False, box)
    assert not same(None, False)


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers()


@given(numbers)
def test_numbers_survive_any_representation(value: float) -> None:
    assert same(value, str(value))
    assert same(str(value), value)
    assert same(value, Decimal(value))
    if abs(value) < 1e300:
        assert same(value, float(value)) or isinstance(value, int)
        assert same(float(value), format(float(value), ".15g"))


@given(st.floats(-1e9, 1e9))
def test_a_relative_change_of_a_millionth_is_seen(value: float) -> None:
    assume(abs(value) > 1e-6)
    assert not same(value, value * (1 + 1e-6))


scalars = st.none() | st.booleans() | numbers | st.text(max_size=5)


@given(scalars, scalars)
def test_same_is_symmetric_without_tolerance(x: object, y: object) -> None:
    assert same(x, y) == same(y, x)
    assert same(x, x)


@given(st.dictionaries(st.text(max_size=3), scalars, max_size=4))
def test_payloads_survive_json_and_keep_their_hash(payload: dict[str, object]) -> None:
    back = json.loads(json.dumps(payload))
    assert digest(back) == digest(payload)
    assert all(same(payload[field], back[field]) for field in payload)


@given(
    st.dictionaries(st.sampled_from("abc"), scalars),
    st.dictionaries(st.sampled_from("abc"), scalars),
)
def test_equal_hashes_mean_equal_payloads(x: dict[str, object], y: dict[str, object]) -> None:
    if digest(x) == digest(y):
        assert x.keys() == y.keys()
        assert all(same(x[field], y[field]) for field in x)


def test_hash_ignores_how_a_number_is_kept() -> None:
    assert digest({"a": 1, "b": None}) == digest({"b": "", "a": 1.0})
    assert digest({"a": 1}) != digest({"a": "1"})
    assert not math.isnan(len(digest({"a": float("inf")})))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2.5], float),
        ([1, float("nan")], int),
        ([np.int64(1)], int),
        ([True, None], bool),
        (["a", 1], str),
        ([], str),
        ([None], str),
        ([dt.date(2025, 1, 1)], dt.date),
        ([pd.Timestamp("2025-01-01"), pd.NaT], dt.datetime),
        ([Decimal("1.5"), 2.5, Decimal("NaN")], float),
    ],
)
def test_type_of_a_column(values: list[object], kind: type) -> None:
    assert kind_of(values) is kind


@pytest.mark.parametrize(
    ("value", "tolerance", "expected"),
    [
        ("abcdef", Tolerance(length=4), "abcd"),
        ("abcd", Tolerance(length=4), "abcd"),
        ("日本語日本語", Tolerance(length=4), "日本語日"),
        ("a😀😀", Tolerance(length=4), "a😀"),  # an emoji takes two units
        ("😀😀", Tolerance(length=4), "😀😀"),
        ("ab c", Tolerance(length=3), "ab "),
        ("ab c", Tolerance(length=3, trims=True), "ab"),
        ("  a ", Tolerance(trims=True), "a"),
        ("  a ", Tolerance(), "  a "),
        (12345, Tolerance(length=2), 12345),
        (None, Tolerance(length=2), None),
    ],
)
def test_texts_are_cut_as_the_field_holds_them(
    value: object, tolerance: Tolerance, expected: object
) -> None:
    assert cut(value, tolerance) == expected


@given(st.text(max_size=12), st.integers(0, 8))
def test_a_cut_text_fits_and_is_cut_no_shorter_than_it_must(text: str, most: int) -> None:
    found = cut(text, Tolerance(length=most))
    assert isinstance(found, str)
    assert text.startswith(found)
    units = len(found.encode("utf-16-le", "surrogatepass")) // 2
    assert units <= most
    assert found == text or units >= most - 1
    assert cut(found, Tolerance(length=most)) == found
