"""A project: everything under ``configs/<project>/``, read and checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from salesml.config.actions import ActionsConfig, read_actions
from salesml.config.sources import SourceConfig, SourcesConfig
from salesml.config.tasks import ExportConfig, Limits, TargetConfig, TaskConfig
from salesml.config.values import Connections, Strict, TimeZone, Words
from salesml.errors import ConfigError, suggest
from salesml.yaml_file import Place, YamlFile, read_model

__all__ = ["Project", "ProjectConfig", "load_project"]


class ReportConfig(Strict):
    """``report`` of ``project.yml``: ``names: hidden`` keeps names of records and owners out."""

    names: Literal["shown", "hidden"] = "shown"


class ProjectConfig(Strict):
    """``project.yml``.

    ``complete_from`` is the date since which the CRM holds everything: training asks of no date
    before it, though single tables (contracts, say) may reach further back. ``complete_until`` is
    the last date of which the sources tell, for data that have an end.
    """

    title: Words
    timezone: TimeZone = "Asia/Tokyo"
    currency: str = "JPY"
    language: Literal["ja", "en"] = "ja"
    fiscal_year_starts: int = Field(default=4, ge=1, le=12)
    as_of: dt.date | Literal["today"] = "today"
    complete_from: dt.date | None = None
    complete_until: dt.date | None = None
    buckets: int = Field(default=1, ge=1, le=4096)
    workers: int = Field(default=1, ge=1, le=256)
    report: ReportConfig = ReportConfig()


@dataclass(frozen=True)
class Project:
    """A project folder, read and checked; ``scratch`` stands in for ``var/`` where given.

    ``connections`` and ``ledger`` hold secrets as references: they are looked up when used.
    """

    name: str
    root: Path
    settings: ProjectConfig
    connections: dict[str, dict[str, str]]
    sources: dict[str, SourceConfig]
    tasks: dict[str, TaskConfig]
    targets: dict[str, TargetConfig]
    scratch: Path | None = None
    actions: ActionsConfig | None = None
    ledger: str = ""
    limits: dict[str, Limits] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        """Where runs write: ``var/<project>/``."""
        return (self.scratch or self.root / "var") / self.name

    @property
    def features(self) -> Path:
        """Where feature sets lie: ``features/<entity>/``."""
        return self.root / "features"

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of business dates."""
        return ZoneInfo(self.settings.timezone)

    def instant(self, date: dt.date) -> dt.datetime:
        """The first moment of a business date, as naive UTC."""
        local = dt.datetime.combine(date, dt.time(), tzinfo=self.zone)
        return local.astimezone(dt.UTC).replace(tzinfo=None)

    def default_as_of(self, now: dt.datetime) -> dt.date:
        """The configured date, or the business date of *now* (aware)."""
        configured = self.settings.as_of
        return now.astimezone(self.zone).date() if configured == "today" else configured

    def where(self, file: str, *place: str | int) -> str:
        """``path:line`` of *place* in *file*, a path under the project's folder."""
        path = self.root / "configs" / self.name / file
        found = YamlFile(path).where(place) if path.is_file() else path.relative_to(self.root)
        return f"{found}, {'.'.join(map(str, place))}"

    def task(self, name: str) -> TaskConfig:
        """The task called *name*; raises ConfigError with the near miss."""
        if name not in self.tasks:
            raise ConfigError(
                f"Project {self.name} has no task '{name}'.{suggest(name, self.tasks)}",
                where=str(self.root / "configs" / self.name / "tasks"),
                fix=f"Use one of: {', '.join(sorted(self.tasks))}.",
            )
        return self.tasks[name]

    @property
    def catalogue(self) -> ActionsConfig:
        """The actions of the project; raises ConfigError where it has none."""
        if self.actions is None:
            raise ConfigError(
                f"Project {self.name} has no actions.",
                where=str(self.root / "configs" / self.name / "actions.yml"),
                fix="Write actions.yml: what can be done, by whom, and for whom it makes sense.",
            )
        return self.actions

    def sets_of(self, task: TaskConfig) -> list[str]:
        """The feature sets of *task*, and those that conditions about its entity name beside."""
        beside = self.actions.features.get(task.entity, []) if self.actions is not None else []
        return list(dict.fromkeys([*task.features, *beside]))


def load_project(name: str, root: Path | str = ".") -> Project:
    """Read ``configs/<name>/`` under *root*; raises ConfigError naming file and line."""
    root = Path(root).resolve()
    folder = _project_folder(name, root)
    settings = read_model(folder / "project.yml", ProjectConfig)
    sources = read_model(folder / "sources.yml", SourcesConfig, SourcesConfig.problems)
    tasks = _read_tasks(folder / "tasks", sources.sources)
    actions = read_actions(folder, tasks)
    export = _read_export(folder / "export.yml", tasks, actions, sources.connections)
    return Project(
        name=folder.name,
        root=root,
        settings=settings,
        connections=_located({**sources.connections, **export.connections}, root),
        sources=sources.sources,
        tasks=tasks,
        targets=export.targets,
        actions=actions,
        ledger=export.ledger,
        limits=export.limits,
    )


def _project_folder(name: str, root: Path) -> Path:
    folder = root / "configs" / name
    if (folder / "project.yml").is_file():
        return folder
    known = sorted(p.parent.name for p in root.glob("configs/*/project.yml"))
    raise ConfigError(
        f"There is no project '{name}'.{suggest(name, known)}",
        where=str(folder / "project.yml"),
        fix=f"Use one of: {', '.join(known)}."
        if known
        else "Run salesml in the folder that holds configs/.",
    )


def _read_export(
    path: Path,
    tasks: dict[str, TaskConfig],
    actions: ActionsConfig | None,
    connections: Connections,
) -> ExportConfig:
    if not path.exists():
        return ExportConfig()
    entities = actions.entities if actions is not None else []
    return read_model(
        path, ExportConfig, lambda e: e.problems(tasks, entities, {**connections, **e.connections})
    )


def _read_tasks(folder: Path, sources: dict[str, SourceConfig]) -> dict[str, TaskConfig]:
    paths = sorted(folder.glob("*.yml"))
    if not paths:
        raise ConfigError(
            "The project has no task.", where=str(folder), fix="Add tasks/<task>.yml."
        )

    def problems(task: TaskConfig) -> Iterator[tuple[Place, str]]:
        problem = task.anchor_problem(sources)
        if problem is not None:
            yield ("every",), f"every: {task.every} {problem}"

    return {path.stem: read_model(path, TaskConfig, problems, name=path.stem) for path in paths}


def _located(connections: dict[str, dict[str, str]], root: Path) -> dict[str, dict[str, str]]:
    """Paths of connections are relative to the project's root."""

    def locate(spec: dict[str, str]) -> dict[str, str]:
        return {k: str(root / v) if k == "path" else v for k, v in spec.items()}

    return {name: locate(spec) for name, spec in connections.items()}
