"""What goes wrong with HubSpot, one test each; their numbers are those of the list of faults."""

from __future__ import annotations

import pytest

from crm.fault_proxy import FaultProxy
from crm.hubspot.account import problem
from crm.hubspot.fake import Fake
from crm.no_jobs import NoJobs
from salesml.crm import http
from salesml.crm.hubspot import HubSpot
from salesml.crm.records import Fate, Fetched, Refusal, Write
from salesml.errors import ExportError, QuotaError, SourceError, UnansweredError
from salesml.export.values import same

pytestmark = pytest.mark.faults

WRITES = "POST .*batch/(update|upsert)"
IDS = ["a", "b", "c"]


def write(hubspot: HubSpot, *writes: Write) -> dict[str, Refusal]:
    return hubspot.write("companies", "external_id", writes, jobs=NoJobs())


def fetch(hubspot: HubSpot, *ids: str) -> Fetched:
    return hubspot.fetch("companies", "external_id", ids, ["name", "score"])


def scores(fake: Fake) -> dict[str, str]:
    rows = fake.account.kinds["companies"].rows.values()
    return {r["properties"]["external_id"]: r["properties"].get("score") for r in rows}


@pytest.fixture
def seen(fake: Fake, hubspot: HubSpot) -> Fetched:
    """Three companies, looked at."""
    for i in IDS:
        fake.account.add("companies", external_id=i, score="1")
    return fetch(hubspot, *IDS)


def changes(seen: Fetched, score: object = 2) -> list[Write]:
    return [Write(i, {"score": score}, seen[i]) for i in IDS]


# 7: answers that leave rows out ------------------------------------------------------------------


@pytest.mark.parametrize("made", [False, True])
def test_fault_07_no_errors_and_no_results(
    fake: Fake, hubspot: HubSpot, seen: Fetched, made: bool
) -> None:
    fake.fault(WRITES, mode="silent")
    writes = [Write(f"new {i}", {"score": 2}) for i in IDS] if made else changes(seen)
    refused = write(hubspot, *writes)
    assert {r.fate for r in refused.values()} == {Fate.RETRY}
    assert len(refused) == 3
    again = fetch(hubspot, *(w.id for w in writes))
    assert [again[w.id].fields["score"] for w in writes] == ["2"] * 3


def test_fault_07_one_row_is_missing(fake: Fake, hubspot: HubSpot, seen: Fetched) -> None:
    fake.fault(WRITES, mode="forgetful")
    refused = write(hubspot, *changes(seen))
    assert refused == {"a": Refusal(Fate.RETRY, "the answer does not mention it")}


def test_fault_07_a_bad_row_among_good_ones(fake: Fake, hubspot: HubSpot, seen: Fetched) -> None:
    first, second, third = changes(seen)
    bad = Write("b", {"score": "many"}, second.seen)
    refused = write(hubspot, first, bad, third)
    assert list(refused) == ["b"]
    assert refused["b"].fate is Fate.DEAD
    assert "INVALID_DOUBLE" in refused["b"].error
    assert scores(fake) == {"a": "2", "b": "1", "c": "2"}


def test_fault_07_one_error_without_an_id_is_about_the_one_missing_row(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.fault(WRITES, mode="traceless")
    bad = Write("b", {"score": "many"}, seen["b"])
    refused = write(hubspot, changes(seen)[0], bad)
    assert {i: r.fate for i, r in refused.items()} == {"b": Fate.DEAD}


def test_fault_07_several_errors_without_ids_are_looked_at_again(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.fault(WRITES, mode="nameless")
    refused = write(hubspot, *changes(seen, "many"), Write("new", {"score": 3}))
    assert {i: r.fate for i, r in refused.items()} == dict.fromkeys(IDS, Fate.RETRY)
    assert "INVALID_DOUBLE" in refused["a"].error


def test_fault_07_answers_without_what_was_sent_for_tracing(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.fault(WRITES, mode="traceless", times=2)
    assert write(hubspot, *changes(seen), Write("new", {"score": 3})) == {}


def test_fault_07_an_answer_that_is_no_json(fake: Fake, hubspot: HubSpot, seen: Fetched) -> None:
    fake.fault(WRITES, status=207)
    assert {r.fate for r in write(hubspot, *changes(seen)).values()} == {Fate.RETRY}


# 8, 9: too many ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "headers", "waits"),
    [
        ("SECONDLY", {}, 1.0),
        ("TEN_SECONDLY_ROLLING", {}, 10.0),
        ("TEN_SECONDLY_ROLLING", {"Retry-After": "7"}, 7.0),
    ],
)
def test_fault_08_too_many_at_once_are_waited_for(
    fake: Fake,
    hubspot: HubSpot,
    seen: Fetched,
    pauses: list[float],
    policy: str,
    headers: dict[str, str],
    waits: float,
) -> None:
    fake.fault(WRITES, status=429, body={"policyName": policy}, headers=headers, times=2)
    before = len(fake.requests)
    assert write(hubspot, *changes(seen)) == {}
    assert pauses == [waits, waits]
    assert len([r for r in fake.requests[before:] if "update" in r]) == 3


def test_fault_08_a_gateway_that_asks_to_wait(
    proxy: FaultProxy, hubspot: HubSpot, seen: Fetched, pauses: list[float]
) -> None:
    proxy.script("busy", WRITES, retry_after="5")
    proxy.script("down", WRITES, retry_after="6")
    assert write(hubspot, *changes(seen)) == {}
    assert pauses == [5.0, 6.0]


def test_fault_09_the_calls_of_the_day_are_used_up(
    fake: Fake, hubspot: HubSpot, seen: Fetched, pauses: list[float]
) -> None:
    write(hubspot, changes(seen)[0])
    fake.left = 0
    with pytest.raises(QuotaError, match="no more calls today") as error:
        write(hubspot, *changes(seen, 3))
    assert "You have reached your daily limit." in str(error.value)
    assert pauses == []
    with pytest.raises(QuotaError):
        hubspot.allowance()
    fake.left = 100  # midnight
    assert write(hubspot, *changes(fetch(hubspot, *IDS), 3)) == {}
    assert scores(fake) == dict.fromkeys(IDS, "3")


# 10, 11, 12: sign-in, locks, races ---------------------------------------------------------------


def test_fault_10_a_token_that_is_revoked_meanwhile(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.token = "another"
    with pytest.raises(SourceError, match="does not accept the sign-in"):
        write(hubspot, *changes(seen))


def test_fault_10_a_token_that_may_not_write(fake: Fake, hubspot: HubSpot, seen: Fetched) -> None:
    fake.may_write = False
    with pytest.raises(SourceError, match="does not let this token write") as error:
        write(hubspot, *changes(seen))
    assert "MISSING_SCOPES" in str(error.value)


def test_fault_11_a_locked_account_is_left_alone_for_two_seconds(
    fake: Fake, hubspot: HubSpot, seen: Fetched, pauses: list[float]
) -> None:
    fake.fault(WRITES, status=423, body=problem("LOCKED", "locked"))
    assert write(hubspot, *changes(seen)) == {}
    assert pauses == [2.0]


def test_fault_11_a_migration_is_waited_for_if_it_is_short(
    fake: Fake, hubspot: HubSpot, seen: Fetched, pauses: list[float]
) -> None:
    fake.fault(WRITES, status=477, headers={"Retry-After": "30"})
    assert write(hubspot, *changes(seen)) == {}
    assert pauses == [30.0]
    fake.fault(WRITES, status=477, headers={"Retry-After": "86400"})
    with pytest.raises(SourceError, match="answers 477"):
        write(hubspot, *changes(seen))
    assert pauses == [30.0]


def test_fault_12_somebody_makes_the_same_record_meanwhile(fake: Fake, hubspot: HubSpot) -> None:
    assert fetch(hubspot, "new") == {}
    fake.account.add("companies", external_id="new", name="theirs")
    assert write(hubspot, Write("new", {"score": 2})) == {}
    [row] = fake.account.kinds["companies"].rows.values()
    assert (row["properties"]["name"], row["properties"]["score"]) == ("theirs", "2")
    fake.fault(WRITES, status=409, body=problem("CONFLICT", "already exists"), times=2)
    refused = write(hubspot, Write("other", {"score": 2}))
    assert refused["other"].fate is Fate.RETRY
    with pytest.raises(ExportError, match="already exists"):
        write(hubspot, Write("other", {"score": 2}), Write("third", {"score": 2}))


@pytest.mark.parametrize("kind", ["cut", "truncate", "reset", "duplicate"])
def test_fault_03_a_lost_answer_or_a_doubled_request_makes_nothing_twice(
    fake: Fake, proxy: FaultProxy, hubspot: HubSpot, kind: str
) -> None:
    writes = [Write(i, {"score": 2}) for i in IDS]
    proxy.script(kind, WRITES)
    if kind == "duplicate":
        write(hubspot, *writes)
    else:
        with pytest.raises(UnansweredError):
            write(hubspot, *writes)
    assert write(hubspot, *writes) == {}
    assert len(fake.account.kinds["companies"].rows) == 3


# 13, 14: a row that sinks its batch --------------------------------------------------------------


def test_fault_13_a_batch_refused_as_a_whole_is_the_engines_to_divide(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.fault(WRITES, status=400, body=problem("VALIDATION_ERROR", "Property values were…"))
    with pytest.raises(ExportError, match="which record is at fault"):
        write(hubspot, *changes(seen), Write("new", {"score": 2}))
    assert scores(fake) == dict.fromkeys(IDS, "1")


def test_fault_13_what_was_written_before_stays_acknowledged(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.fault("POST .*batch/upsert", status=400, body=problem("VALIDATION_ERROR", "no"))
    refused = write(hubspot, *changes(seen), Write("new", {"score": 2}))
    assert refused == {"new": Refusal(Fate.NOT_TRIED, "400 VALIDATION_ERROR: no")}
    assert scores(fake) == dict.fromkeys(IDS, "2")


@pytest.mark.parametrize("status", [500, 400])
def test_fault_14_bad_data_that_breaks_the_system_ends_soon(
    fake: Fake, hubspot: HubSpot, seen: Fetched, status: int
) -> None:
    fake.fault(WRITES, status=status, times=9)
    with pytest.raises(ExportError):
        write(hubspot, *changes(seen))
    assert len([r for r in fake.requests if "update" in r]) == 1


@pytest.mark.parametrize("status", [502, 504, 524])
def test_fault_14_a_gateway_that_lost_the_answer(
    fake: Fake, hubspot: HubSpot, seen: Fetched, status: int
) -> None:
    fake.fault(WRITES, status=status)
    with pytest.raises(UnansweredError):
        write(hubspot, *changes(seen))


def test_fault_14_a_system_that_is_down_all_night(
    fake: Fake, hubspot: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PATIENCE", 10.0)
    fake.fault(".*", status=521, times=100)
    with pytest.raises(SourceError, match="cannot be used"):
        fetch(hubspot, "a")


# 16: a person's edit -----------------------------------------------------------------------------


def test_fault_16_only_our_fields_are_written_over_a_persons_edit(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.account.edit("companies", seen["a"].token, name="山田さんの編集")
    assert write(hubspot, *changes(seen)) == {}
    found = fetch(hubspot, "a")["a"].fields
    assert found == {"name": "山田さんの編集", "score": "2"}


# 17, 18: texts and nothing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "東京都千代田区「丸の内」",
        'it\'s "quoted"; a,b\\c',
        "one\ntwo\r\nthree\ttab",
        "line\u2028separator\u2029and\u0085",
        "𠮷野家 👨‍👩‍👧",
        "全" * 65_536,
    ],
)
def test_fault_17_texts_arrive_letter_by_letter(fake: Fake, hubspot: HubSpot, text: str) -> None:
    assert write(hubspot, Write("a", {"name": text})) == {}
    assert fetch(hubspot, "a")["a"].fields["name"] == text
    assert len(fake.account.kinds["companies"].rows) == 1


def test_fault_17_a_text_that_is_too_long_is_refused_alone(hubspot: HubSpot) -> None:
    refused = write(hubspot, Write("a", {"name": "x" * 65_537}), Write("b", {"name": "y"}))
    assert {i: r.fate for i, r in refused.items()} == {"a": Fate.DEAD}


def test_fault_18_nothing_clears_and_what_is_left_out_stays(fake: Fake, hubspot: HubSpot) -> None:
    fake.account.add("companies", external_id="a", name="名", score="1")
    seen = fetch(hubspot, "a")["a"]
    assert write(hubspot, Write("a", {"score": None}, seen)) == {}
    found = fetch(hubspot, "a")["a"].fields
    assert found["name"] == "名"
    assert same(None, found["score"])


def test_fault_18_infinity_is_refused_alone(hubspot: HubSpot) -> None:
    refused = write(hubspot, Write("a", {"score": float("inf")}), Write("b", {"score": 1}))
    assert {i: r.fate for i, r in refused.items()} == {"a": Fate.DEAD}


# 19: deleted and merged --------------------------------------------------------------------------


def test_fault_19_an_archived_record_is_barred(fake: Fake, hubspot: HubSpot, seen: Fetched) -> None:
    fake.account.archive("companies", seen["b"].token)
    found = fetch(hubspot, *IDS)
    assert found["b"].barred.startswith("deleted 2026-04-01")
    assert not found["a"].barred


def test_fault_19_archived_records_that_cannot_be_searched(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.account.archive("companies", seen["b"].token)
    fake.fault("POST .*batch/read", status=400, body=problem("VALIDATION_ERROR", "no"), after=1)
    assert list(fetch(hubspot, *IDS)) == ["a", "c"]


def test_fault_19_a_record_archived_meanwhile_is_not_made_again(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    fake.account.archive("companies", seen["b"].token)
    refused = write(hubspot, *changes(seen))
    assert {i: r.fate for i, r in refused.items()} == {"b": Fate.GONE}
    assert len(fake.account.kinds["companies"].rows) == 3
    assert scores(fake) == {"a": "2", "b": "1", "c": "2"}


def test_fault_19_all_of_a_batch_not_found(fake: Fake, hubspot: HubSpot, seen: Fetched) -> None:
    body = problem("OBJECT_NOT_FOUND", "not found", ids=[seen["b"].token])
    fake.fault(WRITES, status=404, body=body)
    refused = write(hubspot, *changes(seen))
    fates = {"a": Fate.NOT_TRIED, "b": Fate.GONE, "c": Fate.NOT_TRIED}
    assert {i: r.fate for i, r in refused.items()} == fates
    fake.fault(WRITES, status=404, body=problem("OBJECT_NOT_FOUND", "not found"), times=2)
    assert write(hubspot, changes(seen)[0])["a"].fate is Fate.GONE
    with pytest.raises(ExportError):
        write(hubspot, *changes(seen))


def test_fault_19_a_merged_record_answers_with_the_surviving_one(
    fake: Fake, hubspot: HubSpot, seen: Fetched
) -> None:
    loser, winner = seen["a"].token, seen["b"].token
    fake.account.merge("companies", loser, winner)
    found = hubspot.fetch("companies", "hs_object_id", [loser, winner], ["score"])
    assert found[loser].barred == f"merged into {winner}"
    assert not found[winner].barred
    assert "a" not in fetch(hubspot, *IDS)
    refused = write(hubspot, changes(seen)[0])
    assert refused == {"a": Refusal(Fate.GONE, f"merged into {winner}")}


def test_fault_19_a_second_address_of_a_merged_contact_is_barred(
    fake: Fake, hubspot: HubSpot
) -> None:
    fake.account.add("contacts", email="main@example.jp")
    fake.aliases["old@example.jp"] = "main@example.jp"
    found = hubspot.fetch("contacts", "email", ["old@example.jp", "main@example.jp"], [])
    assert found["old@example.jp"].barred == "merged into 101, whose email is main@example.jp"
    assert not found["main@example.jp"].barred
