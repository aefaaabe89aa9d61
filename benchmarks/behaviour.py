"""Which model foretells best what comes next, on newer dates, and how long millions of acts take.

    salesml sample var/sample
    python benchmarks/behaviour.py             # the sample and three real logs
    python benchmarks/behaviour.py 10000000    # seconds and memory for so many acts

Each line is one model: log loss on the newest quarter of the dates, and the gain over the Markov
chain with its 95 % interval; ``*`` marks the one that predicts.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from salesml.actions.behaviour import NextBehaviour

DATA = Path(os.environ.get("SALESML_DATA", "../shared/data"))
SAMPLE = Path(os.environ.get("SAMPLE_CRM", "var/sample/crm.sqlite"))


def sample(entity: str) -> pd.DataFrame:
    """Acts of accounts or leads and by us; known once typed in, mistyped dates left out."""
    sql = f"""select {entity}_id as entity_id, happened_at, logged_at as known_at,
        lower(trim(kind)) as kind, lower(trim(direction)) as direction from activities
        where {entity}_id is not null and lower(trim(direction)) in ('in', 'out')
            and happened_at <= logged_at"""
    with closing(sqlite3.connect(SAMPLE)) as con:
        acts = pd.read_sql(sql, con)
    for name in ("happened_at", "known_at"):
        acts[name] = pd.to_datetime(acts[name], errors="coerce")
    return acts.dropna(subset=["happened_at", "known_at"])


def cdnow() -> pd.DataFrame:
    """Purchases of 1997 and 1998, by how much was spent on a day."""
    path = DATA / "cdnow_transactions" / "CDNOW_master.txt.gz"
    rows = pd.read_csv(path, sep=r"\s+", header=0, names=["entity_id", "day", "cds", "spent"])
    days = rows.groupby(["entity_id", "day"], as_index=False)["spent"].sum()
    steps = pd.cut(days["spent"], [-1, 15, 30, 60, 1e9], labels=["15", "30", "60", "more"])
    happened_at = pd.to_datetime(days["day"].astype("str"))
    return days.assign(happened_at=happened_at, kind=steps.astype("str"))


def adventureworks() -> pd.DataFrame:
    """Orders, by what most of the money of each was spent on."""
    folder = DATA / "adventureworks_orders"
    lines = pd.read_csv(folder / "SalesOrderDetail.csv.gz").sort_values("LineTotal")
    lines = lines.drop_duplicates("SalesOrderID", keep="last")
    orders = pd.read_csv(folder / "SalesOrderHeader.csv.gz").merge(lines, on="SalesOrderID")
    products = pd.read_csv(folder / "Product.csv.gz")[["ProductID", "ProductSubcategoryID"]]
    orders = orders.merge(products, on="ProductID")
    names = {"CustomerID": "entity_id", "OrderDate": "happened_at", "ProductSubcategoryID": "kind"}
    return orders.rename(columns=names).astype({"kind": "str"})


def complete_journey() -> pd.DataFrame:
    """Lines of baskets of 2,377 households in 2017, by department."""
    folder = DATA / "complete_journey_8451"
    lines = pd.read_csv(folder / "transactions_sample.csv.gz")
    products = pd.read_csv(folder / "products.csv.gz")[["product_id", "department"]]
    lines = lines.merge(products, on="product_id").dropna(subset=["department"])
    names = {
        "household_id": "entity_id",
        "transaction_timestamp": "happened_at",
        "department": "kind",
    }
    return lines.rename(columns=names)


LOGS: dict[str, tuple[Callable[[], pd.DataFrame], int]] = {
    "sample, accounts": (lambda: sample("account"), 14),
    "sample, leads": (lambda: sample("lead"), 14),
    "cdnow": (cdnow, 30),
    "adventureworks": (adventureworks, 60),
    "complete journey": (complete_journey, 14),
}


def judge(name: str, acts: pd.DataFrame, within: int) -> None:
    begin = time.perf_counter()
    model = NextBehaviour(within=within).fit(acts)
    seconds = time.perf_counter() - begin
    kinds = len(model.classes_) - 1
    print(f"{name}: {len(acts):,} acts, {kinds} kinds, {model.rows_:,} histories, {seconds:.0f} s")
    for each in model.leaderboard_.itertuples():
        mark = "*" if each.chosen else " "
        print(
            f"  {mark} {each.Index:12} {each.log_loss:.4f}  {each.gain:+.4f} "
            f"({each.low:+.4f} to {each.high:+.4f})"
        )


def made(acts: int) -> pd.DataFrame:
    """Made-up acts, 100 an entity, over three years; a third of them by us."""
    rng = np.random.default_rng(0)
    ids = np.array([f"A{i:07d}" for i in range(acts // 100)], dtype=object)
    kinds = np.array([f"kind{i:02d}" for i in range(15)], dtype=object)
    seconds = rng.integers(0, 3 * 365 * 86_400, acts)
    return pd.DataFrame(
        {
            "entity_id": rng.choice(ids, acts),
            "happened_at": np.datetime64("2023-01-01", "s") + seconds.astype("timedelta64[s]"),
            "kind": rng.choice(kinds, acts),
            "direction": np.where(rng.random(acts) < 0.33, "out", "in"),
        }
    )


def measure(acts: int) -> None:
    given = made(acts)
    begin = time.perf_counter()
    model = NextBehaviour().fit(given)
    learnt = time.perf_counter()
    model.predict_proba(given)
    told = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{acts:,} acts, {model.rows_:,} histories: learnt in {learnt - begin:.0f} s, "
        f"foretold in {told - learnt:.0f} s, peak memory {peak:.1f} GB"
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("acts", nargs="?", type=int, help="how many made-up acts to measure")
    given = options.parse_args()
    if given.acts:
        measure(given.acts)
    else:
        for title, (read, days) in LOGS.items():
            judge(title, read(), days)
