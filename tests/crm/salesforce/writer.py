"""A process that writes and may be killed: ``python -m crm.salesforce.writer URL NOTES ROWS``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from crm.salesforce.conftest import connected
from salesml.crm.records import Write

KEY = "ExternalId__c"


class Notes:
    """Jobs noted in a file, on the disk before the next step."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, job: str, _ids: Sequence[str]) -> None:
        with self.path.open("a") as file:
            file.write(f"{job}\n")
            file.flush()
            os.fsync(file.fileno())

    def end(self, job: str) -> None:
        self.begin(f"-{job}", [])

    def open(self) -> list[str]:
        lines = self.path.read_text().split() if self.path.exists() else []
        return [job for job in lines if not job.startswith("-") and f"-{job}" not in lines]


def main() -> None:
    url, notes, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    crm = connected(url)
    ids = [f"A-{i:07d}" for i in range(rows)]
    seen = crm.fetch("Account", KEY, ids, [])
    writes = [Write(i, {"Score__c": 7}, seen[i]) for i in ids]
    crm.write("Account", KEY, writes, jobs=Notes(notes))


if __name__ == "__main__":
    main()
