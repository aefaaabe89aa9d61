"""All that is to be done packed into the page: columns as JSON, compressed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from salesml.config import Words
from salesml.report.agenda import Todo
from salesml.report.formats import WHOLE, currency_style, short_day, shown
from salesml.report.packed import Json, compressed

__all__ = ["pack_agenda"]

KINDS = ("play", "concept", "effect", "evidence", "explored")
URGENT, ESCALATED, LEARNT = 1, 2, 4


class _Codes:
    """Values that come again, each told once: what a column holds are their places."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, ...], int] = {}

    def of(self, *value: str) -> int:
        """The place of *value*."""
        return self.places.setdefault(value, len(self.places))

    def text(self, words: Words | None) -> int:
        """The place of *words*; -1 where there are none."""
        return -1 if words is None else self.of(words.ja, words.en)


def pack_agenda(todos: Sequence[Todo], currency: str) -> str:
    """*todos*, the most pressing first, for the page's script."""
    texts, dates, entities = _Codes(), _Codes(), _Codes()
    people = sorted({_person(todo) for todo in todos} - {""})
    places = {name: place for place, name in enumerate(people)}
    told = {
        "entity": [_entity(todo, entities) for todo in todos],
        "id": [shown(todo.key, limit=WHOLE).text for todo in todos],
        "name": [_name(todo) for todo in todos],
        "owner": [places.get(_person(todo), -1) for todo in todos],
        "title": [texts.text(todo.title) for todo in todos],
        "channel": [texts.text(todo.channel) for todo in todos],
        "material": [texts.text(todo.material) for todo in todos],
        "best": [texts.text(todo.best) for todo in todos],
        "next": [texts.text(todo.next) for todo in todos],
        "minutes": [todo.minutes for todo in todos],
        "left": [todo.left for todo in todos],
        "due": [-1 if todo.due is None else dates.of(*_date(todo.due)) for todo in todos],
        "since": [-1 if todo.since is None else dates.of(*_date(todo.since)) for todo in todos],
        "flags": [_flags(todo) for todo in todos],
        "effect": [None if todo.effect is None else round(todo.effect, 4) for todo in todos],
        "value": [None if todo.value is None else round(todo.value) for todo in todos],
        "reasons": [_reasons(todo, texts) for todo in todos],
    }
    about = {
        "entitys": [list(each) for each in entities.places],
        "owners": people,
        "dates": [list(each) for each in dates.places],
        "texts": [list(each) for each in texts.places],
        "money": currency_style(currency),
    }
    return compressed({**about, **told})


def _date(date: dt.date) -> tuple[str, str, str]:
    words = short_day(date)
    return words.ja, words.en, str(date)


def _person(todo: Todo) -> str:
    return todo.by.full or todo.by.text


def _name(todo: Todo) -> str:
    """The name; empty where the id stands for it."""
    return "" if todo.name == todo.id else shown(todo.name.full or todo.name.text, WHOLE).text


def _entity(todo: Todo, entities: _Codes) -> int:
    return entities.of(todo.kind.ja, todo.kind.en, todo.entity)


def _flags(todo: Todo) -> int:
    return URGENT * todo.urgent + ESCALATED * todo.escalated + LEARNT * todo.learnt


def _reasons(todo: Todo, texts: _Codes) -> list[int]:
    """Kind and text of each reason in turn."""
    found: list[Json] = []
    for kind, words in todo.reasons:
        found += [KINDS.index(kind), texts.of(words.ja, words.en)]
    return found
