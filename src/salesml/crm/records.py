"""Records on their way between salesml and a system: seen, written, refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

__all__ = ["Allowance", "Fate", "Fetched", "Jobs", "Refusal", "Seen", "Tolerance", "Write"]


@dataclass(frozen=True)
class Seen:
    """A record as its system shows it.

    Parameters
    ----------
    fields : present values of the fields asked for: None, bool, int, float, Decimal or str.
    token : what the connector wants back to write this record safely: the system's own id, a
        revision, an ETag, a parent. Nobody else looks into it.
    barred : why the record is neither written nor made again, in English ("deleted", "merged into
        003…", "converted", "2 records share this id"); empty where it can be written.
    """

    fields: Mapping[str, object]
    token: Any = None
    barred: str = ""


Fetched = dict[str, Seen]
"""Records by the text of their external id; of those left out the system has no trace."""


@dataclass(frozen=True)
class Write:
    """One record to write.

    ``seen`` is how it looked just before; None: there is none, and it is to be made.
    """

    id: str
    fields: Mapping[str, object]
    seen: Seen | None = None


class Fate(Enum):
    """What a refused record has to expect."""

    RETRY = "retry"
    """A lock, a timeout, a race: the same again may well work."""
    DEAD = "dead"
    """The same again fails again: a value, a rule or a right is in the way."""
    CHANGED = "changed"
    """Somebody changed it since it was seen: look again."""
    GONE = "gone"
    """It was deleted, merged or converted: never to be made again."""
    NOT_TRIED = "not tried"
    """The system never came to it; this counts as no attempt."""


@dataclass(frozen=True)
class Refusal:
    """Why one record was not written, in the system's words with its code."""

    fate: Fate
    error: str


@dataclass(frozen=True)
class Allowance:
    """What a system lets us do until its counters are reset; None where it sets no limit.

    Parameters
    ----------
    calls, rows : how many more requests and records.
    calls_a_day : how many requests a day, of systems that do not tell what is left of it: ours
        are counted in the ledger.
    resets : when the counters start again, as the system says it; for people.
    """

    calls: int | None = None
    rows: int | None = None
    resets: str = ""
    calls_a_day: int | None = None


@dataclass(frozen=True)
class Tolerance:
    """How a field changes the values that are written to it.

    Parameters
    ----------
    absolute, relative : how far a number may lie from the one that was written; a time may lie
        *absolute* seconds away.
    length : most characters of a text it holds, counted in UTF-16 units; longer texts are cut
        before they are written.
    trims : it drops white space at both ends of a text, so that texts are written without it.
    blank : what it shows where nobody wrote anything: false for check boxes that know no null.
    """

    absolute: float = 0.0
    relative: float = 1e-9
    length: int | None = None
    trims: bool = False
    blank: object = None


class Jobs(Protocol):
    """Where a connector notes jobs that go on without it, so that a crash loses none."""

    def begin(self, job: str, ids: Sequence[str]) -> None:
        """*job* exists and will carry *ids*; it is on the disk when this returns."""

    def end(self, job: str) -> None:
        """Nothing of *job* is on its way any more."""
