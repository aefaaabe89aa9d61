"""The commands about the write-back: ``salesml export …``."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from salesml import api
from salesml.errors import IncompleteError
from salesml.export import Attempt, ExportResult, todo_of
from salesml.report.formats import clean, shown
from salesml.terminal import AsOf, DryRun, Format, errors_told, output, progress, write_rows
from salesml.written import TargetStatus

__all__ = ["export", "exports", "exports_told", "show_exports"]

_DEAD = 20  # dead records of a target that are listed
_VALUE = 200  # letters of a value
_STATUSES = {
    "planned": "to be written",
    "sent": "sent, no answer",
    "acknowledged": "written",
    "verified": "… and read back",
    "retry": "to be repeated",
    "kept": "kept (a person's)",
    "missing": "missing",
    "dead": "dead",
}

MaybeProject = Annotated[
    str | None, typer.Option("--project", "-p", help="A project folder under configs/.")
]
TargetOption = Annotated[
    str | None, typer.Option("--target", "-t", help="One target of export.yml.")
]
FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json.")]

exports = typer.Typer(invoke_without_command=True)


@exports.callback()
def export(
    ctx: typer.Context,
    project: MaybeProject = None,
    as_of: AsOf = None,
    dry_run: DryRun = False,
) -> None:
    """Write scores back, only what changed; the commands below say what became of them.

    Of the newest date that was scored, or another one. SIGTERM finishes the batch in hand; the
    next export goes on from there.
    """
    if ctx.invoked_subcommand is not None:
        if as_of or dry_run:
            ctx.fail(f"'{ctx.invoked_subcommand}' takes no --as-of and no --dry-run.")
        ctx.obj = project
        return
    name = _of(ctx, project)

    def run() -> list[ExportResult]:
        with progress() as tell:
            return api.export(name, as_of=as_of, dry_run=dry_run, tell=tell)

    exports_told(run, dry_run=dry_run)


def _of(ctx: typer.Context, project: str | None) -> str:
    """The project that was named here, or before the command."""
    named: str | None = project or ctx.obj
    if named is None:
        ctx.fail("Missing option '--project' / '-p'.")
    return named


def exports_told(run: Callable[[], list[ExportResult]], *, dry_run: bool) -> None:
    """Print what the export *run* came to, and then what could not be written, with exit code 1."""
    with errors_told():
        try:
            results = run()
        except IncompleteError as error:
            show_exports(error.result, dry_run=dry_run)
            raise
        show_exports(results, dry_run=dry_run)


def show_exports(results: Sequence[ExportResult], *, dry_run: bool) -> None:
    """Print what was written back."""
    console = output()
    for result in results:
        for line in result.lines():
            console.print(escape(line), highlight=False, soft_wrap=True)
    if dry_run:
        console.print("Dry run: nothing was written back.")


# status ----------------------------------------------------------------------------------------


@exports.command()
def status(
    ctx: typer.Context,
    project: MaybeProject = None,
    target: TargetOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Print how far each target is: records by status, and what to do about dead ones.

    By the ledger alone; no system is asked. Example: salesml export status -p sample
    """
    with errors_told():
        found = api.export_status(_of(ctx, project), target)
        if format is Format.table:
            output().print(_statuses(found))
        else:
            write_rows(pd.DataFrame([_row(each) for each in found]), format)


def _row(status: TargetStatus) -> dict[str, Any]:
    return {
        "target": status.target,
        "connection": status.connection,
        "newest": status.newest,
        **{name: status.counts.get(name, 0) for name in _STATUSES},
        "jobs": status.jobs,
        "calls_today": status.calls,
        "rows_today": status.rows,
    }


def _statuses(found: Sequence[TargetStatus]) -> RenderableType:
    counted = [_counted(each.counts) for each in found]
    known = [name for name in _STATUSES if any(counts.get(name) for counts in counted)]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for head in ("Target", "Connection", "Newest"):
        table.add_column(head)
    for name in known:
        table.add_column(_STATUSES[name], justify="right")
    for each, counts in zip(found, counted, strict=True):
        shown_counts = [_count(name, counts.get(name, 0)) for name in known]
        table.add_row(
            each.target, each.connection or "none", str(each.newest or "–"), *shown_counts
        )
    return Group(table, *_quotas(found), *(line for each in found for line in _troubles(each)))


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    """*counts*, where what was read back counts as written, too."""
    written = counts.get("acknowledged", 0) + counts.get("verified", 0)
    return {**counts, "acknowledged": written}


def _count(name: str, count: int) -> Text:
    return Text(f"{count:,}" if count else "·", "bold red" if name == "dead" and count else "")


def _quotas(found: Sequence[TargetStatus]) -> list[Text]:
    """What each connection was asked today, and how much it may be."""
    told = {}
    for each in found:
        limits = each.limits
        caps = [
            f"{cap:,} {what} a day"
            for what, cap in (("calls", limits.calls), ("records", limits.rows))
            if cap is not None
        ]
        if each.connection and (each.calls or each.rows or caps):
            used = f"{each.calls:,} calls and {each.rows:,} records today"
            limit = f", at most {' and '.join(caps)}" if caps else ""
            told[each.connection] = f"{each.connection}: {used}{limit}"
    return [Text(text) for text in told.values()]


def _troubles(status: TargetStatus) -> list[Text]:
    """Open jobs, then dead records with their errors, by what to do about them."""
    lines = [
        Text(f"{status.target}: job {job} is open, the next run settles it", "yellow")
        for job in status.jobs
    ]
    by_todo: dict[str, list[Attempt]] = {}
    for attempt in status.dead[:_DEAD]:
        by_todo.setdefault(todo_of(attempt.error or ""), []).append(attempt)
    for todo, attempts in by_todo.items():
        lines += [_dead(status.target, attempt) for attempt in attempts]
        lines.append(Text(f"  to do: {todo}", "dim"))
    rest = status.counts.get("dead", 0) - _DEAD
    return [*lines, Text(f"  … and {rest:,} more")] if rest > 0 else lines


def _dead(target: str, attempt: Attempt) -> Text:
    head = (f"{target} {clean(attempt.external_id)}", "bold red")
    return Text.assemble(head, f" {shown(attempt.error, _VALUE).text}")


# retry -----------------------------------------------------------------------------------------


@exports.command()
def retry(
    ctx: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="External ids; all by default.")
    ] = None,
    project: MaybeProject = None,
    target: TargetOption = None,
) -> None:
    """Let the next export write dead records again, after what was wrong is mended.

    Example: salesml export retry -p sample 001A
    """
    with errors_told():
        counts = api.export_retry(_of(ctx, project), *(ids or ()), target=target)
        for name, count in counts.items():
            if count:
                output().print(f"{name}: {count:,} to be written again by the next export.")
        if not any(counts.values()):
            output().print("No dead record can be written again.")


# show ------------------------------------------------------------------------------------------


@exports.command()
def show(
    ctx: typer.Context,
    record: Annotated[str, typer.Argument(metavar="ID", help="The external id of a record.")],
    project: MaybeProject = None,
    target: TargetOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Print every attempt to write one record: values, status, error and times.

    Example: salesml export show -p sample 001A
    """
    with errors_told():
        found = api.export_history(_of(ctx, project), record, target)
        if format is Format.table:
            output().print(Group(*(_history(name, found[name]) for name in found)))
        else:
            write_rows(pd.DataFrame(_attempts(found)), format)


def _attempts(found: Mapping[str, Sequence[Attempt]]) -> list[dict[str, Any]]:
    return [{"target": name, **asdict(each)} for name in found for each in found[name]]


def _history(target: str, attempts: Sequence[Attempt]) -> RenderableType:
    lines = [Text(f"{target} {clean(attempts[0].external_id)}", "bold")]
    before: Mapping[str, object] = {}
    for attempt in attempts:
        lines += [_head(attempt), *_values(attempt.payload, before), *_error(attempt)]
        before = attempt.payload
    return Group(*lines)


def _head(attempt: Attempt) -> Text:
    status = _STATUSES.get(attempt.status, attempt.status)
    tries = f"{attempt.attempts} {'try' if attempt.attempts == 1 else 'tries'}"
    times = (
        ("planned", attempt.planned_at), ("sent", attempt.sent_at), ("ended", attempt.finished_at)
    )  # fmt: skip
    told = ", ".join(f"{what} {_time(at)}" for what, at in times if at)
    style = "bold red" if attempt.status == "dead" else "bold"
    return Text.assemble(f"  {attempt.as_of}  ", (status, style), f"  {tries}; {told} UTC")


def _time(at: object) -> str:
    """A time as the ledger has it, to the second."""
    text = at.isoformat(sep=" ") if isinstance(at, dt.datetime) else str(at)
    return text.partition(".")[0]


def _values(payload: Mapping[str, object], before: Mapping[str, object]) -> list[Text]:
    """The values that differ from those of the attempt before, one a line."""
    return [
        Text.assemble((f"      {name}: ", "dim"), shown(_plain(value), _VALUE).text)
        for name, value in payload.items()
        if name not in before or before[name] != value
    ]


def _plain(value: object) -> str:
    """A text as it is, lines joined; what is no text as JSON."""
    if isinstance(value, str):
        return " / ".join(value.splitlines())
    return json.dumps(value, ensure_ascii=False, default=str)


def _error(attempt: Attempt) -> list[Text]:
    if not attempt.error:
        return []
    lines = [Text(f"      error: {shown(attempt.error, 2 * _VALUE).text}", "red")]
    if attempt.status == "dead":
        lines.append(Text(f"      to do: {todo_of(attempt.error)}", "dim"))
    return lines
