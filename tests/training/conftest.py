"""Small panels with a known truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from salesml.training import PropensityModel, TrainingData, TrainingResult, train
from salesml.training.table import Floats, Table

# the same examples on every machine, however busy it is
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

QUICK = {"num_threads": 1, "tree_budget": 200}
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


def fast(**settings: Any) -> PropensityModel:
    """A model that searches little, the same on every machine."""
    return PropensityModel(**{"tree_budget": 200, "num_threads": 1} | settings)


def sample(rows: int = 400, seed: int = 0) -> tuple[Table, Floats]:
    """A number with gaps that matter, a skewed number, three categories, an empty column."""
    rng = np.random.default_rng(seed)
    number = rng.normal(size=rows)
    code = rng.integers(0, 3, rows).astype(float)
    odds = number + (code == 2) - 1
    number[rng.random(rows) < 0.2] = np.nan
    columns = [number, rng.lognormal(0, 2, rows), code, np.full(rows, np.nan)]
    y = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    return Table(np.column_stack(columns), {2: 3}), y


def unseen() -> Table:
    """Rows for `sample`'s columns, of what it does not hold."""
    return Table(np.array([[np.nan] * 4, [9.0, 1e6, 1.0, 4.0]]), {2: 3})


@pytest.fixture(autouse=True, scope="session")
def _few_resamples() -> Iterator[None]:
    """Intervals of the leaderboard take most of a small fit, and no test looks at their width."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salesml.training.selection.RESAMPLES", 20)
        yield


@pytest.fixture(scope="session")
def panel() -> Panel:
    """`make_panel`, for tests that need their own."""
    return make_panel


@pytest.fixture(scope="session")
def data() -> TrainingData:
    """A panel with signal."""
    return make_panel()


@pytest.fixture(scope="session")
def model(data: TrainingData) -> PropensityModel:
    """A model of all candidates; the rule sees one of two columns that matter."""
    learner = fast(embargo_days=60)
    return learner.fit(data.X, data.y, data.as_of, data.entity, baseline=LOGINS)


@pytest.fixture(scope="session")
def result(data: TrainingData) -> TrainingResult:
    """What training on `data` comes to."""
    return train(data, horizon_days=60, settings=QUICK)


@pytest.fixture(scope="session")
def silent_result() -> TrainingResult:
    """What training on a panel without signal comes to."""
    return train(make_panel(signal=0), horizon_days=60, settings=QUICK)
