"""Who is asked about on a date, what came of it, and the panel that training learns on."""

from __future__ import annotations

import datetime as dt
import re

import duckdb
import pandas as pd

from salesml.config import Project, TaskConfig
from salesml.engine import tables_in
from salesml.errors import ConfigError, LabelError, SourceError, suggest
from salesml.features import create_source_views
from salesml.store import Store

__all__ = [
    "OPTIONAL_COLUMNS",
    "outcomes",
    "panel_dates",
    "population",
    "require_rows",
    "sources_of",
]

OPTIONAL_COLUMNS = ("name", "owner", "segment", "amount")
_EPOCH = dt.date(2000, 1, 3)  # a Monday


def panel_dates(task: TaskConfig, first: dt.date, as_of: dt.date) -> list[dt.date]:
    """The dates of the panel, oldest first: after *first*, their horizon over by *as_of*.

    Raises LabelError where there is none.
    """
    last = as_of - dt.timedelta(days=task.horizon)
    dates = [d for d in _grid(task.every, first, last) if first < d <= last]
    if not dates:
        raise LabelError(
            f"Task {task.name} has no past date whose {task.horizon} days are over.",
            received=f"data from {first}, as of {as_of}",
            where=f"tasks/{task.name}.yml",
            fix=f"Use an --as-of after {first + dt.timedelta(days=task.horizon + 31)}, "
            "or a shorter horizon.",
        )
    return dates[-task.history :] if task.history else dates


def _grid(every: str, first: dt.date, last: dt.date) -> list[dt.date]:
    if every == "month":
        months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
        return [dt.date(m // 12, m % 12 + 1, 1) for m in months]
    step = 7 if every == "week" else _step(every)
    # counted from a fixed day, so that the dates stay the same from run to run
    start = (first - _EPOCH).days // step
    end = (last - _EPOCH).days // step
    return [_EPOCH + dt.timedelta(days=step * i) for i in range(start, end + 1)]


def _step(every: str) -> int:
    match = re.match(r"\d+", every)
    return int(match.group()) if match else 1


def sources_of(con: duckdb.DuckDBPyConnection, project: Project, task: TaskConfig) -> list[str]:
    """The sources that population and outcome of *task* read.

    Raises ConfigError for a table that is no source.
    """
    names: set[str] = set()
    for key, sql, extra in (
        ("population", task.population, set()),
        ("outcome", task.outcome, {"spine"}),
    ):
        try:
            found = tables_in(con, sql)
        except duckdb.Error as error:
            raise _sql_error(task, key, error) from None
        for table in sorted(found - extra - set(project.sources)):
            raise ConfigError(
                f"The {key} of task {task.name} reads the unknown source '{table}'."
                f"{suggest(table, project.sources)}",
                where=f"tasks/{task.name}.yml, {key}",
                fix=f"Use one of: {', '.join(sorted(project.sources))}.",
            )
        names |= found - extra
    return sorted(names)


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
    names = [n for n in sources_of(con, project, task) if n in tables_in(con, task.population)]
    create_source_views(con, project, store, names, known_before=as_of, as_of=as_of, bucket=bucket)
    rows = _run(con, task, "population", task.population)
    rows = rows.drop(columns="as_of", errors="ignore").dropna(subset=task.id_column)
    rows[task.id_column] = rows[task.id_column].astype("str")
    if rows[task.id_column].duplicated().any():
        raise ConfigError(
            f"The population of task {task.name} returns an entity twice.",
            received=str(rows.loc[rows[task.id_column].duplicated(), task.id_column].iloc[0]),
            where=f"tasks/{task.name}.yml, population",
            fix=f"Select one row per {task.id_column}.",
        )
    rows.insert(1, "as_of", as_of)
    first = [task.id_column, "as_of"]
    ordered = rows[[*first, *(c for c in rows.columns if c not in first)]]
    return ordered.sort_values(task.id_column, ignore_index=True)


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
    names = [n for n in sources_of(con, project, task) if n in tables_in(con, task.outcome)]
    create_source_views(
        con, project, store, names, known_before=known_before, as_of=None, bucket=bucket
    )
    horizon_end = spine["as_of"].map(lambda date: date + dt.timedelta(days=task.horizon))
    con.register("_panel", spine.assign(horizon_end=horizon_end))
    con.execute(
        "create or replace temp view spine as select * replace "
        "(as_of::date as as_of, horizon_end::date as horizon_end) from _panel"
    )
    rows = _run(con, task, "outcome", task.outcome)
    con.execute("drop view spine")
    con.unregister("_panel")
    if "as_of" not in rows.columns:
        raise ConfigError(
            f"The outcome of task {task.name} does not return as_of.",
            received=f"columns {', '.join(map(str, rows.columns))}",
            where=f"tasks/{task.name}.yml, outcome",
            fix=f"Select {task.id_column} and as_of of the spine.",
        )
    positives = set(zip(rows[task.id_column].astype("str"), _dates(rows["as_of"]), strict=True))
    keys = zip(spine[task.id_column], spine["as_of"], strict=True)
    return pd.Series([int(key in positives) for key in keys], index=spine.index, dtype="int8")


def _dates(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values).dt.date


def _run(con: duckdb.DuckDBPyConnection, task: TaskConfig, key: str, sql: str) -> pd.DataFrame:
    try:
        rows: pd.DataFrame = con.execute(sql).df()
    except duckdb.Error as error:
        raise _sql_error(task, key, error) from None
    if task.id_column not in rows.columns:
        raise ConfigError(
            f"The {key} of task {task.name} does not return {task.id_column}.",
            received=f"columns {', '.join(map(str, rows.columns))}",
            where=f"tasks/{task.name}.yml, {key}",
            fix=f"Select {task.id_column}.",
        )
    return rows


def _sql_error(task: TaskConfig, key: str, error: duckdb.Error) -> ConfigError:
    return ConfigError(
        f"The {key} of task {task.name} does not run: {str(error).splitlines()[0]}",
        where=f"tasks/{task.name}.yml, {key}",
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
