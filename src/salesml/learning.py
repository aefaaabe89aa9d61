"""Learning in a run: the panel, the champion, and training where there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from salesml.card import render_card
from salesml.config import Project, TaskConfig
from salesml.drift import Reference
from salesml.engine import connect
from salesml.errors import ConfigError, LabelError, ModelError, SourceError, suggest
from salesml.features import FeatureSet, load_feature_sets
from salesml.history import note_models
from salesml.labels import dates_of_panel, require_rows, sources_of
from salesml.run import Run, jobs_of
from salesml.scoring import executor, panel_bucket, store_of
from salesml.store import Store
from salesml.training import (
    Decision,
    TrainingData,
    TrainingResult,
    decide,
    require_impersonal,
    train,
)
from salesml.wiring import require_wired

if TYPE_CHECKING:
    from salesml.registry import Champion, Version

__all__ = [
    "Trained",
    "data_begin",
    "dates_known",
    "first_known",
    "require_ready",
    "train_task",
    "training_data",
]

MOST_WHY = 1000  # characters of a reason
LEAST_WEIGHT = 0.01  # share of all importance from which a feature is watched for drift
RECENT = 6  # dates that say how many rows the next one will have


@dataclass(frozen=True)
class Trained:
    """What training a task came to."""

    version: Version
    result: TrainingResult
    decision: Decision


def train_task(run: Run, name: str, why: str = "asked for") -> Trained:
    """Train *name* on what was known before the run's date, and register the model.

    *why* is noted with it. Raises ModelError, before anything is learnt, where the model could not
    be stored.
    """
    task = run.project.task(name)
    require_ready(run, task)
    run.registry.prepare()
    data = training_data(run, task)
    run.tell(f"{name}: training on {len(data.y):,} rows, {int(data.y.sum()):,} positives")
    result = train(
        data,
        horizon_days=task.horizon,
        settings=task.model,
        baseline=task.baseline,
        capacity=task.capacity,
        value=task.value,
        fairness=task.fairness,
        progress=lambda text: run.tell(f"{name}: {text}"),
    )
    champion = run.registry.champion(name, run.as_of)
    decision = decide(result, _champion_predictions(run, champion, data))
    run.tell(f"{name}: writing the model card, logging to MLflow")
    version = run.registry.log(
        name,
        result,
        decision,
        as_of=run.as_of,
        params={"horizon": task.horizon, "every": task.every, **task.model},
        feature_list=list(data.X.columns),
        extra_tags={"run_id": run.run_id, "question": task.question.en, "why": why[:MOST_WHY]},
        card=render_card(
            run.project,
            task,
            result,
            decision,
            load_feature_sets(run.project.features, task.entity, task.features),
            as_of=run.as_of,
            run_id=run.run_id,
            now=run.now,
        ),
        notes={"reference": reference_of(task, data, result)},
    )
    note_models(run, name)
    return Trained(version, result, decision)


def reference_of(task: TaskConfig, data: TrainingData, result: TrainingResult) -> dict[str, Any]:
    """What later nights are compared with: how much was learnt from, and how it was distributed.

    A panel anchored to events looks unlike the population of a night from the start, so that
    nothing is said of its distribution.
    """
    gauges = {} if task.anchor else _distributions(data, result).to_json()
    by_date = pd.to_datetime(data.as_of).value_counts().sort_index()
    recent = by_date.tail(max(RECENT, len(by_date) // 10))
    return {"rows": len(data.X), "rows_a_date": float(recent.mean()), "gauges": gauges}


def _distributions(data: TrainingData, result: TrainingResult) -> Reference:
    """Of the features that matter to the model, and of its scores."""
    weights = result.importance.set_index("feature")["importance"]
    least = max(weights.sum() * LEAST_WEIGHT, 1e-12)
    names = [name for name in data.X.columns if weights.get(name, 0.0) >= least]
    test, tested = result.test, result.test_predictions["probability"]
    return Reference.learn(
        data.X[names],
        data.as_of,
        tested,
        pd.Series(result.model.predict_proba(test.X)[:, 1]),
        test.as_of,
    )


def training_data(run: Run, task: TaskConfig) -> TrainingData:
    """The panel of *task*: features and outcomes of past dates, by entity.

    Raises LabelError where no date, no entity or no outcome can be had, FeatureError where
    features hold personal data.
    """
    dates = dates_known(run, task)
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
    require_impersonal(panel[names], panel[task.id_column], f"features of task {task.name}")
    return TrainingData(
        X=panel[names],
        y=panel["_outcome"],
        as_of=panel["as_of"],
        entity=panel[task.id_column],
        amount=panel.get("amount"),
        segments=_segments(run, task, panel),
        cluster=_cluster(run, task, panel),
        expected=_expected(task, sets),
    )


def _expected(task: TaskConfig, sets: list[FeatureSet]) -> dict[str, int]:
    """Whether the outcome is expected to rise (1) or fall (-1) with what is good when high."""
    signs = {"up": 1, "down": -1} if task.outcome_is == "good" else {"up": -1, "down": 1}
    numbers = {n: f for s in sets for n, f in s.features.items() if f.type == "double"}
    return {name: signs[each.good] for name, each in numbers.items() if each.good in signs}


def _cluster(run: Run, task: TaskConfig, panel: pd.DataFrame) -> pd.Series | None:
    """What hangs together beyond the entity; a row without it stands for its own entity."""
    if task.cluster is None:
        return None
    if task.cluster not in panel or task.cluster == "_outcome":
        raise ConfigError(
            f"Task {task.name} has no column {task.cluster} to keep together."
            f"{suggest(task.cluster, [str(name) for name in panel])}",
            where=run.project.where(f"tasks/{task.name}.yml", "cluster"),
            fix="Name a column of the population, or a feature of the task.",
        )
    return panel[task.cluster].astype("str").fillna(panel[task.id_column])


def _segments(run: Run, task: TaskConfig, panel: pd.DataFrame) -> pd.DataFrame | None:
    """The columns by which the model is also judged; None where there are none."""
    listed = [n for n in ("segment",) if n in panel] if task.segments is None else task.segments
    names = list(dict.fromkeys([*listed, *(task.fairness.by if task.fairness else ())]))
    unknown = [name for name in names if name not in panel or name == "_outcome"]
    if unknown:
        raise ConfigError(
            f"Task {task.name} has no column {', '.join(unknown)} to be judged by."
            f"{suggest(unknown[0], [str(name) for name in panel])}",
            where=run.project.where(
                f"tasks/{task.name}.yml", "segments" if unknown[0] in listed else "fairness"
            ),
            fix="Name columns of the population, or features of the task.",
        )
    return panel[names] if names else None


def dates_known(run: Run, task: TaskConfig) -> list[dt.date]:
    """The dates of the panel of *task*; raises LabelError where there is none."""
    until = run.project.settings.complete_until
    # an outcome counts as known only if the sources tell of its whole horizon
    known = min(run.as_of, until + dt.timedelta(days=1)) if until else run.as_of
    store = store_of(run.project)
    with connect() as con:
        first = first_known(con, run.project, store, task, run.as_of)
        return dates_of_panel(con, run.project, store, task, first, known)


def _panel_parts(run: Run, task: TaskConfig, dates: list[dt.date]) -> Iterator[pd.DataFrame]:
    jobs = [replace(job, features=tuple(task.features)) for job in jobs_of(run, task.name)]
    with executor(run.project) as pool:
        parts = pool.map(panel_bucket, jobs, [dates] * len(jobs), [run.as_of] * len(jobs))
        for done, part in enumerate(parts, 1):
            run.tell(f"{task.name}: features of {len(dates)} dates, bucket {done} of {len(jobs)}")
            yield part


def require_ready(run: Run, task: TaskConfig) -> None:
    """Raise ConfigError or SourceError where *task* and the sources read do not fit together."""
    with connect() as con:
        require_wired(con, run.project, task)
        require_rows(store_of(run.project), task, sources_of(con, run.project, task))


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
    first = max(first, task.complete_from or project.settings.complete_from or first)
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
