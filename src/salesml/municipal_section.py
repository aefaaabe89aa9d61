"""The municipal part of a report's section: the budget year, and the plan of the night."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from typing import Any

from salesml.approach import ENTITY, Plan, Stage, plan
from salesml.config import TaskConfig, Words
from salesml.errors import SalesmlError
from salesml.municipal.budget_year import budget_calendar
from salesml.municipal.settings import load_municipal
from salesml.report.municipal import (
    Approach,
    Deadline,
    Municipal,
    Passage,
    Peer,
    Span,
    Step,
    Talk,
)
from salesml.run import Run

__all__ = ["municipal_of"]

SHOWN = ("stage", "assembly", "supplementary", "rotation")
YEAR = dt.timedelta(days=366)
MOST = 5  # deadlines, programmes or peers of one municipality

Record = Mapping[Hashable, Any]


def municipal_of(run: Run, task: TaskConfig, listed: Collection[str]) -> Municipal | None:
    """The municipal part of *task*, with how to approach those *listed*; None for other entities.

    By now scores are out: a plan that cannot be made is told, and left out.
    """
    if task.entity != ENTITY:
        return None
    try:
        found = plan(run, task, run.as_of)
        return _municipal(run, found, set(listed))
    except SalesmlError as error:
        run.tell(f"{task.name}: the report has no plan: {error.what}")
        return Municipal(run.as_of)


def _municipal(run: Run, found: Plan, listed: set[str]) -> Municipal:
    rows = found.rows.to_dict("records")
    return Municipal(
        as_of=run.as_of,
        calendar=[*_calendar(run), *_windows(rows, run.as_of)],
        steps=[_step(stage) for stage in found.stages],
        approaches={
            str(row["municipality_id"]): _approach(row)
            for row in rows
            if row["municipality_id"] in listed
        },
        notes=_notes(found),
    )


def _calendar(run: Run) -> list[Span]:
    """The budget calendar from a year before the run's date to a year after it."""
    table = budget_calendar(load_municipal(run.project))
    near = (table["ends_on"] >= run.as_of - YEAR) & (table["starts_on"] <= run.as_of + YEAR)
    shown = table[near & table["kind"].isin(SHOWN)]
    return [
        Span(str(row["kind"]), _words(row), row["starts_on"], row["ends_on"])
        for row in shown.to_dict("records")
    ]


def _windows(rows: list[dict[Hashable, Any]], today: dt.date) -> list[Span]:
    """The programmes that anybody meets, and how many do."""
    met = Counter(
        (each["title_ja"], each["title_en"], each["opens_on"] or today, each["closes_on"])
        for row in rows
        for each in row["subsidies"]
    )
    return [
        Span("subsidy", Words(ja=ja, en=en), opens, closes, count)
        for (ja, en, opens, closes), count in met.items()
    ]


def _step(stage: Stage) -> Step:
    material = next((Words(ja=talk.material_ja, en=talk.material_en) for talk in stage.talks), None)
    talks = [_talk(vars(talk)) for talk in stage.talks]
    words = Words(ja=stage.ja, en=stage.en)
    return Step(words, stage.starts_on, stage.ends_on, material, talks)


def _approach(row: Record) -> Approach:
    talks = row["talks"]
    return Approach(
        material=_words(talks[0], "material_") if talks else None,
        talks=[_talk(talk) for talk in talks],
        tier=_known(row, "tier_"),
        advice=_known(row, "approach_"),
        deadlines=[Deadline(_words(each), each["on"]) for each in row["deadlines"][:MOST]],
        subsidies=[
            Deadline(_words(each, "title_"), each["closes_on"]) for each in row["subsidies"][:MOST]
        ],
        peers=_peers(row),
        passage=_passage(row["policy"]),
        outlook=[(_words(each), each["on"], each["score"]) for each in row["outlook"] or ()],
        election=row["election_on"] if isinstance(row["election_on"], dt.date) else None,
        new_contact=row["contact_new"] is True,
    )


def _talk(talk: Mapping[str, Any]) -> Talk:
    return Talk(_words(talk), _words(talk, "cares_"))


def _peers(row: Record) -> list[Peer]:
    """Similar ones first, then others of the prefecture."""
    found = {each["municipality_id"]: each for each in (*row["cited_prefecture"], *row["cited"])}
    order = [each["municipality_id"] for each in (*row["cited"], *row["cited_prefecture"])]
    return [_peer(found[code]) for code in list(dict.fromkeys(order))[:MOST]]


def _peer(told: Mapping[str, Any]) -> Peer:
    return Peer(
        id=told["municipality_id"],
        name=told["name"] or "",
        prefecture=told.get("prefecture") or "",
        since=told["adopted_on"],
        similarity=told.get("similarity"),
    )


def _passage(policy: Mapping[str, Any] | None) -> Passage | None:
    if not isinstance(policy, Mapping) or not policy["passage"]:
        return None
    return Passage(policy["title"] or "", policy["passage"])


def _notes(found: Plan) -> list[Words]:
    notes = [found.outlook_note] if found.outlook_note else []
    if found.left_out:
        ja, en = "、".join(w.ja for w in found.left_out), ", ".join(w.en for w in found.left_out)
        notes.append(
            Words(
                ja=f"データがないため載せていません：{ja}。",
                en=f"Left out, for lack of data: {en}.",
            )
        )
    return notes


def _words(told: Mapping[Any, Any], prefix: str = "") -> Words:
    return Words(ja=told[f"{prefix}ja"], en=told[f"{prefix}en"])


def _known(row: Record, prefix: str) -> Words | None:
    return _words(row, prefix) if isinstance(row[f"{prefix}ja"], str) else None
