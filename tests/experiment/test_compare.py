"""What is said of a change, held to panels whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salesml.config import TaskConfig
from salesml.errors import LabelError
from salesml.experiment.compare import judge
from salesml.experiment.plan import Plan
from salesml.experiment.result import COMPARED, Experiment
from salesml.training import TrainingData, train
from tests.experiment.conftest import AS_OF, panel, panels_of

SETTINGS = {"tree_budget": 300, "num_threads": 1}
NOISE = [f"noise_{number}" for number in range(5)]
FEW = ["signal", "noise_0"]


def plan(name: str, columns: list[str]) -> Plan:
    return Plan(name, {"all": tuple(columns)}, SETTINGS)


def compared(task: TaskConfig, data: TrainingData, *plans: Plan) -> Experiment:
    told: list[str] = []
    found = judge(task, AS_OF, [plan("base", FEW), *plans], panels_of(data), told.append)
    assert [text for text in told if f"{len(plans) + 1} of {len(plans) + 1}" in text]
    return found


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return panel()


def test_a_variant_equal_to_the_base_differs_by_exactly_nothing(
    task: TaskConfig, data: TrainingData
) -> None:
    for found in compared(task, data, plan("same", FEW)).outcomes:
        assert found.differences == dict.fromkeys(COMPARED, (0.0, 0.0, 0.0))


def test_an_informative_feature_is_found(task: TaskConfig, data: TrainingData) -> None:
    found = compared(task, data, plan("with hidden", [*FEW, "hidden"]))
    variant = found.outcomes[1]
    for name, better in (("log_loss", -1), ("brier", -1), ("roc_auc", 1), ("average_precision", 1)):
        value, low, high = variant.differences[name]
        assert low < value < high
        assert min(better * low, better * high) > 0
        assert value == pytest.approx(
            variant.metrics[name].value - found.outcomes[0].metrics[name].value
        )
    assert found.verdicts()[0].startswith("with hidden helps: log loss lower by 0.")
    worse = compared(task, data, plan("without signal", ["noise_0"]))
    assert worse.verdicts()[0].startswith("without signal hurts: log loss higher by 0.")


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_not_said_to_help(task: TaskConfig, seed: int) -> None:
    found = compared(task, panel(seed=seed), plan("with noise", ["signal", *NOISE]))
    assert "helps" not in found.verdicts()[0]


def test_of_a_shuffled_outcome_no_feature_knows_anything(
    task: TaskConfig, data: TrainingData
) -> None:
    shuffled = np.random.default_rng(1).permutation(data.y.to_numpy())
    lost = replace(data, y=pd.Series(shuffled))
    found = compared(task, lost, plan("with hidden", [*FEW, "hidden"]))
    assert "no clear difference" in found.verdicts()[0] or "the same" in found.verdicts()[0]
    low, high = found.outcomes[1].metrics["roc_auc"][1:]
    assert low <= 0.5 <= high


def test_like_is_compared_with_like(task: TaskConfig, data: TrainingData) -> None:
    found = compared(task, data, plan("only noise", ["noise_1", "noise_2"]), plan("same", FEW))
    base, noise, same = found.outcomes
    assert (noise.chosen, base.chosen != "base_rate") == ("base_rate", True)
    assert noise.alike is not None
    assert 0 < noise.alike.low < noise.alike.value
    assert noise.alike != noise.differences["log_loss"]
    assert same.alike is None


def test_a_leaking_feature_is_named(task: TaskConfig, data: TrainingData) -> None:
    leaking = replace(data, X=data.X.assign(flag=data.y.to_numpy(dtype=float)))
    verdict = compared(task, leaking, plan("with flag", [*FEW, "flag"])).verdicts()[0]
    assert "helps" in verdict
    assert "But flag alone tells the outcome (AUC 1.000)" in verdict


def test_all_variants_are_judged_on_the_same_rows(task: TaskConfig, data: TrainingData) -> None:
    found = compared(task, data, plan("with hidden", [*FEW, "hidden"]))
    rows = found.predictions
    assert list(rows) == ["entity", "as_of", "y", "base", "with hidden"]
    assert rows.notna().all().all()
    assert not rows.duplicated(["entity", "as_of"]).any()
    assert (found.judged.rows, found.judged.positives) == (len(rows), rows["y"].sum())
    truth = pd.DataFrame({"entity": data.entity, "as_of": data.as_of, "truth": data.y})
    joined = rows.merge(truth, on=["entity", "as_of"], validate="one_to_one")
    assert (joined["y"] == joined["truth"]).all()
    for name, outcome in zip(list(rows)[3:], found.outcomes, strict=True):
        loss = -np.log(np.where(rows["y"] == 1, rows[name], 1 - rows[name])).mean()
        assert outcome.metrics["log_loss"].value == pytest.approx(loss)


def test_the_test_window_of_training_is_not_touched(task: TaskConfig, data: TrainingData) -> None:
    found = compared(task, data, plan("with hidden", [*FEW, "hidden"]))
    result = train(
        replace(data, X=data.X[FEW]), horizon_days=task.horizon, settings=dict(task.model)
    )
    assert found.left == result.testing.first
    assert found.judged.last <= result.training.last
    # whatever the newest rows say, nothing changes
    newest = pd.Series(data.as_of >= result.testing.first)
    poisoned = replace(
        data, X=data.X.mask(newest, other=1e9), y=pd.Series(data.y.where(~newest, 1 - data.y))
    )
    again = compared(task, poisoned, plan("with hidden", [*FEW, "hidden"]))
    pd.testing.assert_frame_equal(again.predictions, found.predictions)
    pd.testing.assert_frame_equal(
        again.table().drop(columns="seconds"), found.table().drop(columns="seconds")
    )


def test_a_history_too_short_for_dates_is_split_by_entities(task: TaskConfig) -> None:
    found = compared(task, panel(entities=400, months=1), plan("more", [*FEW, "hidden"]))
    assert found.split == "groups"
    assert found.judged.rows < 400
    assert "a part of the entities stays unseen" in "\n".join(found.lines())


def test_too_few_positives_are_counted(task: TaskConfig, data: TrainingData) -> None:
    few = replace(data, y=pd.Series((np.arange(len(data.y)) < 7).astype(int)))
    with pytest.raises(LabelError, match="too few positives to learn from: 7 of 1620 rows"):
        compared(task, few, plan("more", [*FEW, "hidden"]))


def test_a_rule_is_not_tried_where_its_feature_is_left_out(
    task: TaskConfig, data: TrainingData
) -> None:
    ruled = task.model_copy(update={"baseline": "signal"})
    found = compared(ruled, data, plan("without signal", ["hidden", "noise_0"]))
    assert len(found.outcomes) == 2
