"""Rows a second of predicting and of explaining, and memory, by number of rows.

    python benchmarks/explain.py                    # 10,000 and 300,000 rows
    python benchmarks/explain.py 1000000

On made-up numbers with gaps and categories, 60 columns: a booster of 300 trees of 31 leaves, and a
bag of twelve boosters of 4 to 48 leaves. Speeds are rows a second. LightGBM's ``pred_contrib`` runs
on the first 1,000 rows, and its time is scaled to all. Ratios are of times; the difference is the
largest between its values and ours; each line has a process of its own, and memory is its peak.
Explaining includes all that it prepares, but for compiling, once a machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from salesml.training.boosting import Boosted, BoostingRecipe, Member
from salesml.training.table import Floats, Table
from salesml.training.tuning import PORTFOLIO

SIZES = (10_000, 300_000)
ORACLE = 1_000  # rows that pred_contrib runs on
LEARNT, COLUMNS = 30_000, 60
LEVELS = {56: 4, 57: 12, 58: 50, 59: 300}
LARGE = {**PORTFOLIO[0], "num_leaves": 31, "min_data_in_leaf": 50, "feature_fraction": 1.0}
BAG = tuple(Member(settings, 100, 0.25) for settings in PORTFOLIO[:4])
HEAD = (
    "rows",
    "trees",
    "predict",
    "pred_contrib",
    "explain",
    "explain / predict",
    "pred_contrib / explain",
    "difference",
    "GB before",
    "GB after",
)


def table(rows: int, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, COLUMNS))
    for column in range(20):
        matrix[rng.random(rows) < 0.2, column] = np.nan
    for column, codes in LEVELS.items():
        matrix[:, column] = rng.integers(0, codes, rows)
    return Table(matrix, LEVELS)


def outcomes(rows: Table) -> Floats:
    rng = np.random.default_rng(1)
    x = np.nan_to_num(rows.matrix)
    odds = x[:, :56] @ rng.normal(0, 0.3, 56) + x[:, 0] * x[:, 30] - 2
    for column, codes in LEVELS.items():
        odds += rng.normal(0, 0.5, codes)[x[:, column].astype(int)]
    return np.asarray(rng.random(len(rows)) < 1 / (1 + np.exp(-odds)), dtype=np.float64)


def one_booster(rows: Table, y: Floats) -> Boosted:
    """300 trees of 31 leaves; a member is grown from several seeds, and one of them is enough."""
    learnt = BoostingRecipe((Member(LARGE, 300, 1.0),), {}, 0, 0).learn(rows, y, {})
    return Boosted.of(learnt.boosters[:1], [1.0], COLUMNS, 0)


def oracle(model: Boosted, matrix: Floats) -> Floats:
    each = [booster.predict(matrix, pred_contrib=True)[:, :-1] for booster in model.boosters]
    return np.asarray(np.tensordot(model.weights, each, axes=1), dtype=np.float64)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(folder: Path, rows: int) -> None:
    """Print one line; it runs in a process of its own."""
    stored = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    model = Boosted.restore(stored, folder, COLUMNS, 0)
    new = table(rows, 2)
    first = new.take(np.arange(min(ORACLE, rows)))
    predicting, _ = timed(lambda: model.margin(new))
    contributing, wanted = timed(lambda: oracle(model, first.matrix))
    contributing *= rows / len(first)
    before = peak()
    explaining, found = timed(lambda: model.contributions(new))
    line = (
        f"{rows:,}",
        f"{sum(booster.num_trees() for booster in model.boosters):,}",
        *(f"{rows / seconds:,.0f}" for seconds in (predicting, contributing, explaining)),
        f"{explaining / predicting:.1f}",
        f"{contributing / explaining:.0f}",
        f"{np.abs(found[: len(first)] - wanted).max():.0e}",
        f"{before:.2f}",
        f"{peak():.2f}",
    )
    print(f"| {' | '.join(line)} |", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("rows", nargs="*", type=int, default=[])
    options.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.alone:
        measure(given.alone, given.rows[0])
        return
    print(f"| {' | '.join(HEAD)} |\n| {' | '.join('---' for _ in HEAD)} |", flush=True)
    learnt = table(LEARNT, 0)
    y = outcomes(learnt)
    for model in (one_booster(learnt, y), BoostingRecipe(BAG, {}, 0, 0).learn(learnt, y, {})):
        model.contributions(learnt)  # compiles
        with tempfile.TemporaryDirectory() as name:
            stored = model.dump(Path(name))
            (Path(name) / "model.json").write_text(json.dumps(stored), encoding="utf-8")
            for rows in given.rows or SIZES:
                own = [sys.executable, __file__, str(rows), "--alone", name]
                subprocess.run(own, check=True)


if __name__ == "__main__":
    main()
