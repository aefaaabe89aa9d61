"""A connection that fails where it is told to, before a real database.

``python -m export.faulty KIND PLACE FOLDER STEP TIME by-job|directly`` is a write-back by a process
of its own, which kills itself with SIGKILL when it reaches STEP for that TIME (0: the first).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from salesml.crm.base import Connection, Local
from salesml.crm.records import Allowance, Fetched, Jobs, Refusal, Seen, Write
from salesml.errors import ExportError, QuotaError
from salesml.export import Ledger

Act = Callable[[], None]


class Faulty(Local):
    """Goes through *inner*, directly or by jobs that the "system" carries out by itself.

    ``at`` says what happens when a step is reached, time after time (None: nothing). Directly:
    ``fetch``, ``write``, ``written``; by job: ``created``, ``begun``, ``uploaded``, ``closed``,
    ``ended``. What the system remembers lies in *folder*, so that it outlives a process.
    """

    def __init__(
        self, inner: Connection, folder: Path, *, batch: int = 10, by_job: bool = False
    ) -> None:
        self.name, self.inner, self.batch, self.by_job = inner.name, inner, batch, by_job
        self.jobs = folder / "jobs"
        self.jobs.mkdir(exist_ok=True)
        self._deliveries = folder / "deliveries.txt"
        self.calls = 0
        self.left: int | None = None
        self.at: dict[str, list[Act | None]] = {}
        # which records are refused, and which sink a whole batch
        self.refuses: Callable[[Write], Refusal | None] = lambda _: None
        self.poisoned: Callable[[Write], bool] = lambda _: False
        self.barred: dict[str, str] = {}
        # which fields of a record are taken and forgotten
        self.drops: Callable[[Write], set[str]] = lambda _: set()

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not there yet
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def deliveries(self) -> Counter[str]:
        """How often the system was handed each record."""
        found = self._deliveries
        return Counter(found.read_text().split("\n")[:-1] if found.exists() else [])

    def allowance(self) -> Allowance:
        return Allowance(calls=self.left, resets="midnight")

    def cost(self, rows: int) -> int:
        return 2 * -(-rows // self.batch)

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        self._call()
        found = self.inner.fetch(table, key, ids, fields)
        self._reach("fetch")
        barred = {
            i: Seen(s.fields, barred=self.barred[i]) for i, s in found.items() if i in self.barred
        }
        return {**found, **barred}

    def write(
        self, table: str, key: str, writes: Sequence[Write], *, jobs: Jobs
    ) -> dict[str, Refusal]:
        self._call()
        if self.by_job:
            return self._by_job(table, key, writes, jobs)
        self._reach("write")
        refused = self._carry_out(table, key, writes, jobs)
        self._reach("written")
        return refused

    # the system ---------------------------------------------------------------------------------

    def _call(self) -> None:
        self.calls += 1
        if self.left is not None:
            if self.left == 0:
                raise QuotaError("The limit of the day is used up.")
            self.left -= 1

    def _reach(self, step: str) -> None:
        times = self.at.get(step, [])
        act = times.pop(0) if times else None
        if act is not None:
            act()

    def _carry_out(
        self, table: str, key: str, writes: Sequence[Write], jobs: Jobs
    ) -> dict[str, Refusal]:
        if any(map(self.poisoned, writes)):
            raise ExportError("Something is wrong with one of the records.")
        found = {w.id: self.refuses(w) for w in writes}
        refused = {i: refusal for i, refusal in found.items() if refusal is not None}
        taken = [w for w in writes if w.id not in refused]
        with self._deliveries.open("a") as file:
            file.writelines(f"{w.id}\n" for w in taken)
        kept = [Write(w.id, self._kept(w), w.seen) for w in taken]
        return {**refused, **self.inner.write(table, key, kept, jobs=jobs)}

    def _kept(self, write: Write) -> dict[str, object]:
        dropped = self.drops(write)
        return {name: value for name, value in write.fields.items() if name not in dropped}

    # jobs -----------------------------------------------------------------------------------------

    def _by_job(
        self, table: str, key: str, writes: Sequence[Write], jobs: Jobs
    ) -> dict[str, Refusal]:
        job = f"job-{len(list(self.jobs.iterdir()))}"
        self._keep(job, "open")
        self._reach("created")
        jobs.begin(job, [w.id for w in writes])
        self._reach("begun")
        rows = [[w.id, dict(w.fields), w.seen and dict(w.seen.fields)] for w in writes]
        self._keep(job, "open", table=table, key=key, rows=rows)
        self._reach("uploaded")
        self._keep(job, "closed", table=table, key=key, rows=rows)
        self._reach("closed")
        refused = self._work(job, jobs)
        jobs.end(job)
        self._reach("ended")
        return refused

    def settle(self, job: str) -> None:
        """Abort a job that is open; one that is closed does its work."""
        found = json.loads((self.jobs / job).read_text())
        if found["state"] == "open":
            self._keep(job, "aborted")
        elif found["state"] == "closed":
            self._work(job, None)

    def _work(self, job: str, jobs: Jobs | None) -> dict[str, Refusal]:
        found = json.loads((self.jobs / job).read_text())
        writes = [Write(i, fields, seen and Seen(seen)) for i, fields, seen in found["rows"]]
        self._keep(job, "done")
        return self._carry_out(found["table"], found["key"], writes, jobs)  # type: ignore[arg-type]

    def states(self) -> list[str]:
        """The states of all jobs, oldest first."""
        found = sorted(self.jobs.iterdir(), key=lambda path: int(path.name.partition("-")[2]))
        return [json.loads(path.read_text())["state"] for path in found]

    def _keep(self, job: str, state: str, **content: object) -> None:
        (self.jobs / job).write_text(json.dumps({"state": state, **content}))


def die() -> None:
    """The end, without any chance to clean up."""
    os.kill(os.getpid(), signal.SIGKILL)


def ledger_of(kind: str, place: str, folder: Path) -> Ledger:
    """In the database of a PostgreSQL CRM, to which everybody has access; else a file."""
    return Ledger(place if kind == "postgres" else folder / "ledger.sqlite")


def main(kind: str, place: str, folder: str, step: str, time: str, how: str) -> None:
    """A write-back of thirty records in batches of ten, which dies on the way."""
    from export.conftest import Crm

    crm = Crm(kind, place, Path(folder))
    crm.ledger = ledger_of(kind, place, Path(folder))
    faulty = Faulty(crm.connection, Path(folder), by_job=how == "by-job")
    faulty.at[step] = [*[None] * int(time), die]
    crm.connection = faulty
    crm.write({f"i{n:02d}": n for n in range(30)}, day=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
