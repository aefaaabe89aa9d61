"""The towns, made once, and a model that says what the season's features say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from salesml.approach import Plan, plan
from salesml.config import load_project
from tests.approach import towns

WINDOWS = {"train_from": "2021-04-01", "test_to": "2023-04-01"}
SCORES = {
    towns.OSATO: {"score": 70, "probability": 0.4, "owner": "山田", "expected_value": 40.0},
    towns.OTHER_OSATO: {"score": 80, "probability": 0.5, "owner": "佐藤"},
    towns.SENRI: {"score": 30, "probability": 0.1, "expected_value": 90.0},
}  # fmt: skip


class SeasonModel:
    """Its probability is a hundredth of the month, and a tenth for each that adopted."""

    expected_value_, score_slope_ = 0.0, 10.0

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        chance = X["month_number"].to_numpy() / 100 + X["adopters"].to_numpy() / 10
        return np.column_stack([1 - chance, chance])

    def margin(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        chance = self.predict_proba(X)[:, 1]
        return np.asarray(np.log(chance / (1 - chance)))


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project ``towns``, scored on its date; only looked at."""
    root = towns.make_towns(tmp_path_factory.mktemp("towns"))
    towns.write_book(root, SCORES)
    return root


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The registry, which holds one version of `SeasonModel`."""
    version = SimpleNamespace(version=1, windows=dict(WINDOWS), load=SeasonModel)
    fake: Any = SimpleNamespace(versions=lambda _: [version], version=version, store=Path(__file__))
    monkeypatch.setattr("salesml.run.registry_of", lambda _: fake)
    return fake  # type: ignore[no-any-return]


@pytest.fixture
def found(made: Path) -> Plan:
    """The plan of the date."""
    project = load_project("towns", made)
    return plan(project, project.task("adoption"), towns.AS_OF)
