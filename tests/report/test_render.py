import base64
import hashlib
import re
from pathlib import Path

import pytest

from salesml.report import render
from tests.report.page import Element
from tests.report.runs import NOW, full_page
from tests.report.samples import AS_OF, frame, project, row, section

JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")


def test_lies_under_var_by_date_with_nothing_beside_it(tmp_path: Path) -> None:
    path = render(
        project(tmp_path), as_of=AS_OF, run_id="r", now=NOW, sections=[], reads=[], exports=[]
    )
    assert path == tmp_path / "var" / "sample" / "report" / "2025-07-01.html"
    assert list(path.parent.iterdir()) == [path]


def test_can_be_written_elsewhere(tmp_path: Path) -> None:
    wanted = tmp_path / "deep" / "page.html"
    path = render(
        project(tmp_path),
        as_of=AS_OF,
        run_id="r",
        now=NOW,
        sections=[],
        reads=[],
        exports=[],
        path=wanted,
    )
    assert path == wanted
    assert wanted.exists()
    assert not (tmp_path / "var").exists()


def test_a_failure_leaves_the_last_page(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("the last good page", encoding="utf-8")
    broken = section(scores=frame([row(90)]).drop(columns="score"))
    with pytest.raises(KeyError):
        render(
            project(tmp_path),
            as_of=AS_OF,
            run_id="r",
            now=NOW,
            sections=[broken],
            reads=[],
            exports=[],
            path=target,
        )
    assert target.read_text(encoding="utf-8") == "the last good page"
    assert list(tmp_path.iterdir()) == [target]


def test_same_run_same_bytes(tmp_path: Path) -> None:
    full_page(tmp_path / "a")
    full_page(tmp_path / "b")
    one, two = (p.read_bytes() for p in sorted(tmp_path.rglob("*.html")))
    assert one == two


def test_fetches_nothing_and_runs_only_its_own_script(tmp_path: Path) -> None:
    page = full_page(tmp_path)
    text = next(tmp_path.rglob("*.html")).read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", text)
    links = [e.attributes[k] for e in page.all() for k in ("src", "href") if k in e.attributes]
    assert links
    assert all(link.startswith(("#", "data:,")) for link in links)
    (script,) = (s.children[0] for s in page.all("script") if "type" not in s.attributes)
    assert isinstance(script, str)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not [e for e in page.all() for name in e.attributes if name.startswith("on")]


def test_ids_are_unique_and_references_resolve(tmp_path: Path) -> None:
    page = full_page(tmp_path)
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in page.all():
        for name in ("aria-labelledby", "for"):
            assert element.attributes.get(name, ids[0]) in ids
        link = element.attributes.get("href", "#")
        assert link == "data:," or link[1:] in ("", *ids)


@pytest.mark.parametrize(("language", "title"), [("ja", "見本株式会社"), ("en", "Sample Inc.")])
def test_starts_in_the_language_of_the_project(tmp_path: Path, language: str, title: str) -> None:
    page = full_page(tmp_path, language=language)
    html = page.one("html")
    assert html.attributes["lang"] == language
    assert page.one("head").one("title").text.startswith(title)
    assert {"data-title-ja", "data-title-en"} <= set(html.attributes)
    pressed = {b.attributes["data-language"]: b.attributes["aria-pressed"] for b in _switch(page)}
    assert pressed == {"ja": "false", "en": "false", language: "true"}


def _switch(page: Element) -> list[Element]:
    return [b for b in page.all("button") if "data-language" in b.attributes]


def test_english_readers_meet_no_japanese(tmp_path: Path) -> None:
    text = full_page(tmp_path).one("body").said("en").replace("日本語", "")
    assert not JAPANESE.search(text), JAPANESE.search(text)
    assert "Tue 1 July 2025" in text


def test_japanese_readers_meet_japanese(tmp_path: Path) -> None:
    text = full_page(tmp_path).one("body").said("ja")
    for words in ("2025年7月1日（火）", "想定損失額", "前回比", "担当者", "CRMへの書き戻し"):
        assert words in text
    for words in ("Expected", "Owner", "Change", "Written", "Scored", "Version"):
        assert words not in text
