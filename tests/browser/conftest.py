"""One browser for all tests of the page, and a report rendered once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from salesml.report import render
from tests.browser.chromium import Opened, chromium, executable
from tests.report.runs import NOW
from tests.report.samples import AS_OF, project, read, reason, row, section, task

Open = Callable[..., Page]

HOSTILE = "<img src=x onerror=alert(1)>'\"&</script><script>alert(1)</script>"
MANY = 250


@pytest.fixture(scope="module")  # no longer: it runs an event loop, which others would find
def browser() -> Iterator[Browser]:
    if executable() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a task with 250 entities, of another with one, and of a third with none."""
    sections = [_many(), section([row(80, name="Deal")], task=task("win", "good")), _none()]
    return render(
        project(tmp_path_factory.mktemp("report")),
        as_of=AS_OF,
        run_id="run-1",
        now=NOW,
        sections=sections,
        reads=[read(not_null__account_id=2)],
        exports=[],
    )


def _none() -> Any:
    return section([], task=task("nobody"))


def _many() -> Any:
    rows = [_row(i) for i in range(MANY)]
    days = pd.DataFrame(
        {
            "account_id": ["a000"] * 2,
            "happened_at": [dt.date(2025, 6, 20), dt.date(2025, 6, 1)],
            "ja": ["電話", HOSTILE],
            "en": ["Call", HOSTILE],
        }
    )
    past = pd.DataFrame({"as_of": ["2025-01-01"] * 9, "y": [1, 0, 0] * 3, "probability": [0.3] * 9})
    bins = pd.DataFrame({"probability": [0.1, 0.5], "observed": [0.2, 0.4], "rows": [5, 4]})
    made = section(rows, events=days, predictions=past, calibration=bins)
    return replace(made, history={"a000": [(dt.date(2025, 6, 1), 70), (AS_OF, 99)]})


def _row(i: int) -> dict[str, Any]:
    score = max(99 - i // 2, 1)
    compared = {"peers_ja": "中央値は5日", "peers_en": "median: 5 days", "help": -12}
    told = [reason(score - 50, f"ログインが{i}日", f"Logins: {i} days") | compared] * (score != 50)
    moved = {
        "kind": "fact",
        "concept": "c",
        "points": 29,
        "text_ja": "停止",
        "text_en": "It stopped",
    }
    return row(
        score,
        account_id=f"a{i:03d}",
        name={0: HOSTILE, 1: "شركة المبيعات", 2: "長" * 10_000, 3: "ｶﾅ 👩‍👩‍👧 商事"}.get(
            i, f"会社{i}"
        ),
        owner=("Sato", "Abe")[i % 2],
        segment="SABC"[i % 4],
        change=29 if i == 0 else 0,
        changes=[moved] if i == 0 else None,
        expected_value=float(1000 * (i % 7)) if i % 5 else None,
        probability=score / 200 - i / 1e5,
        reasons=told,
    )


@pytest.fixture
def visit(browser: Browser, report: Path) -> Iterator[Open]:
    """Open the report; at the end it must have told no error and asked for nothing."""
    opened: list[Opened] = []

    def go(file: Path = report, **settings: Any) -> Page:
        page = browser.new_context(**settings).new_page()
        page.set_default_timeout(5_000)
        opened.append(Opened(page, file))
        return page

    yield go
    for each in opened:
        each.page.context.close()
        assert each.errors == []
        assert each.requests == []
