"""LightGBM: small trees, many seeds, everything additive."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from salesml.training.candidates import Trial, best_by_fold
from salesml.training.split import Fold
from salesml.training.table import Floats, Table

__all__ = ["Boosted", "Budget", "try_boosting"]

MOST_ROUNDS = 1000
PATIENCE = 50
LARGE = 20_000  # rows from which larger trees are worth trying
LEAVES = {"small": (4, 8, 16), "large": (8, 16, 31)}


@dataclass(frozen=True)
class Budget:
    """How much work may be done: the clock matters only when *seconds* are exceeded."""

    seconds: float
    threads: int
    seed: int
    warn: Callable[[str], None]


@dataclass(frozen=True)
class Boosted:
    """The mean of the margins of several boosters, each grown from another seed."""

    boosters: tuple[lgb.Booster, ...]
    threads: int
    expected_value: float

    @classmethod
    def of(cls, boosters: Sequence[lgb.Booster], width: int, threads: int) -> Boosted:
        """Bag *boosters*, whose average margins do not depend on the row."""
        anywhere = np.full((1, width), np.nan)
        means = [b.predict(anywhere, pred_contrib=True)[0, -1] for b in boosters]
        return cls(tuple(boosters), threads, float(np.mean(means)))

    def margin(self, table: Table) -> Floats:
        """Return log-odds, shape (n,)."""
        return self._mean(table, raw_score=True)

    def contributions(self, table: Table) -> Floats:
        """Return exact SHAP values, shape (n, columns)."""
        if not len(table):
            return np.zeros((0, table.width))
        return self._mean(table, pred_contrib=True)[:, :-1]

    def dump(self, directory: Path) -> dict[str, Any]:
        """Write one text file a booster."""
        for number, booster in enumerate(self.boosters):
            booster.save_model(directory / f"booster_{number}.txt")
        return {"boosters": len(self.boosters)}

    @classmethod
    def restore(cls, stored: dict[str, Any], directory: Path, width: int, threads: int) -> Boosted:
        """Return the bag that `dump` wrote."""
        files = [directory / f"booster_{number}.txt" for number in range(stored["boosters"])]
        return cls.of([lgb.Booster(model_file=file) for file in files], width, threads)

    def _mean(self, table: Table, **kind: bool) -> Floats:
        if not len(table):
            return np.zeros(0)
        total = sum(
            b.predict(table.matrix, num_threads=self.threads, **kind) for b in self.boosters
        )
        return np.asarray(total / len(self.boosters), dtype=np.float64)


def try_boosting(table: Table, y: Floats, folds: Sequence[Fold], budget: Budget) -> Trial:
    """Judge tree sizes and numbers of rounds out of fold, each fold by what suits the others."""
    started = time.monotonic()
    sizes = LEAVES["large" if len(y) >= LARGE else "small"]
    data = [_datasets(table, y, fold) for fold in folds]
    grown: list[list[_Grown]] = []
    for number, leaves in enumerate(sizes):
        if number and time.monotonic() - started > budget.seconds:
            budget.warn(
                f"The time budget of {budget.seconds:g} s allowed {number} of {len(sizes)} "
                "tree sizes; another run may choose differently."
            )
            break
        grown.append([_grow(*pair, _settings(len(y), leaves, budget)) for pair in data])
    by_fold, best = best_by_fold(_loss_curves(grown), folds)
    margin = np.full(len(y), np.nan)
    for k, fold in enumerate(folds):
        size, rounds = divmod(int(by_fold[k]), MOST_ROUNDS)
        booster = grown[size][k].booster
        margin[fold.valid] = booster.predict(
            table.matrix[fold.valid], raw_score=True, num_iteration=rounds + 1
        )
    leaves, rounds = sizes[best // MOST_ROUNDS], best % MOST_ROUNDS + 1
    words = f"{leaves} leaves, {rounds} rounds"
    return Trial("lightgbm", margin, words, lambda t, y: _bag(t, y, leaves, rounds, budget))


@dataclass(frozen=True)
class _Grown:
    booster: lgb.Booster
    losses: Floats  # on the validation part, one a round, the last repeated


def _loss_curves(grown: list[list[_Grown]]) -> Floats:
    """Shape (tree sizes x rounds, folds)."""
    return np.concatenate([np.column_stack([each.losses for each in row]) for row in grown])


def _grow(train: lgb.Dataset, valid: lgb.Dataset, settings: dict[str, Any]) -> _Grown:
    curve: dict[str, dict[str, list[float]]] = {}
    stop = lgb.early_stopping(PATIENCE, verbose=False)
    booster = lgb.train(
        settings, train, MOST_ROUNDS, [valid], callbacks=[stop, lgb.record_evaluation(curve)]
    )
    losses = np.array(curve["valid_0"]["binary_logloss"])
    return _Grown(booster, np.pad(losses, (0, MOST_ROUNDS - len(losses)), mode="edge"))


def _bag(table: Table, y: Floats, leaves: int, rounds: int, budget: Budget) -> Boosted:
    data = _dataset(table, y)
    settings = _settings(len(y), leaves, budget)
    bag = 5 if len(y) < LARGE else 3
    seeds = [budget.seed + 1 + number for number in range(bag)]
    boosters = [lgb.train(settings | {"seed": seed}, data, rounds) for seed in seeds]
    return Boosted.of(boosters, table.width, budget.threads)


def _settings(rows: int, leaves: int, budget: Budget) -> dict[str, Any]:
    return _DATA_SETTINGS | {
        "objective": "binary",
        "metric": "binary_logloss",
        "num_leaves": leaves,
        "max_depth": 6,  # explaining a tree takes time in the square of its depth
        "learning_rate": 0.05 if rows < LARGE else 0.1,
        "min_data_in_leaf": int(np.clip(rows // 200, 5, 50)),
        "min_sum_hessian_in_leaf": 1.0,
        "lambda_l2": 10.0,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "cat_smooth": 20,
        "min_data_per_group": 20,
        "max_cat_to_onehot": 8,
        "deterministic": True,
        "num_threads": _threads(rows, budget.threads),
        "seed": budget.seed,
    }


def _threads(rows: int, wanted: int) -> int:
    """One for few rows, where waiting for each other costs threads more than they save."""
    return wanted or (1 if rows < LARGE else 0)


# What a Dataset must know when it is built; feature_pre_filter would tie it to one tree size.
_DATA_SETTINGS: dict[str, Any] = {
    "feature_pre_filter": False,
    "force_row_wise": True,
    "verbosity": -1,
}


def _dataset(table: Table, y: Floats) -> lgb.Dataset:
    names = [f"f{number}" for number in range(table.width)]  # any original name is allowed
    return lgb.Dataset(
        table.matrix,
        y,
        feature_name=names,
        categorical_feature=list(table.levels),
        params=_DATA_SETTINGS,
        free_raw_data=False,
    )


def _datasets(table: Table, y: Floats, fold: Fold) -> tuple[lgb.Dataset, lgb.Dataset]:
    train = _dataset(table.take(fold.train), y[fold.train])
    valid = table.matrix[fold.valid]
    return train, train.create_valid(valid, y[fold.valid], params=_DATA_SETTINGS)
