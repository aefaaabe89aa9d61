"""The report of a run: one HTML file that needs nothing but a browser."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment

from salesml.config import Project, Words
from salesml.report import formats
from salesml.report.charts import Calibration, Histogram, calibration, histogram
from salesml.report.notices import notices
from salesml.report.outcomes import write_back
from salesml.report.overview import Card, card
from salesml.report.page import asset, environment, local, policy
from salesml.report.rows import ScoreList, score_list
from salesml.report.section import TaskSection
from salesml.report.words import both, check_words, metric_words, phrase, say
from salesml.store import write_atomically

if TYPE_CHECKING:
    from salesml.export import ExportResult
    from salesml.intake import ReadReport

__all__ = ["render"]

TOP = 100  # rows a list


@dataclass(frozen=True)
class _TaskView:
    """One task as the templates show it."""

    section: TaskSection
    card: Card
    ranking: ScoreList
    histogram: Histogram | None
    calibration: Calibration | None


def render(
    project: Project,
    *,
    as_of: dt.date,
    run_id: str,
    now: dt.datetime,
    sections: Sequence[TaskSection],
    reads: Sequence[ReadReport],
    exports: Sequence[ExportResult],
    failures: Sequence[tuple[Words, str]] = (),
    path: Path | None = None,
) -> Path:
    """Write the report and return its path, by default ``var/<project>/report/<as_of>.html``.

    *now* is naive UTC; *failures* are titles of tasks that could not be scored, and why. The file
    is whole or not there: it is written aside and renamed.
    """
    target = path or project.var / "report" / f"{as_of}.html"
    page = _templates().get_template("page.html.j2")
    html = page.render(
        project=project,
        settings=project.settings,
        date=formats.day(as_of),
        run_id=run_id,
        created=local(project, now),
        tasks=[_view(section, project.settings.currency) for section in sections],
        notices=notices(sections, reads, exports, failures),
        reads=reads,
        written=write_back(exports),
        title=_title(project, as_of),
        css=asset("salesml.report", "report.css"),
        script=asset("salesml.report", "report.js"),
        policy=policy(asset("salesml.report", "report.js")),
    )
    write_atomically(target, html)
    return target


def _view(section: TaskSection, currency: str) -> _TaskView:
    return _TaskView(
        section,
        card(section, currency),
        score_list(section.task, section.scores, currency, TOP),
        histogram(section),
        calibration(section.calibration),
    )


def _title(project: Project, as_of: dt.date) -> Words:
    name, report = project.settings.title, phrase("report")
    return Words(ja=f"{name.ja} {report.ja} {as_of}", en=f"{name.en} {report.en} {as_of}")


@cache
def _templates() -> Environment:
    return environment(
        "salesml.report",
        both=both,
        say=say,
        phrase=phrase,
        check_words=check_words,
        metric_words=metric_words,
        formats=formats,
    )
