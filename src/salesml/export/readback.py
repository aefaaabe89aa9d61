"""Looking again at some of what a CRM acknowledged: it may have dropped fields in silence."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

__all__ = ["Look", "ReadBack", "read_back"]

Look = Callable[[Sequence[int]], Mapping[int, Mapping[str, bool]]]
"""Looks at the records of attempts: attempt → field → whether it was kept.

Fields left out had nothing to keep; attempts left out have no record any more.
"""

_ALL_BELOW = 50
_SHARE = 0.001
_WIDENED = 20_000
_WITNESSES = 2


@dataclass(frozen=True)
class ReadBack:
    """What became of the attempts that were looked at again.

    Parameters
    ----------
    kept : attempts whose records hold all that was written.
    lost : fields that were not kept, by attempt.
    dropped : fields that no record of the sample kept: the system takes them and does nothing.
    """

    kept: list[int] = field(default_factory=list)
    lost: dict[int, list[str]] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


def read_back(batches: Sequence[Sequence[int]], look: Look, seed: str) -> ReadBack:
    """Look at a sample of the attempts of *batches*, and at all of a batch that lost something.

    Up to 50 attempts are all looked at; of more, 50 and one in a thousand, drawn by *seed*.
    A field that the system drops everywhere is no reason to look at more; nor are more than
    20,000 attempts looked at beyond the sample, but for the first batch.
    """
    found = dict(look(_sample(batches, seed)))
    dropped = _dropped(found.values())
    for rest in _widened(batches, found, set(dropped)):
        found |= look(rest)
    lost = {number: _lost(fields) for number, fields in found.items()}
    return ReadBack(
        kept=[number for number, fields in lost.items() if not fields],
        lost={number: fields for number, fields in lost.items() if fields},
        dropped=dropped,
    )


def _sample(batches: Sequence[Sequence[int]], seed: str) -> list[int]:
    numbers = list(chain.from_iterable(batches))
    if len(numbers) <= _ALL_BELOW:
        return numbers
    size = min(len(numbers), _ALL_BELOW + math.ceil(_SHARE * len(numbers)))
    return sorted(random.Random(seed).sample(numbers, size))


def _lost(fields: Mapping[str, bool]) -> list[str]:
    return [name for name, kept in fields.items() if not kept]


def _dropped(looks: Iterable[Mapping[str, bool]]) -> list[str]:
    """Fields that several records should hold and none does."""
    answers: dict[str, list[bool]] = {}
    for name, kept in chain.from_iterable(fields.items() for fields in looks):
        answers.setdefault(name, []).append(kept)
    return [n for n, kept in answers.items() if len(kept) >= _WITNESSES and not any(kept)]


def _widened(
    batches: Sequence[Sequence[int]], found: Mapping[int, Mapping[str, bool]], dropped: set[str]
) -> Iterator[list[int]]:
    """What is left of the batches in which the sample lost something, as far as it goes."""
    suspects = {number for number, fields in found.items() if set(_lost(fields)) - dropped}
    room = _WIDENED
    for batch in batches:
        if room > 0 and not suspects.isdisjoint(batch):
            rest = [number for number in batch if number not in found]
            if rest and (len(rest) <= room or room == _WIDENED):
                room -= len(rest)
                yield rest
