"""What can be wrong with a catalogue, found before any score: conditions, concepts, SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import duckdb

from salesml.actions.rules.asking import Subject, ask
from salesml.actions.rules.conditions import Conditions, all_in_one, conditions_of
from salesml.actions.rules.people import people_of
from salesml.actions.rules.tables import Tables, population_types
from salesml.config import ActionConfig, Project, TaskConfig
from salesml.errors import ConfigError, suggest
from salesml.features import FeatureSet, create_source_views, load_feature_sets
from salesml.labels import population_sources
from salesml.store import Store

__all__ = ["require_concepts", "require_conditions", "require_sql"]

_RESULTS = ("action_id", "status", "done_on", "done_by", "result")
_HISTORY = ("entity", "entity_id", "decided_on", "action", "probability")


def require_conditions(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, entity: str, as_of: dt.date
) -> None:
    """Raise ConfigError with every condition about *entity* that does not fit its tables."""
    tasks = [task for task in project.tasks.values() if task.entity == entity]
    types = [(task, _population(con, project, store, task, as_of)) for task in tasks]
    sets = {each.name: each for task in tasks for each in _sets(project, task)}
    tables = Tables.of(types, sets.values())
    tables.create(con)
    found = conditions_of(project.catalogue, entity)
    conditions = Conditions(con, project, store, tables, found, tasks[0].bucket_column)
    conditions.bind(as_of, bucket=None)
    conditions.truths()
    conditions.require()


def _population(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, task: TaskConfig, as_of: dt.date
) -> dict[str, str]:
    """Columns of the population of *task*, and their types."""
    names = population_sources(con, project, task)
    create_source_views(con, project, store, names, known_before=as_of, as_of=as_of, bucket=None)
    return population_types(con, task)


def _sets(project: Project, task: TaskConfig) -> list[FeatureSet]:
    return load_feature_sets(project.features, task.entity, project.sets_of(task))


def require_concepts(project: Project, entity: str) -> None:
    """Raise ConfigError with every concept that an action for *entity* answers to in vain."""
    tasks = [task for task in project.tasks.values() if task.entity == entity]
    known = {
        task.name: {name for each in _sets(project, task) for name in each.file.concepts}
        for task in tasks
    }
    errors = [
        _no_concept(project, action, concept, known[action.task])
        for action in project.catalogue.actions_of(entity)
        for concept in action.answers
        if concept not in known[action.task]
    ]
    if errors:
        raise all_in_one(errors)


def _no_concept(
    project: Project, action: ActionConfig, concept: str, known: set[str]
) -> ConfigError:
    hint = suggest(concept, known)
    subject = Subject(f"Action {action.id}", "actions.yml", ("actions", action.id, "answers"))
    problem = f"answers to '{concept}', no concept of the features of task {action.task}.{hint}"
    return subject.error(project, problem, f"Use one of: {', '.join(sorted(known))}.")


def require_sql(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, as_of: dt.date
) -> None:
    """Raise ConfigError with every SQL of the catalogue that does not run over the sources."""
    errors = list(_broken_sql(con, project, store, as_of))
    if errors:
        raise all_in_one(errors)


def _broken_sql(
    con: duckdb.DuckDBPyConnection, project: Project, store: Store, as_of: dt.date
) -> Iterator[ConfigError]:
    config = project.catalogue
    asked = [
        (("results",), config.results, _RESULTS),
        (("history",), config.history, _HISTORY),
        *(
            (("behaviour", entity), sql, (f"{entity}_id", "happened_at", "kind"))
            for entity, sql in config.behaviour.items()
        ),
    ]
    try:
        people_of(con, project, store, as_of)
    except ConfigError as error:
        yield error
    for place, sql, columns in asked:
        try:
            if sql is not None:
                ask(con, project, store, place, sql, columns, as_of)
        except ConfigError as error:
            yield error
