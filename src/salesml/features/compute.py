"""Computing feature sets for a spine, one bucket at a time."""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left

import duckdb
import numpy as np
import pandas as pd

from salesml.config import Project
from salesml.engine import outside_of, quote, tables_in
from salesml.errors import FeatureError, suggest
from salesml.features.definition import TYPES, FeatureSet
from salesml.features.views import create_spine, create_views
from salesml.store import Manifest, Store

__all__ = ["compute_joined", "compute_set", "require_plain_sql", "run_sql", "with_links"]

# A query has a fixed cost, which counts where data are few; a join over many dates holds every row
# once a date, which counts where they are many. So many dates share a query as keep it this small:
_JOINED_ROWS = 4_000_000


def compute_set(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    feature_set: FeatureSet,
    spine: pd.DataFrame,
    bucket: str | None = None,
) -> pd.DataFrame:
    """Compute *feature_set* for every row of *spine*.

    Parameters
    ----------
    spine : columns ``<entity>_id`` (first), ``as_of`` (dates), and the set's links.
    bucket : the bucket that all entities of the spine lie in; None reads all buckets.

    Returns
    -------
    One row a spine row, in its order: the features alone, filled where missing.

    Raises FeatureError naming the SQL file.
    """
    require_plain_sql(con, feature_set)
    numbered = spine.reset_index(drop=True)
    group = _queries(store, feature_set, numbered, bucket)
    parts = [
        compute_joined(con, project, store, feature_set, rows, bucket)
        for _, rows in numbered.groupby(group)
    ]
    if not parts:
        return compute_joined(con, project, store, feature_set, spine, bucket)
    return pd.concat(parts).sort_index().set_axis(spine.index)


def _queries(
    store: Store, feature_set: FeatureSet, spine: pd.DataFrame, bucket: str | None
) -> pd.Series:
    """For each row of *spine* the number of the query that computes it: dates follow each other."""
    rows = spine.groupby("as_of").size()
    dates = [pd.Timestamp(date).date() for date in rows.index]
    asked = rows / max(1, spine[feature_set.id_column].nunique())
    joined = pd.Series(0.0, index=rows.index)
    for read in feature_set.reads.values():
        seen = _rows_seen(store.needed(read.source), feature_set, dates, bucket)
        # an entity sees its own rows; what all share is there once a date
        joined = joined.clip(lower=seen if read.shared else seen * asked)
    before = joined.cumsum() - joined
    return spine["as_of"].map(before // _JOINED_ROWS)


def _rows_seen(
    manifest: Manifest, feature_set: FeatureSet, dates: list[dt.date], bucket: str | None
) -> pd.Series:
    """About how many rows each of *dates* sees, by the days on which rows became known."""
    days = sorted(manifest.days)
    known = np.cumsum([0, *(manifest.days[day][0] for day in days)])
    limits = [feature_set.earliest(date) if manifest.kind == "events" else None for date in dates]
    until = known[[bisect_left(days, date.isoformat()) for date in dates]]
    begin = known[[bisect_left(days, date.isoformat()) if date else 0 for date in limits]]
    parts = manifest.buckets if bucket and not manifest.whole else 1
    return pd.Series((until - begin) / parts, index=dates)


def compute_joined(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    feature_set: FeatureSet,
    spine: pd.DataFrame,
    bucket: str | None,
) -> pd.DataFrame:
    """Compute *feature_set* for all dates of *spine* in one query; else as `compute_set`."""
    if spine.empty:
        empty = pd.DataFrame(columns=list(feature_set.features), index=spine.index)
        return _filled(feature_set, empty)
    create_spine(con, project, spine, feature_set)
    create_views(con, project, store, feature_set, bucket)
    computed = run_sql(con, feature_set)
    keys = [feature_set.id_column, "as_of"]
    dated = spine[keys].astype({feature_set.id_column: "str"})
    dated["as_of"] = pd.to_datetime(dated["as_of"])
    joined = dated.merge(computed, on=keys, how="left", validate="many_to_one")
    return _filled(feature_set, joined[list(feature_set.features)].set_axis(spine.index))


def run_sql(con: duckdb.DuckDBPyConnection, feature_set: FeatureSet) -> pd.DataFrame:
    """Run the SQL over the views; raises FeatureError where it fails or breaks its grain."""
    keys = [feature_set.id_column, "as_of"]
    home = quote(feature_set.name)
    kinds = {feature_set.id_column: "VARCHAR", "as_of": "TIMESTAMP"}
    kinds |= {name: TYPES[feature.type] for name, feature in feature_set.features.items()}
    columns = [f"cast({home}.{quote(n)} as {kind}) as {quote(n)}" for n, kind in kinds.items()]
    sql = f"select {', '.join(columns)} from ({feature_set.sql.rstrip().rstrip(';')}\n) {home}"
    try:
        computed: pd.DataFrame = con.execute(sql).df()
    except duckdb.Error as error:
        raise _explained(feature_set, error) from None
    if computed.duplicated(keys).any():
        twice = computed.loc[computed.duplicated(keys), keys].iloc[0].to_dict()
        raise FeatureError(
            f"Feature set {feature_set.name} returns several rows for one {feature_set.entity} "
            "and date.",
            received=str(twice),
            where=str(feature_set.path),
            fix=f"Group by {feature_set.id_column}, as_of.",
        )
    return computed


def _filled(feature_set: FeatureSet, values: pd.DataFrame) -> pd.DataFrame:
    """*values* in the types of the features; what is no finite number counts as missing."""
    texts = [name for name, f in feature_set.features.items() if f.type == "varchar"]
    kinds = {name: "str" if name in texts else "float64" for name in feature_set.features}
    fills = {
        name: feature.fill if name in texts else float(feature.fill)
        for name, feature in feature_set.features.items()
        if feature.fill is not None
    }
    return values.astype(kinds).replace([np.inf, -np.inf], np.nan).fillna(fills)


def require_plain_sql(con: duckdb.DuckDBPyConnection, feature_set: FeatureSet) -> None:
    """Raise FeatureError where the SQL reads what is not under ``reads``, or the clock."""
    try:
        tables = tables_in(con, feature_set.sql)
        outside = outside_of(con, feature_set.sql)
    except duckdb.Error as error:
        raise _explained(feature_set, error) from None
    known = {"spine", *feature_set.reads}
    for table in sorted(tables - known):
        raise FeatureError(
            f"Feature set {feature_set.name} reads '{table}', which is not under reads."
            f"{suggest(table, known)}",
            where=f"{feature_set.path}:{_line_of(feature_set, table)}",
            fix=f"Name it under reads in {feature_set.path.with_suffix('.yml').name}; "
            "only such views are cut off at as_of.",
        )
    for name in sorted(outside):
        raise FeatureError(
            f"Feature set {feature_set.name} uses {name}, whose result depends on more than "
            "its views.",
            where=f"{feature_set.path}:{_line_of(feature_set, name)}",
            fix="Use as_of for the date, and the views for data.",
        )


def _line_of(feature_set: FeatureSet, word: str) -> int:
    lines = feature_set.sql.lower().splitlines()
    pattern = re.compile(rf"\b{re.escape(word.lower())}\b")
    coded = (i for i, line in enumerate(lines, 1) if pattern.search(line.partition("--")[0]))
    return next(coded, 1)


def _explained(feature_set: FeatureSet, error: duckdb.Error) -> FeatureError:
    """*error* of DuckDB, with its line: the SQL begins on the first line of what was run."""
    text = str(error)
    line = re.search(r"LINE (\d+):", text)
    return FeatureError(
        f"The SQL of feature set {feature_set.name} does not run: {text.splitlines()[0]}",
        received=f"views {', '.join(sorted({'spine', *feature_set.reads}))}",
        where=f"{feature_set.path}:{line.group(1) if line else 1}",
        fix=f"Declare the column under reads in {feature_set.path.with_suffix('.yml').name}, "
        "or correct the SQL.",
    )


def with_links(spine: pd.DataFrame, feature_set: FeatureSet) -> pd.DataFrame:
    """The columns of *spine* that *feature_set* needs; raises FeatureError for missing links."""
    missing = feature_set.links - set(spine.columns)
    if missing:
        raise FeatureError(
            f"Feature set {feature_set.name} joins on {', '.join(sorted(missing))}, "
            "which the population does not return.",
            received=f"columns {', '.join(map(str, spine.columns))}",
            where=str(feature_set.path.with_suffix(".yml")),
            fix="Add the column to the select of population in the task.",
        )
    return spine[[feature_set.id_column, "as_of", *sorted(feature_set.links)]]
