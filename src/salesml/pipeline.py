"""The stages of a run in their order: read → train → score → act → write back → report.

A task that fails does not stop the others.

Each stage is a plain call, so that a flow, a notebook or a cron job can make it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salesml.acting import act
from salesml.actions.deciding import Actions
from salesml.champions import champion_for
from salesml.config import TaskConfig
from salesml.drift import Reference, merge_counts
from salesml.engine import connect
from salesml.errors import SalesmlError
from salesml.export import ExportResult
from salesml.failures import Failure, all_in_one, explained
from salesml.history import note_scores
from salesml.intake import ReadReport, read_source, reading_order, require_fresh
from salesml.labels import require_rows, sources_of
from salesml.learning import Trained, data_begin, require_ready, train_task
from salesml.mlflow_records import Record
from salesml.night import NightlyResult, TaskScores
from salesml.outgoing import export_rows
from salesml.report import render
from salesml.retraining import drift_words, shifts
from salesml.run import Run, Tell, jobs_of, open_run, silent
from salesml.scoring import (
    BucketReport,
    ScoreBook,
    Scorer,
    executor,
    merge_unseen,
    peer_rows,
    peers_of,
    score_bucket,
    store_of,
)
from salesml.sections import actions_of, section_of
from salesml.wiring import declared_types, feature_sets_of, require_wired
from salesml.writing import write_back_scores, write_target

if TYPE_CHECKING:
    from salesml.registry import Champion

__all__ = [
    "Failure",
    "NightlyResult",
    "Run",
    "TaskScores",
    "Trained",
    "act",
    "act_on",
    "champion_for",
    "export_rows",
    "finish",
    "nightly",
    "open_run",
    "read_sources",
    "score_task",
    "score_tasks",
    "train_task",
    "write_back_scores",
    "write_target",
]


# read ------------------------------------------------------------------------------------------


def read_sources(run: Run) -> list[ReadReport]:
    """Bring the store up to date; raises SourceError or DataQualityError, and keeps what was."""
    project, store = run.project, store_of(run.project)
    types = declared_types(feature_sets_of(project))
    reports = []
    with connect(project.var / "spill") as con:
        _require_one(run, lambda task: require_wired(con, project, task))
        for name in reading_order(project.sources):
            run.tell(f"reading {name}")
            report = read_source(con, project, store, name, now=run.now, types=types.get(name, {}))
            reports.append(report)
        _require_one(run, lambda task: require_rows(store, task, sources_of(con, project, task)))
    for name in project.sources:
        store.verify(name)
    require_fresh(store, project, run.as_of)
    return reports


def _require_one(run: Run, check: Callable[[TaskConfig], None]) -> None:
    """Raise what *check* finds wrong where no task is left; scoring says it of single ones."""
    errors = []
    for task in run.project.tasks.values():
        try:
            check(task)
        except SalesmlError as error:
            errors.append(error)
    if len(errors) == len(run.project.tasks):
        raise all_in_one(errors)


# score -----------------------------------------------------------------------------------------


def score_task(run: Run, name: str) -> TaskScores:
    """Score the population of *name* with its champion, trained first where that is due."""
    task = run.project.task(name)
    require_ready(run, task)
    data_begin(run, task)
    note_scores(run, name)  # what a run that was killed published, and this one will replace
    appointed = champion_for(run, name)
    champion = appointed.champion
    scorer = _scorer(champion)
    book = ScoreBook(run.project, name)
    folder = book.begin(run.as_of, run.run_id)
    reports = _score_buckets(run, name, scorer, folder)
    rows = sum(report.rows for report in reports)
    meta = {
        "model_version": scorer.version,
        "sha256": champion.sha256,
        "rows": rows,
        "verdict": champion.verdict_en,
        "drift": _drift(scorer.reference, reports, rows),
    }
    book.publish(run.as_of, run.run_id, meta)
    note_scores(run, name)
    shifted = drift_words(run, task, shifts(champion, task, meta))
    seconds, unseen = _total_seconds(reports), merge_unseen(reports)
    return TaskScores(task, appointed, rows, seconds, unseen, shifted)


def score_tasks(
    run: Run, score: Callable[[Run, str], TaskScores] = score_task
) -> tuple[list[TaskScores], list[Failure]]:
    """Score every task, one after the other; those that fail, of whatever, do not stop the rest.

    Raises what failed where nothing could be scored.
    """
    done, failures, errors = [], [], []
    for name in run.project.tasks:
        try:
            done.append(score(run, name))
        except Exception as error:  # a bug in one task is no reason to withhold the others
            ours = explained(run, name, error)
            run.tell(f"{name} failed: {ours.what}")
            run.note("task_failed", name, error=ours.what)
            failures.append(Failure(name, ours))
            errors.append(error)
    if len(errors) == 1 and not done:
        raise errors[0]
    if not done:
        raise all_in_one([failure.error for failure in failures])
    return done, failures


def _scorer(champion: Champion) -> Scorer:
    noted = champion.note("reference")
    reference = Reference.from_json(noted["gauges"]) if noted else None
    return Scorer(champion.directory, champion.sha256, str(champion.version), reference)


def _drift(
    reference: Reference | None, reports: Iterable[BucketReport], rows: int
) -> dict[str, Any] | None:
    """How far tonight's values are from those of the training; None where that is not known."""
    if reference is None or not rows:
        return None
    counts = merge_counts(report.counts for report in reports)
    return {"rows": rows, "indices": reference.indices(counts)}


def _score_buckets(run: Run, name: str, scorer: Scorer, folder: Path) -> list[BucketReport]:
    jobs = jobs_of(run, name)
    many = len(jobs)
    reports = []
    with executor(run.project) as pool:
        usual = list(pool.map(peer_rows, jobs, [run.as_of] * many))
        scorer = replace(scorer, peers=peers_of(usual))
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


# act -------------------------------------------------------------------------------------------

ACTIONS = "actions"  # what fails, where it is not a task


def act_on(
    run: Run,
    tasks: list[TaskScores],
    failures: list[Failure],
    decide: Callable[[Run, Sequence[TaskScores]], Actions | None] = act,
) -> Actions | None:
    """Decide what is to be done next; where that fails, the scores go out all the same.

    The failure is added to *failures*. None in a project without actions.
    """
    if run.project.actions is None:
        return None
    try:
        return decide(run, tasks)
    except Exception as error:
        ours = explained(run, ACTIONS, error)
        run.tell(f"{ACTIONS} failed: {ours.what}")
        run.note("task_failed", ACTIONS, error=ours.what)
        failures.append(Failure(ACTIONS, ours))
        return None


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
    """Run everything for one date: read, train what is due, score, act, write back, report.

    Raises IncompleteError at the end where some tasks failed, and what failed at once where
    nothing could be scored.
    """
    with open_run(project, as_of, root=root, now=now, tell=tell) as run:
        reads = read_sources(run)
        tasks, failures = score_tasks(run)
        actions = act_on(run, tasks, failures, partial(act, dry_run=dry_run))
        names = [t.task.name for t in tasks]
        exports = write_back_scores(run, names, dry_run=dry_run, actions=actions)
        result = finish(run, reads, tasks, exports, failures, actions)
    result.require_whole()
    return result


def finish(
    run: Run,
    reads: list[ReadReport],
    tasks: list[TaskScores],
    exports: list[ExportResult],
    failures: list[Failure],
    actions: Actions | None = None,
) -> NightlyResult:
    """Render the report and say where everything lies."""
    run.tell("rendering the report")
    report = render(
        run.project,
        as_of=run.as_of,
        run_id=run.run_id,
        now=run.now,
        sections=[section_of(run, scored) for scored in tasks],
        reads=reads,
        exports=exports,
        failures=[
            (run.project.task(f.task).title, f.error.what) for f in failures if f.task != ACTIONS
        ],
        actions=actions_of(run, actions),
        actions_failed=next((f.error.what for f in failures if f.task == ACTIONS), ""),
    )
    _keep(run, report)
    paths, warnings = _paths(run, report), _warnings(run)
    return NightlyResult(run, reads, tasks, exports, report, paths, failures, warnings, actions)


def _keep(run: Run, report: Path) -> None:
    """A copy of *report* in MLflow; by now scores are out, so that a failure is only told."""
    try:
        page = {"report.html": report.read_text(encoding="utf-8")}
        tags = {"as_of": str(run.as_of), "run_id": run.run_id}
        run.registry.record(Record(f"report {run.as_of}", {}, {}, tags, page), [], "reports")
    except Exception as error:
        run.tell(f"the report was not copied to MLflow: {error}")


def _warnings(run: Run) -> list[str]:
    path = run.audit.path
    return [f"the audit log {path} is broken: {problem}" for problem in run.audit.repair()]


def _paths(run: Run, report: Path) -> dict[str, str]:
    targets = {
        f"CRM ({name})": spec.get("path", spec["type"])
        for name, spec in run.project.connections.items()
        if name in {target.connection for target in run.project.targets.values()}
    }
    return {"report": str(report), **targets, "MLflow": str(run.project.var / "mlflow.db")}
