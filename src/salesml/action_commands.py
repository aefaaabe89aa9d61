"""The commands about actions: ``salesml actions …``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from salesml import api
from salesml.action_tables import agenda_view, brought_tables
from salesml.actions.book import ActionBook
from salesml.config import load_project
from salesml.report import Brought
from salesml.terminal import (
    AsOf,
    Format,
    Language,
    ProjectOption,
    errors_told,
    output,
    write_rows,
)

__all__ = ["actions"]

LanguageOption = Annotated[Language | None, typer.Option("--lang", help="ja or en.")]
FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json.")]


class _ListByDefault(TyperGroup):
    """``salesml actions -p sample`` lists."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = [*self.commands, *self.get_help_option_names(ctx)]
        return super().parse_args(ctx, args if args and args[0] in named else ["list", *args])


actions = typer.Typer(
    cls=_ListByDefault,
    help="Actions: what is to be done by whom until when and why; what they brought.",
)


@actions.command("list")
def list_(
    project: ProjectOption,
    owner: Annotated[
        str | None,
        typer.Option(help="Those of one person: name, family name or id of who does it."),
    ] = None,
    as_of: AsOf = None,
    entity: Annotated[str | None, typer.Option(help="Those for one entity, by its id.")] = None,
    lang: LanguageOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Print what is to be done: what, for whom, until when, why, and what it should bring.

    For the newest date that was decided, or another one: that night's actions, and earlier ones
    that nobody has answered. One table a person, the most pressing first.

    Example: salesml actions list -p sample --owner 佐藤
    """
    with errors_told():
        found = api.actions(project, as_of=as_of, owner=owner, entity=entity)
        if format is not Format.table:
            write_rows(found, format)
            return
        loaded = load_project(project)
        date = as_of or ActionBook(loaded).dates()[-1]
        settings = loaded.settings
        language = lang.value if lang else settings.language
        output().print(agenda_view(found, date, language, settings.currency))


@actions.command()
def evaluate(
    project: ProjectOption,
    as_of: AsOf = None,
    lang: LanguageOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Print what each action brought, with 95 % intervals, and what choosing is worth.

    Outcomes of recommendations and trials whose time is over: how often each action was asked for
    and done, the share of good outcomes with it and without it, its effect, and its worth.
    By what was known on the newest date that was decided, or another one.

    Example: salesml actions evaluate -p sample --format csv
    """
    with errors_told():
        found = api.evaluate_actions(project, as_of=as_of)
        if format is not Format.table:
            write_rows(found.actions.assign(as_of=found.as_of), format)
            return
        loaded = load_project(project)
        language = lang.value if lang else loaded.settings.language
        told = Brought.of(found, loaded.tasks)
        output().print(brought_tables(told, language, loaded.settings.currency))
