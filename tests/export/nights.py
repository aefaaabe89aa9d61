"""Nightly write-backs of scores to a scripted CRM."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from export.conftest import DAY, table
from export.scripted import Scripted
from salesml.export import ExportResult, Ledger, Target, write_back

__all__ = ["Nights"]


class Nights:
    """A scripted CRM with the records *ids*, a ledger in *folder*, and write-backs to it."""

    def __init__(self, folder: Path, *ids: str, batch: int = 200) -> None:
        self.crm = Scripted({i: {"owner": "佐藤"} for i in ids})
        self.crm.batch = batch
        self.ledger = Ledger(folder / "ledger.sqlite")

    def target(self, mode: str = "update") -> Target:
        fields = {"score": "score", "band": "band_ja"}
        return Target("crm", "accounts", "id", mode, fields, {"scored_on": "as_of"})

    def write(
        self,
        scores: Mapping[str, object],
        day: int = 0,
        *,
        mode: str = "update",
        priorities: list[float] | None = None,
        band: object = "A",
        **options: Any,
    ) -> ExportResult:
        rows = table(scores, day, band)
        if priorities is not None:
            rows = rows.assign(_priority=priorities)
        return self.write_rows(rows, day, mode=mode, **options)

    def write_rows(
        self,
        rows: pd.DataFrame | Iterable[pd.DataFrame],
        day: int = 0,
        *,
        mode: str = "update",
        target: Target | None = None,
        **options: Any,
    ) -> ExportResult:
        return write_back(
            target or self.target(mode),
            rows,
            connection=self.crm,
            ledger=self.ledger,
            as_of=DAY + dt.timedelta(day),
            run_id=f"run {day}",
            now=lambda: dt.datetime(2025, 3, 1, 17) + dt.timedelta(day),
            **options,
        )

    def scores(self) -> dict[str, object]:
        """The scores that the CRM holds."""
        return {i: fields.get("score") for i, fields in self.crm.records.items()}

    def statuses(self, i: str) -> list[str]:
        return [attempt.status for attempt in self.ledger.history("crm", i)]

    def error(self, i: str) -> str | None:
        return self.ledger.history("crm", i)[-1].error
