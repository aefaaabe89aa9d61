from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from fakes import WORDS, feature, feature_set
from hypothesis import given
from hypothesis import strategies as st

from salesml.explanation import points, reasons, scores
from salesml.explanation.reasons import Number, concepts_of
from salesml.features import FeatureSet

UNKNOWN_WORDS = {"missing": "unknown", "missing_words": {"ja": "記録なし", "en": "not on record"}}


# scores and points -----------------------------------------------------------------------------


def test_the_average_scores_50_and_the_ends_are_1_and_99() -> None:
    margin = np.array([-9.0, -2.0, -1.0, 0.0, 2.0, 9.0])
    assert scores(margin, average=-1.0, slope=10.0).tolist() == [1, 40, 50, 60, 80, 99]


def exact(*rows: tuple[float, ...]) -> npt.NDArray[np.float64]:
    return np.array(rows, dtype=float)


@pytest.mark.parametrize(
    ("contributions", "score", "expected"),
    [
        ((12.0, -3.0, 0.0), 59, [12, -3, 0]),
        # what rounding leaves goes to the largest remainders
        ((1.4, 1.4, 1.2), 54, [2, 1, 1]),
        ((-1.4, -1.4, -1.2), 46, [-1, -2, -1]),
        ((0.4, -0.4, 0.0), 50, [0, 0, 0]),
        ((20.5, -20.0), 50, [20, -20]),
        # 51.5 rounds to the even side
        ((21.5, -20.0), 52, [22, -20]),
        # cut off at 99 and 1: shrunk alike
        ((98.0, 0.0, 0.0), 99, [49, 0, 0]),
        ((147.0, -49.0, 0.0), 99, [74, -25, 0]),
        ((-60.0, -40.0, 2.0), 1, [-30, -20, 1]),
        # at 99, but within the scale: nothing shrinks
        ((300.0, -250.6, 0.0), 99, [300, -251, 0]),
    ],
)
def test_points(contributions: tuple[float, ...], score: int, expected: list[int]) -> None:
    assert points(exact(contributions), np.array([score]), 1.0).tolist() == [expected]


def test_the_slope_turns_log_odds_into_points() -> None:
    found = points(exact((0.5, -0.25), (-1.0, 0.0)), np.array([53, 40]), 10.0)
    assert found.tolist() == [[5, -2], [-10, 0]]


def test_points_do_not_change_what_they_were_given() -> None:
    contributions = exact((98.0, 1.0))
    points(contributions, np.array([99]), 1.0)
    assert contributions.tolist() == [[98.0, 1.0]]


def test_a_total_near_a_half_keeps_its_points() -> None:
    """The score comes from the margin, the total from a sum: they may round to either side."""
    found = points(exact((20.5 + 1e-9, -20.0), (23.5 + 1e-9, -20.0)), np.array([50, 53]), 1.0)
    assert found.tolist() == [[20, -20], [23, -20]]


@st.composite
def told(draw: st.DrawFn) -> tuple[npt.NDArray[np.float64], float]:
    rows, concepts = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    number = st.one_of(
        st.floats(-9, 9),
        # sums of these lie on halves, or a hair beside them
        st.sampled_from([0.0, 0.05, -0.05, 0.1, -0.25, 0.5, 1e-12, -1e-12]),
    )
    row = st.lists(number, min_size=concepts, max_size=concepts)
    matrix = draw(st.lists(row, min_size=rows, max_size=rows))
    return np.array(matrix), draw(st.one_of(st.just(10.0), st.floats(0.01, 200)))


@given(told(), st.floats(-5, 5))
def test_points_add_up_and_stay_near(
    given: tuple[npt.NDArray[np.float64], float], average: float
) -> None:
    contributions, slope = given
    margin = average + contributions.sum(axis=1)
    score = scores(margin, average=average, slope=slope)
    found = points(contributions, score, slope)
    assert (found.sum(axis=1) == score - 50).all()
    wanted = slope * contributions
    assert ((found == 0) | (np.sign(found) == np.sign(wanted))).all()
    within = np.abs(wanted.sum(axis=1)) <= 49
    assert (np.abs(found - wanted)[within] < 1 + 1e-6).all()
    assert (np.abs(found) <= np.abs(wanted) + 1 + 1e-6).all()


# reasons ---------------------------------------------------------------------------------------


@pytest.fixture
def told_set(tmp_path: Path) -> FeatureSet:
    features = {
        "visits": feature(
            words={"ja": "来訪が{previous}回→{value}回", "en": "Visits: {previous} → {value}"},
            previous="visits_before",
        ),
        "visits_before": feature(words={"ja": "前は{value}回", "en": "Before: {value}"}),
        "calls": feature(words={"ja": "電話が{value}回", "en": "Calls: {value}"}),
        "fee": feature(
            concept="money",
            **UNKNOWN_WORDS,
            words={"ja": "料金は{value:,.2f}", "en": "Fee: {value:,.2f}"},
        ),
        "segment": feature(concept="who", type="varchar", **UNKNOWN_WORDS),
        "listed": feature(
            concept="who", type="boolean", **UNKNOWN_WORDS, words={"ja": "{value}", "en": "{value}"}
        ),
    }
    concepts = {"contact": WORDS, "money": WORDS, "who": WORDS}
    return feature_set(tmp_path, "select", features, reads={}, concepts=concepts)


def tell(
    given: FeatureSet, values: dict[str, list[Any]], contributions: dict[str, list[float]]
) -> list[list[dict[str, Any]]]:
    """Reasons of rows that have *values*, with a point for each unit of *contributions*."""
    names = list(given.features)
    rows = len(next(iter(contributions.values())))
    told = pd.DataFrame({n: contributions.get(n, [0.0] * rows) for n in names})
    table = pd.DataFrame({n: values.get(n, [None] * rows) for n in names})
    score = scores(told.sum(axis=1).to_numpy(), average=0.0, slope=1.0)
    return reasons(table, told, score, [given], 1.0)


def test_reasons_are_told_by_concept_strongest_first(told_set: FeatureSet) -> None:
    (row,) = tell(
        told_set,
        {"visits": [4.0], "visits_before": [9.0], "fee": [1234.5], "segment": ["SMB"]},
        {"visits": [-5.0], "visits_before": [-7.0], "fee": [13.0], "segment": [0.2]},
    )
    assert row == [
        {"concept": "money", "points": 13, "text_ja": "料金は1,234.50", "text_en": "Fee: 1,234.50"},
        {"concept": "contact", "points": -12, "text_ja": "前は9回", "text_en": "Before: 9"},
    ]


def test_equal_points_keep_the_order_of_the_features(told_set: FeatureSet) -> None:
    (row,) = tell(told_set, {"segment": ["SMB"]}, {"visits": [3.0], "fee": [-3.0], "segment": [3]})
    assert [reason["concept"] for reason in row] == ["contact", "money", "who"]


def test_the_strongest_in_the_direction_of_its_concept_speaks(told_set: FeatureSet) -> None:
    values = {"visits": [1.0, 1.0], "visits_before": [2.0, 2.0], "calls": [3.0, 3.0]}
    found = tell(
        told_set,
        values,
        {"visits": [9.0, -9.0], "visits_before": [-6.0, 7.0], "calls": [-5.0, 6.0]},
    )
    assert [(row[0]["points"], row[0]["text_en"]) for row in found] == [
        (-2, "Before: 2"),
        (4, "Before: 2"),
    ]


def test_words_compare_with_the_value_before(told_set: FeatureSet) -> None:
    values = {"visits": [4.0, 1250.0, 2.5], "visits_before": [9.0, 1500.0, None]}
    found = tell(told_set, values, {"visits": [9.0, 9.0, 9.0]})
    assert [row[0]["text_en"] for row in found] == [
        "Visits: 9 → 4",
        "Visits: 1,500 → 1,250",
        "Visits: – → 2.5",
    ]
    assert found[0][0]["text_ja"] == "来訪が9回→4回"


def test_a_value_to_compare_with_need_not_be_in_the_model(told_set: FeatureSet) -> None:
    """A model from before the words began to compare."""
    values = pd.DataFrame({"visits_before": [9.0], "visits": [4.0]})
    (row,) = reasons(values, pd.DataFrame({"visits": [6.0]}), np.array([56]), [told_set], 1.0)
    assert row[0]["text_en"] == "Visits: 9 → 4"


def test_missing_values_have_words_of_their_own(told_set: FeatureSet) -> None:
    found = tell(
        told_set,
        {"fee": [None, float("nan")], "segment": [None, np.nan], "listed": [None, None]},
        {"fee": [4.0, 4.0], "segment": [3.0, 0.0], "listed": [0.0, 3.0]},
    )
    for row in found:
        assert [reason["text_en"] for reason in row] == ["not on record"] * 2
        assert [reason["text_ja"] for reason in row] == ["記録なし"] * 2


def test_categories_are_told_as_they_are(told_set: FeatureSet) -> None:
    # braces in data are no places to fill in
    found = tell(told_set, {"segment": ["大企業", "{value}"]}, {"segment": [4.0, 4.0]})
    assert [row[0]["text_ja"] for row in found] == ["大企業", "{value}"]


def test_booleans_are_told_in_words(told_set: FeatureSet) -> None:
    found = tell(told_set, {"listed": [1.0, 0.0]}, {"listed": [4.0, 4.0]})
    assert [row[0]["text_ja"] for row in found] == ["はい", "いいえ"]
    assert [row[0]["text_en"] for row in found] == ["yes", "no"]


def test_the_average_has_no_reasons(told_set: FeatureSet) -> None:
    assert tell(told_set, {}, {"visits": [0.0], "fee": [0.0]}) == [[]]


def test_nobody_has_no_reasons(told_set: FeatureSet) -> None:
    assert tell(told_set, {}, {"visits": []}) == []


def test_equal_facts_are_put_in_words_once(
    told_set: FeatureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["salesml.explanation.reasons"]  # the package has a function of that name
    put = module._tell
    facts: list[tuple[object, object]] = []

    def counted(feature: Any, value: object, previous: object) -> dict[str, str]:
        facts.append((value, previous))
        return put(feature, value, previous)

    monkeypatch.setattr(module, "_tell", counted)
    values = {"visits": [4.0, 4.0, 4.0, 5.0], "visits_before": [9.0, 9.0, 8.0, 9.0]}
    found = tell(told_set, values, {"visits": [9.0] * 4})
    assert facts == [(4.0, 9.0), (4.0, 8.0), (5.0, 9.0)]
    assert found[0] == found[1]
    missing = tell(told_set, {"fee": [None, np.nan]}, {"fee": [9.0, 9.0]})
    assert missing[0] == missing[1]
    assert len(facts) == 4


def test_concepts_of_features(told_set: FeatureSet) -> None:
    assert concepts_of([told_set]) == {
        "visits": "contact",
        "visits_before": "contact",
        "calls": "contact",
        "fee": "money",
        "segment": "who",
        "listed": "who",
    }


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (6, "6"), (-3, "-3"), (0, "0"), (-0.0, "0"), (1234, "1,234"), (0.5, "0.5"), (2.25, "2.2"),
        (99.94, "99.9"), (99.96, "100"), (123.4, "123"), (-1234.6, "-1,235"), (0.04, "0"),
        (-0.04, "0"), (1e9, "1,000,000,000"),
    ],
)  # fmt: skip
def test_numbers_read_well(number: float, text: str) -> None:
    assert f"{Number(number)}" == text


def test_words_may_ask_for_a_format() -> None:
    assert f"{Number(0.123):.0%}" == "12%"
