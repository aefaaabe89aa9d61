"""How many records may go tonight, by the limits of the system and by our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from salesml.config import Limits
from salesml.crm.records import Allowance

__all__ = ["Budget", "plan_calls"]

Cost = Callable[[int], int]


@dataclass(frozen=True)
class Budget:
    """What may go tonight.

    Parameters
    ----------
    rows : records that may be written.
    calls : requests they cost, about.
    left : what people are told of it, in English.
    """

    rows: int
    calls: int
    left: str


@dataclass(frozen=True)
class _Bound:
    """The most that something allows, and what it is."""

    most: int
    what: str


def plan_calls(
    rows: int, *, allowance: Allowance, limits: Limits, spent: int, cost: Cost
) -> Budget:
    """How many of *rows* records may go, within the share of *allowance* and our own *limits*.

    Parameters
    ----------
    limits : ``calls`` and the ``share`` of calls are for a whole day; ``rows`` for what is left.
    spent : calls made today already, for all targets of the system.
    cost : calls that so many records take.

    One record more than ``Budget.rows`` would cost too much. Where *cost* falls somewhere as rows
    grow, there may be other numbers of that kind; all *rows* go whenever they are affordable.
    """
    calls = min(_calls(allowance, limits, spent), key=_most, default=None)
    affordable = _Bound(_affordable(rows, calls.most, cost), calls.what) if calls else None
    bounds = [affordable, *_rows(allowance, limits)]
    tightest = min(filter(None, bounds), key=_most, default=None)
    if tightest is None or tightest.most >= rows:
        needed = cost(rows) if rows else 0
        return Budget(rows, needed, _all(rows, needed, calls))
    needed = cost(tightest.most) if tightest.most else 0
    return Budget(tightest.most, needed, _some(tightest, rows))


def _calls(allowance: Allowance, limits: Limits, spent: int) -> Iterator[_Bound]:
    if allowance.calls is not None:  # what would be left today without us, less what we took
        whole = _shared(allowance.calls + spent, "calls", allowance, limits)
        yield _less(whole, spent, most=allowance.calls)
    if allowance.calls_a_day is not None:
        yield _less(_shared(allowance.calls_a_day, "calls a day", allowance, limits), spent)
    if limits.calls is not None:
        yield _Bound(
            max(0, limits.calls - spent),
            f"the {limits.calls:,} calls a day of `limits`, {spent:,} of them made",
        )


def _rows(allowance: Allowance, limits: Limits) -> Iterator[_Bound]:
    if allowance.rows is not None:
        yield _shared(allowance.rows, "records", allowance, limits)
    if limits.rows is not None:
        yield _Bound(limits.rows, f"the {limits.rows:,} records that `limits` leave for today")


def _shared(left: int, what: str, allowance: Allowance, limits: Limits) -> _Bound:
    share = Decimal(str(limits.share))  # as it is written: 0.29 of 100 is 29
    until = f" until {allowance.resets}" if allowance.resets else ""
    text = f"{share:%} of the {left:,} {what} that the system allows{until}"
    return _Bound(max(0, int(left * share)), text)


def _less(whole: _Bound, spent: int, most: int | None = None) -> _Bound:
    left = max(0, whole.most - spent)
    made = f", {spent:,} of them made," if spent else ""
    return _Bound(left if most is None else min(left, most), f"{whole.what}{made}")


def _affordable(rows: int, calls: int, cost: Cost) -> int:
    """The most of *rows* that *calls* suffice for, by bisection."""
    if rows == 0 or cost(rows) <= calls:
        return rows
    enough, too_many = 0, rows
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        if cost(middle) <= calls:
            enough = middle
        else:
            too_many = middle
    return enough


def _most(bound: _Bound) -> int:
    return bound.most


def _all(rows: int, calls: int, bound: _Bound | None) -> str:
    within = f", within {bound.what}" if bound else ""
    return f"All {rows:,} records go tonight: about {calls:,} calls{within}."


def _some(bound: _Bound, rows: int) -> str:
    return (
        f"{bound.most:,} of {rows:,} records go tonight, the most valuable first: {bound.what} do"
        " not suffice for more. The others go the next nights; raise `limits` to write more a day."
    )
