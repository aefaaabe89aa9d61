"""The stages of a run in their order: read → train → score → write back → report.

Each stage is a plain call, so that a flow, a notebook or a cron job can make it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
from filelock import FileLock, Timeout

from salesml import crm
from salesml.config import Project, TaskConfig, Words, load_project
from salesml.engine import connect
from salesml.errors import LabelError, LockedError, ModelError, SalesmlError, SourceError
from salesml.export import ExportResult, Ledger, Target, write_back
from salesml.features import load_feature_sets
from salesml.intake import ReadReport, read_source, reading_order, require_fresh
from salesml.labels import panel_dates, require_rows, sources_of
from salesml.report import TaskSection, render
from salesml.scoring import (
    BucketJob,
    BucketReport,
    ScoreBook,
    Scorer,
    buckets_of,
    executor,
    merge_unseen,
    panel_bucket,
    score_bucket,
    store_of,
)
from salesml.store import Store, write_atomically
from salesml.training import Decision, TrainingData, TrainingResult, decide, train
from salesml.wiring import declared_types, feature_sets_of, require_wired

if TYPE_CHECKING:
    from salesml.registry import Champion, Registry, Version

__all__ = [
    "NightlyResult",
    "Run",
    "TaskScores",
    "Trained",
    "champion_for",
    "export_rows",
    "finish",
    "first_known",
    "nightly",
    "open_run",
    "read_sources",
    "score_task",
    "target_of",
    "train_task",
    "write_back_scores",
]

Tell = Callable[[str], None]


def _silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Run:
    """One execution: which project, for which date, at what time, and whom to tell."""

    project: Project
    as_of: dt.date
    now: dt.datetime
    run_id: str
    tell: Tell = _silent

    @cached_property
    def registry(self) -> Registry:
        """The project's models; MLflow is imported only here, it takes seconds."""
        from salesml.registry import Registry

        var = self.project.var
        return Registry(var / "mlflow.db", var / "mlflow-artifacts", self.project.name)


@dataclass(frozen=True)
class Trained:
    """What training a task came to."""

    version: Version
    result: TrainingResult
    decision: Decision


@dataclass(frozen=True)
class TaskScores:
    """What scoring a task came to; ``champion`` is the model that scored."""

    task: TaskConfig
    champion: Champion
    trained: Trained | None
    rows: int
    seconds: dict[str, float]
    unseen: dict[str, int]


@dataclass(frozen=True)
class NightlyResult:
    """What one nightly run did, for whoever prints or renders it."""

    run: Run
    reads: list[ReadReport]
    tasks: list[TaskScores]
    exports: list[ExportResult]
    report: Path
    paths: dict[str, str] = field(default_factory=dict)


@contextmanager
def open_run(
    project: str,
    as_of: dt.date | None = None,
    *,
    root: Path | str = ".",
    now: dt.datetime | None = None,
    tell: Tell = _silent,
) -> Iterator[Run]:
    """Open a run of *project*, alone: raises LockedError while another one is under way.

    *as_of* defaults to the project's own date, *now* (aware) to the clock. A disk that is full or
    refuses to be written raises SalesmlError.
    """
    loaded = load_project(project, root)
    moment = now or dt.datetime.now(dt.UTC)
    naive = moment.astimezone(dt.UTC).replace(tzinfo=None)
    date = as_of or loaded.default_as_of(moment)
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


# read ------------------------------------------------------------------------------------------


def read_sources(run: Run) -> list[ReadReport]:
    """Bring the store up to date; raises SourceError or DataQualityError, and keeps what was."""
    project, store = run.project, store_of(run.project)
    types = declared_types(feature_sets_of(project))
    reports = []
    with connect(project.var / "spill") as con:
        for task in project.tasks.values():
            require_wired(con, project, task)
        for name in reading_order(project.sources):
            run.tell(f"reading {name}")
            report = read_source(con, project, store, name, now=run.now, types=types.get(name, {}))
            reports.append(report)
        for task in project.tasks.values():
            require_rows(store, task, sources_of(con, project, task))
    require_fresh(store, project, run.as_of)
    return reports


# train -----------------------------------------------------------------------------------------


def champion_for(run: Run, task: str) -> tuple[Champion, Trained | None]:
    """The champion known on the run's date; trained now where there is none."""
    champion = run.registry.champion(task, run.as_of)
    if champion is not None:
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
    dates = panel_dates(task, _data_begin(run, task), run.as_of)
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
    jobs = _jobs(run, task.name)
    with executor(run.project) as pool:
        parts = pool.map(panel_bucket, jobs, [dates] * len(jobs), [run.as_of] * len(jobs))
        for done, part in enumerate(parts, 1):
            run.tell(f"{task.name}: features of {len(dates)} dates, bucket {done} of {len(jobs)}")
            yield part


def _data_begin(run: Run, task: TaskConfig) -> dt.date:
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


def _jobs(run: Run, task: str) -> list[BucketJob]:
    project = run.project
    return [BucketJob(project.name, project.root, task, b) for b in buckets_of(project)]


def _champion_predictions(
    run: Run, champion: Champion | None, data: TrainingData
) -> pd.DataFrame | None:
    """What *champion* says of rows it never learnt from: its own test rows, and newer dates.

    None where there is no champion, or one whose files were changed: training again must mend that.
    """
    if champion is None:
        return None
    try:
        model = champion.load()
    except ModelError as error:
        run.tell(f"the champion, version {champion.version}, is passed over: {error.what}")
        return None
    kept = champion.predictions()
    newer = pd.Series(data.as_of >= champion.as_of)
    if not newer.any() or not set(model.feature_names_in_) <= set(data.X.columns):
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


# score -----------------------------------------------------------------------------------------


def score_task(run: Run, name: str) -> TaskScores:
    """Score the population of *name* with its champion, trained first where there is none."""
    task = run.project.task(name)
    _data_begin(run, task)
    champion, trained = champion_for(run, name)
    scorer = Scorer(champion.directory, champion.sha256, str(champion.version))
    book = ScoreBook(run.project, name)
    folder = book.begin(run.as_of, run.run_id)
    reports = _score_buckets(run, name, scorer, folder)
    rows = sum(report.rows for report in reports)
    book.publish(
        run.as_of, run.run_id, {"model_version": scorer.version, "verdict": champion.verdict_en}
    )
    return TaskScores(task, champion, trained, rows, _total_seconds(reports), merge_unseen(reports))


def _score_buckets(run: Run, name: str, scorer: Scorer, folder: Path) -> list[BucketReport]:
    jobs = _jobs(run, name)
    many = len(jobs)
    reports = []
    with executor(run.project) as pool:
        same = ([run.as_of] * many, [run.run_id] * many, [scorer] * many, [folder] * many)
        for done, report in enumerate(pool.map(score_bucket, jobs, *same), 1):
            run.tell(f"{name}: scored bucket {done} of {many}")
            reports.append(report)
    return reports


def _total_seconds(reports: list[BucketReport]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for report in reports:
        for stage, seconds in report.seconds.items():
            total[stage] += seconds
    return dict(total)


# write back ------------------------------------------------------------------------------------


def write_back_scores(run: Run, *, dry_run: bool = False) -> list[ExportResult]:
    """Write the scores of the run's date to every target, only what changed."""
    ledger = Ledger(run.project.var / "ledger.sqlite")
    return [_write_target(run, name, ledger, dry_run=dry_run) for name in run.project.targets]


def target_of(project: Project, name: str) -> Target:
    """The target *name* of ``export.yml``; raises ConfigError where it makes no sense."""
    config = project.targets[name]
    return Target(name, config.table, config.key, config.mode, config.fields, config.stamps)


def _write_target(run: Run, name: str, ledger: Ledger, *, dry_run: bool) -> ExportResult:
    config = run.project.targets[name]
    task = run.project.task(config.task)
    run.tell(f"writing back {name}")
    rows = export_rows(task, ScoreBook(run.project, task.name).read(run.as_of))
    return write_back(
        target_of(run.project, name),
        rows,
        connection=crm.connect(config.connection, run.project.connections[config.connection]),
        ledger=ledger,
        as_of=run.as_of,
        run_id=run.run_id,
        now=lambda: dt.datetime.now(dt.UTC).replace(tzinfo=None),
        dry_run=dry_run,
        progress=lambda done, total: run.tell(f"writing back {name}: {done:,} of {total:,}"),
    )


def export_rows(task: TaskConfig, scored: pd.DataFrame, top: int = 3) -> pd.DataFrame:
    """*scored* as a CRM takes it: ``external_id``, the band's names, the *top* reasons as text."""
    names = {band.name: band for band in task.bands}
    rows = scored.drop(columns="reasons").assign(external_id=scored[task.id_column])
    for language in ("ja", "en"):
        rows[f"band_{language}"] = [getattr(names[b], language) for b in scored["band"]]
        rows[f"reasons_{language}"] = [
            reasons_text(found, language, top) for found in scored["reasons"]
        ]
    return rows


def reasons_text(reasons: list[dict[str, Any]], language: str, top: int = 3) -> str:
    """The *top* reasons, one a line: ``+12 ログイン日数が6日→1日（30日）``."""
    return "\n".join(f"{r['points']:+d} {r[f'text_{language}']}" for r in reasons[:top])


# all of it -------------------------------------------------------------------------------------


def nightly(
    project: str,
    as_of: dt.date | None = None,
    *,
    root: Path | str = ".",
    dry_run: bool = False,
    now: dt.datetime | None = None,
    tell: Tell = _silent,
) -> NightlyResult:
    """Run everything for one date: read, train what has no champion, score, write back, report."""
    with open_run(project, as_of, root=root, now=now, tell=tell) as run:
        reads = read_sources(run)
        tasks = [score_task(run, name) for name in run.project.tasks]
        exports = write_back_scores(run, dry_run=dry_run)
        return finish(run, reads, tasks, exports)


def finish(
    run: Run, reads: list[ReadReport], tasks: list[TaskScores], exports: list[ExportResult]
) -> NightlyResult:
    """Render the report and say where everything lies."""
    run.tell("rendering the report")
    report = render(
        run.project,
        as_of=run.as_of,
        run_id=run.run_id,
        now=run.now,
        sections=[_section(run, scored) for scored in tasks],
        reads=reads,
        exports=exports,
    )
    return NightlyResult(run, reads, tasks, exports, report, _paths(run, report))


def _section(run: Run, scored: TaskScores) -> TaskSection:
    champion = scored.champion
    return TaskSection(
        task=scored.task,
        scores=ScoreBook(run.project, scored.task.name).read(run.as_of),
        version=str(champion.version),
        trained=scored.trained is not None,
        beats_base_rate=champion.beats_base_rate,
        verdict=Words(ja=champion.verdict_ja, en=champion.verdict_en),
        metrics=champion.metrics,
        calibration=champion.calibration(),
        unseen=scored.unseen,
        windows=champion.windows,
    )


def _paths(run: Run, report: Path) -> dict[str, str]:
    targets = {
        f"CRM ({name})": spec.get("path", spec["type"])
        for name, spec in run.project.connections.items()
        if name in {target.connection for target in run.project.targets.values()}
    }
    return {"report": str(report), **targets, "MLflow": str(run.project.var / "mlflow.db")}
