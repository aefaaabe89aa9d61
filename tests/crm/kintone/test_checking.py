from __future__ import annotations

import datetime as dt

import pytest

from crm.fault_proxy import FaultProxy
from crm.kintone.app import App
from crm.kintone.fake import Fake
from salesml.crm.kintone import Kintone
from salesml.crm.records import Allowance, Tolerance
from salesml.errors import ExportError


def test_what_fits(kintone: Kintone) -> None:
    fields = {
        "会社名": str,
        "メモ": float,
        "スコア": bool,
        "契約日": dt.date,
        "算出日時": dt.datetime,
        "写し": None,
    }
    fields.pop("写し")
    assert kintone.check_target("7", "顧客コード", fields, create=False) == []


def test_all_that_is_wrong_is_told_at_once(fake: Fake, kintone: Kintone) -> None:
    fake.may_write = False
    fields = {
        "スコ": float,
        "スコア": str,
        "合計": float,
        "写し": str,
        "担当": None,
        "更新日時": None,
    }
    with pytest.raises(ExportError) as error:
        kintone.check_target("7", "会社名", fields, create=True)
    told = str(error.value)
    assert "no column 'スコ'. Did you mean 'スコア'?" in told
    assert "'スコア' is of type NUMBER, which takes no text" in told
    assert "'合計' cannot be written: kintone calculates it" in told
    assert "'写し' cannot be written: a look-up fills it" in told
    assert "'担当' cannot be written: it is a USER_SELECT" in told
    assert "'更新日時' cannot be written: it is a UPDATED_TIME" in told
    assert "'会社名' is no key" in told
    assert "may not write: 403 GAIA_NO01 このAPIトークンでは" in told


def test_no_such_app(kintone: Kintone) -> None:
    with pytest.raises(ExportError, match="no app '8'"):
        kintone.check_target("8", "id", {}, create=True)


def test_warnings(app: App, kintone: Kintone) -> None:
    app.fields["会社名"]["required"] = True
    warned = kintone.check_target("7", "顧客コード", {"ランク": str}, create=False)
    assert warned == [
        "'ランク' takes its options alone: A, B, C, D",
        "records cannot be made without 会社名",
    ]


def test_a_question_that_is_lost_tells_nothing(proxy: FaultProxy, kintone: Kintone) -> None:
    proxy.script("cut", "PUT")
    assert kintone.check_target("7", "顧客コード", {}, create=False) == []


def test_what_is_kept_of_values(app: App, kintone: Kintone) -> None:
    app.places = 2
    found = kintone.tolerances("7", ["スコア", "会社名", "顧客コード", "算出日時", "メモ"])
    assert found["スコア"].absolute == 0.005
    assert found["会社名"].length == 20
    assert found["顧客コード"].length == 64
    assert found["算出日時"].absolute == 60
    assert found["メモ"] == Tolerance()


def test_what_a_record_shows_that_nobody_gave_a_value(app: App, kintone: Kintone) -> None:
    app.fields["ランク"] |= {"defaultValue": "D", "required": True}
    app.fields["課題"]["defaultValue"] = ["解約"]
    found = kintone.tolerances("7", ["ランク", "課題", "会社名"])
    assert [found[code].blank for code in ("ランク", "課題", "会社名")] == ["D", "解約", None]
    assert kintone.check_target("7", "顧客コード", {"会社名": str}, create=False) == []


def test_settings_that_are_not_shown_are_kintones_defaults(fake: Fake, kintone: Kintone) -> None:
    fake.fault("GET .*settings", 403)
    assert kintone.tolerances("7", ["スコア"])["スコア"].absolute == 0.00005


def test_calls_are_counted_and_limited_by_the_day(kintone: Kintone) -> None:
    kintone.exists("7")
    assert kintone.calls == 1
    assert kintone.allowance() == Allowance(resets="9:00 in Japan", calls_a_day=10_000)
    assert [kintone.cost(rows) for rows in (0, 1, 100, 101)] == [0, 3, 3, 6]
