"""The best way to reach somebody: said where it is known, left unsaid where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.actions.behaviour.response import Choice, Contacts, best_way, contacts_of
from salesml.actions.behaviour.sequences import DAY, Sequences
from salesml.training.table import Ints

STEADY = settings(deadline=None, derandomize=True, max_examples=30)


def answered(seed: int, rates: np.ndarray, tries: int) -> Contacts:
    """Contacts of entities, answered at *rates*, shape (entities, ways)."""
    rng = np.random.default_rng(seed)
    entity = np.repeat(np.arange(len(rates)), tries)
    way = rng.integers(0, rates.shape[1], len(entity))
    return Contacts(entity, way, rng.random(len(entity)) < rates[entity, way])


def best(contacts: Contacts, entities: int, ways: int, segment: Ints | None = None) -> Choice:
    everybody = np.zeros(entities, dtype=np.int64)
    return best_way(contacts, everybody if segment is None else segment, ways)


def test_a_way_that_suits_all_is_named_for_all_even_who_was_never_contacted() -> None:
    contacts = answered(0, np.tile([0.3, 0.6, 0.3], (100, 1)), 30)
    choice = best(contacts, 101, 3)
    assert (choice.way == 1).all()
    assert choice.rate[100] == pytest.approx(0.6, abs=0.05)
    assert choice.usual[100] == pytest.approx(0.4, abs=0.05)


def test_nothing_is_said_where_ways_do_not_differ() -> None:
    said = [
        (best(answered(seed, np.full((100, 4), 0.4), 20), 100, 4).way >= 0).mean()
        for seed in range(20)
    ]
    assert np.mean(said) < 0.05


def test_nothing_is_said_by_a_few_contacts() -> None:
    contacts = Contacts(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([False, True, True]))
    assert best(contacts, 2, 2).way.tolist() == [-1, -1]
    none = Contacts(np.array([], dtype=int), np.array([], dtype=int), np.array([], dtype=bool))
    assert best(none, 2, 2).way.tolist() == [-1, -1]


def test_each_gets_its_own_way_once_it_told_enough() -> None:
    suits = np.arange(300) % 2
    rates = np.where(suits[:, None] == np.arange(2), 0.8, 0.2)
    choice = best(answered(2, rates, 80), 300, 2)
    named = choice.way >= 0
    assert named.mean() > 0.9
    assert (choice.way[named] == suits[named]).mean() > 0.99


def test_a_segment_may_differ_from_the_rest() -> None:
    segment = np.repeat([0, 1], 200)
    rates = np.where(segment[:, None] == np.arange(2), 0.7, 0.3)
    choice = best(answered(3, rates, 10), 400, 2, segment)
    assert (choice.way == segment).mean() > 0.95


def test_who_answers_more_is_no_reason_for_the_way_they_were_contacted() -> None:
    """Half of the entities answer often and are mailed, half rarely and are called."""
    often = np.arange(200) < 100
    rng = np.random.default_rng(4)
    entity = np.repeat(np.arange(200), 30)
    way = np.where(rng.random(6000) < 0.9, np.where(often[entity], 0, 1), rng.integers(0, 2, 6000))
    contacts = Contacts(entity, way, rng.random(6000) < np.where(often[entity], 0.8, 0.2))
    assert (best(contacts, 200, 2).way >= 0).mean() < 0.1


@STEADY
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 5), st.integers(0, 30))
def test_rates_are_shares(seed: int, entities: int, ways: int, tries: int) -> None:
    rates = np.random.default_rng(seed).random((entities, ways))
    choice = best(answered(seed, rates, tries), entities, ways)
    assert choice.way.min() >= -1
    assert choice.way.max() < ways
    named = choice.way >= 0
    assert ((choice.rate[named] > choice.usual[named]) & (choice.rate[named] < 1)).all()


def test_only_our_contacts_count_once_their_three_days_are_over() -> None:
    acts = pd.DataFrame(
        {
            "entity_id": "a",
            "happened_at": pd.to_datetime(
                ["2022-01-01", "2025-01-01", "2025-01-02", "2025-01-05", "2025-01-09"]
            ),
            "kind": ["call", "call", "reply", "call", "call"],
            "direction": ["out", "out", "in", "out", "out"],
        }
    )
    sequences = Sequences(acts)
    end = int(pd.Timestamp("2025-01-10").timestamp()) // DAY * DAY
    contacts = contacts_of(sequences, np.array([0, 1, 2, 3, 4]), end)
    assert contacts.way.tolist() == [1, 3]  # not the one of 2022, nor that of yesterday
    assert contacts.answered.tolist() == [True, False]


def acts_of(entity: str, *acts: tuple[float, str, int]) -> pd.DataFrame:
    """Acts by day of 2025, direction and way."""
    frame = pd.DataFrame(acts, columns=["day", "direction", "way"]).assign(entity_id=entity)
    frame["happened_at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(frame["day"], "D")
    return frame.assign(kind=frame["direction"])


def counted(acts: pd.DataFrame) -> list[tuple[int, bool]]:
    sequences = Sequences(acts)
    end = int(pd.Timestamp("2025-03-01").timestamp())
    contacts = contacts_of(sequences, acts["way"].to_numpy()[sequences.order], end)
    return list(zip(contacts.way.tolist(), contacts.answered.tolist(), strict=True))


@pytest.mark.parametrize(
    ("acts", "told"),
    [
        ([(0, "out", 1), (1, "out", 1), (2, "out", 1), (3, "in", -1)], [(1, True)]),
        ([(0, "out", 1), (1, "out", 1), (2, "out", 1)], [(1, False)]),
        ([(0, "out", 1), (1, "in", -1), (1.5, "out", 1)], [(1, True), (1, False)]),
        ([(0, "out", 1), (1, "out", 0), (2, "in", -1)], [(1, True), (0, True)]),
        ([(0, "out", 1), (4, "out", 1), (5, "in", -1)], [(1, False), (1, True)]),
        ([(day, "out", 1) for day in range(9)], [(1, False)] * 3),
    ],
    ids=["answered", "silent", "answered between", "two ways", "days apart", "on and on"],
)
def test_contacts_in_a_burst_count_once(
    acts: list[tuple[float, str, int]], told: list[tuple[int, bool]]
) -> None:
    assert counted(acts_of("a", *acts)) == told
    both = pd.concat([acts_of("a", *acts), acts_of("b", *acts)], ignore_index=True)
    assert counted(both) == told * 2


def test_bursts_that_share_their_answer_do_not_make_a_best_way() -> None:
    """All ways are alike; contacts come in runs of four in one way, answered or not as one."""
    rng, ways, entities, runs = np.random.default_rng(5), 6, 100, 10
    parts = []
    for entity in range(entities):
        for run in range(runs):
            way, day = int(rng.integers(ways)), 20 * run
            acts = [(day + hour / 24, "out", way) for hour in range(4)]
            answer = [(day + 0.5, "in", -1)] if rng.random() < 0.4 else []
            parts.append(acts_of(f"e{entity:03d}", *acts, *answer))
    acts = pd.concat(parts, ignore_index=True)
    sequences = Sequences(acts)
    end = sequences.end + 10 * DAY
    contacts = contacts_of(sequences, acts["way"].to_numpy()[sequences.order], end)
    assert len(contacts.way) == entities * runs
    assert (best(contacts, entities, ways).way >= 0).mean() < 0.05
