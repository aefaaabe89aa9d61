"""What is to be done, as readers see it."""

import base64
import datetime as dt
import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.config import Words
from salesml.report import ActionSection, render
from salesml.report.agenda import channel_words, counts, pressing, todo_of
from salesml.report.agenda_packed import pack_agenda
from salesml.report.agenda_view import agenda_view
from salesml.report.notices import notices, unacted
from tests.report.decisions import CONCEPT, EFFECT, PLAY, acting, agenda, todo
from tests.report.page import Element, read_page
from tests.report.runs import NOW
from tests.report.samples import AS_OF, project, row, section, task


def seen(**values: Any) -> Any:
    return todo_of(agenda(todo(**values)).iloc[0].to_dict(), AS_OF)


def unpacked(packed: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def page_of(folder: Path, actions: ActionSection | None, **config: Any) -> Element:
    path = render(
        project(folder, **config),
        as_of=AS_OF,
        run_id="run-1",
        now=NOW,
        sections=[section([row(90), row(60)])],
        reads=[],
        exports=[],
        actions=actions,
    )
    return read_page(path)


@pytest.mark.parametrize(
    ("due", "ja", "en"),
    [
        (-9, "9日超過", "9 days late"),
        (-1, "1日超過", "1 day late"),
        (0, "今日まで", "today"),
        (1, "明日まで", "tomorrow"),
        (1200, "あと1,200日", "1,200 days left"),
        (None, "期限なし", "No deadline"),
    ],
)
def test_deadlines_are_told_from_today(due: int | None, ja: str, en: str) -> None:
    found = seen(due=due)
    assert found.deadline == Words(ja=ja, en=en)
    assert found.late == (due is not None and due < 0)


def test_one_thing_to_do() -> None:
    found = seen(since=5, effect=-0.0123, effect_source="learnt", urgent=True)
    assert (found.title.ja, found.channel.ja, found.minutes) == ("状況確認の電話", "電話", 30)
    assert (found.by.text, found.name.text, found.id.text) == ("佐藤 花子", "会社a90", "a90")
    assert found.since == AS_OF - dt.timedelta(days=5)
    assert (found.gain, found.learnt, found.urgent, found.escalated) == ("−1.2", True, True, False)
    assert found.why == Words(ja=PLAY["ja"], en=PLAY["en"])
    assert found.best == Words(ja="電話、10時台", en="phone, around 10:00")
    assert found.next is None


def test_what_is_not_known_is_left_out() -> None:
    nothing = dict.fromkeys(
        ["name", "assignee", "minutes", "effect", "value", "material_ja", "material_en", "channel"]
    )
    found = seen(**nothing, reasons=[EFFECT])
    assert (found.name.text, found.by.text, found.minutes) == ("a90", "R1", None)
    assert (found.material, found.gain, found.channel.en) == (None, "", "")
    assert found.why == Words(ja=EFFECT["ja"], en=EFFECT["en"])
    assert seen(reasons=None).why is None
    assert seen(since=0).since is None


@pytest.mark.parametrize("value", [-5.0, 0.0, 0.3])
def test_a_play_that_gains_nothing_shows_no_gain(value: float) -> None:
    play = seen(how="play", play="sign", value=value, effect=0.0004, effect_low=-0.1)
    assert (play.value, play.effect, play.low, play.gain) == (None, None, None, "")
    assert seen(play="sign", value=-5.0).gain == "+5.0"
    assert seen(value=value).value == value


def test_an_outlook_on_nothing_is_not_told() -> None:
    words = {"next_ja": "次の動き", "next_en": "Next"}
    assert seen(next_kind="nothing", **words).next is None
    assert seen(next_kind="reply", **words).next == Words(ja="次の動き", en="Next")


def test_an_effect_told_before_says_of_when() -> None:
    assert dict(seen(since=5).reasons)["effect"] == Words(
        ja=f"{EFFECT['ja']}（6/26（木）時点）", en=f"{EFFECT['en']} (on Thu 26 Jun)"
    )
    assert dict(seen().reasons)["effect"].en == EFFECT["en"]


def test_what_chance_chose_is_said_to_be_a_trial() -> None:
    found = seen(how="explored", value=-5.0, effect=-0.01)
    assert found.why is not None
    assert "by chance" in found.why.en
    assert found.reasons[1][0] == "play"


def test_a_channel_of_their_own_is_told_as_it_is() -> None:
    assert channel_words("fax") == Words(ja="fax", en="fax")
    assert channel_words("meeting").ja == "打ち合わせ"


def test_the_pressing_comes_first() -> None:
    rows = agenda(
        todo("later", due=9),
        todo("worth", due=5, value=9e9),
        todo("never", due=None),
        todo("soon", due=5),
        todo("urgent", due=7, urgent=True),
        todo("escalated", due=3, how="escalated"),
        todo("late and worth little", due=-9, value=60.0),
        todo("late", due=-1),
    )
    order = [
        *("escalated", "urgent", "late", "late and worth little"),
        *("worth", "soon", "later", "never"),
    ]
    assert pressing(rows, AS_OF)["entity_id"].tolist() == order


def test_figures() -> None:
    found = counts(acting().agenda, AS_OF)
    assert (found.todo, found.new, found.overdue, found.escalated) == (5, 3, 2, 1)
    assert found.value == 570_000
    nobody = counts(agenda(), AS_OF)
    assert (nobody.todo, nobody.value) == (0, 0)
    assert counts(agenda(todo(value=-5.0), todo(value=None)), AS_OF).value == 0


due_days = st.lists(st.one_of(st.none(), st.integers(-40, 40)), min_size=1, max_size=30)


@settings(max_examples=30)
@given(due_days)
def test_order_keeps_every_row_and_late_ones_lead(days: list[int | None]) -> None:
    rows = agenda(*[todo(f"a{i}", due=due) for i, due in enumerate(days)])
    told = [todo_of(r, AS_OF) for r in pressing(rows, AS_OF).to_dict("records")]
    assert sorted(t.key for t in told) == sorted(rows["entity_id"])
    late = [t.late for t in told]
    assert late == sorted(late, reverse=True)
    left = [max(t.left, -1) for t in told if t.left is not None]
    assert left == sorted(left)


def test_the_page_holds_every_row() -> None:
    about = acting(todo(due=-2, since=5, how="escalated"), todo("b", name=None, assignee="Abe"))
    rows = [todo_of(r, AS_OF) for r in about.agenda.to_dict("records")]
    found = unpacked(pack_agenda(rows, "JPY"))
    assert found["id"] == ["a90", "b"]
    assert found["name"] == ["会社a90", ""]
    assert (found["owners"], found["owner"]) == (["Abe", "佐藤 花子"], [1, 0])
    assert (found["left"], found["flags"]) == ([-2, 2], [2, 0])
    assert found["entitys"] == [["顧客", "Customer", "account"]]
    assert found["dates"][found["due"][0]] == ["6/29（日）", "Sun 29 Jun", "2025-06-29"]
    assert found["since"][1] == -1
    assert [found["texts"][code] for code in found["title"]] == [
        ["状況確認の電話", "Check-in call"]
    ] * 2
    first = found["reasons"][0]
    assert [first[0], found["texts"][first[3]]] == [0, [CONCEPT["ja"], CONCEPT["en"]]]


def test_ten_thousand_do_not_make_the_page_huge(tmp_path: Path) -> None:
    many = pd.concat([acting().agenda] * 2_000, ignore_index=True)
    many["entity_id"] = [f"a{i}" for i in range(len(many))]
    many["name"] = "会社" + many["entity_id"]
    page = page_of(tmp_path, acting(agenda=many))
    assert len(page.one("section", id="today").one("div", css="list").one("tbody").all("tr")) == 50
    path = tmp_path / "var/sample/report" / f"{AS_OF}.html"
    assert path.stat().st_size < 700_000


def test_the_list_of_today_in_both_languages(tmp_path: Path) -> None:
    part = page_of(tmp_path, acting()).one("section", id="today")
    rows = part.one("div", css="list").one("tbody").all("tr")
    assert [row.one("th").said("ja") for row in rows][:2] == [
        "会社a60 顧客 a60",
        "会社a20 顧客 a20",
    ]
    first = rows[0]
    assert "overdue" in first.classes
    for words in ("9日超過", "エスカレーション", "6/19（木）に提案", "田中 部長", "スコアの理由"):
        assert words in first.said("ja")
    assert "9 days late" in first.said("en")
    assert "What to bring A summary of usage" in first.said("en")
    assert "至急" in rows[1].said("ja")
    assert "60日間ログインなし 3" in part.one(css="signs").said("ja")


def test_who_has_how_much_to_do() -> None:
    view = agenda_view(acting(), "JPY")
    assert [(load.name.text, load.todo, load.overdue, load.share) for load in view.loads] == [
        ("佐藤 花子", 3, 1, 8),
        ("鈴木 一郎", 1, 0, 2),
    ]
    assert view.loads_open
    idle = pd.DataFrame([("R9", "Idle", "CS", 0, 0)], columns=acting().loads.columns)
    assert agenda_view(acting(loads=idle), "JPY").loads == []


def test_why_others_were_not_asked(tmp_path: Path) -> None:
    part = page_of(tmp_path, acting()).one("section", id="today").one("ul", css="left")
    said = [item.said("en") for item in part.all("li")]
    assert said[0] == "Under way (an earlier action is open) 4"
    assert len(said) == 3


def test_a_scored_row_tells_what_is_next(tmp_path: Path) -> None:
    page = page_of(tmp_path, acting())
    lines = page.one("section", id="task-churn").all(css="next-brief")
    assert [line.said("ja") for line in lines] == [
        "→ 状況確認の電話 2日超過 · 佐藤 花子",
        "→ 状況確認の電話 9日超過 · 田中 部長",
    ]


def test_a_project_without_actions_has_no_such_parts(tmp_path: Path) -> None:
    page = page_of(tmp_path, None)
    assert not page.all(id="today")
    assert not page.all(id="brought")
    assert "#today" not in [link.attributes.get("href") for link in page.all("a")]


def test_nothing_to_do_is_said(tmp_path: Path) -> None:
    part = page_of(tmp_path, acting(agenda=agenda(), brought=None)).one("section", id="today")
    assert "今日やることはありません。" in part.said("ja")


def test_hidden_names_are_nowhere(tmp_path: Path) -> None:
    notes = [Words(ja="秘密部長は退職", en="秘密部長 left")]
    hidden = acting(
        todo(name="秘密商事", assignee="秘密太郎", owner="秘密花子"),
        loads=acting().loads.assign(name="秘密太郎"),
        notes=notes,
    )
    page = page_of(tmp_path, hidden, report={"names": "hidden"})
    text = (tmp_path / "var/sample/report" / f"{AS_OF}.html").read_text(encoding="utf-8")
    packed = [unpacked(found) for found in re.findall(r"data-packed>([^<]+)<", text)]
    assert "秘密" not in text + json.dumps(packed, ensure_ascii=False)
    assert "R1" in page.one("section", id="today").one("div", css="list").one("tbody").said("ja")


def test_names_from_a_crm_are_text(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    page = page_of(tmp_path, acting(todo(name=evil, assignee=evil, title_ja=evil, title_en=evil)))
    assert not page.all("img")


def test_notices() -> None:
    found = notices([], [], [], actions=acting())
    assert [(n.words.en, n.part, n.serious) for n in found] == [
        ("Actions past their deadline: 2.", "today", True),
        ("Notes on actions: 1.", "action-notes", False),
    ]
    calm = replace(acting(todo()), notes=())
    assert notices([], [], [], actions=calm) == []
    assert list(unacted("")) == []
    assert next(unacted("no disk\ntraceback")).words.en.endswith("(no disk)")


def test_a_task_of_another_entity_has_no_next_action(tmp_path: Path) -> None:
    lead = todo("a90", entity="lead")
    page = page_of(tmp_path, acting(lead))
    assert task().entity == "account"
    assert not page.all(css="next-brief")
