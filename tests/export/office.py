"""A CRM behind a connection that fails where it is told to, and people who work in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from crm.no_jobs import NoJobs

from export.conftest import DAY, Crm
from export.faulty import Faulty, ledger_of
from salesml.crm.records import Write
from salesml.export import ExportResult, write_back

IDS = [f"i{n:02d}" for n in range(30)]
SCORES = {i: n for n, i in enumerate(IDS)}
BAND = "要注意"


class Office:
    """A CRM with thirty records, the faulty connection to it, and people who work in it."""

    def __init__(self, crm: Crm, folder: Path, *, by_job: bool = False) -> None:
        self.crm, self.folder = crm, folder
        kinds = {"score": float, "band": str, "scored_on": str, "owner": str}
        crm.connection.ensure_table(crm.table, "id", kinds)
        made = [Write(i, {"owner": "佐藤"}) for i in IDS]
        crm.connection.write(crm.table, "id", made, jobs=NoJobs())
        self.crm.ledger = ledger_of(crm.kind, crm.place, folder)
        self.line = Faulty(crm.connection, folder, by_job=by_job)

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """What people do, past the connection."""
        if self.crm.kind == "postgres":
            with psycopg.connect(self.crm.place, autocommit=True) as link:
                cursor = link.execute(statement)
                return cursor.fetchall() if cursor.description else []
        with self.line.inner.session(write=True) as cursor:  # type: ignore[attr-defined]
            return list(cursor.execute(statement).fetchall())

    def doing(self, statement: str) -> Callable[[], None]:
        """What somebody does when its time has come."""

        def act() -> None:
            self.run(statement)

        return act

    def write(
        self,
        scores: Mapping[str, object] | Sequence[tuple[str, object]] = tuple(SCORES.items()),
        day: int = 1,
        *,
        mode: str = "update",
        bands: Sequence[object] | object = BAND,
        **options: Any,
    ) -> ExportResult:
        pairs = list(scores.items() if isinstance(scores, Mapping) else scores)
        values = [score for _, score in pairs]
        rows = pd.DataFrame(
            {
                "external_id": [i for i, _ in pairs],
                "score": values,
                "band_ja": bands,
                "as_of": DAY + dt.timedelta(day),
                "_priority": [float(str(v)) if v is not None else None for v in values],
            }
        )
        return write_back(
            self.crm.target(mode),
            rows,
            connection=self.line,
            ledger=self.crm.ledger,
            as_of=DAY + dt.timedelta(day),
            run_id=f"run {day}",
            now=lambda: dt.datetime(2025, 3, 1, 17) + dt.timedelta(day),
            **options,
        )

    def scores(self) -> dict[str, float]:
        """The scores that the CRM holds."""
        found = self.run("select id, score from accounts where score is not null order by id")
        return {i: float(score) for i, score in found}

    def bands(self) -> list[str | None]:
        return [row[0] for row in self.run("select band from accounts order by id")]

    def last(self, i: str) -> tuple[str, str | None]:
        """Status and error of the last attempt to write a record."""
        attempt = self.crm.ledger.history("crm", i)[-1]
        return attempt.status, attempt.error

    def require_all_written_once(self) -> None:
        assert self.scores() == SCORES
        assert self.line.deliveries == dict.fromkeys(IDS, 1)


def numbers(result: ExportResult) -> dict[str, int]:
    """The counts that are not zero; together they are all records."""
    names = ("written", "unchanged", "already", "kept", "older", "missing", "waiting", "dead")
    found = {name: getattr(result, name) for name in (*names, "carried")}
    assert sum(found.values()) == result.total
    return {name: count for name, count in found.items() if count}


def raising(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act
