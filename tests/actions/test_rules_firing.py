from __future__ import annotations

import dataclasses
import datetime as dt
import io
import itertools
from collections.abc import Collection, Sequence

import pandas as pd

from salesml.actions.rules import Fired, Situation, fire
from salesml.config import PlayConfig
from tests.actions.catalogues import action, catalogue, config, play

FIRST = dt.date(2025, 1, 1)
COOLDOWN = 5
MANY = 30
PLAYS = config(
    catalogue({"call": action()}), {"gone": play(name="Gone", cooldown=f"{COOLDOWN} days")}
).plays


def test_a_play_whose_trigger_fails_keeps_its_state() -> None:
    before = night(1, {"a1"}, night(0, set(), None))
    failed = pd.DataFrame({"kind": ["play"], "id": ["gone"], "why": ["It does not run."]})
    broken = {"account": dataclasses.replace(situation(set())["account"], failed=failed)}
    found = fire(PLAYS, broken, kept(before.state), FIRST + dt.timedelta(days=2))
    assert found.fired.empty
    pd.testing.assert_frame_equal(found.state, before.state)
    assert set(night(3, {"a1", "a2"}, found).fired["entity_id"]) == {"a2"}


def situation(true: Collection[str], asked: int = MANY) -> dict[str, Situation]:
    """The play holds for *true*, of *asked* accounts."""
    rows = pd.DataFrame({"entity_id": [f"a{number}" for number in range(asked)]})
    holds = pd.DataFrame({"entity_id": sorted(true), "play": "gone"}, dtype="str")
    return {"account": Situation("account", rows, pd.DataFrame(), pd.DataFrame(), holds)}


def kept(state: pd.DataFrame) -> pd.DataFrame:
    """*state* as it comes back from the file that it is kept in."""
    file = io.BytesIO()
    state.to_parquet(file)
    return pd.read_parquet(file)


def night(
    day: int,
    true: Collection[str],
    before: Fired | None,
    plays: dict[str, PlayConfig] = PLAYS,
    asked: int = MANY,
) -> Fired:
    state = kept(before.state) if before else None
    return fire(plays, situation(true, asked), state, FIRST + dt.timedelta(days=day))


def started(nights: Sequence[Collection[str]], asked: int = MANY) -> list[set[str]]:
    """For whom the play starts, night after night."""
    found, last = [], None
    for day, true in enumerate(nights):
        last = night(day, true, last, asked=asked)
        found.append(set(last.fired["entity_id"]))
    return found


def test_a_play_starts_when_its_trigger_becomes_true() -> None:
    nights = [{"a1"}, {"a1", "a2"}, {"a1", "a2"}, {"a2"}, {"a2", "a3"}]
    assert started(nights) == [set(), {"a2"}, set(), set(), {"a3"}]


def test_what_fired_names_entity_and_play() -> None:
    last = night(1, {"a1"}, night(0, [], None))
    assert last.fired.to_dict("records") == [
        {"entity": "account", "entity_id": "a1", "play": "gone"}
    ]
    assert last.notes == []


def test_the_first_night_sets_the_state_and_starts_nothing() -> None:
    first = night(0, {"a1", "a2"}, None)
    assert first.fired.empty
    (note,) = first.notes
    assert note.en == (
        "1 plays are watched from now on; those that hold already do not start: Gone (2)"
    )
    assert "Gone（日本語）（2件）" in note.ja
    assert night(1, {"a1", "a2"}, first).fired.empty


def test_what_was_true_on_the_first_night_starts_once_it_becomes_true_again() -> None:
    assert started([{"a1"}, [], {"a1"}]) == [set(), set(), {"a1"}]


def test_a_cooling_play_starts_when_it_has_rested_if_it_still_holds() -> None:
    on, off = {"a1"}, set[str]()
    assert started([off, on, off, on, on, on, on, on]) == [off, on, off, off, off, off, on, off]
    assert started([off, on, off, on, off, off, off, on]) == [off, on, off, off, off, off, off, on]


def test_the_same_night_again_tells_the_same() -> None:
    before = night(1, {"a1"}, night(0, [], None))
    first, again = (night(2, {"a1", "a2"}, before) for _ in range(2))
    pd.testing.assert_frame_equal(first.fired, again.fired)
    pd.testing.assert_frame_equal(first.state, again.state)


def test_new_entities_are_news() -> None:
    before = night(0, [], None, asked=10)
    assert set(night(1, {"a12"}, before).fired["entity_id"]) == {"a12"}


def test_a_new_play_and_a_rewritten_trigger_begin_anew() -> None:
    before = night(0, [], None)
    rewritten = {"gone": PLAYS["gone"].model_copy(update={"trigger": "visits < 2"})}
    then = night(1, {"a1"}, before, rewritten)
    assert then.fired.empty
    assert "Gone (1)" in then.notes[0].en
    assert set(night(2, {"a1", "a2"}, then, rewritten).fired["entity_id"]) == {"a2"}
    new = {**PLAYS, "late": PLAYS["gone"].model_copy(update={"id": "late"})}
    assert night(1, {"a1"}, before, new).fired["play"].tolist() == ["gone"]


def test_a_play_that_would_start_for_most_is_held_back_and_told() -> None:
    before = night(0, [], None)
    half, more = ([f"a{number}" for number in range(many)] for many in (15, 16))
    assert len(night(1, half, before).fired) == 15
    held = night(1, more, before)
    assert held.fired.empty
    assert held.notes[0].en == (
        "The play 'Gone' came true for 16 of 30 at once and starts for none of them: see the "
        "trigger of gone in plays.yml."
    )
    assert "30件中16件" in held.notes[0].ja
    # from then on, what becomes true starts again
    assert set(night(2, [*more, "a20"], held).fired["entity_id"]) == {"a20"}


def test_of_a_few_any_share_may_start() -> None:
    before = night(0, [], None, asked=19)
    assert len(night(1, [f"a{n}" for n in range(19)], before, asked=19).fired) == 19


def test_entities_without_a_situation_keep_their_state() -> None:
    before = night(1, {"a1"}, night(0, [], None))
    blind = fire(PLAYS, {}, kept(before.state), FIRST + dt.timedelta(days=2))
    assert blind.fired.empty
    assert blind.notes == []
    assert night(3, {"a1", "a2"}, blind).fired["entity_id"].tolist() == ["a2"]


def test_no_plays() -> None:
    nothing = fire({}, situation([]), None, FIRST)
    assert (len(nothing.fired), len(nothing.state), nothing.notes) == (0, 0, [])
    assert list(nothing.fired.columns) == ["entity", "entity_id", "play"]


def expected(nights: Sequence[bool]) -> list[bool]:
    """The same rules for one entity, told step by step."""
    found, last, answered, before = [], None, True, nights[0]
    for day, true in enumerate(nights):
        if day and true and not before:
            answered = False
        rested = last is None or day - last >= COOLDOWN
        found.append(true and not answered and rested)
        if found[-1]:
            last, answered = day, True
        before = true
    return found


def test_every_course_of_ten_nights() -> None:
    courses = dict(enumerate(itertools.product([False, True], repeat=10)))
    nights = [{f"a{n}" for n, course in courses.items() if course[day]} for day in range(10)]
    found = started(nights, asked=3 * len(courses))
    for number, course in courses.items():
        assert [f"a{number}" in ids for ids in found] == expected(course), course
