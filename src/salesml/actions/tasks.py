"""Actions as a CRM takes them: tasks with an owner, a deadline and the reasons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from salesml.actions.book import NO_ACTION

__all__ = ["TASK_TYPES", "crm_tasks"]

TASK_TYPES: dict[str, type] = {
    **dict.fromkeys(("external_id", "entity", "entity_id"), str),
    "as_of": dt.date,
    **dict.fromkeys(("action", "role", "channel"), str),
    "minutes": int,
    "due_on": dt.date,
    **dict.fromkeys(("owner_id", "owner", "priority"), str),
    "withdrawn": bool,
    "value": int,
    **dict.fromkeys(("subject_ja", "description_ja", "subject_en", "description_en"), str),
}
"""Columns of `crm_tasks` and the types of their values."""

_USUAL = "medium"  # the priority of what no play asks for
_WITHDRAWN = "low"  # that of what is not to be done any more
_KEPT = [
    "entity", "entity_id", "as_of", "action", "role", "channel", "minutes", "due_on", "assignee_id",
    "assignee",
]  # fmt: skip
_HEAD = {"ja": "【エスカレーション】", "en": "Escalated: "}
_OVER = {"ja": "【取り下げ】", "en": "Withdrawn: "}
_WHY_OVER = {
    "ja": "対応は不要です（新しいアクションに替わった、期限を大きく過ぎた、または対象外）。",
    "en": "Not to be done any more: replaced by a newer action, long past due, or over.",
}
_MATERIAL = {"ja": "持参・準備するもの：", "en": "To bring: "}
_REACH = {"ja": "連絡のとり方：", "en": "How to reach them: "}
_BETWEEN = {"ja": "：", "en": ": "}


def crm_tasks(decisions: pd.DataFrame, withdrawn: Collection[str] = ()) -> pd.DataFrame:
    """The actions among *decisions* as tasks, one row each.

    Those whose ``action_id`` is *withdrawn* say so in their subject and description, and have the
    least priority; ``withdrawn`` tells which ones.

    Returns ``external_id``, entity, entity_id, as_of, action, role, channel, minutes, due_on,
    ``owner_id`` and ``owner`` (who is to do it), ``priority``, ``value`` (whole units of money),
    and in both languages ``subject`` and ``description``. What people note of a task (status, done
    on, by whom, result) is not among them.
    """
    asked = decisions[decisions["action"] != NO_ACTION].reset_index(drop=True)
    rows = asked[_KEPT].rename(columns={"assignee_id": "owner_id", "assignee": "owner"})
    rows.insert(0, "external_id", asked["action_id"])
    over = asked["action_id"].isin(withdrawn)
    usual = asked["severity"].astype(object).where(asked["severity"].notna(), _USUAL)
    rows["priority"] = usual.mask(over, _WITHDRAWN)
    rows["withdrawn"] = over
    rows["value"] = pd.to_numeric(asked["value"]).round().astype("Int64")
    told = asked.assign(withdrawn=over).to_dict("records")
    for language in ("ja", "en"):
        rows[f"subject_{language}"] = [_subject(row, language) for row in told]
        rows[f"description_{language}"] = [_description(row, language) for row in told]
    return rows


def _subject(row: Mapping[Any, Any], language: str) -> str:
    head = _HEAD[language] if row["how"] == "escalated" else ""
    head = _OVER[language] if row["withdrawn"] else head
    whom = row["name"] if isinstance(row["name"], str) else row["entity_id"]
    return f"{head}{row[f'title_{language}']}{_BETWEEN[language]}{whom}"


def _description(row: Mapping[Any, Any], language: str) -> str:
    """The reasons, then what to bring and how to reach them, a line each."""
    lines = [_WHY_OVER[language]] if row["withdrawn"] else []
    lines += [reason[language] for reason in row["reasons"] or ()]
    for column, head in (("material", _MATERIAL), ("best", _REACH)):
        text = row[f"{column}_{language}"]
        if isinstance(text, str) and text:
            lines.append(head[language] + text)
    return "\n".join(lines)
