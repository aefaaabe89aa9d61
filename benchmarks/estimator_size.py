"""Seconds and peak memory of the estimator by number of rows.

    python benchmarks/estimator_size.py                 # 1,000, 100,000 and 3,000,000 rows
    python benchmarks/estimator_size.py 500000 --columns 100

Each size is measured in a process of its own, on a made-up table of numbers with gaps and
categories, 7 % positive.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd

from salesml import PropensityModel

SIZES = (1_000, 100_000, 3_000_000)
CATEGORIES = (4, 12, 50, 1000)


def table(rows: int, columns: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    frame = {}
    odds = np.full(rows, -3.0)
    for number in range(columns - len(CATEGORIES)):
        x = rng.normal(size=rows) if number % 2 else rng.lognormal(size=rows)
        odds += (0.8 / (1 + number)) * (np.minimum(x, 2) + (x > 1) * (number % 3))
        x[rng.random(rows) < 0.1 * (number % 3)] = np.nan
        frame[f"number_{number}"] = x
    for levels in CATEGORIES:
        code = rng.integers(0, levels, rows)
        odds += rng.normal(0, 0.3, levels)[code]
        frame[f"category_{levels}"] = pd.Categorical.from_codes(
            code, [f"level {i}" for i in range(levels)]
        )
    return pd.DataFrame(frame), (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)


def measure(rows: int, columns: int, budget: float) -> None:
    warnings.simplefilter("ignore")
    X, y = table(rows, columns)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    model = PropensityModel(time_budget=budget).fit(X, y)
    fitted = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    model.predict_proba(X.head(100_000))
    predicted = time.perf_counter() - started
    print(
        f"| {rows:,} | {columns} | {fitted:.0f} | {peak / 2**20:.1f} | {before / 2**20:.1f} | "
        f"{predicted:.1f} | {model.chosen_} | {'; '.join(model.warnings_)} |",
        flush=True,
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("rows", nargs="*", type=int, default=[])
    options.add_argument("--columns", type=int, default=30)
    options.add_argument("--budget", type=float, default=60)
    options.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.alone:
        measure(given.rows[0], given.columns, given.budget)
        return
    print(
        "| rows | columns | seconds to fit | peak GB | of which the table | "
        "seconds to predict up to 100,000 rows | chosen | warnings |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for rows in given.rows or SIZES:
        own = [sys.executable, __file__, str(rows), "--alone"]
        own += ["--columns", str(given.columns), "--budget", str(given.budget)]
        subprocess.run(own, check=True)


if __name__ == "__main__":
    main()
