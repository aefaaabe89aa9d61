"""Trials with what was known when they were decided, and what came of them."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd

from salesml.actions.learning.trials import Trials
from salesml.config import Project, TaskConfig
from salesml.engine import quote
from salesml.features import compute_set, load_feature_sets, with_links
from salesml.labels import outcomes, population_of, population_sources
from salesml.store import Store

__all__ = ["features_of", "panel_of"]

_KEPT = ("segment", "amount")


def panel_of(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    trials: Trials,
    as_of: dt.date,
) -> Trials:
    """The trials of the entity of *task* whose horizon is over, each as of its own date.

    The rows have beside the trial's the columns of the population (``segment`` and ``amount``, and
    links, where it has them) and ``good``: 1 where the good outcome came, as known before *as_of*.
    Those who were not asked about on the date are set aside.
    """
    rows = trials.rows[trials.rows["entity"] == task.entity]
    last = _last(project, task, as_of)
    rows = rows[rows["as_of"].map(lambda date: date <= last).astype(bool)]
    told = Trials(rows.reset_index(drop=True))
    asked = _asked(con, project, store, task, told.rows)
    told.rows = told.rows.merge(asked, on=["entity_id", "as_of"], how="left")
    told.set_aside(
        told.rows["_there"].isna(),
        f"その日は「{task.title.ja}」の対象でない",
        f"not asked about by task {task.name} on the date",
    )
    told.rows = told.rows.drop(columns="_there").reset_index(drop=True)
    if len(told.rows):
        spine = _spine(task, told.rows)
        came = outcomes(con, project, store, task, spine, known_before=as_of)
        told.rows["good"] = came if task.outcome_is == "good" else 1 - came
    return told


def _last(project: Project, task: TaskConfig, as_of: dt.date) -> dt.date:
    """The last date whose horizon is over and told of by the sources."""
    until = project.settings.complete_until
    known = min(as_of, until + dt.timedelta(days=1)) if until else as_of
    return known - dt.timedelta(days=task.horizon)


def _spine(task: TaskConfig, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns={"entity_id": task.id_column})


def _asked(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    rows: pd.DataFrame,
) -> pd.DataFrame:
    """Those of *rows* who were asked about, with what the population tells of them then."""
    given = _with_owner(con, project, store, task, rows)
    if given.empty:
        return pd.DataFrame({"entity_id": [], "as_of": [], "_there": []}, dtype=object)
    found = population_of(con, project, store, task, given)
    sets = load_feature_sets(project.features, task.entity, task.features)
    links = {link for each in sets for link in each.links}
    kept = [name for name in dict.fromkeys((*_KEPT, *sorted(links))) if name in found]
    found = found.rename(columns={task.id_column: "entity_id"})
    return found[["entity_id", "as_of", *kept]].assign(_there=True)


def _with_owner(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    rows: pd.DataFrame,
) -> pd.DataFrame:
    """*rows* by id, date and what the task is bucketed by, which a source of both tells."""
    spine = _spine(task, rows)[[task.id_column, "as_of"]]
    if task.bucket_column == task.id_column:
        return spine
    wanted = {task.id_column, task.bucket_column}
    sources = population_sources(con, project, task)
    source = next((n for n in sorted(sources) if wanted <= set(store.needed(n).columns)), None)
    if source is None:
        return spine.iloc[:0]
    columns = ", ".join(f"{quote(c)}::varchar as {quote(c)}" for c in sorted(wanted))
    pairs = con.execute(f"select distinct {columns} from {store.relation(source)}").df()
    return spine.merge(pairs.drop_duplicates(task.id_column), on=task.id_column)


def features_of(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    store: Store,
    task: TaskConfig,
    rows: pd.DataFrame,
) -> pd.DataFrame:
    """The features of *task* for *rows* of `panel_of`, each as known before its date."""
    spine = _spine(task, rows)
    sets = load_feature_sets(project.features, task.entity, task.features)
    parts = [compute_set(con, project, store, s, with_links(spine, s)) for s in sets]
    return pd.concat(parts, axis=1)
