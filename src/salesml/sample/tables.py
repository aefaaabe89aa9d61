"""The columns of the sample's tables, and writing them to SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["CRM", "TRUTH", "texts", "write"]

# column:type; `time` and `date` become text in the project's zone, as SQLite has no such types.
_SCORES = "salesml_{0}_score:integer salesml_{0}_band:text salesml_{0}_probability:real salesml_{0}_reasons:text salesml_scored_on:date"  # noqa: E501
_CRM = {
    "sales_reps": "rep_id:text name:text role:text team:text region:text hired_on:date"
    " skill:integer manager_id:text left_on:date",
    "accounts": "account_id:text name:text name_kana:text industry:text employees:integer"
    " prefecture:text segment:text owner_id:text annual_revenue:integer created_at:time"
    " updated_at:time " + _SCORES.format("churn"),
    "contacts": "contact_id:text account_id:text name:text department:text title:text email:text"
    " is_active:integer left_on:date created_at:time updated_at:time",
    "contracts": "contract_id:text account_id:text plan:text monthly_fee:integer started_on:date"
    " renewal_on:date status:text ended_on:date created_at:time updated_at:time",
    "contract_events": "event_id:text contract_id:text account_id:text kind:text plan:text"
    " monthly_fee:integer renewal_on:date happened_at:time logged_at:time reason:text",
    "product_usage": "usage_id:text account_id:text used_on:date logins:integer"
    " active_users:integer deliveries:integer loaded_at:time",
    "tickets": "ticket_id:text account_id:text kind:text priority:text opened_at:time"
    " logged_at:time closed_at:time satisfaction:integer",
    "leads": "lead_id:text company:text person:text source:text campaign:text industry:text"
    " employees:integer prefecture:text job_title:text owner_id:text created_at:time status:text"
    " converted_at:time account_id:text opportunity_id:text updated_at:time "
    + _SCORES.format("lead"),
    "opportunities": "opportunity_id:text account_id:text lead_id:text name:text product:text"
    " kind:text amount:integer owner_id:text created_at:time stage:text expected_close:date"
    " closed_at:time is_won:integer loss_reason:text updated_at:time " + _SCORES.format("win"),
    "opportunity_stage_history": "change_id:text opportunity_id:text account_id:text stage:text"
    " stage_order:integer outcome:text amount:integer expected_close:date changed_at:time"
    " logged_at:time",
    "activities": "activity_id:text account_id:text lead_id:text opportunity_id:text"
    " contact_id:text rep_id:text channel:text direction:text kind:text person:text"
    " happened_at:time logged_at:time subject:text",
    "pipeline_results": "result_id:text account_id:text month:date applied:integer"
    " attended:integer opportunities:integer loaded_at:time",
    "action_trials": "trial_id:text entity:text entity_id:text action:text probability:real"
    " decided_on:date logged_at:time",
    "action_tasks": "action_id:text entity:text entity_id:text subject:text description:text"
    " owner_id:text owner:text role:text channel:text priority:text due_on:date value:integer"
    " status:text done_on:date done_by:text result:text created_at:time updated_at:time",
    "municipal_leads": "municipality_id:text name:text owner_id:text expected_amount:integer"
    " created_at:time updated_at:time " + _SCORES.format("adoption"),
    "municipal_contacts": "contact_id:text municipality_id:text name:text department:text"
    " level:text since:date left_on:date created_at:time updated_at:time",
    "municipal_activities": "activity_id:text municipality_id:text contact_id:text rep_id:text"
    " channel:text kind:text happened_at:time logged_at:time",
    "municipal_adoptions": "adoption_id:text municipality_id:text solution:text decided_on:date"
    " amount:integer logged_at:time",
}
_TRUTH = {
    "churn": "account_id:text month:date probability_90d:real churned_90d:integer",
    "conversion": "lead_id:text probability:real converted:integer",
    "win": "opportunity_id:text probability:real won:integer",
    "municipal": "municipality_id:text month:date probability_365d:real adopted_365d:integer",
    "actions": "entity:text entity_id:text action:text probability:real",
    "drivers": "task:text driver:text effect:real",
}
# A CRM keeps the ids of its records unique; what is loaded into it comes twice at times.
_RECORDS = (
    "sales_reps",
    "accounts",
    "contracts",
    "leads",
    "opportunities",
    "action_tasks",
    "municipal_leads",
)
_SQL_TYPE = {"text": "TEXT", "time": "TEXT", "date": "TEXT", "integer": "INTEGER", "real": "REAL"}
Spec = dict[str, dict[str, str]]


def _parsed(tables: dict[str, str]) -> Spec:
    pairs = {table: [c.split(":") for c in columns.split()] for table, columns in tables.items()}
    return {table: dict(columns) for table, columns in pairs.items()}


CRM, TRUTH = _parsed(_CRM), _parsed(_TRUTH)


def _time_texts(values: pd.Series, kind: str) -> list[str | None]:
    moments = values.to_numpy().astype("datetime64[s]" if kind == "time" else "datetime64[D]")
    written = np.datetime_as_string(moments).tolist()
    return [None if text == "NaT" else text.replace("T", " ") for text in written]


def _cells(frame: pd.DataFrame, name: str, kind: str) -> Sequence[object]:
    if name not in frame:
        return [None] * len(frame)
    if kind in ("time", "date"):
        return _time_texts(frame[name], kind)
    values, made = frame[name], int if kind == "integer" else (lambda value: value)
    empty = values.isna().tolist()
    return [None if e else made(v) for e, v in zip(empty, values.tolist(), strict=True)]


def texts(frame: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Return *frame* as SQLite will hold it: object columns of text, int, float and None."""
    cells = {name: _cells(frame, name, kind) for name, kind in columns.items()}
    return pd.DataFrame(cells, dtype=object)


def _insert(
    db: sqlite3.Connection, table: str, columns: dict[str, str], frame: pd.DataFrame
) -> None:
    listed = ", ".join(f"{name} {_SQL_TYPE[kind]}" for name, kind in columns.items())
    db.execute(f"create table {table} ({listed})")
    rows = zip(*(frame[name].tolist() for name in frame), strict=True)
    db.executemany(f"insert into {table} values ({', '.join('?' * len(columns))})", rows)


def _index(db: sqlite3.Connection, table: str, columns: dict[str, str]) -> None:
    ids = [name for name in columns if name.endswith("_id")]
    for name in ids:
        unique = "unique" if table in _RECORDS and name == ids[0] else ""
        db.execute(f"create {unique} index {table}_{name} on {table} ({name})")


def write(path: Path, tables: dict[str, pd.DataFrame], spec: Spec) -> None:
    """Write *tables* (as of :func:`texts`) to a new SQLite file at *path*."""
    with closing(sqlite3.connect(path)) as db, db:
        for table, columns in spec.items():
            _insert(db, table, columns, tables[table])
            _index(db, table, columns)
