"""Writing scores back to a CRM, through a ledger."""

from __future__ import annotations

from salesml.export.ledger import Ledger
from salesml.export.ledger_rows import Attempt, Record
from salesml.export.result import Change, Edit, ExportResult, Failure, todo_of
from salesml.export.target import Target
from salesml.export.writeback import write_back

__all__ = [
    "Attempt",
    "Change",
    "Edit",
    "ExportResult",
    "Failure",
    "Ledger",
    "Record",
    "Target",
    "todo_of",
    "write_back",
]
