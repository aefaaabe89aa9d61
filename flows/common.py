"""What the flows share: which failures are worth another try."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

__all__ = ["IO", "PLAIN", "is_passing"]

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
