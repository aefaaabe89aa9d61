"""Several requests that together carry one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from salesml.crm.records import Fate, Refusal, Write
from salesml.errors import ExportError

__all__ = ["batches", "in_turn"]

Item = TypeVar("Item")
Send = Callable[[Sequence[Write]], dict[str, Refusal]]


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """*items* in lists of at most *size*."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def in_turn(parts: Sequence[tuple[Send, Sequence[Write]]]) -> dict[str, Refusal]:
    """Send each part; returns what was refused of all.

    ExportError of the first part is raised, as nothing is written then. After that it counts as
    "not tried" for the rest: tried again without what is written by now, it comes first.
    """
    refused: dict[str, Refusal] = {}
    for position, (send, writes) in enumerate(parts):
        try:
            refused |= send(writes)
        except ExportError as error:
            if not position:
                raise
            later = Refusal(Fate.NOT_TRIED, str(error.received or error.what))
            return refused | {w.id: later for _, rest in parts[position:] for w in rest}
    return refused
