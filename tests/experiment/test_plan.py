from __future__ import annotations

from pathlib import Path

from salesml import Variant
from salesml.config import TaskConfig, load_project
from salesml.experiment.plan import plans_of


def test_the_task_as_configured_comes_first(company: Path, task: TaskConfig) -> None:
    variant = Variant(remove=["profile"], settings={"model.time_budget": "1.5"})
    base, other = plans_of(load_project("tiny", company), task, [variant])
    assert (base.name, base.settings) == ("as configured", task.model)
    assert list(base.chosen) == ["contact", "profile"]
    assert other.name == "without profile, model.time_budget=1.5"
    assert other.settings == {**task.model, "time_budget": 1.5}
    assert other.columns == ["visits_30d", "visits_prev_30d", "days_since_visit"]


def test_a_direction_goes_with_its_feature(company: Path, task: TaskConfig) -> None:
    directions = {"visits_30d": -1, "days_since_visit": 1}
    directed = task.model_copy(update={"model": {**task.model, "monotone": directions}})
    variant = Variant(remove=["visits_30d"])
    base, other = plans_of(load_project("tiny", company), directed, [variant])
    assert base.settings["monotone"] == directions
    assert other.settings["monotone"] == {"days_since_visit": 1}


def test_expected_directions_stay_what_they_are(company: Path, task: TaskConfig) -> None:
    directed = task.model_copy(update={"model": {**task.model, "monotone": "expected"}})
    plans = plans_of(load_project("tiny", company), directed, [Variant(remove=["visits_30d"])])
    assert [plan.settings["monotone"] for plan in plans] == ["expected"] * 2
