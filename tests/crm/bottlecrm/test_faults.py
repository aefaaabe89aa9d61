"""Things that go wrong between salesml and a real BottleCRM, and what the CRM holds in the end."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crm.bottlecrm.server import Organisation
from crm.fault_proxy import FaultProxy
from salesml import stopping
from salesml.crm import Connection, connect, http
from salesml.errors import LockedError
from salesml.export import ExportResult, Ledger, write_back
from salesml.export.target import Target

pytestmark = pytest.mark.faults
NIGHT = dt.date(2026, 1, 5)
IDS = [f"A{number}" for number in range(1, 5)]


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are noted, not made."""
    seconds: list[float] = []
    monkeypatch.setattr(stopping, "pause", seconds.append)
    return seconds


@pytest.fixture(autouse=True)
def fields(org: Organisation) -> None:
    for key, kind in {"ours": "text", "score": "number", "band": "text"}.items():
        org.field("accounts", key, kind)


@pytest.fixture
def proxy(org: Organisation) -> FaultProxy:
    return FaultProxy(org.url)


@pytest.fixture
def records(org: Organisation) -> dict[str, str]:
    """BottleCRM's ids by ours."""
    return {i: org.make("accounts", custom_fields={"ours": i}) for i in IDS}


@pytest.fixture
def crm(org: Organisation, proxy: FaultProxy) -> Iterator[Connection]:
    """BottleCRM as it is seen through the proxy."""
    with proxy.serving() as url:
        yield connect("crm", {"type": "bottlecrm", "url": url, "token": org.token})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def night(
    crm: Connection,
    ledger: Ledger,
    scores: dict[str, object],
    *,
    as_of: dt.date = NIGHT,
    **more: Any,
) -> ExportResult:
    """Write *scores* (id → score) to the accounts."""
    fields = {"score": "score", "band": "band"}
    mode = more.pop("mode", "update")
    if mode == "upsert":
        fields["name"] = "external_id"
    target = Target("accounts", table="accounts", key="ours", mode=mode, fields=fields)
    rows = pd.DataFrame({"external_id": list(scores), "score": list(scores.values())})
    rows["band"] = "A"
    now = iter(range(10**6))
    return write_back(
        target,
        rows,
        connection=crm,
        ledger=ledger,
        as_of=as_of,
        run_id=f"run-{as_of}",
        now=lambda: dt.datetime(2026, 1, 5) + dt.timedelta(seconds=next(now)),
        **more,
    )


def held(org: Organisation, records: dict[str, str]) -> dict[str, object]:
    return {
        i: org.shown("accounts", record)["custom_fields"].get("score")
        for i, record in records.items()
    }


def patches(proxy: FaultProxy) -> Counter[str]:
    """How often each record was sent; to write to none is how the right to do so is asked for."""
    sent = Counter(p.request for p in proxy.passed if p.request.startswith("PATCH"))
    return Counter({request: n for request, n in sent.items() if "/0000" not in request})


def test_fault_03_an_answer_that_is_lost_after_the_write(
    crm: Connection, ledger: Ledger, org: Organisation, records: dict[str, str], proxy: FaultProxy
) -> None:
    proxy.script("cut", "PATCH", times=3, after=1)
    result = night(crm, ledger, dict.fromkeys(IDS, 1))
    assert (result.stopped, result.waiting, result.dead) == (None, 0, 0)
    assert held(org, records) == dict.fromkeys(IDS, 1.0)
    assert set(patches(proxy).values()) == {1}, "seen to be there, none was sent again"


def test_fault_03_a_record_is_not_made_twice(
    crm: Connection, ledger: Ledger, org: Organisation, proxy: FaultProxy
) -> None:
    proxy.script("cut", "POST /api/accounts/", times=3)
    result = night(crm, ledger, dict.fromkeys(IDS, 1), mode="upsert")
    assert (result.stopped, result.waiting, result.dead) == (None, 0, 0)
    made = org.ask("GET", "accounts/?limit=100")["active_accounts"]["open_accounts"]
    assert Counter(account["custom_fields"]["ours"] for account in made) == Counter(IDS)


def test_fault_03_requests_that_never_arrive_or_break_off(
    crm: Connection, ledger: Ledger, org: Organisation, records: dict[str, str], proxy: FaultProxy
) -> None:
    for kind in ("drop", "reset", "truncate", "cut", "duplicate"):
        proxy.script(kind, "PATCH", times=1, after=1)
        proxy.script(kind, "GET /api/accounts/", times=1, after=1)
    result = night(crm, ledger, dict.fromkeys(IDS, 1))
    assert (result.stopped, result.waiting, result.dead) == (None, 0, 0)
    assert held(org, records) == dict.fromkeys(IDS, 1.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_fault_03_whatever_happens_on_the_way(
    ledger: Ledger,
    org: Organisation,
    seed: int,
) -> None:
    kinds = ("cut", "drop", "reset", "truncate", "busy", "down", "duplicate")
    proxy = FaultProxy(org.url, seed, dict.fromkeys(kinds, 0.06))
    with proxy.serving() as url:
        crm = connect("crm", {"type": "bottlecrm", "url": url, "token": org.token})
        for day in range(2):
            as_of = NIGHT + dt.timedelta(days=day)
            result = night(crm, ledger, dict.fromkeys(IDS, day), mode="upsert", as_of=as_of)
            assert (result.stopped, result.dead, result.missing) == (None, 0, 0)
    assert any(passed.fault for passed in proxy.passed)
    made = org.ask("GET", "accounts/?limit=100")["active_accounts"]["open_accounts"]
    assert len(made) == len(IDS)
    shown = {account["name"]: account["custom_fields"] for account in made}
    assert shown == {i: {"ours": i, "score": 1.0, "band": "A"} for i in IDS}


def test_fault_08_all_are_silent_while_one_has_to_wait(
    crm: Connection,
    ledger: Ledger,
    org: Organisation,
    records: dict[str, str],
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed: list[int] = []

    def pause(seconds: float) -> None:
        if seconds == 7:
            time.sleep(0.3)  # those under way come to their end
            passed.append(len(proxy.passed))
            time.sleep(0.3)
            passed.append(len(proxy.passed))

    monkeypatch.setattr(stopping, "pause", pause)
    proxy.script("busy", "PATCH", times=1, retry_after="7")
    proxy.script("down", "PATCH", times=1, after=2, retry_after="7")
    assert night(crm, ledger, dict.fromkeys(IDS, 1)).written == len(IDS)
    assert passed[0::2] == passed[1::2]
    assert len(passed) == 4
    assert held(org, records) == dict.fromkeys(IDS, 1.0)


def test_fault_10_a_token_that_ends_in_the_middle_of_the_run(
    crm: Connection, ledger: Ledger, org: Organisation, records: dict[str, str]
) -> None:
    crm.batch = 2
    write = crm.write

    def revoking(*arguments: Any, **options: Any) -> Any:
        refused = write(*arguments, **options)
        for token in org.ask("GET", "profile/tokens/", token=org.signed_in)["tokens"]:
            org.ask("DELETE", f"profile/tokens/{token['id']}/", token=org.signed_in)
        return refused

    crm.write = revoking  # type: ignore[method-assign]
    result = night(crm, ledger, dict.fromkeys(IDS, 1))
    assert "does not know this token" in str(result.stopped)
    assert result.written == 2
    body = {"name": "again", "scopes": []}
    org.token = org.ask("POST", "profile/tokens/", token=org.signed_in, json=body)["token"]
    again = connect("crm", {"type": "bottlecrm", "url": org.url, "token": org.token})
    result = night(again, ledger, dict.fromkeys(IDS, 1))
    assert (result.written, result.unchanged) == (2, 2)
    assert held(org, records) == dict.fromkeys(IDS, 1.0)


def test_fault_14_what_bottlecrm_breaks_on_every_time_is_given_up(
    crm: Connection,
    ledger: Ledger,
    org: Organisation,
    records: dict[str, str],
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("salesml.crm.bottlecrm.connection.hindrance", lambda *_: None)
    result = night(crm, ledger, {"A1": 1, "A2": "nan", "A3": 3}, types={"score": float})
    assert (result.written, result.dead) == (2, 1)
    assert "500" in result.failures[0].error
    assert max(patches(proxy).values()) <= 5
    assert [held(org, records)[i] for i in ("A1", "A2", "A3")] == [1.0, None, 3.0]


def test_fault_15_fields_that_are_not_kept_are_told(
    crm: Connection, ledger: Ledger, org: Organisation, records: dict[str, str]
) -> None:
    (field,) = [
        each["id"]
        for each in org.ask("GET", "custom-fields/?target_model=Account")["definitions"]
        if each["key"] == "band"
    ]
    check = crm.check_target

    def checked(*arguments: Any, **options: Any) -> list[str]:
        found = check(*arguments, **options)
        org.ask("DELETE", f"custom-fields/{field}/")  # somebody does, in the night
        return found

    crm.check_target = checked  # type: ignore[method-assign]
    result = night(crm, ledger, dict.fromkeys(IDS, 1))
    assert set(result.dropped) == {"band"}
    assert held(org, records) == dict.fromkeys(IDS, 1.0)


def test_fault_16_what_a_person_writes_meanwhile_stays(
    crm: Connection, ledger: Ledger, org: Organisation, records: dict[str, str]
) -> None:
    night(crm, ledger, dict.fromkeys(IDS, 1))
    org.change("accounts", records["A1"], custom_fields={"score": 99})
    fetch = crm.fetch

    def edited(*arguments: Any, **options: Any) -> Any:
        found = fetch(*arguments, **options)
        org.change("accounts", records["A2"], city="京都", custom_fields={"band": "A"})
        return found

    crm.fetch = edited  # type: ignore[method-assign]
    result = night(crm, ledger, dict.fromkeys(IDS, 2), as_of=NIGHT + dt.timedelta(days=1))
    assert (result.kept, result.written) == (1, len(IDS) - 1)
    assert held(org, records) == {**dict.fromkeys(IDS, 2.0), "A1": 99.0}
    assert org.shown("accounts", records["A2"])["city"] == "京都"


def test_fault_16_an_update_that_somebodys_save_undid_is_found(
    crm: Connection, ledger: Ledger, org: Organisation, records: dict[str, str]
) -> None:
    write = crm.write
    undone: list[str] = []

    def undoing(*arguments: Any, **options: Any) -> Any:
        refused = write(*arguments, **options)
        if not undone:
            undone.append("A3")
            org.change("accounts", records["A3"], custom_fields={"score": None, "band": None})
        return refused

    crm.write = undoing  # type: ignore[method-assign]
    result = night(crm, ledger, dict.fromkeys(IDS, 1))
    assert (result.dead, result.waiting) == (0, 0)
    assert held(org, records) == dict.fromkeys(IDS, 1.0)


def test_fault_18_numbers_dates_and_nothing(
    crm: Connection, ledger: Ledger, org: Organisation, records: dict[str, str]
) -> None:
    scores = {"A1": 0.1 + 0.2, "A2": float("nan"), "A3": None, "A4": 2.0**40}
    assert night(crm, ledger, scores).dead == 0
    assert held(org, records) == {"A1": 0.1 + 0.2, "A2": None, "A3": None, "A4": 2.0**40}
    assert night(crm, ledger, scores).unchanged == len(scores)


def test_fault_19_deleted_and_merged_records_are_never_made_again(
    crm: Connection, ledger: Ledger, org: Organisation
) -> None:
    night(crm, ledger, dict.fromkeys(IDS, 1), mode="upsert")
    records = {i: seen.token for i, seen in crm.fetch("accounts", "ours", IDS, []).items()}
    org.delete("accounts", records["A1"])
    merged = {"merge_id": records["A3"]}
    org.ask("POST", f"accounts/{records['A2']}/merge/", json=merged)
    for day in (1, 2):
        scores = dict.fromkeys(IDS, day + 1)
        result = night(crm, ledger, scores, mode="upsert", as_of=NIGHT + dt.timedelta(days=day))
        assert (result.missing, result.written) == (2, 2)
    assert sorted(crm.fetch("accounts", "ours", IDS, [])) == ["A2", "A4"]


def test_fault_20_two_runs_at_once_and_a_late_older_one(
    crm: Connection, ledger: Ledger, org: Organisation, records: dict[str, str], tmp_path: Path
) -> None:
    refused: list[LockedError] = []

    def second(_done: int, _total: int) -> None:
        if not refused:
            with pytest.raises(LockedError) as told:
                night(crm, Ledger(tmp_path / "ledger.sqlite"), {"A1": 5})
            refused.append(told.value)

    night(crm, ledger, dict.fromkeys(IDS, 2), progress=second)
    assert refused
    result = night(crm, ledger, dict.fromkeys(IDS, 1), as_of=NIGHT - dt.timedelta(days=1))
    assert result.older == len(IDS)
    assert held(org, records) == dict.fromkeys(IDS, 2.0)


def test_a_night_without_bottlecrm_is_caught_up_with(
    crm: Connection,
    ledger: Ledger,
    org: Organisation,
    records: dict[str, str],
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy.script("down", ".*", times=1000)
    with monkeypatch.context() as patch:
        patch.setattr(http, "PATIENCE", 0.0)
        result = night(crm, ledger, dict.fromkeys(IDS, 1))
    assert "cannot be used" in str(result.stopped)
    proxy.faults.clear()
    later = night(crm, ledger, {"A1": 2}, as_of=NIGHT + dt.timedelta(days=1))
    assert later.stopped is None
    assert held(org, records) == {**dict.fromkeys(IDS, 1.0), "A1": 2.0}
