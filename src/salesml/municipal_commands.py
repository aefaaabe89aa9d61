"""The commands about municipalities: ``salesml municipal …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salesml import api
from salesml.approach.peers_view import peers_view
from salesml.approach.table import plan_view
from salesml.config import load_project
from salesml.municipal.import_view import show_import
from salesml.terminal import (
    AsOf,
    Format,
    Language,
    ProjectOption,
    errors_told,
    output,
    progress,
    write_rows,
)

__all__ = ["municipal"]

municipal = typer.Typer(
    no_args_is_help=True, help="Municipalities: published data, whom to approach when, peers."
)


@municipal.command("import")
def import_(
    project: ProjectOption,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Published files, or folders of them.")
    ],
) -> None:
    """Read files as ministries publish them into the project's tables.

    Each file is recognised by its content. What was imported before stays; a newer copy of the
    same edition replaces the older one. If files cannot be read, all others are imported, and the
    exit code is 1.

    Example: salesml municipal import -p plateau downloads/ SSDSE-A-2025.csv
    """
    with errors_told():
        with progress() as tell:
            report = api.municipal_import(project, *files, tell=tell)
        show_import(output(), report)
        if report.problems:
            raise typer.Exit(1)


LanguageOption = Annotated[Language | None, typer.Option("--lang", help="ja or en.")]
FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json.")]
_SHOWN = 10  # municipalities of a plan on the terminal


@municipal.command()
def plan(
    project: ProjectOption,
    task: Annotated[
        str | None, typer.Option(help="A task about municipalities; municipal_adoption of several.")
    ] = None,
    as_of: AsOf = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="How many; in a table 10 by default, else all.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Those of one owner.")] = None,
    lang: LanguageOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Print whom to approach first, when, about what, and whom to cite.

    For a date that was scored, the newest by default, and as known on that date: the stage of the
    budget and whom to talk to, the next deadline, subsidies, peers that adopted already, the
    passage of the policy that fits, the mayor's election, reasons, and the score per stage.

    Example: salesml municipal plan -p plateau --as-of 2024-04-01 --top 20 --lang en
    """
    with errors_told():
        found = api.municipal_plan(project, task, as_of=as_of)
        total, settings = len(found.rows), load_project(project).settings
        shown = found.of(owner, top or (_SHOWN if format is Format.table else None))
        if format is Format.table:
            language = lang.value if lang else settings.language
            output().print(plan_view(shown, total, language, settings.currency))
        else:
            write_rows(shown.rows.assign(as_of=found.as_of), format)


@municipal.command()
def peers(
    project: ProjectOption,
    code: Annotated[str, typer.Argument(metavar="CODE", help="Code of 5 or 6 digits, or name.")],
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    lang: LanguageOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Print the municipalities most like one, why, and which of them adopted when.

    Example: salesml municipal peers -p plateau つくば市 --as-of 2024-04-01
    """
    with errors_told():
        found = api.municipal_peers(project, code, as_of=as_of, top=top)
        if format is Format.table:
            settings = load_project(project).settings
            output().print(peers_view(found, lang.value if lang else settings.language))
        else:
            write_rows(found.whole(), format)
