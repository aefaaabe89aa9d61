"""Learning in a run: the panel, the champion, and training where there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pandas as pd

from salesml.config import Project, TaskConfig
from salesml.engine import connect
from salesml.errors import LabelError, ModelError, SourceError
from salesml.features import load_feature_sets
from salesml.labels import panel_dates, sources_of
from salesml.run import Run, jobs_of
from salesml.scoring import executor, panel_bucket, store_of
from salesml.store import Store
from salesml.training import Decision, TrainingData, TrainingResult, decide, train

if TYPE_CHECKING:
    from salesml.registry import Champion, Version

__all__ = ["Trained", "champion_for", "data_begin", "first_known", "train_task", "training_data"]


@dataclass(frozen=True)
class Trained:
    """What training a task came to."""

    version: Version
    result: TrainingResult
    decision: Decision


def champion_for(run: Run, task: str) -> tuple[Champion, Trained | None]:
    """The champion known on the run's date; trained now where none fits the task's features."""
    champion = run.registry.champion(task, run.as_of)
    if champion is not None and _fits(run, champion):
        return champion, None
    trained = train_task(run, task)
    champion = run.registry.champion(task, run.as_of)
    if champion is None:
        raise LabelError(
            f"Task {task} has no champion, and the gate refused the model just trained.",
            received="; ".join(trained.decision.reasons),
            where=f"MLflow run {trained.version.run_id}",
            fix="Look at the run's warnings; correct the features they name.",
        )
    return champion, trained


def _fits(run: Run, champion: Champion) -> bool:
    """Whether the task still has every feature that *champion* learnt from."""
    task = run.project.task(champion.task)
    sets = load_feature_sets(run.project.features, task.entity, task.features)
    names = {name for feature_set in sets for name in feature_set.features}
    gone = sorted(set(champion.load().feature_names_in_) - names)
    if gone:
        run.tell(f"{task.name}: the champion needs {', '.join(gone)}, which the task has no more")
    return not gone


def train_task(run: Run, name: str) -> Trained:
    """Train *name* on what was known before the run's date, and register the model."""
    task = run.project.task(name)
    data = training_data(run, task)
    run.tell(f"{name}: training on {len(data.y):,} rows, {int(data.y.sum()):,} positives")
    result = train(
        data,
        horizon_days=task.horizon,
        settings=task.model,
        progress=lambda text: run.tell(f"{name}: {text}"),
    )
    champion = run.registry.champion(name, run.as_of)
    decision = decide(result, _champion_predictions(run, champion, data))
    run.tell(f"{name}: logging to MLflow")
    version = run.registry.log(
        name,
        result,
        decision,
        as_of=run.as_of,
        params={"horizon": task.horizon, "every": task.every, **task.model},
        feature_list=list(data.X.columns),
        extra_tags={"run_id": run.run_id, "question": task.question.en},
    )
    return Trained(version, result, decision)


def training_data(run: Run, task: TaskConfig) -> TrainingData:
    """The panel of *task*: features and outcomes of past dates, by entity.

    Raises LabelError where no date, no entity or no outcome can be had.
    """
    until = run.project.settings.complete_until
    # an outcome counts as known only if the sources tell of its whole horizon
    known = min(run.as_of, until + dt.timedelta(days=1)) if until else run.as_of
    dates = panel_dates(task, data_begin(run, task), known)
    panel = pd.concat(list(_panel_parts(run, task, dates)), ignore_index=True)
    if panel.empty:
        raise LabelError(
            f"The population of task {task.name} is empty on every past date.",
            received=f"{len(dates)} dates from {dates[0]} to {dates[-1]}",
            where=f"tasks/{task.name}.yml, population",
            fix="Check the SQL of population with `salesml check`.",
        )
    sets = load_feature_sets(run.project.features, task.entity, task.features)
    names = [name for feature_set in sets for name in feature_set.features]
    return TrainingData(
        X=panel[names],
        y=panel["_outcome"],
        as_of=panel["as_of"],
        entity=panel[task.id_column],
        amount=panel.get("amount"),
    )


def _panel_parts(run: Run, task: TaskConfig, dates: list[dt.date]) -> Iterator[pd.DataFrame]:
    jobs = jobs_of(run, task.name)
    with executor(run.project) as pool:
        parts = pool.map(panel_bucket, jobs, [dates] * len(jobs), [run.as_of] * len(jobs))
        for done, part in enumerate(parts, 1):
            run.tell(f"{task.name}: features of {len(dates)} dates, bucket {done} of {len(jobs)}")
            yield part


def data_begin(run: Run, task: TaskConfig) -> dt.date:
    """The first date on which anything of *task* was known; as `first_known`."""
    with connect() as con:
        return first_known(con, run.project, store_of(run.project), task, run.as_of)


def first_known(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, task: TaskConfig, as_of: dt.date
) -> dt.date:
    """The first date on which the sources of *task* knew anything.

    Raises SourceError where that is not before *as_of*.
    """
    names = sources_of(con, project, task)
    known = [store.needed(name).first_known() for name in names]
    first = min(filter(None, known), default=as_of)
    first = max(first, project.settings.complete_from or first)
    if as_of <= first:
        raise SourceError(
            f"Nothing is known before {as_of}: the data of task {task.name} begin later.",
            received=f"first known row on {first}",
            where=f"sources {', '.join(names)}",
            fix=f"Use an --as-of after {first}.",
        )
    return first


def _champion_predictions(
    run: Run, champion: Champion | None, data: TrainingData
) -> pd.DataFrame | None:
    """What *champion* says of rows it never learnt from: its own test rows, and newer dates.

    None where there is no champion, or one that cannot score any more, as its files were changed or
    its features are gone: training again must mend that.
    """
    if champion is None:
        return None
    try:
        model = champion.load()
    except ModelError as error:
        run.tell(f"the champion, version {champion.version}, is passed over: {error.what}")
        return None
    kept = champion.predictions()
    if not set(model.feature_names_in_) <= set(data.X.columns):
        return None
    newer = pd.Series(data.as_of >= champion.as_of)
    if not newer.any():
        return kept
    fresh = pd.DataFrame(
        {
            "entity": data.entity[newer],
            "as_of": data.as_of[newer],
            "y": data.y[newer],
            "probability": model.predict_proba(data.X[newer])[:, 1],
        }
    )
    return pd.concat([kept, fresh], ignore_index=True)
