"""What the commands share: options, errors without tracebacks, progress, how results are told."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape

from salesml.errors import SalesmlError
from salesml.run import Tell

__all__ = [
    "AsOf",
    "DryRun",
    "Format",
    "Language",
    "ProjectOption",
    "errors_told",
    "output",
    "progress",
    "write_rows",
]


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    csv = "csv"
    json = "json"


class Language(StrEnum):
    """The languages of what users read."""

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


def output() -> Console:
    """Where results go."""
    console = Console()
    # piped output keeps whole lines
    return console if console.is_terminal else Console(width=140)


def write_rows(rows: pd.DataFrame, format: Format) -> None:
    """Print *rows* as CSV, lists in them as JSON, or as JSON."""
    if format is Format.json:
        records = [{str(k): _known(v) for k, v in row.items()} for row in rows.to_dict("records")]
        typer.echo(json.dumps(records, ensure_ascii=False, indent=1, default=str))
        return
    texts = {str(n): rows[n].map(_cell) for n in rows if rows[n].dtype == object}
    typer.echo(rows.assign(**texts).to_csv(index=False), nl=False)


def _known(value: Any) -> Any:
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _cell(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value) if isinstance(value, dt.date) else value
