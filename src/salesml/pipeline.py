"""The stages of a run in their order: read → train → score → write back → report.

Each stage is a plain call, so that a flow, a notebook or a cron job can make it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesml import crm
from salesml.config import Project, TaskConfig, Words
from salesml.engine import connect
from salesml.export import ExportResult, Ledger, Target, write_back
from salesml.intake import ReadReport, read_source, reading_order, require_fresh
from salesml.labels import require_rows, sources_of
from salesml.learning import Trained, champion_for, data_begin, train_task
from salesml.report import TaskSection, render
from salesml.run import Run, Tell, jobs_of, open_run, silent
from salesml.scoring import (
    BucketReport,
    ScoreBook,
    Scorer,
    band_of,
    executor,
    merge_unseen,
    score_bucket,
    store_of,
)
from salesml.wiring import declared_types, feature_sets_of, require_wired

if TYPE_CHECKING:
    from salesml.registry import Champion

__all__ = [
    "NightlyResult",
    "Run",
    "TaskScores",
    "Trained",
    "champion_for",
    "export_rows",
    "finish",
    "nightly",
    "open_run",
    "read_sources",
    "score_task",
    "target_of",
    "train_task",
    "write_back_scores",
]


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
    for name in project.sources:
        store.verify(name)
    require_fresh(store, project, run.as_of)
    return reports


# score -----------------------------------------------------------------------------------------


def score_task(run: Run, name: str) -> TaskScores:
    """Score the population of *name* with its champion, trained first where there is none."""
    task = run.project.task(name)
    data_begin(run, task)
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
    jobs = jobs_of(run, name)
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
    bands = [band_of(task.bands, score) for score in scored["score"]]
    rows = scored.drop(columns="reasons").assign(external_id=scored[task.id_column])
    for language in ("ja", "en"):
        rows[f"band_{language}"] = [getattr(band, language) for band in bands]
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
    tell: Tell = silent,
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
