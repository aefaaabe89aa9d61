"""Exact SHAP values of a weighted sum of LightGBM boosters, for a few rows or millions.

They are those of ``pred_contrib``: path-dependent, in log-odds. LightGBM walks every path of every
tree anew for each row; from some rows on it is quicker to work out beforehand what each leaf adds,
whatever the row, and to look that up.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import lightgbm as lgb
import numpy as np
from threadpoolctl import threadpool_info

from salesml.training.shap_plan import Plan, plan_of
from salesml.training.table import Floats
from salesml.training.trees import trees_of

__all__ = ["tree_contributions"]

MANY = 300_000  # rows times trees from which preparing pays
BLOCK = 2048  # rows at a time: their values and sums stay in the cache
TREES = 300  # at a time: their tables take some 30 MB


def tree_contributions(
    boosters: Sequence[lgb.Booster], weights: Sequence[float], matrix: Floats, threads: int
) -> Floats:
    """Return what each column of *matrix* adds to the log-odds, shape as *matrix*.

    Boosters are binary, without linear leaves and ``zero_as_missing``. With *threads* 0 there are
    as many as OpenMP decides.
    """
    if len(matrix) * sum(booster.num_trees() for booster in boosters) < MANY:
        return _few(boosters, weights, matrix, threads)
    return _many(boosters, weights, matrix, threads)


def _few(
    boosters: Sequence[lgb.Booster], weights: Sequence[float], matrix: Floats, threads: int
) -> Floats:
    total = np.zeros(matrix.shape)
    if len(matrix):  # LightGBM refuses none
        for booster, weight in zip(boosters, weights, strict=True):
            found = booster.predict(matrix, pred_contrib=True, num_threads=threads)
            total += weight * np.asarray(found)[:, :-1]
    return total


def _many(
    boosters: Sequence[lgb.Booster], weights: Sequence[float], matrix: Floats, threads: int
) -> Floats:
    total = np.zeros(matrix.shape)
    by_booster = [trees_of(booster) for booster in boosters]
    trees = list(chain.from_iterable(by_booster))
    scale = np.repeat(weights, [len(own) for own in by_booster]).tolist()
    with ThreadPoolExecutor(threads if threads > 0 else _cores()) as pool:
        for start in range(0, len(trees), TREES):
            part = slice(start, start + TREES)
            _add(plan_of(trees[part], scale[part]), matrix, total, pool)
    return total


def _add(plan: Plan, matrix: Floats, total: Floats, pool: ThreadPoolExecutor) -> None:
    """Add to *total* what the trees of *plan* contribute."""
    from salesml.training.shap_kernel import add_block, fill_tables  # it brings Numba

    tables = np.zeros(plan.piece_table_from[-1])
    fill_tables(plan, *_quadrature(plan), tables)

    def add(start: int) -> None:
        rows = slice(start, start + BLOCK)
        x = np.ascontiguousarray(matrix[rows, plan.columns].T)
        sums = np.zeros(x.shape)
        add_block(plan, tables, x, sums)
        total[rows, plan.columns] += sums.T

    list(pool.map(add, range(0, len(matrix), BLOCK)))


def _quadrature(plan: Plan) -> tuple[Floats, Floats]:
    """Return points between 0 and 1, and weights, enough for the longest path."""
    longest = int(np.diff(plan.leaf_factors_from).max())
    points, weights = np.polynomial.legendre.leggauss((longest + 1) // 2)
    return (points + 1) / 2, weights / 2


def _cores() -> int:
    libraries = (each for each in threadpool_info() if each["user_api"] == "openmp")
    return max((int(each["num_threads"]) for each in libraries), default=1)
