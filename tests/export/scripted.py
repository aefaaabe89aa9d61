"""A CRM in memory that does what a test tells it to: refuse, break off, lose, forget, be edited."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salesml.crm.records import Allowance, Fate, Fetched, Jobs, Refusal, Seen, Tolerance, Write

__all__ = ["Scripted"]

Step = Callable[[], None] | BaseException


@dataclass
class _Job:
    """A batch that the system takes in without us, once it was uploaded."""

    writes: Sequence[Write]
    uploaded: bool = False


class Scripted:
    """A system that holds *records* (id → field → value) and plays what it is told to.

    ``play(moment, step, …)``: at each such moment the next step is taken: an exception is raised,
    a function is called, None lets it pass. Moments: ``fetch``; ``before`` and ``after`` records
    are written; ``upload`` (a job is there) and ``poll`` (it was uploaded, and is not done);
    ``settle``; ``check``.

    ``refusals[id]`` are played one a write; ``dropped`` fields are taken and forgotten; ``by_jobs``
    writes through jobs. ``writes`` counts how often each record was changed, ``batches`` holds
    the ids of each call of ``write``. What was changed since it was seen is refused as CHANGED.
    """

    def __init__(self, records: Mapping[str, Mapping[str, object]] | None = None) -> None:
        self.name, self.batch, self.calls = "crm", 200, 0
        self.records = {i: dict(fields) for i, fields in (records or {}).items()}
        self.revisions: Counter[str] = Counter()
        self.gone: dict[str, str] = {}
        self.refusals: dict[str, deque[Refusal]] = {}
        self.dropped: set[str] = set()
        self.by_jobs = False
        self.jobs: dict[str, _Job] = {}
        self.settled: list[str] = []
        self.writes: Counter[str] = Counter()
        self.batches: list[list[str]] = []
        self.limit = Allowance()
        self.lengths: dict[str, Tolerance] = {}
        self.warnings: list[str] = []
        self._steps: dict[str, deque[Step | None]] = {}
        self._made = 0

    # what a test tells it ---------------------------------------------------------------------

    def play(self, moment: str, *steps: Step | None) -> None:
        """What happens the next times at *moment*."""
        self._steps.setdefault(moment, deque()).extend(steps)

    def refuse(self, i: str, *fates: Fate, error: str = "LOCKED") -> None:
        """Refuse record *i* the next times it is written."""
        self.refusals.setdefault(i, deque()).extend(Refusal(fate, error) for fate in fates)

    def edit(self, i: str, **fields: object) -> None:
        """Somebody changes a record."""
        self.records[i].update(fields)
        self.revisions[i] += 1

    def delete(self, i: str, why: str = "deleted") -> None:
        """Somebody deletes a record; with *why* the system still shows that it was there."""
        del self.records[i]
        if why:
            self.gone[i] = why

    # what every connection can do -------------------------------------------------------------

    def load(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError

    def fingerprint(self, table: str) -> str | None:
        raise NotImplementedError

    def columns(self, table: str) -> dict[str, str]:
        raise NotImplementedError

    def exists(self, table: str) -> bool:  # noqa: ARG002
        return True

    def check_target(
        self,
        table: str,  # noqa: ARG002
        key: str,  # noqa: ARG002
        fields: Mapping[str, type | None],  # noqa: ARG002
        *,
        create: bool,  # noqa: ARG002
    ) -> list[str]:
        self._now("check")
        return list(self.warnings)

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        raise NotImplementedError

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:  # noqa: ARG002
        return self.lengths

    def fetch(
        self,
        table: str,  # noqa: ARG002
        key: str,  # noqa: ARG002
        ids: Sequence[str],
        fields: Sequence[str],
    ) -> Fetched:
        self.calls += 1
        self._now("fetch")
        found = {i: self._seen(i, fields) for i in ids if i in self.records}
        return found | {i: Seen({}, None, self.gone[i]) for i in ids if i in self.gone}

    def write(
        self,
        table: str,  # noqa: ARG002
        key: str,  # noqa: ARG002
        writes: Sequence[Write],
        *,
        jobs: Jobs,
    ) -> dict[str, Refusal]:
        self.calls += 1
        self.batches.append([write.id for write in writes])
        if self.by_jobs:
            return self._by_job(writes, jobs)
        self._now("before")
        refused = self._commit(writes)
        self._now("after")
        return refused

    def settle(self, job: str) -> None:
        self._now("settle")
        self.settled.append(job)
        found = self.jobs.pop(job, None)
        if found and found.uploaded:
            self._commit(found.writes)

    def allowance(self) -> Allowance:
        return self.limit

    def cost(self, rows: int) -> int:
        return 2 * -(-rows // self.batch)

    # what happens in it -----------------------------------------------------------------------

    def _now(self, moment: str) -> None:
        steps = self._steps.get(moment)
        step = steps.popleft() if steps else None
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            step()

    def _seen(self, i: str, fields: Sequence[str]) -> Seen:
        shown = {name: self.records[i].get(name) for name in fields}
        return Seen(shown, self.revisions[i])

    def _by_job(self, writes: Sequence[Write], jobs: Jobs) -> dict[str, Refusal]:
        self._made += 1
        job = f"job {self._made}"
        self.jobs[job] = _Job(writes)
        jobs.begin(job, [write.id for write in writes])
        self._now("upload")
        self.jobs[job].uploaded = True
        self._now("poll")
        del self.jobs[job]
        refused = self._commit(writes)
        self._now("after")
        jobs.end(job)
        return refused

    def _commit(self, writes: Sequence[Write]) -> dict[str, Refusal]:
        refused = {}
        for write in writes:
            refusal = self._refusal(write)
            if refusal:
                refused[write.id] = refusal
            else:
                self._put(write)
        return refused

    def _refusal(self, write: Write) -> Refusal | None:
        played = self.refusals.get(write.id)
        if played:
            return played.popleft()
        if write.seen is not None and write.id not in self.records:
            return Refusal(Fate.GONE, "ENTITY_IS_DELETED")
        if write.seen is None and write.id in self.records:
            return Refusal(Fate.CHANGED, "DUPLICATE_VALUE")
        if write.seen is not None and write.seen.token != self.revisions[write.id]:
            return Refusal(Fate.CHANGED, "CONFLICT")
        return None

    def _put(self, write: Write) -> None:
        kept = {name: v for name, v in write.fields.items() if name not in self.dropped}
        self.records.setdefault(write.id, {}).update(kept)
        self.revisions[write.id] += 1
        self.writes[write.id] += 1
