"""An experiment as the registry keeps it: one run for it, one below for each variant."""

from __future__ import annotations

import json

from salesml.experiment.result import Experiment, Outcome
from salesml.mlflow_records import Record

__all__ = ["records_of"]


def records_of(experiment: Experiment) -> tuple[Record, list[Record]]:
    """The parent run and those of the variants, the task as configured first."""
    base = experiment.outcomes[0]
    tags = {"task": experiment.task, "as_of": str(experiment.as_of)}
    shared = {
        "rows": experiment.judged.rows,
        "positives": experiment.judged.positives,
        "judged_from": experiment.judged.first,
        "judged_to": experiment.judged.last,
        "left_unseen_from": experiment.left,
        "split": experiment.split,
    }
    names = [outcome.name for outcome in experiment.outcomes]
    whole = Record(
        name=f"{experiment.task} {experiment.as_of}: {' | '.join(names[1:])}",
        params={"variants": json.dumps(names, ensure_ascii=False), **shared},
        metrics={"features_seconds": experiment.cost.seconds},
        tags={**tags, "mlflow.note.content": "\n\n".join(experiment.lines())},
        files={"comparison.csv": experiment.table().to_csv(index=False)},
    )
    return whole, [_variant(outcome, base, shared, tags) for outcome in experiment.outcomes]


def _variant(
    outcome: Outcome, base: Outcome, shared: dict[str, object], tags: dict[str, str]
) -> Record:
    verdict = outcome.verdict(base) if outcome is not base else "What the others are compared with."
    return Record(
        name=outcome.name,
        params={
            **shared,
            "sets": ", ".join(outcome.sets),
            "columns": len(outcome.columns),
            "chosen": outcome.chosen,
            **{f"model.{key}": value for key, value in outcome.settings.items()},
        },
        metrics=_metrics(outcome),
        tags={**tags, "variant": outcome.name, "mlflow.note.content": verdict},
        files={"features.json": json.dumps(outcome.columns, ensure_ascii=False, indent=1)},
    )


def _metrics(outcome: Outcome) -> dict[str, float]:
    flat = {"seconds": outcome.seconds}
    for suffix, measures in (("", outcome.metrics), ("_difference", outcome.differences)):
        for name, (value, low, high) in measures.items():
            key = f"{name}{suffix}"
            flat |= {key: value, f"{key}_low": low, f"{key}_high": high}
    return flat
