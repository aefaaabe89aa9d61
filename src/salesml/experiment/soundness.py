"""Whether a feature set that nobody uses yet may be believed: one that looks ahead always helps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import duckdb
import pandas as pd

from salesml.config import TaskConfig
from salesml.engine import connect
from salesml.features import load_feature_set, look_ahead, run_examples
from salesml.labels import populations
from salesml.learning import dates_known
from salesml.run import Run
from salesml.scoring import buckets_of, store_of

__all__ = ["require_sound"]

_DATES = 4
_ENTITIES = 1000


def require_sound(run: Run, task: TaskConfig, sets: Sequence[str]) -> None:
    """Raise FeatureError where one of *sets* breaks its examples, or looks ahead.

    The sources must have been read; some dates of the panel are tried, in one bucket.
    """
    if not sets:
        return
    project, store, dates = run.project, store_of(run.project), dates_known(run, task)
    some = dates[:: max(1, len(dates) // _DATES)][-_DATES:]
    with connect(project.var / "spill") as con:
        spine, bucket = _spine(con, run, task, some)
        for name in sets:
            run.tell(f"{task.name}: trying the examples and the truncation test of {name}")
            feature_set = load_feature_set(project.features, task.entity, name)
            run_examples(con, feature_set)
            if len(spine):
                look_ahead(con, project, store, feature_set, spine, bucket)


def _spine(
    con: duckdb.DuckDBPyConnection, run: Run, task: TaskConfig, dates: list[dt.date]
) -> tuple[pd.DataFrame, str]:
    """Some who were asked about on *dates* in the first bucket with any, and that bucket."""
    project = run.project
    for bucket in buckets_of(project):
        spine = populations(con, project, store_of(project), task, dates, bucket)
        if len(spine):
            some = spine[task.id_column].unique()[:_ENTITIES]
            return spine[spine[task.id_column].isin(some)], bucket
    return pd.DataFrame(), ""
