"""Actions in the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from salesml.action_tables import agenda_view, brought_tables, next_action, night_view, top_actions
from salesml.actions.deciding import Actions
from salesml.config import Words
from salesml.report.agenda import todo_of
from tests.report.decisions import acting, agenda, brought, todo
from tests.report.samples import AS_OF

LANGUAGES = ["ja", "en"]


def printed(what: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def actions() -> Actions:
    about = acting()
    fired = pd.DataFrame(
        [
            ("account", f"p{i}", f"サイン{i}", f"Sign {i}", n)
            for i, n in enumerate([3, 2, 1, 1, 1, 1, 1])
        ],
        columns=["entity", "play", "name_ja", "name_en", "n"],
    )
    return Actions(about.agenda, about.agenda, about.loads, fired, list(about.notes))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 140])
def test_lines_fit_the_width(language: str, width: int) -> None:
    long = todo(name="とても長い名前の株式会社" * 9, assignee="長い名前" * 30, value=1e12)
    rows = agenda(long, *[todo(f"a{i}", due=i - 2) for i in range(4)])
    for what in (
        agenda_view(rows, AS_OF, language, "JPY"),
        top_actions(rows, AS_OF, language, "JPY"),
        brought_tables(brought(), language, "JPY"),
        night_view(replace(actions(), agenda=rows), AS_OF, language, "JPY"),
    ):
        assert max(cell_len(line) for line in printed(what, width).splitlines()) <= width


def test_a_table_a_person_the_pressing_first() -> None:
    text = printed(agenda_view(acting().agenda, AS_OF, "ja", "JPY"))
    assert "今日の予定  7/1（火）" in text
    heads = [text.index(head) for head in ("田中 部長  1件", "佐藤 花子  3件", "鈴木 一郎  1件")]
    assert heads == sorted(heads)
    assert "期限超過 1件" in text
    for words in ("9日超過", "エスカレーション", "至急", "60日間ログインなし", "+5.0pt（仮定）"):
        assert words in text


def test_nothing_to_do_and_nobody_to_do_it() -> None:
    assert "Nothing is to be done" in printed(agenda_view(agenda(), AS_OF, "en", "JPY"))
    alone = agenda(todo(assignee=None, assignee_id=None))
    assert "担当未定" in printed(agenda_view(alone, AS_OF, "ja", "JPY"))


def test_names_are_no_markup() -> None:
    text = printed(agenda_view(agenda(todo(name="[red]\x1b[2J", due=None)), AS_OF, "en", "JPY"))
    assert "[red]" in text
    assert "\x1b" not in text
    assert "No deadline" in text


def test_what_a_night_decided() -> None:
    text = printed(night_view(actions(), AS_OF, "en", "JPY"), 200)
    assert "To do 5   New today 3   Overdue 2   Escalated 1   Expected to bring ¥570,000" in text
    assert "New signs Sign 0 3, Sign 1 2" in text
    assert ", and 1 more" in text
    assert "佐藤 花子 90/1,200 min, 鈴木 一郎 30/1,500 min" in text
    assert "A condition matches nobody." in text
    assert "Phone · 30 min · 田中 部長" in text


def test_a_night_without_anything_to_do() -> None:
    about = actions()
    nothing = replace(about, agenda=agenda(), fired=about.fired.iloc[:0], notes=[])
    text = printed(night_view(nothing, AS_OF, "en", "JPY"))
    assert "To do 0" in text
    assert "New signs" not in text
    assert "Until" not in text


def test_one_action_with_all_reasons() -> None:
    row = agenda(todo(effect_source="learnt", value=None)).iloc[0].to_dict()
    text = printed(next_action(todo_of(row, AS_OF), "en", "JPY"))
    for words in (
        "Next action  Check-in call  Phone · 30 min",
        "2 days left Thu 3 Jul   佐藤 花子   – +5.0 pts",
        "Sign: No login for 60 days",
        "Evidence: Of 120 alike, more stayed",
        "What to bring: A summary of usage",
        "Best reached: phone, around 10:00",
    ):
        assert words in text


def test_what_actions_brought() -> None:
    text = printed(brought_tables(brought(), "ja", "JPY"), 140)
    for words in (
        "状況確認の電話",
        "+1.0 – +9.0",
        "¥1,500,000",
        "提案どおり",
        "3か月分の結果です。",
    ):
        assert words in text
    few = Words(ja="まだ少ない", en="Too few")
    nothing = brought(actions=brought().actions.iloc[:0], notes=[few])
    assert printed(brought_tables(nothing, "en", "JPY")).splitlines() == [
        "There are not enough outcomes yet to tell what actions brought; they will show here.",
        "Too few",
    ]
