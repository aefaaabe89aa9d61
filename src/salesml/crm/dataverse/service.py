"""The Web API of one environment: signing in, paging, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from salesml.crm.http import Api, checked, shortened
from salesml.crm.sign_in import bearer, token_answer
from salesml.errors import SourceError

__all__ = ["Service", "error_of"]

_HEADERS = {"Accept": "application/json", "OData-Version": "4.0", "OData-MaxVersion": "4.0"}
_PRIVILEGE = re.compile(r"\bprv\w+")


class Service:
    """The environment at *url*, entered by an application user (OAuth 2.0 client credentials).

    See https://learn.microsoft.com/power-apps/developer/data-platform/authenticate-oauth. Service
    protection limits (6,000 requests and 20 minutes of work in 5 minutes) are kept by waiting
    as ``Retry-After`` says; what the licence allows a day no answer tells.
    """

    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self.name = name
        self._settings = dict(settings)
        self._login = checked(name, settings["login"])
        self.api = Api(name, settings["url"], self._sign_in)

    def path(self, resource: str) -> str:
        """Where *resource* is, under the address of the environment."""
        return f"api/data/{self._settings['version']}/{resource}"

    def get(self, resource: str, **options: Any) -> dict[str, Any]:
        """The JSON of *resource*; raises SourceError where it is refused."""
        response = self.api.get(self.path(resource), **options)
        if response.is_error:
            raise self.failed(response, resource.partition("(")[0])
        found: dict[str, Any] = response.json()
        return found

    def rows(self, resource: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The rows of *resource*, all pages of them."""
        for page in self.pages(resource, params):
            yield from page

    def pages(
        self, resource: str, params: Mapping[str, str], size: int = 2_000
    ) -> Iterator[list[dict[str, Any]]]:
        """The rows of *resource*, *size* at a time (at most 5,000)."""
        headers = {"Prefer": f"odata.maxpagesize={size}"}
        address, asked = self.path(resource), dict(params) or None
        while address:
            response = self.api.get(address, params=asked, headers=headers)
            if response.is_error:
                raise self.failed(response, resource)
            page = response.json()
            yield page["value"]
            address, asked = page.get("@odata.nextLink", ""), None

    def failed(self, response: httpx.Response, what: str) -> SourceError:
        """The error of *response*, with the privilege it lacks."""
        code, message = error_of(response)
        missing = _PRIVILEGE.search(message)
        if response.status_code == httpx.codes.FORBIDDEN and missing:
            wanted = f"Give a role of the application user the privilege {missing[0]}."
        else:
            wanted = "Check the rights of the application user, and the version of the API."
        return SourceError(
            "Dataverse refuses the request.",
            received=f"status {response.status_code} {code} {message}".strip(),
            where=f"connection {self.name}, {what}",
            fix=wanted,
        )

    def _sign_in(self, client: httpx.Client) -> Mapping[str, str]:
        settings = self._settings
        answer = token_answer(
            self.name,
            client,
            str(self._login.join(f"{settings['tenant']}/oauth2/v2.0/token")),
            {
                "grant_type": "client_credentials",
                "client_id": settings["client_id"],
                "client_secret": settings["client_secret"],
                "scope": f"{settings['url'].rstrip('/')}/.default",
            },
        )
        return {**_HEADERS, **bearer(answer["access_token"])}


def error_of(response: httpx.Response) -> tuple[str, str]:
    """Code and message of an answer that refuses; whatever it is, in one line."""
    try:
        error = response.json()["error"]
        return str(error.get("code", "")), shortened(str(error.get("message", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", shortened(response.text)
