"""The ladder of candidates: each is judged out of fold, the simplest good one is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.errors import LabelError, ModelError, suggest
from salesml.training.blend import try_blend
from salesml.training.calibration import Calibration, fit_calibration
from salesml.training.candidates import Candidate, Trial, try_base_rate
from salesml.training.logistic import try_logistic
from salesml.training.preparation import Prepared, Sample
from salesml.training.rule import try_rule
from salesml.training.selection import choose
from salesml.training.split import (
    Fold,
    crossed_folds,
    date_blocks,
    enough_in_each,
    group_folds,
    time_folds,
)
from salesml.training.table import Floats, Ints
from salesml.training.tuning import Budget, try_boosting

__all__ = ["LADDER", "Climb", "Fitted", "Folds", "climb", "finish", "folds_of", "learn_again"]

LADDER = ("base_rate", "rule", "logistic", "lightgbm", "blend")  # simplest first
MOST_SCALE_ROWS = 50_000
SCORE_RANGE = 49  # points between the average's 50 and the best score


class Folds(NamedTuple):
    """The folds, and whether each judges on newer dates than it learns from.

    ``blocks`` number each row's run of dates, where folds judge on older dates as well.
    """

    folds: list[Fold]
    by_time: bool
    blocks: Ints | None = None

    def calibrated(self, name: str, margin: Floats, y: Floats) -> Floats:
        """Return *margin*, each fold calibrated on the others: by time, on the older ones."""
        result = np.full(len(y), np.nan)
        for k, fold in enumerate(self.folds):
            others = self.folds[:k] if self.by_time else self.folds[:k] + self.folds[k + 1 :]
            rows = np.concatenate([np.arange(0), *(other.valid for other in others)])
            line = self.calibration(name, margin, y, rows)
            result[fold.valid] = line.a + line.b * margin[fold.valid]
        return result

    def calibration(
        self, name: str, margin: Floats, y: Floats, rows: Ints | None = None
    ) -> Calibration:
        """Return the calibration of candidate *name* by *rows*, by default all that were judged.

        The base rate follows a drift too, else any model would beat it by doing just that.
        """
        chosen = np.flatnonzero(~np.isnan(margin)) if rows is None else rows
        blocks = None if self.blocks is None else self.blocks[chosen]
        stretch = name != "base_rate"
        return fit_calibration(y[chosen], margin[chosen], blocks, stretch=stretch)


@dataclass(frozen=True)
class Fitted:
    """A candidate that learnt from all rows, with what turns its margin into answers."""

    candidate: Candidate
    calibration: Calibration
    score_slope: float


@dataclass(frozen=True)
class Climb:
    """What came of all candidates; ``margins`` are calibrated and out of fold."""

    trials: dict[str, Trial]
    margins: dict[str, Floats]
    chosen: str
    leaderboard: pd.DataFrame
    folds: Folds

    def rule_warnings(self) -> list[str]:
        """Say so where no model does better than the score by rules."""
        if "rule" not in self.trials:
            return []
        losses = dict(zip(self.leaderboard["candidate"], self.leaderboard["log_loss"], strict=True))
        errors = dict(
            zip(self.leaderboard["candidate"], self.leaderboard["behind_best_error"], strict=True)
        )
        rule = losses["rule"]
        if self.chosen not in ("base_rate", "rule") and rule - losses[self.chosen] > errors["rule"]:
            return []
        models = [loss for name, loss in losses.items() if name not in ("base_rate", "rule")]
        if not models:
            return []
        return [
            "No model is clearly better than the score by rules: log loss out of fold "
            f"{min(models):.4f} against {rule:.4f}."
        ]


def folds_of(sample: Sample, embargo: int, seed: int, warn: Callable[[str], None]) -> Folds:
    """Return folds by time where there are dates, else folds that keep entities whole."""
    y, rows = sample.y, np.arange(len(sample.y))
    if sample.days is not None:
        folds = time_folds(sample.days, y, embargo)
        if folds:
            return Folds(folds, by_time=True)
        warn(
            "The dates span too little time to judge on newer dates while learning; "
            "candidates were compared on other entities and, where possible, other dates instead."
        )
        blocks = date_blocks(sample.days)
        if enough_in_each(blocks, y):
            folds = _learnable(crossed_folds(blocks, y, sample.clusters, seed), y)
            if folds:
                return Folds(folds, by_time=False, blocks=blocks)
    folds = _learnable(group_folds(y, sample.clusters, seed), y)
    if not folds:
        warn(
            "So few entities hold all positives or negatives that candidates were compared on "
            "other rows of the same entities instead."
        )
        folds = _learnable(group_folds(y, rows, seed), y)
    if not folds:
        raise LabelError(
            "There are too few outcomes of each kind to learn from some and judge on others.",
            received=f"{int(y.sum())} positives in {len(y)} rows",
            fix="use a longer history, a longer horizon or a wider outcome",
        )
    return Folds(folds, by_time=False)


def _learnable(folds: Sequence[Fold], y: Floats) -> list[Fold]:
    """Return the folds that learn from both outcomes."""
    return [fold for fold in folds if 0 < y[fold.train].sum() < len(fold.train)]


def climb(
    learnt: Prepared,
    candidates: Sequence[str],
    *,
    embargo: int,
    directions: Mapping[int, int],
    budget: Budget,
    warn: Callable[[str], None],
) -> Climb:
    """Judge *candidates* on newer dates where there are dates; the base rate always is one.

    The blend needs the other models, so they are judged with it. Where no candidate does better on
    newer dates, they are judged on other entities once more: after a break in the data, models of
    the time before it fail on the time after it, yet what learns from both may do well.
    """
    wanted = _known(candidates) if learnt.varies else ()
    folds = folds_of(learnt.part, embargo, budget.seed, warn)
    found = _judge(learnt, folds, wanted, directions, budget)
    if not found.folds.by_time or found.chosen != "base_rate" or len(found.trials) == 1:
        return found
    undated = replace(learnt.part, days=None)
    again = _judge(
        learnt, folds_of(undated, embargo, budget.seed, warn), wanted, directions, budget
    )
    if again.chosen == "base_rate":
        return found
    warn(
        "On dates newer than those learnt from, no candidate did better than the base rate; they "
        f"were compared on other entities instead, where {again.chosen} does. Trust a test on "
        "newer dates alone."
    )
    return again


def _judge(
    learnt: Prepared,
    folds: Folds,
    candidates: Sequence[str],
    directions: Mapping[int, int],
    budget: Budget,
) -> Climb:
    part = learnt.part
    table, y = part.table, part.y
    trials = [try_base_rate(y, folds.folds)]
    if learnt.rule_column is not None:
        direction = directions.get(learnt.rule_column, 0)
        trials.append(try_rule(table, learnt.rule_column, y, folds.folds, direction=direction))
    elif part.rule is not None:
        trials.append(try_rule(part.rule, 0, y, folds.folds, answers=False))
    models = []
    if "logistic" in candidates:
        models.append(try_logistic(table, y, folds.folds, directions, budget.seed, part.clusters))
    if "lightgbm" in candidates:
        models.append(try_boosting(table, y, folds.folds, directions, budget))
    if "blend" in candidates and len(models) > 1:
        models.append(try_blend(models, y, folds.folds))
    trials += models
    margins = {trial.name: folds.calibrated(trial.name, trial.margin, y) for trial in trials}
    chosen, board = choose(trials, margins, y, part.clusters)
    by_name = {trial.name: trial for trial in trials}
    return Climb(by_name, margins, chosen, board, folds)


def _known(candidates: Sequence[str]) -> Sequence[str]:
    given = [candidates] if isinstance(candidates, str) else list(candidates)
    unknown = [str(name) for name in given if name not in LADDER]
    if unknown:
        raise ModelError(
            f"Unknown candidates: {', '.join(unknown)}.{suggest(unknown[0], LADDER)}",
            fix=f"choose among {', '.join(LADDER)}",
        )
    return LADDER if "blend" in given else given


def finish(
    trial: Trial, folds: Folds, learnt: Prepared, simpler: Mapping[str, Candidate]
) -> Fitted:
    """Learn from all rows; calibrate by the margins out of *folds*."""
    line = folds.calibration(trial.name, trial.margin, learnt.part.y)
    return learn_again(trial, line, learnt, simpler)


def learn_again(
    trial: Trial,
    calibration: Calibration,
    learnt: Prepared,
    simpler: Mapping[str, Candidate] | None = None,
) -> Fitted:
    """Learn from all rows with the settings of *trial*."""
    assert trial.recipe is not None
    candidate = trial.recipe.learn(learnt.sample.table, learnt.sample.y, simpler or {})
    return Fitted(candidate, calibration, _score_slope(candidate, learnt.sample))


def _score_slope(candidate: Candidate, sample: Sample) -> float:
    step = max(1, len(sample.y) // MOST_SCALE_ROWS)
    rows = np.arange(0, len(sample.y), step)
    ends = np.quantile(candidate.margin(sample.table.take(rows)), [0.01, 0.99])
    reach = float(np.abs(ends - candidate.expected_value).max())
    return SCORE_RANGE / reach if reach > 1e-9 else 1.0
