"""The book of decisions: by date, what counts, what it says of the time before a night."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from fakes import project as a_project

from salesml.actions.book import DECISIONS, ActionBook, as_decisions, frame_of
from salesml.actions.tasks import crm_tasks
from salesml.errors import ModelError

DAY = dt.date(2026, 6, 1)
REASONS = [
    {"kind": "play", "ja": "合図", "en": "Sign"},
    {"kind": "effect", "ja": "効果", "en": "Effect"},
]


def row(entity_id: str, as_of: dt.date = DAY, **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "entity": "account", "entity_id": entity_id, "as_of": as_of, "run_id": "r",
        "action_id": f"{as_of:%Y%m%d}-account-{entity_id}", "action": "call", "how": "best",
        "probability": 0.9, "plays": [], "urgent": False, "minutes": 30, "due_on": as_of,
        "name": "株式会社", "title_ja": "電話", "title_en": "Call", "reasons": REASONS,
    }  # fmt: skip
    return {**plain, **changes}


@pytest.fixture
def book(tmp_path: Path) -> ActionBook:
    return ActionBook(a_project(tmp_path, {}))


def publish(book: ActionBook, date: dt.date, run: str, *rows: dict[str, Any]) -> None:
    decisions = frame_of(as_decisions(rows))
    state = pd.DataFrame({"play": ["sign"], "since": [date]})
    book.publish(date, run, decisions=decisions, agenda=decisions.head(1), state=state, meta={})


def test_what_was_published_is_read_again(book: ActionBook) -> None:
    publish(book, DAY, "one", row("a"), row("b", action="none", how="nothing", minutes=None))
    read = book.read(DAY)
    assert read.columns.tolist() == DECISIONS.names
    assert read["reasons"].tolist() == [REASONS, REASONS]
    assert read["due_on"].tolist() == [DAY, DAY]
    assert read["minutes"].tolist() == [30, pd.NA]
    assert book.agenda(DAY)["entity_id"].tolist() == ["a"]
    assert book.meta(DAY) == {"run_id": "one"}
    assert (book.dates(), book.newest()) == ([DAY], DAY)


def test_the_last_run_of_a_date_counts(book: ActionBook) -> None:
    publish(book, DAY, "one", row("a"))
    publish(book, DAY, "two", row("b"))
    assert book.read(DAY)["entity_id"].tolist() == ["b"]
    assert [path.name for path in book.root.glob("*/")] == [f"{DAY}-two"]


def test_the_state_is_that_of_the_date_before(book: ActionBook) -> None:
    assert book.state(DAY) is None
    publish(book, DAY, "one", row("a"))
    later = DAY + dt.timedelta(days=3)
    publish(book, later, "two", row("a", later))
    assert book.state(DAY) is None
    for before, since in ((later, DAY), (later + dt.timedelta(days=1), later)):
        state = book.state(before)
        assert state is not None
        assert pd.to_datetime(state["since"]).dt.date.tolist() == [since]


def test_recommendations_of_some_dates(book: ActionBook) -> None:
    later = DAY + dt.timedelta(days=1)
    publish(book, DAY, "one", row("a"), row("b", action="none"))
    publish(book, later, "two", row("c", later))
    assert book.recommendations(DAY, later)["entity_id"].tolist() == ["a"]
    assert book.decisions(DAY, later)["entity_id"].tolist() == ["a", "b"]
    two = book.recommendations(DAY, dt.date(2027, 1, 1), ["entity_id", "minutes"])
    assert two.to_dict("list") == {"entity_id": ["a", "c"], "minutes": [30, 30]}
    assert book.recommendations(later, later).columns.tolist() == DECISIONS.names


def test_what_is_not_to_be_done_any_more(book: ActionBook) -> None:
    later = DAY + dt.timedelta(days=1)
    publish(book, DAY, "one", row("a"), row("b"))
    assert book.withdrawn(DAY).empty  # nights of former versions say nothing
    nobody = frame_of(as_decisions([]))
    meta = {"withdrawn": ["20260601-account-b"]}
    book.publish(later, "two", decisions=nobody, agenda=nobody, state=pd.DataFrame(), meta=meta)
    assert book.withdrawn(later)["entity_id"].tolist() == ["b"]


def test_a_date_that_is_not_there(book: ActionBook) -> None:
    with pytest.raises(ModelError, match=r"There are no actions of 2026-06-01\.") as caught:
        book.read(DAY)
    assert "received: actions of: none" in str(caught.value)
    assert book.newest() is None


def test_nights_of_former_versions_lack_columns(book: ActionBook) -> None:
    publish(book, DAY, "one", row("a", could=["call"]))
    path = book.root / f"{DAY}-one" / "decisions.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["planned", "could"]), path)
    later = DAY + dt.timedelta(days=1)
    publish(book, later, "two", row("b", later, could=["call"], planned="call"))
    assert book.read(DAY)["planned"].isna().all()
    both = book.decisions(DAY, later + dt.timedelta(days=1), ["entity_id", "could", "planned"])
    assert both["could"].tolist() == [None, ["call"]]
    assert both["planned"].fillna("").tolist() == ["", "call"]


def test_columns_that_nobody_gave_are_null() -> None:
    assert as_decisions([]).schema == DECISIONS
    found = frame_of(as_decisions([{"entity": "account", "entity_id": "a"}]))
    assert found.drop(columns=["entity", "entity_id"]).isna().all(axis=None)


# as a CRM takes it -----------------------------------------------------------------------------


def test_tasks_for_a_crm() -> None:
    play = row(
        "a",
        severity="high",
        assignee_id="R1",
        assignee="田中",
        value=1234.6,
        material_ja="資料",
        material_en="Papers",
        best_ja="火曜10時",
        best_en="Tue 10:00",
    )
    late = row("b", how="escalated", name=None)
    tasks = crm_tasks(frame_of(as_decisions([play, late, row("c", action="none")])))
    first, second = tasks.to_dict("records")
    assert first["external_id"] == "20260601-account-a"
    assert (first["owner_id"], first["owner"]) == ("R1", "田中")
    assert (first["priority"], first["value"], first["due_on"]) == ("high", 1235, DAY)
    assert (first["subject_ja"], first["subject_en"]) == ("電話：株式会社", "Call: 株式会社")
    assert first["description_ja"] == "合図\n効果\n持参・準備するもの：資料\n連絡のとり方：火曜10時"
    assert first["description_en"] == "Sign\nEffect\nTo bring: Papers\nHow to reach them: Tue 10:00"
    assert second["subject_ja"] == "【エスカレーション】電話：b"
    assert second["priority"] == "medium"
    assert json.dumps(second["description_en"]) == '"Sign\\nEffect"'


def test_a_withdrawn_task_says_so_first() -> None:
    both = frame_of(as_decisions([row("a", how="escalated", severity="high"), row("b")]))
    over, stays = crm_tasks(both, {"20260601-account-a"}).to_dict("records")
    assert (over["withdrawn"], stays["withdrawn"]) == (True, False)
    assert (over["subject_ja"], over["priority"]) == ("【取り下げ】電話：株式会社", "low")
    assert over["subject_en"] == "Withdrawn: Call: 株式会社"
    assert over["description_ja"].startswith("対応は不要です")
    assert over["description_en"].endswith("Sign\nEffect")
    assert stays["subject_en"] == "Call: 株式会社"


def test_no_tasks_have_the_columns_all_the_same() -> None:
    assert {"subject_ja", "description_en", "value", "due_on"} <= set(
        crm_tasks(frame_of(as_decisions([])))
    )
