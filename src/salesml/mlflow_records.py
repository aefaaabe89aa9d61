"""Runs without a model, kept in MLflow: what was tried, and what it came to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["LONGEST_PARAMETER", "Record", "write_records"]

LONGEST_PARAMETER = 6000  # characters that MLflow stores
_PARENT = "mlflow.parentRunId"


@dataclass(frozen=True)
class Record:
    """One run: what it was told, what it came to, and texts by name of file."""

    name: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, str]


def write_records(client: Any, experiment: str, parent: Record, children: Sequence[Record]) -> str:
    """Write *parent* and the *children* below it; return the parent's run id.

    All are marked as failed where writing one of them fails.
    """
    made: list[str] = []
    try:
        for record in (parent, *children):
            tags = {**record.tags, **({_PARENT: made[0]} if made else {})}
            run = client.create_run(experiment, run_name=record.name, tags=tags)
            made.append(str(run.info.run_id))
            _fill(client, made[-1], record)
    except BaseException:
        for run_id in made:
            client.set_terminated(run_id, "FAILED")
        raise
    for run_id in reversed(made):
        client.set_terminated(run_id)
    return made[0]


def _fill(client: Any, run_id: str, record: Record) -> None:
    for name, value in record.params.items():
        client.log_param(run_id, name, str(value)[:LONGEST_PARAMETER])
    for name, number in record.metrics.items():
        if math.isfinite(number):
            client.log_metric(run_id, name, number)
    for name, text in record.files.items():
        client.log_text(run_id, text, name)
