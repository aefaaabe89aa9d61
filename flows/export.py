"""The export flow: write the scores of a date back, only what changed."""

from __future__ import annotations

import datetime as dt

import typer
from prefect import flow, task

from flows.common import IO
from salesml import api
from salesml.cli import AsOf, DryRun, ProjectOption, errors_told, progress, show_exports
from salesml.export import ExportResult

__all__ = ["export"]


@task(**IO)
def write_back(project: str, as_of: dt.date | None, *, dry_run: bool) -> list[ExportResult]:
    """Write back what changed; after a failure the ledger continues where it was."""
    with progress() as tell:
        return api.export(project, as_of=as_of, dry_run=dry_run, tell=tell)


@flow(name="export", flow_run_name="export {project}", validate_parameters=False)
def export(
    project: str, as_of: dt.date | str | None = None, dry_run: bool = False
) -> list[ExportResult]:
    """Write back the scores of a project."""
    date = dt.date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    return write_back(project, date, dry_run=dry_run)


def main(project: ProjectOption, as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Write the scores of a project back once."""
    with errors_told():
        show_exports(export(project, as_of, dry_run), dry_run=dry_run)


if __name__ == "__main__":
    typer.run(main)
