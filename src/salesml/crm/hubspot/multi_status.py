"""Which rows of a batch HubSpot has written, told row by row.

An answer of status 207 may name rows in errors, name none, or leave rows out altogether; so
results and errors are matched to what was sent, and a row that is in neither is looked at again.
https://developers.hubspot.com/docs/api-reference/error-handling#multi-status-errors
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from salesml.crm.http import shortened
from salesml.crm.records import Fate, Refusal, Write

__all__ = ["named", "refusals", "trace"]

_GONE = {"OBJECT_NOT_FOUND", "NOT_FOUND"}
_RACE = {"CONFLICT", "OBJECT_ALREADY_EXISTS"}
_FINAL = {
    "VALIDATION_ERROR",
    "INVALID_PARAMETER",
    "PROPERTY_DOESNT_EXIST",
    "MISSING_SCOPES",
    "FORBIDDEN",
    "BANNED",
}


def trace(position: int) -> str:
    """The ``objectWriteTraceId`` of the row at *position*; HubSpot repeats it in its answer."""
    return f"row-{position}"


def refusals(writes: Sequence[Write], key: str, answer: Mapping[str, Any]) -> dict[str, Refusal]:
    """Which of *writes* the *answer* to their batch does not acknowledge, and why."""
    results, errors = _dicts(answer.get("results")), _dicts(answer.get("errors"))
    done = [_result(i, write, key, results) for i, write in enumerate(writes)]
    faults = [_error(i, write, errors) for i, write in enumerate(writes)]
    lost = [i for i in range(len(writes)) if done[i] is None and faults[i] is None]
    nameless = [error for error in errors if not any(error is fault for fault in faults)]
    if len(lost) == len(nameless) == 1:
        faults[lost[0]] = nameless[0]
    elsewhere = _words(nameless[0]) if nameless else "the answer does not mention it"
    judged = zip(writes, done, faults, strict=True)
    found = {w.id: _refusal(w, result, fault, elsewhere) for w, result, fault in judged}
    return {i: refusal for i, refusal in found.items() if refusal is not None}


def named(error: Mapping[str, Any]) -> set[str]:
    """All ids that *error* mentions."""
    context = error.get("context")
    values = context.values() if isinstance(context, dict) else []
    listed = [v for value in values for v in (value if isinstance(value, list) else [value])]
    return {str(v) for v in [*listed, error.get("id")] if v}


def _refusal(
    write: Write, result: dict[str, Any] | None, fault: dict[str, Any] | None, elsewhere: str
) -> Refusal | None:
    if fault is not None:
        return Refusal(_fate(write, fault), _words(fault))
    if result is None:
        return Refusal(Fate.RETRY, elsewhere)
    if write.seen and str(result.get("id")) != str(write.seen.token):
        return Refusal(Fate.GONE, f"merged into {result.get('id')}")
    return None


def _result(
    position: int, write: Write, key: str, results: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """What of *results* is about *write*, by trace, by HubSpot's id, or by the key."""
    for result in results:
        traced = result.get("objectWriteTraceId")
        if traced:
            if traced == trace(position):
                return result
        elif write.seen:
            if str(result.get("id")) == str(write.seen.token):
                return result
        elif str((result.get("properties") or {}).get(key)) == write.id:
            return result
    return None


def _error(position: int, write: Write, errors: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    names = {trace(position), str(write.seen.token) if write.seen else write.id}
    return next((error for error in errors if names & named(error)), None)


def _fate(write: Write, error: Mapping[str, Any]) -> Fate:
    category = str(error.get("category", ""))
    if category in _GONE:
        return Fate.GONE if write.seen else Fate.RETRY
    if category in _RACE:
        return Fate.DEAD if write.seen else Fate.RETRY
    return Fate.DEAD if category in _FINAL else Fate.RETRY


def _words(error: Mapping[str, Any]) -> str:
    words = [str(error[k]) for k in ("category", "message") if error.get(k)]
    return shortened(": ".join(words) or "no reason given")


def _dicts(found: object) -> list[dict[str, Any]]:
    return list(_only_dicts(found)) if isinstance(found, list) else []


def _only_dicts(found: list[Any]) -> Iterator[dict[str, Any]]:
    return (entry for entry in found if isinstance(entry, dict))
