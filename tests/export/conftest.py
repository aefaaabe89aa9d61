from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
import pytest
from crm.no_jobs import NoJobs

from salesml import stopping
from salesml.crm import Connection, connect
from salesml.crm.records import Write
from salesml.export import ExportResult, Ledger, Target, write_back

DAY = dt.date(2025, 3, 1)


class Crm:
    """A CRM with a table ``accounts`` (id, score, band, scored_on, owner), and write-backs to it.

    Days are counted from the first run.
    """

    def __init__(self, kind: str, place: str, folder: Path) -> None:
        self.kind, self.place = kind, place
        self.folder = folder
        spec = {"type": kind, "dsn" if kind == "postgres" else "path": place}
        self.connection: Connection = connect("crm", spec)
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.table = "accounts.csv" if kind == "files" else "accounts"

    def target(self, mode: str = "update", name: str = "crm", table: str | None = None) -> Target:
        fields = {"score": "score", "band": "band_ja"}
        return Target(name, table or self.table, "id", mode, fields, {"scored_on": "as_of"})

    def make(self, *ids: str) -> None:
        kinds = {"score": float, "band": str, "scored_on": str, "owner": str}
        self.connection.ensure_table(self.table, "id", kinds)
        if ids:
            made = [Write(i, {"owner": "佐藤"}) for i in ids]
            assert self.connection.write(self.table, "id", made, jobs=NoJobs()) == {}

    def edit(self, i: str, **values: object) -> None:
        """Somebody changes a record."""
        seen = self.connection.fetch(self.table, "id", [i], list(values))[i]
        edited = [Write(i, values, seen)]
        assert self.connection.write(self.table, "id", edited, jobs=NoJobs()) == {}

    def show(self, *ids: str) -> list[tuple[float | None, object]]:
        """Score and band of the records that exist."""
        found = self.connection.fetch(self.table, "id", ids, ["score", "band"])
        shown = [found[i].fields for i in ids if i in found]
        return [(_number(fields["score"]), fields["band"]) for fields in shown]

    def write(
        self, scores: Mapping[str, object], day: int = 0, band: object = "要注意", **options: Any
    ) -> ExportResult:
        return self.write_rows(table(scores, day, band), day, **options)

    def write_rows(
        self, rows: pd.DataFrame | Iterator[pd.DataFrame], day: int = 0, **options: Any
    ) -> ExportResult:
        target = options.pop("target", None) or self.target(options.pop("mode", "update"))
        return write_back(
            target,
            rows,
            connection=self.connection,
            ledger=self.ledger,
            as_of=DAY + dt.timedelta(day),
            run_id=f"run {day}",
            now=lambda: dt.datetime(2025, 3, 1, 17) + dt.timedelta(day),
            **options,
        )

    def ledger_bytes(self) -> bytes:
        """The content of the ledger."""
        return Path(self.folder, "ledger.sqlite").read_bytes()

    def statuses(self, i: str) -> list[str]:
        return [attempt.status for attempt in self.ledger.history("crm", i)]


def table(scores: Mapping[str, object], day: int = 0, band: object = "要注意") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "external_id": list(scores),
            "score": list(scores.values()),
            "band_ja": band,
            "as_of": DAY + dt.timedelta(day),
        }
    )


def counts(result: ExportResult) -> dict[str, int]:
    """The counts that are not zero."""
    names = ("written", "unchanged", "already", "kept", "older", "missing")
    names = (*names, "waiting", "dead", "carried")
    found = {name: getattr(result, name) for name in names}
    assert sum(found.values()) == result.total
    return {name: count for name, count in found.items() if count}


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


Open = Callable[[str], Crm]


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been waited."""
    waited: list[float] = []
    monkeypatch.setattr(stopping, "pause", waited.append)
    return waited


@pytest.fixture
def open_crm(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    def make(kind: str) -> Crm:
        if kind == "postgres":
            return Crm(kind, request.getfixturevalue("postgres_database"), tmp_path)
        if kind == "files":
            return Crm(kind, str(tmp_path), tmp_path)
        place = tmp_path / "crm.db"
        if kind == "duckdb":
            duckdb.connect(str(place)).close()
        else:
            place.touch()  # an empty file is an empty SQLite database
        return Crm(kind, str(place), tmp_path)

    return make


@pytest.fixture
def crm(open_crm: Open) -> Crm:
    """An SQLite CRM."""
    return open_crm("sqlite")


@pytest.fixture(params=["sqlite", "postgres", "files"])
def any_crm(request: pytest.FixtureRequest, open_crm: Open) -> Crm:
    """A CRM of each kind in turn."""
    return open_crm(request.param)


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as link:
        link.execute(statement)
