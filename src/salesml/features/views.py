"""The cut-off: each source as a view, joined to the spine, of what was known before ``as_of``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import duckdb
import pandas as pd

from salesml.config import Project
from salesml.engine import literal, local_time, quote
from salesml.errors import ConfigError, suggest
from salesml.features.definition import FeatureSet, Read
from salesml.store import Manifest, Store

__all__ = ["create_source_views", "create_spine", "create_views", "seen_by_each"]

_TIMES = ("happened_at", "known_at")


def create_spine(
    con: duckdb.DuckDBPyConnection, project: Project, spine: pd.DataFrame, feature_set: FeatureSet
) -> None:
    """Create ``_spine``: *spine* (id, as_of, links …) with the window of *feature_set* in UTC.

    What is known before ``_cut`` and happened from ``_from`` on (null: no limit) may be seen.
    """
    dates = sorted(set(spine["as_of"]))
    earliest = [feature_set.earliest(date) for date in dates]
    windows = pd.DataFrame(
        {
            "as_of": dates,
            "_cut": [project.instant(date) for date in dates],
            "_from": pd.Series(
                [date and project.instant(date) for date in earliest], dtype="datetime64[us]"
            ),
        }
    )
    con.register("_given_spine", spine)
    con.register("_windows", windows)
    names = [feature_set.id_column, *sorted(feature_set.links)]
    columns = ", ".join(f"{quote(c)}::varchar as {quote(c)}" for c in names)
    con.execute(
        f"""create or replace temp table _spine as
        select distinct {columns}, s.as_of::date as as_of, w._cut::timestamp as _cut,
            w._from::timestamp as _from
        from _given_spine s join _windows w on w.as_of::date = s.as_of::date"""
    )
    con.unregister("_given_spine")
    con.unregister("_windows")


def create_views(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    feature_set: FeatureSet,
    bucket: str | None,
) -> None:
    """Create the views that *feature_set* reads, and ``spine``, over the table ``_spine``."""
    names = ", ".join(map(quote, [feature_set.id_column, "as_of", *sorted(feature_set.links)]))
    con.execute(f"create or replace temp view spine as select {names} from _spine")
    span = con.execute("select min(as_of), max(as_of) from _spine").fetchall()
    first, last = (date or dt.date(2000, 1, 1) for date in span[0])
    for name, read in feature_set.reads.items():
        manifest = store.needed(read.source)
        _require_columns(feature_set, name, read, manifest)
        cut = _cut_rows(project, store, feature_set, read, manifest, bucket, (first, last))
        con.execute(f"create or replace temp view {quote(name)} as {cut}")


def _require_columns(feature_set: FeatureSet, name: str, read: Read, manifest: Manifest) -> None:
    needed = [*feature_set.source_columns(read), *([] if read.shared else [read.on])]
    missing = [c for c in needed if c not in manifest.columns]
    if missing:
        known = [c for c in manifest.columns if not c.startswith("_")]
        hints = "".join(suggest(c, known) for c in missing)
        raise ConfigError(
            f"Feature set {feature_set.entity}/{feature_set.name} reads {name}.{missing[0]}, "
            f"which the source {read.source} does not have.{hints}",
            received=f"columns {', '.join(known)}",
            where=f"{feature_set.path.with_suffix('.yml')}, reads {name}",
            fix=f"Add '{missing[0]}:' to columns of {read.source} in sources.yml "
            "(`null` where there is none).",
        )


def _cut_rows(
    project: Project,
    store: Store,
    feature_set: FeatureSet,
    read: Read,
    manifest: Manifest,
    bucket: str | None,
    span: tuple[dt.date, dt.date],
) -> str:
    """SQL: one row for each row of the spine and each row of the source it may know."""
    keys = ["as_of"] if read.shared else [quote(feature_set.id_column), "as_of"]
    link = [] if read.shared or read.on == feature_set.id_column else [quote(read.on)]
    spine = f"(select distinct {', '.join([*keys, *link])}, _cut, _from from _spine)"
    zone = project.settings.timezone
    limits = [f"known_at < timestamp {literal(project.instant(span[1]))}"]
    matches = ["t.known_at < s._cut"]
    if not read.shared:
        matches.append(f"t.{quote(read.on)}::varchar = s.{quote(read.on)}")
    earliest = feature_set.earliest(span[0])
    if earliest is not None and manifest.kind == "events":
        limits.append(f"happened_at >= timestamp {literal(project.instant(earliest))}")
        matches.append("t.happened_at >= s._from")
    columns = [*(f"s.{key}" for key in keys), *_shown(feature_set, read, manifest, zone)]
    rows = (
        f"select {', '.join(columns)} from {spine} s join (select * from "
        f"{store.relation(read.source, bucket)} where {' and '.join(limits)}) t "
        f"on {' and '.join(matches)}"
    )
    if manifest.kind == "state":
        partition = [*(f"s.{key}" for key in keys), *(f"t.{quote(k)}" for k in manifest.key)]
        return (
            f"select * exclude (_deleted) from ({rows} qualify row_number() over (partition by "
            f"{', '.join(partition)} order by t.known_at desc) = 1) "
            "where not _deleted"
        )
    return rows


def _shown(feature_set: FeatureSet, read: Read, manifest: Manifest, zone: str) -> list[str]:
    shown = []
    own = [] if read.shared else [feature_set.id_column]
    for name, column in zip(read.columns, feature_set.source_columns(read), strict=True):
        if name not in (*own, *_TIMES):
            shown.append(f"{_in_business_time(column, zone)} as {quote(name)}")
    times = [c for c in _TIMES if c in manifest.columns]
    shown += [f"{_in_business_time(c, zone)} as {c}" for c in times]
    return [*shown, "t._deleted"] if manifest.kind == "state" else shown


def _in_business_time(column: str, zone: str) -> str:
    """Only the two times are UTC inside; other timestamps are kept as the CRM wrote them."""
    return local_time(f"t.{column}", zone) if column in _TIMES else f"t.{quote(column)}"


def create_source_views(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    names: Iterable[str],
    *,
    known_before: dt.date,
    as_of: dt.date | None,
    bucket: str | None,
) -> None:
    """Create a view per source of what was known before a date, not joined to any spine.

    Populations get the column ``as_of``; outcomes (None) do not, they join the spine themselves.
    """
    cut = f"known_at < timestamp {literal(project.instant(known_before))}"
    date = f", date {literal(as_of)} as as_of" if as_of is not None else ""
    for name in names:
        manifest = store.needed(name)
        rows = f"select *{date} from {store.relation(name, bucket)} where {cut}"
        seen = _present(project, manifest, rows)
        con.execute(f"create or replace temp view {quote(name)} as {seen}")


def seen_by_each(
    project: Project, store: Store, names: Iterable[str], owner: str, bucket: str | None
) -> str:
    """SQL, a with clause for a subquery that is evaluated for each row of a table ``s``.

    It shows each source as `create_source_views` does, as known before ``s._cut``: all of it where
    the table is whole, else the rows of *owner* (``s.<owner>``) alone, as if the bucket held no
    other.
    """
    views = []
    for name in names:
        manifest = store.needed(name)
        own = "" if manifest.whole else f" and {quote(owner)}::varchar = s.{quote(owner)}"
        rows = (
            f"select *, s.as_of as as_of from {store.relation(name, bucket)} "
            f"where known_at < s._cut{own}"
        )
        views.append(f"{quote(name)} as ({_present(project, manifest, rows)})")
    return f"with {', '.join(views)}" if views else ""


def _present(project: Project, manifest: Manifest, rows: str) -> str:
    """SQL: *rows* in business time; of state the newest version, unless it says deleted."""
    if manifest.kind == "state":
        key = ", ".join(map(quote, manifest.key))
        rows = (
            f"select * exclude (_deleted) from ({rows} qualify row_number() over "
            f"(partition by {key} order by known_at desc) = 1) where not _deleted"
        )
    times = [c for c in _TIMES if c in manifest.columns]
    local = ", ".join(f"{local_time(c, project.settings.timezone)} as {c}" for c in times)
    return f"select * replace ({local}) from ({rows})"
