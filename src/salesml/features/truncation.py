"""The truncation test: features of a date, recomputed from data physically cut at that date."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd

from salesml.config import Project
from salesml.engine import literal, one
from salesml.errors import FeatureError
from salesml.features.compute import compute_joined, require_plain_sql, with_links
from salesml.features.definition import FeatureSet
from salesml.store import Store

__all__ = ["differing", "look_ahead"]


def look_ahead(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    feature_set: FeatureSet,
    spine: pd.DataFrame,
    bucket: str,
) -> pd.DataFrame:
    """The features of *spine*; raises FeatureError naming those that depend on what came later.

    *spine* holds entities of *bucket* on several dates. The values of one query over all dates
    are compared with those of each date alone, for half of the entities, from tables that hold
    nothing known on the date or after.
    """
    require_plain_sql(con, feature_set)
    panel = with_links(spine, feature_set).reset_index(drop=True)
    together = compute_joined(con, project, store, feature_set, panel, bucket)
    wrong: set[str] = set()
    for as_of in sorted(set(panel["as_of"])):
        half = panel[panel["as_of"] == as_of].iloc[::2]
        alone = _from_cut_data(con, project, store, feature_set, half, bucket, as_of)
        wrong |= set(differing(together.loc[half.index], alone))
    if wrong:
        names = [name for name in feature_set.features if name in wrong]
        raise FeatureError(
            f"Feature set {feature_set.entity}/{feature_set.name} looks ahead.",
            received=f"other values once later rows are cut away: {', '.join(names)}",
            where=str(feature_set.path),
            fix=f"Group and join by {feature_set.id_column} and as_of both, and use no window "
            "over the spine.",
        )
    return together.set_axis(spine.index)


def _from_cut_data(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    feature_set: FeatureSet,
    rows: pd.DataFrame,
    bucket: str,
    as_of: dt.date,
) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        cut = Store(Path(folder), store.buckets)
        sources = {read.source for read in feature_set.reads.values()}
        _copy_known(con, project, store, cut, sources, bucket, as_of)
        return compute_joined(con, project, cut, feature_set, rows, bucket)


def _copy_known(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    target: Store,
    sources: Iterable[str],
    bucket: str,
    as_of: dt.date,
) -> None:
    cut = literal(project.instant(as_of))
    for name in sources:
        known = f"(select * from {store.relation(name, bucket)} where known_at < timestamp {cut})"
        con.execute(f"create or replace temp table _known as select * from {known}")
        rows = one(con, "select count(*) from _known")
        days = {"2000-01-01": (rows, 0)} if rows else {}
        manifest = replace(store.needed(name), parts=[], days=days)
        target.write(con, name, "_known", manifest, append=False)
    con.execute("drop table if exists _known")


def differing(left: pd.DataFrame, right: pd.DataFrame) -> list[str]:
    """The columns of two tables of the same rows whose values differ by more than rounding."""
    found = []
    for name in left.columns:
        a, b = left[name], right[name]
        if a.dtype.kind == "f":
            same = (a - b).abs().le(1e-9 * (1 + a.abs())) | (a.isna() & b.isna())
        else:
            same = a.eq(b) | (a.isna() & b.isna())
        if not bool(same.all()):
            found.append(str(name))
    return found
