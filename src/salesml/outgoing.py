"""What goes out to a CRM: the scores of a date, and what is to be done as of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from salesml.actions.book import ActionBook
from salesml.actions.deciding import Actions
from salesml.actions.tasks import TASK_TYPES, crm_tasks
from salesml.config import ALL, Project, TargetConfig, TaskConfig
from salesml.errors import ExportError, ModelError, suggest
from salesml.export import Ledger, Target
from salesml.scorebook import score_types
from salesml.scoring import ScoreBook, band_of
from salesml.secrets import looked_up

__all__ = [
    "PRIORITY",
    "column_types",
    "export_rows",
    "field_types",
    "ledger_of",
    "ledger_place",
    "newest",
    "require_columns",
    "target_of",
    "target_rows",
]

PRIORITY = "_priority"
"""Column by which rows are written where not all may be: the highest first."""

_ADDED: dict[str, type] = {
    **dict.fromkeys(("external_id", "entity"), str),
    "grade": int,
    **dict.fromkeys(("band_ja", "reasons_ja", "band_en", "reasons_en"), str),
}
"""What `export_rows` adds to scores."""


def ledger_of(project: Project) -> Ledger:
    """The ledger of *project*; raises ConfigError where its address names a secret not there."""
    return Ledger(ledger_place(project))


def ledger_place(project: Project) -> Path | str:
    """Where the ledger of *project* lies: the path of a file, or an address with its password."""
    where = project.where("export.yml", "ledger")
    place = looked_up("ledger", project.ledger, where) if project.ledger else ""
    if "://" in place:
        return place
    return project.root / place if place else project.var / "ledger.sqlite"


def newest(book: ScoreBook | ActionBook) -> dt.date:
    """The newest date of *book*; raises ModelError where there is none."""
    dates = book.dates()
    if not dates:
        raise ModelError(
            "Nothing was scored yet.", where=str(book.root), fix="Run `salesml nightly` first."
        )
    return dates[-1]


def target_of(project: Project, name: str) -> Target:
    """The target *name* of ``export.yml``; raises ConfigError where it makes no sense."""
    config = project.targets[name]
    return Target(name, config.table, config.key, config.mode, config.fields, config.stamps)


# types -----------------------------------------------------------------------------------------


def column_types(project: Project, target: TargetConfig) -> dict[str, type]:
    """The columns that *target* may name, and the types of their values, known without any row."""
    if target.task is None:
        return TASK_TYPES
    return {**score_types(project.task(target.task)), **_ADDED}


def field_types(project: Project, name: str) -> dict[str, type | None]:
    """The type of each field and stamp of the target *name*; None where there is no such column."""
    known = column_types(project, project.targets[name])
    return {field: known.get(column) for field, column in target_of(project, name).columns.items()}


def require_columns(project: Project, name: str) -> None:
    """Raise ExportError, naming all of them, where *name* asks for columns that there are not."""
    known = column_types(project, project.targets[name])
    missing = [c for c in target_of(project, name).columns.values() if c not in known]
    if missing:
        raise ExportError(
            "There are no such columns to write: "
            + ", ".join(f"'{column}'{suggest(column, known)}" for column in missing),
            received=f"columns {', '.join(known)}",
            where=project.where("export.yml", "targets", name),
            fix="Correct the columns that fields and stamps of the target name.",
        )


# rows ------------------------------------------------------------------------------------------


def target_rows(
    project: Project, name: str, as_of: dt.date, ledger: Ledger, actions: Actions | None = None
) -> Iterator[pd.DataFrame]:
    """What a date writes to the target *name*, as a CRM takes it, bucket by bucket.

    What is to be done is that of *actions*, where given, in place of what is recorded; tasks that
    are withdrawn, and by *ledger* neither reached the target nor wait to, are left out.
    """
    target = project.targets[name]
    if target.task is None:
        rows = _task_rows(project, target, as_of, actions)
        yield _that_are_there(rows, name, ledger)
        return
    task = project.task(target.task)
    for scored in ScoreBook(project, task.name).parts(as_of):
        yield export_rows(task, scored)


def _task_rows(
    project: Project, target: TargetConfig, as_of: dt.date, actions: Actions | None
) -> pd.DataFrame:
    """What is to be done as of a date, and what is not any more."""
    if actions is not None:
        agenda, over = actions.agenda, actions.withdrawn
    else:
        book = ActionBook(project)
        agenda, over = book.agenda(as_of), book.withdrawn(as_of)
    rows = crm_tasks(pd.concat([agenda, over]) if len(over) else agenda, set(over["action_id"]))
    rows = rows if target.actions == ALL else rows[rows["entity"] == target.actions]
    return rows.assign(**{PRIORITY: _worth_of_tasks(rows, as_of)})


def _worth_of_tasks(rows: pd.DataFrame, as_of: dt.date) -> pd.Series:
    """What each task should bring, in whole units of money; of the same, what is due first."""
    value = pd.to_numeric(rows["value"]).astype("Float64").fillna(0)
    days = (pd.to_datetime(rows["due_on"]) - pd.Timestamp(as_of)).dt.days
    return (value + 1 / (2 + days.clip(lower=0).fillna(10_000))).astype(float)


def _that_are_there(rows: pd.DataFrame, name: str, ledger: Ledger) -> pd.DataFrame:
    """*rows* without withdrawn tasks that never reached *name* and are not on their way to it."""
    over = rows["withdrawn"]
    there = ledger.touched(name, rows.loc[over, "external_id"].tolist())
    return rows[~over | rows["external_id"].isin(there)]


def export_rows(task: TaskConfig, scored: pd.DataFrame, top: int = 3) -> pd.DataFrame:
    """*scored* as a CRM takes it, for records known by ``external_id``.

    With the ``entity``, the ``grade`` (0 for the band of the highest scores, 1 for the next …), the
    band's names, and the *top* reasons as text.
    """
    bands = [band_of(task.bands, score) for score in scored["score"]]
    rows = scored.drop(columns=["reasons", "changes"]).assign(external_id=scored[task.id_column])
    rows["entity"], rows["grade"] = task.entity, [task.bands.index(band) for band in bands]
    rows[PRIORITY] = _worth_of_scores(scored)
    for language in ("ja", "en"):
        rows[f"band_{language}"] = [getattr(band, language) for band in bands]
        rows[f"reasons_{language}"] = [
            reasons_text(found, language, top) for found in scored["reasons"]
        ]
    return rows


def _worth_of_scores(scored: pd.DataFrame) -> pd.Series:
    """The expected value, which is the amount at stake by its probability; else the score."""
    return scored["expected_value"].astype(float).fillna(scored["score"].astype(float))


def reasons_text(reasons: list[dict[str, Any]], language: str, top: int = 3) -> str:
    """The *top* reasons, one a line: ``+12 ログイン日数が6日→1日（30日）``."""
    return "\n".join(f"{r['points']:+d} {r[f'text_{language}']}" for r in reasons[:top])
