"""Small panels with a known truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from salesml.training import TrainingData, TrainingResult, train

# the same examples on every machine, however busy it is
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

Panel = Callable[..., TrainingData]

LOGINS, NOISE, SEGMENT = 'ログイン["30d"]', "noise{z}:,", "区分"


def make_panel(
    *, entities: int = 120, months: int = 12, signal: float = 1.5, base: float = -1.5, seed: int = 0
) -> TrainingData:
    """Entities seen monthly; log-odds are base + signal * logins, + 1 in segment SMB."""
    rng = np.random.default_rng(seed)
    rows = entities * months
    who = np.repeat(np.arange(entities), months)
    logins = rng.normal(size=entities)[who] + rng.normal(size=rows)
    segment = rng.choice(["大企業", "中堅", "SMB"], size=entities)[who]
    odds = base + signal * (logins + (segment == "SMB"))
    gaps = rng.random(rows) < 0.2
    X = pd.DataFrame(
        {
            LOGINS: logins,
            NOISE: np.where(gaps, np.nan, rng.normal(size=rows)),
            SEGMENT: segment,
        }
    )
    dates = np.tile(pd.date_range("2024-01-01", periods=months, freq="MS"), entities)
    return TrainingData(
        X,
        pd.Series((rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)),
        pd.Series(dates).dt.date,
        pd.Series([f"a{number:03d}" for number in who]),
    )


@pytest.fixture(scope="session")
def panel() -> Panel:
    """`make_panel`, for tests that need their own."""
    return make_panel


@pytest.fixture(scope="session")
def data() -> TrainingData:
    """A panel with signal."""
    return make_panel()


@pytest.fixture(scope="session")
def result(data: TrainingData) -> TrainingResult:
    """What training on `data` comes to."""
    return train(data, horizon_days=60, settings={"num_threads": 1})


@pytest.fixture(scope="session")
def silent_result() -> TrainingResult:
    """What training on a panel without signal comes to."""
    return train(make_panel(signal=0), horizon_days=60, settings={"num_threads": 1})
