"""The command line: ``salesml COMMAND``."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape

from salesml import api
from salesml.config import load_project
from salesml.errors import SalesmlError
from salesml.export import ExportResult
from salesml.learning import Trained
from salesml.pipeline import NightlyResult
from salesml.run import Tell
from salesml.scoring import ScoreBook
from salesml.tables import explain_panel, top_table

__all__ = [
    "AsOf",
    "DryRun",
    "ProjectOption",
    "app",
    "errors_told",
    "progress",
    "show_exports",
    "show_nightly",
    "show_training",
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Nightly sales scores with reasons, from your CRM and back into it.",
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How scores are printed."""

    table = "table"
    csv = "csv"
    json = "json"


class Language(StrEnum):
    """The languages of reasons."""

    ja = "ja"
    en = "en"


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no date; write YYYY-MM-DD.") from None


ProjectOption = Annotated[
    str, typer.Option("--project", "-p", help="A project folder under configs/.")
]
AsOf = Annotated[
    dt.date | None,
    typer.Option("--as-of", parser=_date, metavar="DATE", help="The date scores are made for."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written back.")]


@contextmanager
def errors_told() -> Iterator[None]:
    """Print an error of ours as it is, without a traceback, and exit with 1."""
    try:
        yield
    except SalesmlError as error:
        text = f"[bold red]Error:[/] {escape(str(error))}"
        Console(stderr=True).print(text, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


@contextmanager
def progress() -> Iterator[Tell]:
    """Tell what is going on on stderr: one moving line on a terminal, one line each elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: console.print(
            f"{dt.datetime.now():%H:%M:%S} {text}", highlight=False, soft_wrap=True
        )
        return
    with console.status("starting") as status:
        yield lambda text: status.update(text)


def _output() -> Console:
    console = Console()
    # piped output keeps whole lines
    return console if console.is_terminal else Console(width=140)


@app.command()
def sample(
    directory: Annotated[Path, typer.Argument(help="Where the files go.")],
    accounts: Annotated[int, typer.Option(min=20, help="How many customers.")] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 0,
) -> None:
    """Make the sample CRM, an SQLite file, of an invented Japanese SaaS vendor."""
    with errors_told(), progress() as tell:
        tell("making the sample CRM")
        path = api.make_sample(directory, accounts=accounts, seed=seed)
    _output().print(f"The sample CRM is {path}", highlight=False)


@app.command()
def check(project: ProjectOption, as_of: AsOf = None) -> None:
    """Check configuration, sources, features and leaks; write nothing."""
    with errors_told():
        with progress() as tell:
            report = api.check(project, as_of=as_of, tell=tell)
        console = _output()
        for title in report.passed:
            console.print(f"[green]ok[/]    {escape(title)}", highlight=False, soft_wrap=True)
        for warning in report.warnings:
            console.print(f"[yellow]note[/]  {escape(warning)}", highlight=False, soft_wrap=True)
        for problem in report.problems:
            console.print(f"[red]wrong[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
        if report.problems:
            raise typer.Exit(1)


@app.command()
def train(
    project: ProjectOption,
    task: Annotated[str, typer.Argument(help="A task of the project.")],
    as_of: AsOf = None,
) -> None:
    """Train a task and let the gate decide whether the model becomes champion."""
    with errors_told():
        with progress() as tell:
            trained = api.train(project, task, as_of=as_of, tell=tell)
        show_training(task, trained)


@app.command()
def nightly(project: ProjectOption, as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Run everything: read, train what has no champion, score, write back, report."""
    with errors_told():
        with progress() as tell:
            result = api.nightly(project, as_of, dry_run=dry_run, tell=tell)
        show_nightly(result, dry_run=dry_run)


@app.command()
def scores(
    project: ProjectOption,
    task: Annotated[str, typer.Argument(help="A task of the project.")],
    as_of: AsOf = None,
    entity: Annotated[str | None, typer.Option(help="The id of one entity.")] = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table,
) -> None:
    """Print scores: all of them, or those of one entity."""
    with errors_told():
        frame = api.scores(project, task, as_of=as_of, entity=entity)
        loaded = load_project(project)
        if format is Format.table:
            table = top_table(loaded.task(task), frame, loaded.settings.language, limit=len(frame))
            _output().print(table)
        else:
            _write(frame, format)


def _write(frame: pd.DataFrame, format: Format) -> None:
    frame = frame.assign(as_of=frame["as_of"].astype("str"))
    if format is Format.json:
        text = frame.to_json(orient="records", indent=1, force_ascii=False, double_precision=15)
        typer.echo(text)
        return
    texts = [json.dumps(found, ensure_ascii=False) for found in frame["reasons"]]
    typer.echo(frame.assign(reasons=texts).to_csv(index=False), nl=False)


@app.command()
def explain(
    project: ProjectOption,
    task: Annotated[str, typer.Argument(help="A task of the project.")],
    entity: Annotated[str, typer.Argument(metavar="ID", help="The id of the entity.")],
    as_of: AsOf = None,
    lang: Annotated[Language | None, typer.Option(help="ja or en.")] = None,
) -> None:
    """Explain the score of one entity."""
    with errors_told():
        row = api.explain(project, task, entity, as_of=as_of)
        loaded = load_project(project)
        language = lang.value if lang else loaded.settings.language
        _output().print(explain_panel(loaded.task(task), row, language))


@app.command()
def export(project: ProjectOption, as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Write scores back, only what changed."""
    with errors_told():
        with progress() as tell:
            results = api.export(project, as_of=as_of, dry_run=dry_run, tell=tell)
        show_exports(results, dry_run=dry_run)


@app.command()
def rollback(
    project: ProjectOption, task: Annotated[str, typer.Argument(help="A task of the project.")]
) -> None:
    """Take the champion of a task back; the one before it scores from now on."""
    with errors_told():
        taken, champion = api.rollback(project, task)
        _output().print(
            f"{task}: version {taken.version} is taken back, "
            f"version {champion.version} is champion.",
            highlight=False,
        )


# what users read -------------------------------------------------------------------------------


def show_nightly(result: NightlyResult, *, dry_run: bool = False) -> None:
    """Print the top of each list with reasons, what was written, and where everything lies."""
    console, run = _output(), result.run
    _show_reads(console, result)
    for scored in result.tasks:
        if scored.trained:
            show_training(scored.task.name, scored.trained)
        frame = ScoreBook(run.project, scored.task.name).read(run.as_of)
        console.print()
        console.print(top_table(scored.task, frame, run.project.settings.language))
        if not scored.champion.beats_base_rate:
            console.print(f"[bold yellow]{escape(scored.champion.verdict_en)}[/]", highlight=False)
        for feature, count in scored.unseen.items():
            text = f"{escape(feature)}: {count} values never seen in training"
            console.print(f"[yellow]{text}[/]", highlight=False)
    console.print()
    show_exports(result.exports, dry_run=dry_run)
    for what, where in result.paths.items():
        console.print(f"{what:<12} {where}", highlight=False, soft_wrap=True)


def _show_reads(console: Console, result: NightlyResult) -> None:
    rows = sum(read.rows for read in result.reads)
    new = sum(read.new_rows for read in result.reads)
    console.print(
        f"{result.run.project.name} as of {result.run.as_of}: "
        f"{len(result.reads)} sources, {rows:,} rows, {new:,} new",
        highlight=False,
    )
    for read in result.reads:
        for line in read.quality.lines():
            console.print(f"  [yellow]quarantine[/] {escape(line)}", highlight=False)


def show_training(task: str, trained: Trained) -> None:
    """Print what training came to, and what the gate said."""
    console = _output()
    console.print()
    console.print(f"[bold]{task}[/]: trained version {trained.version.version}", highlight=False)
    for line in trained.result.lines():
        console.print(f"  {escape(line)}", highlight=False)
    for reason in trained.decision.reasons:
        console.print(f"  gate: {escape(reason)}", highlight=False)


def show_exports(results: list[ExportResult], *, dry_run: bool) -> None:
    """Print what was written back."""
    console = _output()
    for result in results:
        for line in result.lines():
            console.print(line, highlight=False, soft_wrap=True)
    if dry_run:
        console.print("Dry run: nothing was written back.")
