"""``salesml check``: everything that can be wrong with a project, found before the night."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pandas as pd

from salesml import crm
from salesml.actions.assignment import require_assignment
from salesml.actions.rules import require_concepts, require_conditions, require_sql
from salesml.anchors import busiest, create_anchors
from salesml.config import ActionsConfig, Project, TaskConfig, load_project
from salesml.engine import connect
from salesml.errors import FeatureError, LabelError, SalesmlError
from salesml.features import FeatureSet, load_feature_sets, look_ahead, run_examples
from salesml.intake import read_source, reading_order
from salesml.labels import (
    dates_of_panel,
    outcomes,
    populations,
    require_rows,
    require_same_alone,
    sources_of,
    timeline,
)
from salesml.learning import first_known
from salesml.outgoing import field_types, ledger_place, require_columns, target_of
from salesml.run import Tell
from salesml.scoring import buckets_of, store_of
from salesml.training import leak_warnings, require_amount, require_impersonal
from salesml.wiring import declared_types, require_wired

__all__ = ["CheckReport", "check"]

_DATES = 4
_ENTITIES = 1000


def _spread(dates: list[dt.date]) -> list[dt.date]:
    """A few of *dates*, evenly."""
    return dates[:: max(1, len(dates) // _DATES)][-_DATES:]


@dataclass
class CheckReport:
    """What was looked at, what is wrong, and what is worth a look."""

    passed: list[str] = field(default_factory=list)
    problems: list[SalesmlError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Note *title* as passed, or the error that it raised; what two steps find counts once."""
        try:
            yield
        except SalesmlError as error:
            if str(error) not in map(str, self.problems):
                self.problems.append(error)
        else:
            self.passed.append(title)


def check(
    project: str,
    *,
    root: Path | str = ".",
    as_of: dt.date | None = None,
    now: dt.datetime | None = None,
    tell: Tell = lambda _: None,
) -> CheckReport:
    """Check configuration, sources, features and leaks of *project*; write nothing into it.

    The sources are read into a temporary store. Raises ConfigError where the configuration cannot
    even be read; every other problem is listed in the report.
    """
    loaded = load_project(project, root)
    moment = now or dt.datetime.now(dt.UTC)
    with tempfile.TemporaryDirectory(prefix="salesml-check-") as folder:
        scratch = replace(loaded, scratch=Path(folder))
        with connect(scratch.var / "spill") as con:
            date = as_of or loaded.default_as_of(moment)
            return _Checking(con, scratch, date, moment, tell).run()


@dataclass(frozen=True)
class _Parts:
    """What a task is made of: its feature sets, and every source that it reads."""

    sets: list[FeatureSet]
    sources: set[str]


class _Checking:
    """One check; a part that fails is passed over by whatever needs it, the others go on."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        project: Project,
        as_of: dt.date,
        moment: dt.datetime,
        tell: Tell,
    ) -> None:
        self.con, self.project, self.as_of, self.tell = con, project, as_of, tell
        self.now = moment.astimezone(dt.UTC).replace(tzinfo=None)
        self.store = store_of(project)
        self.report = CheckReport()
        self.read: set[str] = set()

    def run(self) -> CheckReport:
        parts = {name: self._parts(task) for name, task in self.project.tasks.items()}
        whole = {name: found for name, found in parts.items() if found is not None}
        self._sources([s for found in whole.values() for s in found.sets])
        self._targets()
        for name, found in whole.items():
            if found.sources <= self.read:
                self._task(self.project.tasks[name], found)
        if self.project.actions is not None and self.read >= set(self.project.sources):
            self._actions(self.project.actions)
        return self.report

    # configuration -----------------------------------------------------------------------------

    def _parts(self, task: TaskConfig) -> _Parts | None:
        """The parts of *task*, without the sets that break their examples; None if unusable."""
        task = task.model_copy(update={"features": self.project.sets_of(task)})
        sets: list[FeatureSet] = []
        names: list[str] = []
        with self.report.step(f"task {task.name}: configuration"):
            sets = load_feature_sets(self.project.features, task.entity, task.features)
            names = sources_of(self.con, self.project, task)
        good = [feature_set for feature_set in sets if self._examples(feature_set)]
        if not names:
            return None
        with self.report.step(f"task {task.name}: feature sets and sources fit together"):
            require_wired(self.con, self.project, task)
            return _Parts(good, {*names, *(r.source for s in good for r in s.reads.values())})
        return None

    def _examples(self, feature_set: FeatureSet) -> bool:
        title = f"features {feature_set.entity}/{feature_set.name}: examples"
        if title not in self.report.passed:
            self.tell(title)
            with self.report.step(title):
                run_examples(self.con, feature_set)
        return title in self.report.passed

    # sources and targets -----------------------------------------------------------------------

    def _sources(self, sets: list[FeatureSet]) -> None:
        """Read every source into the temporary store, after those it refers to."""
        types: dict[str, dict[str, str]] | None = None
        with self.report.step("types of columns"):
            types = declared_types(sets)
        order: list[str] = []
        with self.report.step("order of sources"):
            order = reading_order(self.project.sources)
        for name in order:
            if self._refers_to(name) <= self.read:
                self._source(name, (types or {}).get(name, {}))
        if types is None:
            self.read.clear()  # what was read in other types shows nothing about features

    def _refers_to(self, name: str) -> set[str]:
        targets = self.project.sources[name].checks.refers_to.values()
        return {target.partition(".")[0] for target in targets} - {name}

    def _source(self, name: str, types: dict[str, str]) -> None:
        self.tell(f"source {name}")
        with self.report.step(f"source {name}"):
            read = read_source(self.con, self.project, self.store, name, now=self.now, types=types)
            self.report.warnings += read.quality.lines()
            self.read.add(name)

    def _targets(self) -> None:
        if self.project.ledger:
            with self.report.step("ledger"):
                ledger_place(self.project)
        for name in self.project.targets:
            with self.report.step(f"target {name}: columns"):
                require_columns(self.project, name)
            self.tell(f"target {name}")
            with self.report.step(f"target {name}"):
                self._target(name)

    def _target(self, name: str) -> None:
        config, target = self.project.targets[name], target_of(self.project, name)
        found = crm.connect(
            config.connection, self.project.connections[config.connection]
        ).check_target(
            target.table, target.key, field_types(self.project, name), create=target.creates
        )
        self.report.warnings += [f"target {name}: {warning}" for warning in found]

    # tasks -------------------------------------------------------------------------------------

    def _task(self, task: TaskConfig, parts: _Parts) -> None:
        panel = self._panel(task)
        if task.timeline is not None:
            with self.report.step(f"task {task.name}: timeline"):
                timeline(self.con, self.project, self.store, task, self.as_of, [])
        if panel is not None:
            self._features(task, parts.sets, *panel)

    def _panel(self, task: TaskConfig) -> tuple[pd.DataFrame, pd.Series, str] | None:
        """Some entities on some past dates, what came of them, and the bucket they lie in."""
        with self.report.step(f"task {task.name}: population and outcome"):
            require_rows(self.store, task, sources_of(self.con, self.project, task))
            spine, bucket = self._spine(task)
            require_amount(task.value, "amount" in spine)
            outcome = outcomes(
                self.con,
                self.project,
                self.store,
                task,
                spine,
                known_before=self.as_of,
                bucket=bucket,
            )
            return spine, outcome, bucket
        return None

    def _spine(self, task: TaskConfig) -> tuple[pd.DataFrame, str]:
        """Entities of the first bucket that has any, and that bucket."""
        first = first_known(self.con, self.project, self.store, task, self.as_of)
        dates = dates_of_panel(self.con, self.project, self.store, task, first, self.as_of)
        for bucket in buckets_of(self.project):
            spine = self._some(task, dates, bucket)
            if len(spine):
                return spine, bucket
        raise LabelError(
            f"The population of task {task.name} is empty on every date that was tried.",
            received=", ".join(map(str, _spread(dates))),
            where=self.project.where(f"tasks/{task.name}.yml", "population"),
            fix="Check the SQL of population.",
        )

    def _some(self, task: TaskConfig, dates: list[dt.date], bucket: str) -> pd.DataFrame:
        """Some entities of *bucket* on some of *dates*; one of them on several dates, and first."""
        if task.anchor is None:
            spine = self._populations(task, _spread(dates), bucket)
        else:
            create_anchors(self.con, self.project, self.store, task, dates, bucket)
            often, own = busiest(self.con, task) or ("", [])
            spine = self._populations(task, sorted({*_spread(dates), *_spread(own)}), bucket)
            if len(spine):
                require_same_alone(self.con, self.project, self.store, task, spine, bucket)
                first = spine[task.id_column].ne(often)
                spine = spine.assign(_first=first).sort_values(["as_of", "_first"], kind="stable")
                spine = spine.drop(columns="_first")
        return (
            spine.groupby("as_of").head(_ENTITIES).reset_index(drop=True) if len(spine) else spine
        )

    def _populations(self, task: TaskConfig, dates: list[dt.date], bucket: str) -> pd.DataFrame:
        return populations(self.con, self.project, self.store, task, dates, bucket)

    def _features(
        self,
        task: TaskConfig,
        sets: list[FeatureSet],
        spine: pd.DataFrame,
        outcome: pd.Series,
        bucket: str,
    ) -> None:
        values = []
        for feature_set in sets:
            title = f"features {task.entity}/{feature_set.name}: truncation test for {task.name}"
            self.tell(title)
            with self.report.step(title):
                values.append(
                    look_ahead(self.con, self.project, self.store, feature_set, spine, bucket)
                )
        if not values:
            return
        table = pd.concat(values, axis=1)
        try:
            require_impersonal(table, spine[task.id_column], f"features of task {task.name}")
        except FeatureError as error:
            self.report.problems.append(error)
        if outcome.nunique() == 2:
            found = leak_warnings(table, outcome)
            self.report.warnings += [f"{task.name}: {text}" for text in found]

    # actions -----------------------------------------------------------------------------------

    def _actions(self, config: ActionsConfig) -> None:
        for entity in config.entities:
            with self.report.step(f"actions: conditions about {entity}"):
                require_conditions(self.con, self.project, self.store, entity, self.as_of)
            with self.report.step(f"actions: concepts that those for {entity} answer to"):
                require_concepts(self.project, entity)
        with self.report.step("actions: people and results"):
            require_sql(self.con, self.project, self.store, self.as_of)
        with self.report.step("actions: who looks after which account"):
            require_assignment(self.con, self.project, self.store, self.as_of)
