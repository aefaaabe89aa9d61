from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from fakes import WORDS
from hypothesis import given
from hypothesis import strategies as st

from salesml.config import Project, ProjectConfig
from salesml.errors import ConfigError
from salesml.municipal.settings import (
    MonthDay,
    MunicipalConfig,
    WindowConfig,
    default_municipal,
    load_municipal,
)

DEFAULT = default_municipal()
ROTATION = "rotation: {ja: 人事異動, en: Rotation, day: 05-01}\n"
PROJECT = "title: {ja: 試, en: Test}\n"


def shop(tmp_path: Path, own: str | None = None, starts: int = 4) -> Project:
    folder = tmp_path / "configs" / "shop"
    folder.mkdir(parents=True)
    (folder / "project.yml").write_text(f"{PROJECT}fiscal_year_starts: {starts}\n")
    if own is not None:
        (folder / "municipal.yml").write_text(own)
    settings = ProjectConfig.model_validate({"title": WORDS, "fiscal_year_starts": starts})
    return Project("shop", tmp_path, settings, {}, {}, {}, {})


def refusal(tmp_path: Path, own: str | None, starts: int = 4) -> str:
    made = shop(tmp_path, own, starts)
    with pytest.raises(ConfigError) as caught:
        load_municipal(made)
    return str(caught.value)


def stages(*spans: tuple[str, str]) -> str:
    rest = "material: {ja: 資料, en: material}, talk_to: [staff]"
    lines = (
        f"  s{i}: {{ja: 段階, en: Stage, from: {start}, to: {end}, {rest}}}\n"
        for i, (start, end) in enumerate(spans)
    )
    return "stages:\n" + "".join(lines)


def test_default_holds_the_six_stages_and_when_they_are() -> None:
    spans = {name: (str(s.start), str(s.end)) for name, s in DEFAULT.stages.items()}
    assert spans == {
        "policy": ("04-01", "06-30"),
        "requests": ("07-01", "09-30"),
        "assessment": ("10-01", "12-31"),
        "draft": ("01-01", "02-29"),
        "deliberation": ("03-01", "03-31"),
        "execution": ("04-01", "03-31"),
    }
    assert [name for name, stage in DEFAULT.stages.items() if stage.parallel] == ["execution"]


@pytest.mark.parametrize("section", ["assembly", "supplementary"])
def test_sessions_and_supplementary_budgets_are_four_a_year(section: str) -> None:
    assert set(getattr(DEFAULT, section)) == {"march", "june", "september", "december"}


@pytest.mark.parametrize(
    ("population", "tier"),
    [
        (0, "small"),
        (49_999, "small"),
        (50_000, "medium"),
        (299_999, "medium"),
        (300_000, "large"),
        (3_700_000, "large"),
        (None, None),
        (float("nan"), None),
    ],
)
def test_tier_of_a_population(population: float | None, tier: str | None) -> None:
    assert DEFAULT.tier_of(population) == tier


def test_everybody_who_is_talked_to_is_described() -> None:
    for stage in DEFAULT.stages.values():
        assert set(stage.talk_to) <= set(DEFAULT.stakeholders)


def test_a_project_without_a_file_of_its_own_gets_the_default(tmp_path: Path) -> None:
    assert load_municipal(shop(tmp_path)) == DEFAULT


@pytest.mark.parametrize("own", ["", ROTATION])
def test_a_file_replaces_whole_sections_and_leaves_the_others(tmp_path: Path, own: str) -> None:
    settings = load_municipal(shop(tmp_path, own))
    assert str(settings.rotation.day) == ("05-01" if own else "04-01")
    assert settings.stages == DEFAULT.stages


def test_a_replaced_section_loses_what_the_default_had(tmp_path: Path) -> None:
    own = "assembly:\n  only: {ja: 定例会, en: Session, from: 06-01, days: 2 weeks}\n"
    settings = load_municipal(shop(tmp_path, own))
    assert settings.assembly["only"].in_year(2024) == (dt.date(2024, 6, 1), dt.date(2024, 6, 14))
    assert list(settings.assembly) == ["only"]


@pytest.mark.parametrize(
    ("own", "line", "text"),
    [
        ("# ours\nrotaton: {}\n", 2, "unknown key 'rotaton'. Did you mean 'rotation'?"),
        ("rotation:\n  ja: 異\n  en: r\n  day: 04-31\n", 4, "a month and a day such as 04-01"),
        ("rotation: {ja: 異, en: r, day: 4月1日}\n", 1, "a month and a day such as 04-01"),
        ("rotation: {ja: 異, en: r, day: 02-29}\n", 1, "a day of every year: 02-28 or 03-01"),
        ("tiers: {}\n", 1, "all tiers but the last one must say `below`"),
        (
            "tiers:\n  a: {ja: あ, en: a, approach: {ja: あ, en: a}, below: 10}\n",
            1,
            "all tiers but the last one must say `below`",
        ),
        (
            "tiers:\n"
            "  a: {ja: あ, en: a, approach: {ja: あ, en: a}, below: 10}\n"
            "  b: {ja: い, en: b, approach: {ja: い, en: b}, below: 10}\n"
            "  c: {ja: う, en: c, approach: {ja: う, en: c}}\n",
            1,
            "from small to large",
        ),
        (stages(("04-01", "06-30"), ("07-02", "03-31")), 1, "must begin on 07-01, not on 07-02"),
        (stages(("04-01", "02-28"), ("03-01", "03-31")), 1, "write 02-29"),
        (stages(("04-01", "03-31"), ("04-01", "03-31")), 1, "must cover the year once"),
        (
            stages(("04-01", "03-31")).replace("[staff]", "[stuff]"),
            2,
            "unknown stakeholder 'stuff'. Did you mean 'staff'?",
        ),
        (
            stages(("04-01", "03-31")).replace("from:", "parallel: true, from:"),
            1,
            "one stage at least must not be parallel",
        ),
        ("- a\n", 1, "must hold keys and values"),
    ],
)
def test_a_slip_is_told_with_its_line(tmp_path: Path, own: str, line: int, text: str) -> None:
    told = refusal(tmp_path, own)
    assert text in told
    assert re.search(rf"municipal\.yml:{line}\b", told)


def test_stakeholders_that_stages_of_the_default_need_must_stay(tmp_path: Path) -> None:
    own = "stakeholders:\n  staff: {ja: 担当者, en: staff, cares_about: {ja: 機能, en: features}}\n"
    assert "stage 'assessment' talks to the unknown stakeholder 'finance'" in refusal(tmp_path, own)


def test_the_budget_year_must_begin_with_the_fiscal_year(tmp_path: Path) -> None:
    told = refusal(tmp_path, None, starts=10)
    assert "begins on 04-01, the project's fiscal year on 10-01" in told
    assert "project.yml:2, fiscal_year_starts" in told
    assert "fiscal_year_starts: 4" in told


def test_stages_of_another_fiscal_year_may_be_written(tmp_path: Path) -> None:
    own = stages(("07-01", "12-31"), ("01-01", "06-30"))
    assert load_municipal(shop(tmp_path, own, starts=7)).fiscal_year_starts == 7


@given(st.dates(dt.date(1950, 1, 1), dt.date(2100, 1, 1)))
def test_a_day_of_the_year_is_itself_but_for_the_end_of_february(date: dt.date) -> None:
    day = MonthDay(date.month, date.day)
    assert day.in_year(date.year) == date
    other = day.in_year(date.year + 1)
    assert (other.month, other.day) == (2, 28) if str(day) == "02-29" else day


@given(st.integers(1900, 2100), st.dates(dt.date(2001, 1, 1), dt.date(2001, 12, 31)), st.dates())
def test_a_window_ends_within_a_year_of_its_beginning(
    year: int, start: dt.date, end: dt.date
) -> None:
    text: dict[str, Any] = {"from": f"{start:%m-%d}", "to": f"{end.month:02}-{end.day:02}"}
    first, last = WindowConfig.model_validate({"ja": "枠", "en": "Window", **text}).in_year(year)
    assert first.year == year
    assert 0 <= (last - first).days <= 365


def test_every_problem_of_a_file_is_told(tmp_path: Path) -> None:
    told = refusal(tmp_path, "rotaton: {}\ntiers: {}\n")
    assert "2 problems" in told


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        MunicipalConfig.model_validate(DEFAULT.model_copy()).rotation = None  # type: ignore[assignment]
