from __future__ import annotations

import datetime as dt
import pickle

import duckdb
import pytest

from crm.hubspot import fake as fake_module
from crm.hubspot.account import definition
from crm.hubspot.fake import TOKEN, Fake
from salesml.crm import connect
from salesml.crm.hubspot import HubSpot
from salesml.errors import ConfigError, SourceError

Rows = list[tuple[object, ...]]


def loaded(
    hubspot: HubSpot, columns: str, since: tuple[str, str] | None = None, table: str = "companies"
) -> Rows:
    with duckdb.connect() as con:
        hubspot.load(con, table, "raw", options={}, since=since)
        order = "try_cast(hs_object_id as bigint)"
        return con.execute(f"select {columns} from raw order by {order}").fetchall()


def test_records_arrive_with_the_types_of_their_properties(fake: Fake, hubspot: HubSpot) -> None:
    fake.account.add(
        "companies",
        name="東京商事",
        score="0.5",
        active="true",
        since="2026-01-31",
        seen_at="2026-01-31T15:00:00.123Z",
        note="",
    )
    columns = "hs_object_id, name, score, active, since, seen_at, note, band, _deleted"
    at = dt.datetime(2026, 1, 31, 15, 0, 0, 123000)
    row = ("101", "東京商事", 0.5, True, dt.date(2026, 1, 31), at, None, None, False)
    assert loaded(hubspot, columns) == [row]
    assert hubspot.columns("companies")["score"] == "number"
    assert hubspot.columns("companies")["_deleted"] == "bool"
    assert hubspot.fingerprint("companies") is None


def test_a_column_with_a_value_of_another_type_stays_text(fake: Fake, hubspot: HubSpot) -> None:
    fake.account.add("companies", score="12", since="1769817600000")
    fake.account.add("companies", score="about 12")
    rows = [("12", dt.date(2026, 1, 31)), ("about 12", None)]
    assert loaded(hubspot, "score, since") == rows


def test_all_pages_are_read_and_archived_records_are_marked(fake: Fake, hubspot: HubSpot) -> None:
    ids = [fake.account.add("companies", name=str(n)) for n in range(250)]
    fake.account.archive("companies", ids[7])
    rows = loaded(hubspot, "name, _deleted")
    assert len(rows) == 250
    assert [name for name, deleted in rows if deleted] == ["7"]
    assert [r for r in fake.requests if "batch" in r] == []


def test_more_properties_than_an_address_can_name(fake: Fake, hubspot: HubSpot) -> None:
    names = [f"a_property_with_a_rather_long_name_{n:04}" for n in range(400)]
    fake.account.define("deals", *map(definition, names))
    for n in range(120):
        fake.account.add("deals", **{names[n]: f"値{n}"})
    fake.account.archive("deals", "101")
    last = loaded(hubspot, f"{names[0]}, {names[119]}, _deleted", table="deals")
    assert (last[0], last[-1], len(last)) == (("値0", None, True), (None, "値119", False), 120)


def test_changed_and_archived_records_since_a_time(fake: Fake, hubspot: HubSpot) -> None:
    for n in range(5):
        fake.account.add("companies", name=str(n))
    fake.account.archive("companies", "101")
    for _ in range(3600):
        fake.account.tick()
    fake.account.edit("companies", "103", name="changed")
    fake.account.archive("companies", "105")
    rows = loaded(hubspot, "name, _deleted", ("lastmodifieddate", "2026-04-01 01:00:00"))
    assert rows == [("changed", False), ("4", True)]


def test_a_search_goes_beyond_its_limit_by_beginning_after_the_last_id(
    fake: Fake, hubspot: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_module, "_DEEPEST_SEARCH", 200)
    for n in range(450):
        fake.account.add("companies", name=str(n))
    rows = loaded(hubspot, "name", ("lastmodifieddate", "2026-04-01"))
    assert [row[0] for row in rows] == [str(n) for n in range(450)]


def test_a_column_that_cannot_be_searched_reads_everything(fake: Fake, hubspot: HubSpot) -> None:
    fake.account.add("companies", name="a")
    assert loaded(hubspot, "name", ("name", "b")) == [("a",)]


def test_numbers_can_be_searched(fake: Fake, hubspot: HubSpot) -> None:
    for n in range(3):
        fake.account.add("companies", name=str(n), score=str(n))
    assert loaded(hubspot, "name", ("score", "1")) == [("1",), ("2",)]


def test_unknown_tables_and_columns_are_refused(hubspot: HubSpot) -> None:
    assert hubspot.exists("companies")
    assert not hubspot.exists("firms")
    with pytest.raises(SourceError, match="no object type 'firms'"):
        hubspot.columns("firms")
    with pytest.raises(SourceError, match="no column 'lastmodified'"):
        loaded(hubspot, "name", ("lastmodified", "2026-04-01"))


@pytest.mark.parametrize("version", ["2026-03", "2026-09", "v3"])
def test_any_version_of_the_interface(fake: Fake, url: str, version: str) -> None:
    fake.account.add("companies", name="a")
    spec = {"type": "hubspot", "token": TOKEN, "url": url, "version": version}
    assert loaded(HubSpot("crm", spec), "name") == [("a",)]
    assert all(version in request for request in fake.requests)


def test_a_connection_travels_and_shows_no_token(url: str) -> None:
    spec = {"type": "hubspot", "token": TOKEN, "url": url}
    crm = pickle.loads(pickle.dumps(connect("crm", spec)))
    assert crm.exists("companies")
    assert TOKEN not in repr(crm)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="version"):
        HubSpot("crm", {"type": "hubspot", "token": "t", "version": "4"})
    with pytest.raises(ConfigError, match="'token' is missing"):
        HubSpot("crm", {"type": "hubspot"})


def test_a_token_that_is_refused(url: str) -> None:
    crm = HubSpot("crm", {"type": "hubspot", "token": "pat-wrong", "url": url})
    with pytest.raises(SourceError, match="does not accept the sign-in") as error:
        crm.exists("companies")
    assert "pat-wrong" not in str(error.value)
