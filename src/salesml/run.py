"""One run of a project: for which date, alone, and whom it tells what it does."""

from __future__ import annotations

import datetime as dt
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from filelock import FileLock, Timeout

from salesml.audit import AuditLog
from salesml.config import Project, load_project
from salesml.errors import ConfigError, LockedError, ModelError, SalesmlError
from salesml.scoring import BucketJob, buckets_of
from salesml.store import write_atomically

if TYPE_CHECKING:
    from salesml.registry import Registry, Version

__all__ = ["Run", "Tell", "audit_of", "jobs_of", "open_run", "registry_of", "silent", "version_of"]

Tell = Callable[[str], None]


def silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Run:
    """One execution: which project, for which date, at what time, and whom to tell."""

    project: Project
    as_of: dt.date
    now: dt.datetime
    run_id: str
    tell: Tell = silent

    @cached_property
    def registry(self) -> Registry:
        """The project's models."""
        return registry_of(self.project)

    @cached_property
    def audit(self) -> AuditLog:
        """The project's audit log."""
        return audit_of(self.project)

    def note(self, event: str, task: str, **facts: Any) -> None:
        """Write *event* of *task* into the audit log, with the time, the date and this run."""
        head = {"at": f"{self.now:%Y-%m-%dT%H:%M:%SZ}", "task": task, "as_of": str(self.as_of)}
        self.audit.append(event, **{**head, "run_id": self.run_id, **facts})


def registry_of(project: Project) -> Registry:
    """The models of *project*; MLflow is imported only here, it takes seconds."""
    from salesml.registry import Registry

    var = project.var
    return Registry(var / "mlflow.db", var / "mlflow-artifacts", project.name)


def version_of(project: Project, task: str, number: str) -> Version:
    """Version *number* of the models of *task*; raises ModelError where it is gone."""
    registry = registry_of(project)
    known = registry.versions(task) if registry.store.exists() else []
    for version in known:
        if str(version.version) == number:
            return version
    raise ModelError(
        f"The model that scored, version {number} of {task}, is not in the registry.",
        received=f"versions {', '.join(str(v.version) for v in known) or 'none'}",
        where=str(registry.store),
        fix="Restore var/ from a backup of that time, or score the date again.",
    )


def audit_of(project: Project) -> AuditLog:
    """The audit log of *project*."""
    return AuditLog(project.var / "audit.jsonl")


@contextmanager
def open_run(
    project: str,
    as_of: dt.date | None = None,
    *,
    root: Path | str = ".",
    now: dt.datetime | None = None,
    tell: Tell = silent,
) -> Iterator[Run]:
    """Open a run of *project*, alone: raises LockedError while another one is under way.

    *as_of* defaults to the project's own date, *now* (aware) to the clock. A disk that is full or
    refuses to be written raises SalesmlError.
    """
    loaded = load_project(project, root)
    moment = now or dt.datetime.now(dt.UTC)
    naive = moment.astimezone(dt.UTC).replace(tzinfo=None)
    date = as_of or loaded.default_as_of(moment)
    _require_begun(loaded, date, moment)
    run_id = f"{naive:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    try:
        with _alone(loaded, run_id):
            yield Run(loaded, date, naive, run_id, tell)
    except (OSError, duckdb.IOException) as error:
        raise SalesmlError(
            f"The run of project {loaded.name} for {date} could not use its files: "
            f"{str(error).splitlines()[0]}",
            where=str(getattr(error, "filename", None) or loaded.var),
            fix="Free disk space or correct the permissions, and run again; what earlier runs "
            "made is intact.",
        ) from error


def _require_begun(project: Project, date: dt.date, moment: dt.datetime) -> None:
    """A score of a date to come would shadow those of all dates until then."""
    today = moment.astimezone(project.zone).date()
    if date > today + dt.timedelta(days=1):
        raise ConfigError(
            f"The date {date} lies in the future.",
            received=f"today is {today} in {project.settings.timezone}",
            where="--as-of, or as_of in project.yml",
            fix="Use a date up to tomorrow.",
        )


@contextmanager
def _alone(project: Project, run_id: str) -> Iterator[None]:
    """Hold the project's lock; the system frees it when the process dies."""
    project.var.mkdir(parents=True, exist_ok=True)
    holder = project.var / "run.json"
    lock = FileLock(project.var / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        text = holder.read_text(encoding="utf-8") if holder.exists() else "unknown"
        raise LockedError(
            f"Another run of project {project.name} is under way.",
            received=text,
            where=str(project.var / "run.lock"),
            fix="Wait until it ends; the lock of a run that died is free at once.",
        ) from None
    try:
        write_atomically(holder, json.dumps({"run_id": run_id, "pid": os.getpid()}))
        yield
    finally:
        lock.release()


def jobs_of(run: Run, task: str) -> list[BucketJob]:
    """A job for each bucket of the project."""
    project = run.project
    return [BucketJob(project.name, project.root, task, b) for b in buckets_of(project)]
