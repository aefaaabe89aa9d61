from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salesml.training import TrainingResult, decide
from salesml.training.calibration import log_odds


def champion(result: TrainingResult, blur: float) -> pd.DataFrame:
    """The result's own predictions, their log-odds multiplied by *blur*."""
    rows = result.test_predictions[["entity", "as_of", "probability"]].copy()
    odds = log_odds(rows["probability"].to_numpy()) * blur
    return rows.assign(probability=1 / (1 + np.exp(-odds)))


def predicting(result: TrainingResult, probability: np.ndarray) -> TrainingResult:
    return replace(result, test_predictions=result.test_predictions.assign(probability=probability))


def test_first_model_is_promoted(result: TrainingResult) -> None:
    decision = decide(result, None)
    assert decision.promote
    assert decision.reasons == [
        f"There is no champion yet: this {result.deployed} model is the first."
    ]
    assert decision.comparison is None


def test_first_base_rate_is_promoted_and_called_so(silent_result: TrainingResult) -> None:
    decision = decide(silent_result, None)
    assert decision.promote
    assert decision.reasons == ["There is no champion yet: the base rate is the first."]


def test_better_model_is_promoted(result: TrainingResult) -> None:
    decision = decide(result, champion(result, 0))
    assert decision.promote
    assert decision.comparison is not None
    assert decision.comparison.gain.low > 0
    assert decision.comparison.rows == 360
    assert decision.comparison.entities == 120
    assert decision.reasons[0].startswith("Better than the champion: gain in log loss +0.")
    assert "on 360 common rows of 120 entities" in decision.reasons[0]


@pytest.mark.parametrize("blur", [1.0, 0.97])
def test_equal_or_hardly_better_model_is_refused(result: TrainingResult, blur: float) -> None:
    decision = decide(result, champion(result, blur))
    assert not decision.promote
    assert decision.reasons[0].startswith("Not clearly better than the champion")


def test_only_common_rows_count(result: TrainingResult) -> None:
    some = champion(result, 0).iloc[:90]
    elsewhere = some.assign(entity=some["entity"] + "x", probability=1e-9)
    decision = decide(result, pd.concat([some, elsewhere]))
    assert decision.comparison is not None
    assert decision.comparison.rows == 90


def test_ids_and_dates_read_from_files_match(result: TrainingResult) -> None:
    rows = champion(result, 0)
    stored = rows.assign(as_of=pd.to_datetime(rows["as_of"]), entity=rows["entity"].astype(object))
    assert decide(result, stored) == decide(result, rows)


def test_no_common_rows_are_no_evidence(result: TrainingResult) -> None:
    decision = decide(result, champion(result, 0).iloc[:0])
    assert not decision.promote
    assert decision.reasons == [
        "There are no rows that both this model and the champion predicted."
    ]


@pytest.mark.parametrize("first", [True, False])
def test_leak_is_refused_always(result: TrainingResult, first: bool) -> None:
    leaking = replace(result, leaks={"closed_at": 0.999})
    decision = decide(leaking, None if first else champion(result, 0))
    assert not decision.promote
    assert decision.reasons[0] == (
        "Column closed_at alone tells the outcome (AUC 0.999); remove it and train again."
    )


@pytest.mark.parametrize(
    ("stretch", "words"), [(6.0, "too extreme: calibration slope"), (0.2, "too timid")]
)
def test_grossly_wrong_slope_is_refused(result: TrainingResult, stretch: float, words: str) -> None:
    odds = log_odds(result.test_predictions["probability"].to_numpy())
    flawed = predicting(result, 1 / (1 + np.exp(-stretch * odds)))
    terrible = champion(result, 0).assign(probability=0.999)
    decision = decide(flawed, terrible)
    assert decision.comparison is not None
    assert decision.comparison.gain.low > 0
    assert not decision.promote
    assert words in decision.reasons[0]
    assert decision.reasons[-1].startswith("Better than the champion")


def test_grossly_wrong_level_is_refused_and_said_of_a_first_model(
    silent_result: TrainingResult,
) -> None:
    share = silent_result.test_predictions["y"].mean()
    flawed = predicting(silent_result, np.full(silent_result.testing.rows, share / 4))
    words = f"Probabilities are off: {share / 4:.1%} predicted on average, {share:.1%} observed."
    terrible = silent_result.test_predictions.assign(probability=1e-9)
    refused, first = decide(flawed, terrible), decide(flawed, None)
    assert not refused.promote
    assert words in refused.reasons
    assert first.promote
    assert words in first.reasons


def ruled(result: TrainingResult, blur: float) -> TrainingResult:
    """The result as if a rule had said the same, its log-odds multiplied by *blur*."""
    rule = champion(result, blur)["probability"]
    rows = result.test_predictions.assign(rule_probability=rule)
    return replace(result, rule="health", test_predictions=rows)


def test_model_must_beat_the_rule_as_clearly_as_the_champion(result: TrainingResult) -> None:
    refused = decide(ruled(result, 0.97), champion(result, 0))
    assert not refused.promote
    assert refused.reasons[0].startswith("Not clearly better than the rule (health): gain in log")
    assert refused.reasons[-1].startswith("Better than the champion")
    assert decide(ruled(result, 0), champion(result, 0)).promote


def test_first_model_is_promoted_and_its_rule_told(result: TrainingResult) -> None:
    first = decide(ruled(result, 0.97), None)
    assert first.promote
    assert first.reasons[1].startswith("Not clearly better than the rule (health)")


def test_rule_itself_need_not_beat_the_rule(result: TrainingResult) -> None:
    deployed = replace(ruled(result, 1), deployed="rule")
    assert decide(deployed, champion(result, 0)).promote
    assert decide(deployed, None).reasons == [
        "There is no champion yet: the rule (health) is the first."
    ]


def test_reasons_are_there_in_both_languages(result: TrainingResult) -> None:
    for decision in (
        decide(result, None),
        decide(ruled(result, 0.97), champion(result, 0.97)),
        decide(replace(result, leaks={"closed_at": 0.999}), champion(result, 0).iloc[:0]),
    ):
        assert len(decision.reasons_ja) == len(decision.reasons) > 0
        assert all("。" in reason for reason in decision.reasons_ja)
