"""The small company with a catalogue of two actions and a table of trials of them."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pandas as pd

from salesml.actions.book import ActionBook
from salesml.config import Project, load_project
from salesml.pipeline import read_sources
from salesml.run import open_run
from tests.tiny import AS_OF, CUSTOMERS, NOW, change, crm, make_company, visit

ACTIONS = """\
minute_cost: 60
worth: {away: 1000}
people: select owner_id as rep_id, owner_id as name, 'CS' as role, 3 as skill from accounts
capacity: {CS: 600}
history: select entity, entity_id, decided_on, action, probability, done_on from trials
results: select entity_id as action_id, 'done' as status from trials where action = 'result'
actions:
  call:
    entity: account
    task: away
    name: {ja: 電話, en: Call}
    role: CS
    channel: phone
    minutes: 30
    cooldown: 30 days
    due: 5 days
    effect: 0.1
  letter:
    entity: account
    task: away
    name: {ja: 手紙, en: Letter}
    role: CS
    channel: mail
    minutes: 10
    cooldown: 30 days
    due: 5 days
    effect: 0.05
"""
SOURCE = {
    "connection": "crm", "table": "trials", "kind": "events", "key": "id", "entity": "whole",
    "happened_at": "logged_on", "known_at": "logged_on",
    "columns": {
        name: name
        for name in ("entity", "entity_id", "decided_on", "action", "probability", "done_on")
    },
}  # fmt: skip
SINCE, EACH, DRAWS = dt.date(2024, 3, 1), 26, 12


def company(root: Path, *, works: float = 0.0) -> Path:
    """The company with its catalogue; a call brings a visit in *works* of all cases.

    Every 26 days from March 2024 on, each customer gets a call with probability 0.4, else nothing.
    """
    make_company(root)
    (root / "configs/tiny/actions.yml").write_text(ACTIONS, encoding="utf-8")
    change(
        root,
        "configs/tiny/sources.yml",
        "sources.trials",
        SOURCE | {"columns": {"id": "id", **SOURCE["columns"]}},
    )  # type: ignore[dict-item]
    with crm(root) as link:
        link.execute(
            "create table trials (id integer primary key, entity text, entity_id text, "
            "decided_on text, action text, probability, done_on text, logged_on text)"
        )
    rng = random.Random(1)
    rows = []
    for draw in range(DRAWS):
        date = SINCE + dt.timedelta(days=EACH * draw)
        for number in range(CUSTOMERS):
            called = rng.random() < 0.4
            action, probability = ("call", 0.4) if called else ("none", 0.6)
            rows.append(trial(f"c{number:03d}", date, action, probability))
            if called and rng.random() < works:
                _visit_after(root, f"c{number:03d}", date)
    add_trials(root, *rows)
    return root


def _visit_after(root: Path, code: str, date: dt.date) -> None:
    with crm(root) as link:
        visit(link, code, dt.datetime.combine(date + dt.timedelta(days=3), dt.time(10)))


def trial(
    entity_id: str | None, date: object, action: str | None, probability: object, **more: Any
) -> dict[str, Any]:
    """One row of the table of trials."""
    row = {"entity": "account", "entity_id": entity_id, "decided_on": str(date), "action": action}
    row |= {"probability": probability, "done_on": None, "logged_on": "2024-03-01"}
    return row | more


def add_trials(root: Path, *rows: dict[str, Any]) -> None:
    """Add rows to the table of trials."""
    with crm(root) as link:
        for row in rows:
            names = ", ".join(row)
            marks = ", ".join("?" * len(row))
            link.execute(f"insert into trials ({names}) values ({marks})", tuple(row.values()))


def read(root: Path, as_of: dt.date = AS_OF) -> Project:
    """Read the sources; returns the project."""
    with open_run("tiny", as_of, root=root, now=NOW) as run:
        read_sources(run)
    return load_project("tiny", root)


def decide(project: Project, date: dt.date, *rows: dict[str, Any]) -> None:
    """Publish *rows* as the decisions of *date*."""
    whole = [{"entity": "account", "as_of": date, "urgent": False, **row} for row in rows]
    for row in whole:
        row.setdefault("action_id", f"{date:%Y%m%d}-account-{row['entity_id']}")
    frame = pd.DataFrame(whole)
    nothing = frame.iloc[:0]
    ActionBook(project).publish(
        date, "run", decisions=frame, agenda=nothing, state=pd.DataFrame({"play": []}), meta={}
    )
