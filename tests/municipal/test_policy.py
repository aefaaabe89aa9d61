from __future__ import annotations

import datetime as dt
import random
import sys
import types
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from salesml.errors import ConfigError
from salesml.features import load_feature_set, run_examples
from salesml.municipal.policy import PolicyConfig, SolutionConfig, policy_fit, priorities, reader
from salesml.municipal.settings import MunicipalConfig, default_municipal
from salesml.municipal.tables import as_arrow

FEATURES = Path(__file__).resolve().parents[2] / "features"
DEFAULT = default_municipal()
SOLUTION = {
    "name": {"ja": "電子申請サービス", "en": "Online applications"},
    "description": "住民がスマートフォンから行政手続きをオンラインで申請できるサービスです。"
    "窓口に来なくても手続きが終わり、職員の業務も減ります。",
    "keywords": ["電子申請", "書かない窓口"],
}
GREETING = "議員の皆様、市民の皆様には、日頃から市政にご理解とご協力を賜り、厚くお礼申し上げます。"
ROADS = "道路の除雪と橋梁の補修を計画的に進めます。冬の間も安心して通れる道を守ります。"
ONLINE = "窓口に来なくてもスマートフォンで申請できるよう、行政手続きのオンライン化を進めます。"
TEXTS = st.text("市民の皆様道路除雪電子申請オンライン。\n 3１AbＡＩ", max_size=60)


def config(policy: dict[str, Any] | None = None, **solution: object) -> MunicipalConfig:
    changed = DEFAULT.policy.model_copy(update=policy or {})
    sold = SolutionConfig.model_validate(SOLUTION | solution)
    return DEFAULT.model_copy(update={"solution": sold, "policy": changed})


def documents(*texts: str | None, days: list[int] | None = None) -> dict[str, pd.DataFrame]:
    """One document a day, or on *days*, each of a municipality of its own."""
    first = dt.datetime(2023, 3, 1)
    dates = [first + dt.timedelta(days=day) for day in days or range(len(texts))]
    rows = {
        "municipality_id": [f"{i:05}" for i in range(len(texts))],
        "document_id": [f"d{i:02}" for i in range(len(texts))],
        "kind": "speech",
        "published_on": [date.date() for date in dates],
        "known_at": pd.Series(dates, dtype="datetime64[us]"),
        "text": pd.Series(texts, dtype="object"),
    }
    return {"documents": pd.DataFrame(rows)}


def fit(*texts: str | None, **given: Any) -> pd.DataFrame:
    return policy_fit(documents(*texts, **given), config())


def test_the_passage_that_speaks_of_the_solution_is_found_and_kept() -> None:
    speech = "\n".join([GREETING * 4, ROADS * 4, ONLINE, ROADS * 4, GREETING])
    found = fit(speech, ROADS * 8).set_index("document_id")
    assert ONLINE in found.passage["d00"]
    assert "オンライン" in found.terms["d00"].split("、")
    assert found.similarity["d00"] > 3 * found.similarity["d01"]


def test_a_greeting_is_no_policy() -> None:
    found = fit(GREETING, ONLINE)
    assert found.similarity[0] < found.similarity[1] / 3


def test_what_common_documents_say_weighs_less() -> None:
    alone = fit("行政手続きを進めます。道路も守ります。").similarity[0]
    after = fit(*["行政手続きについて説明しました。"] * 5, "行政手続きを進めます。道路も守ります。")
    assert after.similarity[5] < alone


@pytest.mark.parametrize(
    "text", [SOLUTION["description"], "電子申請サービス、電子申請、書かない窓口"]
)
def test_the_same_text_has_similarity_1(text: str) -> None:
    assert fit(ROADS, text, days=[0, 1]).similarity[1] == 1.0


def test_full_width_writing_and_broken_lines_are_the_same_text() -> None:
    spaced = "電子申請\nサービス、 電子 申請、書かない　窓口"
    assert fit(spaced).similarity[0] == 1.0
    ai = config(description="ＡＩで3次元の図面を描きます。", keywords=["AI"])
    assert policy_fit(documents("AIで３次元の 図面を描きます。"), ai).similarity[0] == 1.0


def test_documents_without_words_are_counted_and_left_out() -> None:
    told: list[str] = []
    found = policy_fit(documents("", None, " \n。", ONLINE), config(), told.append)
    assert list(found.document_id) == ["d03"]
    assert told == ["documents: 3 without any words are left out"]
    assert set(priorities(documents("", None, ONLINE), config()).document_id) == {"d02"}


@pytest.mark.parametrize("tables", [{}, documents()])
def test_no_documents_and_nothing_sold_give_empty_tables_of_the_same_types(
    tables: dict[str, pd.DataFrame],
) -> None:
    empty, full = policy_fit(tables, config()), fit(ONLINE)
    assert empty.empty
    assert (empty.dtypes == full.dtypes).all()
    assert as_arrow(empty, "policy_fit").schema == as_arrow(full, "policy_fit").schema
    assert policy_fit(documents(ONLINE), DEFAULT).empty
    shares = priorities(tables, config())
    assert (
        as_arrow(shares, "priorities").schema
        == as_arrow(priorities(documents(ONLINE), config()), "priorities").schema
    )


@given(st.lists(TEXTS, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_rows_do_not_depend_on_order(texts: list[str], shuffled: random.Random) -> None:
    days = [shuffled.randrange(3) for _ in texts]
    tables = documents(*texts, days=days)
    order = list(range(len(texts)))
    shuffled.shuffle(order)
    other = {"documents": tables["documents"].iloc[order]}
    found = policy_fit(tables, config())
    assert found.similarity.between(0, 1).all()
    assert_frame_equal(found, policy_fit(other, config()))
    assert_frame_equal(priorities(tables, config()), priorities(other, config()))


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
@settings(max_examples=30, deadline=None)
def test_later_documents_change_no_earlier_row(texts: list[str], later: str) -> None:
    before, after = fit(*texts), fit(*texts, later)
    assert_frame_equal(before, after[after.document_id.isin(before.document_id)])


def test_documents_of_one_day_do_not_see_each_other() -> None:
    alone, together = fit(ONLINE), fit(ONLINE, ROADS, ONLINE * 2, days=[0, 0, 0])
    assert_frame_equal(alone, together.head(1))


def test_one_long_document() -> None:
    """As long as the minutes of a year; ten megabytes take ten times as long, 2 s."""
    found = fit((ROADS + GREETING) * 3000 + ONLINE + ROADS * 1000)
    assert "オンライン" in found.passage[0]


def shares(text: str, settings: MunicipalConfig) -> pd.Series:
    return priorities(documents(text), settings).set_index("theme")["share"]


def test_themes_by_the_passages_that_speak_of_them() -> None:
    lines = ["本日はお集まりいただき", "ＤＸを進め、防災に", "避難所を整え", "市民の皆様には"]
    found = shares("\n".join(line + "あ" * 220 for line in lines), config())
    assert found["digital"] == 0.25
    assert found["disaster"] == 0.5
    assert found["economy"] == 0


def test_latin_keywords_are_whole_words() -> None:
    assert shares("Maintain the digital kaizen.", config())["digital"] == 0
    assert shares("生成aiを使います。", config())["digital"] == 1


def test_the_theme_of_the_solution() -> None:
    def of(**solution: object) -> list[str]:
        found = priorities(documents(ROADS), config(**solution))
        return list(found.theme[found.of_solution])

    assert of() == ["digital"]
    assert of(theme="town") == ["town"]
    nothing = {"name": {"ja": "甲", "en": "A"}, "description": "乙です。", "keywords": []}
    assert of(**nothing) == []


def test_words_and_vectors_name_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, kind, extra in (
        ("sudachipy", {"similarity": "words"}, "text"),
        ("sentence_transformers", {"similarity": "vectors", "model": "m"}, "vectors"),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ConfigError, match=rf"pip install 'salesml\[{extra}\]'"):
            policy_fit(documents(ONLINE), config(policy=kind))


def test_vectors_of_a_sentence_model(monkeypatch: pytest.MonkeyPatch) -> None:
    class Model:
        def __init__(self, name: str) -> None:
            assert name == "models/ja"

        def encode(self, texts: list[str]) -> np.ndarray:
            return np.array([[text.count("申請"), 1.0, -1.0] for text in texts])

    package = types.SimpleNamespace(SentenceTransformer=Model)
    monkeypatch.setitem(sys.modules, "sentence_transformers", package)
    asked = config(policy={"similarity": "vectors", "model": "models/ja"})
    found = policy_fit(documents(ROADS, "申請です。" * 2), asked)
    assert found.similarity[0] < found.similarity[1] == 1.0
    assert found.terms[1] == "申請"


def test_words_of_a_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Word(str):
        def part_of_speech(self) -> tuple[str, ...]:
            return ("助詞" if self in "のを" else "名詞", "*")

        def normalized_form(self) -> str:
            return self.replace("手続き", "手続")

    tokenizer = types.SimpleNamespace(tokenize=lambda text: map(Word, text.split("/")))
    dictionary = types.SimpleNamespace(tokenizer={"A": tokenizer}.get)
    package = types.SimpleNamespace(Dictionary=lambda: dictionary)
    monkeypatch.setitem(sys.modules, "sudachipy", package)
    rows = reader(DEFAULT.policy.model_copy(update={"similarity": "words"})).rows
    same, other = rows(["手続き/の/電子", "手続/を/電子"])
    assert (same != other).nnz == 0
    assert same.nnz == 3  # two words and the pair of them


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"similarity": "vectors"}, "go together"),
        ({"model": "m"}, "go together"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, Any], wrong: str) -> None:
    content = DEFAULT.policy.model_dump() | given
    with pytest.raises(ValueError, match=wrong):
        PolicyConfig.model_validate(content)


@pytest.mark.parametrize("name", ["policy_fit", "priorities"])
def test_the_examples_of_the_feature_sets(name: str) -> None:
    with duckdb.connect() as con:
        run_examples(con, load_feature_set(FEATURES, "municipality", name))


def test_every_default_theme_has_words_in_the_feature_set() -> None:
    labels = load_feature_set(FEATURES, "municipality", "priorities").features["main_theme"].labels
    themes = DEFAULT.themes
    assert set(labels) == set(themes)
    assert {name: label.ja for name, label in labels.items()} == {
        n: t.ja for n, t in themes.items()
    }


def test_an_unknown_theme_of_the_solution_is_named_with_its_line() -> None:
    own = config(theme="digitel")
    [(place, text)] = own.problems()
    assert place == ("solution", "theme")
    assert text == ("the solution belongs to the unknown theme 'digitel'. Did you mean 'digital'?")
