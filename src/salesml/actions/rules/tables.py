"""What the conditions of an entity can name: its tasks' scores, its feature sets, the date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from salesml.config import TaskConfig
from salesml.engine import quote
from salesml.errors import ConfigError
from salesml.features import FeatureSet

__all__ = ["SPINE", "Tables", "population_types"]

SPINE = "spine"  # one row an entity: its id and as_of
_SCORES = {
    "score": "INTEGER",
    "probability": "DOUBLE",
    "band": "VARCHAR",
    "change": "INTEGER",
    "expected_value": "DOUBLE",
}
_FEATURES = {"double": "DOUBLE", "varchar": "VARCHAR", "boolean": "BOOLEAN"}
_ASKED = {"name": "VARCHAR", "owner": "VARCHAR", "segment": "VARCHAR", "amount": "DOUBLE"}


@dataclass(frozen=True)
class Tables:
    """Types of columns by table: one table a task, one a feature set, and the spine.

    Types are declared, never guessed from rows: a column that happens to be empty keeps its type.
    """

    id_column: str
    types: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(
        cls,
        tasks: Sequence[tuple[TaskConfig, Mapping[str, str]]],
        sets: Iterable[FeatureSet],
    ) -> Tables:
        """The tables of an entity: its *tasks* with the types of their populations, and *sets*.

        Raises ConfigError where two of them have one name, or the tasks lie in different buckets.
        """
        _require_together([task for task, _ in tasks])
        key = tasks[0][0].id_column
        found = {SPINE: {key: "VARCHAR", "as_of": "DATE"}}
        for task, columns in tasks:
            asked = {column: kind for column, kind in columns.items() if column != "as_of"}
            found[task.name] = {**_ASKED, **asked, **_SCORES, key: "VARCHAR"}
        for each in sets:
            if each.name in [SPINE, *(task.name for task, _ in tasks)]:
                raise _two_of(each)
            kinds = {name: _FEATURES[feature.type] for name, feature in each.features.items()}
            found[each.name] = {key: "VARCHAR", **kinds}
        return cls(key, found)

    @property
    def source(self) -> str:
        """SQL: what conditions are selected from, once the tables are created."""
        joined = (
            f"left join {_stored(name)} as {quote(name)} using ({quote(self.id_column)})"
            for name in self.types
            if name != SPINE
        )
        return " ".join([f"{_stored(SPINE)} as {SPINE}", *joined])

    def create(
        self, con: duckdb.DuckDBPyConnection, rows: Mapping[str, pd.DataFrame] | None = None
    ) -> None:
        """Create the tables, of *rows* by table; for None each has one, of which nothing is known.

        That row is enough to find out which conditions fail.
        """
        nothing = pd.DataFrame({"_": [0]})
        for name, columns in self.types.items():
            given = rows[name] if rows is not None else nothing
            typed = ", ".join(
                f"{quote(c) if c in given.columns else 'null'}::{kind} as {quote(c)}"
                for c, kind in columns.items()
            )
            con.register("_given", given)
            con.execute(
                f"create or replace temp table {_stored(name)} as select {typed} from _given"
            )
            con.unregister("_given")


def population_types(con: duckdb.DuckDBPyConnection, task: TaskConfig) -> dict[str, str]:
    """Columns of the population of *task* and their types, its sources being views of *con*."""
    described = con.execute(f"describe ({task.population}\n)").fetchall()
    return {row[0]: row[1] for row in described}


def _require_together(tasks: Sequence[TaskConfig]) -> None:
    columns = {task.bucket_column: task.name for task in tasks}
    if len(columns) > 1:
        (one, first), (other, second), *_ = columns.items()
        raise ConfigError(
            f"Tasks {first} and {second} are both about each {tasks[0].entity}, but one lies in "
            f"buckets of {one}, the other of {other}.",
            where=f"tasks/{second}.yml, bucket",
            fix="Give both the same `bucket`: conditions see what all tasks say of an entity.",
        )


def _two_of(feature_set: FeatureSet) -> ConfigError:
    return ConfigError(
        f"A task and a feature set of {feature_set.entity} are both called '{feature_set.name}': "
        "conditions could not tell them apart.",
        where=str(feature_set.path),
        fix="Rename one of the two.",
    )


def _stored(name: str) -> str:
    return quote(f"_of_{name}")
