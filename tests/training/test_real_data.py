"""Real tables, where they are there: figures that others reach must be reached."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from salesml.training import PropensityModel, TrainingData, train
from salesml.training.metrics import roc_auc, row_losses
from salesml.training.split import group_folds

ROOT = Path(__file__).parents[2]
DATA = ROOT / os.environ.get("SALESML_DATA", "../shared/data")


def table(name: str, **how: str) -> pd.DataFrame:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"no real data: {file} is absent (set SALESML_DATA)")
    return pd.read_csv(file, **how)  # type: ignore[call-overload, no-any-return]


def test_telco_churn_out_of_sample() -> None:
    frame = table("telco_churn_ibm/Telco-Customer-Churn.csv.gz")
    y = (frame.pop("Churn") == "Yes").to_numpy(dtype=float)
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    fold = group_folds(y, np.arange(len(y)), seed=1)[0]
    model = PropensityModel(tree_budget=1000, num_threads=1)
    model.fit(frame.iloc[fold.train], y[fold.train])
    p = model.predict_proba(frame.iloc[fold.valid])[:, 1]
    assert roc_auc(y[fold.valid], p) > 0.83
    assert row_losses(y[fold.valid], p).mean() < 0.43
    assert model.warnings_ == ["Left out, because they name or number the rows: customerID."]


def test_bank_marketing_by_time_order() -> None:
    """The file is in date order and drifts from 6 % to 25 % positive."""
    frame = table("bank_marketing_uci/bank-additional-full.csv.gz", sep=";")
    frame = frame.iloc[::5].reset_index(drop=True).drop(columns="duration")
    y = (frame.pop("y") == "yes").astype(int)
    day = pd.Series(pd.date_range("2008-05-01", "2010-11-30", periods=len(y))).dt.date
    data = TrainingData(frame, y, day, pd.Series(range(len(y))))
    found = train(data, horizon_days=30, settings={"num_threads": 1, "tree_budget": 300})
    assert found.split == "time"
    assert found.metrics["roc_auc"].value >= 0.5
    loss = {name: measures["log_loss"].value for name, measures in found.candidates.items()}
    assert loss[found.deployed] <= loss["base_rate"]
