"""Who gets what on a night, and on the nights after it."""

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
LEARNT = [
    "entity_id", "action", "effect", "low", "high", "without", "evidence_ja", "evidence_en",
]  # fmt: skip
TUESDAY = MONDAY + DAY
SATURDAY = MONDAY + 5 * DAY


# what is worth doing ---------------------------------------------------------------------------


def test_the_action_worth_most_is_given_to_the_owner() -> None:
    days = Days(catalogue())
    row = by_account(days.night(MONDAY, situation({"a": {}}, ["call", "visit"]))).loc["a"]
    assert (row["action"], row["how"], row["assignee_id"]) == ("call", "best", "R1")
    assert row["action_id"] == "20260601-account-a"
    assert row["due_on"] == MONDAY + 7 * DAY  # the fifth day is a Saturday
    # 0.5 of 0.4 · 0.6 averted, of a million, less half an hour at 10 a minute
    assert row["effect"] == pytest.approx(0.12)
    assert row["value"] == pytest.approx(120_000 - 300)
    assert (row["effect_source"], row["probability"]) == ("assumed", 1.0)


def test_nothing_is_done_that_costs_more_than_it_brings() -> None:
    found = situation({"a": {"amount": 100.0}, "b": {"allowed": []}})
    assert hows(Days(catalogue()).night(MONDAY, found)) == {"a": "nothing", "b": "nothing"}


def test_a_learnt_effect_takes_the_place_of_the_assumed_one() -> None:
    learnt = pd.DataFrame(
        [
            ("a", "call", 0.001, -0.01, 0.012, 0.6, "類似", "Of 40 alike"),
            ("a", "visit", 0.2, 0.1, 0.3, 0.6, None, None),
        ],
        columns=LEARNT,
    )
    days = Days(catalogue())
    row = by_account(days.night(MONDAY, situation({"a": {}}, ["call", "visit"]), learnt=learnt))
    assert row.loc["a", ["action", "effect", "effect_low", "effect_source"]].tolist() == [
        "visit", 0.2, 0.1, "learnt",
    ]  # fmt: skip


def test_an_effect_learnt_of_the_promising_is_not_promised_to_those_without_a_chance() -> None:
    row = ("call", 0.2, 0.1, 0.3, 0.1, None, None)
    learnt = pd.DataFrame([(name, *row) for name in "ab"], columns=LEARNT)
    found = situation({"a": {"churn.probability": 0.98}, "b": {"churn.probability": 0.7}})
    rows = by_account(Days(catalogue()).night(MONDAY, found, learnt=learnt))
    odds = (0.3 / 0.7) / (0.1 / 0.9) * (0.02 / 0.98)
    told = rows.loc["a", ["effect", "effect_low", "effect_high"]].tolist()
    assert told == pytest.approx([part * (odds / (1 + odds) - 0.02) for part in (1, 0.5, 1.5)])
    assert rows.loc["b", "effect"] == pytest.approx(0.2)  # never more than was measured


def test_an_amount_nobody_knows_leaves_only_plays() -> None:
    config = catalogue(plays=plays(sign={}))
    found = situation({"a": {"amount": None}, "b": {"amount": None}}, true={"b": ["sign"]})
    decided = Days(config).night(MONDAY, found, {"b": ["sign"]})
    assert hows(decided) == {"a": "nothing", "b": "play"}
    assert "2 have no amount" in decided.notes[0].en


@pytest.mark.parametrize("amount", [float("inf"), float("-inf"), None])
def test_an_amount_without_bounds_is_none(amount: float | None) -> None:
    days = Days(catalogue(worth={"churn": "2 * amount"}))
    decided = days.night(MONDAY, situation({"a": {"amount": amount}, "b": {"amount": 1e6}}))
    assert hows(decided) == {"a": "nothing", "b": "best"}
    assert "1 have no amount" in decided.notes[0].en


# capacity --------------------------------------------------------------------------------------


def test_the_minutes_of_the_week_are_spread_over_the_days_left() -> None:
    days = Days(catalogue(capacity={"CS": 300}), people({"rep_id": "R1"}))
    accounts = {f"a{i:02d}": {} for i in range(30)}
    for day in range(5):
        decided = days.night(MONDAY + day * DAY, situation(accounts))
        assert list(hows(decided).values()).count("best") == 2
        assert decided.loads[["minutes", "of"]].values.tolist() == [[60.0 * (day + 1), 300.0]]
    assert "best" not in hows(days.night(SATURDAY, situation(accounts))).values()
    said = hows(days.night(MONDAY + 7 * DAY, situation(accounts)))
    assert list(said.values()).count("best") == 2


def test_capacity_0_does_nothing_and_says_so() -> None:
    config = catalogue(capacity={"CS": 0}, plays=plays(sign={"urgent": True}))
    decided = Days(config).night(
        MONDAY, situation({"a": {}, "b": {}}, true={"a": ["sign"]}), {"a": ["sign"]}
    )
    assert hows(decided) == {"a": "capacity", "b": "capacity"}
    assert "1 urgent plays found nobody" in decided.notes[0].en
    assert by_account(decided).loc["a", ["play", "urgent"]].tolist() == ["sign", True]


def test_nobody_at_all() -> None:
    team = people({"rep_id": "R1", "left": True})
    assert hows(Days(catalogue(), team).night(MONDAY, situation({"a": {}}))) == {"a": "capacity"}


def test_an_urgent_play_may_use_the_whole_week() -> None:
    config = catalogue(capacity={"CS": 150}, plays=plays(sign={"urgent": True}))
    accounts = {f"a{i}": {} for i in range(6)}
    signs = {name: ["sign"] for name in list(accounts)[:4]}
    days = Days(config, people({"rep_id": "R1"}))
    decided = days.night(MONDAY, situation(accounts, true=signs), signs)
    assert sorted(hows(decided).values()) == ["capacity", "capacity", *["play"] * 4]
    assert decided.loads["minutes"].tolist() == [120.0]


def test_a_play_comes_before_what_is_worth_more() -> None:
    config = catalogue(capacity={"CS": 150}, plays=plays(sign={}))
    found = situation({"a": {"amount": 9e9}, "b": {"amount": 10.0}}, true={"b": ["sign"]})
    days = Days(config, people({"rep_id": "R1"}))
    assert hows(days.night(MONDAY, found, {"b": ["sign"]})) == {"a": "capacity", "b": "play"}


def test_channels_have_limits_a_week() -> None:
    config = catalogue(channels={"visit": 1}, capacity={"CS": 6000})
    days = Days(config, people({"rep_id": "R1"}))
    accounts = {f"a{i}": {} for i in range(3)}
    assert (
        list(hows(days.night(MONDAY, situation(accounts, ["visit"]))).values()).count("best") == 1
    )
    assert "best" not in hows(days.night(TUESDAY, situation(accounts, ["visit"]))).values()


def test_an_owner_who_left_is_replaced() -> None:
    team = people({"rep_id": "R1", "left": True}, {"rep_id": "R2"})
    row = by_account(Days(catalogue(), team).night(MONDAY, situation({"a": {}}))).loc["a"]
    assert (row["owner_id"], row["assignee_id"]) == ("R1", "R2")


def test_what_somebody_had_who_left_is_given_to_another() -> None:
    days = Days(catalogue(capacity={"CS": 3000}))
    days.night(MONDAY, situation({"a": {}}))
    days.team.loc[days.team["rep_id"] == "R1", "left"] = True
    row = by_account(days.night(TUESDAY, situation({"a": {}}))).loc["a"]
    assert (row["how"], row["assignee_id"]) == ("best", "R2")


def test_what_somebody_had_whom_nobody_knows_any_more_is_given_to_another() -> None:
    days = Days(catalogue(capacity={"CS": 3000}))
    days.night(MONDAY, situation({"a": {}}))
    days.team = people({"rep_id": "R2"})
    row = by_account(days.night(TUESDAY, situation({"a": {}}))).loc["a"]
    assert (row["how"], row["assignee_id"]) == ("best", "R2")


def test_a_rep_has_the_minutes_of_his_own() -> None:
    team = people({"rep_id": "R1", "minutes": 0}, {"rep_id": "R2"})
    config = catalogue()
    assert hows(Days(config, team).night(MONDAY, situation({"a": {}}))) == {"a": "capacity"}


# night after night -----------------------------------------------------------------------------


def test_an_open_action_and_its_cooldown() -> None:
    days = Days(catalogue())
    found = situation({"a": {}})
    days.night(MONDAY, found)
    said = [hows(days.night(MONDAY + n * DAY, found))["a"] for n in range(1, 32)]
    # due on the Monday after, not again before the thirtieth day
    assert said == [*["open"] * 7, *["cooldown"] * 22, "best", "open"]


def test_done_is_no_longer_open_and_cools_from_that_day() -> None:
    days = Days(catalogue())
    found = situation({"a": {}}, ["call", "visit"])
    days.night(MONDAY, found)
    days.note("20260601-account-a", "done", MONDAY + 2 * DAY)
    assert by_account(days.night(MONDAY + 3 * DAY, found)).loc["a", "action"] == "visit"
    days.note("20260604-account-a", "declined")
    assert hows(days.night(MONDAY + 31 * DAY, found)) == {"a": "cooldown"}
    assert by_account(days.night(MONDAY + 32 * DAY, found)).loc["a", "action"] == "call"


def test_an_urgent_play_comes_even_where_something_is_open() -> None:
    config = catalogue(plays=plays(sign={"urgent": True, "action": ["call", "visit"]}))
    days = Days(config)
    days.night(MONDAY, situation({"a": {}}))
    true = {"a": ["sign"]}
    found = situation({"a": {}}, ["call", "visit"], true)
    row = by_account(days.night(TUESDAY, found, true)).loc["a"]
    assert (row["how"], row["action"], row["due_on"]) == ("play", "visit", TUESDAY + 2 * DAY)
    # given once: the sign still holds, and nothing comes again
    assert hows(days.night(TUESDAY + DAY, found)) == {"a": "open"}


# more than one kind ----------------------------------------------------------------------------


def test_an_action_of_another_role_goes_to_that_role() -> None:
    config = catalogue(
        capacity={"CS": 600, "FS": 600}, actions={"call": action(role="FS", skill=4)}
    )
    team = people(
        {"rep_id": "R1"}, {"rep_id": "F1", "role": "FS"}, {"rep_id": "F2", "role": "FS", "skill": 4}
    )
    row = by_account(Days(config, team).night(MONDAY, situation({"a": {}}))).loc["a"]
    assert row["assignee_id"] == "F2"


def test_a_night_run_again_says_the_same() -> None:
    config = catalogue(holdout=0.2, explore=0.3, capacity={"CS": 300})
    accounts = {f"a{i}": {"amount": 1e6 + i} for i in range(40)}
    one, two = Days(config), Days(config)
    for day in range(3):
        found = situation(accounts, ["call", "visit"])
        first = one.night(MONDAY + day * DAY, found)
        again = two.night(MONDAY + day * DAY, found)
        pd.testing.assert_frame_equal(first.decisions, again.decisions)
