"""Who is asked about on a date, what happened to them, what came of it, and training's panel."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pandas as pd

from salesml.anchors import anchor_dates, anchored, create_anchors, each_population, given_anchors
from salesml.config import Project, TaskConfig, days
from salesml.engine import outside_of, quote, tables_in
from salesml.errors import ConfigError, LabelError, SourceError, suggest
from salesml.features import create_source_views, differing
from salesml.store import Store

__all__ = [
    "OPTIONAL_COLUMNS",
    "dates_of_panel",
    "outcomes",
    "panel_dates",
    "population",
    "population_of",
    "population_sources",
    "populations",
    "require_rows",
    "require_same_alone",
    "sources_of",
    "timeline",
]

OPTIONAL_COLUMNS = ("name", "owner", "segment", "amount")
_EPOCH = dt.date(2000, 1, 3)  # a Monday
_TIMELINE_DAYS, _TIMELINE_EVENTS = 180, 30


def dates_of_panel(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    first: dt.date,
    as_of: dt.date,
) -> list[dt.date]:
    """The dates of the panel: those of the calendar, or those after events; as `panel_dates`."""
    if task.anchor is None:
        return panel_dates(task, first, as_of, project.settings.fiscal_year_starts)
    last = as_of - dt.timedelta(days=task.horizon)
    return _kept(task, anchor_dates(con, project, store, task, first, last), first, as_of)


def panel_dates(
    task: TaskConfig, first: dt.date, as_of: dt.date, year_starts: int = 4
) -> list[dt.date]:
    """The dates of a panel by the calendar, after *first*, their horizon over by *as_of*.

    Oldest first; *year_starts* is the month that a fiscal year begins with. Raises LabelError where
    there is none.
    """
    last = as_of - dt.timedelta(days=task.horizon)
    dates = [d for d in _grid(task.every, first, last, year_starts) if first < d <= last]
    return _kept(task, dates, first, as_of)


def _kept(task: TaskConfig, dates: list[dt.date], first: dt.date, as_of: dt.date) -> list[dt.date]:
    """*dates* as far as the task's history goes; raises LabelError where there is none."""
    if not dates:
        longest = {"month": 31, "year": 366}.get(task.every) or _step(task.every)
        raise LabelError(
            f"Task {task.name} has no past date whose {task.horizon} days are over.",
            received=f"data from {first}, as of {as_of}",
            where=f"tasks/{task.name}.yml",
            fix=f"Use an --as-of after {first + dt.timedelta(days=task.horizon + longest)}, "
            "or a shorter horizon.",
        )
    return dates[-task.history :] if task.history else dates


def _grid(every: str, first: dt.date, last: dt.date, year_starts: int) -> list[dt.date]:
    if every == "year":
        return [dt.date(year, year_starts, 1) for year in range(first.year, last.year + 1)]
    if every == "month":
        months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
        return [dt.date(m // 12, m % 12 + 1, 1) for m in months]
    step = _step(every)
    # counted from a fixed day, so that the dates stay the same from run to run
    start = (first - _EPOCH).days // step
    end = (last - _EPOCH).days // step
    return [_EPOCH + dt.timedelta(days=step * i) for i in range(start, end + 1)]


def _step(every: str) -> int:
    if every == "week":
        return 7
    return days(every) if every.endswith(" days") else 1  # events may come any day


def sources_of(con: duckdb.DuckDBPyConnection, project: Project, task: TaskConfig) -> list[str]:
    """The sources that population and outcome of *task* read, and the one it is anchored to.

    Raises ConfigError for a table that is no source, and for SQL that depends on more than its
    sources: the clock, chance, files.
    """
    anchor = {task.anchor} if task.anchor is not None else set()
    asked = population_sources(con, project, task)
    return sorted(anchor | asked | _read_by(con, project, task, "outcome"))


def population_sources(
    con: duckdb.DuckDBPyConnection, project: Project, task: TaskConfig
) -> set[str]:
    """The sources that the population of *task* reads; raises as `sources_of`."""
    return _read_by(con, project, task, "population")


def _read_by(
    con: duckdb.DuckDBPyConnection, project: Project, task: TaskConfig, key: str
) -> set[str]:
    sql: str = getattr(task, key)
    try:
        found, outside = tables_in(con, sql), outside_of(con, sql)
    except duckdb.Error as error:
        raise _sql_error(project, task, key, error) from None
    if key == "outcome":
        found -= {"spine"}
    for table in sorted(found - set(project.sources)):
        raise ConfigError(
            f"The {key} of task {task.name} reads the unknown source '{table}'."
            f"{suggest(table, project.sources)}",
            where=_where(project, task, key),
            fix=f"Use one of: {', '.join(sorted(project.sources))}.",
        )
    for name in sorted(outside):
        raise ConfigError(
            f"The {key} of task {task.name} uses {name}, whose result depends on more than its "
            "sources.",
            where=_where(project, task, key),
            fix="Use as_of for the date, and the sources for data.",
        )
    return found


def _where(project: Project, task: TaskConfig, key: str) -> str:
    return project.where(f"tasks/{task.name}.yml", key)


def population(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    as_of: dt.date,
    bucket: str | None = None,
) -> pd.DataFrame:
    """Who is asked about on *as_of*, as known before it.

    Returns one row an entity, sorted: ``<entity>_id`` (text), ``as_of``, then what else the
    population selects (``name``, ``owner``, ``segment``, ``amount``, links). Raises ConfigError.
    """
    names = _read_by(con, project, task, "population")
    create_source_views(con, project, store, names, known_before=as_of, as_of=as_of, bucket=bucket)
    return _asked(project, task, _run(con, project, task, "population").assign(as_of=as_of))


def populations(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    dates: Sequence[dt.date],
    bucket: str | None = None,
) -> pd.DataFrame:
    """The spine of a panel: who is asked about on each of *dates*, each as known before it.

    Where the panel is anchored, those of the population who had an event the day before. Returns
    as `population`, the dates one after the other.
    """
    if task.anchor is None:
        each = (population(con, project, store, task, date, bucket) for date in dates)
        spines = [spine for spine in each if not spine.empty]
        return pd.concat(spines, ignore_index=True) if spines else pd.DataFrame()
    create_anchors(con, project, store, task, dates, bucket)
    return population_of(con, project, store, task, None, bucket)


def population_of(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    rows: pd.DataFrame | None,
    bucket: str | None = None,
) -> pd.DataFrame:
    """Those of *rows* (of ``_anchors`` where None) who are asked about; returns as `populations`.

    *rows* are the id, what the task is bucketed by, and ``as_of``. Each is asked about by itself.
    """
    if rows is not None:
        given_anchors(con, project, task, rows)
    names = sorted(_read_by(con, project, task, "population"))
    sql = each_population(project, store, task, names, bucket)
    _run(con, project, task, "population", sql=f"from ({sql}) limit 0")  # are its columns there?
    rows = _run(con, project, task, "population", sql=anchored(task, sql))
    rows["as_of"] = _dates(rows.pop("_date"))
    return _asked(project, task, rows)


def require_same_alone(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    spine: pd.DataFrame,
    bucket: str,
) -> None:
    """Raise ConfigError unless *spine*, an anchored panel, is what each date alone makes of it.

    An anchored row is computed from its own entity's rows; a population that compares entities
    (the ten largest, say) would come out otherwise.
    """
    keys = [task.id_column, "as_of"]
    dates = sorted(set(spine["as_of"]))
    alone = pd.concat([population(con, project, store, task, date, bucket) for date in dates])
    create_anchors(con, project, store, task, dates, bucket)
    anchors = con.execute(f"select {quote(task.id_column)}, as_of from _anchors").df()
    anchors["as_of"] = _dates(anchors["as_of"])
    both = alone.merge(anchors, on=keys).merge(
        spine[keys].assign(_there=True), on=keys, how="outer", indicator=True
    )
    odd = both.loc[both["_merge"] != "both", task.id_column].tolist()
    if not odd:
        wanted = spine[keys].merge(alone, on=keys)
        odd = differing(spine[wanted.columns].reset_index(drop=True), wanted)
    if odd:
        raise ConfigError(
            f"The population of task {task.name} looks across entities, which a panel anchored to "
            "events cannot do.",
            received=f"other rows for an entity alone than among all: {', '.join(odd[:5])}",
            where=_where(project, task, "population"),
            fix="Let the population say of each entity by itself whether it is asked about.",
        )


def _asked(project: Project, task: TaskConfig, rows: pd.DataFrame) -> pd.DataFrame:
    """*rows* of populations in order, ids as text; raises ConfigError where one is there twice."""
    first = [task.id_column, "as_of"]
    rows = rows.dropna(subset=task.id_column)
    rows[task.id_column] = rows[task.id_column].astype("str")
    repeated = rows.loc[rows.duplicated(first), task.id_column]
    if len(repeated):
        raise ConfigError(
            f"The population of task {task.name} returns an entity twice.",
            received=str(repeated.iloc[0]),
            where=_where(project, task, "population"),
            fix=f"Select one row per {task.id_column}.",
        )
    rows = rows.sort_values(first[::-1], ignore_index=True)
    return rows[[*first, *(c for c in rows.columns if c not in first)]]


def outcomes(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    spine: pd.DataFrame,
    *,
    known_before: dt.date,
    bucket: str | None = None,
) -> pd.Series:
    """1 for the rows of *spine* whose outcome came true, else 0, as known before a date."""
    names = _read_by(con, project, task, "outcome")
    create_source_views(
        con, project, store, names, known_before=known_before, as_of=None, bucket=bucket
    )
    dates = _dates(spine["as_of"])
    with _spine(con, task, spine.assign(as_of=dates)):
        rows = _run(con, project, task, "outcome", ("as_of",))
    positives = _keys(rows[task.id_column], rows["as_of"])
    asked = _keys(spine[task.id_column], dates)
    return pd.Series(asked.isin(positives).astype("int8"), index=spine.index)


def timeline(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    as_of: dt.date,
    entities: Sequence[str],
) -> pd.DataFrame:
    """What happened to *entities* in the last half year, as known before *as_of*.

    Returns ``<entity>_id``, ``happened_at``, ``ja``, ``en``, the newest 30 of each entity, newest
    first, in the project's time zone; nothing where the task has no timeline. Raises ConfigError.
    """
    columns = (task.id_column, "happened_at", "ja", "en")
    if task.timeline is None:
        return pd.DataFrame(columns=columns)
    names = _read_by(con, project, task, "timeline")
    create_source_views(con, project, store, names, known_before=as_of, as_of=as_of, bucket=None)
    _run(con, project, task, "timeline", columns[1:], sql=f"from ({task.timeline}\n) limit 0")
    con.register("_listed", pd.DataFrame({"id": list(entities)}, dtype="str"))
    entity = quote(task.id_column)
    since = as_of - dt.timedelta(days=_TIMELINE_DAYS)
    sql = f"""
        select {entity}::varchar as {entity}, happened_at::timestamp as happened_at, ja, en
        from ({task.timeline}
        ) semi join _listed on {entity}::varchar = id
        where happened_at >= date '{since}' and happened_at < date '{as_of}'
        qualify row_number() over (
            partition by {entity} order by happened_at desc, en, ja
        ) <= {_TIMELINE_EVENTS}
        order by {entity}, happened_at desc, en, ja"""
    try:
        return _run(con, project, task, "timeline", columns[1:], sql=sql)
    finally:
        con.unregister("_listed")


def _keys(ids: pd.Series, dates: pd.Series) -> pd.MultiIndex:
    """Entities, as text, and dates."""
    return pd.MultiIndex.from_arrays([ids.astype("str"), pd.to_datetime(dates).dt.as_unit("s")])


def _dates(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values).dt.date


@contextmanager
def _spine(con: duckdb.DuckDBPyConnection, task: TaskConfig, spine: pd.DataFrame) -> Iterator[None]:
    """The view ``spine``: *spine* and ``horizon_end``, the first date after the horizon."""
    con.register("_panel", spine)
    con.execute(
        f"""create or replace temp view spine as select * replace (as_of::date as as_of),
            as_of::date + {task.horizon} as horizon_end from _panel"""
    )
    try:
        yield
    finally:
        con.execute("drop view spine")
        con.unregister("_panel")


def _run(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    task: TaskConfig,
    key: str,
    also: Sequence[str] = (),
    *,
    sql: str | None = None,
) -> pd.DataFrame:
    """Run population or outcome (as *sql*, if given).

    Raises ConfigError unless it returns the id, and *also*.
    """
    try:
        rows: pd.DataFrame = con.execute(sql or getattr(task, key)).df()
    except duckdb.Error as error:
        raise _sql_error(project, task, key, error) from None
    missing = [column for column in (task.id_column, *also) if column not in rows.columns]
    if missing:
        raise ConfigError(
            f"The {key} of task {task.name} does not return {' and '.join(missing)}.",
            received=f"columns {', '.join(map(str, rows.columns))}",
            where=_where(project, task, key),
            fix=f"Select {' and '.join((task.id_column, *also))}.",
        )
    return rows


def _sql_error(project: Project, task: TaskConfig, key: str, error: duckdb.Error) -> ConfigError:
    text = str(error)
    line = re.search(r"LINE (\d+):", text)
    return ConfigError(
        f"The {key} of task {task.name} does not run: {text.splitlines()[0]}",
        where=_where(project, task, key) + (f", line {line.group(1)} of the SQL" if line else ""),
        fix="Correct the SQL; it sees the sources of sources.yml by name.",
    )


def require_rows(store: Store, task: TaskConfig, sources: list[str]) -> None:
    """Raise SourceError where a source that says who is asked about has no rows."""
    for name in sources:
        if not store.needed(name).rows:
            raise SourceError(
                f"The source {name} has no rows.",
                where=f"sources.yml, source {name}",
                fix=f"Task {task.name} cannot run without it: check its table and `where`.",
            )
