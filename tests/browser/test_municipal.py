"""The map, the calendar and the approach of a municipality in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from salesml.report import render
from tests.browser.conftest import Open
from tests.report.municipalities import municipal_section
from tests.report.runs import NOW
from tests.report.samples import AS_OF, project

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def japan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(
        project(tmp_path_factory.mktemp("japan")),
        as_of=AS_OF,
        run_id="r",
        now=NOW,
        sections=[municipal_section()],
        reads=[],
        exports=[],
    )


def counted(page: Page) -> str:
    return page.locator("#task-adopt .counter").inner_text()


def test_a_tile_filters_the_list_and_a_second_click_shows_all(visit: Open, japan: Path) -> None:
    page = visit(japan)
    tile, select = (
        page.locator(f"[data-{css}]") for css in ("prefecture=岩手", "filter=prefecture")
    )
    tile.click()
    assert counted(page) == "1–3 / 3"
    assert tile.get_attribute("aria-pressed") == "true"
    assert select.locator("option:checked").inner_text() == "岩手"
    select.select_option(label="東京")
    assert tile.get_attribute("aria-pressed") == "false"
    other = page.locator("[data-prefecture=東京]")
    assert other.get_attribute("aria-pressed") == "true"
    other.focus()
    page.keyboard.press("Enter")
    assert counted(page) == "1–100 / 138"
    assert select.input_value() == ""


def test_options_speak_the_language_of_the_reader(visit: Open, japan: Path) -> None:
    page = visit(japan)
    page.get_by_role("button", name="English").click()
    page.locator("[data-filter=prefecture]").select_option(label="Iwate")
    assert counted(page) == "1–3 / 3"


def test_a_tile_that_is_pointed_at_tells_more(visit: Open, japan: Path) -> None:
    page = visit(japan)
    tip = page.locator("[data-prefecture=岩手] .tip")
    page.locator("[data-prefecture=岩手]").hover()
    assert "none" in tip.evaluate("e => getComputedStyle(e).clipPath")
    assert "全3件" in tip.inner_text()


def test_the_dialog_tells_how_to_approach(visit: Open, japan: Path) -> None:
    page = visit(japan)
    page.locator("#task-adopt tbody button.entity").first.click()
    dialog = page.locator("dialog")
    for words in (
        "いま、誰に何を",
        "財政部門",
        "旭川市",
        "類似度91%",
        "防災まちづくり",
        "予算要求の締切",
    ):
        expect(dialog).to_contain_text(words)
    expect(dialog.locator(".numbers")).to_contain_text("北海道")
    bar = dialog.locator(".outlook .bar").first.bounding_box()
    track = dialog.locator(".outlook .score-track").first.bounding_box()
    assert bar is not None
    assert track is not None
    assert bar["width"] / track["width"] == pytest.approx(0.81, abs=0.02)


@pytest.mark.parametrize("language", ["日本語", "English"])
def test_a_phone_needs_no_sideways_scrolling(visit: Open, japan: Path, language: str) -> None:
    page = visit(japan, viewport=PHONE, has_touch=True)
    page.get_by_role("button", name=language).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # what is written on a tile is inside it
    assert page.evaluate(
        "[...document.querySelectorAll('.tile')].every(t => t.scrollHeight <= t.clientHeight + 1)"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_on_every_shade_contrast(visit: Open, japan: Path, scheme: str) -> None:
    page = visit(japan, color_scheme=scheme)
    assert page.evaluate(CONTRAST) >= 4.5


# the least contrast between the words of a tile and its shade, as WCAG computes it
CONTRAST = """(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const light = (color) => {
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((c) => c / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return Math.min(...[...document.querySelectorAll('button.tile')].map((tile) => {
        const style = getComputedStyle(tile);
        const both = [style.color, style.backgroundColor].map(light);
        const [dark, bright] = both.sort((a, b) => a - b);
        return (bright + 0.05) / (dark + 0.05);
    }));
})()"""
