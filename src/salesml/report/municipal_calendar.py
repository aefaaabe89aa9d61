"""The budget year as a strip from April to March, and what comes next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from salesml.report.municipal import Municipal, Span

__all__ = ["Bar", "Coming", "Lane", "Month", "Strip", "coming", "strip"]

APRIL = 4  # municipalities' budgets begin then, whatever the fiscal year of those who sell
MOST_COMING = 8
KINDS = ("stage", "assembly", "supplementary", "rotation", "subsidy")  # from the top down
MOST_LANES = 4  # of one kind
WEEK = dt.timedelta(days=7)


@dataclass(frozen=True)
class Bar:
    """A span on the strip; ``left``, ``width`` and ``room`` of its words: percent of the year."""

    span: Span
    left: float
    width: float
    room: float
    over: bool
    now: bool


@dataclass(frozen=True)
class Lane:
    """Bars that do not overlap; ``first``: of its kind."""

    kind: str
    first: bool
    bars: list[Bar]


@dataclass(frozen=True)
class Month:
    """A month of the strip, in percent of the year."""

    number: int
    left: float
    width: float
    now: bool


@dataclass(frozen=True)
class Strip:
    """A budget year, named after the year it begins in; ``today`` is percent of it."""

    year: int
    months: list[Month]
    lanes: list[Lane]
    today: float


@dataclass(frozen=True)
class Coming:
    """A span that is open or begins soon; ``days`` to its end if it is open, else to its start."""

    span: Span
    open: bool
    days: int


def strip(municipal: Municipal) -> Strip | None:
    """The budget year of *municipal*'s date; None without a calendar."""
    if not municipal.calendar:
        return None
    today = municipal.as_of
    year = today.year if today.month >= APRIL else today.year - 1
    begin, end = dt.date(year, APRIL, 1), dt.date(year + 1, APRIL, 1)
    inside = [span for span in municipal.calendar if span.first < end and span.last >= begin]
    firsts = [dt.date(year + (m > 12), (m - 1) % 12 + 1, 1) for m in range(APRIL, APRIL + 12)]
    return Strip(
        year=year,
        months=[_month(each, begin, end, today) for each in firsts],
        lanes=[lane for kind in KINDS for lane in _lanes(kind, inside, begin, end, today)],
        today=_percent(today, begin, end),
    )


def coming(municipal: Municipal) -> list[Coming]:
    """What is open or begins next, the nearest day first."""
    today = municipal.as_of
    ahead = [_coming(span, today) for span in municipal.calendar if span.last >= today]
    return sorted(ahead, key=lambda each: (each.days, KINDS.index(each.span.kind)))[:MOST_COMING]


def _coming(span: Span, today: dt.date) -> Coming:
    begun = span.first <= today
    return Coming(span, begun, ((span.last if begun else span.first) - today).days)


def _percent(day: dt.date, begin: dt.date, end: dt.date) -> float:
    return round(100 * (day - begin).days / (end - begin).days, 2)


def _month(first: dt.date, begin: dt.date, end: dt.date, today: dt.date) -> Month:
    after = (first + 5 * WEEK).replace(day=1)
    left = _percent(first, begin, end)
    return Month(first.month, left, _percent(after, begin, end) - left, first <= today < after)


def _lanes(
    kind: str, spans: Iterable[Span], begin: dt.date, end: dt.date, today: dt.date
) -> list[Lane]:
    """The spans of *kind* on as few lanes as they need, each where the lane is free first."""
    lanes: list[list[Span]] = []
    for span in sorted((s for s in spans if s.kind == kind), key=lambda s: (s.first, s.last)):
        free = next((lane for lane in lanes if lane[-1].last < span.first), None)
        if free is not None:
            free.append(span)
        elif len(lanes) < MOST_LANES:
            lanes.append([span])
    return [Lane(kind, i == 0, _bars(lane, begin, end, today)) for i, lane in enumerate(lanes)]


def _bars(spans: Sequence[Span], begin: dt.date, end: dt.date, today: dt.date) -> list[Bar]:
    found = []
    for span, after in zip_longest(spans, spans[1:]):
        left = _percent(max(span.first, begin), begin, end)
        right = _percent(min(span.last + dt.timedelta(days=1), end), begin, end)
        room = _percent(after.first, begin, end) if after else 100.0
        now = span.first <= today <= span.last
        width = round(right - left, 2)
        found.append(Bar(span, left, width, round(room - left, 2), span.last < today, now))
    return found
