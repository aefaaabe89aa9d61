"""The commands that look after models: ``salesml models`` and ``salesml audit``."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal

import pandas as pd
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from salesml import api
from salesml.audit import Audit
from salesml.config import load_project
from salesml.errors import ConfigError, SalesmlError
from salesml.evidence import evidence_parts
from salesml.history import events, periods
from salesml.terminal import AsOf, Format, ProjectOption, errors_told, output

__all__ = ["audit", "models"]

TaskOption = Annotated[str | None, typer.Argument(help="A task of the project; all by default.")]
FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json.")]
_STYLES = {"champion": "bold green", "refused": "dim", "rolled back": "red", "passed": ""}


def models(
    project: ProjectOption,
    task: TaskOption = None,
    as_of: AsOf = None,
    format: FormatOption = Format.table,
) -> None:
    """List the versions of each model, how good they are and which one scores."""
    with errors_told():
        frame = api.models(project, task, as_of=as_of)
        if format is Format.table:
            output().print(_model_table(frame))
        else:
            _write(frame, format)


def audit(
    project: ProjectOption,
    task: TaskOption = None,
    entity: Annotated[
        str | None, typer.Option(help="Show what the score of one entity rests on.")
    ] = None,
    as_of: AsOf = None,
    format: FormatOption = Format.table,
) -> None:
    """Print which model scored what from when to when, and every decision about models.

    The log is checked; a line that was changed or removed is named, and the exit code is 1.

    With --entity, one score of a date is shown again: the model, every input, and whether that
    model makes that score of them; if not, the exit code is 1.

    Example: salesml audit -p sample churn --entity A000431 --as-of 2026-06-01
    """
    with errors_told():
        if entity is not None or as_of is not None:
            _audit_score(project, task, entity, as_of, format)
            return
        path, found = api.audit(project, task)
        if format is Format.csv:
            _write(events(found.entries, task), format)
        elif format is Format.json:
            lists = {"periods": periods(found.entries, task), "events": events(found.entries, task)}
            records = {name: json.loads(_records(frame)) for name, frame in lists.items()}
            typer.echo(json.dumps(records, ensure_ascii=False, indent=1))
        else:
            _show(found, task)
        if found.problems:
            places = "\n".join(f"  {problem}" for problem in found.problems)
            raise SalesmlError(
                f"The audit log is broken in {len(found.problems)} places:\n{places}",
                where=str(path),
                fix="Compare it with a backup. To begin a new log, move it and the files named "
                "like it away, and keep them.",
            )


def _audit_score(
    project: str, task: str | None, entity: str | None, as_of: dt.date | None, format: Format
) -> None:
    if task is None or entity is None:
        raise ConfigError(
            "One score is that of a task and an entity.",
            received=f"task {task or 'not given'}, --entity {entity or 'not given'}",
            fix="Write: salesml audit -p PROJECT TASK --entity ID --as-of DATE",
        )
    found = api.audit_score(project, task, entity, as_of=as_of)
    if format is Format.csv:
        _write(found.inputs, format)
    elif format is Format.json:
        inputs = json.loads(_records(found.inputs))
        typer.echo(json.dumps({**found.facts(), "inputs": inputs}, ensure_ascii=False, indent=1))
    else:
        language = load_project(project).settings.language
        for part in evidence_parts(found, language):
            output().print(part, highlight=False)
    if found.problems:
        raise typer.Exit(1)


def _show(found: Audit, task: str | None) -> None:
    console = output()
    for row in periods(found.entries, task).itertuples():
        console.print(
            f"{row.task}: version {row.version} scored {row.first} … {row.last}, "
            f"{row.nights:,} nights, {row.rows:,} rows [dim]sha256 {str(row.sha256)[:12]}[/]",
            highlight=False,
            soft_wrap=True,
        )
    console.print()
    told = events(found.entries, task)
    columns = ["at", "task", "as_of", "text"]
    for row in told.loc[told["event"] != "scored", columns].fillna("").itertuples():
        head = f"[dim]{escape(str(row.at))}[/] {escape(str(row.task))} {row.as_of}"
        console.print(f"{head} {escape(str(row.text))}", highlight=False, soft_wrap=True)
    if found.torn:
        size = len(found.torn)
        text = f"The last line is torn ({size} bytes), by a crash; the next run sets it aside."
        console.print(f"[yellow]{text}[/]", highlight=False)


def _model_table(frame: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("task", "version", "as of", "days old", "model", "AUC", "log loss", "state"):
        side: Literal["left", "right"] = "right" if name in ("version", "days old") else "left"
        table.add_column(name, justify=side, no_wrap=True)
    table.add_column("gate", overflow="fold")
    for row in frame.to_dict("records"):
        table.add_row(
            escape(str(row["task"])),
            str(row["version"]),
            str(row["as_of"]),
            str(row["age_days"]),
            str(row["deployed"]),
            _measure(row, "roc_auc"),
            _measure(row, "log_loss"),
            f"[{_STYLES[row['state']]}]{row['state']}[/]" if _STYLES[row["state"]] else "passed",
            escape(str(row["gate"])),
        )
    return table


def _measure(row: Mapping[Hashable, Any], name: str) -> str:
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return "–" if math.isnan(value) else f"{value:.3f} ({low:.3f}–{high:.3f})"


def _records(frame: pd.DataFrame) -> str:
    return str(frame.to_json(orient="records", indent=1, force_ascii=False, double_precision=15))


def _write(frame: pd.DataFrame, format: Format) -> None:
    if format is Format.json:
        typer.echo(_records(frame))
    else:
        typer.echo(frame.to_csv(index=False), nl=False)
