"""The list of what is to be done in a real browser."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from salesml.report import render
from tests.browser.conftest import HOSTILE, Open
from tests.report.decisions import LOADS, acting, todo
from tests.report.runs import NOW
from tests.report.samples import AS_OF, project, row, section

PHONE = {"width": 360, "height": 740}
MANY = 120


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 120 things to do for three persons, and of 110 scored accounts."""
    people = ("佐藤 花子", "鈴木 一郎", HOSTILE)
    todos = [
        todo(
            f"a{i:03d}",
            due=i - 10,
            since=12 if i < 5 else 0,
            how="escalated" if i < 2 else "best",
            entity="lead" if i % 10 == 9 else "account",
            assignee=people[i % 3],
            assignee_id=f"R{i % 3}",
            name=HOSTILE if i == 0 else f"会社{i}",
            value=1000.0 * i,
        )
        for i in range(MANY)
    ]
    loads = pd.DataFrame([(f"R{i}", p, "CS", 600 * i, 1200) for i, p in enumerate(people)])
    rows = [row(max(99 - i, 1), account_id=f"a{i:03d}", name=f"会社{i}") for i in range(110)]
    return render(
        project(tmp_path_factory.mktemp("today")),
        as_of=AS_OF,
        run_id="r",
        now=NOW,
        sections=[section(rows)],
        reads=[],
        exports=[],
        actions=acting(*todos, loads=loads.set_axis(LOADS, axis=1)),
    )


def listed(page: Page) -> Locator:
    return page.locator("#today .list tbody tr")


def counted(page: Page) -> str:
    return page.locator("#today .counter").inner_text()


def test_the_pressing_come_first_and_pages_turn(visit: Open, today: Path) -> None:
    page = visit(today)
    expect(listed(page)).to_have_count(50)
    assert counted(page) == "1–50 / 120"
    for words in ("会社1", "9日超過", "エスカレーション"):
        expect(listed(page).first).to_contain_text(words)
    expect(listed(page).nth(1)).to_contain_text("10日超過")
    expect(listed(page).nth(2)).to_contain_text("会社9")  # of those overdue worth most
    expect(page.locator("#today tr.overdue")).to_have_count(10)
    page.locator("#today [data-step='1']").click()
    assert counted(page) == "51–100 / 120"


def test_filters_by_person_deadline_and_kind_together(visit: Open, today: Path) -> None:
    page = visit(today)
    part = page.locator("#today")
    part.locator("[data-filter=owner]").select_option(label="佐藤 花子")
    assert counted(page) == "1–40 / 40"
    part.locator("label", has_text="期限超過").click()
    assert counted(page) == "1–4 / 4"
    part.locator("label", has_text="1週間以内").click()
    assert counted(page) == "1–6 / 6"
    part.locator("[data-filter=entity]").select_option(label="リード")
    assert counted(page) == "1–1 / 1"
    part.locator("label", has_text="エスカレーション").click()
    expect(part.locator(".nothing")).to_be_visible()


def test_searches_and_sorts(visit: Open, today: Path) -> None:
    page = visit(today)
    page.locator("#today input[type=search]").fill("会社119 状況確認")
    assert counted(page) == "1–1 / 1"
    page.locator("#today input[type=search]").fill("")
    page.locator("#today th.c-gain button").click()
    expect(listed(page).first).to_contain_text("¥119,000")


def test_a_person_of_the_table_shows_their_list(visit: Open, today: Path) -> None:
    page = visit(today)
    page.locator("#today .sheet button.entity", has_text="鈴木 一郎").click()
    assert counted(page) == "1–40 / 40"
    chosen = page.locator("#today [data-filter=owner] option:checked")
    assert chosen.inner_text() == "鈴木 一郎"


def test_more_is_told_on_a_click_in_both_languages(visit: Open, today: Path) -> None:
    page = visit(today)
    first = listed(page).first
    first.locator("summary").click()
    expect(first).to_contain_text("スコアの理由")
    expect(first).to_contain_text("利用状況のまとめ")
    page.get_by_role("button", name="English").click()
    for words in ("9 days late", "Check-in call", "What to bring", "+5.0 pts (assumed)"):
        expect(first).to_contain_text(words)


def test_the_profile_tells_the_next_action(visit: Open, today: Path) -> None:
    page = visit(today)
    listed(page).first.locator("button.entity").click()
    dialog = page.locator("dialog")
    for words in ("会社1", "次のアクション", "状況確認の電話", "9日超過", "鈴木 一郎", "サイン"):
        expect(dialog).to_contain_text(words)
    page.locator("[data-close]").click()
    assert listed(page).nth(2).locator("button.entity").count() == 0  # a lead: not scored here


def test_rows_beyond_the_first_tell_the_next_action_too(visit: Open, today: Path) -> None:
    page = visit(today)
    page.locator("#task-churn [data-step='1']").click()
    found = page.locator("#task-churn tbody tr", has_text="会社104")
    expect(found.locator(".next-brief")).to_contain_text("あと94日")


@pytest.mark.parametrize("language", ["日本語", "English"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(
    visit: Open, today: Path, language: str, scheme: str
) -> None:
    page = visit(today, viewport=PHONE, has_touch=True, color_scheme=scheme)
    page.get_by_role("button", name=language).click()
    listed(page).first.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_without_scripts_the_first_rows_are_there(visit: Open, today: Path) -> None:
    text = today.read_text(encoding="utf-8")
    assert text.count('class="c-due"') == 51  # with the head
    assert str(AS_OF - dt.timedelta(days=10)) in text
    assert visit(today)
