"""Snapshots: the features of a past date never change, so they are computed once and kept."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from salesml import __version__
from salesml.config import Project, TaskConfig
from salesml.features.compute import compute_set, with_links
from salesml.features.definition import FeatureSet
from salesml.store import Manifest, Store

__all__ = ["Snapshots"]


@dataclass(frozen=True)
class Snapshots:
    """Feature values of one task, kept by set, date and bucket.

    A snapshot is named by a hash of all it was computed from: the SQL, what was known before the
    date in each source, and the spine. So it is found again exactly as long as it still holds.
    A panel anchored to events has a few rows on most days: those of a year share a snapshot,
    named by what was known before the last of them.
    """

    project: Project
    store: Store
    task: TaskConfig
    sets: Sequence[FeatureSet]

    @property
    def folder(self) -> Path:
        """Where the snapshots of the task lie."""
        return self.project.var / "features" / self.task.name

    def features(
        self,
        con: duckdb.DuckDBPyConnection,
        spine: pd.DataFrame,
        bucket: str,
    ) -> pd.DataFrame:
        """All features of the task for *spine*, whose entities lie in *bucket*."""
        parts = [self._of_set(con, s, with_links(spine, s), bucket) for s in self.sets]
        return pd.concat(parts, axis=1)

    def files(self, spine: pd.DataFrame, bucket: str) -> dict[str, Path]:
        """Where `features` kept what it computed for *spine*, rows of one date, by feature set.

        Their rows are those of *spine*, in its order.
        """
        found = {}
        for each in self.sets if len(spine) else ():
            rows, sources = with_links(spine, each), self._sources(each)
            found[each.name] = self._path(each, str(rows["as_of"].iloc[0]), rows, bucket, sources)
        return found

    def _of_set(
        self,
        con: duckdb.DuckDBPyConnection,
        feature_set: FeatureSet,
        spine: pd.DataFrame,
        bucket: str,
    ) -> pd.DataFrame:
        """The features of one set: dates that have a snapshot from there, the others computed."""
        parts, missing, sources = [], {}, self._sources(feature_set)
        for name, rows in spine.groupby(self._names(spine["as_of"])):
            path = self._path(feature_set, str(name), rows, bucket, sources)
            if path.exists():
                parts.append(pd.read_parquet(path).set_axis(rows.index))
            else:
                missing[path] = rows.index
        rest = [row for index in missing.values() for row in index]
        computed = compute_set(con, self.project, self.store, feature_set, spine.loc[rest], bucket)
        for path, index in missing.items():
            self._keep(path, computed.loc[index])
        return pd.concat([*parts, computed]).loc[spine.index]

    def _sources(self, feature_set: FeatureSet) -> dict[str, Manifest]:
        names = sorted({read.source for read in feature_set.reads.values()})
        return {name: self.store.needed(name) for name in names}

    def _path(
        self,
        feature_set: FeatureSet,
        name: str,
        rows: pd.DataFrame,
        bucket: str,
        sources: Mapping[str, Manifest],
    ) -> Path:
        key = self._key(feature_set, rows, sources)
        return self.folder / feature_set.name / name / f"{bucket}-{key}.parquet"

    def _names(self, dates: pd.Series) -> pd.Series:
        """The name of the snapshot that each row belongs to: its date, or its year."""
        names = dates.astype("str")
        together = self.task.anchor is not None and names.nunique() > 1
        return names.str[: len("2024")] if together else names

    def _keep(self, path: Path, values: pd.DataFrame) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{uuid.uuid4().hex[:8]}")
        try:
            values.to_parquet(temporary, index=False)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        for old in path.parent.glob(f"{path.name.partition('-')[0]}-*"):
            if old != path:
                old.unlink(missing_ok=True)

    def _key(
        self, feature_set: FeatureSet, spine: pd.DataFrame, sources: Mapping[str, Manifest]
    ) -> str:
        last = spine["as_of"].max()
        known = [f"{name}={manifest.checksum(last)}" for name, manifest in sources.items()]
        rows = pd.util.hash_pandas_object(spine.astype("str"), index=False)
        described = [
            __version__,
            feature_set.sql,
            feature_set.file.model_dump_json(include={"lookback", "reads"}),
            *(f"{n} {f.type} {f.missing}" for n, f in feature_set.features.items()),
            self.project.settings.timezone,
            *known,
            hashlib.sha256(rows.to_numpy().tobytes()).hexdigest(),
        ]
        return hashlib.sha256("\n".join(described).encode()).hexdigest()[:20]
