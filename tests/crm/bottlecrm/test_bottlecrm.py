"""Reading and writing a real BottleCRM."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import Any

import duckdb
import pytest

from crm.bottlecrm.server import Organisation, Server
from crm.fakes import serving
from crm.no_jobs import NoJobs
from salesml.crm import Connection, connect
from salesml.crm.records import Fate, Seen, Write
from salesml.errors import ConfigError, ExportError, SourceError

STRANGE = [
    *('a "quoted", b', "x\r\ny\n", "日本語😀", "ＡＢＣ ｱｲｳ", "a\u2028b\u2029c", "\t x ", "\\N"),
    *("<b>&amp;</b>", "' -- ;", "null", "長い" * 20_000),
]


def connected(org: Organisation) -> Connection:
    return connect("crm", {"type": "bottlecrm", "url": org.url, "token": org.token})


@pytest.fixture
def crm(org: Organisation) -> Connection:
    for key, kind in {"ours": "text", "score": "number", "band": "text", "on": "date"}.items():
        org.field("accounts", key, kind)
    org.field("accounts", "flag", "checkbox")
    return connected(org)


def read(crm: Connection, table: str = "accounts", since: tuple[str, str] | None = None) -> Any:
    with duckdb.connect() as con:
        con.execute("set timezone = 'Asia/Tokyo'")
        crm.load(con, table, "raw", options={}, since=since)
        return con.execute("from raw").df()


def write(crm: Connection, table: str = "accounts", key: str = "ours", **records: Any) -> Any:
    """Look *records* (id → fields) up and change them, or make those that are not there."""
    names = list(dict.fromkeys(name for fields in records.values() for name in fields))
    found = crm.fetch(table, key, list(records), names)
    writes = [Write(i, fields, found.get(i)) for i, fields in records.items()]
    return crm.write(table, key, writes, jobs=NoJobs())


# reading ------------------------------------------------------------------------------------------


def test_a_table_is_read_with_its_custom_fields(crm: Connection, org: Organisation) -> None:
    values = {"ours": "A1", "score": 5, "on": "2026-01-02", "flag": True}
    made = org.make("accounts", city="京都", number_of_employees=7, custom_fields=values)
    org.make("accounts", is_active=False)
    frame = read(crm).set_index("id")
    assert len(frame) == 2
    row = frame.loc[made]
    assert (row["ours"], row["score"], row["flag"], row["city"]) == ("A1", 5.0, True, "京都")
    assert (row["number_of_employees"], str(row["on"])[:10]) == (7, "2026-01-02")
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds["score"] == "float64"
    assert kinds["created_at"].startswith("datetime64")
    assert crm.columns("accounts")["on"] == "date"


def test_an_empty_table_has_columns(crm: Connection) -> None:
    frame = read(crm)
    assert len(frame) == 0
    assert {"id", "name", "ours", "score", "created_at"} <= set(frame.columns)


def test_times_are_utc_whatever_the_organisation_shows(crm: Connection, org: Organisation) -> None:
    made = org.make("leads")
    org.ask("PATCH", "org/settings/", token=org.signed_in, json={"timezone": "Asia/Tokyo"})
    shown = org.shown("leads", made)["updated_at"]
    assert shown.endswith("+09:00")
    (at,) = read(crm, "leads")["updated_at"]
    assert at == dt.datetime.fromisoformat(shown).astimezone(dt.UTC).replace(tzinfo=None)


def test_a_field_with_the_name_of_an_own_one_keeps_apart(org: Organisation) -> None:
    org.field("leads", "source")
    org.make("leads", source="email", custom_fields={"source": "展示会"})
    frame = read(connected(org), "leads")
    assert (frame["source"][0], frame["cf_source"][0]) == ("email", "展示会")


def test_links_are_ids_and_several_are_json(crm: Connection, org: Organisation) -> None:
    account = org.make("accounts")
    org.make("opportunities", account=account, amount="10.50")
    org.make("contacts", account=account)
    org.ask("POST", "cases/", json={**CASE, "account": account})
    (deal,) = read(crm, "opportunities").to_dict("records")
    assert (deal["account"], deal["amount"], deal["tags"]) == (account, 10.5, "[]")
    assert list(read(crm, "contacts")["account"]) == [account]
    assert list(read(crm, "cases")["account"]) == [account]


CASE = {"name": "c", "status": "New", "priority": "Low", "case_type": "Question"}


def test_tasks_show_their_custom_fields(org: Organisation) -> None:
    org.field("tasks", "ours")
    body = {"title": "t", "status": "New", "priority": "Low", "custom_fields": {"ours": "T1"}}
    org.ask("POST", "tasks/", json=body)
    crm = connected(org)
    assert list(read(crm, "tasks")["ours"]) == ["T1"]
    assert crm.fetch("tasks", "ours", ["T1"], ["title"])["T1"].fields == {"title": "t"}


def test_only_what_changed_since(crm: Connection, org: Organisation) -> None:
    first, second = org.make("leads"), org.make("leads")
    org.change("leads", second, city="x")
    newest = max(read(crm, "leads")["updated_at"])
    assert list(read(crm, "leads", ("updated_at", str(newest)))["id"]) == [second]
    assert set(read(crm, "leads", ("updated_at", "2020-01-01"))["id"]) == {first, second}
    with pytest.raises(SourceError, match="Did you mean 'updated_at'"):
        read(crm, "leads", ("updated", "1"))


def test_pages_join(crm: Connection, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.crm.bottlecrm.listing._PAGE", 2)
    made = [org.make("accounts", is_active=number > 2) for number in range(7)]
    assert sorted(read(crm)["id"]) == sorted(made)


def test_records_that_go_while_they_are_read_hide_no_others(
    crm: Connection, org: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesml.crm.bottlecrm.listing._PAGE", 2)
    made = sorted((org.make("accounts") for _ in range(6)), reverse=True)
    gone: list[str] = []

    def whole(_self: object, _table: object, row: dict[str, Any]) -> dict[str, Any]:
        if not gone:
            gone.append(made[0])
            org.delete("accounts", made[0])
        return row

    monkeypatch.setattr("salesml.crm.bottlecrm.connection.BottleCrm._whole", whole)
    assert sorted(read(crm)["id"]) == sorted(made[1:])


def test_an_unknown_table(crm: Connection) -> None:
    with pytest.raises(SourceError, match="Did you mean 'accounts'"):
        read(crm, "account")
    with pytest.raises(ExportError, match="Did you mean 'accounts'"):
        crm.check_target("account", "ours", {}, create=False)
    assert not crm.exists("account")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}"])
def test_an_address_where_something_else_answers(body: bytes) -> None:
    async def app(_scope: object, _receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    with serving(app) as url, pytest.raises(SourceError, match="does not answer as it should"):
        connect("crm", {"type": "bottlecrm", "url": url, "token": "t"}).columns("leads")


# looking up ---------------------------------------------------------------------------------------


def test_records_are_found_by_a_custom_field(crm: Connection, org: Organisation) -> None:
    ids = ["A1", 'x"y', "日本&=語", " b ", "1", "a1"]
    made = {i: org.make("accounts", custom_fields={"ours": i, "score": 3}) for i in ids}
    found = crm.fetch("accounts", "ours", [*ids, "none"], ["score", "band"])
    assert found == {i: Seen({"score": 3.0, "band": None}, made[i]) for i in ids}


def test_records_are_found_by_their_id(crm: Connection, org: Organisation) -> None:
    made = org.make("accounts", city="x")
    unknown = "00000000-0000-0000-0000-00000000000f"
    found = crm.fetch("accounts", "id", [made, unknown, "no uuid/", "."], ["city"])
    assert found == {made: Seen({"city": "x"}, made)}


def test_two_records_of_one_id_are_barred(crm: Connection, org: Organisation) -> None:
    for _ in range(2):
        org.make("accounts", custom_fields={"ours": "A1"})
    assert "2 records share" in crm.fetch("accounts", "ours", ["A1"], [])["A1"].barred
    with pytest.raises(ExportError, match="'ours' is no key"):
        crm.check_target("accounts", "ours", {"band": str}, create=False)


# writing ------------------------------------------------------------------------------------------


def test_what_is_written_is_shown(crm: Connection, org: Organisation) -> None:
    made = org.make("accounts", custom_fields={"ours": "A1", "flag": True})
    values = {"score": 0.25, "band": "A", "on": "2026-01-02", "flag": False, "city": "京都"}
    assert write(crm, A1=values) == {}
    assert crm.fetch("accounts", "ours", ["A1"], list(values))["A1"].fields == values
    assert org.shown("accounts", made)["custom_fields"] == {
        "ours": "A1",
        "flag": False,
        "score": 0.25,
        "band": "A",
        "on": "2026-01-02",
    }


def test_none_empties_a_field_and_leaves_the_others(crm: Connection, org: Organisation) -> None:
    full = {"ours": "A1", "score": 1, "band": "A", "on": "2026-01-02"}
    made = org.make("accounts", city="x", custom_fields=full)
    assert write(crm, A1={"score": None, "on": None, "city": None}) == {}
    record = org.shown("accounts", made)
    assert (record["custom_fields"], record["city"]) == ({"ours": "A1", "band": "A"}, None)


@pytest.mark.faults
@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_fault_17_text_arrives_letter_by_letter(
    crm: Connection, org: Organisation, text: str
) -> None:
    org.make("accounts", custom_fields={"ours": "A1"})
    assert write(crm, A1={"band": text}) == {}
    assert crm.fetch("accounts", "ours", ["A1"], ["band"])["A1"].fields["band"] == text


@pytest.mark.faults
def test_fault_17_own_fields_tell_how_long_they_are(crm: Connection, org: Organisation) -> None:
    found = crm.tolerances("accounts", ["name", "band", "annual_revenue", "city", "score"])
    assert (found["name"].length, found["name"].trims, "band" in found) == (255, True, False)
    org.make("accounts", custom_fields={"ours": "A1"})
    assert write(crm, A1={"city": "x" * 255, "annual_revenue": 0.1 + 0.2}) == {}
    refused = write(crm, A1={"city": "x" * 256})["A1"]
    assert (refused.fate, "255 characters" in refused.error) == (Fate.DEAD, True)


@pytest.mark.faults
def test_fault_18_null_empty_and_infinite(crm: Connection, org: Organisation) -> None:
    org.make("accounts", custom_fields={"ours": "A1", "band": "A", "score": 2})
    assert write(crm, A1={"band": ""}) == {}
    assert crm.fetch("accounts", "ours", ["A1"], ["band"])["A1"].fields["band"] is None
    for bad in (float("inf"), "nan", "1"):
        assert write(crm, A1={"score": bad})["A1"].fate is Fate.DEAD
    assert crm.fetch("accounts", "ours", ["A1"], ["score"])["A1"].fields["score"] == 2


@pytest.mark.faults
@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
def test_fault_14_what_breaks_bottlecrm_is_not_sent(
    crm: Connection, org: Organisation, bad: str
) -> None:
    for i in ("A1", "A2"):
        org.make("accounts", custom_fields={"ours": i})
    refused = write(crm, A1={"band": bad}, A2={"band": "B"})
    assert {i: r.fate for i, r in refused.items()} == {"A1": Fate.DEAD}
    assert crm.fetch("accounts", "ours", ["A2"], ["band"])["A2"].fields == {"band": "B"}


@pytest.mark.faults
def test_fault_13_one_bad_value_sinks_no_other_record(crm: Connection, org: Organisation) -> None:
    org.field("accounts", "grade", "dropdown", options=[{"value": "a", "label": "A"}])
    for i in ("A1", "A2", "A3"):
        org.make("accounts", custom_fields={"ours": i})
    crm = connected(org)
    refused = write(crm, A1={"grade": "a"}, A2={"grade": "b"}, A3={"grade": "a"})
    assert {i: (r.fate, "must be one of" in r.error) for i, r in refused.items()} == {
        "A2": (Fate.DEAD, True)
    }
    shown = crm.fetch("accounts", "ours", ["A1", "A2", "A3"], ["grade"])
    assert [seen.fields["grade"] for seen in shown.values()] == ["a", None, "a"]


def test_records_are_made_with_their_id(crm: Connection) -> None:
    assert write(crm, A1={"name": "株式会社", "score": 1}) == {}
    seen = crm.fetch("accounts", "ours", ["A1"], ["name", "score"])["A1"]
    assert seen.fields == {"name": "株式会社", "score": 1.0}
    refused = write(crm, A2={"name": "株式会社"})["A2"]
    assert (refused.fate, "already exists" in refused.error) == (Fate.DEAD, True)


@pytest.mark.faults
def test_fault_19_a_deleted_record_is_not_made_again(crm: Connection, org: Organisation) -> None:
    made = org.make("accounts", custom_fields={"ours": "A1"})
    seen = crm.fetch("accounts", "ours", ["A1"], ["score"])["A1"]
    org.delete("accounts", made)
    refused = crm.write("accounts", "ours", [Write("A1", {"score": 1}, seen)], jobs=NoJobs())
    assert refused["A1"].fate is Fate.GONE
    assert crm.fetch("accounts", "ours", ["A1"], []) == {}


@pytest.mark.faults
def test_fault_19_a_merged_record_is_gone(crm: Connection, org: Organisation) -> None:
    kept, merged = (org.make("accounts", custom_fields={"ours": i}) for i in ("A1", "A2"))
    seen = crm.fetch("accounts", "ours", ["A2"], ["score"])["A2"]
    org.ask("POST", f"accounts/{kept}/merge/", json={"merge_id": merged})
    refused = crm.write("accounts", "ours", [Write("A2", {"score": 1}, seen)], jobs=NoJobs())
    assert refused["A2"].fate is Fate.GONE
    assert list(crm.fetch("accounts", "ours", ["A1", "A2"], [])) == ["A1"]


@pytest.mark.faults
def test_fault_19_a_converted_lead_is_neither_written_nor_made(org: Organisation) -> None:
    org.field("leads", "ours")
    lead = org.make("leads", email="a@b.jp", custom_fields={"ours": "L1"})
    org.change("leads", lead, status="converted")
    crm = connected(org)
    assert crm.fetch("leads", "id", [lead], ["status"])[lead].barred == "converted"
    assert crm.fetch("leads", "ours", ["L1"], []) == {}
    with pytest.raises(ExportError, match="leads are not made"):
        crm.check_target("leads", "ours", {"title": str}, create=True)
    assert len(read(crm, "leads")) == 0


# what check finds ---------------------------------------------------------------------------------


def test_a_target_that_fits(crm: Connection) -> None:
    kinds = {"score": float, "band": str, "on": dt.date, "flag": bool, "city": str, "name": str}
    assert crm.check_target("accounts", "ours", kinds, create=True) == []
    assert crm.check_target("accounts", "id", {"score": int}, create=False) == []
    assert crm.check_target("tasks", "id", {"title": str}, create=False) == []
    assert len(read(crm)) == 0, "checking makes nothing"


def test_all_that_is_wrong_with_a_target_is_told_at_once(crm: Connection) -> None:
    kinds = {"skore": float, "score": str, "on": float, "created_at": dt.datetime}
    with pytest.raises(ExportError) as told:
        crm.check_target("accounts", "score", kinds, create=True)
    text = str(told.value)
    for line in (
        "'skore'. Did you mean 'score'?",
        "'score' takes a number, not str",
        "'on' takes a date, not float",
        "'created_at' cannot be set",
        "'score' is no key",
        "records without 'name' cannot be made",
    ):
        assert line in text


@pytest.mark.faults
def test_fault_15_a_field_that_is_dropped_in_silence(crm: Connection, org: Organisation) -> None:
    org.make("accounts", custom_fields={"ours": "A1"})
    assert write(crm, A1={"score": 1}) == {}  # what the fields are is known from here on
    field = org.field("accounts", "gone")
    crm = connected(org)
    assert crm.fetch("accounts", "ours", ["A1"], ["gone"])["A1"].fields == {"gone": None}
    org.ask("DELETE", f"custom-fields/{field}/")
    assert write(crm, A1={"gone": "x"}) == {}  # BottleCRM says that all is well
    assert crm.fetch("accounts", "ours", ["A1"], ["gone"])["A1"].fields == {"gone": None}
    with pytest.raises(ExportError, match="no column 'gone'"):
        crm.check_target("accounts", "ours", {"gone": str}, create=False)


def test_a_required_field_is_warned_of(crm: Connection, org: Organisation) -> None:
    org.make("accounts", custom_fields={"ours": "A1"})
    org.field("accounts", "must", is_required=True)
    (warning,) = crm.check_target("accounts", "ours", {"score": float}, create=False)
    assert "without 'must' refuse every change" in warning
    assert write(crm, A1={"score": 1.0})["A1"].fate is Fate.DEAD


def test_a_token_that_may_only_read(bottlecrm: Server) -> None:
    scopes = ["accounts:read", "custom-fields:read"]
    org = bottlecrm.organisation(scopes)
    crm = connected(org)
    assert len(read(crm)) == 0
    with pytest.raises(ExportError, match="needs the accounts:write scope"):
        crm.check_target("accounts", "id", {"city": str}, create=False)
    with pytest.raises(SourceError, match="needs the leads:read scope"):
        crm.fetch("leads", "id", ["00000000-0000-0000-0000-00000000000f"], [])


@pytest.mark.faults
def test_fault_10_a_token_that_is_revoked_says_so_and_stays_secret(
    crm: Connection, org: Organisation
) -> None:
    org.make("accounts", custom_fields={"ours": "A1"})
    seen = crm.fetch("accounts", "ours", ["A1"], ["score"])["A1"]
    (token,) = org.ask("GET", "profile/tokens/", token=org.signed_in)["tokens"]
    org.ask("DELETE", f"profile/tokens/{token['id']}/", token=org.signed_in)
    with pytest.raises(SourceError, match="does not know this token") as told:
        crm.write("accounts", "ours", [Write("A1", {"score": 1}, seen)], jobs=NoJobs())
    assert org.token not in str(told.value)
    assert org.token not in repr(crm)


def test_settings() -> None:
    with pytest.raises(ConfigError, match="'token' is missing"):
        connect("crm", {"type": "bottlecrm", "url": "https://crm.example"})
    with pytest.raises(ConfigError):
        connect("crm", {"type": "bottlecrm", "url": "http://crm.example", "token": "t"})


def test_a_connection_can_be_sent_to_another_process(crm: Connection, org: Organisation) -> None:
    org.make("accounts", custom_fields={"ours": "A1"})
    again = pickle.loads(pickle.dumps(crm))
    assert list(again.fetch("accounts", "ours", ["A1"], [])) == ["A1"]
    assert again.calls > 0
