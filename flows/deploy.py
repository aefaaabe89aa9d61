"""Serve the flows on a schedule: nightly at 02:00 business time, train and export on demand."""

from __future__ import annotations

from typing import Annotated

import typer
from prefect import serve
from prefect.schedules import Cron

from flows.export import export
from flows.nightly import nightly
from flows.train import train
from salesml.cli import errors_told
from salesml.config import load_project

__all__ = ["deployments"]

Projects = Annotated[list[str], typer.Argument(help="Project folders under configs/.")]
At = Annotated[str, typer.Option("--cron", help="When the nightly runs, in the project's zone.")]


def deployments(projects: list[str], cron: str = "0 2 * * *") -> list[object]:
    """A nightly, a train and an export deployment for each project."""
    served: list[object] = []
    for name in projects:
        zone = load_project(name).settings.timezone
        parameters = {"project": name}
        served += [
            nightly.to_deployment(name, parameters=parameters, schedule=Cron(cron, timezone=zone)),
            train.to_deployment(name, parameters=parameters),
            export.to_deployment(name, parameters=parameters),
        ]
    return served


def main(projects: Projects, cron: At = "0 2 * * *") -> None:
    """Serve the flows of *projects* until stopped."""
    with errors_told():
        serve(*deployments(projects, cron))  # type: ignore[arg-type]


if __name__ == "__main__":
    typer.run(main)
