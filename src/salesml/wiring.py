"""How tasks, feature sets and sources fit together, found out before any data are read."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator

import duckdb

from salesml.config import Project, TaskConfig
from salesml.errors import ConfigError, suggest
from salesml.features import FeatureSet, load_feature_sets
from salesml.features.definition import Read
from salesml.labels import population_sources, sources_of

__all__ = ["declared_types", "feature_sets_of", "require_wired"]


def feature_sets_of(project: Project) -> list[FeatureSet]:
    """The feature sets of all tasks, and those that conditions name beside.

    Raises ConfigError or FeatureError naming the file.
    """
    return [
        feature_set
        for task in project.tasks.values()
        for feature_set in load_feature_sets(project.features, task.entity, project.sets_of(task))
    ]


def declared_types(sets: Iterable[FeatureSet]) -> dict[str, dict[str, str]]:
    """Type of the columns of each source, as *sets* declare them.

    Raises ConfigError where two sets declare one column differently.
    """
    types: dict[str, dict[str, str]] = defaultdict(dict)
    places: dict[tuple[str, str], str] = {}
    for feature_set in sets:
        place = str(feature_set.path.with_suffix(".yml"))
        for read in feature_set.reads.values():
            for column, kind in feature_set.source_columns(read).items():
                known = types[read.source].setdefault(column, kind)
                first = places.setdefault((read.source, column), place)
                if known.lower() != kind.lower():
                    raise ConfigError(
                        f"Feature sets declare {read.source}.{column} as two types.",
                        received=f"{known} and {kind}",
                        where=f"{first} and {place}",
                        fix="Use one type in all of them.",
                    )
    return types


def require_wired(con: duckdb.DuckDBPyConnection, project: Project, task: TaskConfig) -> None:
    """Raise ConfigError for every source or column that *task* cannot have as it needs it.

    Those are not mapped, or their rows are spread over other buckets.
    """
    problems = list(_problems(con, project, task))
    if len(problems) > 1:
        raise ConfigError(
            f"Task {task.name} and its sources do not fit together in {len(problems)} places:\n"
            + "\n".join(textwrap.indent(str(problem), "  ") for problem in problems)
        )
    if problems:
        raise problems[0]


def _problems(
    con: duckdb.DuckDBPyConnection, project: Project, task: TaskConfig
) -> Iterator[ConfigError]:
    for feature_set in load_feature_sets(project.features, task.entity, task.features):
        for read in feature_set.reads.values():
            if read.source not in project.sources:
                yield _unmapped(project, feature_set, read)
                continue
            yield from _missing_columns(project, feature_set, read)
            yield from _spread(project, task, read.source, f"feature set {feature_set.name}")
            yield from _spread_link(project, task, feature_set, read)
    for name in sources_of(con, project, task):
        yield from _spread(project, task, name, "population or outcome")
    asked = population_sources(con, project, task)
    if project.settings.buckets > 1 and all(project.sources[name].whole for name in asked):
        yield ConfigError(
            f"Every bucket would score the whole population of task {task.name}: all sources that "
            "it reads are whole.",
            received=f"buckets: {project.settings.buckets}; sources {', '.join(sorted(asked))}",
            where=project.where(f"tasks/{task.name}.yml", "population"),
            fix=f"Set `buckets: 1`, or read one source of `entity: {task.bucket_column}`.",
        )


def _unmapped(project: Project, feature_set: FeatureSet, read: Read) -> ConfigError:
    return ConfigError(
        f"Feature set {feature_set.entity}/{feature_set.name} reads the source "
        f"'{read.source}', which project {project.name} does not map."
        f"{suggest(read.source, project.sources)}",
        received=f"sources {', '.join(project.sources)}",
        where=str(feature_set.path.with_suffix(".yml")),
        fix=f"Map {read.source} in sources.yml, or drop the set from the task.",
    )


def _missing_columns(
    project: Project, feature_set: FeatureSet, read: Read
) -> Iterator[ConfigError]:
    needed = [*feature_set.source_columns(read), *([] if read.shared else [read.on])]
    mapped = {*project.sources[read.source].columns, "happened_at", "known_at"}
    missing = [c for c in dict.fromkeys(needed) if c not in mapped]
    if missing:
        hints = "".join(dict.fromkeys(suggest(column, mapped) for column in missing))
        yield ConfigError(
            f"Feature set {feature_set.entity}/{feature_set.name} reads columns that source "
            f"{read.source} does not have: {', '.join(missing)}.{hints}",
            received=f"columns {', '.join(sorted(mapped))}",
            where=project.where("sources.yml", "sources", read.source, "columns"),
            fix="Add them to its columns (as `null` where the company has none).",
        )


def _spread(project: Project, task: TaskConfig, name: str, reader: str) -> Iterator[ConfigError]:
    source = project.sources[name]
    if not source.whole and source.entity != task.bucket_column:
        yield ConfigError(
            f"Task {task.name} is computed by {task.bucket_column}, but source {name} "
            f"({reader}) lies in buckets of {source.entity}.",
            where=project.where("sources.yml", "sources", name, "entity"),
            fix=f"Set `bucket: {source.entity}` in the task, map {name} with `entity: "
            f"{task.bucket_column}`, or make it `entity: whole` where it is small.",
        )


def _spread_link(
    project: Project, task: TaskConfig, feature_set: FeatureSet, read: Read
) -> Iterator[ConfigError]:
    """Rows joined by anything but what a bucket holds all of lie in other buckets, too."""
    if not project.sources[read.source].whole and read.on not in (
        task.bucket_column,
        task.id_column,
    ):
        yield ConfigError(
            f"Feature set {feature_set.entity}/{feature_set.name} joins {read.source} on "
            f"{read.on}, but a bucket holds only its part of those rows.",
            where=str(feature_set.path.with_suffix(".yml")),
            fix=f"Map {read.source} with `entity: whole`, once more under another name where the "
            "table is needed by bucket, too.",
        )
