from __future__ import annotations

from typing import Any

import pytest

from salesml.config import TaskConfig
from salesml.errors import ConfigError
from salesml.experiment.settings import settings_of


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"model.time_budget": "10"}, {"time_budget": 10}),
        ({"model.time_budget": "0.5"}, {"time_budget": 0.5}),
        ({"model.time_budget": 7.5}, {"time_budget": 7.5}),
        ({"model.num_threads": "2"}, {"num_threads": 2}),
    ],
)
def test_settings_change(
    task: TaskConfig, changes: dict[str, Any], expected: dict[str, float]
) -> None:
    assert settings_of(task, changes) == task.model | expected


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "model.time_budgt",
            "3",
            "no setting 'model.time_budgt'. Did you mean 'model.time_budget'",
        ),
        ("time_budget", "3", "no setting 'time_budget'. Did you mean 'model.time_budget'"),
        ("model.embargo_days", "3", "no setting 'model.embargo_days'"),
        ("every", "week", "every would change the question or its rows"),
        ("history", "12", "history would change the question or its rows"),
        ("horizon", "60 days", "horizon would change the question or its rows"),
        ("features", "[contact]", "Use --with and --without"),
        ("model.random_state", "3", "model.random_state would change the split or the folds"),
        ("model.min_positives", "3", "model.min_positives would change the split or the folds"),
        ("model.time_budget", "ten", "input should be a valid number"),
        ("model.time_budget", "[", "not YAML"),
        ("model.num_threads", "1.5", "Give a whole number"),
    ],
)
def test_settings_that_make_no_sense_are_told(
    task: TaskConfig, key: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(task, {key: value})
    for text in (said, f"--set {key}", "to do: "):
        assert text in str(caught.value)
