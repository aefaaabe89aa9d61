"""Running an experiment: every variant learns from the same rows and is judged on the same folds.

Only the part of the panel that training learns from is used; its test, the newest dates, stays
unseen, or it would no longer be a test of what was chosen here.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from salesml.config import TaskConfig
from salesml.experiment.panels import Panels
from salesml.experiment.plan import Plan, plans_of
from salesml.experiment.record import records_of
from salesml.experiment.result import COMPARED, Experiment, Outcome
from salesml.experiment.variant import Variant
from salesml.run import Run, Tell, silent
from salesml.training import Interval, PropensityModel, TrainingData, Window
from salesml.training.metrics import evaluate, paired_differences
from salesml.training.table import Floats, Ints
from salesml.training.train import fit_model, model_of, split_rows

__all__ = ["compare", "judge"]


@dataclass(frozen=True)
class _Fit:
    """What learning came to."""

    plan: Plan
    model: PropensityModel
    seconds: float

    @property
    def chosen(self) -> str:
        return str(self.model.chosen_)

    def probability(self, rows: Ints, candidate: str | None = None) -> Floats:
        """What the chosen, or another, candidate said of *rows* out of fold; NaN: of no fold."""
        said = self.model.out_of_fold_[candidate or self.chosen].to_numpy(dtype=np.float64)
        return np.asarray(said[rows])


def compare(run: Run, task_name: str, variants: Sequence[Variant]) -> Experiment:
    """Compare *variants* of a task with the task as configured, and note all in MLflow.

    Raises
    ------
    ConfigError, FeatureError
        If a variant names what there is not, changes nothing, or would change the rows.
    LabelError
        If there are too few outcomes to learn from.
    """
    task = run.project.task(task_name)
    plans = plans_of(run.project, task, variants)
    panels = Panels.computed(run, task, plans)
    run.tell(f"{task_name}: {panels.cost}")
    experiment = judge(task, run.as_of, plans, panels, run.tell)
    run.tell(f"{task_name}: logging to MLflow")
    return replace(experiment, run_id=run.registry.record(*records_of(experiment)))


def judge(
    task: TaskConfig, as_of: dt.date, plans: Sequence[Plan], panels: Panels, tell: Tell = silent
) -> Experiment:
    """Let each plan learn, and compare what they say out of fold; as `compare`."""
    model = model_of(task.model, task.horizon)
    learnt, left, split = split_rows(panels.rows, model, task.horizon)
    fits = list(_fits(task, plans, panels, learnt, tell))
    rows = _judged(fits, len(learnt))
    judged = panels.rows.take(learnt[rows])
    return Experiment(
        task=task.name,
        as_of=as_of,
        outcomes=[_outcome(fit, fits[0], rows, judged) for fit in fits],
        judged=Window.of(judged),
        left=Window.of(panels.rows.take(left)).first,
        split=split,
        cost=panels.cost,
        predictions=_predictions(fits, rows, judged),
    )


def _fits(
    task: TaskConfig, plans: Sequence[Plan], panels: Panels, rows: Ints, tell: Tell
) -> Iterator[_Fit]:
    for number, plan in enumerate(plans, 1):
        columns = f"{len(plan.columns)} columns, {number} of {len(plans)}"
        tell(f"{task.name}: learning '{plan.name}' from {columns}")
        data = panels.of(plan).take(rows)
        begun = time.perf_counter()
        # a rule cannot be tried without its feature
        baseline = task.baseline if task.baseline in plan.columns else None
        model = fit_model(model_of(plan.settings, task.horizon), data, baseline)
        seconds = time.perf_counter() - begun
        yield _Fit(plan, model, seconds)


def _judged(fits: Sequence[_Fit], count: int) -> Ints:
    """The rows, of *count*, that every variant predicted out of fold."""
    everything = np.arange(count, dtype=np.int64)
    said = np.vstack([fit.probability(everything) for fit in fits])
    return np.flatnonzero(~np.isnan(said).any(axis=0)).astype(np.int64)


def _outcome(fit: _Fit, base: _Fit, rows: Ints, judged: TrainingData) -> Outcome:
    y, clusters, own = judged.outcomes, judged.clusters, fit.probability(rows)
    return Outcome(
        name=fit.plan.name,
        sets=list(fit.plan.chosen),
        columns=fit.plan.columns,
        settings=fit.plan.settings,
        chosen=fit.chosen,
        metrics=_compared(evaluate(y, own, clusters)),
        differences=_compared(paired_differences(y, base.probability(rows), own, clusters)),
        alike=_alike(fit, base, rows, judged),
        seconds=fit.seconds,
        warnings=list(fit.model.warnings_),
        leaks={str(column): auc for column, auc in fit.model.leaks_.items()},
    )


def _alike(fit: _Fit, base: _Fit, rows: Ints, judged: TrainingData) -> Interval | None:
    """The difference in log loss of the candidate that *base* keeps, where *fit* keeps another."""
    kind = base.chosen
    if fit.chosen == kind or kind not in fit.model.out_of_fold_:
        return None
    old, new = (each.probability(rows, kind) for each in (base, fit))
    return paired_differences(judged.outcomes, old, new, judged.clusters)["log_loss"]


def _compared(measures: dict[str, Interval]) -> dict[str, Interval]:
    return {name: measures[name] for name in COMPARED}


def _predictions(fits: Sequence[_Fit], rows: Ints, judged: TrainingData) -> pd.DataFrame:
    keys = {
        "entity": judged.entity.to_numpy(),
        "as_of": judged.as_of.to_numpy(),
        "y": judged.outcomes.astype(np.int64),
    }
    return pd.DataFrame(keys | {fit.plan.name: fit.probability(rows) for fit in fits})
