"""What is to be done next for those that were scored, beside their scores."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from salesml.actions.book import DECISIONS, ActionBook
from salesml.config import Project, TaskConfig
from salesml.report.agenda import Todo, todo_of

__all__ = ["NEXT", "next_todo", "with_next_actions"]

NOBODY = pd.DataFrame(columns=DECISIONS.names)
NEXT = (
    *("next_action", "next_action_ja", "next_action_en", "next_action_due", "next_action_by"),
    *("next_action_channel", "next_action_why_ja", "next_action_why_en", "next_action_effect"),
)


def with_next_actions(project: Project, task: TaskConfig, scores: pd.DataFrame) -> pd.DataFrame:
    """*scores*, of one date, with the columns `NEXT`; as they are in a project without actions.

    ``next_action_due`` is a date, ``next_action_effect`` the change of the probability of the good
    outcome, None where a play asks for what changes nothing; all are None where nothing is to be
    done.
    """
    if project.actions is None or scores.empty:
        return scores
    as_of = scores["as_of"].iloc[0]
    agenda = _agenda(project, task, as_of).set_index("entity_id", drop=False)
    told = [_told(record, as_of) for record in agenda.to_dict("records")]
    columns = pd.DataFrame(told, index=agenda.index, columns=list(NEXT), dtype=object)
    found = columns.reindex(scores[task.id_column])
    return scores.assign(**{name: found[name].to_numpy() for name in NEXT})


def next_todo(project: Project, task: TaskConfig, row: pd.Series) -> Todo | None:
    """What is to be done for one entity, a *row* of scores, as readers see it; None for nothing."""
    if project.actions is None:
        return None
    agenda = _agenda(project, task, row["as_of"])
    own = agenda[agenda["entity_id"] == row[task.id_column]]
    return todo_of(own.iloc[0].to_dict(), row["as_of"]) if len(own) else None


def _agenda(project: Project, task: TaskConfig, as_of: dt.date) -> pd.DataFrame:
    """What is to be done as of a date for entities of *task*; nothing where none was decided."""
    book = ActionBook(project)
    agenda = book.agenda(as_of) if as_of in book.dates() else NOBODY
    own = agenda[agenda["entity"] == task.entity]
    return own.drop_duplicates("entity_id")


def _told(record: dict[Any, Any], as_of: dt.date) -> dict[str, Any]:
    todo = todo_of(record, as_of)
    return {
        "next_action": record["action"],
        "next_action_ja": todo.title.ja,
        "next_action_en": todo.title.en,
        "next_action_due": todo.due,
        "next_action_by": todo.by.full or todo.by.text or None,
        "next_action_channel": record["channel"],
        "next_action_why_ja": todo.why and todo.why.ja,
        "next_action_why_en": todo.why and todo.why.en,
        "next_action_effect": todo.effect,
    }
