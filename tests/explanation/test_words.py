from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.explanation.words import event_words, fact_words, quantity
from salesml.features import Feature, load_feature_set

FEATURES = Path(__file__).parents[2] / "features"
SETS = sorted(FEATURES.glob("*/*.sql"))
ODD = ["<script>alert(1)</script>", "🦊", "‮عربي", "{value}", "a'b\"c", "x" * 10_000]


def made(**changes: Any) -> Feature:
    plain: dict[str, Any] = {
        "concept": "login",
        "type": "double",
        "unit": {"ja": "日", "en": "days"},
        "good": "up",
        "missing": "unknown",
        "missing_words": {"ja": "記録がありません", "en": "Nothing on record"},
        "words": {"ja": "ログインが{value}日（30日）", "en": "Days with a login: {value}"},
    }
    return Feature.model_validate({**plain, **changes})


EVENT = {
    "stops": {"ja": "ログインが止まりました", "en": "Logins stopped"},
    "starts": {"ja": "ログインが始まりました", "en": "Logins began"},
    "rises": {"ja": "ログインが増えました", "en": "More logins"},
    "falls": {"ja": "ログインが減りました", "en": "Fewer logins"},
}


@pytest.mark.parametrize(
    ("before", "now", "ja", "en"),
    [
        (6.0, 0.0, "ログインが止まりました: 6日→0日", "Logins stopped: 6 → 0 days"),
        (0.0, 1.0, "ログインが始まりました: 0日→1日", "Logins began: 0 → 1 day"),
        (2.0, 5.0, "ログインが増えました: 2日→5日", "More logins: 2 → 5 days"),
        (5.0, 2.0, "ログインが減りました: 5日→2日", "Fewer logins: 5 → 2 days"),
    ],
)
def test_a_move_is_told_as_an_event(before: float, now: float, ja: str, en: str) -> None:
    found = event_words(made(event=EVENT), before, now)
    assert found == {"text_ja": ja, "text_en": en}


def test_a_move_to_or_from_zero_without_a_name_rises_or_falls() -> None:
    feature = made(event={"rises": EVENT["rises"], "falls": EVENT["falls"]})
    assert event_words(feature, 0.0, 3.0)["text_en"] == "More logins: 0 → 3 days"
    assert event_words(feature, 3.0, 0.0)["text_en"] == "Fewer logins: 3 → 0 days"


def test_an_event_without_a_name_has_both_values_in_the_words() -> None:
    assert event_words(made(), 6.0, 1.0) == {
        "text_ja": "ログインが6日→1日（30日）",
        "text_en": "Days with a login: 6 → 1",
    }
    words = {"ja": "{previous}日→{value}日", "en": "{previous} → {value}"}
    compared = made(words=words, previous="logins_before")
    assert event_words(compared, 6.0, 1.0)["text_ja"] == "6日→1日"
    share = made(unit={"ja": "%", "en": "%"}, words={"ja": "割合{value}%", "en": "{value}% of it"})
    assert event_words(share, 30.0, 20.0)["text_en"] == "30% → 20% of it"


def test_what_is_no_longer_or_newly_on_record_says_so() -> None:
    found = event_words(made(), 150.0, None)
    assert found["text_ja"] == "記録がありません（前回: 150日）"
    assert found["text_en"] == "Nothing on record (last time: 150 days)"
    found = event_words(made(), float("nan"), 3.0)
    assert found["text_ja"] == "ログインが3日（30日）（前回は記録なし）"
    assert found["text_en"] == "Days with a login: 3 (not on record last time)"


def test_what_did_not_move_is_no_event() -> None:
    assert event_words(made(event=EVENT), 3.0, 3.0)["text_en"].startswith(
        "Days with a login: 3 (as last time"
    )
    # nor is what only rounding shows
    assert "as last time" in event_words(made(event=EVENT), 3.01, 3.02)["text_en"]
    assert "Nothing on record (as last" in event_words(made(), None, None)["text_en"]


def test_codes_have_labels_and_others_show_as_they_are() -> None:
    labels = {"renewal": {"ja": "更新", "en": "renewal"}}
    words = {"ja": "種別：{value}", "en": "Kind: {value}"}
    feature = made(type="varchar", good="none", labels=labels, words=words)
    assert fact_words(feature, "renewal") == {"text_ja": "種別：更新", "text_en": "Kind: renewal"}
    assert fact_words(feature, "other")["text_ja"] == "種別：other"
    assert event_words(feature, "other", "renewal")["text_ja"] == "種別：other→更新"
    ranks = made(labels={"2": {"ja": "管理職", "en": "manager"}}, words=words)
    assert fact_words(ranks, 2.0)["text_en"] == "Kind: manager"
    assert quantity(ranks, 2.0, "ja") == "管理職"


def test_booleans_read_naturally() -> None:
    feature = made(
        type="boolean",
        good="down",
        words={"ja": "異動：{value}", "en": "Left: {value}"},
        if_true={"ja": "担当者が異動", "en": "The contact left"},
        event={"starts": {"ja": "担当者が異動しました", "en": "The contact has left"}},
    )
    assert fact_words(feature, 1.0)["text_ja"] == "担当者が異動"
    assert fact_words(feature, 0.0)["text_en"] == "Left: no"
    assert event_words(feature, 0.0, 1.0)["text_en"] == "The contact has left"
    assert event_words(feature, 1.0, 0.0)["text_ja"] == "異動：いいえ"


@pytest.mark.parametrize("text", ODD)
def test_data_are_no_places_to_fill_in(text: str) -> None:
    words = {"ja": "商材：{value}", "en": "Product: {value}"}
    feature = made(type="varchar", good="none", words=words)
    assert fact_words(feature, text)["text_ja"] == f"商材：{text}"
    assert event_words(feature, "x", text)["text_en"] == f"Product: x → {text}"
    assert event_words(feature, text, None)["text_en"].endswith(f"(last time: {text})")


@pytest.mark.parametrize(
    ("unit", "value", "ja", "en"),
    [
        (("日", "days"), 1.0, "1日", "1 day"),
        (("名", "people"), 1.0, "1名", "1 person"),
        (("名", "people"), 1200.0, "1,200名", "1,200 people"),
        (("種類", "categories"), 1.0, "1種類", "1 category"),
        (("回", "times"), 5.0, "5回", "5"),
        (("倍", "×"), 1.25, "1.2倍", "1.2×"),
        (("%", "%"), 30.0, "30%", "30%"),
        (("金額", "amount"), 30809.0, "30,809", "30,809"),
        (("金額", "amount"), 1286253.0, "129万", "1.29 million"),
        (("金額", "amount"), -9083e6, "-90.8億", "-9.08 billion"),
        (("金額", "amount"), 2e12, "2.00兆", "2.00 trillion"),
    ],
)
def test_numbers_have_their_unit(unit: tuple[str, str], value: float, ja: str, en: str) -> None:
    feature = made(unit={"ja": unit[0], "en": unit[1]})
    assert (quantity(feature, value, "ja"), quantity(feature, value, "en")) == (ja, en)


@pytest.mark.parametrize("path", SETS, ids=lambda path: f"{path.parent.name}/{path.stem}")
@given(
    numbers=st.tuples(*[st.one_of(st.none(), st.floats(-1e7, 1e7), st.integers(0, 9))] * 2),
    codes=st.tuples(*[st.one_of(st.none(), st.sampled_from(ODD))] * 2),
)
def test_every_feature_has_words_for_every_move(
    path: Path, numbers: tuple[Any, Any], codes: tuple[Any, Any]
) -> None:
    """Never a column name of ours, a place left open, or NaN."""
    found = load_once(path)
    for name, feature in found.items():
        before, now = codes if feature.type == "varchar" else numbers
        told = event_words(feature, before, now) | {
            f"fact_{key}": text for key, text in fact_words(feature, now, before).items()
        }
        for text in told.values():
            assert text
            assert "nan" not in text.replace("finance", "").lower().split()
            assert "_" not in name or name not in text
            if feature.type != "varchar":
                assert "{" not in text


_LOADED: dict[Path, dict[str, Feature]] = {}


def load_once(path: Path) -> dict[str, Feature]:
    if path not in _LOADED:
        _LOADED[path] = load_feature_set(FEATURES, path.parent.name, path.stem).features
    return _LOADED[path]
