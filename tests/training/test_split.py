from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from salesml.training.split import (
    crossed_folds,
    date_blocks,
    enough_in_each,
    group_folds,
    known_by,
    newest_dates,
    time_folds,
)
from salesml.training.table import Floats, Ints

panels = st.builds(
    lambda seed, dates, step, rows: (
        np.random.default_rng(seed).integers(0, dates, rows) * step,
        np.random.default_rng(seed + 1).integers(0, 2, rows).astype(float),
    ),
    st.integers(0, 1000),
    st.integers(1, 30),
    st.sampled_from([1, 7, 30]),
    st.integers(60, 300),
)


@pytest.mark.parametrize(
    ("horizon", "known"),
    [(0, [True, True, False]), (1, [True, True, False]), (2, [True, False, False])],
)
def test_known_by_needs_the_whole_horizon_before(horizon: int, known: list[bool]) -> None:
    days = np.array([8, 9, 10])
    assert known_by(days, 10, horizon).tolist() == known


@given(panels, st.integers(0, 120), st.sampled_from([0.1, 0.25, 0.4]))
def test_no_training_date_within_the_horizon_of_the_test(
    drawn: tuple[Ints, Floats], horizon: int, share: float
) -> None:
    days, y = drawn
    split = newest_dates(days, y, horizon=horizon, share=share, fewest=5)
    assume(split is not None)
    assert split is not None
    train, test = split
    first = days[test].min()
    assert (days[train] + horizon <= first).all()
    assert (days[train] < first).all()
    assert (days[~test] < first).all()
    assert test.mean() <= 0.5
    assert min(y[train].sum(), (1 - y[train]).sum()) >= 5


def test_the_test_is_the_smallest_run_of_dates_that_is_large_enough() -> None:
    days = np.repeat(np.arange(10), 20)
    y = np.tile([0.0, 1.0], 100)
    split = newest_dates(days, y, horizon=2, share=0.25, fewest=20)
    assert split is not None
    assert np.unique(days[split[1]]).tolist() == [7, 8, 9]
    assert np.unique(days[split[0]]).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_test_grows_until_it_holds_enough_positives() -> None:
    days = np.repeat(np.arange(10), 20)
    y = np.tile([0.0, 0.0, 0.0, 0.0, 1.0], 40)  # 4 positives a date
    split = newest_dates(days, y, horizon=1, share=0.1, fewest=20)
    assert split is not None
    assert np.unique(days[split[1]]).tolist() == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("horizon", [9, 500])
def test_no_split_without_room_for_the_horizon(horizon: int) -> None:
    days = np.repeat([0, 5, 8], 40)
    y = np.tile([0.0, 1.0], 60)
    assert newest_dates(days, y, horizon=horizon, share=0.25, fewest=10) is None


@given(panels, st.integers(0, 90))
def test_time_folds_only_learn_from_known_outcomes(
    drawn: tuple[Ints, Floats], embargo: int
) -> None:
    days, y = drawn
    folds = time_folds(days, y, embargo)
    judged = [row for fold in folds for row in fold.valid]
    assert len(judged) == len(set(judged))
    for fold in folds:
        assert (days[fold.train] + embargo <= days[fold.valid].min()).all()
        assert (days[fold.train] < days[fold.valid].min()).all()


def test_time_folds_expand() -> None:
    days, y = np.repeat(np.arange(20), 30), np.tile([0.0, 0.0, 1.0], 200)
    folds = time_folds(days, y, 3)
    assert len(folds) == 4
    assert [days[f.train].min() for f in folds] == [0] * 4
    assert [days[f.train].max() for f in folds] == [days[f.valid].min() - 3 for f in folds]
    assert days[folds[-1].valid].max() == 19


def test_time_folds_are_none_where_history_is_short() -> None:
    days, y = np.repeat([0, 30], 50), np.tile([0.0, 1.0], 50)
    assert time_folds(days, y, 90) == []


@given(st.integers(0, 1000), st.integers(5, 80), st.integers(0, 3))
def test_group_folds_keep_groups_whole_and_cover_all(
    seed: int, groups: int, fold_seed: int
) -> None:
    rng = np.random.default_rng(seed)
    clusters = np.concatenate([np.arange(groups), rng.integers(0, groups, 100)])
    y = rng.integers(0, 2, len(clusters)).astype(float)
    folds = group_folds(y, clusters, fold_seed)
    assert sorted(row for f in folds for row in f.valid) == list(range(len(y)))
    for fold in folds:
        assert not set(clusters[fold.train]) & set(clusters[fold.valid])
        assert len(fold.train) + len(fold.valid) == len(y)


def test_group_folds_spread_the_positives() -> None:
    y = np.array([1.0] * 25 + [0.0] * 975)
    folds = group_folds(y, np.arange(1000), seed=3)
    assert [y[f.valid].sum() for f in folds] == [5] * 5
    assert [len(f.valid) for f in folds] == [200] * 5


@given(panels, st.integers(3, 40))
def test_crossed_folds_share_neither_date_nor_entity(
    drawn: tuple[Ints, Floats], entities: int
) -> None:
    days, y = drawn
    clusters = np.unique(np.arange(len(y)) % entities, return_inverse=True)[1]
    folds = crossed_folds(date_blocks(days), y, clusters, seed=0)
    for fold in folds:
        assert not set(days[fold.train]) & set(days[fold.valid])
        assert not set(clusters[fold.train]) & set(clusters[fold.valid])
    judged = np.concatenate([fold.valid for fold in folds])
    assert sorted(judged) == list(range(len(y)))


def test_a_single_date_leaves_nothing_to_learn_from_on_others() -> None:
    y = np.tile([0.0, 1.0], 20)
    folds = crossed_folds(date_blocks(np.zeros(40, dtype=int)), y, np.arange(40), seed=0)
    assert [len(fold.train) for fold in folds] == [0] * 5


def test_blocks_must_each_have_something_to_learn_from() -> None:
    blocks = np.repeat([0, 1], 50)
    y = np.concatenate([np.repeat([1.0, 0.0], [10, 40]), np.repeat([1.0, 0.0], [40, 10])])
    assert enough_in_each(blocks, y)
    y[0] = 0
    assert not enough_in_each(blocks, y)
