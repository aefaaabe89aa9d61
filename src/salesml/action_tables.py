"""Actions in the terminal: what each person has to do, and what actions brought."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from salesml.actions.deciding import Actions
from salesml.config import Words
from salesml.report import Brought
from salesml.report.agenda import Todo, counts, pressing, todo_of
from salesml.report.brought import BroughtView, brought_view
from salesml.report.formats import amount, clean, short_day, shown
from salesml.report.words import Bilingual, phrase

__all__ = ["agenda_view", "brought_tables", "next_action", "night_view", "summary", "top_actions"]

_NAME = 24  # cells of a name
_NOTE = 200  # characters of a note; the page has it whole
_SOME = 6  # signs or persons that a night names
_MORE = {"signs": "more_signs", "loads": "more_loads"}
_CLEAR = ("", "green", "red")
_TELLING = ("explored", "play", "concept")  # kinds of reasons that say why


def agenda_view(agenda: pd.DataFrame, as_of: dt.date, language: str, currency: str) -> Group:
    """What is to be done on *as_of*, a table a person; legible from 80 columns on.

    *agenda* has the columns of decisions. Nothing in the data is taken for markup.
    """
    day = short_day(as_of)
    title = Text(f"{_say('agenda', language)}  {_in(day, language)}", "bold")
    if agenda.empty:
        return Group(title, Text(_say("agenda_none", language), "dim"))
    told = pressing(agenda, as_of)
    by = told["assignee_id"].fillna("")
    people = [told[by == person] for person in by.unique()]
    parts = [part for own in people for part in _of_person(own, as_of, language, currency)]
    return Group(title, *parts)


def top_actions(
    agenda: pd.DataFrame, as_of: dt.date, language: str, currency: str, limit: int = 5
) -> Table:
    """The *limit* most pressing of all that is to be done, with who does it."""
    table = _table(language)
    for row in pressing(agenda, as_of).head(limit).to_dict("records"):
        todo = todo_of(row, as_of)
        due, what, *others = _cells(todo, language, currency)
        what.append(" · ", "not bold dim").append(_by(todo, language))
        table.add_row(due, what, *others)
    return table


def night_view(actions: Actions, as_of: dt.date, language: str, currency: str) -> Group:
    """What a night decided: counts, new signs, the most pressing five, loads, what to look at."""
    title = f"{_say('agenda', language)}  {_in(short_day(as_of), language)}"
    parts: list[RenderableType] = [Text(title, "bold")]
    parts.append(summary(actions.agenda, as_of, language, currency))
    for label, found in (
        ("signs", _fired(actions, language)),
        ("loads", _loads(actions, language)),
    ):
        if found:
            left = len(found) - _SOME
            told = ", ".join(found[:_SOME])
            told += _say(_MORE[label], language, n=left) if left > 0 else ""
            parts.append(Text.assemble((f"{_say(label, language)} ", "dim"), told))
    if len(actions.agenda):
        parts.append(top_actions(actions.agenda, as_of, language, currency))
    notes = [shown(_in(note, language), limit=_NOTE).text for note in actions.notes]
    parts += [Text(note, "yellow") for note in notes]
    return Group(*parts)


def _fired(actions: Actions, language: str) -> list[str]:
    rows = actions.fired.to_dict("records")
    return [f"{clean(row[f'name_{language}'])} {row['n']:,}" for row in rows]


def _loads(actions: Actions, language: str) -> list[str]:
    """Who has how much of their time taken, those with least left first."""
    loads = actions.loads[actions.loads["minutes"] > 0]
    order = (loads["minutes"] / loads["of"].clip(lower=1)).sort_values(ascending=False).index
    return [
        f"{clean(row['name'])} "
        + _say("minutes", language, points=f"{row['minutes']:,.0f}/{row['of']:,.0f}")
        for row in loads.loc[order].to_dict("records")
    ]


def summary(agenda: pd.DataFrame, as_of: dt.date, language: str, currency: str) -> Text:
    """How much there is to do, in one line."""
    found = counts(agenda, as_of)
    figures = {
        "figure_todo": f"{found.todo:,}",
        "figure_new": f"{found.new:,}",
        "figure_overdue": f"{found.overdue:,}",
        "figure_escalated": f"{found.escalated:,}",
        "figure_value": amount(found.value, currency),
    }
    parts = [
        Text.assemble((f"{_say(key, language)} ", "dim"), (number, "bold"))
        for key, number in figures.items()
    ]
    return Text("   ").join(parts)


def next_action(todo: Todo, language: str, currency: str) -> Text:
    """What is to be done for one entity, with why, in a few lines."""
    told = Text.assemble(
        (f"{_say('next_action', language)}  ", "dim"),
        (_in(todo.title, language), "bold"),
        f"  {_how(todo, language)}",
        "\n",
        (_in(todo.deadline, language), _style(todo)),
        f" {_date(todo, language)}   ",
        _by(todo, language),
        f"   {_gain(todo, language, currency).plain.replace(chr(10), ' ')}",
    )
    for label, words in _told(todo):
        told.append(f"\n{_say(label, language)}: ", "dim").append(_in(words, language))
    return told


def brought_tables(brought: Brought, language: str, currency: str) -> Group:
    """What each action brought, what choosing is worth, and what limits these numbers."""
    found = brought_view(brought, currency)
    notes = [Text(_in(note, language), "dim") for note in found.notes]
    if not found.rows:
        return Group(Text(_say("worth_none", language)), *notes)
    parts: list[RenderableType] = [_brought_table(found, language)]
    for choice in found.choices:
        title = _say("worth_of", language, title=_in(choice.title, language))
        table = _headed(("policy", "value_each", "interval", "cases_n"), language, title=title)
        for row in choice.policies:
            table.add_row(Text(_in(row.title, language)), row.value, row.interval, f"{row.n:,}")
        parts.append(table)
    return Group(*parts, *notes)


def _of_person(
    own: pd.DataFrame, as_of: dt.date, language: str, currency: str
) -> Iterator[RenderableType]:
    todos = [todo_of(row, as_of) for row in own.to_dict("records")]
    found = counts(own, as_of)
    head = _by(todos[0], language).append(f"  {_say('count', language, n=found.todo)}", "dim")
    if found.overdue:
        late = f"  {_say('figure_overdue', language)} {_say('count', language, n=found.overdue)}"
        head.append(late, "bold red")
    table = _table(language)
    for todo in todos:
        table.add_row(*_cells(todo, language, currency))
    yield Text()
    yield head
    yield table


def _table(language: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(_say("due", language), no_wrap=True)
    table.add_column(_say("what", language), overflow="fold")
    table.add_column(_say("for_whom", language), max_width=_NAME, overflow="fold")
    table.add_column(_say("why_so", language), overflow="fold")
    table.add_column(_say("gain", language), justify="right", no_wrap=True)
    return table


def _cells(todo: Todo, language: str, currency: str) -> tuple[Text, Text, Text, Text, Text]:
    why = [words for kind, words in todo.reasons if kind in _TELLING]
    why = why or ([todo.why] if todo.why else [])
    title = Text(_in(todo.title, language), "bold")
    return (
        _due(todo, language),
        title.append(f"\n{_how(todo, language)}", "not bold dim"),
        _whom(todo),
        Text("\n".join(_in(words, language) for words in why[:2]) or "–"),
        _gain(todo, language, currency),
    )


def _due(todo: Todo, language: str) -> Text:
    told = Text(_in(todo.deadline, language), _style(todo))
    if todo.due:
        told.append(f"\n{_date(todo, language)}", "not bold dim")
    if todo.escalated or todo.urgent:
        tag = "escalated" if todo.escalated else "urgent"
        told.append(
            f"\n{_say(tag, language)}", "not bold red" if todo.escalated else "not bold yellow"
        )
    return told


def _style(todo: Todo) -> str:
    if todo.left is None:
        return ""
    return "bold red" if todo.late else "bold yellow" if todo.left <= 1 else "bold"


def _date(todo: Todo, language: str) -> str:
    return _in(short_day(todo.due), language) if todo.due else ""


def _how(todo: Todo, language: str) -> str:
    parts = [_in(todo.channel, language)]
    if todo.minutes is not None:
        parts.append(_say("minutes", language, points=todo.minutes))
    return " · ".join(filter(None, parts))


def _whom(todo: Todo) -> Text:
    """The name, cut to its column, over the id, whole because `salesml explain` asks for it."""
    name = Text(todo.name.text)
    if todo.id.text == todo.name.text:
        return name
    name.truncate(_NAME, overflow="ellipsis")
    return name.append(f"\n{todo.id.text}", "dim")


def _by(todo: Todo, language: str) -> Text:
    return Text(todo.by.text, "bold") if todo.by.text else Text(_say("nobody", language), "yellow")


def _gain(todo: Todo, language: str, currency: str) -> Text:
    if todo.value is None and todo.effect is None:
        return Text("–")
    told = Text(amount(todo.value, currency))
    if todo.effect is not None:
        key = "points" if todo.learnt else "points_assumed"
        told.append(f"\n{_say(key, language, points=todo.gain)}", "dim")
    return told


def _told(todo: Todo) -> Iterator[tuple[str, Words]]:
    """Every reason with its label, and what to bring."""
    yield from ((f"told_{kind}", words) for kind, words in todo.reasons)
    extra = {"bring": todo.material, "told_best": todo.best, "told_next": todo.next}
    yield from ((label, words) for label, words in extra.items() if words)


def _brought_table(found: BroughtView, language: str) -> Table:
    head = ("action", "recommended", "done_share", "with_it", "without_it", "effect", "worth_sum")
    table = _headed(head, language, title=_in(found.title, language))
    for row in found.rows:
        table.add_row(
            Text(_in(row.title, language)),
            _over(f"{row.recommended:,}", _counted("trials", row.trials, language)),
            _over(row.done, "\n".join(filter(None, (row.done_share, row.by)))),
            _over(row.with_it, _counted("of_n", row.with_n, language)),
            _over(row.without_it, _counted("of_n", row.without_n, language)),
            _over(row.effect, row.interval, _CLEAR[row.clear]),
            _over(row.worth, row.worth_interval),
        )
    return table


def _counted(key: str, n: int, language: str) -> str:
    return _say(key, language, n=n) if n else ""


def _headed(keys: Sequence[str], language: str, title: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    table.title = Text(title, "bold")
    for place, key in enumerate(keys):
        table.add_column(_say(key, language), justify="right" if place else "left", overflow="fold")
    return table


def _over(number: str, below: str, style: str = "") -> Text:
    return Text.assemble((number, style), (f"\n{below}", "dim")) if below else Text(number, style)


def _in(words: Bilingual, language: str) -> str:
    return str(getattr(words, language))


def _say(key: str, language: str, **values: object) -> str:
    return _in(phrase(key, **values), language)
