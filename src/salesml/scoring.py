"""Scoring: one bucket at a time, from features to probability, score, band and reasons."""

from __future__ import annotations

import datetime as dt
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
import numpy.typing as npt
import pandas as pd

from salesml.config import Band, Project, TaskConfig, load_project
from salesml.drift import Counts, Reference
from salesml.engine import connect
from salesml.errors import ConfigError, SalesmlError
from salesml.explanation import (
    Explained,
    Helper,
    Peers,
    RowPeers,
    Versions,
    changes,
    reasons,
    scores,
    unexplained,
)
from salesml.features import FeatureSet, Snapshots, load_feature_sets
from salesml.labels import OPTIONAL_COLUMNS, outcomes, population, populations
from salesml.scorebook import ScoreBook, keep_inputs, write_scores
from salesml.store import Store
from salesml.training import PropensityModel, verify

__all__ = [
    "BucketJob",
    "BucketReport",
    "ScoreBook",
    "band_of",
    "buckets_of",
    "executor",
    "panel_bucket",
    "peer_rows",
    "peers_of",
    "score_bucket",
    "store_of",
]

Ints = npt.NDArray[np.int64]
MOVED = 5  # points from which a change is explained
MOST_PEERS = 200_000  # entities that medians are taken of


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

    def inputs(self, spine: pd.DataFrame) -> dict[str, Path]:
        """Where the `features` of *spine*, rows of one date, lie by feature set."""
        return self._snapshots.files(spine, self.bucket)

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


def peer_rows(job: BucketJob, as_of: dt.date) -> pd.DataFrame:
    """The number features of a bucket's entities, and ``_segment``; of many, some drawn."""
    bucket = job.open()
    spine = bucket.population(as_of)
    rows = bucket.features(spine).select_dtypes("number").astype(np.float32)
    rows["_segment"] = spine["segment"].astype("str") if "segment" in spine else None
    most = MOST_PEERS // bucket.project.settings.buckets
    return rows if len(rows) <= most else rows.sample(most, random_state=0)


def peers_of(parts: list[pd.DataFrame]) -> Peers:
    """What is usual on a date, from the `peer_rows` of all buckets."""
    rows = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    segment = rows.pop("_segment")
    return Peers.of(rows, segment if segment.notna().any() else None)


@dataclass(frozen=True)
class Scorer:
    """The model a run scores with, where it lies and what its files must hash to.

    ``reference`` is what its training looked like, where that was noted, and ``peers`` what is
    usual on the date.
    """

    directory: Path
    sha256: str
    version: str
    reference: Reference | None = None
    peers: Peers | None = None

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
    book = ScoreBook(bucket.project, bucket.task.name)
    before = book.before(as_of, bucket.task.id_column)
    past = pd.array([before.get(i) for i in scored[bucket.task.id_column]], dtype="Int32")
    scored["change"] = scored["score"] - past
    scored["run_id"], scored["model_version"] = run_id, scorer.version
    clock.lap("scores")
    now = _explained(features, scored["score"].to_numpy(dtype=np.int64), model)
    scored["reasons"] = _column(_reasons(bucket, now, scored, model, scorer.peers))
    scored["changes"] = _column(_changes(bucket, now, scored, model, book, as_of))
    clock.lap("reasons")
    write_scores(folder / f"bucket={job.bucket}.parquet", bucket.task, scored)
    keep_inputs(folder, job.bucket, bucket.inputs(spine))
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
    scored["probability"] = model.predict_proba(features)[:, 1]
    scored["score"] = _scores(features, model)
    scored["band"] = [band_of(task.bands, score).name for score in scored["score"]]
    amount = pd.to_numeric(scored["amount"]) if "amount" in scored else np.nan
    scored["expected_value"] = scored["probability"] * amount
    return scored


def band_of(bands: list[Band], score: int) -> Band:
    """The band that *score* falls into."""
    return next(band for band in bands if score >= band.start)


def _column(values: list[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


def _explained(features: pd.DataFrame, score: Ints, model: PropensityModel) -> Explained:
    contributions = (
        pd.DataFrame(columns=list(model.feature_names_in_), dtype=np.float64)
        if features.empty
        else model.explain(features)
    )
    return Explained(features, contributions, score)


def _scores(features: pd.DataFrame, model: PropensityModel) -> Ints:
    margin = model.margin(features)
    return scores(margin, average=model.expected_value_, slope=model.score_slope_)


def _reasons(
    bucket: _Bucket,
    now: Explained,
    scored: pd.DataFrame,
    model: PropensityModel,
    peers: Peers | None,
) -> list[list[dict[str, Any]]]:
    task, segment = bucket.task, scored.get("segment", [None] * len(scored))
    return reasons(
        now.values,
        now.contributions,
        now.score,
        bucket.sets,
        model.score_slope_,
        peers=RowPeers(peers or Peers(), list(segment), task.entity),
        helper=Helper(lambda features: _scores(features, model), task.outcome_is),
    )


def _changes(
    bucket: _Bucket,
    now: Explained,
    scored: pd.DataFrame,
    model: PropensityModel,
    book: ScoreBook,
    as_of: dt.date,
) -> list[list[dict[str, Any]] | None]:
    """Why the scores that moved by `MOVED` or more did; None for the others."""
    told: list[list[dict[str, Any]] | None] = [None] * len(scored)
    moved = np.flatnonzero(scored["change"].abs().ge(MOVED).fillna(value=False))
    last = book.last_before(as_of)
    if not len(moved) or last is None:
        return told
    versions = Versions(book.meta(last)["model_version"], scored["model_version"].iloc[0])
    change = scored["change"].iloc[moved].to_numpy(dtype=np.int64)
    for row, points in zip(moved, change, strict=True):
        told[row] = unexplained(int(points))
    known, features = _features_on(last, bucket, scored[bucket.task.id_column].iloc[moved])
    if len(known):
        rows = moved[known]
        before = _explained(features, _scores(features, model), model)
        recorded = now.score[rows] - change[known]
        slope = model.score_slope_
        found = changes(before, now.take(rows), recorded, bucket.sets, slope, versions)
        for row, entries in zip(rows, found, strict=True):
            told[row] = entries
    return told


def _features_on(as_of: dt.date, bucket: _Bucket, ids: pd.Series) -> tuple[Ints, pd.DataFrame]:
    """The features on an earlier date, and the positions in *ids* of those that have any.

    Nobody has where the sources tell of that date no more: a score is not withheld for it.
    """
    try:
        # the whole population, as then: so the features are found among the snapshots
        spine = bucket.population(as_of)
        features = bucket.features(spine)
    except SalesmlError:
        return np.array([], dtype=np.int64), pd.DataFrame()
    at = pd.Index(spine[bucket.task.id_column]).get_indexer(pd.Index(ids))
    known = np.flatnonzero(at >= 0)
    return known, features.iloc[at[known]].reset_index(drop=True)


def merge_unseen(reports: list[BucketReport]) -> dict[str, int]:
    """How many categories never seen in training each feature had, over all buckets."""
    values = {(name, v) for report in reports for name, vs in report.unseen.items() for v in vs}
    return dict(Counter(name for name, _ in values))
