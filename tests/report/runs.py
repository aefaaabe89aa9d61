"""Runs rendered and read back."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

from salesml.export import ExportResult
from salesml.report import TaskSection, render
from tests.report.page import Element, read_page
from tests.report.samples import AS_OF, project, read, row, section, task

NOW = dt.datetime(2025, 7, 1, 17, 2, 3)


def page_of(
    folder: Path, sections: list[TaskSection], *, reads: Any = (), exports: Any = (), **config: Any
) -> Element:
    path = render(
        project(folder, **config),
        as_of=AS_OF,
        run_id="run-1",
        now=NOW,
        sections=sections,
        reads=reads,
        exports=exports,
    )
    return read_page(path)


def full_page(folder: Path, **config: Any) -> Element:
    rows = [
        row(90, change=45, expected_value=1234567.4, owner="Sato", segment="S", name="First"),
        row(60, change=-3, expected_value=10.0, owner="Ito", name="Second"),
        row(20, name="Third"),
    ]
    return page_of(
        folder,
        [
            section(rows),
            section([row(80, name="Deal")], task=task("win", "good"), beats_base_rate=False),
        ],
        reads=[read(not_null__account_id=2, own_check=1), replace(read("usage"), unchanged=True)],
        exports=[ExportResult("crm_churn", written=4, unchanged=290, kept=5, dead=1)],
        **config,
    )


def listed(page: Element, name: str = "churn") -> list[Element]:
    return page.one("section", id=f"task-{name}").one("tbody").all("tr")
