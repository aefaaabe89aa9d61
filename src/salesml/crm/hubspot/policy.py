"""Signing in to HubSpot, and what its statuses mean for every request.

https://developers.hubspot.com/docs/api-reference/error-handling and
https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from salesml.crm.http import Answer, LaterError, answer_of, retry_after, shortened
from salesml.crm.sign_in import bearer
from salesml.errors import QuotaError

__all__ = ["Policy", "content", "told"]

_LEFT = "X-HubSpot-RateLimit-Daily-Remaining"
_LOCKED, _MIGRATING = 423, 477
_LOCK_SECONDS = 2.0
_POLICY_SECONDS = {"TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}
_NOT_REACHED = {521, 522, 523, 525, 526}


class Policy:
    """What is the same in every request of the connection *name*, signed in by *token*.

    ``left`` is how many calls the account may make until midnight, where HubSpot told.
    """

    def __init__(self, name: str, token: str) -> None:
        self.name, self._token = name, token
        self.left: int | None = None

    def sign_in(self, _client: httpx.Client) -> Mapping[str, str]:
        """The headers of a private app or a service key: they need no exchange."""
        return bearer(self._token)

    def answer(self, response: httpx.Response) -> Answer:
        """What *response* means; raises QuotaError when the calls of the day are used up."""
        left = response.headers.get(_LEFT, "")
        self.left = int(left) if left.isdigit() else self.left
        status = response.status_code
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise self._too_many(response)
        if status == _LOCKED:
            raise LaterError("it answers 423", max(_LOCK_SECONDS, retry_after(response) or 0.0))
        if status == _MIGRATING or status in _NOT_REACHED:
            return Answer.WAIT
        return answer_of(response)

    def _too_many(self, response: httpx.Response) -> Exception:
        policy = str(content(response).get("policyName", ""))
        if policy == "DAILY":
            self.left = 0
            return QuotaError(
                "HubSpot takes no more calls today.",
                received=told(response),
                where=f"connection {self.name}",
                fix="Nothing: the next run goes on where this one stopped. The limit is set "
                "back at midnight in the account's time zone.",
            )
        asked = retry_after(response)
        after = _POLICY_SECONDS.get(policy) if asked is None else asked
        return LaterError(f"it answers 429 {policy}".strip(), after)


def content(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of *response*; empty if it is none."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def told(response: httpx.Response) -> str:
    """HubSpot's own words about an error, with status and category."""
    answer = content(response)
    words = [str(answer[k]) for k in ("category", "message") if answer.get(k)]
    return shortened(f"{response.status_code} {': '.join(words) or response.text}")
