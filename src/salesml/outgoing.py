"""What goes out to a CRM: the scores of a date, and what is to be done as of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from salesml.actions.book import ActionBook, as_decisions, frame_of
from salesml.actions.deciding import Actions
from salesml.actions.tasks import crm_tasks
from salesml.config import ALL, Project, TargetConfig, TaskConfig
from salesml.export import Ledger, Target
from salesml.scoring import ScoreBook, band_of, no_scores

__all__ = ["export_rows", "target_of", "target_rows", "that_are_there"]


def target_of(project: Project, name: str) -> Target:
    """The target *name* of ``export.yml``; raises ConfigError where it makes no sense."""
    config = project.targets[name]
    return Target(name, config.table, config.key, config.mode, config.fields, config.stamps)


def target_rows(
    project: Project,
    target: TargetConfig,
    as_of: dt.date | None,
    actions: Actions | None = None,
) -> pd.DataFrame:
    """What a date writes for *target*, as a CRM takes it; None for no date: nobody.

    What is to be done is that of *actions*, where given, in place of what is recorded.
    """
    if target.task is None:
        return _task_rows(project, target, as_of, actions)
    task = project.task(target.task)
    scored = ScoreBook(project, task.name).read(as_of) if as_of else no_scores(task)
    return export_rows(task, scored)


def _task_rows(
    project: Project, target: TargetConfig, as_of: dt.date | None, actions: Actions | None
) -> pd.DataFrame:
    """What is to be done as of a date, and what is not any more."""
    book, nobody = ActionBook(project), frame_of(as_decisions([]))
    if actions is not None:
        agenda, over = actions.agenda, actions.withdrawn
    else:
        agenda, over = (book.agenda(as_of), book.withdrawn(as_of)) if as_of else (nobody, nobody)
    rows = crm_tasks(pd.concat([agenda, over]) if len(over) else agenda, set(over["action_id"]))
    return rows if target.actions == ALL else rows[rows["entity"] == target.actions]


def that_are_there(rows: pd.DataFrame, name: str, ledger: Ledger) -> pd.DataFrame:
    """*rows* without tasks that are withdrawn and never reached the target *name*."""
    over = rows["withdrawn"]
    written = ledger.records(name, rows.loc[over, "external_id"].tolist())
    return rows[~over | rows["external_id"].isin(written)]


def export_rows(task: TaskConfig, scored: pd.DataFrame, top: int = 3) -> pd.DataFrame:
    """*scored* as a CRM takes it: ``external_id``, the band's names, the *top* reasons as text."""
    bands = [band_of(task.bands, score) for score in scored["score"]]
    rows = scored.drop(columns=["reasons", "changes"]).assign(external_id=scored[task.id_column])
    for language in ("ja", "en"):
        rows[f"band_{language}"] = [getattr(band, language) for band in bands]
        rows[f"reasons_{language}"] = [
            reasons_text(found, language, top) for found in scored["reasons"]
        ]
    return rows


def reasons_text(reasons: list[dict[str, Any]], language: str, top: int = 3) -> str:
    """The *top* reasons, one a line: ``+12 ログイン日数が6日→1日（30日）``."""
    return "\n".join(f"{r['points']:+d} {r[f'text_{language}']}" for r in reasons[:top])
