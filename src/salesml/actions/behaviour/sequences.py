"""What entities did, in order, and how it stood on a date."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.errors import LabelError, ModelError
from salesml.training.table import Bools, Floats, Ints

__all__ = ["DAY", "MEMORY", "ORDER", "OTHER", "Sequences", "Standing", "seconds_of"]

ORDER = 3  # how many acts back a context reaches
MEMORY = 365  # days after which what somebody did says nothing about what comes next
OTHER = "other"
DAY = 86_400
_KINDS = 20  # rarer kinds are one
_LATE = 3  # so many acts that became known late are looked past for those that were known
_NEEDED = ("entity_id", "happened_at", "kind")
_KIND_BITS, _TIME_BITS = 5, 33  # 20 kinds and `other`; seconds since 1901, until 2174
_EPOCH = 1 << 31


class Standing(NamedTuple):
    """How entities stood on a date: those with an act known by then, and not too long ago.

    ``entity`` and ``silence`` (days since the latest act) have shape (n,), ``kinds`` has shape
    (n, ORDER), the latest act first; -1 where there is none.
    """

    entity: Ints
    kinds: Ints
    silence: Floats

    def only(self, kept: Bools) -> Standing:
        """Those of *kept*, shape (n,)."""
        return Standing(self.entity[kept], self.kinds[kept], self.silence[kept])


class Sequences:
    """Acts by entity and time; the order of the rows does not matter.

    Parameters
    ----------
    events : ``entity_id``, ``happened_at``, ``kind``; optionally ``known_at`` (else known at once)
        and ``direction`` (``out``: what we did; else theirs).
    kinds : the kinds to tell apart, ``other`` last; by default the 20 most frequent of *events*.

    Raises ModelError where columns are missing, LabelError where values are.
    """

    def __init__(self, events: pd.DataFrame, kinds: list[str] | None = None) -> None:
        _require(events)
        self.kinds = _frequent(events["kind"]) if kinds is None else kinds
        codes, ids = pd.factorize(events["entity_id"], sort=True)
        self.ids = pd.Index(ids)
        time, kind = _seconds(events["happened_at"]), _coded(events["kind"], self.kinds)
        place = self._place(codes.astype(np.int64), time)
        order = np.argsort((place << _KIND_BITS) + kind, kind="stable")
        self.order: Ints = order  # the row of the events that each act stands in
        self._places: Ints = place[order]
        self.entity: Ints = codes[order].astype(np.int64)
        self.time: Ints = time[order]
        self.kind: Ints = kind[order]
        self.known: Ints = _known(events, time)[order]
        self.theirs: Bools = _theirs(events)[order]
        self._next_theirs = np.append(_next_true(self.theirs), len(order))
        self._by_time: Ints = np.argsort(self.time, kind="stable")
        self._times: Ints = self.time[self._by_time]

    @property
    def end(self) -> int:
        """The first second of the day after the last act."""
        return (int(self._times[-1]) // DAY + 1) * DAY if len(self._times) else 0

    @staticmethod
    def _place(entity: Ints, time: Ints | int) -> Ints:
        """A number that orders by entity, then time."""
        return np.asarray((entity << _TIME_BITS) + (time + _EPOCH))

    def standing(self, date: int) -> Standing:
        """How entities stood at *date*, in seconds, as it was known then."""
        who = np.arange(len(self.ids))
        after = np.searchsorted(self._places, self._place(who, date))
        kinds = np.full((len(who), ORDER), -1)
        latest, found = np.full(len(who), -1), np.zeros(len(who), dtype=np.int64)
        for back in range(1, ORDER + _LATE + 1):
            at = np.maximum(after - back, 0)
            seen = (after >= back) & (self.entity[at] == who) & (self.known[at] < date)
            seen &= found < ORDER
            kinds[seen, found[seen]] = self.kind[at[seen]]
            latest[seen & (found == 0)] = at[seen & (found == 0)]
            found += seen
        silence = (date - self.time[latest]) / DAY
        here = (latest >= 0) & (silence <= MEMORY)
        return Standing(who[here], kinds[here], silence[here])

    def what_next(self, date: int, entities: Ints, days: int) -> Ints:
        """The kind each of *entities* did first within *days* from *date*; -1 for nothing."""
        at = self._next_theirs[np.searchsorted(self._places, self._place(entities, date))]
        known = np.minimum(at, len(self.time) - 1)
        inside = (at < len(self.time)) & (self.entity[known] == entities)
        inside &= self.time[known] < date + days * DAY
        return np.where(inside, self.kind[known], -1)

    @property
    def then(self) -> Ints:
        """For each act the place of what a customer did next; the number of acts for nothing."""
        return self._next_theirs[1:]

    def answered(self, within: int) -> Bools:
        """For each act whether they did something in *within* days after it."""
        after = np.minimum(self.then, len(self.time) - 1)
        return np.asarray(
            (self.then < len(self.time))
            & (self.entity[after] == self.entity)
            & (self.time[after] <= self.time + within * DAY)
        )

    def seen(self, date: int, days: int) -> Ints:
        """The acts of *days* before *date* that were known by then, oldest first."""
        begin, end = np.searchsorted(self._times, [date - days * DAY, date])
        rows = self._by_time[begin:end]
        return rows[self.known[rows] < date]


def seconds_of(date: dt.date) -> int:
    """The first second of *date*."""
    return int(np.datetime64(date, "s").astype(np.int64))


def _require(events: pd.DataFrame) -> None:
    missing = [name for name in _NEEDED if name not in events]
    if missing:
        raise ModelError(
            f"Events need the column {' and '.join(missing)}.",
            received=f"columns {', '.join(map(str, events.columns))}",
            fix="Give entity_id, happened_at and kind of each event.",
        )
    empty = [name for name in _NEEDED if events[name].isna().any()]
    if empty:
        raise LabelError(
            f"Events without {' or '.join(empty)} have no place in a sequence.",
            received=f"{int(events[list(_NEEDED)].isna().any(axis=1).sum())} such rows",
            fix="Leave them out.",
        )


def _seconds(times: pd.Series) -> Ints:
    stamps = pd.to_datetime(times).to_numpy().astype("datetime64[s]")
    return np.asarray(stamps.astype(np.int64))


def _known(events: pd.DataFrame, time: Ints) -> Ints:
    return np.maximum(_seconds(events["known_at"]), time) if "known_at" in events else time


def _theirs(events: pd.DataFrame) -> Bools:
    if "direction" not in events:
        return np.ones(len(events), dtype=bool)
    return np.asarray(events["direction"].ne("out").fillna(True), dtype=bool)


def _frequent(kinds: pd.Series) -> list[str]:
    counts = kinds.astype("str").value_counts()
    ranked = sorted(counts.index, key=lambda kind: (-counts[kind], kind))
    return [*sorted(set(ranked[:_KINDS]) - {OTHER}), OTHER]


def _coded(kinds: pd.Series, known: list[str]) -> Ints:
    """Codes of *kinds* among *known*; one that is not among them is ``other``, the last."""
    codes = pd.Index(known).get_indexer(pd.Index(kinds.astype("str"))).astype(np.int64)
    return np.where(codes < 0, len(known) - 1, codes)


def _next_true(flags: Bools) -> Ints:
    """For each position the first one from there on where *flags* holds, else their number."""
    at = np.where(flags, np.arange(len(flags)), len(flags))
    return np.asarray(np.minimum.accumulate(at[::-1])[::-1])
