"""Scoring: one bucket at a time, from features to probability, score, band and reasons."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from salesml.config import Band, Project, TaskConfig, load_project
from salesml.drift import Counts, Reference
from salesml.engine import connect
from salesml.errors import ConfigError, ModelError, SalesmlError
from salesml.explanation import reasons, scores
from salesml.features import FeatureSet, Snapshots, load_feature_sets
from salesml.labels import OPTIONAL_COLUMNS, outcomes, population, populations
from salesml.store import Store, write_atomically
from salesml.training import PropensityModel, verify

__all__ = [
    "BucketJob",
    "BucketReport",
    "ScoreBook",
    "band_of",
    "buckets_of",
    "executor",
    "no_scores",
    "panel_bucket",
    "score_bucket",
    "store_of",
]

_REASON = pa.struct(
    {
        "concept": pa.string(),
        "points": pa.int32(),
        "text_ja": pa.string(),
        "text_en": pa.string(),
    }
)


def store_of(project: Project) -> Store:
    """The store of *project*."""
    return Store(project.var / "data", project.settings.buckets)


def buckets_of(project: Project) -> list[str]:
    """Names of the buckets of *project*."""
    return [f"{i:03d}" for i in range(project.settings.buckets)]


@contextmanager
def executor(project: Project) -> Iterator[Executor]:
    """Where buckets are computed: one thread, or as many processes as there are workers.

    Raises SalesmlError where a process dies.
    """
    workers = min(project.settings.workers, project.settings.buckets)
    if workers == 1:
        with ThreadPoolExecutor(1) as pool:
            yield pool
    else:
        # spawn: a forked child would share the threads of DuckDB and LightGBM
        try:
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                yield pool
        except BrokenProcessPool as error:
            raise SalesmlError(
                f"One of the {workers} worker processes died; memory may have run out.",
                where=project.where("project.yml", "workers"),
                fix="Lower `workers`, or raise `buckets` so that each takes less memory, and run "
                "again; what earlier runs made is intact.",
            ) from error


@dataclass(frozen=True)
class BucketJob:
    """All a worker needs to compute one bucket, small and picklable.

    ``features`` are the feature sets to compute; None for the task's own.
    """

    project: str
    root: Path
    task: str
    bucket: str
    features: tuple[str, ...] | None = None

    def open(self) -> _Bucket:
        """Read the project in the worker."""
        project = load_project(self.project, self.root)
        task = project.task(self.task)
        if self.features is not None:
            task = task.model_copy(update={"features": list(self.features)})
        return _Bucket(project, task, self.bucket)


class _Bucket:
    """One bucket of one task, open for computing."""

    def __init__(self, project: Project, task: TaskConfig, bucket: str) -> None:
        self.project, self.task, self.bucket = project, task, bucket
        self.store = store_of(project)
        self.sets: list[FeatureSet] = load_feature_sets(
            project.features, self.task.entity, self.task.features
        )
        self._snapshots = Snapshots(project, self.store, self.task, self.sets)
        threads = 1 if project.settings.workers > 1 else None
        self.con = connect(project.var / "spill", threads=threads)

    def population(self, as_of: dt.date) -> pd.DataFrame:
        return population(self.con, self.project, self.store, self.task, as_of, self.bucket)

    def panel(self, dates: list[dt.date]) -> pd.DataFrame:
        return populations(self.con, self.project, self.store, self.task, dates, self.bucket)

    def features(self, spine: pd.DataFrame) -> pd.DataFrame:
        self._require_own_names(spine)
        return self._snapshots.features(self.con, spine, self.bucket)

    def _require_own_names(self, spine: pd.DataFrame) -> None:
        """A feature named like a column of the population would be taken for it."""
        names = {name for feature_set in self.sets for name in feature_set.features}
        both = sorted(names & set(spine.columns))
        if both:
            raise ConfigError(
                f"The population of task {self.task.name} and its features share names.",
                received=", ".join(both),
                where=f"tasks/{self.task.name}.yml, population",
                fix="Rename the column of the population, or the feature.",
            )

    def outcomes(self, spine: pd.DataFrame, known_before: dt.date) -> pd.Series:
        return outcomes(
            self.con,
            self.project,
            self.store,
            self.task,
            spine,
            known_before=known_before,
            bucket=self.bucket,
        )


def panel_bucket(job: BucketJob, dates: list[dt.date], as_of: dt.date) -> pd.DataFrame:
    """The panel of one bucket: spine, features and ``_outcome`` for all *dates*.

    Outcomes are what was known before *as_of*.
    """
    bucket = job.open()
    spine = bucket.panel(dates)
    if spine.empty:
        return pd.DataFrame()
    outcome = bucket.outcomes(spine, as_of)
    return pd.concat([spine, bucket.features(spine), outcome.rename("_outcome")], axis=1)


@dataclass(frozen=True)
class Scorer:
    """The model a run scores with, where it lies and what its files must hash to.

    ``reference`` is what its training looked like, where that was noted.
    """

    directory: Path
    sha256: str
    version: str
    reference: Reference | None = None

    def load(self) -> PropensityModel:
        """The model; raises ModelError where a file was changed."""
        verify(self.directory, self.sha256)
        return PropensityModel.load(self.directory)


@dataclass(frozen=True)
class BucketReport:
    """What scoring one bucket came to; ``counts`` is how its values are distributed."""

    bucket: str
    rows: int
    seconds: dict[str, float]
    unseen: dict[str, list[str]] = field(default_factory=dict)
    counts: Counts = field(default_factory=dict)


def score_bucket(
    job: BucketJob, as_of: dt.date, run_id: str, scorer: Scorer, folder: Path
) -> BucketReport:
    """Score one bucket and write ``folder/bucket=<bucket>.parquet``."""
    clock = _Clock()
    bucket = job.open()
    spine = bucket.population(as_of)
    features = bucket.features(spine)
    clock.lap("features")
    model = scorer.load()
    scored = _scored(bucket.task, spine, features, model)
    clock.lap("scores")
    told = _reasons(features, model, scored, bucket.sets)
    clock.lap("reasons")
    before = ScoreBook(bucket.project, bucket.task.name).before(as_of, bucket.task.id_column)
    past = pd.array([before.get(i) for i in scored[bucket.task.id_column]], dtype="Int32")
    scored["change"] = scored["score"] - past
    scored["run_id"], scored["model_version"] = run_id, scorer.version
    _write_scores(folder / f"bucket={job.bucket}.parquet", bucket.task, scored, told)
    clock.lap("write")
    unseen = model.unseen(features) if len(features) else {}
    counts = _counts(scorer.reference, features, scored)
    return BucketReport(job.bucket, len(scored), clock.seconds, unseen, counts)


def _counts(reference: Reference | None, features: pd.DataFrame, scored: pd.DataFrame) -> Counts:
    if reference is None or features.empty:
        return {}
    return reference.count(features, scored["probability"])


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now


def _scored(
    task: TaskConfig, spine: pd.DataFrame, features: pd.DataFrame, model: PropensityModel
) -> pd.DataFrame:
    columns = [task.id_column, "as_of", *(c for c in OPTIONAL_COLUMNS if c in spine.columns)]
    scored = spine[columns].copy()
    if spine.empty:
        return scored.assign(probability=0.0, score=0, band="", expected_value=0.0)
    margin = model.margin(features)
    scored["probability"] = model.predict_proba(features)[:, 1]
    scored["score"] = scores(margin, average=model.expected_value_, slope=model.score_slope_)
    scored["band"] = [band_of(task.bands, score).name for score in scored["score"]]
    amount = pd.to_numeric(scored["amount"]) if "amount" in scored else np.nan
    scored["expected_value"] = scored["probability"] * amount
    return scored


def band_of(bands: list[Band], score: int) -> Band:
    """The band that *score* falls into."""
    return next(band for band in bands if score >= band.start)


def _reasons(
    features: pd.DataFrame,
    model: PropensityModel,
    scored: pd.DataFrame,
    sets: list[FeatureSet],
) -> list[list[dict[str, Any]]]:
    if features.empty:
        return []
    contributions = model.explain(features)
    return reasons(features, contributions, scored["score"].to_numpy(), sets, model.score_slope_)


def _write_scores(
    path: Path, task: TaskConfig, scored: pd.DataFrame, told: list[list[dict[str, Any]]]
) -> None:
    columns = {
        name: pa.array(scored[name], type=kind, from_pandas=True)
        if name in scored
        else pa.nulls(len(scored), kind)
        for name, kind in _schema(task).items()
    }
    columns["reasons"] = pa.array(told, type=pa.list_(_REASON))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def _schema(task: TaskConfig) -> dict[str, pa.DataType]:
    text, number = pa.string(), pa.float64()
    return {
        task.id_column: text,
        "as_of": pa.date32(),
        "run_id": text,
        "model_version": text,
        "probability": number,
        "score": pa.int32(),
        "band": text,
        "change": pa.int32(),
        "expected_value": number,
        "name": text,
        "owner": text,
        "segment": text,
        "amount": number,
    }


def no_scores(task: TaskConfig) -> pd.DataFrame:
    """Scores of nobody: the columns that `ScoreBook.read` returns for *task*."""
    return pd.DataFrame(columns=[*_schema(task), "reasons"])


class ScoreBook:
    """The scores of one task: one folder a run, and per date a note of the run that counts."""

    def __init__(self, project: Project, task: str) -> None:
        self.root = project.var / "scores" / task
        self._task = task

    def begin(self, as_of: dt.date, run_id: str) -> Path:
        """The folder a run writes its buckets to; nobody reads it before `publish`."""
        self._sweep()
        return self._folder(as_of, run_id)

    def publish(self, as_of: dt.date, run_id: str, meta: dict[str, Any]) -> None:
        """Let the run *run_id* count for *as_of*, and delete what it replaces."""
        write_atomically(self._note(as_of), json.dumps({"run_id": run_id, **meta}))
        self._sweep()

    def dates(self) -> list[dt.date]:
        """Dates that have scores, oldest first."""
        return sorted(dt.date.fromisoformat(p.stem) for p in self.root.glob("*.json"))

    def meta(self, as_of: dt.date) -> dict[str, Any]:
        """What the run of *as_of* noted; raises ModelError where there is none."""
        if not self._note(as_of).exists():
            have = ", ".join(map(str, self.dates()[-5:])) or "none"
            raise ModelError(
                f"There are no scores of {self._task} for {as_of}.",
                received=f"scores for: {have}",
                where=str(self.root),
                fix="Run the nightly for that date, or ask for another one.",
            )
        meta: dict[str, Any] = json.loads(self._note(as_of).read_text(encoding="utf-8"))
        return meta

    def read(self, as_of: dt.date) -> pd.DataFrame:
        """Scores of a date, one row an entity, highest score first; reasons as lists of dicts."""
        table = pq.read_table(self._published(as_of))
        frame: pd.DataFrame = table.drop_columns("reasons").to_pandas()
        frame["change"] = frame["change"].astype("Int32")  # else whole numbers read 3.0
        frame["reasons"] = pd.Series(table["reasons"].to_pylist(), dtype=object)
        frame["change"] = frame["change"].astype("Int32")  # whole points, missing the first time
        order = ["score", "probability"]
        return frame.sort_values(order, ascending=False, kind="stable", ignore_index=True)

    def before(self, as_of: dt.date, id_column: str) -> dict[str, int]:
        """Scores of the last date before *as_of* by id; empty for the first date ever."""
        past = [date for date in self.dates() if date < as_of]
        if not past:
            return {}
        table = pq.read_table(self._published(past[-1]), columns=[id_column, "score"])
        return dict(zip(table[id_column].to_pylist(), table["score"].to_pylist(), strict=True))

    def _note(self, as_of: dt.date) -> Path:
        return self.root / f"{as_of}.json"

    def _folder(self, as_of: dt.date, run_id: str) -> Path:
        return self.root / f"{as_of}-{run_id}"

    def _published(self, as_of: dt.date) -> Path:
        return self._folder(as_of, str(self.meta(as_of)["run_id"]))

    def _sweep(self) -> None:
        """Delete what does not count: replaced runs, and what runs that died left."""
        counting = {self._published(date) for date in self.dates()}
        for folder in self.root.glob("*/"):
            if folder not in counting:
                shutil.rmtree(folder, ignore_errors=True)


def merge_unseen(reports: list[BucketReport]) -> dict[str, int]:
    """How many categories never seen in training each feature had, over all buckets."""
    values = {(name, v) for report in reports for name, vs in report.unseen.items() for v in vs}
    return dict(Counter(name for name, _ in values))
