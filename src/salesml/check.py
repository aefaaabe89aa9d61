"""``salesml check``: everything that can be wrong with a project, found before the night."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pandas as pd

from salesml import crm
from salesml.config import Project, TaskConfig, load_project
from salesml.engine import connect
from salesml.errors import SalesmlError
from salesml.features import FeatureSet, load_feature_sets, look_ahead, run_examples
from salesml.intake import read_source, reading_order
from salesml.labels import outcomes, panel_dates, population, sources_of
from salesml.pipeline import Tell, first_known
from salesml.store import Store
from salesml.training import leak_warnings
from salesml.wiring import declared_types, require_wired

__all__ = ["CheckReport", "check"]

_DATES = 4
_ENTITIES = 1000


@dataclass
class CheckReport:
    """What was looked at, what is wrong, and what is worth a look."""

    passed: list[str] = field(default_factory=list)
    problems: list[SalesmlError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Note *title* as passed, or the error that it raised."""
        try:
            yield
        except SalesmlError as error:
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
        scratch = _in_scratch(loaded, Path(folder))
        checking = _Checking(loaded, scratch, as_of or loaded.default_as_of(moment), moment, tell)
        return checking.run()


def _in_scratch(project: Project, folder: Path) -> Project:
    """*project* with its ``var/`` elsewhere; its paths were made absolute when it was read."""
    (folder / "features").symlink_to(project.features)
    return replace(project, root=folder)


class _Checking:
    def __init__(
        self,
        project: Project,
        scratch: Project,
        as_of: dt.date,
        moment: dt.datetime,
        tell: Callable[[str], None],
    ) -> None:
        self.project, self.scratch, self.as_of, self.tell = project, scratch, as_of, tell
        self.now = moment.astimezone(dt.UTC).replace(tzinfo=None)
        self.store = Store(scratch.var / "data", project.settings.buckets)
        self.report = CheckReport()

    def run(self) -> CheckReport:
        with connect(self.scratch.var / "spill") as con:
            with self.report.step("tasks, feature sets and sources fit together"):
                require_wired(con, self.project)
            sets = {name: self._sets(con, task) for name, task in self.project.tasks.items()}
            if not self.report.problems:
                self._sources(con)
            self._targets()
            for name, task in self.project.tasks.items():
                if not self.report.problems:
                    self._task(con, task, sets[name])
        shutil.rmtree(self.scratch.var, ignore_errors=True)
        return self.report

    def _sets(self, con: duckdb.DuckDBPyConnection, task: TaskConfig) -> list[FeatureSet]:
        loaded: list[FeatureSet] = []
        with self.report.step(f"task {task.name}: configuration"):
            loaded = load_feature_sets(self.project.features, task.entity, task.features)
            sources_of(con, self.project, task)
        for feature_set in loaded:
            title = f"features {task.entity}/{feature_set.name}: examples"
            if title not in self.report.passed:
                self.tell(title)
                with self.report.step(title):
                    run_examples(con, feature_set)
        return loaded

    def _sources(self, con: duckdb.DuckDBPyConnection) -> None:
        types = declared_types(self.project)
        for name in reading_order(self.project.sources):
            self.tell(f"source {name}")
            with self.report.step(f"source {name}"):
                read = read_source(
                    con, self.scratch, self.store, name, now=self.now, types=types.get(name, {})
                )
                self.report.warnings += read.quality.lines()

    def _targets(self) -> None:
        for name, target in self.project.targets.items():
            with self.report.step(f"target {name}"):
                crm.connect(
                    target.connection, self.project.connections[target.connection]
                ).check_target(
                    target.table,
                    target.key,
                    [*target.fields, *target.stamps],
                    create=target.mode == "upsert",
                )

    def _task(
        self, con: duckdb.DuckDBPyConnection, task: TaskConfig, sets: list[FeatureSet]
    ) -> None:
        spine, outcome = pd.DataFrame(), pd.Series(dtype="int8")
        with self.report.step(f"task {task.name}: population and outcome"):
            spine = self._spine(con, task)
            outcome = outcomes(
                con, self.scratch, self.store, task, spine, known_before=self.as_of, bucket=_BUCKET
            )
        values = [self._features(con, task, feature_set, spine) for feature_set in sets]
        if values and len(spine) and outcome.nunique() == 2:
            table = pd.concat(values, axis=1)
            self.report.warnings += [
                f"{task.name}: {text}" for text in leak_warnings(table, outcome)
            ]

    def _spine(self, con: duckdb.DuckDBPyConnection, task: TaskConfig) -> pd.DataFrame:
        first = first_known(con, self.project, self.store, task, self.as_of)
        dates = panel_dates(task, first, self.as_of)
        chosen = dates[:: max(1, len(dates) // _DATES)][-_DATES:]
        spines = [
            population(con, self.scratch, self.store, task, date, _BUCKET).head(_ENTITIES)
            for date in chosen
        ]
        return pd.concat(spines, ignore_index=True)

    def _features(
        self,
        con: duckdb.DuckDBPyConnection,
        task: TaskConfig,
        feature_set: FeatureSet,
        spine: pd.DataFrame,
    ) -> pd.DataFrame:
        title = f"features {task.entity}/{feature_set.name}: truncation test for {task.name}"
        self.tell(title)
        with self.report.step(title):
            return look_ahead(con, self.scratch, self.store, feature_set, spine, _BUCKET)
        return pd.DataFrame(index=spine.index)


_BUCKET = "000"
