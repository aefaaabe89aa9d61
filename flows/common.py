"""What the flows share: which failures are worth another try, secrets, writing one target."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
from prefect import task
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from salesml import pipeline, secrets
from salesml.actions.deciding import Actions
from salesml.errors import IncompleteError
from salesml.export import ExportResult
from salesml.pipeline import Run

__all__ = ["IO", "PLAIN", "is_passing", "write_target"]

_PASSING = (OSError, sqlite3.OperationalError, psycopg.OperationalError)


def is_passing(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a task failed for a reason that may pass: the network, a locked database."""
    error: BaseException | None = state.result(raise_on_failure=False)
    while isinstance(error, BaseException):
        if isinstance(error, _PASSING):
            return True
        error = error.__cause__ or error.__context__
    return False


PLAIN: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
IO: dict[str, Any] = {
    **PLAIN,
    "retries": 3,
    "retry_delay_seconds": [10, 60, 300],
    "retry_condition_fn": is_passing,
}


@task(task_run_name="write back {name}", **IO)
def write_target(
    run: Run, name: str, *, dry_run: bool = False, actions: Actions | None = None
) -> ExportResult:
    """Write back to one target what changed; after a failure the ledger goes on where it was."""
    result = pipeline.write_target(run, name, dry_run=dry_run, actions=actions)
    if result.stopped is not None:
        error = IncompleteError(f"{name} could not be written to the end: {result.stopped}")
        error.result = result
        raise error from result.stopped
    return result


def _secret(block: str) -> str:
    """The text in the Prefect block *block* of type Secret."""
    found = Secret.load(block)
    assert isinstance(found, Secret), "nothing awaits it here"
    value = found.value.get_secret_value()  # `get` makes a number of "0012"
    if not isinstance(value, str):
        raise TypeError(f"block {block} holds no text")
    return value


secrets.register(_secret)
