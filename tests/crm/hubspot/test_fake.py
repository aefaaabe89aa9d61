"""The stand-in refuses what HubSpot refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm.fakes import spawned
from crm.hubspot.fake import TOKEN, Fake
from salesml.crm.hubspot import HubSpot

PATH = "crm/objects/2026-03/companies"
ONE = {"id": "c", "idProperty": "external_id", "properties": {"name": "x"}}


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as made:
        yield made


@pytest.mark.parametrize(
    ("verb", "body", "message"),
    [
        ("read", {"inputs": [{"id": str(n)} for n in range(101)], "properties": []}, "is 100"),
        ("update", {"inputs": []}, "is 100"),
        ("upsert", {"inputs": [ONE, ONE]}, "Duplicate IDs"),
        ("upsert", {"inputs": [{**ONE, "idProperty": "name"}]}, "non-unique property name"),
        ("upsert", {"inputs": [{**ONE, "properties": {"nam": "x"}}]}, '"nam" does not exist'),
        ("upsert", {"inputs": [{**ONE, "properties": {"total": "1"}}]}, "READ_ONLY_VALUE"),
        ("upsert", {"inputs": [{**ONE, "properties": {"band": "E"}}]}, "INVALID_OPTION"),
        ("upsert", {"inputs": [{**ONE, "properties": {"active": "yes"}}]}, "INVALID_BOOLEAN"),
        ("upsert", {"inputs": [{**ONE, "properties": {"since": "31.1.26"}}]}, "INVALID_DATE"),
        ("upsert", {"inputs": [{**ONE, "properties": {"score": 1}}]}, "INVALID_TYPE"),
    ],
)
def test_batches_that_are_refused(
    client: httpx.Client, verb: str, body: dict[str, Any], message: str
) -> None:
    response = client.post(f"{PATH}/batch/{verb}", json=body)
    assert response.status_code == 400
    assert message in response.json()["message"]


def test_unknown_properties_are_read_in_silence(fake: Fake, client: httpx.Client) -> None:
    record = fake.account.add("companies")
    body = {"inputs": [{"id": record}], "properties": ["nam"]}
    [row] = client.post(f"{PATH}/batch/read", json=body).json()["results"]
    assert row["properties"]["nam"] is None


@pytest.mark.parametrize(
    "body", [{"limit": 201}, {"limit": 200, "after": "9900"}, {"properties": ["x" * 3000]}]
)
def test_searches_have_limits(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post(f"{PATH}/search", json=body).status_code == 400


def test_addresses_and_pages_have_limits(client: httpx.Client) -> None:
    assert client.get(PATH, params={"properties": "x" * 20_000}).status_code == 414
    assert client.get(PATH, params={"limit": "101"}).status_code == 400


def test_it_runs_as_a_process_of_its_own() -> None:
    with spawned("crm.hubspot.fake") as address:
        httpx.post(f"{address}/_fake/faults", json={"match": "POST .*read", "status": 429})
        crm = HubSpot("crm", {"type": "hubspot", "token": TOKEN, "url": address})
        found = crm.fetch("companies", "external_id", ["c00007"], ["name"])
        assert found["c00007"].fields == {"name": "会社7"}
        state = httpx.get(f"{address}/_fake/state").json()
        assert (state["requests"], len(state["records"]["companies"])) == (2, 5_000)
