from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from salesml.config import Words
from salesml.report import TaskSection, render
from salesml.report.municipal import Approach, Municipal, Passage, Peer, Span
from tests.report.municipalities import TODAY, approach, municipal_section
from tests.report.page import Element
from tests.report.runs import NOW, full_page, page_of
from tests.report.samples import AS_OF, project, section

HOSTILE = "</script><img src=x onerror=alert(1)>"
MOST = 5_000_000  # bytes of a page


def unpacked(page: Element) -> Any:
    (script,) = (s for s in page.all("script") if "data-packed" in s.attributes)
    return json.loads(gzip.decompress(base64.b64decode(script.text)))


def with_approach(made: TaskSection, told: Approach) -> TaskSection:
    first = str(made.scores["municipality_id"].iloc[0])
    return replace(made, municipal=Municipal(TODAY, approaches={first: told}))


def test_other_tasks_have_no_map(tmp_path: Path) -> None:
    page = full_page(tmp_path)
    assert not page.all("div", "municipal")
    assert not page.all("select", data_filter="prefecture")


def test_the_map_names_counts_and_tells_every_prefecture(tmp_path: Path) -> None:
    page = page_of(tmp_path, [municipal_section()])
    tiles = page.one("div", "tiles")
    buttons = tiles.all("button", "tile")
    assert len(buttons) == 46  # nobody is scored in 奈良
    assert [span.said("ja").replace(" ", "") for span in tiles.all("span", "tile")] == ["奈良"]
    first = buttons[0]
    assert first.attributes["style"] == "grid-area:1/14"
    assert first.said("ja").replace(" ", "").startswith("北海道2「A」2件／全3件、平均86.0点")
    assert "2 of 3 in “A”, mean score 86.0" in first.said("en")


def test_the_calendar_is_told_in_both_languages(tmp_path: Path) -> None:
    year = page_of(tmp_path, [municipal_section()]).one("figure", "year")
    ja, en = year.said("ja"), year.said("en")
    for words in ("2025年度の予算カレンダー", "査定 2025-10-01 – 2025-12-31", "デジタル実装補助金"):
        assert words in ja
    for words in ("Budget year 2025", "Assessment 2025-10-01 – 2025-12-31", "42 eligible"):
        assert words in en
    assert "until 2025-08-29 59 days" in en
    assert "2025-08-29まで あと59日" in ja


def test_what_is_over_today_says_so(tmp_path: Path) -> None:
    made = municipal_section()
    window = Span("subsidy", Words(ja="公募", en="Call"), TODAY, TODAY)
    year = page_of(tmp_path, [replace(made, municipal=Municipal(TODAY, [window]))])
    assert "until 2025-07-01 today" in year.one("ol", "coming").said("en")


def test_stages_say_what_to_bring_and_to_whom(tmp_path: Path) -> None:
    steps = page_of(tmp_path, [municipal_section()]).one("details", "steps")
    rows = steps.one("tbody").all("tr")
    assert len(rows) == 5
    assert "now" in rows[0].classes
    assert rows[0].said("en") == (
        "Requests now 2025-07-01 – 2025-09-30 Reasons and numbers finance department justification"
    )
    assert "There are no minutes." in steps.parent.said("en") if steps.parent else False


def test_the_first_rows_tell_how_to_approach_them(tmp_path: Path) -> None:
    page = page_of(tmp_path, [municipal_section()])
    first = page.one("div", "list").one("tbody").all("tr")[0].one("details").said("ja")
    for words in ("いま、誰に何を", "財政部門", "次の期限 予算要求の締切 2025-09-30", "旭川市"):
        assert words in first


def test_listed_ones_are_told_in_full_and_others_not_at_all(tmp_path: Path) -> None:
    packed = unpacked(page_of(tmp_path, [municipal_section()]))
    told = packed["profiles"]["0"]["approach"]
    assert told["talks"][0] == ["財政部門", "finance department", "予算の根拠", "justification"]
    assert told["peers"][0] == ["旭川市", "北海道", "2023-10-01", 0.91]
    assert told["passage"][0] == "総合計画 2024"
    assert told["outlook"][0] == ["予算要求", "Requests", "2025-07-01", 81]
    assert (told["election"], told["contact"]) == ("2027-04-11", True)
    assert "approach" not in packed["profiles"]["50"]
    assert packed["prefectures"][0] == ["北海道", "Hokkaido"]
    assert len(packed["prefectures"]) == 46
    places = {packed["id"][i][:2]: place for i, place in enumerate(packed["prefecture"])}
    assert packed["prefectures"][places["13"]] == ["東京", "Tokyo"]


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    made = with_approach(municipal_section(), Approach())
    packed = unpacked(page_of(tmp_path, [made]))
    assert packed["profiles"]["0"]["approach"] == {}
    bare = replace(made, municipal=Municipal(TODAY))
    page = page_of(tmp_path, [bare])
    assert page.one("div", "tiles")
    assert not page.all("figure", "year")


def test_an_id_without_a_prefecture_is_listed_all_the_same(tmp_path: Path) -> None:
    made = municipal_section(each=1)
    ids = ["x99", *made.scores["municipality_id"][1:]]
    scores = made.scores.assign(municipality_id=ids)
    packed = unpacked(page_of(tmp_path, [replace(made, scores=scores)]))
    assert packed["prefecture"][0] == -1


def test_hidden_names_hide_peers_and_passages(tmp_path: Path) -> None:
    page = page_of(tmp_path, [municipal_section()], report={"names": "hidden"})
    packed = unpacked(page)
    told = packed["profiles"]["0"]["approach"]
    assert [peer[0] for peer in told["peers"]] == ["01204", "02201"]
    assert "passage" not in told
    text = page.text + json.dumps(packed, ensure_ascii=False)
    for name in ("旭川市", "青森市", "3D都市モデル", "Sato"):
        assert name not in text
    assert page.one("div", "tiles")


def test_texts_run_nothing_and_long_ones_are_cut(tmp_path: Path) -> None:
    told = approach(
        passage=Passage(HOSTILE, HOSTILE + "長" * 10_000),
        peers=[Peer("01100", HOSTILE)],
        tier=Words(ja=HOSTILE, en=HOSTILE),
    )
    page = page_of(tmp_path, [with_approach(municipal_section(), told)])
    assert not page.all("img")
    assert len(unpacked(page)["profiles"]["0"]["approach"]["passage"][1]) <= 240


def test_every_municipality_of_japan_fits_into_the_page(tmp_path: Path) -> None:
    made = municipal_section(each=38)  # 1,748 of them
    told = {str(code): approach() for code in made.scores["municipality_id"][:150]}
    full = replace(made, municipal=Municipal(TODAY, approaches=told))
    path = render(
        project(tmp_path), as_of=AS_OF, run_id="r", now=NOW, sections=[full], reads=[], exports=[]
    )
    assert path.stat().st_size < MOST / 5


def test_nobody_scored_is_no_map(tmp_path: Path) -> None:
    made = municipal_section(each=1)
    empty = section([], task=made.task, municipal=Municipal(TODAY))
    scores = empty.scores.rename(columns={"account_id": "municipality_id"})
    page = page_of(tmp_path, [replace(empty, scores=scores)])
    assert not page.all("div", "municipal")
