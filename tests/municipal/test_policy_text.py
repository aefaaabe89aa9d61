from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.municipal.policy import excerpt, matching_terms, normalised, passages

SENTENCE = "本市は、誰もが安心して暮らせるまちづくりを進めます。"


def test_sentences_are_put_together_whole() -> None:
    found = passages(SENTENCE * 40)
    assert len(found) > 1
    assert all(200 <= len(passage) <= 300 for passage in found[:-1])
    assert all(passage.endswith("。") for passage in found)
    assert "".join(found) == SENTENCE * 40


def test_a_sentence_that_does_not_end_is_cut() -> None:
    assert [len(passage) for passage in passages("あ" * 700)] == [300, 300, 100]


@pytest.mark.parametrize("text", ["", " \n\r\n", "。。、…！？", "　"])
def test_no_words_no_passages(text: str) -> None:
    assert passages(text) == []


def test_writing_is_made_one() -> None:
    assert (
        normalised("Ｓｍａｒｔ　Ｃｉｔｙ構想に 約１億 5,000万円㈱")
        == "Smart City構想に約1億5,000万円(株)"
    )
    assert passages("デジ\nタル化を\r\n進めます") == ["デジタル化を進めます"]
    assert passages("smart\ncity") == ["smart city"]


def test_a_dot_within_a_figure_ends_no_sentence() -> None:
    long = "あ" * 190
    assert passages(f"{long}率は３．５％です．次の文です．") == [f"{long}率は3.5%です.次の文です."]


@given(st.text("あ行政デAb１. 。、\n", max_size=900))
def test_passages_hold_all_words_and_none_is_long(text: str) -> None:
    found = passages(text)
    assert all(0 < len(passage) <= 300 for passage in found)
    assert re.sub(r"\W", "", "".join(found)) == re.sub(r"\W", "", normalised(text))


def test_terms_are_words_of_the_passage() -> None:
    query = "行政手続きのオンライン化と３Ｄ都市モデルのシミュレーション、AIの活用"
    passage = "行政手続きをオンラインにし、3D都市モデルやＡＩ、コミュニケーションを活かします。"
    assert matching_terms(query, passage) == ["3D都市モデル", "行政手続き", "オンライン", "AI"]


def test_pieces_of_words_are_no_terms() -> None:
    assert matching_terms("センター、AI", "データ、MAIN、ステーション") == []


def test_terms_by_weight_and_none_within_another() -> None:
    found = matching_terms("都市計画と都市", "都市の計画、都市計画、計画", weight=lambda t: -len(t))
    assert found == ["都市計画"]
    assert matching_terms("道路、除雪、橋梁", "除雪、橋梁、道路", limit=2) == ["除雪", "橋梁"]


@given(
    st.text("都市計画デジタルaＡ１の、", max_size=30),
    st.text("都市計画デジタルaＡ１の、", max_size=30),
)
def test_each_term_stands_in_both(query: str, passage: str) -> None:
    for term in matching_terms(query, passage):
        assert term in normalised(passage)
        assert term.lower() in normalised(query).lower()


def test_words_stay_whole_and_figures_alone_are_none() -> None:
    found = matching_terms("子育てを進め、2024年に30%", "子育ての支援を進めます。2024、30%です。")
    assert found == ["子育て"]


def test_an_excerpt_holds_the_sentences_with_terms() -> None:
    passage = "挨拶です。申請を直します。道路です。3.5%の窓口もです。終わりです。"
    assert excerpt(passage, ["申請", "窓口"]) == "申請を直します。…3.5%の窓口もです。"
    assert excerpt(passage, ["直します", "道路"]) == "申請を直します。道路です。"
    assert excerpt(passage, []) == excerpt(passage, ["橋"]) == passage
