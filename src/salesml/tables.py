"""Scores in the terminal: the top of a list, and one score explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from salesml.config import TaskConfig
from salesml.report.formats import signed
from salesml.report.rows import Change, Reason, Row, row_of, score_list
from salesml.report.words import Bilingual, phrase

__all__ = ["explain_panel", "top_table"]

_TONES = {
    "bad": ("bold red", "dark_orange", "yellow", "green", "green"),
    "good": ("bold green", "green", "cyan", "bright_black", "bright_black"),
}
_WAYS = {"bad": ("red", "green"), "good": ("green", "red")}  # style of up, of down
_ALIGNED: dict[str, Literal["left", "right"]] = {"name": "left", "reasons": "left"}
_BAR, _NAME = 9, 24  # cells of the longest bar, of a name
_STEPS, _MOST = "▁▂▃▄▅▆▇█", 40  # steps of a score's bar, how many bars
_SAID = {
    "history": {"ja": "スコアの推移", "en": "History"},
    "help": {"ja": "中央値並みになればスコア{points}", "en": "score {points} at the median"},
    "changed": {"ja": "前回から変わった理由", "en": "Why it changed"},
}


def top_table(task: TaskConfig, scores: pd.DataFrame, language: str, limit: int = 5) -> Table:
    """The *limit* highest of *scores* with their main reasons, legible from 80 columns on.

    *language* is ``ja`` or ``en``. Nothing in the data is taken for markup or terminal codes.
    """
    found = score_list(task, scores, "", limit)
    table = Table(box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0), pad_edge=False)
    table.title = _title(task, language, len(found.rows), found.total)
    if not found.rows:
        table.show_header = False
        table.add_row(_say("empty", language))
        return table
    heads = _heads(f"expected_{task.outcome_is}", found.columns)
    for column, keys in heads.items():
        _add_column(table, column, "\n".join(_say(key, language) for key in keys))
    for row in found.rows:
        cells = _cells(task, row, language, amounts=len(heads["probability"]) > 1)
        table.add_row(*(cells[column] for column in heads))
    return table


def explain_panel(
    task: TaskConfig, row: pd.Series, language: str, next_action: RenderableType | None = None
) -> RenderableType:
    """One score, a row of `api.explain`: its history, points for and against, and what changed.

    *next_action* says what is to be done, where anything is. Reads well from 80 columns on.
    """
    found = row_of(task, row.to_dict(), "")
    parts: list[RenderableType] = [_facts(found, task, language)]
    history = row.get("history")
    if history is not None and len(history) > 1:
        parts.append(_history(history, language))
    if next_action is not None:
        parts += [Text(), next_action]
    if found.reasons:
        parts += [Text(), _points_chart(task, found.raising + found.lowering, language)]
    parts += [Text(), Text(_sum(found, language), "dim")]
    if found.changes:
        parts += [Text(), Text(_changed(history, language), "bold")]
        parts.append(_change_list(task, found.changes, language))
    title = Text.assemble((_in(task.title, language), "bold"), "  ", found.name.text)
    if found.id.text != found.name.text:
        title.append(f"  {found.id.text}", "dim")
    return Panel(Group(*parts), title=title, title_align="left", padding=(1, 2))


def _in(words: Bilingual, language: str) -> str:
    return str(getattr(words, language))


def _say(key: str, language: str, **values: object) -> str:
    return _in(phrase(key, **values), language)


def _title(task: TaskConfig, language: str, shown: int, total: int) -> Text:
    words = "listed_all" if shown == total else "listed_top"
    counted = _say(words, language, n=shown, total=total)
    name, question = _in(task.title, language), _in(task.question, language)
    return Text.assemble((name, "bold"), f"  {counted}  ", (question, "dim"))


def _heads(expected: str, filled: list[str]) -> dict[str, list[str]]:
    """The columns and the lines of their heads; two facts share a column, a terminal is narrow."""
    heads = {
        "rank": [],
        "name": ["name"],
        "score": ["score", "band"],
        "change": ["change"],
        "probability": ["probability", *([expected] if expected in filled else [])],
        "reasons": ["reasons"],
    }
    return {column: keys for column, keys in heads.items() if column in filled}


def _add_column(table: Table, column: str, head: str) -> None:
    justify = _ALIGNED.get(column, "right")
    wide = _NAME if column == "name" else None
    whole = column not in _ALIGNED
    table.add_column(head, justify=justify, max_width=wide, no_wrap=whole, overflow="fold")


def _cells(
    task: TaskConfig, row: Row, language: str, *, amounts: bool
) -> dict[str, RenderableType]:
    chances = [row.shown_probability, *([_amount(row.expected)] if amounts else [])]
    return {
        "rank": Text(str(row.rank), "dim"),
        "name": _name(row),
        "score": Text.assemble((str(row.score), "bold"), "\n", _band(task, row, language)),
        "change": _change(task, row, language),
        "probability": Text("\n".join(chances)),
        "reasons": _brief(task, row, language),
    }


def _name(row: Row) -> Text:
    """The name, cut to its column, over the id, whole because `salesml explain` asks for it."""
    name = Text(row.name.text)
    if row.id.text == row.name.text:
        return name
    name.truncate(_NAME, overflow="ellipsis")
    return name.append(f"\n{row.id.text}", "dim")


def _band(task: TaskConfig, row: Row, language: str) -> Text:
    return Text(_in(row.band, language), _TONES[task.outcome_is][row.tone])


def _change(task: TaskConfig, row: Row, language: str) -> Text:
    if row.change is None:
        return Text(_say("new", language), "dim")
    if not row.change:
        return Text(row.shown_change, "dim")
    arrow = "▲" if row.change > 0 else "▼"
    return Text(f"{arrow} {row.shown_change}", _way(task, row.change))


def _way(task: TaskConfig, points: int) -> str:
    return _WAYS[task.outcome_is][points < 0]


def _amount(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def _brief(task: TaskConfig, row: Row, language: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for reason in row.brief:
        grid.add_row(_points(task, reason), Text(_in(reason.words, language)))
    told = grid if row.reasons else Text(_say("no_reasons", language), "dim")
    return Group(Text(_in(row.next, language), "bold"), told) if row.next else told


def _points(task: TaskConfig, reason: Reason) -> Text:
    return Text(reason.signed, _way(task, reason.points))


def _facts(row: Row, task: TaskConfig, language: str) -> Text:
    """Score, band, probability and whatever else is known, in two lines."""
    numbers = {
        "score": Text(str(row.score), "bold"),
        "band": _band(task, row, language),
        "probability": Text(row.shown_probability, "bold"),
    }
    if row.change is not None:
        numbers["change"] = _change(task, row, language)
    if row.expected is not None:
        numbers[f"expected_{task.outcome_is}"] = Text(_amount(row.expected), "bold")
    people = {"owner": Text(row.owner.text), "segment": Text(row.segment.text)}
    lines = [numbers, {key: text for key, text in people.items() if text.plain}]
    return Text("\n").join(_labelled(line, language) for line in lines if line)


def _labelled(facts: dict[str, Text], language: str) -> Text:
    labelled = [Text.assemble((f"{_say(k, language)} ", "dim"), text) for k, text in facts.items()]
    return Text("   ").join(labelled)


def _history(history: Sequence[Mapping[str, Any]], language: str) -> Text:
    """All scores so far as a line of bars from 1 to 99, and the ends in numbers."""
    last = history[-_MOST:]
    bars = "".join(_STEPS[(each["score"] - 1) * len(_STEPS) // 99] for each in last)
    ends = (f"{each['score']} ({each['as_of']})" for each in (last[0], last[-1]))
    label = (f"{_SAID['history'][language]} ", "dim")
    return Text.assemble(label, bars, "  ", " → ".join(ends))


def _points_chart(task: TaskConfig, reasons: list[Reason], language: str) -> Table:
    """Bars to both sides of an axis, each with its points, its fact, and what could be done."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", no_wrap=True, min_width=4)
    grid.add_column(no_wrap=True, width=2 * _BAR + 1)
    grid.add_column(overflow="fold")
    for reason in reasons:
        points = _points(task, reason)
        grid.add_row(points, _bar(reason, str(points.style)), _told(reason, language))
    return grid


def _bar(reason: Reason, style: str) -> Text:
    bar = "█" * max(round(_BAR * reason.width / 100), 1)
    left, right = ("", bar) if reason.points > 0 else (bar, "")
    return Text.assemble((left.rjust(_BAR), style), ("│", "dim"), (right, style))


def _told(reason: Reason, language: str) -> Text:
    """The fact, and below it that of peers, and what it would help to come up to them."""
    told = Text(_in(reason.words, language))
    notes = [_in(reason.peers, language)] if reason.peers else []
    if reason.help:
        notes.append(_SAID["help"][language].format(points=reason.help))
    return told.append("\n" + " · ".join(notes), "dim") if notes else told


def _changed(history: Sequence[Mapping[str, Any]] | None, language: str) -> str:
    since = f" ({history[-2]['as_of']} → {history[-1]['as_of']})" if history else ""
    return _SAID["changed"][language] + since


def _change_list(task: TaskConfig, changes: list[Change], language: str) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", no_wrap=True, min_width=4)
    grid.add_column(overflow="fold")
    for change in changes:
        style = _way(task, change.points) if change.kind == "fact" else "dim"
        grid.add_row(Text(change.signed, style), Text(_in(change.words, language)))
    return grid


def _sum(row: Row, language: str) -> str:
    if not row.reasons:
        return _say("no_reasons", language)
    return _say("sum", language, points=signed(row.score - 50, " "), score=row.score)
