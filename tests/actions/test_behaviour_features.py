"""Next acts and answers as features: their examples hold, also those of sets that no task uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from salesml.engine import connect
from salesml.features import load_feature_set, run_examples

FEATURES = Path(__file__).resolve().parents[2] / "features"


@pytest.mark.parametrize(
    ("entity", "name"),
    [("account", "next_behaviour"), ("lead", "next_behaviour"), ("account", "response")],
)
def test_the_examples_hold(entity: str, name: str) -> None:
    run_examples(connect(), load_feature_set(FEATURES, entity, name))
