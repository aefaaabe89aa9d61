"""Nights of the small company that also say what to do next, and write it into the CRM."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny
import yaml

from salesml import acting, api, pipeline
from salesml.actions.book import ActionBook
from salesml.actions.deciding import Actions
from salesml.config import load_project
from salesml.errors import ConfigError, IncompleteError, ModelError
from salesml.export import ExportResult
from salesml.failures import Failure

ACTIONS: dict[str, Any] = {
    "holdout": 0.1,
    "explore": 0.1,
    "minute_cost": 0,
    "worth": {"away": 100_000},
    "people": "select distinct owner_id as rep_id, upper(owner_id) as name, 'CS' as role, "
    "3 as skill, if(owner_id = 'r0', null, 'r0') as manager_id from accounts",
    "capacity": {"CS": 200},
    "results": "select action_id, status, done_on, null as done_by, null as result from todo",
    "behaviour": {"account": "select account_id, happened_at, channel as kind from activities"},
    "actions": {
        "call": {
            "entity": "account", "task": "away", "role": "CS", "channel": "phone", "minutes": 10,
            "name": {"ja": "電話", "en": "Call"}, "cooldown": "30 days", "due": "3 days",
            "effect": 0.3, "answers": ["visits"],
        },
        "mail": {
            "entity": "account", "task": "away", "role": "CS", "channel": "mail", "minutes": 5,
            "name": {"ja": "メール", "en": "Mail"}, "cooldown": "30 days", "due": "3 days",
            "effect": 0.1, "when": "contact.visits_30d >= 1",
        },
    },
}  # fmt: skip
PLAYS: dict[str, Any] = {
    "silent": {
        "entity": "account", "name": {"ja": "来訪なし", "en": "No visit"}, "severity": "high",
        "trigger": "contact.days_since_visit >= 20", "action": "call", "deadline": "2 days",
        "cooldown": "90 days", "urgent": True, "escalate": {"after": "4 days", "to": "manager"},
    }
}  # fmt: skip
TODO = {
    "connection": "crm", "table": "todo", "kind": "state", "key": "action_id", "entity": "whole",
    "known_at": "changed_on",
    "columns": {"action_id": "id", "status": "status", "done_on": "done_on"},
}  # fmt: skip
TARGET = {
    "actions": "all", "connection": "crm", "table": "todo", "key": "id", "mode": "upsert",
    "fields": {"what": "subject_ja", "why": "description_ja", "who": "owner_id", "due": "due_on"},
    "stamps": {"changed_on": "as_of"},
}  # fmt: skip
SUNDAY, DAY = tiny.NEXT, dt.timedelta(days=1)
MONDAY, TUESDAY = SUNDAY + DAY, SUNDAY + 2 * DAY
TASKS = "select id, what, who, due from todo order by id"


@pytest.fixture(scope="module")
def sunday(tiny_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small company after a Sunday's night: it says what can be done, and keeps tasks."""
    root = tiny.copy_of(tiny_night, tmp_path_factory.mktemp("acting") / "company")
    write(root, "actions.yml", ACTIONS)
    write(root, "plays.yml", {"plays": PLAYS})
    tiny.change(root, "configs/tiny/sources.yml", "sources.todo", TODO)
    tiny.change(root, "configs/tiny/export.yml", "targets.tasks", TARGET)
    with tiny.crm(root) as link:
        link.execute(
            "create table todo (id text primary key, what text, why text, who text, due text, "
            "status text, done_on text, changed_on text)"
        )
        link.execute("insert into todo (id, status, changed_on) values ('x', 'done', '2024-05-01')")
    evening(root, SUNDAY)
    return root


@pytest.fixture(scope="module")
def monday(sunday: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after Monday's night, too."""
    root = tiny.copy_of(sunday, tmp_path_factory.mktemp("acting") / "company")
    evening(root, MONDAY)
    return root


@pytest.fixture
def company(monday: Path, tmp_path: Path) -> Path:
    """A copy of the company after Monday's night."""
    return tiny.copy_of(monday, tmp_path / "company")


def decided(root: Path, date: dt.date, *, left_out: bool = False) -> Actions:
    """What a night decides, of nobody where the task is *left_out*; nothing is written."""
    with pipeline.open_run("tiny", date, root=root, now=tiny.NOW) as run:
        pipeline.read_sources(run)
        actions = acting.act(run, [] if left_out else pipeline.score_tasks(run)[0])
        assert actions is not None
        return actions


def evening(root: Path, date: dt.date) -> tuple[Actions, list[ExportResult]]:
    """A night without its report."""
    failures: list[Failure] = []
    with pipeline.open_run("tiny", date, root=root, now=tiny.NOW) as run:
        pipeline.read_sources(run)
        tasks, _ = pipeline.score_tasks(run)
        actions = pipeline.act_on(run, tasks, failures)
        assert actions is not None, failures
        return actions, pipeline.write_back_scores(run)


def write(root: Path, name: str, content: dict[str, Any]) -> None:
    path = root / "configs/tiny" / name
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def tasks(root: Path) -> list[Any]:
    with tiny.crm(root) as link:
        return link.execute(TASKS).fetchall()


def book(root: Path) -> ActionBook:
    return ActionBook(load_project("tiny", root))


def told(decisions: pd.DataFrame) -> pd.DataFrame:
    return decisions.drop(columns="run_id")


def given(root: Path, date: dt.date) -> pd.DataFrame:
    return book(root).recommendations(date, date + DAY)


def test_the_first_night_fires_nothing_and_nobody_works_on_a_sunday(sunday: Path) -> None:
    decisions = book(sunday).read(SUNDAY)
    assert len(decisions) == tiny.CUSTOMERS
    assert set(decisions["action"]) == {"none"}
    assert {"capacity", "holdout"} <= set(decisions["how"])
    assert any("No visit" in note["en"] for note in book(sunday).meta(SUNDAY)["notes"])


def test_a_working_day(company: Path) -> None:
    asked = given(company, MONDAY)
    assert {"best"} <= set(asked["how"])
    assert asked.groupby("assignee_id")["minutes"].sum().max() <= 40  # a fifth of the week's
    assert [row[0] for row in tasks(company)] == [*sorted(asked["action_id"]), "x"]
    assert {row[2] for row in tasks(company)[:-1]} == set(asked["assignee_id"])
    assert set(asked["next_kind"]) <= {"visit", "phone", "nothing"}
    kinds = {reason["kind"] for reasons in asked["reasons"] for reason in reasons}
    assert {"concept", "effect"} <= kinds


def test_nobody_is_asked_twice(company: Path) -> None:
    before = given(company, MONDAY)
    actions, _ = evening(company, TUESDAY)
    asked = given(company, TUESDAY)
    assert len(asked)
    usual = asked[asked["how"] != "play"]
    assert not set(usual["entity_id"]) & set(before["entity_id"])
    assert len(actions.agenda) == len(set(before["entity_id"]) | set(asked["entity_id"]))
    assert len(tasks(company)) == 1 + len(before) + len(asked)
    stand = {row[0] for row in tasks(company)[:-1] if "【取り下げ】" not in row[1]}
    assert stand == set(actions.agenda["action_id"])


def test_tasks_of_somebody_who_is_not_there_any_more_are_withdrawn(company: Path) -> None:
    people = f"{ACTIONS['people']} where owner_id <> 'r1'"
    tiny.change(company, "configs/tiny/actions.yml", "people", people)
    before = given(company, MONDAY).query("assignee_id == 'r1'")
    actions, _ = evening(company, TUESDAY)
    old = {row[0]: row[1] for row in tasks(company)}
    assert set(before["action_id"]) == set(actions.withdrawn["action_id"])
    assert len(before)
    assert all(old[action_id].startswith("【取り下げ】") for action_id in before["action_id"])


def test_a_date_run_again_says_the_same_and_writes_nothing(company: Path) -> None:
    before, decisions = tasks(company), book(company).read(MONDAY)
    with tiny.crm(company) as link:  # what is known later does not count
        link.execute("update todo set status = 'done', done_on = '2025-03-04', changed_on = "
                     "'2025-03-04' where id <> 'x'")  # fmt: skip
    again, exports = evening(company, MONDAY)
    assert again.recorded
    pd.testing.assert_frame_equal(told(decisions), told(again.decisions))
    assert tasks(company) == before
    assert exports[-1].written == 0


def test_an_older_date_is_shown_and_not_recorded(company: Path) -> None:
    evening(company, TUESDAY)
    before, kept = tasks(company), book(company).read(MONDAY)
    again, _ = evening(company, MONDAY)
    assert not again.recorded
    assert "Not recorded for 2025-03-03" in again.notes[0].en
    pd.testing.assert_frame_equal(told(kept), told(again.decisions))
    pd.testing.assert_frame_equal(book(company).read(MONDAY), kept)
    assert tasks(company) == before


def test_what_people_note_counts_on_the_next_night(company: Path) -> None:
    one, two = given(company, MONDAY)["action_id"].head(2)
    with tiny.crm(company) as link:
        link.execute("update todo set status = 'done', done_on = '2025-03-03', changed_on = "
                     "'2025-03-03' where id = ?", [one])  # fmt: skip
    later, _ = evening(company, TUESDAY)
    assert one not in set(later.agenda["action_id"])
    assert two in set(later.agenda["action_id"])
    with tiny.crm(company) as link:  # and stays theirs
        assert link.execute("select status from todo where id = ?", [one]).fetchone() == ("done",)


def test_the_list_can_be_asked_for(monday: Path) -> None:
    agenda = api.actions("tiny", root=monday)
    assert agenda["action_id"].tolist() == book(monday).agenda(MONDAY)["action_id"].tolist()
    assert agenda["due_on"].is_monotonic_increasing
    owner = agenda["assignee"].iloc[0]
    assert set(api.actions("tiny", owner=owner, root=monday)["assignee"]) == {owner}
    entity = agenda["entity_id"].iloc[0]
    assert len(api.actions("tiny", entity=entity, root=monday)) == 1
    with pytest.raises(ModelError, match=r"'r11'\. Did you mean 'r1'\?"):
        api.actions("tiny", owner="r11", root=monday)
    with pytest.raises(ModelError, match=r"There are no actions of 2025-01-01"):
        api.actions("tiny", as_of=tiny.EARLY, root=monday)


def test_export_writes_the_newest_tasks_again(company: Path) -> None:
    many = len(given(company, MONDAY))
    results = {r.target: r for r in api.export("tiny", root=company, dry_run=True)}
    assert (results["tasks"].unchanged, results["tasks"].written) == (many, 0)


# dates that are run again ----------------------------------------------------------------------


def test_what_was_recommended_stands_when_its_date_is_run_again(company: Path) -> None:
    before, asked = tasks(company), given(company, MONDAY)
    tiny.change(company, "configs/tiny/actions.yml", "actions.call.effect", 0.0)
    tiny.change(company, "configs/tiny/actions.yml", "actions.mail.effect", 0.3)
    actions, _ = evening(company, MONDAY)
    again = given(company, MONDAY)
    stood = again[again["action_id"].isin(asked["action_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(stood, asked)
    assert set(before) <= set(tasks(company))
    assert {row[0] for row in tasks(company)} == {*again["action_id"], "x"}
    assert again.groupby("assignee_id")["minutes"].sum().max() <= 40
    assert any(f"{len(asked)} recommended for 2025-03-03" in note.en for note in actions.notes)
    assert actions.loads["minutes"].sum() == again["minutes"].sum()


def test_entities_left_out_keep_what_was_decided_for_them(company: Path) -> None:
    asked, state = book(company).read(MONDAY), book(company).state(TUESDAY)
    assert decided(company, MONDAY, left_out=True).recorded
    pd.testing.assert_frame_equal(book(company).read(MONDAY), asked)
    kept = book(company).state(TUESDAY)
    assert kept is not None and state is not None  # noqa: PT018
    pd.testing.assert_frame_equal(kept, state)


def test_a_dry_run_says_what_it_would_write_and_records_nothing(company: Path) -> None:
    before = tasks(company)
    result = api.nightly("tiny", TUESDAY, root=company, dry_run=True, now=tiny.NOW)
    assert result.actions is not None
    assert not result.actions.recorded
    new = result.actions.decisions.query("action != 'none'")
    assert result.exports[-1].target == "tasks"
    assert result.exports[-1].written == len(new) > 0
    assert book(company).newest() == MONDAY
    assert tasks(company) == before


# tasks in the CRM ------------------------------------------------------------------------------


def test_tasks_that_were_not_written_are_written_the_next_night(company: Path) -> None:
    decided(company, TUESDAY)
    missing = set(given(company, TUESDAY)["action_id"])
    assert missing
    assert not missing & {row[0] for row in tasks(company)}
    evening(company, TUESDAY + DAY)
    assert missing <= {row[0] for row in tasks(company)}


def test_tasks_of_those_who_are_gone_are_withdrawn(company: Path) -> None:
    done, edited, plain, unsent = given(company, MONDAY)["action_id"].head(4)
    with tiny.crm(company) as link:
        link.execute("update todo set status = 'done', done_on = '2025-03-03', changed_on = "
                     "'2025-03-03' where id = ?", [done])  # fmt: skip
        link.execute("update todo set who = 'me' where id = ?", [edited])
        link.execute("delete from todo where id = ?", [unsent])
    left = [each.rsplit("-", 1)[1] for each in (done, edited, plain, unsent)]
    not_asked_about(company, left)
    never_sent(company, unsent)
    before = {row[0]: row for row in tasks(company)}
    actions, _ = evening(company, TUESDAY)
    after = {row[0]: row for row in tasks(company)}
    assert not set(left) & set(actions.agenda["entity_id"])
    assert set(actions.withdrawn["action_id"]) == {edited, plain, unsent}
    assert after[plain][1] == "【取り下げ】" + before[plain][1]
    assert (after[done], after[edited]) == (before[done], before[edited])
    assert unsent not in after


def test_a_withdrawn_task_that_still_waits_to_be_sent_is_not_sent_as_one_to_do(
    company: Path,
) -> None:
    waits = given(company, MONDAY)["action_id"].iloc[0]
    with tiny.crm(company) as link:
        link.execute("delete from todo where id = ?", [waits])
    not_asked_about(company, [waits.rsplit("-", 1)[1]])
    carried(company, waits)
    evening(company, TUESDAY)
    sent = [row for row in tasks(company) if row[0] == waits]
    assert all(row[1].startswith("【取り下げ】") for row in sent)
    place = company / "var/tiny/ledger.sqlite"
    with closing(sqlite3.connect(place)) as link:
        open_ones = "select external_id from attempts where status in ('planned', 'retry', 'sent')"
        assert link.execute(open_ones).fetchall() == []


def carried(root: Path, action_id: str) -> None:
    """Let it be as if the task had been left to the next night."""
    with closing(sqlite3.connect(root / "var/tiny/ledger.sqlite")) as link:
        link.execute("delete from records where external_id = ?", [action_id])
        link.execute(
            "update attempts set status = 'planned', sent_at = null, was_there = 0"
            " where external_id = ?",
            [action_id],
        )
        link.commit()


def not_asked_about(root: Path, codes: list[str]) -> None:
    """Take customers out of the population from now on."""
    gone = ", ".join(f"'{code}'" for code in codes)
    asked = (
        "select account_id, name, owner_id as owner, segment, fee as amount from accounts "
        f"where as_of < date '{TUESDAY}' or account_id not in ({gone})"
    )
    tiny.change(root, "configs/tiny/tasks/away.yml", "population", asked)


def never_sent(root: Path, action_id: str) -> None:
    """Let it be as if the task had not reached the CRM."""
    with closing(sqlite3.connect(root / "var/tiny/ledger.sqlite")) as link:
        for table in ("records", "attempts"):
            link.execute(f"delete from {table} where external_id = ?", [action_id])
        link.commit()


def test_nothing_is_withdrawn_where_nobody_says_what_was_done(company: Path) -> None:
    tiny.change(company, "configs/tiny/actions.yml", "results", None)
    asked = given(company, MONDAY)["entity_id"].iloc[0]
    not_asked_about(company, [asked])
    actions, _ = evening(company, TUESDAY)
    assert asked not in set(actions.agenda["entity_id"])
    assert actions.withdrawn.empty


# what goes wrong -------------------------------------------------------------------------------


def test_a_failure_withholds_no_scores(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(acting, "decide", fails)
    with pytest.raises(IncompleteError, match=r"actions: .*unexpected ZeroDivisionError: oh") as e:
        api.nightly("tiny", TUESDAY, root=company, now=tiny.NOW)
    result = e.value.result
    assert result.actions is None
    assert [export.target for export in result.exports] == ["customers"]
    assert "ZeroDivisionError" in result.report.read_text(encoding="utf-8")


def test_a_whole_night_says_what_to_do(company: Path) -> None:
    result = api.nightly("tiny", TUESDAY, root=company, now=tiny.NOW)
    assert result.actions is not None
    assert result.actions.counts == result.actions.decisions["how"].value_counts().to_dict()
    assert [export.target for export in result.exports] == ["customers", "tasks"]


def test_sql_that_does_not_run_is_told_with_its_place(company: Path) -> None:
    tiny.change(company, "configs/tiny/actions.yml", "people", "select nobody from accounts")
    with pytest.raises(AssertionError, match=r"The SQL of people does not run"):
        evening(company, TUESDAY)


def test_what_cannot_be_learnt_or_foretold_is_told(
    company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(acting, "learn", fails)
    monkeypatch.setattr(acting, "behaviour_of", fails)
    said = " ".join(note.en for note in evening(company, TUESDAY)[0].notes)
    assert "Effects could not be learnt, so that assumed ones count: ValueError: broken" in said
    assert "What they will do next could not be told: ValueError: broken" in said


def test_nothing_is_decided_for_those_whose_task_failed(company: Path) -> None:
    with pipeline.open_run("tiny", TUESDAY, root=company, now=tiny.NOW) as run:
        actions = acting.act(run, [])
    assert actions is not None
    assert actions.decisions.empty
    # what was asked before stays to be done
    assert set(actions.agenda["action_id"]) == set(given(company, MONDAY)["action_id"])


def test_a_project_without_actions(tiny_night: Path, tmp_path: Path) -> None:
    root = tiny.copy_of(tiny_night, tmp_path / "plain")
    with pipeline.open_run("tiny", tiny.AS_OF, root=root, now=tiny.NOW) as run:
        assert acting.act(run, []) is None
    assert not (root / "var/tiny/actions").exists()
    with pytest.raises(ConfigError, match="Project tiny has no actions"):
        api.actions("tiny", root=root)
    tiny.change(root, "configs/tiny/export.yml", "targets.tasks", TARGET)
    with pytest.raises(ConfigError, match=r"unknown entity of actions 'all'\. The project has no"):
        load_project("tiny", root)
