from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm.fakes import serving
from crm.fault_proxy import FaultProxy
from crm.hubspot.account import definition
from crm.hubspot.fake import TOKEN, Fake
from salesml import stopping
from salesml.crm.hubspot import HubSpot


@pytest.fixture
def fake() -> Fake:
    """An account with companies by ``external_id`` and contacts by e-mail, and nobody in it."""
    made = Fake()
    made.account.define(
        "companies",
        definition("external_id", unique=True),
        definition("name"),
        definition("note", fieldType="textarea"),
        definition("score", "number"),
        definition("total", "number", calculated=True),
        definition("active", "bool"),
        definition("since", "date"),
        definition("seen_at", "datetime"),
        definition("band", "enumeration", options=["A", "B", "C", "D"]),
        definition("position", "object_coordinates"),
    )
    made.account.define("contacts", definition("email"), definition("firstname"))
    return made


@pytest.fixture
def proxy(fake: Fake) -> Iterator[FaultProxy]:
    with serving(fake.app) as address:
        yield FaultProxy(address)


@pytest.fixture
def url(proxy: FaultProxy) -> Iterator[str]:
    with proxy.serving() as address:
        yield address


@pytest.fixture
def hubspot(url: str) -> HubSpot:
    return HubSpot("crm", {"type": "hubspot", "token": TOKEN, "url": url})


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waiting takes no time; how long it would have been."""
    waited: list[float] = []
    monkeypatch.setattr(stopping, "pause", waited.append)
    return waited
