"""Write-backs to kintone that are killed: nothing is lost, nothing is made or written twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from export.killing import Killing, id_of

from crm.fakes import serving
from crm.kintone.app import App, field
from crm.kintone.fake import TOKEN, Fake
from salesml.export import Target

pytestmark = pytest.mark.faults


class KintoneSystem:
    """Companies; half of them are still to be made."""

    target = Target(
        "crm",
        "1",
        "顧客コード",
        "upsert",
        {"会社名": "name", "スコア": "score", "メモ": "reason"},
    )

    def __init__(self, app: App, address: str, count: int) -> None:
        self._app = app
        self.spec = {"type": "kintone", "token": TOKEN, "url": address}
        for i in range(0, count, 2):
            app.add(顧客コード=id_of(i), 会社名=f"社{i}")

    def shown(self) -> dict[str, tuple[object, ...]]:
        rows = list(self._app.rows.values())
        shown = {r["顧客コード"]: (r["会社名"], int(r["スコア"] or -1), r["メモ"]) for r in rows}
        assert len(shown) == len(rows), "an id is there twice"
        return shown

    def written(self) -> Counter[str]:
        own = {i: row["顧客コード"] for i, row in list(self._app.rows.items())}
        return Counter({own[i]: n for i, n in list(self._app.written.items())})


def test_fault_01_03_killed_while_kintone_is_written(tmp_path: Path) -> None:
    key = field("顧客コード", unique=True)
    app = App(key, field("会社名"), field("スコア", "NUMBER"), field("メモ", "MULTI_LINE_TEXT"))
    with serving(Fake(**{"1": app}).app) as address:
        system = KintoneSystem(app, address, 200)
        killing = Killing(system, tmp_path / "run", 200, seed=1, aimed=True)
        within = killing.undisturbed()
        killing.require_equal()
        killing.kill(3, within)
    assert killing.report.kills == 3
