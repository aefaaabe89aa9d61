"""Write-backs of several nights to one table of a system."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from salesml.config import Limits
from salesml.crm import Connection
from salesml.export import ExportResult, Ledger, Target, write_back

FIRST = dt.date(2026, 4, 1)


class Nights:
    """A target of *crm*, and the ledger of what was written to it; nights are numbered from 0."""

    def __init__(self, crm: Connection, folder: Path, target: Target) -> None:
        self.crm, self.target = crm, target
        self.ledger = Ledger(folder / "ledger.sqlite")

    def write(
        self, rows: Mapping[str, Mapping[str, object]], night: int = 0, **limits: Any
    ) -> ExportResult:
        """Write *rows*: values of the target's columns by external id."""
        known = list(self.target.columns.values())
        table = pd.DataFrame(list(rows.values()), columns=known, index=list(rows))
        return write_back(
            self.target,
            table.rename_axis("external_id").reset_index(),
            connection=self.crm,
            ledger=self.ledger,
            as_of=FIRST + dt.timedelta(night),
            run_id=f"night {night}",
            now=lambda: dt.datetime(2026, 4, 1, 17) + dt.timedelta(night),
            limits=Limits(**{"share": 1.0, **limits}),
        )
