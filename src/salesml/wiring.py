"""How tasks, feature sets and sources fit together, found out before any data are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import duckdb

from salesml.config import Project, TaskConfig
from salesml.errors import ConfigError, suggest
from salesml.features import FeatureSet, load_feature_sets
from salesml.labels import sources_of

__all__ = ["declared_types", "require_wired"]


def declared_types(project: Project) -> dict[str, dict[str, str]]:
    """Type of the columns of each source, as the feature sets in use declare them.

    Raises ConfigError where two sets declare one column differently.
    """
    types: dict[str, dict[str, str]] = defaultdict(dict)
    for feature_set in _sets(project):
        for read in feature_set.reads.values():
            for column, kind in feature_set.source_columns(read).items():
                known = types[read.source].setdefault(column, kind)
                if known.lower() != kind.lower():
                    raise ConfigError(
                        f"Feature sets declare {read.source}.{column} as two types.",
                        received=f"{known} and {kind}",
                        where=str(feature_set.path.with_suffix(".yml")),
                        fix="Use one type in all of them.",
                    )
    return types


def require_wired(con: duckdb.DuckDBPyConnection, project: Project) -> None:
    """Raise ConfigError for a source or column that is not mapped, or lies in other buckets."""
    for task in project.tasks.values():
        for feature_set in load_feature_sets(project.features, task.entity, task.features):
            _require_mapped(project, feature_set)
            for read in feature_set.reads.values():
                _require_bucket(project, task, read.source, f"feature set {feature_set.name}")
        for name in sources_of(con, project, task):
            _require_bucket(project, task, name, "population or outcome")


def _sets(project: Project) -> Iterator[FeatureSet]:
    for task in project.tasks.values():
        yield from load_feature_sets(project.features, task.entity, task.features)


def _require_mapped(project: Project, feature_set: FeatureSet) -> None:
    for read in feature_set.reads.values():
        if read.source not in project.sources:
            raise ConfigError(
                f"Feature set {feature_set.entity}/{feature_set.name} reads the source "
                f"'{read.source}', which project {project.name} does not map."
                f"{suggest(read.source, project.sources)}",
                received=f"sources {', '.join(project.sources)}",
                where=str(feature_set.path.with_suffix(".yml")),
                fix=f"Map {read.source} in sources.yml, or drop the set from the task.",
            )
        needed = [*feature_set.source_columns(read), *([] if read.shared else [read.on])]
        mapped = {*project.sources[read.source].columns, "happened_at", "known_at"}
        missing = [c for c in needed if c not in mapped]
        if missing:
            raise ConfigError(
                f"Feature set {feature_set.entity}/{feature_set.name} reads columns that source "
                f"{read.source} does not have: {', '.join(missing)}."
                f"{suggest(missing[0], mapped)}",
                received=f"columns {', '.join(sorted(mapped))}",
                where=f"configs/{project.name}/sources.yml, source {read.source}",
                fix="Add them to its columns (as `null` where the company has none).",
            )


def _require_bucket(project: Project, task: TaskConfig, name: str, reader: str) -> None:
    source = project.sources[name]
    if not source.whole and source.entity != task.bucket_column:
        raise ConfigError(
            f"Task {task.name} is computed by {task.bucket_column}, but source {name} "
            f"({reader}) lies in buckets of {source.entity}.",
            where=f"configs/{project.name}/tasks/{task.name}.yml",
            fix=f"Set `bucket: {source.entity}` in the task, map {name} with `entity: "
            f"{task.bucket_column}`, or make it `entity: whole` where it is small.",
        )
