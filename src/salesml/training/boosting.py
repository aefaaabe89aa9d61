"""LightGBM: one setting judged out of fold, and several learnt from all rows, all additive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np

from salesml.training.candidates import Candidate
from salesml.training.shap_values import tree_contributions
from salesml.training.split import Fold
from salesml.training.table import Floats, Table

__all__ = ["Boosted", "BoostingRecipe", "Grower", "Grown", "Member", "Settings"]

MOST_ROUNDS = 1000
PATIENCE = 40
THREADED = 50_000  # rows from which threads do; where cores are busy, fewer make them wait long
SEEDS = ((100_000, 3), (200_000, 2), (np.inf, 1))  # boosters a member, up to so many rows
WIDE = 20  # codes from which a category is easily learnt by heart
FIRST = 2  # folds that show whether a setting is hopeless
MOST_DEPTH = 8  # explaining a tree takes time in the square of its depth

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Boosted:
    """The weighted mean of the margins of several boosters."""

    boosters: tuple[lgb.Booster, ...]
    weights: tuple[float, ...]
    threads: int
    expected_value: float

    @classmethod
    def of(
        cls, boosters: Sequence[lgb.Booster], weights: Sequence[float], width: int, threads: int
    ) -> Boosted:
        """Bag *boosters*, whose average margins do not depend on the row."""
        anywhere = np.full((1, width), np.nan)
        means = [b.predict(anywhere, pred_contrib=True)[0, -1] for b in boosters]
        return cls(tuple(boosters), tuple(weights), threads, float(np.dot(weights, means)))

    def margin(self, table: Table) -> Floats:
        """Return log-odds, shape (n,)."""
        total = np.zeros(len(table))
        if len(table):  # LightGBM refuses none
            for booster, weight in zip(self.boosters, self.weights, strict=True):
                found = booster.predict(table.matrix, num_threads=self.threads, raw_score=True)
                total += weight * np.asarray(found)
        return total

    def contributions(self, table: Table) -> Floats:
        """Return exact SHAP values, shape (n, columns)."""
        return tree_contributions(self.boosters, self.weights, table.matrix, self.threads)

    def dump(self, directory: Path) -> dict[str, Any]:
        """Write one text file a booster."""
        for number, booster in enumerate(self.boosters):
            booster.save_model(directory / f"booster_{number}.txt")
        return {"weights": list(self.weights)}

    @classmethod
    def restore(cls, stored: dict[str, Any], directory: Path, width: int, threads: int) -> Boosted:
        """Return the bag that `dump` wrote."""
        files = [directory / f"booster_{number}.txt" for number in range(len(stored["weights"]))]
        boosters = [lgb.Booster(model_file=file) for file in files]
        return cls.of(boosters, stored["weights"], width, threads)


class Member(NamedTuple):
    """A setting in a bag: its weight, and the rounds that did best out of fold."""

    settings: Settings
    rounds: int
    weight: float


@dataclass(frozen=True)
class BoostingRecipe:
    """The members of the bag; each is grown from several seeds."""

    members: tuple[Member, ...]
    directions: Mapping[int, int]
    threads: int
    seed: int

    def learn(self, table: Table, y: Floats, finished: Mapping[str, Candidate]) -> Boosted:  # noqa: ARG002
        """Learn from *table*."""
        data = _dataset(table, y, _enough_threads(len(table)))
        fixed = _fixed_settings(table, self.directions, self.threads)
        seeds = next(count for rows, count in SEEDS if len(y) < rows)
        boosters, weights = [], []
        for member in self.members:
            settings = fixed | _native(member.settings, table)
            for number in range(seeds):
                own = settings | _seeds(self.seed + number)
                boosters.append(lgb.train(own, data, member.rounds))
                weights.append(member.weight / seeds)
        return Boosted.of(boosters, weights, table.width, self.threads)


class Grown(NamedTuple):
    """One setting, judged: ``losses`` on each fold's validation part, shape (rounds, folds)."""

    losses: Floats
    boosters: list[lgb.Booster]

    @property
    def start(self) -> float:
        """Mean loss on the first folds, each at its best round."""
        return float(self.losses[:, :FIRST].min(axis=0).mean())

    def margin(self, table: Table, folds: Sequence[Fold], rounds: Sequence[int]) -> Floats:
        """Return margins out of fold after each fold's number of *rounds*."""
        margin = np.full(len(table), np.nan)
        for fold, booster, count in zip(folds, self.boosters, rounds, strict=True):
            margin[fold.valid] = booster.predict(
                table.matrix[fold.valid], raw_score=True, num_iteration=count
            )
        return margin


class Grower:
    """Grows one setting on every fold; the data of the folds are prepared once.

    ``trees`` counts all that it has grown.
    """

    def __init__(
        self,
        table: Table,
        y: Floats,
        folds: Sequence[Fold],
        directions: Mapping[int, int],
        threads: int,
        seed: int,
    ) -> None:
        self._table, self.trees = table, 0
        enough = _enough_threads(len(table))
        self._parts = [_pair(table, y, fold, enough) for fold in folds]
        self._fixed = _fixed_settings(table, directions, threads) | _seeds(seed)

    def grow(self, settings: Settings, limit: float = np.inf) -> Grown | None:
        """Judge *settings*; None if the mean loss on the first folds lies above *limit*."""
        grown = self._map(self._parts[:FIRST], settings)
        if np.mean([each.losses.min() for each in grown]) > limit:
            return None
        grown += self._map(self._parts[FIRST:], settings)
        curves = [np.pad(g.losses, (0, MOST_ROUNDS - len(g.losses)), mode="edge") for g in grown]
        return Grown(np.column_stack(curves), [each.booster for each in grown])

    def _map(self, parts: list[_Part], settings: Settings) -> list[_Curve]:
        merged = self._fixed | _native(settings, self._table)
        # one after the other: LightGBM crashes where threads prepare data at the same time
        grown = [_grow(part, merged) for part in parts]
        self.trees += sum(len(each.losses) for each in grown)
        return grown


class _Part(NamedTuple):
    train: lgb.Dataset
    valid: lgb.Dataset


class _Curve(NamedTuple):
    booster: lgb.Booster
    losses: Floats  # one a round


def _grow(part: _Part, settings: dict[str, Any]) -> _Curve:
    curve: dict[str, dict[str, list[float]]] = {}
    stop = lgb.early_stopping(PATIENCE, verbose=False)
    callbacks = [stop, lgb.record_evaluation(curve)]
    booster = lgb.train(settings, part.train, MOST_ROUNDS, [part.valid], callbacks=callbacks)
    return _Curve(booster, np.array(curve["valid_0"]["binary_logloss"]))


def _fixed_settings(table: Table, directions: Mapping[int, int], threads: int) -> dict[str, Any]:
    """Return what no search may change."""
    fixed = _DATA_SETTINGS | {
        "objective": "binary",
        "metric": "binary_logloss",
        "bagging_freq": 1,
        "max_depth": MOST_DEPTH,
        "deterministic": True,
        "num_threads": threads or _enough_threads(len(table)),
    }
    if directions:
        signs = [directions.get(column, 0) for column in range(table.width)]
        fixed |= {"monotone_constraints": signs, "monotone_constraints_method": "intermediate"}
    return fixed


def _seeds(seed: int) -> dict[str, int]:
    """Return *seed* for all that is drawn; ``seed`` itself would have data prepared once more."""
    return dict.fromkeys(("bagging_seed", "feature_fraction_seed", "extra_seed"), seed)


def _native(settings: Settings, table: Table) -> dict[str, Any]:
    """Return *settings* with ``wide`` as what a split on a category of many codes counts for."""
    native = dict(settings)
    share = native.pop("wide")
    wide = [column in table.levels and table.levels[column] > WIDE for column in range(table.width)]
    if share < 1 and any(wide):
        native["feature_contri"] = [share if each else 1.0 for each in wide]
    return native


# What a Dataset must know when it is built; feature_pre_filter would tie it to one tree size.
_DATA_SETTINGS: dict[str, Any] = {
    "feature_pre_filter": False,
    "force_row_wise": True,
    "verbosity": -1,
}


def _enough_threads(rows: int) -> int:
    """Return how many do; 0 is as OpenMP decides.

    Data are prepared by so many whatever is asked for: losses on them are summed by as many, and
    their last digit hangs on it.
    """
    return 1 if rows < THREADED else 0


def _dataset(table: Table, y: Floats, threads: int) -> lgb.Dataset:
    """Return LightGBM's form of *table*; any original name is allowed."""
    data = lgb.Dataset(
        table.matrix,
        y,
        feature_name=[f"f{number}" for number in range(table.width)],
        categorical_feature=list(table.levels),
        params=_DATA_SETTINGS | {"num_threads": threads},  # else what is grown on it uses all
        free_raw_data=False,  # else LightGBM refuses to use the data for a second setting
    )
    return data.construct()


def _pair(table: Table, y: Floats, fold: Fold, threads: int) -> _Part:
    train = _dataset(table.take(fold.train), y[fold.train], threads)
    settings = _DATA_SETTINGS | {"num_threads": threads}
    valid = train.create_valid(table.matrix[fold.valid], y[fold.valid], params=settings)
    return _Part(train, valid.construct())
