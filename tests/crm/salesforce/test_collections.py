"""Small changes, by sObject collections."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from crm.fault_proxy import FaultProxy
from crm.salesforce.conftest import Noted
from crm.salesforce.fake import Fake
from salesml.crm.records import Fate, Refusal, Seen, Write
from salesml.crm.salesforce import Salesforce
from salesml.errors import ExportError, QuotaError, SourceError, UnansweredError

KEY = "ExternalId__c"


def write(crm: Salesforce, rows: dict[str, dict[str, Any]], table: str = "Account") -> Any:
    """Look, then write, as the write-back does; the refusals."""
    seen = crm.fetch(table, KEY, list(rows), [])
    writes = [Write(i, fields, seen.get(i)) for i, fields in rows.items()]
    return crm.write(table, KEY, writes, jobs=Noted())


def held(fake: Fake, key: str, *names: str, table: str = "Account") -> list[Any]:
    (record,) = fake.org.alive(table, KEY, key)
    return [record.get(name) for name in names]


def fates(refusals: dict[str, Refusal]) -> dict[str, Fate]:
    return {i: refusal.fate for i, refusal in refusals.items()}


def test_seen_records_are_changed_and_others_made(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{KEY: "a", "Name": "a", "Reason__c": "kept"}])
    assert write(crm, {"a": {"Score__c": 1}, "b": {"Score__c": 2.5, "Name": "b"}}) == {}
    assert held(fake, "a", "Score__c", "Reason__c") == [1.0, "kept"]
    assert held(fake, "b", "Score__c", "Name") == [2.5, "b"]  # whatever its scale
    patches = [request for request in fake.requests if request.startswith("PATCH")]
    assert [p.removeprefix("PATCH /services/data/v64.0/") for p in patches] == [
        "composite/sobjects",
        "composite/sobjects/Account/ExternalId__c",
    ]


def test_two_hundred_records_a_request(fake: Fake, crm: Salesforce) -> None:
    ids = [f"i{i:04d}" for i in range(401)]
    fake.org.add("Account", [{KEY: i} for i in ids])
    assert write(crm, {i: {"Score__c": 1} for i in ids}) == {}
    assert sum(request.startswith("PATCH") for request in fake.requests) == 3
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
def test_fault_18_values_of_all_kinds_and_nulls(fake: Fake, crm: Salesforce) -> None:
    values = {
        "Score__c": 12,
        "Probability__c": 0.12345,
        "Visits__c": 2.6,
        "Hot__c": 1,
        "Scored_On__c": "2026-06-01 00:00:00",
        "Scored_At__c": "2026-06-01 03:04:05",
        "Reason__c": 0.5,
        "Reasons__c": True,
    }
    fake.org.add("Account", [{KEY: "a"}])
    assert write(crm, {"a": values}) == {}
    assert held(fake, "a", *values) == [
        *(12.0, 0.12345, 3, True, "2026-06-01", "2026-06-01T03:04:05.000+0000", "0.5", "true")
    ]
    empty = {name: "" if name == "Reason__c" else None for name in values}
    assert write(crm, {"a": empty}) == {}
    assert held(fake, "a", *empty) == [None, None, None, False, None, None, None, None]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("Hot__c", "maybe", "takes true or false"),
        ("Score__c", float("inf"), "cannot hold inf"),
        ("Score__c", float("nan"), "cannot hold nan"),
        ("Score__c", "many", "takes numbers"),
        ("Scored_On__c", "soon", "takes a date"),
        ("Reason__c", "\ud800", "half a character"),
    ],
)
def test_fault_18_values_that_no_field_can_hold(
    fake: Fake, crm: Salesforce, field: str, value: object, told: str
) -> None:
    fake.org.add("Account", [{KEY: "a"}, {KEY: "b"}])
    refusals = write(crm, {"a": {field: value}, "b": {"Score__c": 1}})
    assert fates(refusals) == {"a": Fate.DEAD}
    assert told in refusals["a"].error
    assert held(fake, "b", "Score__c") == [1.0]


@pytest.mark.faults
def test_fault_17_japanese_quotes_line_ends_and_long_texts(fake: Fake, crm: Salesforce) -> None:
    text = '株式会社「あ」, "q"\nb\u2028c\x85d\r\ne\t#N/A 😀'
    fake.org.add("Account", [{KEY: "a"}, {KEY: "東京'1"}])
    rows = {"a": {"Reason__c": text}, "東京'1": {"Reason__c": "#N/A"}, "新": {"Name": text}}
    assert write(crm, rows) == {}
    assert held(fake, "a", "Reason__c") == [text]
    assert held(fake, "東京'1", "Reason__c") == ["#N/A"]
    assert held(fake, "新", "Name") == [text]
    refusals = write(crm, {"a": {"Reason__c": "長" * 256}, "新": {"Reason__c": "長" * 255}})
    assert fates(refusals) == {"a": Fate.DEAD}
    assert "STRING_TOO_LONG" in refusals["a"].error


@pytest.mark.faults
def test_fault_11_locks_are_for_another_time(fake: Fake, crm: Salesforce) -> None:
    a, _ = fake.org.add("Account", [{KEY: "a"}, {KEY: "b"}])
    fake.org.locks = {a: 1}
    rows = {"a": {"Score__c": 1}, "b": {"Score__c": 1}}
    refusals = write(crm, rows)
    assert fates(refusals) == {"a": Fate.RETRY}
    assert "UNABLE_TO_LOCK_ROW: unable to obtain exclusive access" in refusals["a"].error
    assert write(crm, rows) == {}


@pytest.mark.faults
def test_fault_19_what_vanished_since_it_was_seen_is_not_made_anew(
    fake: Fake, crm: Salesforce
) -> None:
    keys = ["deleted", "merged", "purged", "converted", "kept"]
    ids = dict(zip(keys, fake.org.add("Lead", [{KEY: key} for key in keys]), strict=True))
    seen = crm.fetch("Lead", KEY, keys, [])
    fake.org.delete("Lead", ids["deleted"])
    fake.org.delete("Lead", ids["merged"], into=ids["kept"])
    fake.org.delete("Lead", ids["purged"], purge=True)
    fake.org.edit("Lead", ids["converted"], IsConverted=True)
    writes = [Write(key, {"Score__c": 1}, seen[key]) for key in keys]
    refusals = crm.write("Lead", KEY, writes, jobs=Noted())
    assert fates(refusals) == dict.fromkeys(keys[:4], Fate.GONE)
    assert fake.org.made == 0


@pytest.mark.faults
def test_fault_12_somebody_makes_the_record_at_the_same_time(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{KEY: "a", "Exact__c": "taken"}])
    row = Write("new", {"Name": "n", "Exact__c": "taken"})
    assert fates(crm.write("Account", KEY, [row], jobs=Noted())) == {"new": Fate.CHANGED}
    twice = [Write("b", {"Name": "n"}), Write("B", {"Name": "n"})]
    assert fates(crm.write("Account", KEY, twice, jobs=Noted())) == {"B": Fate.NOT_TRIED}
    assert (fake.org.made, set(fake.org.writes.values())) == (1, {1})


@pytest.mark.faults
@pytest.mark.parametrize("name", ["", "   ", " a", "a\n", "\u3000"])
def test_fault_12_ids_that_salesforce_would_trim_are_never_made(
    fake: Fake, crm: Salesforce, name: str
) -> None:
    rows = [Write(name, {"Name": "n"}), Write("b", {"Name": "n"})]
    assert fates(crm.write("Account", KEY, rows, jobs=Noted())) == {name: Fate.DEAD}
    assert fake.org.made == 1


@pytest.mark.faults
def test_fault_18_numbers_too_large_are_dead_alone(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{KEY: i} for i in "abcd"])
    large = {"a": 1e300, "b": 10**18, "c": "1e999999999", "d": 10**17}
    refusals = write(crm, {i: {"Score__c": value} for i, value in large.items()})
    assert fates(refusals) == dict.fromkeys("abc", Fate.DEAD)
    assert held(fake, "d", "Score__c") == [1e17]


@pytest.mark.faults
def test_fault_12_two_records_of_one_id_appear(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{"Loose__c": "a"}, {"Loose__c": "a"}])
    row = Write("a", {"Name": "n"})
    refusals = crm.write("Account", "Loose__c", [row], jobs=Noted())
    assert fates(refusals) == {"a": Fate.DEAD}
    assert "more than one record" in refusals["a"].error


def test_rules_and_rights_are_told_in_the_words_of_salesforce(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{KEY: key} for key in "abc"])
    fake.org.poison = "bad"
    rows = {
        "a": {"Band__c": "Z"},
        "b": {"Locked__c": "x"},
        "c": {"Reason__c": "bad"},
        "new": {"Score__c": 1},
    }
    refusals = write(crm, rows)
    assert set(fates(refusals).values()) == {Fate.DEAD}
    assert refusals["a"].error == (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: bad value for restricted picklist field: Z "
        "(Band__c)"
    )
    assert "INVALID_FIELD_FOR_INSERT_UPDATE" in refusals["b"].error
    assert "System.NullPointer" in refusals["c"].error
    assert "REQUIRED_FIELD_MISSING" in refusals["new"].error


@pytest.mark.faults
def test_fault_03_the_answer_is_lost_after_the_commit(
    fake: Fake, proxy: FaultProxy, shaky: Salesforce
) -> None:
    fake.org.add("Account", [{KEY: "a"}])
    proxy.script("cut", "PATCH .*")
    with pytest.raises(UnansweredError):
        write(shaky, {"a": {"Score__c": 1}})
    assert held(fake, "a", "Score__c") == [1.0]
    assert fake.org.writes.total() == 1


@pytest.mark.faults
def test_fault_08_429_is_obeyed_in_silence(
    fake: Fake, proxy: FaultProxy, shaky: Salesforce, pauses: list[float]
) -> None:
    fake.org.add("Account", [{KEY: "a"}])
    proxy.script("busy", "PATCH .*", times=2, retry_after="30")
    assert write(shaky, {"a": {"Score__c": 1}}) == {}
    assert pauses == [30.0, 30.0]
    assert fake.org.writes.total() == 1


@pytest.mark.faults
def test_fault_09_the_quota_ends_in_the_middle(fake: Fake, crm: Salesforce) -> None:
    ids = [f"i{i:04d}" for i in range(600)]
    fake.org.add("Account", [{KEY: i} for i in ids])
    seen = crm.fetch("Account", KEY, ids, [])
    fake.org.requests_left = 1
    with pytest.raises(QuotaError):
        crm.write("Account", KEY, [Write(i, {"Score__c": 1}, seen[i]) for i in ids], jobs=Noted())
    assert fake.org.writes.total() == 200
    fake.org.requests_left = 1_000
    shown = crm.fetch("Account", KEY, ids, ["Score__c"])
    left = [Write(i, {"Score__c": 1}, s) for i, s in shown.items() if not s.fields["Score__c"]]
    assert crm.write("Account", KEY, left, jobs=Noted()) == {}
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
def test_fault_14_a_row_that_the_request_dies_of_is_found_by_halves(
    fake: Fake, crm: Salesforce
) -> None:
    ids = [f"i{i:04d}" for i in range(300)]
    fake.org.add("Account", [{KEY: i} for i in ids])
    fake.org.crash = "boom"
    rows = {i: {"Reason__c": "boom" if i == "i0250" else "fine"} for i in ids}
    refusals = write(crm, rows)
    assert set(fates(refusals).values()) == {Fate.NOT_TRIED}
    assert set(refusals) == set(ids[200:])
    assert "UNKNOWN_EXCEPTION" in refusals["i0299"].error
    with pytest.raises(ExportError, match="UNKNOWN_EXCEPTION"):
        write(crm, {i: rows[i] for i in refusals})
    with pytest.raises(ExportError):
        write(crm, {"i0250": rows["i0250"]})
    assert write(crm, {i: rows[i] for i in refusals if i != "i0250"}) == {}
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
def test_fault_15_a_field_that_is_ignored_shows_when_looked_at(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{KEY: "a"}])
    fake.org.ignored = {"Account.Score__c"}
    assert write(crm, {"a": {"Score__c": 1, "Reason__c": "r"}}) == {}
    shown = crm.fetch("Account", KEY, ["a"], ["Score__c", "Reason__c"])["a"].fields
    assert shown == {"Score__c": None, "Reason__c": "r"}


def test_requests_that_are_refused_as_a_whole(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{KEY: "a"}])
    crm.check_target("Account", KEY, {"Score__c": float}, create=False)
    fake.org.hidden = {"Account.Score__c"}  # since then
    with pytest.raises(ExportError, match="No such column 'Score__c'"):
        write(crm, {"a": {"Score__c": 1}})
    body = [{"message": "The API is not enabled", "errorCode": "API_DISABLED_FOR_ORG"}]
    fake.script("PATCH .*", 403, body)
    with pytest.raises(SourceError, match="API_DISABLED_FOR_ORG"):
        write(crm, {"a": {"Reason__c": "r"}})


def test_answers_that_leave_records_out(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{KEY: "a"}])
    fake.script("PATCH .*", 200, [])
    with pytest.raises(UnansweredError, match="0 answers for 1"):
        write(crm, {"a": {"Score__c": 1}})


def test_records_cannot_be_made_by_the_id_of_salesforce(crm: Salesforce) -> None:
    refusals = crm.write("Account", "Id", [Write("001", {"Score__c": 1})], jobs=Noted())
    assert fates(refusals) == {"001": Fate.DEAD}


def test_a_numeric_key(fake: Fake, crm: Salesforce) -> None:
    row = Write("42", {"Name": "n", "Scored_At__c": dt.datetime(2026, 6, 1).isoformat()})
    assert crm.write("Account", "Number__c", [row], jobs=Noted()) == {}
    seen = crm.fetch("Account", "Number__c", ["42"], ["Name"])["42"]
    assert isinstance(seen, Seen)
    assert crm.write("Account", "Number__c", [Write("42", {"Name": "m"}, seen)], jobs=Noted()) == {}
    assert fake.org.alive("Account", "Number__c", 42)[0]["Name"] == "m"
