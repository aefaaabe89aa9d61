"""What goes wrong with kintone, one test each; their numbers are those of the list of faults."""

from __future__ import annotations

import pytest

from crm.fault_proxy import FaultProxy
from crm.kintone.app import STALE, App
from crm.kintone.fake import Fake
from crm.no_jobs import NoJobs
from salesml.crm import http
from salesml.crm.kintone import Kintone
from salesml.crm.records import Fate, Fetched, Refusal, Write
from salesml.errors import ExportError, SourceError, UnansweredError
from salesml.export.values import same

pytestmark = pytest.mark.faults

KEY, IDS = "顧客コード", ["a", "b", "c"]
WRITES = "(PUT|POST) .*records.json"
LOCKED = {
    "code": "GAIA_DA02",
    "message": "データベースのロックに失敗したため、変更を保存できませんでした。",
}


def write(kintone: Kintone, *writes: Write) -> dict[str, Refusal]:
    return kintone.write("7", KEY, writes, jobs=NoJobs())


def fetch(kintone: Kintone, *ids: str) -> Fetched:
    return kintone.fetch("7", KEY, ids, ["会社名", "メモ", "スコア"])


def scores(app: App) -> dict[str, str]:
    return {row[KEY]: row["スコア"] for row in app.rows.values()}


def fates(refused: dict[str, Refusal]) -> dict[str, Fate]:
    return {i: refusal.fate for i, refusal in refused.items()}


@pytest.fixture
def seen(app: App, kintone: Kintone) -> Fetched:
    """Three companies, looked at."""
    for i in IDS:
        app.add(顧客コード=i, スコア="1")
    return fetch(kintone, *IDS)


def changes(seen: Fetched, score: object = 2) -> list[Write]:
    return [Write(i, {"スコア": score}, seen[i]) for i in IDS]


@pytest.mark.parametrize("kind", ["cut", "truncate", "reset"])
def test_fault_03_a_lost_answer_makes_nothing_twice(
    app: App, proxy: FaultProxy, kintone: Kintone, kind: str
) -> None:
    writes = [Write(i, {"スコア": 2}) for i in IDS]
    fetch(kintone, "a")  # so that the next request writes
    proxy.script(kind, "POST .*records.json")
    with pytest.raises(UnansweredError):
        write(kintone, *writes)
    found = fetch(kintone, *IDS)
    assert len(found) == (0 if kind == "reset" else 3)
    refused = write(kintone, *writes)
    assert set(fates(refused).values()) <= {Fate.CHANGED}
    assert scores(app) == dict.fromkeys(IDS, "2")
    assert set(app.written.values()) == {1}


def test_fault_03_a_request_that_arrives_twice(
    app: App, proxy: FaultProxy, kintone: Kintone
) -> None:
    fetch(kintone, "a")
    proxy.script("duplicate", "POST .*records.json")
    write(kintone, *(Write(i, {"スコア": 2}) for i in IDS))
    assert len(app.rows) == 3


def test_fault_08_too_many_at_once_are_waited_for(
    fake: Fake, app: App, kintone: Kintone, seen: Fetched, pauses: list[float]
) -> None:
    fake.fault(WRITES, 429, times=2, headers={"Retry-After": "3"})
    assert write(kintone, *changes(seen)) == {}
    assert pauses == [3.0, 3.0]
    fake.fault(WRITES, 429, times=2)
    assert write(kintone, *changes(fetch(kintone, *IDS), 3)) == {}
    assert len(pauses) == 4
    assert scores(app) == dict.fromkeys(IDS, "3")


def test_fault_10_a_token_that_is_taken_back_meanwhile(
    fake: Fake, kintone: Kintone, seen: Fetched
) -> None:
    fake.tokens["7"] = "another"
    with pytest.raises(SourceError, match="does not accept the sign-in"):
        write(kintone, *changes(seen))


def test_fault_10_a_token_that_may_not_write(fake: Fake, kintone: Kintone, seen: Fetched) -> None:
    fake.may_write = False
    with pytest.raises(SourceError, match="does not let this token write") as error:
        write(kintone, *changes(seen))
    assert "GAIA_NO01" in str(error.value)


def test_fault_11_a_locked_database_is_for_later(
    fake: Fake, app: App, kintone: Kintone, seen: Fetched
) -> None:
    fake.fault(WRITES, 400, body=LOCKED)
    refused = write(kintone, *changes(seen))
    assert fates(refused) == dict.fromkeys(IDS, Fate.RETRY)
    assert "データベースのロックに失敗" in refused["a"].error
    assert scores(app) == dict.fromkeys(IDS, "1")


def test_fault_12_somebody_makes_the_same_record_meanwhile(app: App, kintone: Kintone) -> None:
    assert fetch(kintone, *IDS) == {}
    app.add(顧客コード="b", 会社名="theirs")
    refused = write(kintone, *(Write(i, {"スコア": 2}) for i in IDS))
    assert fates(refused) == {"a": Fate.NOT_TRIED, "b": Fate.CHANGED, "c": Fate.NOT_TRIED}
    assert "値がほかのレコードと重複しています。" in refused["b"].error
    assert list(scores(app)) == ["b"]


def test_fault_13_a_bad_record_sinks_all_and_is_named(
    app: App, kintone: Kintone, seen: Fetched
) -> None:
    first, _, third = changes(seen)
    bad = Write("b", {"スコア": 2, "ランク": "E"}, seen["b"])
    refused = write(kintone, first, bad, third)
    assert fates(refused) == {"a": Fate.NOT_TRIED, "b": Fate.DEAD, "c": Fate.NOT_TRIED}
    assert refused["b"].error == 'CB_VA01 ランク: "E"は選択肢にありません。'
    assert scores(app) == dict.fromkeys(IDS, "1")
    assert write(kintone, first, third) == {}
    assert scores(app) == {"a": "2", "b": "1", "c": "2"}


def test_fault_13_several_bad_new_records(app: App, kintone: Kintone) -> None:
    bad = {"スコア": "many", "契約日": "31.1.26"}
    refused = write(kintone, Write("a", bad), Write("b", {"スコア": 1}), Write("c", bad))
    assert fates(refused) == {"a": Fate.DEAD, "b": Fate.NOT_TRIED, "c": Fate.DEAD}
    assert "スコア: 数字でなければなりません。; 契約日: 日付の形式が" in refused["a"].error
    assert app.rows == {}


def test_fault_13_nobody_knows_which(fake: Fake, kintone: Kintone, seen: Fetched) -> None:
    body = {"code": "CB_VA01", "message": "入力内容が正しくありません。", "errors": {"app": {}}}
    fake.fault(WRITES, 400, body=body)
    with pytest.raises(ExportError, match="which record is at fault") as error:
        write(kintone, *changes(seen))
    assert "入力内容が正しくありません。" in str(error.value)


def test_fault_13_what_was_written_before_stays_acknowledged(
    fake: Fake, app: App, kintone: Kintone, seen: Fetched
) -> None:
    fake.fault("POST .*records.json", 520, body={"code": "GAIA_XX01", "message": "だめです。"})
    refused = write(kintone, *changes(seen), Write("new", {"スコア": 2}))
    assert refused == {"new": Refusal(Fate.NOT_TRIED, "520 GAIA_XX01 だめです。")}
    assert scores(app) == dict.fromkeys(IDS, "2")


@pytest.mark.parametrize("status", [500, 520])
def test_fault_14_bad_data_that_breaks_the_system_ends_soon(
    fake: Fake, kintone: Kintone, seen: Fetched, status: int
) -> None:
    fake.fault("PUT", status, times=9)
    with pytest.raises(ExportError):
        write(kintone, *changes(seen))
    assert len([r for r in fake.requests if "PUT" in r]) == 1


def test_fault_14_a_system_that_is_down_all_night(
    fake: Fake, kintone: Kintone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PATIENCE", 5.0)
    fake.fault(".*", 503, times=100, headers={"Retry-After": "6"})
    with pytest.raises(SourceError, match="cannot be used"):
        fetch(kintone, "a")


def test_fault_15_a_field_that_is_passed_over_in_silence(
    app: App, kintone: Kintone, seen: Fetched
) -> None:
    app.deaf.add("スコア")
    assert write(kintone, *changes(seen)) == {}
    assert fetch(kintone, "a")["a"].fields["スコア"] == "1"


def test_fault_16_a_persons_edit_is_not_overwritten(
    app: App, kintone: Kintone, seen: Fetched
) -> None:
    app.edit("2", スコア="99", 会社名="山田さんの編集")
    refused = write(kintone, *changes(seen))
    assert fates(refused) == {"a": Fate.NOT_TRIED, "b": Fate.CHANGED, "c": Fate.NOT_TRIED}
    assert STALE in refused["b"].error
    assert scores(app) == {"a": "1", "b": "99", "c": "1"}
    assert write(kintone, *changes(fetch(kintone, *IDS))) == {}
    assert app.rows["2"]["会社名"] == "山田さんの編集"


def test_fault_16_a_conflict_that_nobody_is_part_of(
    fake: Fake, kintone: Kintone, seen: Fetched
) -> None:
    fake.fault("PUT", 409, body={"code": "GAIA_CO02", "message": STALE})
    with pytest.raises(ExportError):
        write(kintone, *changes(seen))


@pytest.mark.parametrize(
    "text",
    [
        "東京都千代田区「丸の内」",
        'it\'s "quoted"; a,b\\c',
        "one\ntwo\r\nthree\ttab",
        "line\u2028separator\u2029and\u0085",
        "𠮷野家 👨‍👩‍👧",
        "全" * 60_000,
    ],
)
def test_fault_17_texts_arrive_letter_by_letter(app: App, kintone: Kintone, text: str) -> None:
    assert write(kintone, Write("a", {"メモ": text})) == {}
    assert fetch(kintone, "a")["a"].fields["メモ"] == text
    assert len(app.rows) == 1


def test_fault_17_a_text_that_is_too_long_is_named(kintone: Kintone) -> None:
    refused = write(kintone, Write("a", {"会社名": "𠮷" * 11}), Write("b", {"会社名": "𠮷" * 10}))
    assert fates(refused) == {"a": Fate.DEAD, "b": Fate.NOT_TRIED}
    assert "20文字より短くなければなりません。" in refused["a"].error


def test_fault_18_nothing_clears_and_what_is_left_out_stays(app: App, kintone: Kintone) -> None:
    app.add(顧客コード="a", 会社名="名", スコア="1", ランク="A", 課題=["解約"], 契約日="2026-01-31")
    nothing = dict.fromkeys(["スコア", "ランク", "課題", "契約日"])
    assert write(kintone, Write("a", nothing, fetch(kintone, "a")["a"])) == {}
    found = kintone.fetch("7", KEY, ["a"], [*nothing, "会社名"])["a"].fields
    assert found["会社名"] == "名"
    assert all(same(None, found[code]) for code in nothing)


def test_fault_18_infinity_is_named(kintone: Kintone) -> None:
    refused = write(kintone, Write("a", {"スコア": float("inf")}), Write("b", {"スコア": 1}))
    assert fates(refused) == {"a": Fate.DEAD, "b": Fate.NOT_TRIED}


def test_fault_18_a_required_field_cannot_be_empty(app: App, kintone: Kintone) -> None:
    app.fields["会社名"]["required"] = True
    refused = write(kintone, Write("a", {"スコア": 1}), Write("b", {"会社名": "名"}))
    assert fates(refused) == {"a": Fate.DEAD, "b": Fate.NOT_TRIED}
    assert refused["a"].error == "CB_VA01 会社名: 必須です。"


def test_fault_19_a_record_deleted_meanwhile_is_not_made_again(
    app: App, kintone: Kintone, seen: Fetched
) -> None:
    app.delete("2")
    refused = write(kintone, *changes(seen))
    assert fates(refused) == {"a": Fate.NOT_TRIED, "b": Fate.GONE, "c": Fate.NOT_TRIED}
    assert "指定したレコード(id: 2)が見つかりません。" in refused["b"].error
    assert "b" not in fetch(kintone, *IDS)
    assert len(app.rows) == 2
