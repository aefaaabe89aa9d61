"""One write-back on its way: what all its steps share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from salesml.crm import Connection
from salesml.crm.records import Fetched
from salesml.export.decide import Rules
from salesml.export.ledger import Ledger
from salesml.export.result import ExportResult
from salesml.export.target import Target

__all__ = ["Night"]


@dataclass
class Night:
    """Tonight's write-back to one target; ``result`` counts as it goes.

    Parameters
    ----------
    as_of, run_id, now : what the ledger notes of each step.
    exists : whether the table is there; it may be missing in a dry run.
    progress : called with the number of records done, and of all.
    """

    target: Target
    connection: Connection
    ledger: Ledger
    as_of: dt.date
    run_id: str
    now: Callable[[], dt.datetime]
    progress: Callable[[int, int], None]
    result: ExportResult
    rules: Rules
    exists: bool = True
    _counted: int = field(init=False)
    _began: int = field(init=False)

    def __post_init__(self) -> None:
        self._counted = self._began = self.connection.calls

    @property
    def name(self) -> str:
        """The target's name in the ledger."""
        return self.target.name

    def look(self, ids: Sequence[str]) -> Fetched:
        """What the CRM shows of *ids*."""
        if not self.exists:
            return {}
        table, key, fields = self.target.table, self.target.key, list(self.target.fields)
        return self.connection.fetch(table, key, ids, fields)

    def count(self, counter: str, more: int) -> None:
        """Add *more* to a counter of the result."""
        setattr(self.result, counter, getattr(self.result, counter) + more)

    def spend(self, rows: int) -> None:
        """Note the requests made since the last time, and *rows* records sent."""
        calls = self.connection.calls
        if rows or calls > self._counted:
            day = self.now().date()
            self.ledger.spend(self.connection.name, day, calls - self._counted, rows)
        self._counted, self.result.calls = calls, calls - self._began

    def settle_jobs(self) -> None:
        """Bring what the system does without us to its end, so that nothing is on its way."""
        for job in self.ledger.open_jobs(self.name):
            self.connection.settle(job)
            self.end(job)

    # what a connector notes -------------------------------------------------------------------

    def begin(self, job: str, ids: Sequence[str]) -> None:
        """*job* exists and will carry *ids*; it is on the disk when this returns."""
        self.ledger.begin_job(self.name, job, ids, run_id=self.run_id, at=self.now())

    def end(self, job: str) -> None:
        """Nothing of *job* is on its way any more."""
        self.ledger.end_job(self.name, job, self.now())
