"""The stand-in refuses what kintone refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm.fakes import spawned
from crm.kintone.fake import TOKEN, Fake
from salesml.crm.kintone import Kintone

PATH = "k/v1/records.json"
AS_GET = {"X-HTTP-Method-Override": "GET"}


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers={"X-Cybozu-API-Token": TOKEN}) as made:
        yield made


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit 501", "CB_VA01"),
        ("limit 500 offset 10001", "GAIA_QU01"),
        ('顧客 in ("a") limit 1', "GAIA_IQ11"),
        ('顧客コード in ("a"b") limit 1', "CB_VA01"),
        ("order by", "CB_VA01"),
    ],
)
def test_queries_that_are_refused(client: httpx.Client, query: str, code: str) -> None:
    response = client.post(PATH, headers=AS_GET, json={"app": 7, "query": query})
    assert response.json()["code"] == code


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "必須です。"),
        ({"顧客コード": {"value": "x" * 65}}, "64文字より短く"),
        ({"顧客コード": {"value": "a\nb"}}, "改行"),
        ({"顧客コード": {"value": "a"}, "スコア": {"value": 1}}, "文字列で"),
        ({"顧客コード": {"value": "a"}, "算出日時": {"value": "2026-01-31 10:00"}}, "日時の形式"),
        ({"顧客コード": {"value": "a"}, "課題": {"value": "解約"}}, "選択肢"),
        ({"顧客コード": {"value": "a"}, "合計": {"value": "1"}}, ""),
        ({"顧客コード": {"value": "a"}, "更新日時": {"value": "1"}}, "更新できません"),
    ],
)
def test_records_that_are_refused(
    client: httpx.Client, record: dict[str, Any], message: str
) -> None:
    response = client.post(PATH, json={"app": "7", "records": [record]})
    assert response.status_code == 400
    assert message in str(response.json()["errors"])


def test_more_records_than_a_request_may_have(client: httpx.Client) -> None:
    response = client.post(PATH, json={"app": "7", "records": [{}] * 101})
    assert "1から100まで" in str(response.json())


def test_two_new_records_with_one_key(client: httpx.Client) -> None:
    record = {"顧客コード": {"value": "a"}}
    response = client.post(PATH, json={"app": "7", "records": [record, record]})
    assert list(response.json()["errors"]) == ["records[1].顧客コード.value"]


def test_bodies_are_json_and_addresses_short(client: httpx.Client) -> None:
    assert client.post(PATH, content=b"{}").json()["code"] == "CB_IL02"
    fields = "k/v1/app/form/fields.json"
    assert client.get(fields, params={"app": "x" * 9_000}).status_code == 414


def test_unknown_fields_are_passed_over(fake: Fake, client: httpx.Client) -> None:
    record = {"顧客コード": {"value": "a"}, "ない": {"value": "x"}}
    assert client.post(PATH, json={"app": "7", "records": [record]}).is_success
    assert "ない" not in fake.apps["7"].rows["1"]


def test_it_runs_as_a_process_of_its_own() -> None:
    with spawned("crm.kintone.fake") as address:
        httpx.post(f"{address}/_fake/faults", json={"match": "GET .*records", "status": 429})
        crm = Kintone("crm", {"type": "kintone", "token": TOKEN, "url": address})
        found = crm.fetch("1", "顧客コード", ["c00007"], ["会社名"])
        assert found["c00007"].fields == {"会社名": "会社7"}
        state = httpx.get(f"{address}/_fake/state").json()
        assert (state["requests"], len(state["records"]["1"])) == (3, 5_000)
