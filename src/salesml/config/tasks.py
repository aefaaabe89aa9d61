"""``tasks/*.yml`` and ``export.yml``: what is asked, and where the answers go."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from salesml.config.values import Connections, Days, Every, Strict, Words
from salesml.errors import suggest
from salesml.yaml_file import Place

__all__ = ["Band", "ExportConfig", "TargetConfig", "TaskConfig"]


class Band(Strict):
    """A grade of a score: every score from ``from`` up to the next higher band."""

    name: str
    ja: str
    en: str
    start: int = Field(alias="from", ge=1, le=99)


class TaskConfig(Strict):
    """``tasks/<task>.yml``: one question about an entity."""

    name: str
    entity: str
    bucket: str = ""
    title: Words
    question: Words
    outcome_is: Literal["good", "bad"]
    horizon: Days
    every: Every
    history: int | None = Field(default=None, ge=2)
    population: str
    outcome: str
    features: list[str] = Field(min_length=1)
    model: dict[str, Any] = Field(default={})
    bands: list[Band] = Field(min_length=1)

    @property
    def id_column(self) -> str:
        """The column that names the entity."""
        return f"{self.entity}_id"

    @property
    def bucket_column(self) -> str:
        """The column whose hash says in which bucket an entity lies."""
        return self.bucket or self.id_column

    @model_validator(mode="after")
    def _consistent(self) -> TaskConfig:
        starts = [band.start for band in self.bands]
        if starts != sorted(set(starts), reverse=True) or starts[-1] != 1:
            raise ValueError("bands must go from high to low scores, the last one `from: 1`")
        return self


class TargetConfig(Strict):
    """One entry of ``export.yml``: which fields of which table get which values."""

    task: str
    connection: str
    table: str
    key: str
    mode: Literal["update", "upsert"] = "update"
    fields: dict[str, str] = Field(min_length=1)
    stamps: dict[str, str] = Field(default={})


class ExportConfig(Strict):
    """``export.yml``."""

    connections: Connections = Field(default={})
    targets: dict[str, TargetConfig] = Field(default={})

    def problems(
        self, tasks: Collection[str], connections: Collection[str]
    ) -> Iterator[tuple[Place, str]]:
        """Tasks and connections that targets name and that are not there, with their places."""
        for name, target in self.targets.items():
            for kind, value, known in (
                ("task", target.task, tasks),
                ("connection", target.connection, connections),
            ):
                if value not in known:
                    text = f"target '{name}' names the unknown {kind} '{value}'."
                    yield ("targets", name, kind), text + suggest(value, known)
