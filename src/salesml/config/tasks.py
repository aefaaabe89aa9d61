"""``tasks/*.yml`` and ``export.yml``: what is asked, and where the answers go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from salesml.config.contacts import Capacity, Value
from salesml.config.fairness import Fairness
from salesml.config.retrain import Retrain, RetrainConfig
from salesml.config.sources import SourceConfig
from salesml.config.values import Connections, Days, Every, Names, Strict, Words, literal_secrets
from salesml.errors import suggest
from salesml.secrets import problem_of
from salesml.yaml_file import Place

__all__ = ["ALL", "Band", "ExportConfig", "Limits", "TargetConfig", "TaskConfig"]

ALL = "all"  # actions of every entity
CALENDARS = ("year", "month", "week")
_KINDS = {"actions": "entity of actions"}


class Band(Strict):
    """A grade of a score: every score from ``from`` up to the next higher band."""

    name: str
    ja: str
    en: str
    start: int = Field(alias="from", ge=1, le=99)


class TaskConfig(Strict):
    """``tasks/<task>.yml``: one question about an entity.

    ``baseline`` is the feature that holds a rule's score, the thing to beat. ``segments`` are
    columns of the population, or features, by which the model is also judged; where the task does
    not say, ``segment`` of the population. ``fairness`` names columns between whose groups the
    selection is compared. ``cluster`` is a column of the population, or a feature, whose equal rows
    hang together (municipalities of a prefecture): they are learnt from and judged as one.
    ``capacity`` and ``value`` say how many are contacted and what that comes to. ``timeline``
    selects what happened to the entities, for the report: ``<entity>_id``, ``happened_at``, and the
    words ``ja`` and ``en``. ``complete_from`` takes the place of the project's, for a task whose
    sources are complete since another date.
    """

    name: str
    entity: str
    bucket: str = ""
    title: Words
    question: Words
    outcome_is: Literal["good", "bad"]
    horizon: Days
    every: Every
    history: int | None = Field(default=None, ge=2)
    complete_from: dt.date | None = None
    population: str
    outcome: str
    timeline: str | None = None
    features: list[str] = Field(min_length=1)
    model: dict[str, Any] = Field(default={})
    baseline: str | None = None
    segments: Names | None = None
    cluster: str | None = None
    fairness: Fairness | None = None
    capacity: Capacity | None = None
    value: Value | None = None
    retrain: Retrain = RetrainConfig()
    bands: list[Band] = Field(min_length=1)

    @property
    def id_column(self) -> str:
        """The column that names the entity."""
        return f"{self.entity}_id"

    @property
    def bucket_column(self) -> str:
        """The column whose hash says in which bucket an entity lies."""
        return self.bucket or self.id_column

    @property
    def anchor(self) -> str | None:
        """The source whose events the panel is anchored to; None where ``every`` is a calendar."""
        calendar = self.every in CALENDARS or self.every.endswith(" days")
        return None if calendar else self.every

    def anchor_problem(self, sources: Mapping[str, SourceConfig]) -> str | None:
        """Why the panel cannot be anchored as ``every`` says; None where it can, or is not."""
        if self.anchor is None:
            return None
        if self.anchor not in sources:
            hint = suggest(self.anchor, [*CALENDARS, *sources])
            return f"is neither 'year', 'month', 'week', a number of days, nor a source.{hint}"
        source = sources[self.anchor]
        if source.kind == "state":
            events = [name for name, each in sources.items() if each.kind == "events"]
            return (
                f"names {self.anchor}, a source of state, whose rows change but do not happen; "
                f"name one of events: {', '.join(events)}"
            )
        wanted = dict.fromkeys((self.id_column, self.bucket_column))
        missing = [column for column in wanted if column not in source.columns]
        if missing:
            return f"names {self.anchor}, which has no column {' and no column '.join(missing)}"
        return None

    @model_validator(mode="after")
    def _consistent(self) -> TaskConfig:
        starts = [band.start for band in self.bands]
        if starts != sorted(set(starts), reverse=True) or starts[-1] != 1:
            raise ValueError("bands must go from high to low scores, the last one `from: 1`")
        return self


class Limits(Strict):
    """How much of a system one day of write-backs may use, of a connection's entry in ``limits``.

    ``share`` is of what the system itself has left when a write-back begins; ``calls`` and ``rows``
    are caps of one's own on requests and records.
    """

    share: float = Field(default=0.5, gt=0, le=1)
    calls: int | None = Field(default=None, ge=0)
    rows: int | None = Field(default=None, ge=0)


class TargetConfig(Strict):
    """One entry of ``export.yml``: which fields of which table get which values.

    The values are the scores of a ``task``, or the tasks for people that the ``actions`` of an
    entity (or ``all``) come to.
    """

    task: str | None = None
    actions: str | None = None
    connection: str
    table: str
    key: str
    mode: Literal["update", "upsert"] = "update"
    fields: dict[str, str] = Field(min_length=1)
    stamps: dict[str, str] = Field(default={})

    def unknown(self, known: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
        """What it names that is not *known* by kind, with the kind: task, actions, connection."""
        for kind, names in known.items():
            value = getattr(self, kind)
            if value is not None and value not in names:
                hint = suggest(value, names) if names else " The project has no actions.yml."
                yield kind, f"the unknown {_KINDS.get(kind, kind)} '{value}'.{hint}"

    @model_validator(mode="after")
    def _of_one(self) -> TargetConfig:
        if (self.task is None) == (self.actions is None):
            raise ValueError("a target has either `task:` or `actions:`")
        return self


class ExportConfig(Strict):
    """``export.yml``.

    ``ledger`` is where it lies: the path of an SQLite file, by default that of the project, or a
    ``postgresql://`` address. ``limits`` are by connection.
    """

    connections: Connections = Field(default={})
    ledger: str = ""
    limits: dict[str, Limits] = Field(default={})
    targets: dict[str, TargetConfig] = Field(default={})

    def problems(
        self, tasks: Collection[str], entities: Collection[str], connections: Collection[str]
    ) -> Iterator[tuple[Place, str]]:
        """What is named and not there, with its place; *entities* are those with actions."""
        yield from literal_secrets(self.connections)
        problem = problem_of("ledger", self.ledger)
        if problem is not None:
            yield ("ledger",), problem
        for name in self.limits:
            if name not in connections:
                hint = suggest(name, connections)
                yield ("limits", name), f"there is no connection '{name}'.{hint}"
        acted_on = [*entities, ALL] if entities else []
        known = {"task": tasks, "actions": acted_on, "connection": connections}
        for name, target in self.targets.items():
            for kind, text in target.unknown(known):
                yield ("targets", name, kind), f"target '{name}' names {text}"
