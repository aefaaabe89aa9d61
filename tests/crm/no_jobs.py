"""The jobs of systems that have none."""

from __future__ import annotations

from collections.abc import Sequence


class NoJobs:
    """Refuses any."""

    def begin(self, job: str, ids: Sequence[str]) -> None:
        raise AssertionError((job, ids))

    def end(self, job: str) -> None:
        raise AssertionError(job)
