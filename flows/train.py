"""The training flow: train one task, or all of a project; the gate decides about champions."""

from __future__ import annotations

import datetime as dt

import typer
from prefect import flow, task

from flows.common import IO, PLAIN
from salesml import pipeline
from salesml.cli import AsOf, ProjectOption, errors_told, progress, show_training
from salesml.pipeline import Run, Trained

__all__ = ["train"]


@task(**IO)
def read(run: Run) -> None:
    """Bring the store up to date."""
    pipeline.read_sources(run)


@task(task_run_name="train {name}", **PLAIN)
def train_one(run: Run, name: str) -> Trained:
    """Train one task."""
    return pipeline.train_task(run, name)


@flow(name="train", flow_run_name="train {project}", validate_parameters=False)
def train(
    project: str, tasks: list[str] | None = None, as_of: dt.date | str | None = None
) -> dict[str, Trained]:
    """Train *tasks* of a project, all of them by default."""
    date = dt.date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    with progress() as tell, pipeline.open_run(project, date, tell=tell) as run:
        names = tasks or list(run.project.tasks)
        for name in names:
            run.project.task(name)
        read(run)
        return {name: train_one(run, name) for name in names}


def main(project: ProjectOption, tasks: list[str] | None = None, as_of: AsOf = None) -> None:
    """Train tasks of a project once."""
    with errors_told():
        for name, trained in train(project, tasks, as_of).items():
            show_training(name, trained)


if __name__ == "__main__":
    typer.run(main)
