"""The report in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from salesml.report import render
from tests.browser.conftest import HOSTILE, Open
from tests.report.runs import NOW
from tests.report.samples import AS_OF, project

PHONE = {"width": 360, "height": 740}


def listed(page: Page) -> Locator:
    return page.locator("#task-churn .list tbody tr")


def column(page: Page, name: str) -> list[str]:
    cells = page.locator(f"#task-churn .list tbody .c-{name}")
    return [re.sub(r"\s*\n.*", "", text).strip() for text in cells.all_inner_texts()]


def counted(page: Page) -> str:
    return page.locator("#task-churn .counter").inner_text()


def test_shows_the_first_page_and_turns_to_the_next(visit: Open) -> None:
    page = visit()
    expect(listed(page)).to_have_count(100)
    assert counted(page) == "1–100 / 250"
    before, after = (page.locator(f"#task-churn [data-step='{way}']") for way in (-1, 1))
    expect(before).to_be_disabled()
    after.click()
    assert column(page, "rank")[0] == "101"
    after.click()
    assert counted(page) == "201–250 / 250"
    expect(listed(page)).to_have_count(50)
    expect(after).to_be_disabled()


def test_sorts_by_a_click_and_by_the_keyboard(visit: Open) -> None:
    page = visit()
    head = page.locator("#task-churn th.c-expected_bad")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, "expected_bad")[0].endswith("¥6,000")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, "expected_bad")[0].endswith("¥0")
    assert page.locator("#task-churn th[aria-sort]").count() == 1
    page.locator("#task-churn [data-step='1']").click()
    page.locator("#task-churn [data-step='1']").click()
    assert column(page, "expected_bad")[-1].endswith("–")  # what is unknown comes last


def test_filters_by_band_owner_and_segment_together(visit: Open) -> None:
    page = visit()
    part = page.locator("#task-churn")
    part.locator("label", has_text="危険").click()
    assert counted(page) == "1–40 / 40"
    part.locator("[data-filter=owner]").select_option(label="Abe")
    assert set(column(page, "owner")) == {"Abe"}
    assert counted(page) == "1–20 / 20"
    part.locator("[data-filter=segment]").select_option(label="C")
    assert counted(page) == "1–10 / 10"
    part.locator("label", has_text="健全").click()
    part.locator("[data-filter=owner]").select_option("")
    assert set(column(page, "segment")) == {"C"}


@pytest.mark.parametrize(
    ("words", "found"),
    [("会社249", 1), ("a249", 1), ("カナ", 1), ("かな 商事", 1), ("LOGINS: 249", 1), ("x y z", 0)],
)
def test_searches_names_ids_and_reasons(visit: Open, words: str, found: int) -> None:
    page = visit()
    page.locator("#search-churn").fill(words)
    expect(listed(page)).to_have_count(found)
    expect(page.locator("#task-churn .nothing")).to_be_visible(visible=found == 0)


def test_switches_language(visit: Open) -> None:
    page = visit()
    expect(page.locator("#task-churn h2")).to_contain_text("churnの題")
    page.get_by_role("button", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.locator("#task-churn h2")).to_contain_text("Title of churn")
    expect(page.locator("#task-churn h2 .ja").first).to_be_hidden()
    assert page.locator("#owner-churn option").first.inner_text() == "All"
    assert page.title().startswith("Sample Inc.")


def test_opens_an_entity_and_closes_it_by_the_keyboard(visit: Open) -> None:
    page = visit(locale="en")
    page.get_by_role("button", name="English").click()
    name = listed(page).first.locator("button.entity")
    name.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    expect(dialog).to_be_visible()
    for text in ("It stopped", "median: 5 days", "at the median: −12", "2025-06-20", "Call", "99"):
        expect(dialog).to_contain_text(text)
    assert dialog.locator("polyline").count() == 1
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.evaluate("document.activeElement.classList.contains('entity')")


def test_an_entity_beyond_the_first_hundred_shows_what_its_row_holds(visit: Open) -> None:
    page = visit()
    page.locator("#search-churn").fill("会社249")
    listed(page).first.locator("button.entity").click()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("ログインが249日")
    expect(dialog).to_contain_text("このページには主な理由だけ")
    dialog.locator("[data-close]").click()
    expect(dialog).to_be_hidden()


def test_what_changed_leads_to_the_entity(visit: Open) -> None:
    page = visit()
    page.locator("#changed button.entity").first.click()
    expect(page.locator("dialog h2")).to_contain_text("a000")


def test_hostile_names_are_text(visit: Open) -> None:
    page = visit()
    page.on("dialog", lambda _: pytest.fail("a name ran as a script"))
    assert page.locator("#task-churn .list tbody bdi").first.inner_text() == HOSTILE[:59] + "…"
    listed(page).first.locator("button.entity").click()
    assert HOSTILE in page.locator("dialog .timeline").inner_text()
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 4  # its own, its words, and two packed lists


def test_follows_the_system_into_the_dark_unless_told_otherwise(visit: Open) -> None:
    def brightness(page: Page) -> float:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(float, re.findall(r"[\d.]+", colour)[:3]))

    assert brightness(visit(color_scheme="light")) > 600
    page = visit(color_scheme="dark")
    assert brightness(page) < 150
    page.locator("[data-theme=light]").click()
    assert brightness(page) > 600
    assert page.locator("button[data-theme=light]").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("language", ["日本語", "English"])
def test_fits_a_phone(visit: Open, language: str) -> None:
    page = visit(viewport=PHONE, has_touch=True)
    page.get_by_role("button", name=language).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    listed(page).first.locator("button.entity").click()
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= PHONE["width"]


def test_without_scripts_the_first_rows_are_there(browser: Browser, report: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(report.as_uri())
    expect(listed(page)).to_have_count(100)
    expect(page.locator("#task-churn .tools")).to_be_hidden()
    listed(page).nth(4).locator("summary").click()
    expect(listed(page).nth(4).locator(".bars").first).to_be_visible()
    page.context.close()


def test_every_control_has_a_name_and_text_contrasts(visit: Open) -> None:
    for scheme in ("light", "dark"):
        page = visit(color_scheme=scheme)
        nameless = page.evaluate(
            """[...document.querySelectorAll('button, input, select, a[href]')].filter(e =>
                !(e.innerText.trim() || e.labels?.length || e.getAttribute('aria-label'))).length"""
        )
        assert nameless == 0
        assert page.evaluate(CONTRAST) >= 4.5


# the least contrast between an ink and the paper it is on, as WCAG computes it
CONTRAST = """(() => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const light = (name) => {
        document.body.style.color = `var(${name})`;
        const [r, g, b] = getComputedStyle(document.body).color.match(/[\\d.]+/g);
        return 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    };
    const inks = ['--ink', '--quiet', '--link', '--worse', '--better'];
    const pairs = inks.flatMap((ink) => [[ink, '--paper'], [ink, '--page']]);
    return Math.min(...[...pairs, ['--warn-ink', '--warn-paper']].map((pair) => {
        const [dark, bright] = pair.map(light).sort((a, b) => a - b);
        return (bright + 0.05) / (dark + 0.05);
    }));
})()"""


def test_a_run_of_nothing_opens(visit: Open, tmp_path: Path) -> None:
    file = render(
        project(tmp_path), as_of=AS_OF, run_id="r", now=NOW, sections=[], reads=[], exports=[]
    )
    expect(visit(file).locator("#write-back")).to_be_visible()


def test_prints_without_controls(visit: Open) -> None:
    page = visit(color_scheme="dark")
    page.emulate_media(media="print")
    for css in (".contents", ".switches .switch", "#task-churn .tools"):
        expect(page.locator(css).first).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
