"""Who does what: the best plan there is, within what everybody can do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.assignment import Allocation, allocate
from salesml.errors import ModelError

from .staff import able, best_of_all, keeps, option, options_of, people_of

STEADY = settings(deadline=None, derandomize=True, max_examples=60)


def done(options: pd.DataFrame, found: Allocation) -> list[tuple[str, str, str]]:
    rows = options.loc[found.chosen.index]
    return list(zip(rows["entity"], rows["action"], found.chosen, strict=True))


markets = st.lists(
    st.fixed_dictionaries(
        {
            "entity": st.sampled_from("abcd"),
            "action": st.sampled_from(["call", "visit", "mail"]),
            "value": st.integers(-5, 20),
            "minutes": st.sampled_from([0, 10, 25, 40]),
            "channel": st.sampled_from(["phone", "visit"]),
            "skill": st.integers(1, 3),
            "owner_id": st.sampled_from([None, "R1", "R2", "gone"]),
            "urgent": st.sampled_from([False, False, True]),
        }
    ),
    max_size=8,
    unique_by=lambda row: (row["entity"], row["action"]),
)
staffs = st.lists(
    st.tuples(st.sampled_from([0, 20, 40, 60]), st.integers(1, 3)), min_size=0, max_size=3
)


@STEADY
@given(markets, staffs, st.integers(0, 2))
def test_no_plan_of_all_there_are_is_better(
    rows: list[dict[str, Any]], staff: list[tuple[int, int]], visits: int
) -> None:
    options = options_of(*rows)
    people = people_of(*((f"R{i}", minutes, skill) for i, (minutes, skill) in enumerate(staff, 1)))
    found = allocate(options, people, channels={"visit": visits})
    chosen = [(options.loc[i], who) for i, who in found.chosen.items()]
    best = best_of_all(options, people, {"visit": visits}) if rows else (0, 0.0)
    assert (sum(row.urgent for row, _ in chosen), found.value) == pytest.approx(best)
    assert found.gap == pytest.approx(0)
    assert keeps(chosen, people, {"visit": visits})
    assert all(who in able(row, people) for row, who in chosen)
    assert options.loc[found.chosen.index, "entity"].is_unique
    served = {row.entity for row, _ in chosen}
    wanted = set(options.loc[options["urgent"] | (options["value"] > 0), "entity"])
    assert set(options.loc[found.unplaced.index, "entity"]) == wanted - served


@STEADY
@given(markets, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    people = people_of(("R1", 40, 2), ("R2", 40, 2), ("R3", 40, 1))
    shuffled = random.sample(rows, len(rows))
    one, two = (options_of(*each) for each in (rows, shuffled))
    assert done(one, allocate(one, people)) == done(two, allocate(two, people.iloc[::-1]))


def test_the_owner_does_it_who_has_role_and_skill() -> None:
    options = options_of(
        option("a", "call", 5, owner_id="R2"),
        option("b", "expert talk", 5, owner_id="R2", skill=3),
        option("c", "call", 5, owner_id="left"),
    )
    people = people_of(("R1", 60, 3), ("R2", 60, 1))
    found = allocate(options, people)
    assert done(options, found)[:2] == [("a", "call", "R2"), ("b", "expert talk", "R1")]
    assert found.chosen[2] == "R2" or found.chosen[2] == "R1"


def test_nobody_else_does_what_the_owner_has_no_time_for() -> None:
    options = options_of(option("a", "call", 5, owner_id="R1"))
    found = allocate(options, people_of(("R1", 0), ("R2", 60)))
    assert found.chosen.empty
    assert found.unplaced.to_dict() == {0: "capacity"}


def test_what_is_urgent_comes_before_any_value() -> None:
    options = options_of(
        option("a", "call", -3, urgent=True), option("a", "visit", 100), option("b", "call", 1000)
    )
    found = allocate(options, people_of(("R1", 30)))
    assert done(options, found) == [("a", "call", "R1")]
    assert found.value == -3
    assert found.gap == 0


def test_what_brings_nothing_is_not_done() -> None:
    found = allocate(options_of(option("a", "call", 0)), people_of(("R1", 30)))
    assert found.chosen.empty
    assert found.unplaced.empty


@pytest.mark.parametrize(
    ("people", "channels", "why"),
    [
        (people_of(("R1", 0)), {}, "capacity"),
        (people_of(("R1", 60)), {"phone": 0}, "channel"),
        (people_of(("R1", 60)), {"phone": {"R1": 0}}, "channel"),
        (people_of(), {}, "nobody with the skill"),
        (people_of(("R1", 60)).assign(role="IS"), {}, "nobody with the skill"),
    ],
)
def test_why_nothing_is_done(people: pd.DataFrame, channels: dict[str, Any], why: str) -> None:
    options = options_of(option("a", "call", 5), option("a", "study", 9, skill=5, role="FS"))
    found = allocate(options, people, channels=channels)
    assert found.chosen.empty
    assert found.value == found.bound == found.gap == 0
    reasons = {options.loc[row, "entity"]: told for row, told in found.unplaced.items()}
    assert reasons == {"a": why}


def test_a_channel_limits_each_person() -> None:
    options = options_of(*(option(e, "see", 5, channel="visit", minutes=10) for e in "abcd"))
    found = allocate(options, people_of(("R1", 60), ("R2", 60)), channels={"visit": {"R1": 1}})
    assert found.loads.set_index("rep_id")["actions"].to_dict() == {"R1": 1, "R2": 3}
    found = allocate(options, people_of(("R1", 60), ("R2", 60)), channels={"visit": 1})
    assert len(found.chosen) == 2
    assert set(found.unplaced) == {"channel"}


def test_who_can_do_the_same_shares_it_by_their_time() -> None:
    options = options_of(*(option(f"e{i}", "call", 5 + i) for i in range(12)))
    found = allocate(options, people_of(("R1", 600), ("R2", 600), ("R3", 1200)))
    assert found.loads["minutes"].tolist() == [90, 90, 180]
    assert found.loads["of"].tolist() == [600, 600, 1200]


def test_who_has_work_of_their_own_gets_less_of_the_rest() -> None:
    own = [option(f"o{i}", "call", 5, owner_id="R1") for i in range(3)]
    options = options_of(*own, *(option(f"e{i}", "call", 5) for i in range(5)))
    found = allocate(options, people_of(("R1", 600), ("R2", 600)))
    assert found.loads["minutes"].tolist() == [120, 120]


@STEADY
@given(st.lists(st.sampled_from([10, 20, 45]), max_size=12), st.lists(st.integers(1, 12)))
def test_no_move_would_share_more_fairly(minutes: list[int], room: list[int]) -> None:
    options = options_of(
        *(option(f"e{i}", "call", 5, minutes=each) for i, each in enumerate(minutes))
    )
    people = people_of(*((f"R{i}", 20 * each) for i, each in enumerate(room[:4])))
    found = allocate(options, people)
    loads = found.loads.set_index("rep_id")
    assert (loads["minutes"] <= loads["of"]).all()
    for row, who in found.chosen.items():
        size = options.loc[row, "minutes"]
        for other in set(loads.index) - {who}:
            if loads.loc[other, "minutes"] + size <= loads.loc[other, "of"]:
                after = loads["minutes"].copy()
                after[who] -= size
                after[other] += size
                before = (loads["minutes"] ** 2 / loads["of"]).sum()
                assert (after**2 / loads["of"]).sum() >= before - 1e-6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": np.nan}, "1 of 2 options need a finite number as value."),
        ({"minutes": -5}, "1 of 2 options need a number of at least 0 as minutes."),
        ({"skill": "high"}, "1 of 2 options need a number of at least 0 as skill."),
        ({"entity": "b"}, "1 of 2 options stand twice."),
        ({"role": None}, "1 of 2 options lack a name."),
        ({"urgent": None}, "1 of 2 options do not say"),
    ],
)
def test_options_that_cannot_be(change: dict[str, Any], said: str) -> None:
    options = options_of({**option("a", "call", 5), **change}, option("b", "call", 5))
    with pytest.raises(ModelError, match=said):
        allocate(options, people_of(("R1", 60)))


@pytest.mark.parametrize(
    ("people", "said"),
    [
        (people_of(("R1", np.nan)), "1 of 1 people need a number of at least 0 as minutes."),
        (people_of(("R1", 5), ("R1", 6)), "1 of 2 people stand twice."),
        (people_of(("R1", 5)).drop(columns="skill"), "The people lack the columns skill."),
    ],
)
def test_people_that_cannot_be(people: pd.DataFrame, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        allocate(options_of(option("a", "call", 5)), people)


def test_a_limit_that_cannot_be() -> None:
    with pytest.raises(ModelError, match="limit of the channel 'phone'"):
        allocate(options_of(), people_of(("R1", 60)), channels={"phone": -1})
