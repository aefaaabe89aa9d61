from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.explanation import points, scores
from salesml.explanation.points import moves


def test_the_average_scores_50_and_the_ends_are_1_and_99() -> None:
    margin = np.array([-9.0, -2.0, -1.0, 0.0, 2.0, 9.0])
    assert scores(margin, average=-1.0, slope=10.0).tolist() == [1, 40, 50, 60, 80, 99]


def exact(*rows: tuple[float, ...]) -> npt.NDArray[np.float64]:
    return np.array(rows, dtype=float)


@pytest.mark.parametrize(
    ("contributions", "score", "expected"),
    [
        ((12.0, -3.0, 0.0), 59, [12, -3, 0]),
        # what rounding leaves goes to the largest remainders
        ((1.4, 1.4, 1.2), 54, [2, 1, 1]),
        ((-1.4, -1.4, -1.2), 46, [-1, -2, -1]),
        ((0.4, -0.4, 0.0), 50, [0, 0, 0]),
        ((20.5, -20.0), 50, [20, -20]),
        # 51.5 rounds to the even side
        ((21.5, -20.0), 52, [22, -20]),
        # cut off at 99 and 1: shrunk alike
        ((98.0, 0.0, 0.0), 99, [49, 0, 0]),
        ((147.0, -49.0, 0.0), 99, [74, -25, 0]),
        ((-60.0, -40.0, 2.0), 1, [-30, -20, 1]),
        # at 99, but within the scale: nothing shrinks
        ((300.0, -250.6, 0.0), 99, [300, -251, 0]),
    ],
)
def test_points(contributions: tuple[float, ...], score: int, expected: list[int]) -> None:
    assert points(exact(contributions), np.array([score]), 1.0).tolist() == [expected]


def test_the_slope_turns_log_odds_into_points() -> None:
    found = points(exact((0.5, -0.25), (-1.0, 0.0)), np.array([53, 40]), 10.0)
    assert found.tolist() == [[5, -2], [-10, 0]]


def test_points_do_not_change_what_they_were_given() -> None:
    contributions = exact((98.0, 1.0))
    points(contributions, np.array([99]), 1.0)
    assert contributions.tolist() == [[98.0, 1.0]]


def test_a_total_near_a_half_keeps_its_points() -> None:
    """The score comes from the margin, the total from a sum: they may round to either side."""
    found = points(exact((20.5 + 1e-9, -20.0), (23.5 + 1e-9, -20.0)), np.array([50, 53]), 1.0)
    assert found.tolist() == [[20, -20], [23, -20]]


@st.composite
def told(draw: st.DrawFn) -> tuple[npt.NDArray[np.float64], float]:
    rows, concepts = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    number = st.one_of(
        st.floats(-9, 9),
        # sums of these lie on halves, or a hair beside them
        st.sampled_from([0.0, 0.05, -0.05, 0.1, -0.25, 0.5, 1e-12, -1e-12]),
    )
    row = st.lists(number, min_size=concepts, max_size=concepts)
    matrix = draw(st.lists(row, min_size=rows, max_size=rows))
    return np.array(matrix), draw(st.one_of(st.just(10.0), st.floats(0.01, 200)))


@given(told(), st.floats(-5, 5))
def test_points_add_up_and_stay_near(
    given: tuple[npt.NDArray[np.float64], float], average: float
) -> None:
    contributions, slope = given
    margin = average + contributions.sum(axis=1)
    score = scores(margin, average=average, slope=slope)
    found = points(contributions, score, slope)
    assert (found.sum(axis=1) == score - 50).all()
    wanted = slope * contributions
    assert ((found == 0) | (np.sign(found) == np.sign(wanted))).all()
    within = np.abs(wanted.sum(axis=1)) <= 49
    assert (np.abs(found - wanted)[within] < 1 + 1e-6).all()
    assert (np.abs(found) <= np.abs(wanted) + 1 + 1e-6).all()


# moves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "scores_of", "expected"),
    [
        ((3.0, -2.0, 1.0), (9.0, -2.0, 0.0), (52, 57), [6, 0, -1]),
        # both scores were rounded: what is left goes to the concept that moved most
        ((0.4, 0.0, 0.0), (5.6, 0.3, 0.0), (50, 56), [6, 0, 0]),
        # cut off at 99: all points shrink alike
        ((40.0, 0.0, 0.0), (100.0, 29.0, 0.0), (90, 99), [6, 3, 0]),
        # beyond the end before and now
        ((80.0, 0.0, 0.0), (120.0, -20.0, 0.0), (99, 99), [0, 0, 0]),
    ],
)
def test_moves(
    before: tuple[float, ...],
    now: tuple[float, ...],
    scores_of: tuple[int, int],
    expected: list[int],
) -> None:
    first, second = (np.array([score]) for score in scores_of)
    assert moves(exact(before), exact(now), first, second, 1.0).tolist() == [expected]


@given(told(), st.floats(-5, 5), st.integers(0, 6))
def test_moves_add_up_and_spare_what_stayed(
    given: tuple[npt.NDArray[np.float64], float], average: float, stays: int
) -> None:
    now, slope = given
    before = now[::-1] * 0.5
    before[:, stays % now.shape[1]] = now[:, stays % now.shape[1]]
    past, present = (
        scores(average + each.sum(axis=1), average=average, slope=slope) for each in (before, now)
    )
    found = moves(before, now, past, present, slope)
    assert (found.sum(axis=1) == present - past).all()
    moved = (before != now).any(axis=1)
    assert (found[moved, stays % now.shape[1]] == 0).all()


def test_moves_of_nobody() -> None:
    nobody, none = np.empty((0, 3)), np.array([], dtype=np.int64)
    assert moves(nobody, nobody, none, none, 1.0).shape == (0, 3)
