"""The part of the page on actions: the list of today, who has how much to do, what it brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from salesml.config import Words
from salesml.report.action_charts import effects, policies, uplift
from salesml.report.action_section import ActionSection
from salesml.report.agenda import Counts, Todo, counts, pressing, todo_of
from salesml.report.agenda_packed import pack_agenda
from salesml.report.brought import BroughtView, brought_view
from salesml.report.formats import Shown, missing, shown
from salesml.report.words import phrase

__all__ = ["AgendaView", "Load", "agenda_view", "left_words"]

LISTED = 50  # rows in the page for readers without scripts, and a page of the list for the others
MOST = 20_000  # rows that a page holds
FEW = 12  # persons whose loads are open from the start
_HOWS = ("how_open", "how_cooldown", "how_capacity", "how_nothing", "how_holdout", "how_explored")


@dataclass(frozen=True)
class Load:
    """How much one person has to do: ``used`` of ``of`` minutes this week, ``share`` in percent."""

    name: Shown
    todo: int
    overdue: int
    used: int
    of: int
    share: int


@dataclass(frozen=True)
class AgendaView:
    """What the templates show of actions.

    ``first`` are rows told without scripts, ``next`` what is to be done by entity and id;
    ``policies`` and ``uplift`` are pictures by task.
    """

    section: ActionSection
    counts: Counts
    first: list[Todo]
    held: int
    several: bool
    packed: str
    loads: list[Load]
    loads_open: bool
    left: list[tuple[Words, int]]
    next: Mapping[tuple[str, str], Todo]
    brought: BroughtView | None
    effects: Markup | None
    policies: Mapping[str, Markup | None]
    uplift: Mapping[str, Markup | None]


def agenda_view(section: ActionSection, currency: str) -> AgendaView:
    """*section* as the page shows it, amounts in *currency*."""
    agenda = pressing(section.agenda, section.as_of)
    todos = [todo_of(record, section.as_of) for record in agenda.head(MOST).to_dict("records")]
    loads, brought = _loads(section), section.brought
    told = brought_view(brought, currency) if brought else None
    tasks = [choice.task for choice in told.choices] if told else []
    return AgendaView(
        section=section,
        counts=counts(agenda, section.as_of),
        first=todos[:LISTED],
        held=len(todos),
        several=len({todo.entity for todo in todos}) > 1,
        packed=pack_agenda(todos, currency),
        loads=loads,
        loads_open=len(loads) <= FEW,
        left=left_words(section.left),
        next={(todo.entity, todo.key): todo for todo in todos},
        brought=told,
        effects=effects(brought) if brought else None,
        policies={task: policies(brought, task) for task in tasks if brought},
        uplift={task: uplift(brought, task) for task in tasks if brought},
    )


def left_words(left: Mapping[str, int]) -> list[tuple[Words, int]]:
    """Why entities got no action and how many, in words."""
    return [(phrase(key), left[how]) for key in _HOWS if left.get(how := key.removeprefix("how_"))]


def _loads(section: ActionSection) -> list[Load]:
    """Persons who have something to do, those with most of their time taken first."""
    agenda = section.agenda
    late = pd.to_datetime(agenda["due_on"]) < pd.Timestamp(section.as_of)
    todo = agenda.groupby("assignee_id").size()
    overdue = agenda[late].groupby("assignee_id").size()
    rows = [
        _load(record, int(todo.get(record["rep_id"], 0)), int(overdue.get(record["rep_id"], 0)))
        for record in section.loads.to_dict("records")
    ]
    busy = [row for row in rows if row.todo or row.used]
    return sorted(busy, key=lambda row: (-row.overdue, -row.share, -row.todo, row.name.text))


def _load(record: Mapping[object, object], todo: int, overdue: int) -> Load:
    used, of = (0 if missing(v) else round(float(v)) for v in (record["minutes"], record["of"]))  # type: ignore[arg-type]
    share = round(100 * used / of) if of else 0
    return Load(shown(record["name"], limit=20), todo, overdue, used, of, share)
