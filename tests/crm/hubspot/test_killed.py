"""Write-backs to HubSpot that are killed: nothing is lost, nothing is made or written twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from export.killing import Killing, id_of

from crm.fakes import serving
from crm.hubspot.account import definition
from crm.hubspot.fake import TOKEN, Fake
from salesml.export import Target

pytestmark = pytest.mark.faults


class HubSpotSystem:
    """Companies; half of them are still to be made."""

    target = Target(
        "crm",
        "companies",
        "external_id",
        "upsert",
        {"name": "name", "score": "score", "note": "reason"},
    )

    def __init__(self, fake: Fake, address: str, count: int) -> None:
        self._account = fake.account
        self.spec = {"type": "hubspot", "token": TOKEN, "url": address}
        for i in range(0, count, 2):
            fake.account.add("companies", external_id=id_of(i), name=f"社{i}")

    def shown(self) -> dict[str, tuple[object, ...]]:
        found = [r["properties"] for r in list(self._account.kinds["companies"].rows.values())]
        shown = {p["external_id"]: (p["name"], _int(p["score"]), p["note"]) for p in found}
        assert len(shown) == len(found), "an id is there twice"
        return shown

    def written(self) -> Counter[str]:
        rows = self._account.kinds["companies"].rows
        own = {i: row["properties"]["external_id"] for i, row in list(rows.items())}
        return Counter({own[i]: n for i, n in list(self._account.written.items())})


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


def test_fault_01_03_killed_while_hubspot_is_written(tmp_path: Path) -> None:
    fake = Fake()
    columns = [definition("external_id", unique=True), definition("name"), definition("note")]
    fake.account.define("companies", *columns, definition("score", "number"))
    with serving(fake.app) as address:
        system = HubSpotSystem(fake, address, 200)
        killing = Killing(system, tmp_path / "run", 200, seed=1, aimed=True)
        within = killing.undisturbed()
        killing.require_equal()
        killing.kill(3, within)
    assert killing.report.kills == 3
