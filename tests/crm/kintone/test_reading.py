from __future__ import annotations

import datetime as dt
import pickle

import duckdb
import pytest

from crm.kintone.app import App
from crm.kintone.fake import TOKEN, Fake
from salesml.crm import connect
from salesml.crm.kintone import Kintone
from salesml.errors import ConfigError, SourceError

Rows = list[tuple[object, ...]]


def loaded(kintone: Kintone, columns: str, since: tuple[str, str] | None = None) -> Rows:
    with duckdb.connect() as con:
        kintone.load(con, "7", "raw", options={}, since=since)
        return con.execute(f'select {columns} from raw order by cast("$id" as int)').fetchall()


def test_records_arrive_with_the_types_of_their_fields(app: App, kintone: Kintone) -> None:
    app.add(
        顧客コード="c1",
        会社名="東京商事",
        スコア="0.5",
        契約日="2026-01-31",
        算出日時="2026-01-31T15:00:00Z",
        課題=["解約", "追加"],
        担当=[{"code": "yamada", "name": "山田"}],
    )
    columns = '"$id", "$revision", 会社名, スコア, 契約日, 算出日時, 課題, 担当, ランク, 更新日時'
    at, made = dt.datetime(2026, 1, 31, 15), dt.datetime(2026, 4, 1, 0, 1)
    row = ("1", 1, "東京商事", 0.5, dt.date(2026, 1, 31), at, '["解約", "追加"]')
    assert loaded(kintone, columns) == [(*row, '["yamada"]', None, made)]
    assert kintone.columns("7")["スコア"] == "NUMBER"
    assert "枠" not in kintone.columns("7")
    assert kintone.fingerprint("7") is None


def test_more_records_than_an_offset_reaches(app: App, fake: Fake, kintone: Kintone) -> None:
    for n in range(1_100):
        app.add(顧客コード=str(n))
    for n in range(1, 600):
        app.delete(str(n))
    assert [row[0] for row in loaded(kintone, "顧客コード")] == [str(n) for n in range(599, 1_100)]
    assert len([r for r in fake.requests if "records" in r]) == 2


def test_changed_since_a_time(app: App, kintone: Kintone) -> None:
    for n in range(60):
        app.add(顧客コード=str(n))
    app.edit("3", 会社名="changed")
    rows = loaded(kintone, "顧客コード", ("更新日時", "2026-04-01 01:00:30"))
    assert [row[0] for row in rows] == ["2", "54", "55", "56", "57", "58", "59"]
    assert len(loaded(kintone, "顧客コード", ("会社名", "x"))) == 60
    assert len(loaded(kintone, "顧客コード", ("更新日時", "2026-04-01T09:00:00+09:00"))) == 60
    assert len(loaded(kintone, "顧客コード", ("$revision", "2"))) == 60


def test_unknown_tables_and_columns_are_refused(kintone: Kintone) -> None:
    assert kintone.exists("7")
    assert not kintone.exists("8")
    with pytest.raises(SourceError, match="no app '8'") as error:
        kintone.columns("8")
    assert "指定したアプリ(id: 8)が見つかりません。" in str(error.value)
    with pytest.raises(SourceError, match="no column '更新'"):
        loaded(kintone, "1", ("更新", "2026-04-01"))
    with pytest.raises(SourceError, match="no field 'コード'"):
        kintone.fetch("7", "コード", ["1"], [])


def test_a_guest_space(app: App, fake: Fake, url: str) -> None:
    app.add(顧客コード="c1")
    fake.space = "12"
    spec = {"type": "kintone", "url": url, "token": TOKEN}
    with pytest.raises(SourceError, match="ゲストスペース"):
        Kintone("crm", spec).columns("7")
    assert loaded(Kintone("crm", {**spec, "guest_space": "12"}), "顧客コード") == [("c1",)]


def test_tokens_of_several_apps(fake: Fake, url: str) -> None:
    fake.apps["9"], fake.tokens["9"] = App(), "another"
    crm = Kintone("crm", {"type": "kintone", "url": url, "token": f"{TOKEN}, another"})
    assert crm.exists("7")
    assert crm.exists("9")


def test_a_connection_travels_and_shows_no_token(url: str) -> None:
    spec = {"type": "kintone", "url": url, "token": TOKEN}
    crm = pickle.loads(pickle.dumps(connect("crm", spec)))
    assert crm.exists("7")
    assert TOKEN not in repr(crm)


def test_a_token_that_is_refused(url: str) -> None:
    crm = Kintone("crm", {"type": "kintone", "url": url, "token": "wrong-token"})
    with pytest.raises(SourceError, match="does not accept the sign-in") as error:
        crm.columns("7")
    assert "トークンと異なります" in str(error.value)
    assert "wrong-token" not in str(error.value)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="'url' is missing; 'token' is missing"):
        Kintone("crm", {"type": "kintone"})
