"""Signing in to systems over HTTP: bearer tokens, given or asked for by OAuth 2.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from salesml.crm.http import LaterError, retry_after, shortened
from salesml.errors import SourceError

__all__ = ["bearer", "token_answer"]


def bearer(token: str) -> dict[str, str]:
    """The header that carries *token*."""
    return {"Authorization": f"Bearer {token}"}


def token_answer(
    name: str, client: httpx.Client, url: str, form: Mapping[str, str]
) -> dict[str, Any]:
    """What the token endpoint *url* answers to *form*, with ``access_token`` (RFC 6749, 4, 5).

    Raises SourceError, which tells the endpoint's ``error`` and ``error_description`` but nothing
    of *form*, where the credentials are refused, and LaterError where the endpoint is down.
    """
    response = client.post(url, data=dict(form))
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise LaterError(f"signing in: it answers {response.status_code}", retry_after(response))
    answer = _json(response)
    if response.is_error or not isinstance(answer.get("access_token"), str):
        told = ": ".join(
            str(answer[key]) for key in ("error", "error_description") if answer.get(key)
        )
        raise SourceError(
            "The system does not accept the credentials.",
            received=f"status {response.status_code} {shortened(told)}".strip(),
            where=f"connection {name}, {httpx.URL(url).host}",
            fix="Check client, key or secret, and whether the app is approved for this user.",
        )
    return answer


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
