"""The plan of a date: whom to approach first, when, about what, and whom to cite."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import pandas as pd

from salesml.approach.facts import ID, Lists
from salesml.approach.known import Known
from salesml.approach.outlook import gaps, stage_views, stages_learnt
from salesml.approach.rows import plan_rows
from salesml.approach.stages import Stage, calendar_from, stages_from
from salesml.config import Project, TaskConfig, Words
from salesml.engine import connect
from salesml.errors import ConfigError, suggest
from salesml.municipal.settings import MunicipalConfig, load_municipal
from salesml.run import Run, version_of
from salesml.scorebook import ScoreBook

if TYPE_CHECKING:
    from salesml.registry import Version

__all__ = ["ENTITY", "Plan", "municipal_task", "plan"]

ENTITY, _USUAL = "municipality", "municipal_adoption"


@dataclass(frozen=True)
class Plan:
    """The priority list of a date, and the budget year around it.

    Parameters
    ----------
    ranked_by : ``expected_value`` where the task has amounts, else ``score``.
    stage, stages : the stage of the date, and that with those that follow, of one year.
    parallel : what goes on meanwhile, the execution of this year's budget.
    calendar : ``kind, name, ja, en, starts_on, ends_on`` of the coming year.
    rows : one a municipality, ``rank`` 1 first; see the columns in README.
    outlook_note : which stages have no score of their own, and why; None where all have.
    left_out : what the project has no data for.
    """

    task: TaskConfig
    as_of: dt.date
    model_version: str
    ranked_by: Literal["expected_value", "score"]
    stage: Stage
    stages: list[Stage]
    parallel: list[Stage]
    calendar: pd.DataFrame
    rows: pd.DataFrame
    outlook_note: Words | None
    left_out: list[Words]

    def of(self, owner: str | None = None, top: int | None = None) -> Plan:
        """The plan of one *owner*, the *top* rows of it; ranks stay those of all."""
        rows = self.rows if owner is None else self.rows[self.rows["owner"] == owner]
        if owner is not None and rows.empty:
            known = sorted(self.rows["owner"].dropna().astype("str").unique())
            raise ConfigError(
                f"Nobody called '{owner}' owns a municipality of this plan.{suggest(owner, known)}",
                received=f"owners: {', '.join(known) or 'none'}",
                where=f"tasks/{self.task.name}.yml, population: owner",
                fix="Use one of these, as the CRM writes it.",
            )
        return replace(self, rows=(rows if top is None else rows.head(top)).reset_index(drop=True))


def municipal_task(project: Project, name: str | None = None) -> TaskConfig:
    """The task called *name*, or the one about municipalities; raises ConfigError.

    Of several it is ``municipal_adoption``, if there is one of that name.
    """
    about = [task.name for task in project.tasks.values() if task.entity == ENTITY]
    if name is not None and project.task(name).entity != ENTITY:
        raise ConfigError(
            f"Task {name} is about {project.task(name).entity}, not about municipalities.",
            where=project.where(f"tasks/{name}.yml", "entity"),
            fix=f"Use one of: {', '.join(about)}." if about else _ADD_TASK,
        )
    if name is None and _USUAL in about:
        return project.task(_USUAL)
    if name is None and len(about) != 1:
        raise ConfigError(
            f"Project {project.name} has {len(about) or 'no'} tasks about municipalities.",
            received=", ".join(about) or f"tasks {', '.join(project.tasks)}",
            where=str(project.root / "configs" / project.name / "tasks"),
            fix="Name one with --task." if about else _ADD_TASK,
        )
    return project.task(name or about[0])


_ADD_TASK = f"Add a task with `entity: {ENTITY}`."


def plan(given: Run | Project, task: TaskConfig, as_of: dt.date, *, outlook: bool = True) -> Plan:
    """The plan for the scores of *task* on *as_of*, everything as known before that date.

    Without *outlook* no model is asked. Raises ModelError where the date was not scored.
    """
    project = given.project if isinstance(given, Run) else given
    settings = load_municipal(project)
    book = ScoreBook(project, task.name)
    meta, scored = book.meta(as_of), book.read(as_of)
    stages, parallel = stages_from(settings, as_of)
    with connect(project.var / "spill") as con:
        known = Known(con, project, as_of)
        rows = plan_rows(known, settings, scored, stages[0])
        views, note = dict[str, Any](), None
        if outlook:
            version = version_of(project, task.name, str(meta["model_version"]))
            views, note = _views(con, project, task, version, settings, stages, as_of)
    rows["outlook"] = pd.Series([views.get(code) for code in rows[ID]], dtype=object)
    ranked_by: Literal["expected_value", "score"] = (
        "expected_value" if rows["expected_value"].notna().any() else "score"
    )
    return Plan(
        task=task,
        as_of=as_of,
        model_version=str(meta["model_version"]),
        ranked_by=ranked_by,
        stage=stages[0],
        stages=stages,
        parallel=parallel,
        calendar=calendar_from(settings, as_of),
        rows=_ranked(rows, ranked_by),
        outlook_note=note,
        left_out=list(known.left_out.values()),
    )


def _views(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    task: TaskConfig,
    version: Version,
    settings: MunicipalConfig,
    stages: list[Stage],
    as_of: dt.date,
) -> tuple[Lists, Words | None]:
    """What the model that scored says of each stage it knows, and which ones it does not."""
    learnt = stages_learnt(settings, task, version.windows)
    asked = [stages[0], *(stage for stage in stages[1:] if stage.name in learnt)]
    note = gaps(stages, learnt)
    if len(asked) == 1:
        return {}, note
    return stage_views(con, project, task, version.load(), asked, as_of), note


def _ranked(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    order = list(dict.fromkeys([by, "score", "probability"]))
    rows = rows.sort_values(ID).sort_values(order, ascending=False, kind="stable")
    rows.insert(0, "rank", range(1, len(rows) + 1))
    return rows.reset_index(drop=True)
