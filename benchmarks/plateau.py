"""Does the pipeline know in April which municipalities adopt a programme in that fiscal year?

    salesml municipal import -p plateau ../shared/data/jp_*    # once
    python benchmarks/plateau.py                # the task as configured, and rank by population
    python benchmarks/plateau.py --ablations    # what each feature set adds, and what it does alone
    python benchmarks/plateau.py --task card_growth

Each year's model learns from the years before alone, as a night on that 1 April would have. Figures
are AUC, average precision and the share of adopters among the first 50.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from salesml.errors import SalesmlError
from salesml.features import load_feature_sets
from salesml.learning import training_data
from salesml.pipeline import read_sources
from salesml.run import open_run
from salesml.training import TrainingData, train

FIRST = 50
AS_OF = dt.date(2025, 4, 1)  # when what came of the last year asked about is known
YEARS = {"municipal_adoption": (2023, 2024), "card_growth": (2020, 2021, 2022)}
# sets that no configured task reads stand for themselves in the ablations
ADDED = ("size", "spread", "peers", "people", "finance", "card_uptake", "politics", "budget_year")


def panel(task: str, sets: tuple[str, ...] | None) -> tuple[TrainingData, dict[str, list[str]]]:
    """All years of *task* with the features of *sets* (None: its own), and their names by set."""
    tell = lambda text: print(text, file=sys.stderr)  # noqa: E731
    with open_run("plateau", AS_OF, tell=tell) as run:
        config = run.project.task(task)
        if sets is not None:
            config = config.model_copy(update={"features": list(sets)})
            run.project.tasks[task] = config
        read_sources(run)
        data = training_data(run, config)
        found = load_feature_sets(run.project.features, "municipality", config.features)
    return data, {each.name: list(each.features) for each in found}


def figures(y: np.ndarray, p: np.ndarray) -> str:
    first = np.argsort(-p, kind="stable")[:FIRST]
    return (
        f"{roc_auc_score(y, p):.3f} / {average_precision_score(y, p):.3f} / {y[first].mean():.2f}"
    )


def judged(data: TrainingData, year: int, columns: list[str], seed: int) -> tuple[str, str]:
    """The deployed candidate and its figures in *year*, having learnt from the years before.

    Where the base rate is deployed, the best of the others out of fold is shown, and said so.
    """
    dates = pd.to_datetime(data.as_of).dt.date.to_numpy()
    asked = dt.date(year, 4, 1)
    past, now = (data.take(np.flatnonzero(mask)) for mask in (dates < asked, dates == asked))
    learnt = TrainingData(
        past.X[columns],
        past.y,
        past.as_of,
        past.entity,
        cluster=past.cluster,
        expected=past.expected,
    )
    settings = {"time_budget": 20, "random_state": seed, "monotone": "expected"}
    try:
        result = train(learnt, horizon_days=365, settings=settings)
    except SalesmlError as error:
        return "none", str(error.what)
    name, model = result.deployed, result.model
    if name == "base_rate":
        board = result.leaderboard.set_index("candidate")["log_loss"].drop("base_rate")
        name = f"base rate (not deployed: {board.idxmin()})"
        model = result.holdout_model.refit(
            learnt.X, learnt.outcomes, learnt.as_of, learnt.groups, candidate=str(board.idxmin())
        )
    return name, figures(now.outcomes, model.predict_proba(now.X[columns])[:, 1])


def variants(by_set: dict[str, list[str]]) -> dict[str, list[str]]:
    """Columns by the name of the variant: all, without each set, each set alone."""
    every = [name for names in by_set.values() for name in names]
    without = {
        f"without {left}": [n for s, names in by_set.items() if s != left for n in names]
        for left in by_set
    }
    return {"all": every, **without, **{f"{name} alone": names for name, names in by_set.items()}}


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="municipal_adoption", choices=YEARS)
    parser.add_argument("--ablations", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    data, by_set = panel(given.task, ADDED if given.ablations else None)
    rows = variants(by_set)
    if not given.ablations:
        rows = {"as configured": rows["all"]}
    years = YEARS[given.task]
    dates = pd.to_datetime(data.as_of).dt.date
    for year in years:
        now = data.take(np.flatnonzero(dates == dt.date(year, 4, 1)))
        size = now.X["population"].fillna(0).to_numpy()
        print(
            f"{year}: {int(now.outcomes.sum())} of {len(now.y):,}; "
            f"rank by population {figures(now.outcomes, size)}"
        )
    for name, columns in rows.items():
        told = [judged(data, year, columns, given.seed) for year in years]
        print(
            f"| {name} | " + " | ".join(f"{found} {text}" for found, text in told) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
