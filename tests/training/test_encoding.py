from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.errors import ModelError
from salesml.training.encoding import Encoder


def encode(values: Any) -> tuple[str, list[float]]:
    frame = pd.DataFrame({"x": values})
    encoder = Encoder.learn(frame)
    return encoder.columns[0].kind, encoder.transform(frame).matrix[:, 0].tolist()


NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2, 3], "number", [1, 2, 3]),
        ([1.5, None, np.inf], "number", [1.5, NAN, NAN]),
        (pd.array([1, None, 3], dtype="Int64"), "number", [1, NAN, 3]),
        ([Decimal("1.5"), None, Decimal(2)], "number", [1.5, NAN, 2]),
        (pd.to_timedelta([12, 24, None], unit="h"), "number", [0.5, 1, NAN]),
        ([dt.timedelta(days=2), None, dt.timedelta(days=1)], "number", [2, NAN, 1]),
        ([True, False, True], "boolean", [1, 0, 1]),
        ([True, None, False], "boolean", [1, NAN, 0]),
        (pd.array([True, None, False], dtype="boolean"), "boolean", [1, NAN, 0]),
        ([dt.date(1970, 1, 2), None, dt.date(9999, 12, 31)], "date", [1, NAN, 2932896]),
        (pd.to_datetime(["1970-01-01 12:00", None, "1969-12-31 00:00"]), "date", [0.5, NAN, -1]),
        (
            pd.to_datetime(["1970-01-01 09:00", "1970-01-02 09:00"]).tz_localize("Asia/Tokyo"),
            "date",
            [0, 1],
        ),
        (["b"] * 6 + ["a"] * 5 + [None], "category", [0] * 6 + [1] * 5 + [NAN]),
        (["b"] * 6 + ["rare", "rarer", " "], "category", [0] * 6 + [1, 1, NAN]),
        (pd.Categorical([1, 2, 1, 1, 1, 1]), "category", [0, 1, 0, 0, 0, 0]),
        ([1, "a", 1, 1, 1, 1], "category", [0, 1, 0, 0, 0, 0]),
        ([7, 7, 7], "ignored", [NAN] * 3),
        (["a", "a", "a"], "ignored", [NAN] * 3),
        ([None, None, None], "ignored", [NAN] * 3),
        ([7, None, 7], "number", [7, NAN, 7]),
    ],
)
def test_each_kind_becomes_numbers(values: Any, kind: str, expected: list[float]) -> None:
    found_kind, found = encode(values)
    assert found_kind == kind
    np.testing.assert_array_equal(found, expected)


def test_category_of_whole_floats_matches_category_of_integers() -> None:
    encoder = Encoder.learn(pd.DataFrame({"x": pd.Categorical([1, 1, 1, 1, 1, 2])}))
    later = pd.DataFrame({"x": [2.0, None]})
    np.testing.assert_array_equal(encoder.transform(later).matrix[:, 0], [1, NAN])


def test_unseen_categories_are_missing_and_listed() -> None:
    encoder = Encoder.learn(pd.DataFrame({"x": ["a"] * 5 + ["b"] * 5, "n": range(10)}))
    later = pd.DataFrame({"x": ["b", "新", "z", None], "n": [1, 2, 3, 4]})
    np.testing.assert_array_equal(encoder.transform(later).matrix[:, 0], [1, NAN, NAN, NAN])
    assert encoder.unseen(later) == {"x": ["z", "新"]}


def test_rare_categories_are_not_unseen() -> None:
    frame = pd.DataFrame({"x": ["a"] * 9 + ["rare"]})
    assert Encoder.learn(frame).unseen(frame) == {}


def test_order_and_extra_columns_do_not_matter() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    encoder = Encoder.learn(frame)
    other = frame[["b", "a"]].assign(extra="x")
    np.testing.assert_array_equal(encoder.transform(other).matrix, [[1, 3], [2, 4]])


def test_numbered_columns_keep_their_names() -> None:
    frame = pd.DataFrame(np.arange(6).reshape(2, 3))
    encoder = Encoder.learn(frame)
    assert encoder.names == [0, 1, 2]
    assert Encoder.from_json(json.loads(json.dumps(encoder.to_json()))).names == [0, 1, 2]
    np.testing.assert_array_equal(encoder.transform(frame).matrix, frame)


def test_texts_of_numbers_and_dates_are_cast() -> None:
    encoder = Encoder.learn(
        pd.DataFrame(
            {
                "n": [1.0, 2],
                "d": pd.to_datetime(["1970-01-01"] * 2) + pd.to_timedelta([0, 1], unit="D"),
            }
        )
    )
    later = pd.DataFrame({"n": ["1.5"], "d": ["1970-01-03"]})
    np.testing.assert_array_equal(encoder.transform(later).matrix, [[1.5, 2]])


def test_missing_columns_are_named_with_near_misses() -> None:
    encoder = Encoder.learn(pd.DataFrame({"logins_30d": [1, 2], "tickets": [1, 2], "c": [1, 2]}))
    with pytest.raises(ModelError) as caught:
        encoder.transform(pd.DataFrame({"login_30d": [1], "c": [1]}))
    assert "2 of the model's 3 columns" in caught.value.what
    assert "logins_30d Did you mean 'login_30d'?" in caught.value.what
    assert "tickets" in caught.value.what


def test_all_unreadable_columns_are_named_together() -> None:
    encoder = Encoder.learn(
        pd.DataFrame({"n": [1, 2], "d": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    )
    with pytest.raises(ModelError) as caught:
        encoder.transform(pd.DataFrame({"n": ["1", "abc"], "d": [1, 2]}))
    assert "column 'n': expected a number, received 'abc'" in caught.value.what
    assert "column 'd': expected a date, received 1" in caught.value.what


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than once: a"),
        (pd.DataFrame([[1, 2]], columns=["1", 1]), "more than once: 1"),
        (pd.DataFrame(index=[1]), "no columns"),
        (pd.DataFrame({("a", "b"): [1]}), "must be texts or whole numbers"),
        (pd.DataFrame({"a": [[1], [2]]}), "column 'a': expected a text or number, received"),
        (pd.DataFrame({"a": [1j, 2j]}), "column 'a': complex numbers"),
    ],
)
def test_impossible_tables_are_refused(frame: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message.replace("(", r"\(")):
        Encoder.learn(frame)


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=30),
    st.text(min_size=1),
)
def test_any_text_and_name_survives_json(values: list[str | None], name: str) -> None:
    frame = pd.DataFrame({name: pd.Series(values, dtype=object)})
    encoder = Encoder.learn(frame)
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    table = again.transform(frame)
    codes = table.matrix[:, 0][~np.isnan(table.matrix[:, 0])]
    assert again.unseen(frame) == {}
    assert all(code < table.levels[0] for code in codes)


def test_numbers_written_as_texts_are_numbers() -> None:
    texts = [*(str(number / 4) for number in range(25)), "", "  ", " 7.5 ", "\u30008", "1e3", None]
    kind, found = encode(texts)
    assert kind == "number"
    expected = [*(number / 4 for number in range(25)), NAN, NAN, 7.5, 8, 1000, NAN]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "texts",
    [
        [f"{number:04d}" for number in range(25)],  # a leading zero makes a code
        [*map(str, range(25)), "-01"],
        [*map(str, range(19))] * 2,  # too few different ones: may be codes
        [*map(str, range(25)), "n/a"],
        [f"{number},5" for number in range(25)],
        [f"2024-01-{day:02d}" for day in range(1, 26)],
    ],
    ids=["zeros", "one zero", "few", "a word", "comma", "dates"],
)
def test_texts_that_may_be_codes_stay_codes(texts: list[str]) -> None:
    assert encode(texts)[0] == "category"


def test_zero_point_five_is_no_code() -> None:
    assert encode(["0", "0.5", "-0.25", *map(str, range(1, 25))])[0] == "number"


def test_written_numbers_are_read_like_numbers_later() -> None:
    encoder = Encoder.learn(pd.DataFrame({"x": [*map(str, range(25)), ""]}))
    later = encoder.transform(pd.DataFrame({"x": [3, 4.5, None]}))
    np.testing.assert_array_equal(later.matrix[:, 0], [3, 4.5, NAN])
    blank = encoder.transform(pd.DataFrame({"x": ["", " "]}))
    np.testing.assert_array_equal(blank.matrix[:, 0], [NAN, NAN])
    with pytest.raises(ModelError, match="expected a number, received 'many'"):
        encoder.transform(pd.DataFrame({"x": ["3", "many"]}))
