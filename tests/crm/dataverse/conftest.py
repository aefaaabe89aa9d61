from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from crm.dataverse.fake import Fake
from crm.fakes import serving
from crm.no_jobs import NoJobs
from salesml import stopping
from salesml.crm import connect
from salesml.crm.dataverse import Dataverse
from salesml.crm.records import Fate, Fetched, Refusal, Write


class Crm:
    """The stand-in, and a connection to it."""

    def __init__(self, fake: Fake, address: str) -> None:
        self.fake, self.address = fake, address
        self.table, self.key = "account", "accountnumber"
        self.connection = self.connect()

    def connect(self, **settings: str) -> Dataverse:
        spec = {
            "type": "dataverse",
            "url": self.address,
            "tenant": "contoso",
            "client_id": "app",
            "client_secret": "s3cret",
            "login": self.address,
        }
        made = connect("crm", {**spec, **settings})
        assert isinstance(made, Dataverse)
        return made

    def make(self, *ids: str, **values: Any) -> list[str]:
        """Somebody makes records; their primary ids."""
        return [self.fake.make(self.table, **{self.key: i, **values}) for i in ids]

    def fetch(self, ids: Sequence[str], *fields: str) -> Fetched:
        return self.connection.fetch(self.table, self.key, ids, fields or ("new_score",))

    def send(self, writes: Sequence[Write]) -> dict[str, Refusal]:
        return self.connection.write(self.table, self.key, writes, jobs=NoJobs())

    def write(self, rows: Mapping[str, Mapping[str, object]]) -> dict[str, Refusal]:
        """Look *rows* up, and write them as they were seen."""
        fields = list(dict.fromkeys(name for row in rows.values() for name in row))
        seen = self.fetch(list(rows), *fields)
        return self.send([Write(i, row, seen.get(i)) for i, row in rows.items()])

    def score(self, **scores: object) -> dict[str, Fate]:
        refused = self.write({i: {"new_score": score} for i, score in scores.items()})
        return {i: refusal.fate for i, refusal in refused.items()}

    def held(self, field: str = "new_score") -> dict[str, Any]:
        """What the records hold, by key."""
        records = self.fake.tables[self.table].records.values()
        return {row[self.key]: row[field] for row in records}

    def batches(self) -> int:
        return self.fake.asked.count("POST $batch")


@pytest.fixture
def crm() -> Iterator[Crm]:
    fake = Fake()
    with serving(fake.app) as address:
        yield Crm(fake, address)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(stopping, "pause", waited.append)
    return waited
