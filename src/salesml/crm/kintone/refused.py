"""What kintone's refusals mean.

A request with many records is carried out as a whole or not at all. An answer about wrong values
names the records by their position; one about a revision or a missing record names none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import httpx

from salesml.crm.http import Answer, answer_of, shortened
from salesml.crm.records import Fate, Refusal, Write

__all__ = ["STALE", "answer", "busy", "code_of", "content", "told", "wrong"]

STALE = {"GAIA_CO02", "GAIA_RE01", "GAIA_RE20"}
"""Somebody changed or deleted a record of the request."""

_SIGNED_OUT = {"GAIA_IA02", "GAIA_AP15", "CB_WA01", "CB_AU01"}
_BUSY = {"GAIA_DA02", "GAIA_RE18", "GAIA_CO03"}
_PLACE = re.compile(r"records\[(\d+)\](?:\.record)?\.?(.*?)(?:\.values?)?(?:\[\d+\])?(?:\.value)?$")
_TAKEN = re.compile("重複|重复|重複|already exists|duplicat", re.IGNORECASE)


def answer(response: httpx.Response) -> Answer:
    """What *response* means for any request: tokens are refused with codes, not with 401."""
    if response.is_error and code_of(response) in _SIGNED_OUT:
        return Answer.EXPIRED
    return answer_of(response)


def content(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of *response*; empty if it is none."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def code_of(response: httpx.Response) -> str:
    """kintone's code of an error, like GAIA_CO02."""
    return str(content(response).get("code", ""))


def told(response: httpx.Response) -> str:
    """kintone's own words about an error, with its status and code."""
    found = content(response)
    words = [str(found[k]) for k in ("code", "message") if found.get(k)]
    return shortened(f"{response.status_code} {' '.join(words) or response.text}")


def busy(writes: Sequence[Write], response: httpx.Response) -> dict[str, Refusal]:
    """All of *writes* for later, if somebody else was writing; else nothing."""
    if code_of(response) not in _BUSY:
        return {}
    return {w.id: Refusal(Fate.RETRY, told(response)) for w in writes}


def wrong(writes: Sequence[Write], key: str, response: httpx.Response) -> dict[str, Refusal]:
    """The fates of *writes*, if *response* names those whose values are wrong; else nothing."""
    found = content(response)
    faults: dict[int, list[tuple[str, str]]] = {}
    for path, error in (found.get("errors") or {}).items():
        place = _PLACE.match(path)
        if place is None or int(place[1]) >= len(writes):
            return {}
        messages = " ".join(error.get("messages", [])) if isinstance(error, dict) else str(error)
        faults.setdefault(int(place[1]), []).append((place[2], messages))
    if not faults:
        return {}
    rest = Refusal(Fate.NOT_TRIED, "kintone refused another record of the same request")
    return {
        w.id: _refusal(w, key, found.get("code", ""), faults[i]) if i in faults else rest
        for i, w in enumerate(writes)
    }


def _refusal(write: Write, key: str, code: str, faults: Sequence[tuple[str, str]]) -> Refusal:
    words = shortened(f"{code} {'; '.join(f'{field}: {text}' for field, text in faults)}".strip())
    made = [text for field, text in faults if field == key and _TAKEN.search(text)]
    if made and len(faults) == 1 and not write.seen:
        return Refusal(Fate.CHANGED, words)
    return Refusal(Fate.DEAD, words)
