"""The report of a run: one HTML file that needs nothing but a browser."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from salesml.config import Project, Words
from salesml.errors import SalesmlError
from salesml.report import formats
from salesml.report.action_section import ActionSection
from salesml.report.agenda_view import agenda_view
from salesml.report.changes import Changes, changes
from salesml.report.charts import calibration, funnel, histogram, months
from salesml.report.municipal_calendar import Coming, Strip, coming, strip
from salesml.report.municipal_map import TileMap, tile_map
from salesml.report.notices import notices, unacted
from salesml.report.outcomes import write_back
from salesml.report.outlook import BandRecord, Outlook, band_records, outlook
from salesml.report.overview import Card, card
from salesml.report.packed import allotted, pack
from salesml.report.page import asset, environment, local, policy
from salesml.report.rows import Row, ScoreList, row_of, score_list, top
from salesml.report.section import TaskSection
from salesml.report.words import both, check_words, metric_words, phrase, say
from salesml.store import write_atomically

if TYPE_CHECKING:
    from salesml.export import ExportResult
    from salesml.intake import ReadReport

__all__ = ["LISTED", "render"]

LISTED = 100  # rows of a list that are told in full: each has a profile, which a click opens
SIGNS = 10  # new signs that are shown at once
DETAILED = 10  # rows whose reasons are all in the table as well, for readers without scripts
MOST = 100_000  # rows of all lists together that a page holds
UNTOLD = "詳細は実行ログへ (see the log of the run)"
SCRIPTS = ("report.js", "list.js", "scores.js", "agenda.js", "profile.js", "municipal.js")
STYLES = ("report.css", "agenda.css")
SAID_BY_SCRIPT = (
    *("new", "would_help", "reasons_of_score", "why_changed", "history", "timeline", "no_events"),
    *("brief_only", "all", "close"),
    *("kind_model", "kind_correction", "kind_unknown"),
    *("approach", "deadlines", "subsidies", "cite", "policy", "stage_scores", "new_contact"),
    *("election", "similar", "bring", "prefecture"),
    *("score", "probability", "expected_bad", "expected_good", "owner", "segment", "change"),
    *("next_action", "due", "by", "gain", "minutes", "points", "nobody", "details"),
    *("late", "late_one", "left", "left_one", "left_none", "open_ended", "urgent", "escalated"),
    *("asked_on", "told_play", "told_concept", "told_effect", "told_evidence", "told_explored"),
    *("told_best", "told_next", "points_assumed"),
)


@dataclass(frozen=True)
class _TaskView:
    """One task as the templates show it."""

    section: TaskSection
    card: Card
    ranking: ScoreList
    changes: Changes | None
    packed: str
    held: int
    records: list[BandRecord]
    outlook: Outlook | None
    histogram: Markup | None
    calibration: Markup | None
    funnel: Markup | None
    months: Markup | None
    map: TileMap | None
    strip: Strip | None
    coming: list[Coming]


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
    actions: ActionSection | None = None,
    actions_failed: str = "",
    path: Path | None = None,
) -> Path:
    """Write the report and return its path, by default ``var/<project>/report/<as_of>.html``.

    *now* is naive UTC; *failures* are titles of tasks that could not be scored, and why; *actions*
    what is to be done, where the project says anything about that, *actions_failed* why that could
    not be decided. The file is whole or not there: it is written aside and renamed.
    """
    if _hides_names(project):  # an error may cite the value it stumbled over
        failures = [(title, UNTOLD) for title, _ in failures]
        actions = actions and actions.nameless()
        actions_failed = actions_failed and UNTOLD
        exports = [_untold(export) for export in exports]
    target = path or project.var / "report" / f"{as_of}.html"
    script = _together(SCRIPTS)
    html = (
        _templates()
        .get_template("page.html.j2")
        .render(
            project=project,
            settings=project.settings,
            date=formats.day(as_of),
            run_id=run_id,
            created=local(project, now),
            tasks=_views(project, sections),
            agenda=agenda_view(actions, project.settings.currency) if actions else None,
            notices=[
                *unacted(actions_failed),
                *notices(sections, reads, exports, failures, actions),
            ],
            failures=failures,
            detailed=DETAILED,
            signs=SIGNS,
            reads=reads,
            written=write_back(exports, names_hidden=_hides_names(project)),
            title=_title(project, as_of),
            css=_together(STYLES),
            words={
                key: list(phrase(key, points="{points}").model_dump().values())
                for key in SAID_BY_SCRIPT
            },
            script=script,
            policy=policy(script),
        )
    )
    write_atomically(target, html)
    return target


def _together(names: Sequence[str]) -> Markup:
    return Markup("\n").join(asset("salesml.report", name) for name in names)


def _hides_names(project: Project) -> bool:
    return project.settings.report.names == "hidden"


def _views(project: Project, sections: Sequence[TaskSection]) -> list[_TaskView]:
    if _hides_names(project):
        sections = [_nameless(section) for section in sections]
    held = allotted([len(section.scores) for section in sections], MOST)
    currency = project.settings.currency
    return [_view(section, currency, most) for section, most in zip(sections, held, strict=True)]


def _nameless(section: TaskSection) -> TaskSection:
    """*section* without what names records and persons, or may: owners, and what happened."""
    return replace(
        section,
        scores=section.scores.assign(name=None, owner=None),
        events=None,
        municipal=section.municipal and section.municipal.nameless(),
    )


def _untold(export: ExportResult) -> ExportResult:
    """*export* without the words of the system that stopped it."""
    return replace(export, stopped=SalesmlError(UNTOLD)) if export.stopped else export


def _view(section: TaskSection, currency: str, most: int) -> _TaskView:
    ranking = score_list(section.task, section.scores, currency, LISTED)
    held = top(section.scores, most)
    records, expected, moved = band_records(section), outlook(section), changes(section)
    return _TaskView(
        section=section,
        card=card(section, currency),
        ranking=ranking,
        changes=moved,
        packed=pack(section, held, _told(section, held, moved, currency), currency),
        held=len(held),
        records=records,
        outlook=expected,
        histogram=histogram(section),
        calibration=calibration(section.calibration),
        funnel=funnel(records),
        months=months(expected),
        map=tile_map(section) if section.municipal else None,
        strip=strip(section.municipal) if section.municipal else None,
        coming=coming(section.municipal) if section.municipal else [],
    )


def _told(
    section: TaskSection, held: pd.DataFrame, moved: Changes | None, currency: str
) -> dict[int, Row]:
    """The rows that are told in full, by place in *held*: the first ones, and those that moved."""
    named = held[section.task.id_column].isin(moved.keys if moved else set())
    places = np.flatnonzero(named | (np.arange(len(held)) < LISTED)).tolist()
    return {
        place: row_of(section.task, record, currency, place + 1)
        for place, record in zip(places, held.iloc[places].to_dict("records"), strict=True)
    }


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
