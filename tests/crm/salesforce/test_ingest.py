"""Large changes, by ingest jobs."""

from __future__ import annotations

import csv
import io
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.fault_proxy import FaultProxy
from crm.salesforce.conftest import Noted
from crm.salesforce.fake import Fake
from crm.salesforce.writer import KEY
from salesml import stopping
from salesml.crm.records import Fate, Refusal, Write
from salesml.crm.salesforce import Salesforce, connection, ingest
from salesml.crm.salesforce.answers import Told
from salesml.crm.salesforce.change import Change
from salesml.errors import ExportError, QuotaError, SourceError, StoppedError, UnansweredError

IDS = [f"A-{i:07d}" for i in range(30)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs from the third record on."""
    monkeypatch.setattr(connection, "_SMALL", 2)


@pytest.fixture(autouse=True)
def accounts(fake: Fake) -> list[str]:
    return fake.org.add("Account", [{KEY: i, "Name": i, "Reason__c": "old"} for i in IDS])


def write(
    crm: Salesforce, rows: dict[str, dict[str, Any]], noted: Noted, key: str = KEY
) -> dict[str, Refusal]:
    seen = crm.fetch("Account", key, list(rows), [])
    writes = [Write(i, fields, seen.get(i)) for i, fields in rows.items()]
    return crm.write("Account", key, writes, jobs=noted)


def scores(value: object = 7, ids: list[str] = IDS) -> dict[str, dict[str, Any]]:
    return {i: {"Score__c": value} for i in ids}


def held(fake: Fake, *names: str) -> dict[str, list[Any]]:
    return {r[KEY]: [r.get(n) for n in names] for r in fake.org.records["Account"].values()}


def fates(refusals: dict[str, Refusal]) -> dict[str, Fate]:
    return {i: refusal.fate for i, refusal in refusals.items()}


def test_seen_records_by_id_and_new_ones_by_external_id(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    new = [f"N-{i}" for i in range(5)]
    rows = scores() | {i: {"Score__c": 8, "Name": i} for i in new}
    assert write(crm, rows, noted) == {}
    shown = held(fake, "Score__c")
    assert [shown[i] for i in IDS] == [[7.0]] * 30
    assert [shown[i] for i in new] == [[8.0]] * 5
    assert [job.operation for job in fake.ingest.jobs.values()] == ["update", "upsert"]
    assert len(noted.begun) == 2
    assert not noted.open
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
def test_fault_18_null_is_written_and_a_missing_field_is_no_change(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    rows = {i: {"Score__c": 1, "Reason__c": None} for i in IDS[:10]}
    rows |= {i: {"Score__c": None, "Reason__c": ""} for i in IDS[10:20]}
    rows |= {i: {"Score__c": 0.0} for i in IDS[20:]}
    assert write(crm, rows, noted) == {}
    shown = held(fake, "Score__c", "Reason__c")
    assert [shown[i] for i in IDS[:10]] == [[1.0, None]] * 10
    assert [shown[i] for i in IDS[10:20]] == [[None, None]] * 10
    assert [shown[i] for i in IDS[20:]] == [[0.0, "old"]] * 10


@pytest.mark.faults
def test_fault_17_texts_that_csv_must_carry(fake: Fake, crm: Salesforce, noted: Noted) -> None:
    texts = ['株, "q"', "a\nb", "a\r\nb", "c\u2028d\x85e", "😀", '"', ",", "#N/A", "=1+1", "#n/a"]
    rows = {i: {"Reason__c": text} for i, text in zip(IDS, texts, strict=False)}
    rows["東京\n '1'"] = {"Name": "new"}
    assert write(crm, rows, noted) == {}
    shown = held(fake, "Reason__c")
    assert [shown[i] for i in IDS[: len(texts)]] == [[text] for text in texts]
    assert len(fake.ingest.jobs) == 1  # text that means null in a job, and the new one, go by row
    refusals = write(crm, {i: {"Reason__c": "長" * (250 + n)} for n, i in enumerate(IDS)}, noted)
    assert set(refusals) == set(IDS[6:])
    assert "STRING_TOO_LONG: Reason__c: data value too large" in refusals[IDS[6]].error
    assert "(Reason__c)" in refusals[IDS[6]].error


@pytest.mark.faults
def test_fault_17_ids_in_japanese_are_found_in_the_results(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    ids = ["東京,1", '東"京', "東\n京", "東\u2028京", "e\u0301"]
    assert write(crm, {i: {"Name": i} for i in ids}, noted) == {}
    fake.org.poison = "bad"
    refusals = crm.write("Account", KEY, [Write(i, {"Name": "bad"}) for i in ids], jobs=noted)
    assert set(refusals) == set(ids)


@pytest.mark.faults
def test_fault_06_a_complete_job_with_failed_rows(
    fake: Fake, crm: Salesforce, noted: Noted, accounts: list[str]
) -> None:
    fake.org.poison = "bad"
    seen = crm.fetch("Account", KEY, IDS, [])
    fake.org.locks = {accounts[0]: 1}
    fake.org.delete("Account", accounts[1])
    fake.org.delete("Account", accounts[2], purge=True)
    rows = {i: {"Reason__c": "fine"} for i in IDS} | {IDS[3]: {"Reason__c": "bad: a, b"}}
    writes = [Write(i, fields, seen[i]) for i, fields in rows.items()]
    refusals = crm.write("Account", KEY, writes, jobs=noted)
    assert fates(refusals) == {
        IDS[0]: Fate.RETRY,
        IDS[1]: Fate.GONE,
        IDS[2]: Fate.GONE,
        IDS[3]: Fate.DEAD,
    }
    assert not noted.open


@pytest.mark.faults
def test_fault_05_a_failed_job_with_all_kinds_of_results(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    fake.ingest.troubles.fail_after = 20
    fake.org.poison = "bad"
    rows = {i: {"Reason__c": "bad" if n < 5 else "fine"} for n, i in enumerate(IDS)}
    refusals = write(crm, rows, noted)
    assert {i for i, fate in fates(refusals).items() if fate is Fate.DEAD} == set(IDS[:5])
    untried = {i for i, fate in fates(refusals).items() if fate is Fate.NOT_TRIED}
    assert untried == set(IDS[20:])
    assert "InternalServerError" in refusals[IDS[29]].error
    assert write(crm, {i: rows[i] for i in untried}, noted) == {}
    assert [fake.org.writes[r["Id"]] for r in fake.org.records["Account"].values()] == [0] * 5 + [
        1
    ] * 25


@pytest.mark.faults
def test_fault_05_a_job_that_fails_before_its_first_row(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    fake.ingest.troubles.fail_after = 0
    with pytest.raises(ExportError, match="InternalServerError"):
        write(crm, scores(), noted)
    assert not noted.open
    crm.check_target("Account", KEY, {"Score__c": float}, create=False)
    seen = crm.fetch("Account", KEY, IDS, [])
    fake.org.hidden = {"Account.Score__c"}
    with pytest.raises(ExportError, match="Field name not found : Score__c"):
        crm.write("Account", KEY, [Write(i, {"Score__c": 1}, seen[i]) for i in IDS], jobs=noted)


def test_rows_that_no_result_names_are_looked_at_again(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    fake.ingest.troubles.unnamed = 2
    assert fates(write(crm, scores(), noted)) == dict.fromkeys(IDS[:2], Fate.RETRY)


def test_a_job_that_somebody_aborts_stops_the_run(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    fake.ingest.troubles.aborted = True
    with pytest.raises(SourceError, match="Somebody took the job away"):
        write(crm, scores(), noted)
    (job,) = noted.open
    crm.settle(job)


@pytest.mark.faults
def test_fault_04_503_and_resets_while_polling_never_abort(
    fake: Fake, proxy: FaultProxy, shaky: Salesforce, noted: Noted
) -> None:
    for kind in ("down", "reset", "drop", "cut", "truncate"):
        proxy.script(kind, r"GET .*jobs/ingest/\w+$", times=3)
        proxy.script(kind, r"GET .*Results/$", times=2)
    proxy.script("down", r"GET .*jobs/ingest/\w+$", times=30, retry_after="1")
    assert write(shaky, scores(), noted) == {}
    assert len(noted.begun) == 1
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["cut", "drop", "reset", "duplicate", "truncate"])
@pytest.mark.parametrize("step", ["POST .*jobs/ingest", "PUT .*", "PATCH .*jobs/ingest.*"])
def test_fault_03_answers_lost_at_every_step_of_a_job(
    fake: Fake, proxy: FaultProxy, shaky: Salesforce, noted: Noted, kind: str, step: str
) -> None:
    proxy.script(kind, step)
    assert write(shaky, scores(), noted) == {}
    assert not noted.open
    assert held(fake, "Score__c") == {i: [7.0] for i in IDS}
    assert set(fake.org.writes.values()) == {1}


def test_uploads_that_never_get_through(
    fake: Fake, proxy: FaultProxy, shaky: Salesforce, noted: Noted
) -> None:
    proxy.script("cut", "PUT .*", times=3)
    with pytest.raises(UnansweredError):
        write(shaky, scores(), noted)
    assert not noted.open
    assert {job.state for job in fake.ingest.jobs.values()} == {"Aborted"}


@pytest.mark.faults
def test_fault_08_429_and_503_with_retry_after_before_an_upload(
    proxy: FaultProxy, shaky: Salesforce, noted: Noted, pauses: list[float]
) -> None:
    proxy.script("busy", "PUT .*", retry_after="11")
    proxy.script("down", "PATCH .*", retry_after="13")
    assert write(shaky, scores(), noted) == {}
    assert len(noted.begun) == 1
    assert {11.0, 13.0} <= set(pauses)


@pytest.mark.faults
def test_fault_09_the_quota_ends_while_a_job_works(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    seen = crm.fetch("Account", KEY, IDS, [])
    fake.org.requests_left = 3  # made, filled, begun
    with pytest.raises(QuotaError):
        crm.write("Account", KEY, [Write(i, {"Score__c": 7}, seen[i]) for i in IDS], jobs=noted)
    (job,) = noted.open
    fake.org.requests_left = 100
    crm.settle(job)
    assert held(fake, "Score__c") == {i: [7.0] for i in IDS}


@pytest.mark.faults
def test_fault_10_the_token_expires_at_every_step_of_a_job(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    fake.token_uses = 1
    assert write(crm, scores(), noted) == {}
    assert fake.counted["sign-ins"] > 5
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
def test_fault_11_siblings_travel_together_and_wait_for_no_lock(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    parents = fake.org.add("Account", [{"Name": f"p{i}"} for i in range(20)])
    ids = [f"C-{i}" for i in range(1_000)]
    rows = [{KEY: k, "LastName": k, "AccountId": parents[i % 20]} for i, k in enumerate(ids)]
    fake.org.add("Contact", rows)
    fake.org.parallel = True  # a chunk of 200 locks the parents of its neighbour
    seen = crm.fetch("Contact", KEY, ids, [])
    writes = [Write(i, {"Score__c": 1}, seen[i]) for i in ids]
    assert crm.write("Contact", KEY, writes, jobs=noted) == {}


def test_an_upload_holds_no_more_bytes_than_it_may(
    fake: Fake, crm: Salesforce, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    upload = fake.ingest.upload

    def measured(job: Any, data: bytes) -> None:
        sizes.append(len(data))
        upload(job, data)

    monkeypatch.setattr(fake.ingest, "upload", measured)
    monkeypatch.setattr(ingest, "UPLOAD", 2_000)
    assert write(crm, {i: {"Reason__c": "長" * 60} for i in IDS}, noted) == {}
    assert max(sizes) <= 2_000
    assert len(sizes) == 4
    assert len(noted.begun) == 4


def test_data_that_salesforce_refuses(fake: Fake, crm: Salesforce, noted: Noted) -> None:
    refusal = [{"message": "too large", "errorCode": "CLIENTINPUTERROR"}]
    fake.script("PUT .*", 400, refusal, times=3)
    with pytest.raises(ExportError, match="too large"):
        write(crm, scores(), noted)
    fake.script("PATCH .*", 400, [{"message": "no", "errorCode": "INVALIDJOBSTATE"}])
    with pytest.raises(ExportError, match="does not begin"):
        write(crm, scores(), noted)
    fake.script("POST .*", 403, [{"message": "no", "errorCode": "API_DISABLED_FOR_ORG"}])
    with pytest.raises(SourceError, match="makes no job"):
        write(crm, scores(), noted)
    assert not noted.open
    assert {job.state for job in fake.ingest.jobs.values()} == {"Aborted"}


def test_results_without_the_column_that_names_rows(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    fake.script("GET .*successfulResults/", 200, '"sf__Id","sf__Created"\n"x","y"\n')
    with pytest.raises(SourceError, match="no column Id"):
        write(crm, scores(), noted)
    assert len(noted.open) == 1


def test_a_job_that_takes_for_ever(
    fake: Fake, crm: Salesforce, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.ingest.troubles.held = True
    waited: list[float] = []
    monkeypatch.setattr(stopping, "pause", waited.append)
    monkeypatch.setattr("salesml.crm.salesforce.waiting._LONGEST", 600.0)
    with pytest.raises(SourceError, match="within six hours"):
        write(crm, scores(), noted)
    assert waited[0] <= 0.2
    assert max(waited) == 30
    assert len(noted.open) == 1


def test_being_asked_to_stop_leaves_the_job_for_the_next_run(
    fake: Fake, crm: Salesforce, noted: Noted
) -> None:
    fake.ingest.troubles.held = True
    threading.Timer(0.1, stopping.stop).start()
    with stopping.finishing(), pytest.raises(StoppedError):
        write(crm, scores(), noted)
    (job,) = noted.open
    fake.ingest.release()
    crm.settle(job)
    assert held(fake, "Score__c") == {i: [7.0] for i in IDS}


def test_settling_jobs_in_every_state(fake: Fake, crm: Salesforce, noted: Noted) -> None:
    crm.settle("750000000000999AAA")  # unknown: over
    assert write(crm, scores(), noted) == {}
    crm.settle(noted.begun[0])
    job = fake.ingest.create(
        {"object": "Account", "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
    )
    crm.settle(job.id)
    assert job.state == "Aborted"
    crm.settle(job.id)


# small pieces ------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_uploads_hold_every_change_once(texts: list[str]) -> None:
    changes = [Change(str(n), None, f"001{n}", "", {"T": t or None}) for n, t in enumerate(texts)]
    found = []
    for upload in ingest.uploads(KEY, changes):
        text = upload.data.decode()
        head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        assert head == ["Id", "T"]
        found += rows
    assert found == [[f"001{n}", t or "#N/A"] for n, t in enumerate(texts)]


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("CODE:text: more:A,B --", Told("CODE", "text: more", ("A", "B"))),
        ("CODE:text:--", Told("CODE", "text")),
        ("CODE:text\nsecond: --", Told("CODE", "text\nsecond")),
        ("CODE:text", Told("CODE", "text")),
        ("text", Told("text", "")),
    ],
)
def test_errors_in_cells(cell: str, told: Told) -> None:
    assert Told.of_cell(cell) == told
