"""``sources.yml``: how tables of the company become ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from salesml.config.values import Connections, Days, Names, Sql, Strict, literal_secrets
from salesml.errors import suggest
from salesml.yaml_file import Place

__all__ = ["WHOLE", "Checks", "ColumnConfig", "JoinConfig", "SourceConfig", "SourcesConfig"]

WHOLE = "whole"
_RESERVED = {"as_of", "bucket"}


class Checks(Strict):
    """What rows of a source must satisfy; a row that does not goes to quarantine."""

    not_null: Names = Field(default=[])
    unique: Names = Field(default=[])
    accepted: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default={})
    range: dict[str, tuple[float | None, float | None]] = Field(default={})
    refers_to: dict[str, str] = Field(default={})
    fresh_within: Days | None = None


class ColumnConfig(Strict):
    """How one column comes about; values that do not fit ``type`` go to quarantine."""

    sql: Sql
    type: str | None = None


class JoinConfig(Strict):
    """A table of the same connection, one row of which belongs to each row of a source.

    Expressions name its columns ``<join>.<column>``. They are seen as they are now, whenever the
    row became known: join what does not change once it is written.
    """

    table: str
    on: Names = Field(min_length=1)
    encoding: str | None = None
    separator: str | None = None

    @property
    def reading_options(self) -> dict[str, str]:
        """How the connector reads the table."""
        return _given(encoding=self.encoding, separator=self.separator)


def _given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def _column(value: object) -> object:
    return value if isinstance(value, dict) else {"sql": "null" if value is None else value}


class SourceConfig(Strict):
    """One entry of ``sources.yml``: how a table of the company becomes one of ours."""

    connection: str
    table: str
    encoding: str | None = None
    separator: str | None = None
    joins: dict[str, JoinConfig] = Field(default={})
    where: Sql | None = None
    kind: Literal["events", "state"]
    key: Names = Field(min_length=1)
    entity: str
    happened_at: Sql | None = None
    known_at: Sql
    incremental: str | None = None
    columns: dict[str, Annotated[ColumnConfig, BeforeValidator(_column)]] = Field(min_length=1)
    checks: Checks = Checks()
    stop_above: float = Field(default=0.2, ge=0, le=1)

    @property
    def whole(self) -> bool:
        """Whether every bucket sees the whole table."""
        return self.entity == WHOLE

    @property
    def reading_options(self) -> dict[str, str]:
        """How the connector reads the table."""
        return _given(encoding=self.encoding, separator=self.separator)

    @model_validator(mode="after")
    def _consistent(self) -> SourceConfig:
        problems = [*self._time_problems(), *self._name_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _time_problems(self) -> Iterator[str]:
        if self.kind == "events" and self.happened_at is None:
            yield "events need happened_at"
        if self.kind == "state" and self.happened_at is not None:
            yield "state has no happened_at: its versions are ordered by known_at"

    def _name_problems(self) -> Iterator[str]:
        needed = [*self.key, *([] if self.whole else [self.entity]), *self._checked_columns()]
        for name in dict.fromkeys(needed):
            if name not in self.columns:
                yield f"'{name}' is not among columns.{suggest(name, self.columns)}"
        for name in self.columns:
            if name in ("happened_at", "known_at"):
                yield f"'{name}' is a key of its own, not one of columns"
            elif name.startswith("_") or name.lower() in _RESERVED:
                yield f"columns must not be called '{name}': the engine uses that name"

    def _checked_columns(self) -> list[str]:
        checks = self.checks
        return [
            *checks.not_null,
            *checks.unique,
            *checks.accepted,
            *checks.range,
            *checks.refers_to,
        ]


class SourcesConfig(Strict):
    """``sources.yml``."""

    connections: Connections = Field(min_length=1)
    sources: dict[str, SourceConfig] = Field(min_length=1)

    def problems(self) -> Iterator[tuple[Place, str]]:
        """Secrets, and what its parts say of each other that is not so, with the place of each."""
        yield from literal_secrets(self.connections)
        for name, source in self.sources.items():
            if source.connection not in self.connections:
                hint = suggest(source.connection, self.connections)
                place: Place = ("sources", name, "connection")
                yield place, f"there is no connection '{source.connection}'.{hint}"
            for column, target in source.checks.refers_to.items():
                place = ("sources", name, "checks", "refers_to", column)
                for text in self._reference_problems(target):
                    yield place, f"{name}.{column} {text}"

    def _reference_problems(self, target: str) -> Iterator[str]:
        table, _, column = target.partition(".")
        if table not in self.sources:
            yield f"refers to the unknown source '{table}'.{suggest(table, self.sources)}"
        elif column not in self.sources[table].columns:
            hint = suggest(column, self.sources[table].columns)
            yield f"refers to the unknown column '{target}'.{hint}"
