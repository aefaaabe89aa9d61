"""Which LightGBM settings to use: a portfolio that does well in general, then a search."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from salesml.training.boosting import (
    BoostingRecipe,
    Grower,
    Grown,
    Member,
    Settings,
)
from salesml.training.candidates import Trial, best_by_fold, mean_loss, timed
from salesml.training.split import Fold
from salesml.training.table import Floats, Ints, Table

__all__ = ["Budget", "try_boosting"]

LARGE = 20_000  # rows from which large trees pay
MOST_MEMBERS = 4  # of the bag: explaining takes time in their number
DRAWS = 10  # of the greedy selection: weights are multiples of a tenth
HOPELESS = 1.06  # settings whose loss on two folds is this many times the best one's are left
# settings that are judged, and positives (or negatives) for one more: the best of many that
# few outcomes tell apart is best by chance
FEWEST_SETTINGS, MOST_SETTINGS, OUTCOMES_A_SETTING = 6, 40, 40
TREE_SECONDS, CELL_SECONDS = 8e-4, 2.2e-9  # that a tree takes on one core, and more for each cell


@dataclass(frozen=True)
class Budget:
    """How much may be tried.

    ``trees`` decides, and gives the same result on every machine. None means as many as a machine
    of ordinary speed grows in ``seconds``; the clock then stops only what takes far longer.
    """

    seconds: float
    trees: int | None
    threads: int
    seed: int
    warn: Callable[[str], None]

    def trees_for(self, rows: int, width: int) -> int:
        """Return the trees to grow while searching."""
        if self.trees is not None:
            return self.trees
        return int(self.seconds / 2 / (TREE_SECONDS + CELL_SECONDS * rows * width))


# what varies: small and large trees, few and many columns a tree, and how far categories count
SPACE: dict[str, tuple[Any, ...]] = {
    "learning_rate": (0.03, 0.05, 0.1),
    "num_leaves": (4, 6, 8, 12, 16, 24, 32, 48),
    "min_data_in_leaf": (5, 10, 20, 40, 80),
    "feature_fraction": (0.4, 0.6, 0.8, 1.0),
    "bagging_fraction": (0.6, 0.8, 1.0),
    "lambda_l2": (0.0, 1.0, 5.0, 20.0),
    "path_smooth": (0.0, 1.0, 10.0),
    "cat_smooth": (10.0, 50.0, 200.0),
    "cat_l2": (1.0, 10.0, 100.0),
    "max_cat_to_onehot": (4, 12),
    "min_data_per_group": (10, 30, 100),
    "extra_trees": (False, True),
    "wide": (1.0, 0.3, 0.0),
}
_USUAL: Settings = {
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "lambda_l2": 5.0,
    "path_smooth": 0.0,
    "cat_smooth": 50.0,
    "cat_l2": 10.0,
    "max_cat_to_onehot": 12,
    "min_data_per_group": 30,
    "extra_trees": False,
    "wide": 1.0,
}
_DEEP: Settings = {"num_leaves": 24, "min_data_in_leaf": 10}
PORTFOLIO: tuple[Settings, ...] = (
    _USUAL,
    {**_USUAL, **_DEEP, "lambda_l2": 0.0, "feature_fraction": 0.8, "wide": 0.0},
    {**_USUAL, **_DEEP, "num_leaves": 48, "path_smooth": 10.0, "max_cat_to_onehot": 4},
    {**_USUAL, "num_leaves": 4, "feature_fraction": 0.4, "lambda_l2": 20.0},
    {**_USUAL, **_DEEP},
    {**_USUAL, **_DEEP, "lambda_l2": 0.0, "bagging_fraction": 0.6, "wide": 0.3},
)
# many rows carry large trees, and each tree is dear: the same, the deep ones first, in fewer rounds
LARGE_PORTFOLIO = tuple({**PORTFOLIO[i], "learning_rate": 0.1} for i in (2, 4, 0, 5, 1, 3))


class Judged(NamedTuple):
    """A setting and its margins out of fold."""

    settings: Settings
    rounds: int
    margin: Floats
    loss: float


def try_boosting(
    table: Table,
    y: Floats,
    folds: Sequence[Fold],
    directions: Mapping[int, int],
    budget: Budget,
) -> Trial:
    """Judge settings out of fold and bag the best, each fold by what suits the others."""
    clock = timed()
    judged = _search(table, y, folds, directions, budget)
    margin = np.full(len(y), np.nan)
    rows = np.concatenate([fold.valid for fold in folds])
    for fold in folds:
        others = np.setdiff1d(rows, fold.valid) if len(folds) > 1 else rows
        margin[fold.valid] = _mixed(judged, _select(judged, y, others))[fold.valid]
    weights = _select(judged, y, rows)
    members = tuple(
        Member(judged[i].settings, judged[i].rounds, weight) for i, weight in weights.items()
    )
    recipe = BoostingRecipe(members, directions, budget.threads, budget.seed + 1)
    return Trial("lightgbm", margin, _words(judged, weights), recipe, clock())


def _search(
    table: Table, y: Floats, folds: Sequence[Fold], directions: Mapping[int, int], budget: Budget
) -> list[Judged]:
    """Judge the portfolio, then what optuna proposes, until the budget is spent."""
    grower = Grower(table, y, folds, directions, budget.threads, budget.seed)
    most = budget.trees_for(len(y), table.width)
    proposals = _Proposals(budget.seed, LARGE_PORTFOLIO if len(y) >= LARGE else PORTFOLIO)
    started, judged, limit = time.monotonic(), [], np.inf
    rarer = int(min(y.sum(), len(y) - y.sum()))
    for number in range(min(FEWEST_SETTINGS + rarer // OUTCOMES_A_SETTING, MOST_SETTINGS)):
        if number and grower.trees >= most:
            break
        if number and budget.trees is None and time.monotonic() - started > budget.seconds:
            budget.warn(
                f"The time budget of {budget.seconds:g} s ended the search after {number} "
                "settings of LightGBM; another run may choose differently."
            )
            break
        settings = proposals.ask()
        grown = grower.grow(settings, limit)
        if grown is None:
            proposals.tell(limit)
            continue
        judged.append(_judge(settings, grown, table, y, folds))
        limit = min(limit, grown.start * HOPELESS)
        proposals.tell(judged[-1].loss)
    return judged


def _judge(
    settings: Settings, grown: Grown, table: Table, y: Floats, folds: Sequence[Fold]
) -> Judged:
    by_fold, best = best_by_fold(grown.losses, folds)
    margin = grown.margin(table, folds, [int(rounds) + 1 for rounds in by_fold])
    known = ~np.isnan(margin)
    return Judged(settings, best + 1, margin, mean_loss(y[known], margin[known]))


class _Proposals:
    """Settings to judge: the portfolio, then optuna's, which learns from what it is told."""

    def __init__(self, seed: int, portfolio: Sequence[Settings]) -> None:
        import optuna  # takes half a second

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=len(portfolio))
        self._study = optuna.create_study(sampler=sampler)
        for settings in portfolio:
            self._study.enqueue_trial(dict(settings))

    def ask(self) -> Settings:
        self._trial = self._study.ask()
        return {name: self._trial.suggest_categorical(name, v) for name, v in SPACE.items()}

    def tell(self, loss: float) -> None:
        self._study.tell(self._trial, loss)


def _select(judged: Sequence[Judged], y: Floats, rows: Ints) -> dict[int, float]:
    """Return the weights of the settings whose mean does best on *rows*, greedily.

    After Caruana et al., Ensemble selection from libraries of models (2004).
    """
    margins = [each.margin[rows] for each in judged]
    total, drawn = np.zeros(len(rows)), [0] * len(judged)
    for draw in range(1, DRAWS + 1):
        full = sum(times > 0 for times in drawn) == MOST_MEMBERS
        open_to = [i for i in range(len(judged)) if drawn[i] or not full]
        losses = [mean_loss(y[rows], (total + margins[i]) / draw) for i in open_to]
        best = open_to[int(np.argmin(losses))]
        total, drawn[best] = total + margins[best], drawn[best] + 1
    return {i: times / DRAWS for i, times in enumerate(drawn) if times}


def _mixed(judged: Sequence[Judged], weights: Mapping[int, float]) -> Floats:
    return np.asarray(sum(weight * judged[i].margin for i, weight in weights.items()))


def _words(judged: Sequence[Judged], weights: Mapping[int, float]) -> str:
    bag = [
        f"{weight:.0%} of {judged[i].settings['num_leaves']} leaves x {judged[i].rounds} rounds"
        for i, weight in weights.items()
    ]
    return f"{', '.join(bag)}; {len(judged)} settings judged"
