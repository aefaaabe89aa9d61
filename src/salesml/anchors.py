"""Panels anchored to events: one row for each day on which an entity had one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import duckdb
import pandas as pd

from salesml.config import Project, TaskConfig
from salesml.engine import literal, local_time, quote
from salesml.features import seen_by_each
from salesml.store import Store, bucket_of

__all__ = [
    "anchor_dates",
    "anchored",
    "busiest",
    "create_anchors",
    "each_population",
    "given_anchors",
]


def anchor_dates(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    first: dt.date,
    last: dt.date,
) -> list[dt.date]:
    """The dates of the anchored panel of *task*, after *first* up to *last*, oldest first."""
    days = _days(project, store, task, None, (first + dt.timedelta(days=1), last))
    found = con.execute(f"select distinct as_of from ({days}) order by 1").fetchall()
    return [row[0] for row in found]


def _days(
    project: Project,
    store: Store,
    task: TaskConfig,
    bucket: str | None,
    span: tuple[dt.date, dt.date],
) -> str:
    """SQL: id, what is bucketed by, and ``as_of`` of each event of the anchor in *span*.

    ``as_of`` is the day after the event, so that what was known by the end of its day is seen. An
    event that was known only later is asked about when it first could be: after that day.
    """
    source = str(task.anchor)
    zone = project.settings.timezone
    moment = local_time("greatest(happened_at, known_at)", zone)
    # no event in the span was known after it: what lies later need not be read
    known = f"known_at < timestamp {literal(project.instant(span[1]))}"
    if bucket is not None and store.needed(source).whole:
        known += f" and {bucket_of(quote(task.bucket_column), store.buckets)} = {literal(bucket)}"
    return (
        f"select distinct {_names(task)}, ({moment})::date + 1 as as_of "
        f"from {store.relation(source, bucket)} where {known} "
        f"and {quote(task.id_column)} is not null "
        f"and ({moment})::date + 1 between date {literal(span[0])} and date {literal(span[1])}"
    )


def _names(task: TaskConfig) -> str:
    names = dict.fromkeys((task.id_column, task.bucket_column))
    return ", ".join(f"{quote(name)}::varchar as {quote(name)}" for name in names)


def create_anchors(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    dates: Sequence[dt.date],
    bucket: str | None,
) -> None:
    """Create the table ``_anchors``: id, what is bucketed by, ``as_of`` and its cut in UTC."""
    cuts = pd.DataFrame({"as_of": dates, "_cut": [project.instant(date) for date in dates]})
    con.register("_cuts", cuts)
    days = _days(project, store, task, bucket, (min(dates), max(dates)))
    con.execute(
        f"""create or replace temp table _anchors as
        select d.*, c._cut::timestamp as _cut
        from ({days}) d join _cuts c on c.as_of::date = d.as_of"""
    )
    con.unregister("_cuts")


def given_anchors(
    con: duckdb.DuckDBPyConnection, project: Project, task: TaskConfig, rows: pd.DataFrame
) -> None:
    """Create the table ``_anchors`` of *rows*: id, what is bucketed by, ``as_of`` (dates)."""
    cuts = rows["as_of"].map({date: project.instant(date) for date in set(rows["as_of"])})
    con.register("_given", rows.assign(_cut=pd.Series(cuts, dtype="datetime64[us]")))
    con.execute(
        f"""create or replace temp table _anchors as
        select distinct {_names(task)}, as_of::date as as_of, _cut::timestamp as _cut from _given"""
    )
    con.unregister("_given")


def busiest(con: duckdb.DuckDBPyConnection, task: TaskConfig) -> tuple[str, list[dt.date]] | None:
    """The entity with the most rows in ``_anchors``, and its dates; None where there are none."""
    name = quote(task.id_column)
    found = con.execute(
        f"""select {name}, list(as_of order by as_of) from _anchors group by {name}
        order by count(*) desc, {name} limit 1"""
    ).fetchall()
    return (str(found[0][0]), found[0][1]) if found else None


def each_population(
    project: Project, store: Store, task: TaskConfig, names: Sequence[str], bucket: str | None
) -> str:
    """SQL: the population of *task* for each day in ``_anchors``, with ``_date`` and ``_owner``.

    It is evaluated in each row's own view of the sources *names*, whatever the SQL joins and
    groups by, so that no row sees what another one may. All on one line before the task's SQL:
    errors name lines of that.
    """
    owner = quote(task.bucket_column)
    seen = seen_by_each(project, store, names, task.bucket_column, bucket)
    keys = f"(select distinct {owner}, as_of, _cut from _anchors)"
    return (
        f"select s.as_of as _date, s.{owner} as _owner, p.* from {keys} s, lateral ({seen} "
        f"select * from ({task.population.rstrip().rstrip(';')}\n)) p"
    )


def anchored(task: TaskConfig, populations: str) -> str:
    """SQL: the rows of *populations*, as of `each_population`, that ``_anchors`` asks for."""
    name, owner = quote(task.id_column), quote(task.bucket_column)
    return (
        f"select r.* exclude (_owner) from ({populations}) r semi join _anchors a "
        f"on a.as_of = r._date and a.{owner} = r._owner and a.{name} = r.{name}::varchar"
    )
