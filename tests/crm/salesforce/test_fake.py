"""The fake refuses what Salesforce refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm.fakes import spawned
from crm.salesforce.fake import CLIENT, SECRET, VERSION, Fake

ROOT = f"/services/data/v{VERSION}/"
JOB = {"object": "Account", "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with signed_in(address) as client:
        yield client


def signed_in(url: str) -> httpx.Client:
    form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
    token = httpx.post(f"{url}/services/oauth2/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url + ROOT, headers=headers)


def code(response: httpx.Response, status: int = 400) -> str:
    assert response.status_code == status
    return str(response.json()[0]["errorCode"])


def patch(client: httpx.Client, *records: dict[str, Any]) -> httpx.Response:
    kind = {"attributes": {"type": "Account"}}
    body = {"allOrNone": False, "records": [{**kind, **record} for record in records]}
    return client.patch("composite/sobjects", json=body)


def finished(client: httpx.Client, data: bytes, **more: str) -> dict[str, Any]:
    job = client.post("jobs/ingest", json={**JOB, **more}).json()["id"]
    assert client.put(f"jobs/ingest/{job}/batches", content=data, headers=CSV).status_code == 201
    client.patch(f"jobs/ingest/{job}", json={"state": "UploadComplete"})
    told: dict[str, Any] = {"state": ""}
    while told["state"] not in {"JobComplete", "Failed"}:
        told = client.get(f"jobs/ingest/{job}").json()
    return told


def test_the_door(client: httpx.Client, fake: Fake) -> None:
    assert code(httpx.get(client.base_url.join("limits/")), 401) == "INVALID_SESSION_ID"
    long = "queryAll/?q=" + "x" * 16_400
    assert code(client.get(long), 414) == "URI_TOO_LONG"
    text = client.patch("composite/sobjects", content=b"{}")
    assert code(text, 415) == "UNSUPPORTED_MEDIA_TYPE"
    fake.org.requests_left = 0
    assert code(client.get("limits/"), 403) == "REQUEST_LIMIT_EXCEEDED"


def test_collections(client: httpx.Client, fake: Fake) -> None:
    (record,) = fake.org.add("Account", [{"Name": "a"}])
    assert code(patch(client, *[{"id": record}] * 201)) == "LIMIT_EXCEEDED"
    assert code(patch(client, {"id": record, "Scor__c": 1})) == "INVALID_FIELD"
    for field, value in [
        ("Score__c", "1"),
        ("Score__c", True),
        ("Visits__c", 1.5),
        ("Hot__c", None),
        ("Reason__c", 5),
        ("Scored_On__c", "2026-06-01T00:00:00Z"),
        ("Scored_At__c", "2026-06-01 00:00:00"),
    ]:
        assert code(patch(client, {"id": record, field: value})) == "JSON_PARSER_ERROR"
    body = b'{"records": [{"attributes": {"type": "Account"}, "Score__c": NaN}]}'
    response = client.patch(
        "composite/sobjects", content=body, headers={"Content-Type": "application/json"}
    )
    assert code(response) == "JSON_PARSER_ERROR"
    assert not fake.org.writes


def test_texts_are_trimmed_and_measured(client: httpx.Client, fake: Fake) -> None:
    (record,) = fake.org.add("Account", [{"Name": "a"}])
    assert patch(client, {"id": record, "Reason__c": " x\n "}).json()[0]["success"]
    assert fake.org.records["Account"][record]["Reason__c"] == "x"
    answer = patch(client, {"id": record, "Reason__c": "😀" * 128}).json()[0]
    assert answer["errors"][0]["statusCode"] == "STRING_TOO_LONG"


def test_upserts_know_external_ids_alone(client: httpx.Client) -> None:
    record = {"attributes": {"type": "Account"}, "Name": "a", "id": "001"}
    for key in ("Name", "ExternalId__c"):
        response = client.patch(f"composite/sobjects/Account/{key}", json={"records": [record]})
        assert code(response) in {"NOT_FOUND", "INVALID_FIELD"}


@pytest.mark.parametrize(
    "soql",
    [
        "select Nope from Account",
        "select Id, Id from Account",
        "select Id from Nope",
        "select Id from Account where Name like 'a'",
        "select Id from Account where Id in ('x')",
        "select Id from Account where Number__c in ('1')",
        "select Id from Account where ExternalId__c in ('a' 'b')",
        "select Id from Account where ExternalId__c in ('a'b')",
        "select Id from Account where SystemModstamp >= 2026-06-01",
    ],
)
def test_queries(client: httpx.Client, soql: str) -> None:
    assert client.get("queryAll/", params={"q": soql}).status_code == 400


def test_plain_queries_hide_what_is_deleted_or_archived(client: httpx.Client, fake: Fake) -> None:
    (account,) = fake.org.add("Account", [{"Name": "a"}])
    fake.org.delete("Account", account)
    fake.org.add("Task", [{"IsArchived": True}])
    for name in ("Account", "Task"):
        soql = f"select Id from {name}"
        assert client.get("query/", params={"q": soql}).json()["totalSize"] == 0
        assert client.get("queryAll/", params={"q": soql}).json()["totalSize"] == 1


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"Id,Nope\n001,1\n", "Field name not found : Nope"),
        (b"Name\nx\n", "Field name not found : Id"),
        (b"Id,Score__c\r\n001,1\r\n", "LineEnding is invalid"),
        (b"Id,Score__c\n001\n", "Row length"),
        (b"Id,Reasons__c\n001," + b"x" * 32_001 + b"\n", "32000"),
    ],
)
def test_jobs_fail_as_a_whole(client: httpx.Client, data: bytes, told: str) -> None:
    job = finished(client, data)
    assert job["state"] == "Failed"
    assert told in job["errorMessage"]


def test_rows_of_jobs(client: httpx.Client, fake: Fake) -> None:
    (record,) = fake.org.add("Account", [{"Name": "a", "Score__c": 1.0, "Reason__c": "r"}])
    job = finished(client, f"Id,Score__c,Reason__c\n{record},,#N/A\n".encode())
    assert (job["state"], job["numberRecordsFailed"]) == ("JobComplete", 0)
    held = fake.org.records["Account"][record]
    assert (held["Score__c"], held["Reason__c"]) == (1.0, None)
    job = finished(client, f"Id,Score__c\n{record},many\n001000000000zzzAAA,1\n".encode())
    failed = client.get(f"jobs/ingest/{job['id']}/failedResults/").content.decode()
    assert "INVALID_TYPE_ON_FIELD_IN_RECORD" in failed
    assert "INVALID_CROSS_REFERENCE_KEY" in failed


def test_the_life_of_a_job(client: httpx.Client) -> None:
    assert code(client.post("jobs/ingest", json={**JOB, "object": "Nope"})) == "INVALIDENTITY"
    upsert = {**JOB, "operation": "upsert", "externalIdFieldName": "Name"}
    assert code(client.post("jobs/ingest", json=upsert)) == "INVALIDJOB"
    job = client.post("jobs/ingest", json=JOB).json()["id"]
    path, batches = f"jobs/ingest/{job}", f"jobs/ingest/{job}/batches"
    assert code(client.patch(path, json={"state": "UploadComplete"})) == "INVALIDJOBSTATE"
    assert code(client.get(f"{path}/successfulResults/")) == "INVALIDJOBSTATE"
    assert client.put(batches, content=b"Id\n", headers=CSV).status_code == 201
    assert code(client.put(batches, content=b"Id\n", headers=CSV)) == "CLIENTINPUTERROR"
    assert client.patch(path, json={"state": "Aborted"}).status_code == 200
    assert code(client.patch(path, json={"state": "Aborted"})) == "INVALIDJOBSTATE"
    assert code(client.put(batches, content=b"Id\n", headers=CSV)) == "INVALIDJOBSTATE"
    assert code(client.get("jobs/ingest/750nope"), 404) == "NOT_FOUND"


def test_a_process_of_its_own() -> None:
    with spawned("crm.salesforce.fake") as url:
        httpx.post(f"{url}/_fake/set", json={"requests_left": 2}).raise_for_status()
        filled = {"object": "Account", "count": 3}
        assert httpx.post(f"{url}/_fake/records", json=filled, timeout=30).json() == 3
        with signed_in(url) as client:
            assert client.get("limits/").json()["DailyApiRequests"]["Remaining"] == 1
        records = httpx.get(f"{url}/_fake/records", params={"object": "Account"}).json()
        assert [r["ExternalId__c"] for r in records] == ["A-0000000", "A-0000001", "A-0000002"]
        assert httpx.get(f"{url}/_fake/state").json()["written"] == 0
