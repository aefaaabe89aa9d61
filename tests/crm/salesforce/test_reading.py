"""Reading Salesforce."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.fault_proxy import FaultProxy
from crm.salesforce.fake import Fake
from crm.salesforce.query import literals
from salesml.crm.salesforce import Salesforce, soql
from salesml.crm.salesforce.objects import Field
from salesml.crm.salesforce.results import lines
from salesml.errors import QuotaError, SourceError

TEXT = '理由 "a", b\n次の行\u2028\x85終\rx'


def read(crm: Salesforce, table: str, since: tuple[str, str] | None = None) -> list[dict[str, Any]]:
    with duckdb.connect() as con:
        crm.load(con, table, "raw", options={}, since=since)
        found = con.execute("from raw")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_values_of_all_kinds(fake: Fake, crm: Salesforce) -> None:
    record = {
        "Name": TEXT,
        "Score__c": 12.0,
        "Visits__c": 2**31,
        "Hot__c": True,
        "Scored_On__c": "2026-06-01",
        "Scored_At__c": "2026-06-01T03:04:05.000+0000",
        "Reasons__c": "長" * 131_072,
    }
    fake.org.add("Account", [record, {"Name": "empty"}])
    full, empty = read(crm, "Account")
    assert {name: full[name] for name in record} == {
        **record,
        "Scored_On__c": dt.date(2026, 6, 1),
        "Scored_At__c": dt.datetime(2026, 6, 1, 3, 4, 5),
    }
    assert [empty[n] for n in ("Score__c", "Visits__c", "Scored_On__c", "Reason__c")] == [None] * 4
    assert empty["Hot__c"] is False
    assert "BillingAddress" not in empty  # jobs cannot read compound fields


def test_types_are_those_of_the_object_even_without_rows(crm: Salesforce) -> None:
    with duckdb.connect() as con:
        crm.load(con, "Account", "raw", options={}, since=None)
        kinds = {row[0]: row[1] for row in con.execute("describe raw").fetchall()}
    assert kinds["Score__c"] == "DOUBLE"
    assert kinds["Visits__c"] == "BIGINT"
    assert kinds["Scored_At__c"] == "TIMESTAMP"
    assert kinds["_deleted"] == "BOOLEAN"


def test_deleted_merged_and_archived_records_are_read(fake: Fake, crm: Salesforce) -> None:
    ids = fake.org.add("Account", [{"Name": name} for name in "abc"])
    fake.org.delete("Account", ids[0])
    fake.org.delete("Account", ids[1], into=ids[2])
    fake.org.add("Task", [{"Subject": "old", "IsArchived": True}])
    rows = {row["Name"]: row for row in read(crm, "Account")}
    assert [rows[name]["_deleted"] for name in "abc"] == [True, True, False]
    assert rows["b"]["MasterRecordId"] == ids[2]
    assert [row["Subject"] for row in read(crm, "Task")] == ["old"]


def test_pages_are_followed_by_their_locator(fake: Fake, crm: Salesforce) -> None:
    fake.page = 7
    fake.org.add("Account", [{"Name": f"n{i}\nx"} for i in range(20)])
    assert sorted(row["Name"] for row in read(crm, "Account")) == sorted(
        f"n{i}\nx" for i in range(20)
    )
    assert sum("results" in request for request in fake.requests) == 3


def test_incremental_reads_begin_a_little_earlier(fake: Fake, crm: Salesforce) -> None:
    ids = fake.org.add("Account", [{"Name": f"n{i}"} for i in range(3_000)])
    fake.org.delete("Account", ids[1])
    rows = read(crm, "Account", since=("SystemModstamp", "2026-06-01 00:50:00"))
    stamps = [row["SystemModstamp"] for row in rows]
    assert min(stamps) == dt.datetime(2026, 6, 1, 0, 35)
    assert [row["Id"] for row in rows if row["_deleted"]] == [ids[1]]


def test_incremental_reads_by_a_date(fake: Fake, crm: Salesforce) -> None:
    days = ["2026-05-31", "2026-06-01", "2026-06-02"]
    fake.org.add("Task", [{"Subject": day, "ActivityDate": day} for day in days])
    rows = read(crm, "Task", since=("ActivityDate", "2026-06-01"))
    assert sorted(row["Subject"] for row in rows) == days[1:]


def test_columns_and_near_misses(crm: Salesforce) -> None:
    assert crm.columns("Account")["Probability__c"] == "double"
    with pytest.raises(SourceError, match="Did you mean 'Account'"):
        crm.columns("Acount")
    with pytest.raises(SourceError, match="Did you mean 'SystemModstamp'"):
        read(crm, "Account", since=("SystemModStamp", "2026-06-01"))


def test_a_query_job_that_fails(fake: Fake, crm: Salesforce) -> None:
    fake.script("GET .*jobs/query/", 200, {"state": "Failed", "errorMessage": "too complicated"})
    with pytest.raises(SourceError, match="too complicated"):
        read(crm, "Account")


@pytest.mark.faults
def test_fault_04_503_and_resets_while_polling_a_query(
    fake: Fake, proxy: FaultProxy, shaky: Salesforce
) -> None:
    fake.org.add("Account", [{"Name": TEXT}])
    for kind in ("down", "reset", "drop", "cut", "truncate"):
        proxy.script(kind, "GET .*jobs/query/", times=2)
    assert [row["Name"] for row in read(shaky, "Account")] == [TEXT]


@pytest.mark.faults
def test_fault_08_429_while_reading_is_waited_for(
    proxy: FaultProxy, shaky: Salesforce, pauses: list[float]
) -> None:
    proxy.script("busy", "GET .*describe", retry_after="7")
    assert shaky.exists("Account")
    assert pauses == [7.0]


@pytest.mark.faults
def test_fault_09_no_requests_left(fake: Fake, crm: Salesforce) -> None:
    fake.org.requests_left = 0
    with pytest.raises(QuotaError, match="24 hours") as gone:
        read(crm, "Account")
    assert "TotalRequests Limit exceeded" in str(gone.value)


def test_too_many_requests_at_a_time_are_waited_for(fake: Fake, crm: Salesforce) -> None:
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    body = [{"message": message, "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    fake.script("GET .*describe", 403, body, times=2)
    assert crm.exists("Account")


def test_limits(fake: Fake, crm: Salesforce) -> None:
    fake.org.requests_left, fake.org.batches_left = 500, 3
    left = crm.allowance()
    assert (left.calls, left.rows) == (499, 30_000)


@given(st.integers(0, 60_000), st.integers(0, 60_000))
def test_more_rows_never_cost_less(some: int, more: int) -> None:
    crm = Salesforce(
        "crm", {"type": "salesforce", "url": "https://a.b", "client_id": "c", "client_secret": "s"}
    )
    assert crm.cost(min(some, more)) <= crm.cost(max(some, more))


def key_of(kind: str) -> Field:
    return Field.of_json({"name": "Key__c", "type": kind})


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=300))
def test_every_id_is_asked_for_in_addresses_that_are_not_too_long(ids: list[str]) -> None:
    ids = ids * 20
    queries = list(soql.matching(["Id"], "Account", key_of("string"), ids))
    inside = [query.partition(" in (")[2].removesuffix(")") for query in queries]
    assert [text for part in inside for text in literals(part)] == ids
    for query in queries:
        assert (
            len(str(httpx.URL("https://a.my.salesforce.com/").join(soql.address(query)))) < 13_000
        )


def test_ids_that_no_record_can_have_are_not_asked_for() -> None:
    wanted = ["001000000000001AAA", "short", "x' or Name != '"]
    (query,) = soql.matching(["Id"], "Account", key_of("id"), wanted)
    assert query == "select Id from Account where Key__c in ('001000000000001AAA')"
    (query,) = soql.matching(["Id"], "Account", key_of("double"), ["7", "1e3", "seven", "nan"])
    assert query == "select Id from Account where Key__c in (7,1000)"


def test_incremental_values_that_cannot_be_compared() -> None:
    assert soql.since(key_of("double"), "12.5") == "Key__c >= 12.5"
    assert soql.since(key_of("string"), "a'b") == "Key__c >= 'a\\'b'"
    for kind in ("double", "datetime"):
        with pytest.raises(SourceError):
            soql.since(key_of(kind), "soon")


@given(st.text(alphabet="aé日\u2028\x85\r\n\x0c😀"), st.integers(1, 7))
def test_lines_end_with_line_feeds_alone(text: str, size: int) -> None:
    data = text.encode()
    found = list(lines(data[i : i + size] for i in range(0, len(data), size)))
    assert "".join(found) == text
    assert all("\n" not in line.removesuffix("\n") for line in found)
