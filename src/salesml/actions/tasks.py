"""Actions as a CRM takes them: tasks with an owner, a deadline and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from salesml.actions.book import NO_ACTION

__all__ = ["crm_tasks"]

_USUAL = "medium"  # the priority of what no play asks for
_KEPT = [
    "entity", "entity_id", "as_of", "action", "role", "channel", "minutes", "due_on", "assignee_id",
    "assignee",
]  # fmt: skip
_HEAD = {"ja": "【エスカレーション】", "en": "Escalated: "}
_MATERIAL = {"ja": "持参・準備するもの：", "en": "To bring: "}
_REACH = {"ja": "連絡のとり方：", "en": "How to reach them: "}
_BETWEEN = {"ja": "：", "en": ": "}


def crm_tasks(decisions: pd.DataFrame) -> pd.DataFrame:
    """The actions among *decisions* as tasks, one row each.

    Returns ``external_id``, entity, entity_id, as_of, action, role, channel, minutes, due_on,
    ``owner_id`` and ``owner`` (who is to do it), ``priority``, ``value`` (whole units of money),
    and in both languages ``subject`` and ``description``. What people note of a task (status, done
    on, by whom, result) is not among them.
    """
    asked = decisions[decisions["action"] != NO_ACTION].reset_index(drop=True)
    rows = asked[_KEPT].rename(columns={"assignee_id": "owner_id", "assignee": "owner"})
    rows.insert(0, "external_id", asked["action_id"])
    rows["priority"] = asked["severity"].astype(object).where(asked["severity"].notna(), _USUAL)
    rows["value"] = pd.to_numeric(asked["value"]).round().astype("Int64")
    told = asked.to_dict("records")
    for language in ("ja", "en"):
        rows[f"subject_{language}"] = [_subject(row, language) for row in told]
        rows[f"description_{language}"] = [_description(row, language) for row in told]
    return rows


def _subject(row: Mapping[Any, Any], language: str) -> str:
    head = _HEAD[language] if row["how"] == "escalated" else ""
    whom = row["name"] if isinstance(row["name"], str) else row["entity_id"]
    return f"{head}{row[f'title_{language}']}{_BETWEEN[language]}{whom}"


def _description(row: Mapping[Any, Any], language: str) -> str:
    """The reasons, then what to bring and how to reach them, a line each."""
    lines = [reason[language] for reason in row["reasons"] or ()]
    for column, head in (("material", _MATERIAL), ("best", _REACH)):
        text = row[f"{column}_{language}"]
        if isinstance(text, str) and text:
            lines.append(head[language] + text)
    return "\n".join(lines)
