"""What plays get: which action, by when, and who hears of it when nobody answered."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from tests.actions.evening import (
    MONDAY,
    Days,
    action,
    by_account,
    catalogue,
    hows,
    people,
    plays,
    situation,
)

DAY = dt.timedelta(days=1)
TUESDAY = MONDAY + DAY
FRIDAY, SATURDAY = MONDAY + 4 * DAY, MONDAY + 5 * DAY
ESCALATES = {"after": "7 days", "to": "manager"}


# which action ------------------------------------------------------------------------------------


def test_the_most_severe_play_leads() -> None:
    config = catalogue(
        plays=plays(
            mild={"severity": "low", "action": "visit"},
            hard={"severity": "medium", "action": "call"},
        )
    )
    true = {"a": ["mild", "hard"]}
    days = Days(config)
    row = by_account(days.night(MONDAY, situation({"a": {}}, ["call", "visit"], true), true))
    assert row.loc["a", ["action", "play", "severity"]].tolist() == ["call", "hard", "medium"]
    assert row.loc["a", "plays"] == ["hard", "mild"]
    days.note("20260601-account-a", "done", MONDAY)
    row = by_account(days.night(TUESDAY, situation({"a": {}}, ["call", "visit"], true)))
    assert row.loc["a", ["action", "play"]].tolist() == ["visit", "mild"]


def _two(**changes: object) -> dict[str, object]:
    """A call that nobody has the skill for, and a visit."""
    return {"call": action(skill=5), "visit": action(channel="visit", minutes=60), **changes}


@pytest.mark.parametrize("urgent", [True, False])
def test_the_next_action_of_a_play_where_nobody_can_do_the_first(urgent: bool) -> None:
    signs = plays(sign={"urgent": urgent, "action": ["call", "visit"]})
    days, true = Days(catalogue(actions=_two(), plays=signs)), {"a": ["sign"]}
    row = by_account(days.night(MONDAY, situation({"a": {}}, ["call", "visit"], true), true))
    assert row.loc["a", ["how", "action", "play"]].tolist() == ["play", "visit", "sign"]


@pytest.mark.parametrize("urgent", [True, False])
def test_the_next_play_where_nobody_can_answer_the_first(urgent: bool) -> None:
    signs = plays(sign={"urgent": True}, next={"urgent": urgent, "action": "visit"})
    days, true = Days(catalogue(actions=_two(), plays=signs)), {"a": ["sign", "next"]}
    row = by_account(days.night(MONDAY, situation({"a": {}}, ["call", "visit"], true), true))
    assert row.loc["a", ["how", "action", "play"]].tolist() == ["play", "visit", "next"]
    assert row.loc["a", "urgent"] == urgent


def test_what_is_not_urgent_does_not_come_beside_an_open_task() -> None:
    signs = plays(sign={"urgent": True}, next={"action": "visit"})
    actions = _two(mail=action(channel="mail", effect=0.9))
    days, true = Days(catalogue(actions=actions, plays=signs)), {"a": ["sign", "next"]}
    days.night(MONDAY, situation({"a": {}}, ["mail"]))
    found = situation({"a": {}}, ["call", "visit"], true)
    assert hows(days.night(TUESDAY, found, true)) == {"a": "capacity"}


def test_what_nobody_has_the_skill_for_is_told() -> None:
    days, true = Days(catalogue(actions=_two(), plays=plays(sign={}))), {"a": ["sign"]}
    decided = days.night(MONDAY, situation({"a": {}}, true=true), true)
    assert hows(decided) == {"a": "capacity"}
    said = "1 wait for what nobody has the role and skill for (Call)."
    assert [note.en for note in decided.notes] == [said]
    able = days.night(MONDAY, situation({"a": {}}, ["call", "visit"], true), true)
    assert hows(able) == {"a": "best"}
    assert able.notes == []


def test_all_are_answered_where_some_take_the_next_action() -> None:
    """Everybody comes first, then the first action before the next, whatever they are worth."""
    actions = {"call": action(effect=0.01), "visit": action(channel="visit", effect=0.9)}
    config = catalogue(
        actions=actions,
        channels={"phone": 1},
        plays=plays(sign={"urgent": True, "action": ["call", "visit"]}),
    )
    days, true = Days(config, people({"rep_id": "R1"})), {"a": ["sign"], "b": ["sign"]}
    decided = days.night(MONDAY, situation({"a": {}, "b": {}}, ["call", "visit"], true), true)
    rows = by_account(decided)
    assert sorted(rows["action"]) == ["call", "visit"]
    assert decided.planned.value == pytest.approx(rows["value"].sum())
    assert decided.planned.gap == pytest.approx(0)
    alone = situation({"a": {}}, ["call", "visit"], true)
    row = by_account(Days(config).night(MONDAY, alone, {"a": ["sign"]})).loc["a"]
    assert row["action"] == "call"


# when it is due ----------------------------------------------------------------------------------


def test_a_play_waits_until_there_is_time_and_its_deadline_runs_on() -> None:
    config = catalogue(
        capacity={"CS": 0}, plays=plays(sign={"urgent": True, "escalate": ESCALATES})
    )
    days, true = Days(config), {"a": ["sign"]}
    found = situation({"a": {}}, true=true)
    days.night(MONDAY, found, true)
    row = by_account(days.night(TUESDAY, found)).loc["a"]
    assert (row["how"], row["due_on"]) == ("capacity", MONDAY + 2 * DAY)
    assert row["escalate_on"] == MONDAY + 7 * DAY
    days.config = config.model_copy(update={"capacity": {"CS": 600}})
    assert hows(days.night(TUESDAY + DAY, found)) == {"a": "play"}


def test_deadlines_count_from_the_night_a_play_fired() -> None:
    config = catalogue(capacity={"CS": 0}, plays=plays(sign={"escalate": ESCALATES}))
    days, true = Days(config), {"a": ["sign"]}
    found = situation({"a": {}}, true=true)
    days.night(MONDAY, found, true)
    days.config = config.model_copy(update={"capacity": {"CS": 600}})
    row = by_account(days.night(MONDAY + 3 * DAY, found)).loc["a"]
    # to be answered by Wednesday: at once, then; and no later than a week after the sign
    assert (row["how"], row["due_on"]) == ("play", MONDAY + 3 * DAY)
    assert row["escalate_on"] == MONDAY + 7 * DAY


def test_a_play_behind_an_open_task_is_escalated_in_time() -> None:
    escalates = {"after": "3 days", "to": "manager"}
    config = catalogue(
        actions={"call": action(), "visit": action(due="20 days", effect=0.9)},
        plays=plays(sign={"escalate": escalates}),
    )
    days, true = Days(config), {"a": ["sign"]}
    days.night(MONDAY, situation({"a": {}}, ["visit"]))
    found = situation({"a": {}}, ["call", "visit"], true)
    row = by_account(days.night(TUESDAY, found, true)).loc["a"]
    assert (row["how"], row["action"], row["due_on"]) == ("open", "none", TUESDAY + 2 * DAY)
    said = [by_account(days.night(TUESDAY + n * DAY, found)).loc["a"] for n in range(1, 5)]
    assert [row["how"] for row in said] == ["open", "open", "escalated", "open"]
    assert said[2][["assignee_id", "play", "action"]].tolist() == ["M", "sign", "call"]


@pytest.mark.parametrize(
    ("fired", "due"),
    [(MONDAY, MONDAY + 2 * DAY), (FRIDAY - DAY, MONDAY + 7 * DAY), (SATURDAY, MONDAY + 7 * DAY)],
)
def test_deadlines_are_on_working_days(fired: dt.date, due: dt.date) -> None:
    days, true = Days(catalogue(plays=plays(sign={"urgent": True}))), {"a": ["sign"]}
    row = by_account(days.night(fired, situation({"a": {}}, true=true), true)).loc["a"]
    assert (row["how"], row["due_on"]) == ("play", due)


def test_a_play_whose_sign_is_gone_is_no_longer_wanted() -> None:
    config = catalogue(capacity={"CS": 0}, plays=plays(sign={}))
    days, true = Days(config), {"a": ["sign"]}
    days.night(MONDAY, situation({"a": {}}, true=true), true)
    row = by_account(days.night(TUESDAY, situation({"a": {}}))).loc["a"]
    assert row["plays"] == []


# escalation ------------------------------------------------------------------------------------


@pytest.fixture
def signed() -> Days:
    """A sign on Monday, for which somebody was to call by Wednesday."""
    config = catalogue(plays=plays(sign={"urgent": True, "escalate": ESCALATES}))
    days, true = Days(config), {"a": ["sign"]}
    days.night(MONDAY, situation({"a": {}}, true=true), true)
    return days


def test_what_nobody_did_goes_to_the_manager_once(signed: Days) -> None:
    found = situation({"a": {}}, true={"a": ["sign"]})
    said = [by_account(signed.night(MONDAY + n * DAY, found)).loc["a"] for n in range(1, 12)]
    assert [row["how"] for row in said] == [
        "open", "open", *["cooldown"] * 4, "escalated", "open", "open", "cooldown", "cooldown",
    ]  # fmt: skip
    row = said[6]
    assert (row["assignee_id"], row["assignee"], row["escalate_to"]) == ("M", "Name M", "manager")
    assert (row["follows"], row["action"], row["play"]) == ("20260601-account-a", "call", "sign")
    assert (row["action_id"], row["probability"]) == ("20260608-account-a", 1.0)


@pytest.mark.parametrize("status", ["done", "declined"])
def test_what_was_answered_is_not_escalated(signed: Days, status: str) -> None:
    signed.note("20260601-account-a", status, MONDAY + 3 * DAY)
    later = signed.night(MONDAY + 7 * DAY, situation({"a": {}}))
    assert hows(later) == {"a": "cooldown"}


def test_a_play_that_never_found_anybody_is_escalated_too() -> None:
    config = catalogue(
        capacity={"CS": 0}, plays=plays(sign={"urgent": True, "escalate": ESCALATES})
    )
    days, true = Days(config), {"a": ["sign"]}
    found = situation({"a": {}}, true=true)
    days.night(MONDAY, found, true)
    said = [hows(days.night(MONDAY + n * DAY, found))["a"] for n in range(1, 12)]
    assert said == [*["capacity"] * 6, "escalated", "open", "open", "cooldown", "cooldown"]


def test_without_a_manager_nobody_is_named(signed: Days) -> None:
    signed.team = signed.team.assign(manager_id=None)
    decided = signed.night(MONDAY + 7 * DAY, situation({"a": {}}))
    assert by_account(decided).loc["a", "how"] == "escalated"
    assert pd.isna(by_account(decided).loc["a", "assignee_id"])
    assert decided.notes[0].en == "1 escalations found nobody to go to (a)."


def test_escalation_to_a_role_goes_to_its_most_skilled() -> None:
    escalates = {"after": "3 days", "to": "FS"}
    config = catalogue(capacity={"CS": 600, "FS": 600}, plays=plays(sign={"escalate": escalates}))
    team = people(
        {"rep_id": "R1"}, {"rep_id": "F1", "role": "FS"}, {"rep_id": "F2", "role": "FS", "skill": 5}
    )
    days, true = Days(config, team), {"a": ["sign"]}
    days.night(MONDAY, situation({"a": {}}, true=true), true)
    decided = days.night(MONDAY + 3 * DAY, situation({"a": {}}))
    assert by_account(decided).loc["a", ["how", "assignee_id"]].tolist() == ["escalated", "F2"]
    assert decided.loads.set_index("rep_id").loc["F2", "minutes"] == 30.0


def test_escalations_to_a_role_are_shared_by_those_able() -> None:
    escalates = {"after": "3 days", "to": "FS"}
    config = catalogue(
        capacity={"CS": 6000, "FS": 60},
        actions={"call": action(skill=3)},
        plays=plays(sign={"escalate": escalates}),
    )
    team = people(
        {"rep_id": "R1"},
        {"rep_id": "F0", "role": "FS", "skill": 2},
        *({"rep_id": f"F{i}", "role": "FS", "skill": 2 + i} for i in (1, 2, 3)),
    )
    accounts: dict[str, dict[str, object]] = {f"a{i}": {} for i in range(7)}
    days, true = Days(config, team), {name: ["sign"] for name in accounts}
    days.night(MONDAY, situation(accounts, true=true), true)
    late = by_account(days.night(MONDAY + 3 * DAY, situation(accounts)))
    assert set(late["how"]) == {"escalated"}
    assert late["assignee_id"].value_counts().to_dict() == {"F3": 3, "F2": 2, "F1": 2}
    again = Days(config, team[team["rep_id"].isin(["R1", "F0"])])
    again.nights = days.nights[:1]
    late = by_account(again.night(MONDAY + 3 * DAY, situation(accounts)))
    assert set(late["assignee_id"]) == {"F0"}  # nobody has the skill: the most skilled


def test_what_the_head_of_a_team_had_stays_with_the_head() -> None:
    config = catalogue(plays=plays(sign={"escalate": ESCALATES}))
    team = people({"rep_id": "R1", "manager_id": None}, {"rep_id": "R2", "manager_id": "R1"})
    days, true = Days(config, team), {"a": ["sign"]}
    days.night(MONDAY, situation({"a": {}}, true=true), true)
    row = by_account(days.night(MONDAY + 7 * DAY, situation({"a": {}}))).loc["a"]
    assert (row["how"], row["assignee_id"]) == ("escalated", "R1")


def test_one_who_is_gone_is_not_escalated(signed: Days) -> None:
    assert hows(signed.night(MONDAY + 7 * DAY, situation({"b": {}}))) == {"b": "best"}
