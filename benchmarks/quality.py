"""How good the probabilities are, beside plain LightGBM and logistic regression, on real tables.

    python benchmarks/quality.py                      # the table of README, one seed
    python benchmarks/quality.py --seeds 5 --budget 60 telco bank

Each seed is another stratified split into 70 % to learn from and 30 % to test on. The tables are
looked for in SALESML_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from salesml import PropensityModel

DATA = Path(os.environ.get("SALESML_DATA", "../shared/data"))


class Dataset(NamedTuple):
    """A file, what its outcome is, and what must not be learnt from."""

    file: str
    target: str
    yes: str
    drop: tuple[str, ...] = ()
    separator: str = ","

    def read(self) -> tuple[pd.DataFrame, pd.Series]:
        """Return the columns to learn from, and the outcome."""
        frame = pd.read_csv(DATA / self.file, sep=self.separator).drop(columns=list(self.drop))
        return frame.drop(columns=self.target), (frame[self.target] == self.yes).astype(int)


TABLES = {
    "telco": Dataset(
        "telco_churn_ibm/Telco-Customer-Churn.csv.gz", "Churn", "Yes", ("customerID",)
    ),
    "mlc5000": Dataset("telecom_churn_mlc5000/mlc_churn.csv.gz", "churn", "yes"),
    # how long a call took is known after it only
    "bank": Dataset(
        "bank_marketing_uci/bank-additional-full.csv.gz", "y", "yes", ("duration",), ";"
    ),
    "bank_full": Dataset("bank_marketing_uci/bank-full.csv.gz", "y", "yes", ("duration",), ";"),
    # without what was filled in after the decision: dates, sponsor, contract value, category
    "grants": Dataset("grant_applications_unimelb/grants_other.csv.gz", "class", "successful"),
}
LATER_KNOWN = ("day", "month", "weekday", "sponsor", "contract", "category")


class Measured(NamedTuple):
    log_loss: float
    roc_auc: float
    brier: float
    seconds: float
    note: str


Learner = Callable[[pd.DataFrame, pd.Series, pd.DataFrame, float], tuple[np.ndarray, str]]


def propensity_model(
    X: pd.DataFrame, y: pd.Series, new: pd.DataFrame, budget: float
) -> tuple[np.ndarray, str]:
    model = PropensityModel(time_budget=budget).fit(X, y)
    own = model.leaderboard_.set_index("candidate")["log_loss"]
    each = ", ".join(f"{name} {loss:.4f}" for name, loss in own.items())
    return model.predict_proba(new)[:, 1], f"{model.chosen_} (out of fold: {each})"


def plain_lightgbm(
    X: pd.DataFrame, y: pd.Series, new: pd.DataFrame, _: float
) -> tuple[np.ndarray, str]:
    texts = X.select_dtypes(exclude=["number", "bool"]).columns
    kinds = {name: pd.CategoricalDtype(X[name].dropna().unique()) for name in texts}
    model = lgb.LGBMClassifier(n_estimators=200, verbosity=-1, random_state=0)
    model.fit(X.astype(kinds), y)
    return model.predict_proba(new.astype(kinds))[:, 1], ""


def plain_logistic(
    X: pd.DataFrame, y: pd.Series, new: pd.DataFrame, _: float
) -> tuple[np.ndarray, str]:
    prepared = make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include=["number", "bool"]),
        ),
        (
            OneHotEncoder(handle_unknown="ignore", min_frequency=20),
            make_column_selector(dtype_exclude=["number", "bool"]),
        ),
    )
    model = make_pipeline(prepared, LogisticRegression(max_iter=2000))
    return model.fit(X, y).predict_proba(new)[:, 1], ""


LEARNERS: dict[str, Learner] = {
    "PropensityModel": propensity_model,
    "LightGBM, 200 trees": plain_lightgbm,
    "logistic": plain_logistic,
}


def read(name: str) -> tuple[pd.DataFrame, pd.Series]:
    X, y = TABLES[name].read()
    if name == "telco":  # 11 blanks make it a column of texts, which the other two cannot read
        X["TotalCharges"] = pd.to_numeric(X["TotalCharges"], errors="coerce")
    if name == "grants":
        X = X[[c for c in X.columns if not c.lower().startswith(LATER_KNOWN)]]
    return X, y


def measure(name: str, seed: int, budget: float) -> dict[str, Measured]:
    X, y = read(name)
    split = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    old, new, y_old, y_new = split
    found = {}
    for learner, learn in LEARNERS.items():
        started = time.perf_counter()
        p, note = learn(old, y_old, new, budget)
        seconds = time.perf_counter() - started
        found[learner] = Measured(
            log_loss(y_new, p), roc_auc_score(y_new, p), brier_score_loss(y_new, p), seconds, note
        )
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("tables", nargs="*", default=[], help=f"of {', '.join(TABLES)}")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--budget", type=float, default=60)
    given = options.parse_args()
    warnings.simplefilter("ignore")
    print("| table | seed | learner | log loss | AUC | Brier | seconds | |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in given.tables or TABLES:
        for seed in range(given.seeds):
            for learner, m in measure(name, seed, given.budget).items():
                numbers = f"{m.log_loss:.5f} | {m.roc_auc:.4f} | {m.brier:.4f} | {m.seconds:.0f}"
                print(f"| {name} | {seed} | {learner} | {numbers} | {m.note} |", flush=True)


if __name__ == "__main__":
    main()
