"""The REST endpoints of one version of Salesforce's API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from salesml import stopping
from salesml.crm.http import Api
from salesml.crm.salesforce.answers import refused
from salesml.errors import SalesmlError, SourceError

__all__ = ["Rest"]

_READS = 5
_T = TypeVar("_T")


class Rest:
    """The endpoints under ``/services/data/vXX.X/`` that *api* reaches."""

    def __init__(self, api: Api, version: str) -> None:
        self.api, self.root = api, f"services/data/v{version}/"

    def path(self, tail: str) -> str:
        """Where *tail* lies; addresses that Salesforce gave are whole paths already."""
        return tail if tail.startswith("/") else self.root + tail

    def where(self, tail: str) -> str:
        """*tail* in an error."""
        return f"connection {self.api.name}, {tail.partition('?')[0]}"

    def get(self, tail: str, kind: type[SalesmlError] = SourceError) -> Any:
        """The JSON at *tail*; raises *kind* where Salesforce refuses."""
        response = self.api.get(self.path(tail))
        if response.is_error:
            raise refused(response, kind, "Salesforce does not answer this.", self.where(tail))
        return response.json()

    def found(self, tail: str) -> Any | None:
        """The JSON at *tail*; None where there is nothing."""
        response = self.api.get(self.path(tail))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_error:
            raise refused(
                response, SourceError, "Salesforce does not answer this.", self.where(tail)
            )
        return response.json()

    def streamed(self, tail: str, take: Callable[[httpx.Response], _T]) -> _T:
        """What *take* makes of the body at *tail*, begun anew where the body breaks off."""
        for left in reversed(range(_READS)):
            with self.api.stream("GET", self.path(tail), safe=True) as response:
                if response.is_error:
                    what = "Salesforce does not hand out the results."
                    raise refused(response, SourceError, what, self.where(tail))
                try:
                    return take(response)
                except httpx.TransportError as error:
                    broken = type(error).__name__
            if left:
                stopping.pause(1.0)
        raise SourceError(
            "Salesforce's results break off.",
            received=broken,
            where=self.where(tail),
            fix="Check the network. The next run catches up.",
        )
