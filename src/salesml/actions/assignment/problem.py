"""What is to be decided, as arrays: options of entities, kinds of work, and who may do which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from salesml.training.table import Bools, Floats, Ints

__all__ = ["Plan", "Prices", "Problem", "rank"]


@dataclass(frozen=True)
class Problem:
    """Options, sorted by entity, and the people there are.

    Options of one kind take the same minutes, use the same channel and can be done by the same
    people, so that only how many of a kind each does matters: the P pairs of a kind and somebody
    who may do it, sorted by kind.

    Parameters
    ----------
    entity, kind, value, urgent : of each option, shape (n,).
    minutes, channel : of each kind, shape (G,).
    pair_kind, pair_person : the pairs, shape (P,).
    capacity : minutes of each person, shape (R,).
    limits : most actions of each person and channel, shape (R, C); infinite where none.
    """

    entity: Ints
    kind: Ints
    value: Floats
    urgent: Bools
    minutes: Floats
    channel: Ints
    pair_kind: Ints
    pair_person: Ints
    capacity: Floats
    limits: Floats

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, options: Ints | Bools) -> Problem:
        """Return the problem of these *options* alone, in that order."""
        names = ("entity", "kind", "value", "urgent")
        return replace(self, **{name: getattr(self, name)[options] for name in names})

    def without(self, counts: Ints) -> Problem:
        """Return the problem of those who do already what *counts* says, shape (P,)."""
        used, often = self.used(counts)
        return replace(
            self,
            capacity=np.maximum(self.capacity - used, 0),
            limits=np.maximum(self.limits - often, 0),
        )

    def used(self, counts: Ints | Floats) -> tuple[Floats, Floats]:
        """Return minutes of each person, and actions of each person and channel."""
        people = len(self.capacity)
        minutes = np.bincount(self.pair_person, counts * self.pair_minutes, people)
        places = self.pair_person * self.limits.shape[1] + self.pair_channel
        often = np.bincount(places, counts, self.limits.size)
        return minutes.astype(np.float64), often.reshape(self.limits.shape).astype(np.float64)

    @cached_property
    def pair_minutes(self) -> Floats:
        """Minutes that one action of each pair takes."""
        return np.asarray(self.minutes[self.pair_kind])

    @cached_property
    def pair_channel(self) -> Ints:
        """The channel of each pair."""
        return np.asarray(self.channel[self.pair_kind])

    @cached_property
    def first_option(self) -> Ints:
        """Where the options of each entity begin."""
        return np.flatnonzero(np.diff(self.entity, prepend=-1))

    @cached_property
    def first_pair(self) -> Ints:
        """Where the pairs of each kind begin."""
        return np.searchsorted(self.pair_kind, np.arange(len(self.minutes)))

    @cached_property
    def place(self) -> Ints:
        """The number of the entity of each option among those there are, from 0."""
        return np.cumsum(np.diff(self.entity, prepend=-1) != 0) - 1

    @cached_property
    def rivals(self) -> tuple[Ints, Bools]:
        """Which options have others beside them, and for each of these a number of the entity."""
        several = np.bincount(self.place)[self.place] > 1
        return np.unique(self.place[several], return_inverse=True)[1], several


@dataclass(frozen=True)
class Plan:
    """What is done: the options *chosen*, how many each pair does, and what no plan exceeds."""

    chosen: Ints
    counts: Ints
    bound: float

    @classmethod
    def nothing(cls, problem: Problem, bound: float = 0.0) -> Plan:
        """Return the plan in which nobody does anything."""
        none = np.zeros(0, dtype=np.int64)
        return cls(none, np.zeros(len(problem.pair_kind), dtype=np.int64), bound)


@dataclass(frozen=True)
class Prices:
    """What a minute of each person is worth, shape (R,), and an action by a channel, (R, C)."""

    minute: Floats
    action: Floats

    def of_pairs(self, problem: Problem) -> Floats:
        """Return the price of an action of each pair."""
        people, channels = problem.pair_person, problem.pair_channel
        price = self.minute[people] * problem.pair_minutes + self.action[people, channels]
        return np.asarray(price)

    def margins(self, problem: Problem) -> Floats:
        """Return the value of each option above the price of whoever does it cheapest."""
        cheapest = np.minimum.reduceat(self.of_pairs(problem), problem.first_pair)
        return np.asarray(problem.value - cheapest[problem.kind])


def rank(group: Ints, cost: Floats) -> Ints:
    """The place of each in its *group* by *cost*, the least 0."""
    order = np.lexsort((cost, group))
    sorted_groups = group[order]
    places = np.empty(len(group), dtype=np.int64)
    places[order] = np.arange(len(group)) - np.searchsorted(sorted_groups, sorted_groups)
    return places
