from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm.fakes import serving
from crm.fault_proxy import FaultProxy
from crm.kintone.app import App, field
from crm.kintone.fake import TOKEN, Fake
from salesml import stopping
from salesml.crm.kintone import Kintone


@pytest.fixture
def app() -> App:
    """An app of companies by 顧客コード, with no record in it."""
    return App(
        field("顧客コード", unique=True, required=True),
        field("会社名", maxLength="20"),
        field("メモ", "MULTI_LINE_TEXT"),
        field("スコア", "NUMBER"),
        field("合計", "CALC", expression="スコア * 2"),
        field("写し"),
        field("契約日", "DATE"),
        field("算出日時", "DATETIME"),
        field("ランク", "DROP_DOWN", options=["A", "B", "C", "D"]),
        field("課題", "CHECK_BOX", options=["解約", "追加", "値上げ"]),
        field("参照", lookup={"fieldMappings": [{"field": "写し", "relatedField": "x"}]}),
        field("担当", "USER_SELECT"),
        field("枠", "GROUP"),
    )


@pytest.fixture
def fake(app: App) -> Fake:
    return Fake(**{"7": app})


@pytest.fixture
def proxy(fake: Fake) -> Iterator[FaultProxy]:
    with serving(fake.app) as address:
        yield FaultProxy(address)


@pytest.fixture
def url(proxy: FaultProxy) -> Iterator[str]:
    with proxy.serving() as address:
        yield address


@pytest.fixture
def kintone(url: str) -> Kintone:
    return Kintone("crm", {"type": "kintone", "url": url, "token": TOKEN})


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waiting takes no time; how long it would have been."""
    waited: list[float] = []
    monkeypatch.setattr(stopping, "pause", waited.append)
    return waited
