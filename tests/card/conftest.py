"""Cards of small models with awkward names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pandas as pd
import pytest

from salesml.card import render_card
from salesml.config import Capacity, Project, TaskConfig, Value
from salesml.features import FeatureSet
from salesml.training import Decision, TrainingData, TrainingResult, decide, train
from tests.report.page import Element, read_page

NASTY = '</script><script>alert("1")</script>'
LOGINS, GAPS, KIND, FLAG = f"logins {NASTY}", "noise{z}:,", "区分 & <種別>", 'is "new"'
CAPACITY = Capacity(contacts=5, per="week")
VALUE = Value.model_validate({"contact": -1000, "positive": "0.1 * amount", "negative": -500})

Card = Callable[..., Element]


def make_data(*, rows: int = 900, signal: float = 2.0, dates: int = 12) -> TrainingData:
    """Rows of all kinds of columns: numbers, gaps, texts that are HTML, truth values."""
    rng = np.random.default_rng(0)
    logins = rng.integers(0, 12, rows).astype(float)
    kind = rng.choice(["<b>大</b>", "中&小", NASTY], rows)
    odds = -1.5 + signal * (logins - 5) / 4 + signal * (kind == NASTY)
    X = pd.DataFrame(
        {
            LOGINS: logins,
            GAPS: np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
            KIND: kind,
            FLAG: rng.random(rows) < 0.5,
        }
    )
    months = pd.date_range("2024-01-01", periods=dates, freq="MS").date
    return TrainingData(
        X,
        pd.Series((rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)),
        pd.Series(np.resize(months, rows)),
        pd.Series([f"e{i % 90}" for i in range(rows)]),
        pd.Series(rng.uniform(1e5, 1e6, rows)),
        pd.DataFrame({"segment <i>": kind, "size": logins}),
    )


def make_task(**changes: Any) -> TaskConfig:
    """A task with words that are HTML, capacity and value."""
    words = {"ja": "解約<b>&", "en": f"Churn {NASTY}"}
    plain = {"title": words, "question": words, "capacity": CAPACITY, "value": VALUE}
    bands = [
        {"name": "high", "ja": "高<", "en": "High", "from": 60},
        {"name": "low", "ja": "低", "en": "Low", "from": 1},
    ]
    return fakes.task(**{**plain, "bands": bands, **changes})


def trained(data: TrainingData, **options: Any) -> TrainingResult:
    """What training comes to, quickly."""
    return train(data, horizon_days=30, settings={"num_threads": 1}, **options)


@pytest.fixture(scope="session")
def result() -> TrainingResult:
    """A model with signal, capacity and segments."""
    return trained(make_data(), capacity=CAPACITY)


@pytest.fixture(scope="session")
def silent() -> TrainingResult:
    """Nothing to learn: the base rate is deployed."""
    return trained(replace(make_data(signal=0), segments=None))


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """The page of a card; fails where its elements are not closed in order."""

    def make(
        result: TrainingResult,
        *,
        task: TaskConfig | None = None,
        decision: Decision | None = None,
        sets: Sequence[FeatureSet] = (),
        language: str = "ja",
    ) -> Element:
        project: Project = fakes.project(tmp_path, {})
        settings = project.settings.model_copy(update={"language": language})
        html = render_card(
            replace(project, settings=settings),
            task or make_task(value=None),
            result,
            decision or decide(result, None),
            sets,
            as_of=dt.date(2025, 1, 1),
            run_id="r<1>",
            now=dt.datetime(2025, 1, 2, 3, 4),
        )
        path = tmp_path / "card.html"
        path.write_text(html, encoding="utf-8")
        return read_page(path)

    return make
