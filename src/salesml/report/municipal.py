"""What the report tells of municipalities beside their scores: the budget year, whom to meet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from salesml.config import Words

__all__ = ["Approach", "Deadline", "Municipal", "Passage", "Peer", "Span", "Step", "Talk"]


@dataclass(frozen=True)
class Span:
    """A time of the budget year, both days included.

    ``kind`` is "stage", "assembly", "supplementary", "rotation" or "subsidy"; ``count`` says how
    many of those scored it concerns, where that is not all.
    """

    kind: str
    words: Words
    first: dt.date
    last: dt.date
    count: int | None = None


@dataclass(frozen=True)
class Talk:
    """Whom to talk to, and what they care about."""

    whom: Words
    what: Words


@dataclass(frozen=True)
class Step:
    """A stage of the budget: what to bring then, and to whom, the most important first."""

    words: Words
    first: dt.date
    last: dt.date
    material: Words | None = None
    talks: Sequence[Talk] = ()


@dataclass(frozen=True)
class Deadline:
    """What is over after a day."""

    words: Words
    on: dt.date


@dataclass(frozen=True)
class Peer:
    """A municipality to cite: similar, or of the same prefecture, and it adopted on ``since``."""

    id: str
    name: str
    prefecture: str = ""
    since: dt.date | None = None
    similarity: float | None = None


@dataclass(frozen=True)
class Passage:
    """Where a document of the municipality speaks of the matter."""

    title: str
    text: str


@dataclass(frozen=True)
class Approach:
    """How to approach one municipality.

    ``material`` is what to bring now; ``tier`` and ``advice`` are its size and what that means;
    ``outlook`` what its score would be
    in each coming stage; ``deadlines`` come soonest first.
    """

    material: Words | None = None
    talks: Sequence[Talk] = ()
    tier: Words | None = None
    advice: Words | None = None
    deadlines: Sequence[Deadline] = ()
    subsidies: Sequence[Deadline] = ()
    peers: Sequence[Peer] = ()
    passage: Passage | None = None
    outlook: Sequence[tuple[Words, dt.date, int]] = ()
    election: dt.date | None = None
    new_contact: bool = False


@dataclass(frozen=True)
class Municipal:
    """The municipal part of a task, as of a date.

    ``calendar`` holds the budget year of that date and the twelve months after it; ``steps`` the
    stages of the budget from now on; ``approaches`` those of listed municipalities by id; ``notes``
    what the project has no data for.
    """

    as_of: dt.date
    calendar: Sequence[Span] = ()
    steps: Sequence[Step] = ()
    approaches: Mapping[str, Approach] = field(default_factory=dict)
    notes: Sequence[Words] = ()

    def nameless(self) -> Municipal:
        """The same without names and without what was said, which may name somebody."""
        return replace(
            self, approaches={id_: _nameless(each) for id_, each in self.approaches.items()}
        )


def _nameless(approach: Approach) -> Approach:
    peers = [replace(peer, name="") for peer in approach.peers]
    return replace(approach, peers=peers, passage=None)
