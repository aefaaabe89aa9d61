"""The export flow: write the scores of a date back, only what changed."""

from __future__ import annotations

import datetime as dt

import typer
from prefect import flow

from flows.common import write_target
from salesml import api
from salesml.cli import AsOf, DryRun, ProjectOption, exports_told, progress
from salesml.export import ExportResult

__all__ = ["export"]


@flow(name="export", flow_run_name="export {project}", validate_parameters=False)
def export(
    project: str, as_of: dt.date | str | None = None, dry_run: bool = False
) -> list[ExportResult]:
    """Write back the scores of a project, only what changed.

    The run fails at its end, with an IncompleteError that holds the results, where a target could
    not be written.
    """
    date = dt.date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    with progress() as tell:
        return api.export(project, as_of=date, dry_run=dry_run, tell=tell, write=write_target)


def main(project: ProjectOption, as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Write the scores of a project back once."""
    exports_told(lambda: export(project, as_of, dry_run), dry_run=dry_run)


if __name__ == "__main__":
    typer.run(main)
