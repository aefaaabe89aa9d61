"""What one task tells about the entities of a bucket: whom it asks about, scores, features."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from salesml.actions.rules.tables import SPINE, population_types
from salesml.config import Project, TaskConfig
from salesml.features import FeatureSet
from salesml.scoring import BucketJob, ScoreBook
from salesml.store import Store

__all__ = ["Asked", "frames_of", "ids_as_text", "rows_of"]

_ASKED = ("name", "owner", "owner_id", "segment", "amount")
_SCORED = ("probability", "score", "band", "change", "reasons")
_SCORES = [*_SCORED, "expected_value"]


@dataclass(frozen=True)
class Asked:
    """The entities of a bucket that a task scored.

    By their ids: *rows* as asked about and scored, and *features* of the *sets*. *types* are those
    of the columns of the population.
    """

    project: Project
    store: Store
    con: duckdb.DuckDBPyConnection
    task: TaskConfig
    types: Mapping[str, str]
    sets: Sequence[FeatureSet]
    rows: pd.DataFrame
    features: pd.DataFrame

    @classmethod
    def by(cls, job: BucketJob, as_of: dt.date) -> Asked:
        """What the task of *job* tells of *as_of*, a date that it scored."""
        bucket = job.open()
        spine = bucket.population(as_of)
        types = population_types(bucket.con, bucket.task)
        key = bucket.task.id_column
        features = bucket.features(spine).set_axis(pd.Index(spine[key]))
        scores = ScoreBook(bucket.project, job.task).read(as_of, job.bucket).set_index(key)[_SCORES]
        beside = ["as_of", *(name for name in _SCORES if name in spine)]
        rows = spine.drop(columns=beside).set_index(key).join(scores, how="inner")
        return cls(
            bucket.project,
            bucket.store,
            bucket.con,
            bucket.task,
            types,
            bucket.sets,
            rows,
            features.loc[rows.index],
        )


def frames_of(asked: Sequence[Asked], as_of: dt.date) -> dict[str, pd.DataFrame]:
    """The rows of `Tables`: the spine, then those of each task and of each feature set."""
    key = asked[0].task.id_column
    frames = {SPINE: pd.DataFrame({key: _ids(asked), "as_of": as_of})}
    for each in asked:
        frames[each.task.name] = each.rows.drop(columns="reasons").rename_axis(key).reset_index()
        for feature_set in each.sets:
            values = each.features[list(feature_set.features)].rename_axis(key).reset_index()
            known = frames.get(feature_set.name)
            both = [values] if known is None else [known, values]
            frames[feature_set.name] = pd.concat(both).drop_duplicates(key)
    return frames


def rows_of(asked: Sequence[Asked]) -> pd.DataFrame:
    """The ``rows`` of a `Situation`: each task's scores beside what any of them says of whom."""
    rows = pd.DataFrame(index=_ids(asked))
    for column in _ASKED:
        rows[column] = _first([each.rows[column] for each in asked if column in each.rows], rows)
    rows["owner_id"] = ids_as_text(rows["owner_id"])
    rows["amount"] = pd.to_numeric(rows["amount"]).astype("float64")
    for each in asked:
        for column in _SCORED:
            rows[f"{each.task.name}.{column}"] = each.rows[column].reindex(rows.index)
    return rows.reset_index()


def ids_as_text(ids: pd.Series) -> pd.Series:
    """*ids* as text; numbers among which some are missing are whole numbers all the same."""
    return ids.convert_dtypes().astype("str")


def _ids(asked: Sequence[Asked]) -> pd.Index[str]:
    ids = {str(entity) for each in asked for entity in each.rows.index}
    return pd.Index(sorted(ids), dtype="str", name="entity_id")


def _first(told: Sequence[pd.Series], rows: pd.DataFrame) -> pd.Series:
    """Of each row the first that is told; None where nothing is."""
    found = pd.Series(None, index=rows.index, dtype=object)
    for column in told:
        found = found.combine_first(column.reindex(rows.index).astype(object))
    return found.where(found.notna(), None)
