import datetime as dt
import io
import re
from typing import Any

import pandas as pd
import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from salesml.tables import explain_panel, top_table
from tests.report.samples import frame, reason, row, task

LANGUAGES = ["ja", "en"]


def printed(what: RenderableType, width: int = 100, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(what)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def rows() -> list[dict[str, Any]]:
    told = [
        reason(25, "ログイン日数が6日→1日（30日）", "Days with a login in 30 days: 6 → 1"),
        reason(18, "最後の接点から75日", "Days since the last contact: 75"),
        reason(-3, "契約更新まで200日", "Days to renewal: 200"),
    ]
    return [
        row(90, name="株式会社ソラノネ精機", change=12, expected_value=1234567.0, reasons=told),
        row(60, change=-4, expected_value=12.5),
        row(55, change=0),
        row(20),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 100, 140])
def test_lines_fit_the_width(language: str, width: int) -> None:
    told = [reason(40, "長い理由" * 20, "a very long reason " * 10)]
    long = row(90, name="とても長い名前の株式会社" * 9, change=9, expected_value=1e9, reasons=told)
    table = frame([long, *rows()])
    for what in (
        top_table(task(), table, language),
        explain_panel(task(), table.iloc[0], language),
    ):
        lines = printed(what, width).splitlines()
        assert max(cell_len(line) for line in lines) <= width


def test_panel_edges_are_straight_with_double_width_text() -> None:
    lines = printed(explain_panel(task(), frame(rows()).iloc[0], "ja")).splitlines()
    assert {cell_len(line) for line in lines} == {100}


def test_top_of_a_list_in_japanese() -> None:
    text = printed(top_table(task(), frame(rows()), "ja", limit=2))
    for words in (
        "スコア上位2件（全4件）",
        "株式会社ソラノネ精機",
        "a90",
        "危険",
        "▲ +12",
        "45.0%",
    ):
        assert words in text
    for words in ("1,234,567", "12.50", "▼ −4", "要注意", "+25", "ログイン日数が6日→1日（30日）"):
        assert words in text
    assert "a55" not in text


def test_top_of_a_list_in_english() -> None:
    text = printed(top_table(task(), frame(rows()), "en", limit=9))
    for words in (
        "All 4",
        "Critical",
        "Expected loss",
        "Change",
        "Days to renewal: 200",
        "±0",
        "New",
    ):
        assert words in text


def test_ids_are_whole_where_names_are_cut() -> None:
    id_ = "5572975b6c55e23bb68391a5d1e7f0c2"
    text = printed(top_table(task(), frame([row(90, name="名" * 40, account_id=id_)]), "en"))
    assert "名" * 11 + "…" in text.replace(" …", "…")
    assert "".join(re.findall("[0-9a-f]{8,}", text)) == id_


def test_columns_without_values_are_left_out() -> None:
    text = printed(top_table(task(), frame([row(90)]), "en"))
    assert "Change" not in text
    assert "Expected" not in text


@pytest.mark.parametrize(
    ("language", "words"), [("ja", "対象となる先はありません"), ("en", "Nobody")]
)
def test_an_empty_task_says_so(language: str, words: str) -> None:
    assert words in printed(top_table(task(), frame([]), language))


def test_explanation_has_all_reasons_as_bars() -> None:
    lines = printed(explain_panel(task(), frame(rows()).iloc[0], "en")).splitlines()
    text = "\n".join(lines)
    for words in ("株式会社ソラノネ精機", "a90", "Critical", "45.0%", "▲ +12", "1,234,567"):
        assert words in text
    bars = {
        words: line.count("█") for line in lines for words in ("+25", "+18", "−3") if words in line
    }
    assert bars == {"+25": 9, "+18": 6, "−3": 1}
    # to the right of the axis what raises the score, to the left what lowers it
    assert "│██████ " in text
    assert "█│ " in text
    assert text.index("+25") < text.index("+18") < text.index("−3")
    assert "Average 50 + 40 = 90" in text


def explained(language: str, width: int = 100, **changes: Any) -> str:
    told = [
        {
            **reason(25, "ログインが2日（30日）", "Days with a login: 2"),
            "peers_ja": "顧客全体の中央値は5日",
            "peers_en": "median of all customers: 5 days",
            "help": -8,
        },
        reason(-3, "契約更新まであと200日", "Days to renewal: 200"),
    ]
    moved = [
        {
            "kind": kind,
            "concept": None,
            "points": points,
            "text_ja": "ログインが止まりました: 6日→0日",
            "text_en": "Logins stopped: 6 → 0 days",
        }
        for kind, points in (("fact", 15), ("model", -3))
    ]
    plain = {"change": 12, "reasons": told, "changes": moved, "history": HISTORY, **changes}
    found = pd.Series({**frame([row(72)]).iloc[0].to_dict(), **plain})
    return printed(explain_panel(task(), found, language), width)


HISTORY = [
    {"as_of": dt.date(2025, month, 1), "score": score, "band": "ok", "model_version": "1"}
    for month, score in ((5, 1), (6, 60), (7, 72))
]


def test_explanation_compares_and_says_what_would_help() -> None:
    text = explained("ja")
    assert "顧客全体の中央値は5日 · 中央値並みになればスコア−8" in text
    assert "median of all customers: 5 days · score −8 at the median" in explained("en")
    bare = explained("en", reasons=[reason(22, "料金", "Fee: 5")])
    assert "median" not in bare


def test_explanation_tells_the_history_and_why_it_changed() -> None:
    text = explained("en")
    assert "History ▁▅▆  1 (2025-05-01) → 72 (2025-07-01)" in text
    assert "Why it changed (2025-06-01 → 2025-07-01)" in text
    assert re.search(r"\+15 +Logins stopped: 6 → 0 days\s", text)
    assert re.search(r"−3 +Logins stopped", text)
    assert "前回から変わった理由" in explained("ja")
    first = explained("en", changes=None, history=HISTORY[:1])
    assert "History" not in first
    assert "Why it changed" not in first


def test_a_long_history_shows_its_newest_part() -> None:
    many = [{**HISTORY[0], "score": score} for score in range(1, 100)]
    (line,) = [line for line in explained("en", history=many).splitlines() if "History" in line]
    assert sum(line.count(step) for step in "▁▂▃▄▅▆▇█") == 40
    assert "60 (2025-05-01) → 99" in line


@pytest.mark.parametrize("language", LANGUAGES)
def test_explanation_fits_80_columns(language: str) -> None:
    assert {cell_len(line) for line in explained(language, 80).splitlines()} == {80}


def test_explanation_leaves_out_what_is_unknown() -> None:
    text = printed(explain_panel(task(), frame([row(50, name=None)]).iloc[0], "en"))
    assert text.count("a50") == 1
    assert "On a level with the average" in text
    for words in ("Change", "Expected", "Owner", "Segment", "Average"):
        assert words not in text


def test_explanation_names_owner_and_segment() -> None:
    text = printed(explain_panel(task(), frame([row(90, owner="佐藤", segment="S")]).iloc[0], "ja"))
    assert "担当者 佐藤   セグメント S" in text


def test_a_rise_is_bad_or_good_by_outcome() -> None:
    red, green = "\x1b[31m", "\x1b[32m"
    for outcome, up, down in (("bad", red, green), ("good", green, red)):
        about = task(outcome_is=outcome)
        table = top_table(about, frame(rows()[:2], about), "en")
        text = printed(table, force_terminal=True, color_system="standard")
        assert re.search(re.escape(up) + r" *▲ \+12", text)
        assert re.search(re.escape(down) + r" *▼ −4", text)


@pytest.mark.parametrize(
    "name", ["[red]x[/red]", "[/]", "[link=file:///etc]x", ":smile:", "a\x1b[2Jb"]
)
def test_data_is_neither_markup_nor_terminal_codes(name: str) -> None:
    bad = row(90, name=name, account_id=name, owner=name, reasons=[reason(40, name, name)])
    table = frame([bad])
    shown = name.replace("\x1b", "\ufffd")
    for what in (top_table(task(), table, "en"), explain_panel(task(), table.iloc[0], "en")):
        text = printed(what)
        assert shown in text
        assert "\x1b" not in text
