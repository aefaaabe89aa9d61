"""Batches and look-ups of any content."""

from __future__ import annotations

import json
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.dataverse.conftest import Crm
from crm.dataverse.fake import asks_in
from crm.dataverse.fake_environment import Ask
from salesml.crm.dataverse.batch import Operation, answers_in, packed
from salesml.crm.dataverse.looking import parts

HEAD = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_whatever_is_packed_arrives(texts: list[str]) -> None:
    operations = [
        Operation("PATCH", f"/api/data/v9.2/accounts({n})", {"name": text}, {"If-Match": 'W/"1"'})
        for n, text in enumerate(texts)
    ]
    kind, content = packed(operations)
    asks = asks_in(Ask("POST", "$batch", {}, {"content-type": kind}, content))
    assert [json.loads(ask.body)["name"] for ask in asks] == texts
    assert [ask.resource for ask in asks] == [f"accounts({n})" for n in range(len(texts))]
    assert {ask.headers["if-match"] for ask in asks} == {'W/"1"'}


@given(st.lists(st.tuples(st.sampled_from([200, 204, 400, 412]), st.text()), min_size=1))
def test_whatever_is_answered_is_read_in_order(told: list[tuple[int, str]]) -> None:
    bodies = [json.dumps({"error": {"message": text}}, ensure_ascii=True) for _, text in told]
    content = b"".join(
        b"--b\r\n%sHTTP/1.1 %d Any\r\nOData-Version: 4.0\r\n\r\n%s\r\n"
        % (HEAD, status, body.encode())
        for (status, _), body in zip(told, bodies, strict=True)
    )
    response = httpx.Response(
        200, headers={"Content-Type": "multipart/mixed; boundary=b"}, content=content + b"--b--\r\n"
    )
    found = answers_in(response)
    assert [(a.status_code, a.json()["error"]["message"]) for a in found] == told


@pytest.mark.parametrize("kind", ["application/json", "multipart/mixed; boundary=b"])
def test_an_answer_that_is_no_batch(kind: str) -> None:
    with pytest.raises(ValueError, match=kind.split(";")[0]):
        answers_in(httpx.Response(200, headers={"Content-Type": kind}, content=b"sorry"))


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=100), max_size=500))
def test_ids_go_in_parts_that_an_address_holds(ids: list[str]) -> None:
    found = list(parts(ids))
    assert [i for part in found for i in part] == ids
    for part in found:
        assert len(part) <= 200
        assert len(quote(json.dumps(part, ensure_ascii=False))) < 30_000


def test_ids_that_no_address_can_hold(crm: Crm) -> None:
    assert crm.fetch(["\ud800", "a\x00b", "'", '"', "\\", "\n"]) == {}
