"""A fake org, a connection to it, and jobs that note what they are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from crm.fakes import serving
from crm.fault_proxy import FaultProxy
from crm.salesforce.fake import CLIENT, SECRET, Fake
from salesml import stopping
from salesml.crm.salesforce import Salesforce


@dataclass
class Noted:
    """Jobs, as the ledger would keep them."""

    open: dict[str, list[str]] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)

    def begin(self, job: str, ids: Sequence[str]) -> None:
        self.open[job] = list(ids)
        self.begun.append(job)

    def end(self, job: str) -> None:
        del self.open[job]


def connected(url: str, /, **more: str) -> Salesforce:
    spec = {"type": "salesforce", "url": url, "client_id": CLIENT, "client_secret": SECRET}
    return Salesforce("crm", {**spec, **more})


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def address(fake: Fake) -> Iterator[str]:
    with serving(fake.app) as url:
        yield url


@pytest.fixture
def crm(address: str) -> Salesforce:
    return connected(address)


@pytest.fixture
def proxy(address: str) -> FaultProxy:
    return FaultProxy(address)


@pytest.fixture
def shaky(fake: Fake, proxy: FaultProxy) -> Iterator[Salesforce]:
    """A connection through the proxy."""
    with proxy.serving() as url:
        fake.instance = url
        yield connected(url)


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits are noted, and last a thousandth."""
    waited: list[float] = []
    pause = stopping.pause

    def short(seconds: float) -> None:
        waited.append(seconds)
        pause(seconds / 1000 + 0.001)

    monkeypatch.setattr(stopping, "pause", short)
    return waited
