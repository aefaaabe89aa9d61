"""Holdouts and exploring: by hash, within the time there is, with exact probabilities."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.deciding.chance import Lots, lot
from salesml.actions.deciding.exploring import Team, explore
from tests.actions.evening import MONDAY, Days, by_account, catalogue, people, plays, situation

DAY = dt.timedelta(days=1)
NAMES = [f"a{i:04d}" for i in range(2000)]


# lots ------------------------------------------------------------------------------------------


def test_lots_look_even_and_stay_the_same() -> None:
    drawn = np.array([lot("x", name) for name in NAMES])
    assert (drawn >= 0).all()
    assert (drawn < 1).all()
    assert np.histogram(drawn, 10, (0, 1))[0] == pytest.approx(200, abs=60)
    assert drawn.tolist() == [lot("x", name) for name in NAMES]
    assert lot("a", "bc") != lot("ab", "c")


def test_a_holdout_lasts_a_quarter() -> None:
    def held(date: dt.date) -> set[str]:
        lots = Lots(0.05, 0, date)
        return {name for name in NAMES if lots.held("account", name)}

    first = held(dt.date(2026, 4, 1))
    assert len(first) == pytest.approx(100, abs=30)
    assert held(dt.date(2026, 6, 30)) == first
    assert len(held(dt.date(2026, 7, 1)) & first) < 20


def test_the_explored_change_each_week() -> None:
    def explored(date: dt.date) -> set[str]:
        lots = Lots(0, 0.05, date)
        return {name for name in NAMES if lots.explored("account", name)}

    assert explored(MONDAY) == explored(MONDAY + 6 * DAY)
    assert len(explored(MONDAY) & explored(MONDAY + 7 * DAY)) < 20


shares = st.floats(0, 1)


@given(shares, shares, st.integers(0, 6), st.booleans())
def test_the_probabilities_of_all_that_could_be_come_to_1(
    holdout: float, explore: float, many: int, planned: bool
) -> None:
    lots = Lots(holdout, explore, MONDAY)
    plan = 0 if planned and many else None
    each = [
        lots.probability(none=False, planned=row == plan, drawable=many + 1) for row in range(many)
    ]
    none = lots.probability(none=True, planned=plan is None, drawable=many + 1)
    assert sum(each) + none == pytest.approx(1)


# what is drawn ---------------------------------------------------------------------------------


def options(entities: int, minutes: int = 60, owner: str | None = None) -> pd.DataFrame:
    """Two options for each of some entities."""
    rows = [
        {"entity": "account", "entity_id": f"e{i}", "action": action, "role": "CS", "skill": 1,
         "owner_id": owner, "minutes": minutes, "channel": "phone"}
        for i in range(entities) for action in ("call", "visit")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def team(minutes: float, **often: dict[str, int]) -> Team:
    reps = pd.DataFrame({"rep_id": ["R1", "R2"], "role": "CS", "skill": [1, 4]})
    return Team(reps, {"R1": minutes, "R2": minutes}, often)


def test_nobody_is_given_more_than_there_is_time_for() -> None:
    staff, lots = team(150), Lots(0, 1, MONDAY)
    asked = {("account", f"e{i}"): True for i in range(30)}
    drawn = explore(options(30), lots, staff, {}, asked)
    given = [d.rep_id for d in drawn.values() if d.row is not None]
    assert sorted(given) == ["R1", "R1", "R2", "R2"]
    assert all(minutes >= 0 for minutes in staff.minutes.values())
    assert sum(not d.could for d in drawn.values()) > 20


def test_what_the_plan_gave_is_free_again_for_ones_own_draw() -> None:
    staff, lots = team(0), Lots(0, 0, MONDAY)
    asked = {("account", f"e{i}"): False for i in range(2)}
    drawn = explore(options(2), lots, staff, {("account", "e0"): (0, "R1")}, asked)
    assert drawn["account", "e0"].could == {0: "R1", 1: "R1"}
    assert drawn["account", "e1"].could == {}
    assert staff.minutes == {"R1": 0, "R2": 0}


def test_the_owner_does_it_or_nobody_and_skill_counts() -> None:
    assert team(60).who("CS", 1, "R1", 90, "phone") is None
    assert team(60).who("CS", 1, "R1", 60, "phone") == "R1"
    assert team(60).who("CS", 3, "R1", 60, "phone") == "R2"
    assert team(60).who("CS", 5, None, 60, "phone") is None
    assert team(60).who("FS", 1, "R1", 60, "phone") is None
    assert team(60, phone={"R1": 0, "R2": 1}).who("CS", 1, None, 60, "phone") == "R2"


def test_draws_are_even() -> None:
    lots = Lots(0, 1, MONDAY)
    drawn = Counter(lots.draw("account", name, 3) for name in NAMES)
    assert sorted(drawn) == [0, 1, 2]
    assert all(count == pytest.approx(667, abs=90) for count in drawn.values())


# a night with chance ---------------------------------------------------------------------------


def test_who_is_held_out_gets_nothing_but_urgent_plays() -> None:
    config = catalogue(holdout=1, plays=plays(sign={"urgent": True}, mild={}))
    true = {"a": ["sign"], "b": ["mild"]}
    found = situation({"a": {}, "b": {}, "c": {}, "d": {"amount": 1.0}}, true=true)
    rows = by_account(Days(config).night(MONDAY, found, true))
    assert rows["how"].tolist() == ["play", "holdout", "holdout", "holdout"]
    assert rows["probability"].tolist() == [1, 1, 1, 1]
    assert rows["could"].tolist() == [["call"], ["call"], ["call"], ["call"]]


def test_probabilities_of_a_night() -> None:
    config = catalogue(holdout=0.1, explore=0.3, capacity={"CS": 60_000})
    accounts = {name: {} for name in NAMES[:400]}
    rows = by_account(Days(config).night(MONDAY, situation(accounts, ["call", "visit"])))
    # the plan gives everybody the call; an explored one draws of call, visit and none
    expected = {
        ("best", "call"): 0.9 * (0.7 + 0.3 / 3),
        ("explored", "call"): 0.9 * (0.7 + 0.3 / 3),
        ("explored", "visit"): 0.9 * 0.3 / 3,
        ("explored", "none"): 0.1 + 0.9 * 0.3 / 3,
        ("holdout", "none"): 0.1 + 0.9 * 0.3 / 3,
    }
    found = {(row.how, row.action): row.probability for row in rows.itertuples()}
    assert found == {key: pytest.approx(value) for key, value in expected.items()}
    shares = rows.groupby(["how"]).size() / len(rows)
    assert shares["holdout"] == pytest.approx(0.1, abs=0.05)
    assert shares["explored"] == pytest.approx(0.27, abs=0.07)


def test_inverse_probabilities_recover_what_everybody_would_get() -> None:
    """Over many weeks, the share that gets an action is what its probabilities say."""
    config = catalogue(holdout=0.2, explore=0.5, capacity={"CS": 60_000})
    accounts = {name: {} for name in NAMES[:200]}
    weights = []
    for week in range(8):
        # a new quarter's lot every thirteen weeks
        night = Days(config).night(MONDAY + 91 * week * DAY, situation(accounts, ["call", "visit"]))
        rows = by_account(night)
        weights += [(rows["action"] == a).div(rows["probability"]).mean() for a in ("call", "none")]
    assert np.mean(weights) == pytest.approx(1, abs=0.05)


def test_a_lot_is_drawn_once_a_week() -> None:
    config = catalogue(explore=1, capacity={"CS": 60_000})
    days = Days(config)
    accounts = {name: {} for name in NAMES[:60]}
    days.night(MONDAY, situation(accounts, ["call", "visit"]))
    rows = by_account(days.night(MONDAY + DAY, situation(accounts | {"new": {}}, ["call"])))
    before = days.nights[0].set_index("entity_id")["action"]
    assert (rows.loc[before.index[before != "none"], "how"] == "open").all()
    none = rows.loc[before.index[before == "none"]]
    assert len(none)
    assert (none["action"] == "none").all()
    assert (none["how"] == "explored").all()
    assert rows.loc["new", "probability"] == 0.5
    rows = by_account(days.night(MONDAY + 7 * DAY, situation(accounts, ["call", "visit"])))
    assert (rows["action"] != "none").any()


def test_probabilities_of_a_later_night_of_the_week() -> None:
    """What was drawn on Monday is over: of those explored only who drew nothing gets nothing."""
    config = catalogue(
        holdout=0.1, explore=0.4, capacity={"CS": 600_000}, plays=plays(sign={"urgent": True})
    )
    days, both = Days(config), ["call", "visit"]
    cheap = {name: {"churn.probability": 1e-9} for name in NAMES}
    asked = {**cheap, "urgent": {}}
    days.night(MONDAY, situation(asked, both, {"urgent": ["sign"]}), {"urgent": ["sign"]})
    days.note("20260601-account-urgent", "done", MONDAY)
    accounts: dict[str, dict[str, object]] = {name: {} for name in [*NAMES, "urgent"]}
    rows = by_account(days.night(MONDAY + DAY, situation(accounts, both)))
    lots = rows[(rows["how"] != "open") & (rows.index != "urgent")]
    expected = {"none": 0.1 + 0.9 * 0.4 / 3, "call": 0.9 * 0.6}
    assert lots.groupby("action")["probability"].unique().map(list).to_dict() == {
        action: [pytest.approx(value)] for action, value in expected.items()
    }
    for action in expected:  # so every action stands for all of them
        mass = (1 / lots.loc[lots["action"] == action, "probability"]).sum()
        assert mass == pytest.approx(len(NAMES), rel=0.1)
    # chance had no say in the urgent one on Monday, and leaves it alone for the week
    drawn = days.past(MONDAY + DAY).drawn()
    assert drawn.pop(("account", "urgent")) == 0
    monday = days.nights[0].set_index("entity_id")
    given = (monday["how"] == "explored") & (monday["action"] != "none")
    assert {drawn["account", name] for name in monday.index[given]} == {None}
    assert {many for many in drawn.values() if many is not None} == {2}


def test_who_drew_an_action_gets_no_other_for_the_week() -> None:
    days, both = Days(catalogue(explore=1, capacity={"CS": 60_000})), ["call", "visit"]
    accounts = {name: {} for name in NAMES[:60]}
    first = by_account(days.night(MONDAY, situation(accounts, both)))
    done = first.index[first["action"] != "none"]
    for name in done:
        days.note(f"20260601-account-{name}", "done", MONDAY)
    rows = by_account(days.night(MONDAY + DAY, situation(accounts, both)))
    assert set(rows["action"]) == {"none"}
    assert set(rows.loc[done, "probability"]) == {1.0}
    assert rows.drop(done)["probability"].tolist() == pytest.approx([1 / 3] * (60 - len(done)))


def test_exploring_keeps_to_capacity() -> None:
    config = catalogue(holdout=0.1, explore=0.4, capacity={"CS": 1500})
    rows = by_account(
        Days(config, people({"rep_id": "R1"}, {"rep_id": "R2"})).night(
            MONDAY, situation({name: {} for name in NAMES[:200]}, ["call", "visit"])
        )
    )
    given = rows[rows["action"] != "none"]
    assert (given.groupby("assignee_id")["minutes"].sum() <= 300).all()
    assert {"best", "explored"} <= set(given["how"])
    assert rows["probability"].between(0, 1, inclusive="right").all()


def test_others_do_not_change_ones_lot() -> None:
    config = catalogue(holdout=0.2, explore=0.2, capacity={"CS": 60_000})
    few = {name: {} for name in NAMES[:50]}
    many = {name: {} for name in NAMES[:100]}
    one = by_account(Days(config).night(MONDAY, situation(few)))
    two = by_account(Days(config).night(MONDAY, situation(many))).loc[one.index]
    assert one["how"].tolist() == two["how"].tolist()
    assert one["action"].tolist() == two["action"].tolist()


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 10**7), st.booleans()), max_size=12),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 900),
    st.integers(0, 6),
)
def test_whatever_the_night(
    accounts: list[tuple[float, int, bool]], holdout: float, explore: float, minutes: int, day: int
) -> None:
    config = catalogue(
        holdout=holdout, explore=explore, capacity={"CS": minutes}, channels={"visit": 1},
        plays=plays(sign={"urgent": True}, mild={"action": ["visit", "call"]}),
    )  # fmt: skip
    named = {
        f"a{i}": {"churn.probability": p, "amount": float(amount)}
        for i, (p, amount, _) in enumerate(accounts)
    }
    true = {
        f"a{i}": ["sign"] if i % 2 else ["mild"] for i, (*_, fires) in enumerate(accounts) if fires
    }
    days, date = Days(config), MONDAY + day * DAY
    for night in (date, date + DAY):
        found = situation({"z": {"allowed": []}, **named}, ["call", "visit"], true)
        rows = by_account(days.night(night, found, true if night == date else None))
        assert sorted(rows.index) == sorted(["z", *named])
        assert rows["probability"].between(0, 1).all()
        given = rows[rows["action"] != "none"]
        assert (given["probability"] > 0).all()
        assert all(a in could for a, could in zip(given["action"], given["could"], strict=True))
    week = days.past(MONDAY + 7 * DAY).given
    week = week[week["as_of"] < MONDAY + 7 * DAY]
    assert (week.groupby("assignee_id")["minutes"].sum() <= minutes).all()
    assert (week[week["channel"] == "visit"].groupby("assignee_id").size() <= 1).all()
    assert not week.duplicated(["entity_id", "action"]).any()
