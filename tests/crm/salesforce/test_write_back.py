"""Nights that write scores to Salesforce, whatever happens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crm.fault_proxy import FaultProxy
from crm.salesforce.fake import Fake
from salesml.crm.salesforce import Salesforce, connection
from salesml.errors import QuotaError, SourceError
from salesml.export import ExportResult, Ledger, Target, write_back

KEY = "ExternalId__c"
FIELDS = {"Score__c": "score", "Reason__c": "reason", "Hot__c": "hot", "Scored_On__c": "on"}
IDS = [f"A-{i:03d}" for i in range(50)]

Night = Callable[..., ExportResult]


@pytest.fixture(autouse=True)
def accounts(fake: Fake) -> dict[str, str]:
    ids = fake.org.add("Account", [{KEY: i, "Name": i} for i in IDS])
    return dict(zip(IDS, ids, strict=True))


@pytest.fixture(autouse=True)
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs from the third record on, where the test does not say otherwise."""
    most = getattr(request, "param", 2)
    monkeypatch.setattr(connection, "_SMALL", most)


by_collections = pytest.mark.parametrize("small", [2_000], indirect=True)
both = pytest.mark.parametrize("small", [2, 2_000], indirect=True, ids=["job", "collections"])


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def scores(ids: Sequence[str] = IDS, **columns: Any) -> pd.DataFrame:
    given = {"score": 7.0, "reason": "理由", "hot": True, "on": dt.date(2026, 6, 1), **columns}
    return pd.DataFrame({"external_id": list(ids), **given})


def night(
    crm: Salesforce, ledger: Ledger, rows: pd.DataFrame, day: int = 1, mode: str = "update"
) -> ExportResult:
    return write_back(
        Target("accounts", "Account", KEY, mode, FIELDS),
        rows,
        connection=crm,
        ledger=ledger,
        as_of=dt.date(2026, 6, day),
        run_id=f"r{day}",
        now=lambda: dt.datetime(2026, 6, day, 3),
    )


def held(fake: Fake, name: str) -> set[Any]:
    return {r.get(name) for r in fake.org.records["Account"].values() if r[KEY] in IDS}


@both
def test_a_night_and_the_next(
    fake: Fake, crm: Salesforce, ledger: Ledger, accounts: dict[str, str]
) -> None:
    first = night(crm, ledger, scores())
    assert (first.written, first.verified, first.dead) == (50, 50, 0)
    assert held(fake, "Reason__c") == {"理由"}
    fake.org.edit("Account", accounts["A-000"], Score__c=99.0)
    fake.org.delete("Account", accounts["A-001"])
    rows = scores(score=[7.0] * 40 + [8.0] * 10)
    rows.loc[:1, "score"] = 9.0
    second = night(crm, ledger, rows, day=2)
    assert (second.written, second.unchanged, second.kept, second.missing) == (10, 38, 1, 1)
    assert fake.org.made == 0
    assert max(fake.org.writes.values()) == 2


@pytest.mark.faults
@both
def test_fault_11_locked_rows_are_tried_again_until_they_are_free(
    fake: Fake, crm: Salesforce, ledger: Ledger, accounts: dict[str, str]
) -> None:
    fake.org.locks = dict.fromkeys(list(accounts.values())[:5], 3)
    fake.org.locks[accounts["A-010"]] = 99
    result = night(crm, ledger, scores())
    assert (result.written, result.dead) == (49, 1)
    assert "UNABLE_TO_LOCK_ROW" in result.failures[0].error
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
def test_fault_05_a_failed_job_is_gone_on_with(fake: Fake, crm: Salesforce, ledger: Ledger) -> None:
    fake.ingest.troubles.fail_after = 25
    assert night(crm, ledger, scores()).written == 50
    fake.ingest.troubles.fail_after = 0
    assert night(crm, ledger, scores(score=8.0), day=2).written == 50
    assert set(fake.org.writes.values()) == {2}


@pytest.mark.faults
@by_collections
def test_fault_14_what_requests_die_of_is_found_and_dead(
    fake: Fake, crm: Salesforce, ledger: Ledger
) -> None:
    fake.org.crash = "boom"
    reasons = ["boom" if i in {"A-007", "A-033"} else "fine" for i in IDS]
    result = night(crm, ledger, scores(reason=reasons))
    assert (result.written, result.dead) == (48, 2)
    assert {failure.external_id for failure in result.failures} == {"A-007", "A-033"}
    assert "UNKNOWN_EXCEPTION" in result.failures[0].error
    assert set(fake.org.writes.values()) == {1}
    before = len(fake.requests)
    assert night(crm, ledger, scores(reason=reasons), day=2).written == 0
    assert not any("PATCH" in request for request in fake.requests[before:])


@pytest.mark.faults
@both
def test_fault_15_a_field_that_is_ignored_is_told(
    fake: Fake, crm: Salesforce, ledger: Ledger
) -> None:
    fake.org.ignored = {"Account.Score__c"}
    result = night(crm, ledger, scores())
    assert set(result.dropped) == {"Score__c"}


@pytest.mark.faults
@both
def test_fault_17_long_texts_are_cut_and_kept_as_they_are(
    fake: Fake, crm: Salesforce, ledger: Ledger
) -> None:
    text = '「株」, "q"\nb\u2028c\x85d'
    reasons = ["長" * 254 + " 続き", text, f"  {text} ", "😀" * 200, *[text] * 46]
    result = night(crm, ledger, scores(reason=reasons))
    assert (result.written, result.verified, result.dead) == (50, 50, 0)
    assert held(fake, "Reason__c") == {"長" * 254, text, "😀" * 127}
    assert "2 texts were too long for 'Reason__c'" in " ".join(result.warnings)
    assert night(crm, ledger, scores(reason=reasons), day=2).unchanged == 50


@pytest.mark.faults
@both
def test_fault_18_nothing_is_written_as_nothing(
    fake: Fake, crm: Salesforce, ledger: Ledger
) -> None:
    night(crm, ledger, scores())
    rows = scores(score=float("nan"), reason="", hot=None, on=None)
    result = night(crm, ledger, rows, day=2)
    assert (result.written, result.verified) == (50, 50)
    assert (held(fake, "Score__c"), held(fake, "Reason__c")) == ({None}, {None})
    assert (held(fake, "Hot__c"), held(fake, "Scored_On__c")) == ({False}, {None})


@pytest.mark.faults
@both
def test_fault_12_ids_that_salesforce_takes_for_one(
    fake: Fake, crm: Salesforce, ledger: Ledger
) -> None:
    result = night(crm, ledger, scores([*IDS, "a-000", "A-001"]))
    assert (result.written, result.dead, result.missing) == (49, 2, 1)
    assert ledger.history("accounts", "a-000")[-1].error == (
        "Salesforce takes a-000 and A-000 for one"
    )
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
@both
def test_fault_09_the_quota_ends_and_the_next_night_goes_on(
    fake: Fake, crm: Salesforce, ledger: Ledger
) -> None:
    fake.script("P.*(composite|ingest)", 403, LIMIT)
    first = night(crm, ledger, scores())
    assert isinstance(first.stopped, QuotaError)
    assert (first.written, first.carried) == (0, 50)
    second = night(crm, ledger, scores(), day=2)
    assert second.written == 50
    assert set(fake.org.writes.values()) == {1}


LIMIT = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]


def test_fewer_requests_left_than_the_night_takes(
    fake: Fake, crm: Salesforce, ledger: Ledger
) -> None:
    fake.org.requests_left = 12
    result = night(crm, ledger, scores())
    assert result.stopped is None
    assert result.carried > 0
    fake.org.requests_left = 10_000
    assert night(crm, ledger, scores(), day=2).written == 50 - result.written


@pytest.mark.faults
@both
def test_fault_03_answers_lost_after_the_commit(
    fake: Fake,
    proxy: FaultProxy,
    shaky: Salesforce,
    ledger: Ledger,
) -> None:
    proxy.script("cut", "P[A-Z]+ .*(composite|ingest)", times=3)
    result = night(shaky, ledger, scores())
    assert (result.written, result.dead, result.waiting) == (50, 0, 0)
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
@both
def test_fault_19_records_that_are_gone_are_never_made_anew(
    fake: Fake, crm: Salesforce, ledger: Ledger, accounts: dict[str, str]
) -> None:
    fake.org.delete("Account", accounts["A-000"])
    fake.org.delete("Account", accounts["A-001"], into=accounts["A-002"])
    result = night(crm, ledger, scores(), mode="upsert")
    assert (result.written, result.missing) == (48, 2)
    fake.org.delete("Account", accounts["A-003"], purge=True)
    again = night(crm, ledger, scores(score=8.0), day=2, mode="upsert")
    assert (again.written, again.missing) == (47, 3)
    assert fake.org.made == 0


def test_a_system_that_is_down_and_the_night_after(
    proxy: FaultProxy,
    shaky: Salesforce,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("salesml.crm.http.PATIENCE", 0.0)
    proxy.script("down", "", times=1_000_000)
    first = night(shaky, ledger, scores())
    assert isinstance(first.stopped, SourceError)
    assert first.carried == 50
    proxy.faults.clear()
    assert night(shaky, ledger, scores(), day=2).written == 50
