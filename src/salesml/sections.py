"""The sections of a report, from what a night came to and what is known of the past."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from salesml.actions.book import NO_ACTION
from salesml.actions.deciding import Actions
from salesml.actions.learning import evaluate
from salesml.config import TaskConfig, Words
from salesml.engine import connect
from salesml.errors import SalesmlError
from salesml.labels import timeline
from salesml.municipal_section import municipal_of
from salesml.night import TaskScores
from salesml.report import LISTED, ActionSection, Brought, TaskSection, Upkeep, changes
from salesml.retraining import next_training
from salesml.run import Run
from salesml.scoring import ScoreBook, store_of

__all__ = ["actions_of", "section_of"]

DATES = 60  # of a score's history


def section_of(run: Run, scored: TaskScores) -> TaskSection:
    """What the report tells of one task that was scored."""
    champion, task = scored.champion, scored.task
    book = ScoreBook(run.project, task.name)
    scores = book.read(run.as_of)
    dates = [date for date in book.dates() if date <= run.as_of][-DATES:]
    section = TaskSection(
        task=task,
        scores=scores,
        version=str(champion.version),
        trained=scored.trained is not None and scored.trained.version.version == champion.version,
        beats_base_rate=champion.beats_base_rate,
        verdict=Words(ja=champion.verdict_ja, en=champion.verdict_en),
        metrics=champion.metrics,
        calibration=champion.calibration(),
        unseen=scored.unseen,
        windows=champion.windows,
        upkeep=_upkeep(run, scored),
        warnings=champion.warnings(),
        card=_address(run, champion.card),
        predictions=champion.predictions(),
    )
    moved = changes(section)
    first = scores[task.id_column].head(LISTED).tolist()
    told = list(dict.fromkeys([*first, *(moved.keys if moved else ())]))
    return replace(
        section,
        events=_events(run, task, told),
        history=book.courses(task.id_column, told, dates),
        municipal=municipal_of(run, task, told),
    )


def _upkeep(run: Run, scored: TaskScores) -> Upkeep:
    champion = scored.champion
    return Upkeep(
        as_of=champion.as_of,
        age=(run.as_of - champion.as_of).days,
        next_training=next_training(run, champion),
        today=run.as_of,
        retrained=scored.appointed.words,
        failed=scored.appointed.error is not None,
        drift=scored.drift,
    )


def _events(run: Run, task: TaskConfig, listed: list[str]) -> pd.DataFrame | None:
    """What happened to those *listed*, by business date; None where the task does not say.

    By now scores are out: a timeline that fails is told, and left out.
    """
    if task.timeline is None:
        return None
    project = run.project
    try:
        with connect(project.var / "spill") as con:
            events = timeline(con, project, store_of(project), task, run.as_of, listed)
    except SalesmlError as error:
        run.tell(f"{task.name}: the report has no timeline: {error.what}")
        return None
    return events.assign(happened_at=pd.to_datetime(events["happened_at"]).dt.date)


def _address(run: Run, page: Path) -> str:
    """*page* as seen from the report, so that both can move; empty where it is not there."""
    return quote(os.path.relpath(page, run.project.var / "report")) if page.exists() else ""


def actions_of(run: Run, actions: Actions | None) -> ActionSection | None:
    """What the report tells of what is to be done; None in a project without actions."""
    if actions is None:
        return None
    decisions, fired = actions.decisions, actions.fired.to_dict("records")
    return ActionSection(
        as_of=run.as_of,
        agenda=actions.agenda,
        loads=actions.loads,
        fired=[(Words(ja=row["name_ja"], en=row["name_en"]), int(row["n"])) for row in fired],
        left=Counter(decisions["how"][decisions["action"] == NO_ACTION]),
        notes=actions.notes,
        brought=_brought(run),
    )


def _brought(run: Run) -> Brought | None:
    """What actions brought so far; by now all is decided, so that any failure is only told."""
    try:
        return Brought.of(evaluate(run.project, run.as_of), run.project.tasks)
    except Exception as error:
        run.tell(f"the report does not say what actions brought: {error}")
        return None
