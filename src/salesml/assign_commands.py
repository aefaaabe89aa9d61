"""The command ``salesml assign``: who looks after which account."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from salesml import api
from salesml.actions.assignment import Portfolio
from salesml.config import load_project
from salesml.report.formats import clean
from salesml.terminal import (
    AsOf,
    Format,
    Language,
    ProjectOption,
    errors_told,
    output,
    write_rows,
)

__all__ = ["assign"]

Record = Mapping[Hashable, Any]
_NAME = 24  # cells of a name
_FULL = 1.005  # share that is more than everything, as people read it
_SAID = {
    "counted": ("{n}件（うち{moved}件を変更）", "{n} accounts, {moved} change hands"),
    "person": ("担当者", "Person"),
    "count": ("件数\n現在→案", "Accounts\nnow → then"),
    "load": ("負荷\n現在→案", "Load\nnow → then"),
    "new": ("新任", "new"),
    "left": ("退職", "left"),
    "account": ("顧客", "Account"),
    "share": ("負荷", "Load"),
    "change": ("担当\n現在→案", "Person\nnow → then"),
    "why": ("理由", "Why"),
    "nobody": ("なし", "nobody"),
    "kept": ("変更する顧客はありません。", "No account changes hands."),
}


def assign(
    project: ProjectOption,
    role: Annotated[
        str | None, typer.Option(help="A role of assignment.yml; the only one by default.")
    ] = None,
    as_of: AsOf = None,
    lang: Annotated[Language | None, typer.Option("--lang", help="ja or en.")] = None,
    format: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.table,
) -> None:
    """Print who should look after which account, within limits by segment and effort.

    Owners stay where they can. Who left or has too much is named; a table lists who has how much
    before and after, another one each account that changes hands and why. CSV and JSON hold every
    account. Nothing is written.

    Example: salesml assign -p sample --role CS --lang en
    """
    with errors_told():
        found = api.assign(project, role, as_of=as_of)
        if format is Format.table:
            settings = load_project(project).settings
            output().print(_view(found, lang.value if lang else settings.language))
        else:
            write_rows(found.accounts, format)


def _say(key: str, language: str, **values: object) -> str:
    return _SAID[key][language == "en"].format(**values)


def _view(found: Portfolio, language: str) -> RenderableType:
    """Everybody before and after, what changes hands, and what is wrong; from 80 columns on."""
    accounts = found.accounts
    counted = _say("counted", language, n=len(accounts), moved=int(accounts["moved"].sum()))
    title = Text.assemble(
        (f"{getattr(found.config.title, language)} ({found.role})", "bold"),
        f"  {found.as_of}  {counted}",
    )
    told = [Text(f"• {clean(getattr(note, language))}", "yellow") for note in found.notes]
    return Group(title, _people(found, language), _moves(found, language), *told)


def _people(found: Portfolio, language: str) -> Table:
    """Everybody's number of accounts by segment, and load."""
    segments = list(found.config.segments)
    table = _table([_say("person", language)], [_say("count", language), *segments])
    table.add_column(_say("load", language), justify="right", no_wrap=True)
    by_segment = found.accounts.groupby(["proposed_id", "segment"]).size()
    for row in found.people.to_dict("records"):
        counts = [by_segment.get((row["rep_id"], each), 0) for each in segments]
        table.add_row(
            _person(row, language),
            f"{row['accounts_now']} → {row['accounts_then']}",
            *(str(count) if count else "·" for count in counts),
            Text.assemble(_load(row["load_now"]), " → ", _load(row["load_then"])),
        )
    return table


def _person(row: Record, language: str) -> Text:
    marks = [_say(each, language) for each in ("new", "left") if row[each]]
    return Text.assemble(clean(str(row["name"])), (f"  {' '.join(marks)}", "dim"))


def _load(share: float) -> tuple[str, str]:
    return f"{share:.0%}", "bold red" if share > _FULL else ""


def _moves(found: Portfolio, language: str) -> RenderableType:
    """Accounts that change hands, or should and cannot, and why."""
    rows = found.accounts[found.accounts["why_en"].notna()]
    if rows.empty:
        return Text(_say("kept", language), "dim")
    table = _table([_say("account", language)], ["", _say("share", language)])
    table.add_column(_say("change", language), max_width=_NAME, overflow="fold")
    table.add_column(_say("why", language), overflow="fold")
    for row in rows.to_dict("records"):
        table.add_row(
            Text.assemble(clean(str(row["name"])), "\n", (clean(row["account_id"]), "dim")),
            clean(str(row["segment"])),
            f"{row['load']:.0%}",
            _change(row, language),
            _why(row, found, language),
        )
    return table


def _change(row: Record, language: str) -> Text:
    def named(value: Any) -> str:
        return clean(value) if isinstance(value, str) else _say("nobody", language)

    before = Text(named(row["owner"]), "dim")
    return before.append("\n→ ").append(named(row["proposed"]), "not dim bold")


def _why(row: Record, found: Portfolio, language: str) -> Text:
    """Why it changes hands, and what makes it hard."""
    reasons = found.config.effort.reasons
    hard = [getattr(reasons[each], language) for each in row["effort"]]
    words = "、" if language == "ja" else ", "
    return Text.assemble(clean(row[f"why_{language}"]), (f"\n{words.join(hard)}", "dim"))


def _table(names: list[str], numbers: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in names:
        table.add_column(name, max_width=_NAME, overflow="fold")
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table
