from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.hubspot.account import Kind, definition
from crm.hubspot.fake import Fake
from crm.no_jobs import NoJobs
from salesml.crm.hubspot import HubSpot
from salesml.crm.hubspot.properties import Property
from salesml.crm.records import Fate, Fetched, Refusal, Write
from salesml.export.values import same


def write(hubspot: HubSpot, *writes: Write, key: str = "external_id") -> dict[str, Refusal]:
    return hubspot.write("companies", key, writes, jobs=NoJobs())


def fetch(hubspot: HubSpot, *ids: str, fields: tuple[str, ...] = ("score",)) -> Fetched:
    return hubspot.fetch("companies", "external_id", ids, fields)


def test_what_is_new_is_made_and_what_is_there_is_changed(fake: Fake, hubspot: HubSpot) -> None:
    fake.account.add("companies", external_id="old", name="東京", score="1")
    seen = fetch(hubspot, "old", "new")
    assert list(seen) == ["old"]
    assert seen["old"].fields == {"score": "1"}
    writes = [Write("old", {"score": 2}, seen["old"]), Write("new", {"score": 3.5})]
    assert write(hubspot, *writes) == {}
    rows = {r["properties"]["external_id"]: r for r in companies(fake)}
    assert rows["old"]["properties"]["score"] == "2"
    assert rows["old"]["properties"]["name"] == "東京"
    assert rows["new"]["properties"]["score"] == "3.5"


def test_more_than_a_hundred_go_in_several_requests(fake: Fake, hubspot: HubSpot) -> None:
    ids = [f"c{n}" for n in range(250)]
    assert write(hubspot, *(Write(i, {"score": 1}) for i in ids)) == {}
    assert len(fetch(hubspot, *ids)) == 250
    assert len([r for r in fake.requests if "upsert" in r]) == 3


def test_by_hubspots_own_id(fake: Fake, hubspot: HubSpot) -> None:
    record = fake.account.add("companies", score="1")
    seen = hubspot.fetch("companies", "hs_object_id", [record, "999", "abc"], ["score"])
    assert list(seen) == [record]
    writes = [Write(record, {"score": 2}, seen[record]), Write("999", {"score": 2})]
    refused = write(hubspot, *writes, key="hs_object_id")
    assert list(refused) == ["999"]
    assert "HubSpot makes its own" in refused["999"].error
    assert companies(fake)[0]["properties"]["score"] == "2"


def test_ids_that_hubspot_cannot_have_made_are_not_asked_for(fake: Fake, hubspot: HubSpot) -> None:
    assert hubspot.fetch("companies", "hs_object_id", ["abc", ""], []) == {}
    assert [r for r in fake.requests if "read" in r] == []


@pytest.mark.parametrize("name", ["", "  ", "\u3000"])
def test_blank_ids_are_never_made(fake: Fake, hubspot: HubSpot, name: str) -> None:
    refused = write(hubspot, Write(name, {"score": 1}), Write("c1", {"score": 1}))
    assert {i: r.fate for i, r in refused.items()} == {name: Fate.DEAD}
    assert [row["properties"]["external_id"] for row in companies(fake)] == ["c1"]
    assert list(write(hubspot, Write(name, {"score": 1}))) == [name]
    assert len([r for r in fake.requests if "upsert" in r]) == 1


def test_an_id_in_another_case_is_the_same_record_once(fake: Fake, hubspot: HubSpot) -> None:
    fake.account.add("contacts", email="a@example.jp")
    found = hubspot.fetch("contacts", "email", ["A@example.jp", "a@example.jp"], [])
    assert not found["a@example.jp"].barred
    assert found["A@example.jp"].barred == "the same record as a@example.jp"
    found = hubspot.fetch("contacts", "email", ["A@example.jp"], [])
    assert not found["A@example.jp"].barred


def test_rows_that_an_answer_leaves_out_are_asked_for_one_by_one(
    fake: Fake, hubspot: HubSpot
) -> None:
    fake.account.add("companies", external_id="a/b 東京", score="1")
    fake.fault("POST .*batch/read", mode="silent")
    found = fetch(hubspot, "a/b 東京", "nobody")
    assert found["a/b 東京"].fields == {"score": "1"}
    assert "nobody" not in found


VALUES = {
    "name": st.text(min_size=1).filter(lambda text: text.strip() == text),
    "score": st.floats(-1e15, 1e15) | st.integers(-(10**15), 10**15),
    "active": st.booleans(),
    "since": st.dates().map(str),
    "seen_at": st.datetimes().map(lambda d: d.replace(microsecond=0).isoformat(sep=" ")),
    "band": st.sampled_from("ABCD"),
}


@given(st.fixed_dictionaries({}, optional={k: v | st.none() for k, v in VALUES.items()}))
def test_what_is_written_compares_equal(values: dict[str, object]) -> None:
    kinds = {"score": "number", "active": "bool", "since": "date", "seen_at": "datetime"}
    fake = Fake()
    defined = [definition(n, kinds.get(n, "string")) for n in VALUES]
    fake.account.define("companies", *defined)
    kind: Kind = fake.account.kinds["companies"]
    for name, value in values.items():
        text = Property(name, kinds.get(name, "string")).text(value)
        assert fake.account.faults(kind, None, {name: text}) is None
        assert same(value, text)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("number", 1e-7, "0.0000001"),
        ("number", 10**20, "100000000000000000000"),
        ("date", "2026-01-31 15:00:00", "2026-01-31"),
        ("datetime", "2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("datetime", "2026-01-31T09:00:00+09:00", "2026-01-31T00:00:00.000Z"),
        ("datetime", "tomorrow", "tomorrow"),
        ("string", "2026-01-31 15:00:00", "2026-01-31 15:00:00"),
        ("string", None, ""),
        ("enumeration", True, "true"),
    ],
)
def test_how_values_are_written(kind: str, value: object, text: str) -> None:
    assert Property("p", kind).text(value) == text


def companies(fake: Fake) -> list[dict[str, dict[str, str]]]:
    return list(fake.account.kinds["companies"].rows.values())
