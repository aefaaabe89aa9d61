"""AdventureWorks, one row a customer's order day: how fast the features are, and how good.

    SALESML_DATA=... python benchmarks/adventureworks.py [--seeds 5] [--no-model]

The task is that of the data's own description: as of the end of the day of an order, will the
customer order nothing in the next 90 days? Learnt on orders before 2013-10-03, tested on those of
2014-01-01 to 2014-03-31, whose beginning every outcome learnt from is known by.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import pandas as pd

from salesml.config import Project, TaskConfig, load_project
from salesml.engine import connect
from salesml.features import compute_set, load_feature_sets, with_links
from salesml.intake import read_source, reading_order
from salesml.labels import dates_of_panel, outcomes, populations
from salesml.learning import first_known
from salesml.scoring import store_of
from salesml.training import PropensityModel
from salesml.training.metrics import evaluate
from salesml.wiring import declared_types, feature_sets_of

ROOT = Path(__file__).parents[1]
LEARNT_BEFORE, TEST = dt.date(2013, 10, 3), (dt.date(2014, 1, 1), dt.date(2014, 3, 31))
TREES = {"n_estimators": 200, "learning_rate": 0.05, "num_leaves": 31, "min_child_samples": 20}
SAMPLED = {"subsample": 0.8, "subsample_freq": 1, "colsample_bytree": 0.6}


class Panel(NamedTuple):
    """Features, outcomes, customers and the days of the orders, row by row."""

    X: pd.DataFrame
    y: np.ndarray[Any, np.dtype[np.float64]]
    customer: pd.Series[str]
    day: pd.Series[Any]

    def take(self, rows: pd.Series[bool]) -> Panel:
        chosen = rows.to_numpy()
        return Panel(self.X[chosen], self.y[chosen], self.customer[chosen], self.day[chosen])


def read(project: Project) -> None:
    """Read all sources of *project* into its store."""
    types = declared_types(feature_sets_of(project))
    with connect() as con:
        for name in reading_order(project.sources):
            now = dt.datetime(2026, 1, 1)
            chosen = types.get(name, {})
            read_source(con, project, store_of(project), name, now=now, types=chosen)


def panel_of(project: Project, task: TaskConfig) -> Panel:
    """The panel over all order days, and how long each part took."""
    store = store_of(project)
    sets = load_feature_sets(project.features, task.entity, task.features)
    known = dt.date(2014, 7, 1)
    with connect() as con:
        begin = time.perf_counter()
        first = first_known(con, project, store, task, known)
        dates = dates_of_panel(con, project, store, task, first, known)
        spine = populations(con, project, store, task, dates, "000")
        asked = time.perf_counter()
        print(f"{len(spine):,} rows of {len(dates):,} dates: population {asked - begin:.2f} s")
        parts = []
        for chosen in sets:
            start = time.perf_counter()
            part = compute_set(con, project, store, chosen, with_links(spine, chosen), "000")
            print(f"  {chosen.name}: {part.shape[1]} features, {time.perf_counter() - start:.2f} s")
            parts.append(part)
        X = pd.concat(parts, axis=1)
        print(f"{X.shape[1]} features in {time.perf_counter() - asked:.2f} s")
        y = outcomes(con, project, store, task, spine, known_before=known, bucket="000")
    day = spine["as_of"] - dt.timedelta(days=1)
    return Panel(X, y.to_numpy(dtype=float), spine[task.id_column], day)


def numbers(X: pd.DataFrame) -> pd.DataFrame:
    """*X* with texts as codes in alphabetical order, and nothing that is always missing."""
    texts = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    coded = X.assign(**{name: X[name].astype("category").cat.codes for name in texts})
    return coded.dropna(axis=1, how="all")


def plain(train: Panel, test: Panel, seed: int, **settings: Any) -> Any:
    model = lightgbm.LGBMClassifier(**settings, random_state=seed, n_jobs=1, verbose=-1)
    return model.fit(train.X, train.y).predict_proba(test.X)[:, 1]


def ours(train: Panel, test: Panel, seed: int, **settings: Any) -> Any:
    model = PropensityModel(embargo_days=90, random_state=seed, num_threads=1, **settings)
    model.fit(train.X, train.y, train.day, train.customer)
    return model.predict_proba(test.X)[:, 1]


def report(title: str, test: Panel, predictions: list[Any]) -> None:
    """Print the AUC of each seed in the mean, and of the mean of the predictions."""
    clusters = test.customer.astype("category").cat.codes.to_numpy()
    each = [evaluate(test.y, p, clusters)["roc_auc"].value for p in predictions]
    bagged = evaluate(test.y, np.mean(predictions, axis=0), clusters)["roc_auc"]
    print(
        f"{title}: AUC {np.mean(each):.4f} (sd {np.std(each):.4f}, {len(each)} seeds), "
        f"bagged {bagged.value:.4f} ({bagged.low:.4f} to {bagged.high:.4f})",
        flush=True,
    )


def compare(name: str, train: Panel, test: Panel, seeds: int, model: bool) -> None:
    print(f"{name}: {len(train.y):,} rows, {train.y.mean():.1%} churn")
    a, b = (part._replace(X=numbers(part.X)) for part in (train, test))
    b = b._replace(X=b.X.reindex(columns=a.X.columns))
    for title, settings in (("sampled", {**TREES, **SAMPLED}), ("untuned", {})):
        found = [plain(a, b, seed, **settings) for seed in range(seeds)]
        report(f"  LightGBM, {title}", test, found)
    if model:
        report("  PropensityModel", test, [ours(train, test, seed) for seed in range(seeds)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-model", action="store_true", help="plain LightGBM alone")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = replace(load_project("adventureworks", ROOT), scratch=Path(folder))
        task = project.task("churn")
        read(project)
        panel = panel_of(project, task.model_copy(update={"history": None}))
        test = panel.take(panel.day.between(*TEST))
        print(f"test: {len(test.y):,} rows, {test.y.mean():.1%} churn")
        train = panel.take(panel.day < LEARNT_BEFORE)
        newest = sorted(set(panel.day))[-int(task.history or 0) :][0]
        compare("all order days", train, test, chosen.seeds, not chosen.no_model)
        recent = train.take(train.day >= newest)
        compare(f"since {newest}", recent, test, chosen.seeds, not chosen.no_model)


if __name__ == "__main__":
    main()
