"""The panel that all variants share: the same rows, and the features of any of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from salesml.config import Project, TaskConfig
from salesml.experiment.plan import Plan
from salesml.experiment.result import FeatureCost
from salesml.experiment.soundness import require_sound
from salesml.features import load_feature_set
from salesml.learning import require_ready, training_data
from salesml.pipeline import read_sources
from salesml.run import Run
from salesml.training import TrainingData

__all__ = ["Panels"]

_Sets = tuple[str, ...]


@dataclass(frozen=True)
class Panels:
    """The panels by feature sets: one, unless two sets (an old and a new one, say) share names."""

    parts: dict[_Sets, TrainingData]
    cost: FeatureCost

    @classmethod
    def computed(cls, run: Run, task: TaskConfig, plans: Sequence[Plan]) -> Panels:
        """Bring the store up to date and compute what no earlier run left in the cache."""
        groups = _groups(run.project, task, plans)
        # segments may be features that a group lacks, and only training asks for them
        asked = [
            task.model_copy(update={"features": list(group), "segments": [], "fairness": None})
            for group in groups
        ]
        read_sources(_reading_for(run, asked))
        for part in asked:
            require_ready(run, part)
        new = {name for group in groups for name in group} - set(task.features)
        require_sound(run, task, sorted(new))
        begun, before = time.perf_counter(), _snapshots(run, task)
        parts = {group: training_data(run, part) for group, part in zip(groups, asked, strict=True)}
        seconds = time.perf_counter() - begun
        sets = {name for group in groups for name in group}
        used = [
            path
            for path in _snapshots(run, task)
            if path.parts[-3] in sets and path.parts[-2] in _dates(parts[groups[0]])
        ]
        computed = len(set(used) - before)
        return cls(parts, FeatureCost(seconds, computed, len(used) - computed))

    @property
    def rows(self) -> TrainingData:
        """The rows and outcomes, the same in all panels."""
        return next(iter(self.parts.values()))

    def of(self, plan: Plan) -> TrainingData:
        """The panel as *plan* sees it."""
        data = next(d for sets, d in self.parts.items() if plan.chosen.keys() <= set(sets))
        return replace(data, X=data.X[plan.columns])


def _groups(project: Project, task: TaskConfig, plans: Sequence[Plan]) -> list[_Sets]:
    """The sets of all plans in as few groups as may be: in a panel, each feature has one home."""
    groups: list[list[str]] = []
    for plan in plans:
        for group in groups:
            together = list(dict.fromkeys([*group, *plan.chosen]))
            if _names_differ(project, task, together):
                group[:] = together
                break
        else:
            groups.append(list(plan.chosen))
    return [tuple(group) for group in groups]


def _names_differ(project: Project, task: TaskConfig, sets: Sequence[str]) -> bool:
    names = [f for s in sets for f in load_feature_set(project.features, task.entity, s).features]
    return len(names) == len(set(names))


def _reading_for(run: Run, asked: Sequence[TaskConfig]) -> Run:
    """The run, of a project that needs what the sets of *asked* read, too."""
    tasks = {f"{task.name} ({number})": task for number, task in enumerate(asked)}
    project = replace(run.project, tasks={**run.project.tasks, **tasks})
    return replace(run, project=project)


def _snapshots(run: Run, task: TaskConfig) -> set[Path]:
    return set((run.project.var / "features" / task.name).glob("*/*/*.parquet"))


def _dates(data: TrainingData) -> set[str]:
    return set(pd.to_datetime(pd.unique(data.as_of)).strftime("%Y-%m-%d"))
