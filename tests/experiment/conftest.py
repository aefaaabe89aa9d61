"""Companies with more feature sets than their task uses, and panels with a known truth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import yaml

from salesml.config import TaskConfig, load_project
from salesml.experiment.panels import Panels
from salesml.experiment.result import FeatureCost
from salesml.training import TrainingData

Judged = Callable[..., TrainingData]

RECENCY_SQL = """\
select account_id, as_of, date_diff('day', max(happened_at)::date, as_of) as quiet_days,
    count(distinct channel) as channels
from activities
group by account_id, as_of
"""


def write_set(
    root: Path, name: str, sql: str, features: list[str], entity: str = "account"
) -> None:
    """Add a feature set of numbers that reads activities."""
    words = {"ja": "{value}", "en": "{value}"}
    number = {
        "concept": "rhythm", "type": "double", "unit": {"ja": "日", "en": "days"},
        "good": "none", "missing": 0, "words": words,
    }  # fmt: skip
    content = {
        "description": name,
        "lookback": "180 days",
        "reads": {"activities": {"columns": {"channel": "varchar"}}},
        "concepts": {"rhythm": {"ja": "間隔", "en": "Rhythm"}},
        "features": dict.fromkeys(features, number),
        "tests": [
            {
                "name": "of nobody nothing is known",
                "spine": [{f"{entity}_id": "a", "as_of": dt.date(2025, 2, 1)}],
                "expect": [{f"{entity}_id": "a", "as_of": dt.date(2025, 2, 1)}],
            }
        ],
    }
    folder = root / "features" / entity
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sql").write_text(sql, encoding="utf-8")
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    (folder / f"{name}.yml").write_text(text, encoding="utf-8")


def add_sets(root: Path) -> Path:
    """Add sets that the task does not use; one of another entity, one with an old set's names."""
    write_set(root, "recency", RECENCY_SQL, ["quiet_days", "channels"])
    write_set(
        root,
        "contact_v2",
        "select account_id, as_of, count(*) as visits_30d from activities group by all",
        ["visits_30d"],
    )
    write_set(root, "arrival", "select lead_id, as_of from activities", ["arrived"], "lead")
    return root


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """The small company, nothing run yet."""
    return add_sets(tiny.make_company(tmp_path))


@pytest.fixture
def task(company: Path) -> TaskConfig:
    """Its task."""
    return load_project("tiny", company).task("away")


@pytest.fixture(scope="session")
def experienced(tiny_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small company after a night, which experiments may be run in."""
    return add_sets(tiny.copy_of(tiny_night, tmp_path_factory.mktemp("experiment") / "company"))


def panel(*, entities: int = 90, months: int = 18, seed: int = 0) -> TrainingData:
    """Entities seen monthly; log-odds are signal + hidden; noise_0 … noise_4 tell nothing."""
    rng = np.random.default_rng(seed)
    rows = entities * months
    who = np.repeat(np.arange(entities), months)
    signal, hidden = rng.normal(size=(2, rows)) + 0.7 * rng.normal(size=(2, entities))[:, who]
    y = rng.random(rows) < 1 / (1 + np.exp(1.2 - signal - 1.5 * hidden))
    dates = np.tile(pd.date_range("2023-01-01", periods=months, freq="MS"), entities)
    X = pd.DataFrame({"signal": signal, "hidden": hidden})
    for number in range(5):
        X[f"noise_{number}"] = rng.normal(size=rows)
    return TrainingData(
        X,
        pd.Series(y.astype(int)),
        pd.Series(dates).dt.date,
        pd.Series([f"a{number:03d}" for number in who]),
    )


def panels_of(data: TrainingData) -> Panels:
    """*data* as the panel of one feature set, ``all``."""
    return Panels({("all",): data}, FeatureCost(0.0, 0, 0))


AS_OF = dt.date(2024, 9, 1)
