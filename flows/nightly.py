"""The nightly flow: read → train what is due → score → act → write back → report."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import partial

import typer
from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_table_artifact

from flows.common import IO, PLAIN, write_target
from salesml import pipeline
from salesml.actions.deciding import Actions
from salesml.cli import AsOf, DryRun, ProjectOption, nightly_told, progress
from salesml.intake import ReadReport
from salesml.pipeline import NightlyResult, Run, TaskScores
from salesml.report.agenda import pressing, todo_of
from salesml.scoring import ScoreBook

__all__ = ["nightly"]

_TOP = 20
_MOST_TODO = 1_000


@task(**IO)
def read(run: Run) -> list[ReadReport]:
    """Bring the store up to date."""
    return pipeline.read_sources(run)


@task(task_run_name="score {name}", **PLAIN)
def score(run: Run, name: str) -> TaskScores:
    """Score one task; train it first where that is due."""
    return pipeline.score_task(run, name)


@task(**PLAIN)
def act(run: Run, tasks: Sequence[TaskScores], *, dry_run: bool) -> Actions | None:
    """Decide what is to be done next."""
    return pipeline.act(run, tasks, dry_run=dry_run)


@flow(name="nightly", flow_run_name="nightly {project}", validate_parameters=False)
def nightly(
    project: str, as_of: dt.date | str | None = None, dry_run: bool = False
) -> NightlyResult:
    """Run everything for one project and one date; a failure of a part does not stop the others.

    The run fails at its end, with an IncompleteError that holds the result, where some failed.
    """
    date = dt.date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    with progress() as tell, pipeline.open_run(project, date, tell=tell) as run:
        reads = read(run)
        tasks, failures = pipeline.score_tasks(run, score)
        actions = pipeline.act_on(run, tasks, failures, partial(act, dry_run=dry_run))
        names = [scored.task.name for scored in tasks]
        exports = pipeline.write_back_scores(
            run, names, dry_run=dry_run, actions=actions, write=write_target
        )
        result = pipeline.finish(run, reads, tasks, exports, failures, actions)
        _publish(result)
    result.require_whole()
    return result


def _publish(result: NightlyResult) -> None:
    """Show the night in Prefect; by now scores are out, so that a failure is only told."""
    try:
        _create_artifacts(result)
    except Exception as error:
        result.run.tell(f"Prefect shows no report of this night: {error}")


def _create_artifacts(result: NightlyResult) -> None:
    """The report, the top of each list and what is to be done as Prefect artifacts."""
    project = result.run.project
    name = ["name"] if project.settings.report.names == "shown" else []
    create_link_artifact(
        link=result.report.as_uri(), link_text="report", key=_key(project.name, "report")
    )
    for scored in result.tasks:
        frame = ScoreBook(project, scored.task.name).read(result.run.as_of).head(_TOP)
        rows = pipeline.export_rows(scored.task, frame).astype("str").fillna("")
        columns = [scored.task.id_column, *name, "score", "change", "probability"]
        columns += [f"band_{project.settings.language}", f"reasons_{project.settings.language}"]
        create_table_artifact(
            table={name: rows[name].tolist() for name in columns},
            key=_key(project.name, scored.task.name),
            description=scored.task.question.en,
        )
    if result.actions:
        create_table_artifact(
            table=_todo(result, named=bool(name)),
            key=_key(project.name, "actions"),
            description=f"To do as of {result.run.as_of}: {len(result.actions.agenda):,}",
        )


def _todo(result: NightlyResult, *, named: bool) -> dict[str, list[str]]:
    """What is to be done, the most pressing first, as columns of text."""
    assert result.actions is not None
    as_of, language = result.run.as_of, result.run.project.settings.language
    agenda = pressing(result.actions.agenda, as_of).head(_MOST_TODO)
    rows = [todo_of(row, as_of) for row in agenda.to_dict("records")]
    told = [
        {
            "due_on": str(todo.due or ""),
            "by": todo.by.text if named else str(person or ""),
            "entity": todo.entity,
            "entity_id": todo.key,
            **({"name": todo.name.text} if named else {}),
            "action": getattr(todo.title, language),
            "why": getattr(todo.why, language, ""),
            "how": str(how),
        }
        for todo, person, how in zip(rows, agenda["assignee_id"], agenda["how"], strict=True)
    ]
    return {column: [row[column] for row in told] for column in told[0]} if told else {}


def _key(*names: str) -> str:
    """*names* as the key of an artifact: a-z, 0-9 and dashes, also for names in Japanese."""
    ascii_only = "-".join(names).lower().encode("punycode").decode("ascii")
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")


def main(project: ProjectOption, as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Run the nightly flow of a project once."""
    nightly_told(lambda: nightly(project, as_of, dry_run), dry_run=dry_run)


if __name__ == "__main__":
    typer.run(main)
