"""How many records may go tonight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.config import Limits
from salesml.crm.records import Allowance
from salesml.export.quota import Budget, plan_calls


def hundreds(rows: int) -> int:
    """Two calls for each hundred records, one for signing in."""
    return 1 + 2 * -(-rows // 100)


def plan(
    rows: int, allowance: Allowance | None = None, limits: Limits | None = None, spent: int = 0
) -> Budget:
    return plan_calls(
        rows,
        allowance=allowance or Allowance(),
        limits=limits or Limits(share=1),
        spent=spent,
        cost=hundreds,
    )


def test_without_limits_all_go() -> None:
    budget = plan(1234)
    assert (budget.rows, budget.calls) == (1234, 27)
    assert budget.left == "All 1,234 records go tonight: about 27 calls."


def test_a_night_that_fits_says_within_what() -> None:
    budget = plan(1000, Allowance(calls=100, resets="midnight UTC"), Limits(share=0.5))
    assert (budget.rows, budget.calls) == (1000, 21)
    assert budget.left == (
        "All 1,000 records go tonight: about 21 calls, within 50% of the 100 calls that the "
        "system allows until midnight UTC."
    )


def test_a_night_that_does_not_fit_says_why() -> None:
    budget = plan(40_000, Allowance(calls=482), Limits(share=0.5))
    assert (budget.rows, budget.calls) == (12_000, 241)
    assert budget.left.startswith(
        "12,000 of 40,000 records go tonight, the most valuable first: 50% of the 482 calls"
    )


@pytest.mark.parametrize(
    ("allowance", "limits", "spent", "rows", "why"),
    [
        (Allowance(calls=21), Limits(share=1), 0, 1000, "the 21 calls that the system"),
        (Allowance(calls=99), Limits(share=1, calls=15), 10, 200, "the 15 calls a day of `limits`"),
        (Allowance(calls=99), Limits(share=1, calls=5), 10, 0, "10 of them made"),
        (Allowance(), Limits(rows=7), 0, 7, "the 7 records that `limits` leave"),
        (Allowance(rows=30), Limits(share=0.5), 0, 15, "50% of the 30 records that the system"),
        (Allowance(calls=0), Limits(), 0, 0, "50% of the 0 calls"),
        (Allowance(calls=2), Limits(share=1), 0, 0, "the 2 calls"),
        (Allowance(calls_a_day=30), Limits(share=0.5), 5, 400, "calls a day that the system"),
        (Allowance(calls_a_day=30), Limits(share=0.5), 20, 0, "20 of them made"),
    ],
)
def test_the_tightest_limit_counts_and_is_named(
    allowance: Allowance, limits: Limits, spent: int, rows: int, why: str
) -> None:
    budget = plan(5000, allowance, limits, spent)
    assert budget.rows == rows
    assert why in budget.left


def test_targets_of_one_system_have_one_share() -> None:
    day = Allowance(calls=40), Limits(share=0.5)
    assert plan(5000, *day).calls == 19  # one more record would take 21
    after = plan(5000, Allowance(calls=25), Limits(share=0.5), spent=15)
    assert after.calls == 5
    assert "50% of the 40 calls that the system allows, 15 of them made" in after.left


def test_a_share_is_taken_as_it_is_written() -> None:
    assert plan(1000, Allowance(rows=100), Limits(share=0.29)).rows == 29


def test_no_records_cost_nothing() -> None:
    budget = plan(0, Allowance(calls=0))
    assert (budget.rows, budget.calls) == (0, 0)


def test_all_go_where_many_cost_less_than_some() -> None:
    def bulk(rows: int) -> int:
        return 5 if rows > 2000 else rows

    budget = plan_calls(9000, allowance=Allowance(calls=20), limits=Limits(), spent=0, cost=bulk)
    assert (budget.rows, budget.calls) == (9000, 5)


small = st.none() | st.integers(0, 300)


@given(
    rows=st.integers(0, 20_000),
    calls=small,
    records=small,
    own=small,
    own_records=small,
    share=st.integers(1, 100),
    spent=st.integers(0, 200),
)
def test_budgets_are_exact_and_grow_with_what_is_allowed(
    rows: int,
    calls: int | None,
    records: int | None,
    own: int | None,
    own_records: int | None,
    share: int,
    spent: int,
) -> None:
    allowance = Allowance(calls=calls, rows=records)
    limits = Limits(share=share / 100, calls=own, rows=own_records)
    budget = plan(rows, allowance, limits, spent)

    def allowed(n: int) -> bool:
        needed = hundreds(n) if n else 0
        return (
            (calls is None or needed <= max(0, min(calls, share * (calls + spent) // 100 - spent)))
            and (own is None or needed <= max(0, own - spent))
            and (records is None or 100 * n <= share * records)
            and (own_records is None or n <= own_records)
        )

    assert 0 <= budget.rows <= rows
    assert allowed(budget.rows)
    assert budget.rows == rows or not allowed(budget.rows + 1)
    assert budget.calls == (hundreds(budget.rows) if budget.rows else 0)
    more = Allowance(
        calls=None if calls is None else calls + 50, rows=None if records is None else records + 50
    )
    assert plan(rows, more, limits, spent).rows >= budget.rows
    assert plan(rows, allowance, limits, spent + 1).rows <= budget.rows
