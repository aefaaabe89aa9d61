from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes import WORDS, feature, feature_set

from salesml.explanation import reasons, scores, words
from salesml.explanation.points import concepts_of
from salesml.explanation.words import Number
from salesml.features import FeatureSet

UNKNOWN_WORDS = {"missing": "unknown", "missing_words": {"ja": "記録なし", "en": "not on record"}}


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
    nothing = {"peers_ja": None, "peers_en": None, "help": None}
    money = {"concept": "money", "text_ja": "料金は1,234.50", "text_en": "Fee: 1,234.50"}
    contact = {"concept": "contact", "text_ja": "前は9回", "text_en": "Before: 9"}
    assert row == [{**money, "points": 13, **nothing}, {**contact, "points": -12, **nothing}]


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
    put = words.fact_words
    facts: list[tuple[object, object]] = []

    def counted(feature: Any, value: object, previous: object) -> dict[str, str]:
        facts.append((value, previous))
        return put(feature, value, previous)

    monkeypatch.setattr(words, "fact_words", counted)
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
