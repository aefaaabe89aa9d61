"""A made-up evening: some accounts, a small team, and what could be done, for tests of deciding."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from fakes import task

from salesml.actions.book import as_decisions, frame_of
from salesml.actions.deciding import Decided, Night, Past, decide
from salesml.actions.deciding.past import joined
from salesml.actions.rules import Situation
from salesml.config import ActionsConfig

MONDAY = dt.date(2026, 6, 1)
KEY = ["entity", "entity_id"]
Accounts = Mapping[str, Mapping[str, Any]]


def action(**changes: Any) -> dict[str, Any]:
    """An action of the catalogue: a call by customer success that takes half an hour."""
    plain: dict[str, Any] = {
        "entity": "account",
        "task": "churn",
        "name": {"ja": "電話", "en": "Call"},
        "role": "CS",
        "channel": "phone",
        "minutes": 30,
        "cooldown": "30 days",
        "due": "5 days",
        "effect": 0.5,
    }
    return {**plain, **changes}


def play(**changes: Any) -> dict[str, Any]:
    """A play that asks for the call within two days."""
    plain: dict[str, Any] = {
        "entity": "account",
        "name": {"ja": "合図", "en": "Sign"},
        "severity": "high",
        "trigger": "true",
        "action": "call",
        "deadline": "48 hours",
        "cooldown": "60 days",
    }
    return {**plain, **changes}


def catalogue(**changes: Any) -> ActionsConfig:
    """A catalogue of a call and a visit, without chance."""
    plain: dict[str, Any] = {
        "holdout": 0,
        "explore": 0,
        "minute_cost": 10,
        "worth": {"churn": "amount"},
        "people": "select 1",
        "capacity": {"CS": 600},
        "actions": {
            "call": action(),
            "visit": action(name={"ja": "訪問", "en": "Visit"}, channel="visit", minutes=120),
        },
    }
    return ActionsConfig.model_validate({**plain, **changes})


def plays(**named: Mapping[str, Any]) -> dict[str, Any]:
    """Plays by id, as `play` makes them."""
    return {name: play(id=name, **changes) for name, changes in named.items()}


def people(*reps: Mapping[str, Any]) -> pd.DataFrame:
    """A team: R1 and R2 of customer success under M, where nobody is named."""
    plain = {
        "name": None, "role": "CS", "skill": 3, "team": "t", "manager_id": "M", "left": False,
        "minutes": None,
    }  # fmt: skip
    known = reps or (
        {"rep_id": "R1"}, {"rep_id": "R2"}, {"rep_id": "M", "role": "head", "manager_id": None},
    )  # fmt: skip
    rows = [{**plain, **rep} for rep in known]
    return pd.DataFrame([{**row, "name": row["name"] or f"Name {row['rep_id']}"} for row in rows])


def situation(
    accounts: Accounts,
    allowed: Sequence[str] = ("call",),
    true: Mapping[str, Sequence[str]] | None = None,
) -> Situation:
    """Accounts with a probability to leave of 0.4, worth a million, R1's, as *accounts* change it.

    Each is allowed *allowed*, or its own ``allowed``; *true* are the plays that hold, by account.
    """
    plain = {"name": None, "owner": "Name R1", "owner_id": "R1", "segment": "A", "amount": 1e6}
    rows = [
        {"entity_id": name, **plain, "churn.probability": 0.4, "churn.reasons": [], **values}
        for name, values in accounts.items()
    ]
    may = [
        {"entity_id": row["entity_id"], "action": action}
        for row in rows
        for action in row.pop("allowed", allowed)
    ]
    holds = [{"entity_id": e, "play": p} for e, plays in (true or {}).items() for p in plays]
    return Situation(
        entity="account",
        rows=pd.DataFrame(rows),
        allowed=pd.DataFrame(may, columns=["entity_id", "action"]),
        blocked=pd.DataFrame(columns=["entity_id", "action", "block"]),
        true=pd.DataFrame(holds, columns=["entity_id", "play"]),
    )


class Days:
    """Nights one after the other: what each decided is what the next one knows of the past."""

    def __init__(self, config: ActionsConfig, team: pd.DataFrame | None = None) -> None:
        self.config, self.team = config, people() if team is None else team
        self.nights: list[pd.DataFrame] = []
        self.results: list[dict[str, Any]] = []
        self.fired_on: dict[tuple[str, str], dt.date] = {}

    def note(self, action_id: str, status: str, done_on: dt.date | None = None) -> None:
        """Let somebody note what became of an action."""
        row = {"action_id": action_id, "status": status, "done_on": done_on}
        self.results.append({**row, "done_by": None, "result": None})

    def night(
        self,
        as_of: dt.date,
        found: Situation,
        fired: Mapping[str, Sequence[str]] | None = None,
        learnt: pd.DataFrame | None = None,
    ) -> Decided:
        """Decide the night of *as_of*; *fired* are the plays that fired, by account."""
        rows = [("account", e, p) for e, plays in (fired or {}).items() for p in plays]
        self.fired_on |= {(p, e): as_of for _, e, p in rows}
        state = [(*key, pd.Timestamp(day)) for key, day in self.fired_on.items()]
        decided = decide(
            Night(
                config=self.config,
                tasks={"churn": task()},
                as_of=as_of,
                run_id="run",
                situations={"account": found},
                fired=pd.DataFrame(rows, columns=[*KEY, "play"]),
                past=self.past(as_of),
                people=self.team,
                learnt={} if learnt is None else {"account": learnt},
                state=pd.DataFrame(state, columns=["play", "entity_id", "fired_on"]),
            )
        )
        self.nights.append(frame_of(as_decisions(decided.decisions)))
        return decided

    def past(self, as_of: dt.date) -> Past:
        """What is known of the nights before *as_of*."""
        nothing = frame_of(as_decisions([]))
        before = pd.concat([nothing, *self.nights], ignore_index=True)
        columns = ["action_id", "status", "done_on", "done_by", "result"]
        results = pd.DataFrame(self.results, columns=columns, dtype=object)
        here = self.team.loc[~self.team["left"], "rep_id"]
        return joined(before[before["action"] != "none"], before, results, set(here), as_of)


def by_account(decided: Decided) -> pd.DataFrame:
    """The rows of *decided* by account, as the book keeps them."""
    return frame_of(as_decisions(decided.decisions)).set_index("entity_id")


def hows(decided: Decided) -> dict[str, str]:
    """Why each account gets what it gets."""
    found: dict[str, str] = by_account(decided)["how"].to_dict()
    return found
