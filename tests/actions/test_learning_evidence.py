"""Evidence beside an effect: it says as much as is known, and never the opposite."""

from __future__ import annotations

from typing import NamedTuple, cast

import pandas as pd
import pytest

from salesml.actions.learning.comparison import Comparison
from salesml.actions.learning.evidence import evidence
from salesml.config import TaskConfig, load_project
from tests.tiny import make_company


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> TaskConfig:
    root = make_company(tmp_path_factory.mktemp("company") / "root")
    return load_project("tiny", root).task("away")


class _Cases(NamedTuple):
    """A comparison of which only the rates of like cases are asked."""

    with_rate: float
    without_rate: float
    actions: tuple[str, ...] = ("call",)

    def rates(self, _: str) -> pd.DataFrame:
        own = {"with_n": 50, "with_rate": self.with_rate}
        return pd.DataFrame(
            [own | {"without_n": 60, "without_rate": self.without_rate}], index=[""]
        )


@pytest.mark.parametrize(
    ("rates", "effect", "told"),
    [
        ((0.30, 0.20), (0.1, 0.05, 0.15), "70% with it, 80% without"),
        ((0.30, 0.20), (0.1, -0.05, 0.25), "70% with it, 80% without (effect not proven)"),
        ((0.30, 0.20), (0.0, -0.05, 0.06), "70% with it, 80% without (effect not proven)"),
        ((0.20, 0.30), (-0.1, -0.15, -0.05), "80% with it, 70% without"),
        ((0.20, 0.30), (0.1, 0.05, 0.15), None),
        ((0.20, 0.30), (0.0, -0.05, 0.06), None),
        ((0.204, 0.196), (0.1, 0.05, 0.15), None),  # reads as 80 % and 80 %
        ((0.30, 0.20), (-0.1, -0.15, -0.05), None),
    ],
)
def test_evidence_never_contradicts_the_effect(
    task: TaskConfig, rates: tuple[float, float], effect: tuple[float, ...], told: str | None
) -> None:
    effects = pd.DataFrame([("call", *effect)], columns=["action", "effect", "low", "high"])
    cases = cast("Comparison", _Cases(*rates))
    (row,) = evidence(cases, task, effects, [None]).to_dict("records")
    assert row["without"] == rates[1]
    assert row["evidence_en"] == (told and f"Of 110 like cases, staying away: {told}")
    assert (row["evidence_ja"] is None) == (told is None)
    if told:
        assert ("効果は未証明" in row["evidence_ja"]) == ("not proven" in told)
