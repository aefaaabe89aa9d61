"""Who asks BottleCRM, by a personal access token, and what its answers mean for every request."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from salesml.crm.http import Answer, answer_of, shortened
from salesml.crm.records import Fate, Refusal
from salesml.crm.sign_in import bearer
from salesml.errors import SourceError

__all__ = ["Access", "content", "refusal", "told"]

_NOBODY = "Organization context is required"
_FATES: dict[int, Fate] = {
    httpx.codes.NOT_FOUND: Fate.GONE,
    httpx.codes.CONFLICT: Fate.RETRY,
    httpx.codes.INTERNAL_SERVER_ERROR: Fate.RETRY,
}


class Access:
    """The holder of *token* on the connection *name*, who asks several things at a time.

    Where a request is told to wait, all others do, too.
    """

    def __init__(self, name: str, token: str) -> None:
        self.name, self._token = name, token
        self._silence, self._waiting = threading.Lock(), 0

    def __reduce__(self) -> tuple[Any, ...]:
        return Access, (self.name, self._token)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """For one request: it begins when nobody has to wait."""
        with self._silence:
            pass
        try:
            yield
        finally:
            if self._waiting == threading.get_ident():
                self._waiting = 0
                self._silence.release()

    def sign_in(self, _client: httpx.Client) -> Mapping[str, str]:
        """The header of the token: it needs no exchange, and lives until it is revoked."""
        return bearer(self._token)

    def answer(self, response: httpx.Response) -> Answer:
        """What *response* means; a token that is not known is answered 403, never 401."""
        if response.status_code == httpx.codes.FORBIDDEN and _NOBODY in response.text:
            raise SourceError(
                "BottleCRM does not know this token: it is wrong, revoked or over.",
                received=f"status 403: {told(response)}",
                where=f"connection {self.name}, {response.url.host}",
                fix="Make a new access token in BottleCRM (Settings, API tokens).",
            )
        meaning = answer_of(response)
        if meaning is Answer.WAIT and self._waiting != threading.get_ident():
            self._silence.acquire()
            self._waiting = threading.get_ident()
        return meaning


def content(response: httpx.Response, *path: str) -> Any:
    """What stands at *path* in the JSON of *response*; raises SourceError if nothing does."""
    try:
        found = response.raise_for_status().json()
        for step in path:
            found = found[step]
    except (httpx.HTTPStatusError, ValueError, LookupError, TypeError):
        raise SourceError(
            "BottleCRM does not answer as it should.",
            received=f"status {response.status_code}, no '{'.'.join(path)}': {told(response)}",
            where=f"{response.request.method} {response.url.copy_with(query=None)}",
            fix="Check the url of the connection, what the token may do, and BottleCRM's release.",
        ) from None
    return found


def told(response: httpx.Response) -> str:
    """What *response* says went wrong."""
    if "html" in response.headers.get("Content-Type", ""):
        return "a page without details"
    try:
        found = response.json()
    except ValueError:
        return shortened(response.text)
    detail = found.get("errors") or found.get("detail") if isinstance(found, dict) else None
    return shortened(str(detail or response.text))


def refusal(response: httpx.Response) -> Refusal | None:
    """Why the record was not written, if it was not."""
    if response.is_success:
        return None
    fate = _FATES.get(response.status_code, Fate.DEAD)
    return Refusal(fate, f"{response.status_code}: {told(response)}")
