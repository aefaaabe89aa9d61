"""Is the candidate that training deploys the best one on newer dates, and is it calibrated?

    python benchmarks/by_time.py            # olist, cdnow and grants, newest dates as test

Each line is one candidate on the test; ``*`` marks the deployed one. The error of calibration is
the mean distance of predicted and observed share over ten groups of equally many rows.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from salesml import api
from salesml.training import TrainingData, TrainingResult, train
from salesml.training.metrics import calibration_error

DATA = Path(os.environ.get("SALESML_DATA", "../shared/data"))
# filled in after the decision, as their gaps alone tell its outcome
LATER_KNOWN = ("day", "month", "weekday", "sponsor", "contract", "category", "grant_cat")


def project(name: str, task: str) -> TrainingResult:
    return api.train(name, task, tell=lambda text: print(text, file=sys.stderr)).result


def grants() -> TrainingResult:
    """Applications before 2008, of 2008, and of late 2008, which are the test."""
    folder = DATA / "grant_applications_unimelb"
    older = pd.read_csv(folder / "grants_other.csv.gz")
    newest = pd.read_csv(folder / "grants_test.csv.gz")
    before = pd.read_csv(folder / "grants_2008_rows.csv").iloc[:, 0].to_numpy() - 1
    day = np.full(len(older), "2008-06-30")
    day[before] = "2007-06-30"
    frame = pd.concat([older, newest], ignore_index=True)
    honest = [c for c in frame if c != "class" and not c.lower().startswith(LATER_KNOWN)]
    data = TrainingData(
        frame[honest],
        (frame["class"] == "successful").astype(int),
        pd.Series([*day, *["2008-12-31"] * len(newest)]),
        pd.Series(range(len(frame))),
    )
    return train(data, horizon_days=90, settings={"time_budget": 60}, test_share=0.05)


TASKS = {
    "olist": lambda: project("olist", "lead_conversion"),
    "cdnow": lambda: project("cdnow", "churn"),
    "grants": grants,
}


def show(name: str, result: TrainingResult) -> None:
    y, X = result.test.outcomes, result.test.X
    for candidate, metrics in result.candidates.items():
        p = result.holdout_model.with_candidate(candidate).predict_proba(X)[:, 1]
        error = calibration_error(y, p, result.test.clusters)
        mark = "*" if candidate == result.deployed else ""
        loss, auc = metrics["log_loss"], metrics["roc_auc"]
        print(f"| {name} | {candidate}{mark} | {loss:} | {auc:} | {error} | {len(y):,} |")


def main() -> None:
    warnings.simplefilter("ignore")
    print("| task | candidate | log loss | AUC | calibration error | test rows |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or TASKS:
        show(name, TASKS[name]())


if __name__ == "__main__":
    main()
