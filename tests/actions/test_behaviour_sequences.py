"""What was known of whom on a date, and what followed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.behaviour.sequences import DAY, Sequences, Standing
from salesml.errors import LabelError, ModelError

STEADY = settings(deadline=None, derandomize=True, max_examples=40)
KINDS = ["call", "reply", "view"]


def events(*rows: tuple[str, str, str], **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["entity_id", "happened_at", "kind"])
    return frame.assign(happened_at=pd.to_datetime(frame["happened_at"]), **columns)


def at(text: str) -> int:
    return int(np.datetime64(text, "s").astype(np.int64))


def told(sequences: Sequences, standing: Standing) -> dict[str, list[str]]:
    names = [*sequences.kinds, None]
    return {
        sequences.ids[who]: [names[code] for code in kinds]
        for who, kinds in zip(standing.entity, standing.kinds, strict=True)
    }


def made(seed: int, size: int = 60) -> pd.DataFrame:
    """Acts of six entities, some of them known late, some by us."""
    rng = np.random.default_rng(seed)
    happened = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 9000, size), "h")
    late = pd.to_timedelta(np.where(rng.random(size) < 0.1, rng.integers(1, 400, size), 0), "h")
    return pd.DataFrame(
        {
            "entity_id": rng.choice(list("abcdef"), size),
            "happened_at": happened,
            "known_at": happened + late,
            "kind": rng.choice(KINDS, size),
            "direction": rng.choice(["in", "out"], size),
        }
    )


def test_the_latest_three_acts_stand_first_to_last() -> None:
    sequences = Sequences(
        events(
            ("b", "2025-01-01", "call"),
            ("a", "2025-01-03", "view"),
            ("a", "2025-01-01", "call"),
            ("a", "2025-01-02", "reply"),
            ("a", "2025-01-04", "reply"),
            ("a", "2025-01-06", "call"),
        )
    )
    standing = sequences.standing(at("2025-01-05"))
    assert told(sequences, standing) == {
        "a": ["reply", "view", "reply"],
        "b": ["call", None, None],
    }
    assert standing.silence.tolist() == [1, 4]


def test_what_is_known_late_is_not_seen_before() -> None:
    sequences = Sequences(
        events(
            ("a", "2025-01-01", "call"),
            ("a", "2025-01-03", "view"),
            known_at=pd.to_datetime(["2025-01-01", "2025-01-20"]),
        )
    )
    before, after = sequences.standing(at("2025-01-10")), sequences.standing(at("2025-01-21"))
    assert told(sequences, before) == {"a": ["call", None, None]}
    assert before.silence.tolist() == [9]
    assert told(sequences, after) == {"a": ["view", "call", None]}


def test_who_was_silent_for_a_year_is_left_out() -> None:
    sequences = Sequences(events(("a", "2024-01-01", "call"), ("b", "2025-01-01", "call")))
    assert told(sequences, sequences.standing(at("2025-02-01"))).keys() == {"b"}


def test_next_is_the_first_act_of_theirs_in_the_window() -> None:
    sequences = Sequences(
        events(
            ("a", "2025-01-05 09:00", "call"),
            ("a", "2025-01-06 09:00", "reply"),
            ("a", "2025-01-07 09:00", "view"),
            ("b", "2025-01-20 09:00", "view"),
            ("c", "2025-01-19 00:00", "view"),
            direction=["out", "in", "in", "in", "in"],
        )
    )
    found = sequences.what_next(at("2025-01-05"), np.arange(3), 14)
    assert [[*sequences.kinds, None][code] for code in found] == ["reply", None, None]


def test_answers_come_within_days_and_from_the_same_entity() -> None:
    sequences = Sequences(
        events(
            ("a", "2025-01-01 10:00", "call"),
            ("a", "2025-01-04 10:00", "reply"),
            ("a", "2025-01-05 10:00", "call"),
            ("b", "2025-01-05 11:00", "reply"),
            direction=["out", "in", "out", "in"],
        )
    )
    assert sequences.answered(3).tolist() == [True, False, False, False]


@STEADY
@given(st.integers(0, 10_000), st.integers(0, 400))
def test_later_rows_change_nothing_of_a_date(seed: int, day: int) -> None:
    given_acts = made(seed)
    date = at("2025-01-01") + day * DAY
    moment = pd.Timestamp(date, unit="s")
    known = given_acts[given_acts["known_at"] < moment]
    if known.empty:
        return
    every, cut = Sequences(given_acts, KINDS), Sequences(known, KINDS)
    now, then = every.standing(date), cut.standing(date)
    # an act that is known late hides one behind it where four such come after each other
    assert told(every, now) == told(cut, then)
    assert now.silence.tolist() == then.silence.tolist()
    rows = every.order[every.seen(date, 365)]
    assert set(given_acts.index[rows]) == set(known.index[cut.order[cut.seen(date, 365)]])


@STEADY
@given(st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    acts = made(seed)
    one, other = Sequences(acts), Sequences(acts.sample(frac=1, random_state=seed))
    assert one.kinds == other.kinds
    for name in ("entity", "time", "kind", "theirs"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_rare_kinds_are_other() -> None:
    kinds = [f"k{i:02d}" for i in range(30) for _ in range(30 - i)]
    sequences = Sequences(
        pd.DataFrame({"entity_id": "a", "happened_at": pd.Timestamp("2025-01-01"), "kind": kinds})
    )
    assert sequences.kinds == [*(f"k{i:02d}" for i in range(20)), "other"]
    assert (sequences.kind == 20).sum() == sum(30 - i for i in range(20, 30))


def test_a_kind_not_seen_before_is_other() -> None:
    acts = events(("a", "2025-01-01", "fax"))
    assert Sequences(acts, ["call", "other"]).kind.tolist() == [1]


def test_missing_columns_and_values_are_told() -> None:
    with pytest.raises(ModelError, match="column kind"):
        Sequences(events(("a", "2025-01-01", "call")).drop(columns="kind"))
    with pytest.raises(LabelError, match="without happened_at") as caught:
        Sequences(events(("a", "2025-01-01", "call"), ("a", None, "call")))  # type: ignore[arg-type]
    assert caught.value.received == "1 such rows"
