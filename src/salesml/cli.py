"""The command line: ``salesml COMMAND``."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape

from salesml import api
from salesml.action_commands import actions
from salesml.action_tables import next_action, night_view
from salesml.assign_commands import assign
from salesml.config import load_project
from salesml.errors import IncompleteError
from salesml.experiment import Experiment, Variant
from salesml.experiment.table import experiment_table
from salesml.export_commands import export, exports, exports_told, show_exports
from salesml.learning import Trained
from salesml.model_commands import audit, models
from salesml.municipal_commands import municipal
from salesml.next_actions import next_todo
from salesml.pipeline import NightlyResult, TaskScores
from salesml.scoring import ScoreBook
from salesml.tables import explain_panel, top_table
from salesml.terminal import (
    AsOf,
    DryRun,
    Format,
    Language,
    ProjectOption,
    errors_told,
    output,
    progress,
)

__all__ = [
    "AsOf",
    "DryRun",
    "ProjectOption",
    "app",
    "audit",
    "errors_told",
    "export",
    "exports_told",
    "models",
    "nightly_told",
    "progress",
    "show_experiment",
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


class Shape(StrEnum):
    """How one score is printed."""

    table = "table"
    json = "json"


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
    output().print(f"The sample CRM is {path}", highlight=False)


@app.command()
def check(project: ProjectOption, as_of: AsOf = None) -> None:
    """Check configuration, sources, features and leaks; write nothing."""
    with errors_told():
        with progress() as tell:
            report = api.check(project, as_of=as_of, tell=tell)
        console = output()
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
def experiment(
    project: ProjectOption,
    task: Annotated[str, typer.Argument(help="A task of the project.")],
    add: Annotated[
        list[str] | None,
        typer.Option("--with", help="Add a feature set, or one feature: usage.logins_30d."),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--without", help="Leave out a feature set, a feature or a concept."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting of the model: model.time_budget=10."),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help='One of several: "no usage: --without usage".'),
    ] = None,
    as_of: AsOf = None,
) -> None:
    """Compare variants of a task on the same rows and folds: does a feature help?

    --with, --without and --set may be repeated, and make one variant together; each --variant is
    one more. The newest dates stay unseen: `salesml train` tests on them.

    Example: salesml experiment -p sample churn --without usage --variant "quick: --set
    model.time_budget=5"
    """
    with errors_told():
        one = [Variant.of(add or [], remove or [], setting or [])]
        variants = [v for v in one if v.title] + [Variant.parse(text) for text in variant or []]
        with progress() as tell:
            found = api.experiment(project, task, *variants, as_of=as_of, tell=tell)
        show_experiment(found)


@app.command()
def nightly(project: ProjectOption, as_of: AsOf = None, dry_run: DryRun = False) -> None:
    """Run everything: read, train what is due, score, write back, report."""

    def run() -> NightlyResult:
        with progress() as tell:
            return api.nightly(project, as_of, dry_run=dry_run, tell=tell)

    nightly_told(run, dry_run=dry_run)


def nightly_told(run: Callable[[], NightlyResult], *, dry_run: bool) -> None:
    """Print what the night *run* came to, and then what failed in it, with exit code 1."""
    with errors_told():
        try:
            result = run()
        except IncompleteError as error:
            show_nightly(error.result, dry_run=dry_run)
            raise
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
            output().print(table)
        else:
            _write(frame, format)


def _write(frame: pd.DataFrame, format: Format) -> None:
    dates = [name for name in ("as_of", "next_action_due") if name in frame]
    frame = frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in dates})
    if format is Format.json:
        text = frame.to_json(orient="records", indent=1, force_ascii=False, double_precision=15)
        typer.echo(text)
        return
    for name in ("reasons", "changes"):
        texts = [json.dumps(f, ensure_ascii=False) if f is not None else "" for f in frame[name]]
        frame = frame.assign(**{name: texts})
    typer.echo(frame.to_csv(index=False), nl=False)


@app.command()
def explain(
    project: ProjectOption,
    task: Annotated[str, typer.Argument(help="A task of the project.")],
    entity: Annotated[str, typer.Argument(metavar="ID", help="The id of the entity.")],
    as_of: AsOf = None,
    lang: Annotated[Language | None, typer.Option(help="ja or en.")] = None,
    format: Annotated[Shape, typer.Option(help="table or json.")] = Shape.table,
) -> None:
    """Explain the score of one entity: why it is so, why it changed, and what would help."""
    with errors_told():
        row = api.explain(project, task, entity, as_of=as_of)
        if format is Shape.json:
            typer.echo(_json(row))
            return
        loaded = load_project(project)
        language = lang.value if lang else loaded.settings.language
        todo = next_todo(loaded, loaded.task(task), row)
        told = next_action(todo, language, loaded.settings.currency) if todo else None
        output().print(explain_panel(loaded.task(task), row, language, told))


def _json(row: pd.Series) -> str:
    known = {
        name: None if pd.api.types.is_scalar(v) and pd.isna(v) else v for name, v in row.items()
    }
    return json.dumps(known, ensure_ascii=False, indent=1, default=_plain)


def _plain(value: object) -> object:
    """A date as text, a number of numpy as one of Python."""
    return value.item() if isinstance(value, np.generic) else str(value)


@app.command()
def rollback(
    project: ProjectOption, task: Annotated[str, typer.Argument(help="A task of the project.")]
) -> None:
    """Take the champion of a task back; the one before it scores from now on."""
    with errors_told():
        taken, champion = api.rollback(project, task)
        output().print(
            f"{task}: version {taken.version} is taken back, "
            f"version {champion.version} is champion.",
            highlight=False,
        )


app.command()(models)
app.command()(audit)
app.command()(assign)
app.add_typer(actions, name="actions")
app.add_typer(exports, name="export")
app.add_typer(municipal, name="municipal")


# what users read -------------------------------------------------------------------------------


def show_nightly(result: NightlyResult, *, dry_run: bool = False) -> None:
    """Print the top of each list with reasons, what was written, and where everything lies."""
    console, run = output(), result.run
    _show_reads(console, result)
    for scored in result.tasks:
        if scored.trained and not scored.appointed.due:
            show_training(scored.task.name, scored.trained)
        _show_upkeep(console, scored)
        frame = ScoreBook(run.project, scored.task.name).read(run.as_of)
        console.print()
        console.print(top_table(scored.task, frame, run.project.settings.language))
        if not scored.champion.beats_base_rate:
            console.print(f"[bold yellow]{escape(scored.champion.verdict_en)}[/]", highlight=False)
        for feature, count in scored.unseen.items():
            text = f"{escape(feature)}: {count} values never seen in training"
            console.print(f"[yellow]{text}[/]", highlight=False)
    if result.actions:
        settings = run.project.settings
        console.print(night_view(result.actions, run.as_of, settings.language, settings.currency))
    console.print()
    show_exports(result.exports, dry_run=dry_run)
    for failure in result.failures:
        console.print(f"[bold red]{failure.task} failed:[/] {escape(failure.error.what)}")
    for warning in result.warnings:
        console.print(f"[bold yellow]{escape(warning)}[/]", highlight=False, soft_wrap=True)
    for what, where in result.paths.items():
        console.print(f"{what:<12} {where}", highlight=False, soft_wrap=True)


def _show_upkeep(console: Console, scored: TaskScores) -> None:
    """What became of training again, and what has shifted."""
    words, failed = scored.appointed.words, scored.appointed.error is not None
    if words:
        style = "bold red" if failed else "bold"
        text = f"[{style}]{scored.task.name}[/]: {escape(words.en)}"
        console.print(text, highlight=False, soft_wrap=True)
    for drift in scored.drift:
        text = f"[yellow]{scored.task.name}: {escape(drift.en)}[/]"
        console.print(text, highlight=False, soft_wrap=True)


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
    console = output()
    console.print()
    console.print(f"[bold]{task}[/]: trained version {trained.version.version}", highlight=False)
    for line in trained.result.lines():
        console.print(f"  {escape(line)}", highlight=False)
    for reason in trained.decision.reasons:
        console.print(f"  gate: {escape(reason)}", highlight=False)


def show_experiment(found: Experiment) -> None:
    """Print the variants of an experiment, and what that means."""
    console = output()
    console.print(experiment_table(found))
    for line in found.lines():
        console.print(escape(line), highlight=False, soft_wrap=True)
    console.print(f"MLflow run {found.run_id}", highlight=False)
