"""Waiting for jobs that Salesforce works on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from salesml import stopping
from salesml.crm.salesforce.rest import Rest
from salesml.errors import SourceError

__all__ = ["awaited"]

_OVER = {"JobComplete", "Failed", "Aborted"}
_FIRST, _GROWTH, _MOST = 0.05, 1.6, 30.0
_LONGEST = 6 * 3600.0


def awaited(rest: Rest, tail: str) -> dict[str, Any] | None:
    """What Salesforce tells of the job at *tail* once it is over; None where there is none.

    Raises SourceError after six hours: the job goes on and is settled by a later run.
    """
    told = None
    for pause in _pauses():
        told = rest.found(tail)
        if told is None or told["state"] in _OVER:
            return dict(told) if told else None
        stopping.pause(pause)
    raise SourceError(
        "Salesforce has not come to the job within six hours.",
        received=told["state"] if told else None,
        where=rest.where(tail),
        fix="See Bulk Data Load Jobs in Setup. The next run waits for this job first.",
    )


def _pauses() -> Iterator[float]:
    pause, waited = _FIRST, 0.0
    while waited < _LONGEST:
        yield pause
        waited += pause
        pause = min(pause * _GROWTH, _MOST)
