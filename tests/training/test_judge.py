from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salesml.training import TrainingData, Window
from salesml.training.judge import judge
from salesml.training.table import Floats
from salesml.training.verdict import put_in_words

ROWS = 600
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(0, 1.5, ROWS)
TEST = TrainingData(
    pd.DataFrame({"row": range(ROWS)}),
    pd.Series(RNG.random(ROWS) < 1 / (1 + np.exp(-TRUTH))),
    pd.Series([dt.date(2024, 1, 1)] * ROWS),
    pd.Series(range(ROWS)),
)
NOISE = RNG.normal(0, 1, ROWS)


def knowing(part: float) -> Floats:
    """Probabilities of somebody who sees *part* of the truth."""
    return np.asarray(1 / (1 + np.exp(-part * TRUTH)))


class Holdout:
    """A fitted model, as far as `judge` looks at it: candidates and what they predict."""

    def __init__(self, chosen: str, **predictions: Floats) -> None:
        share = float(TEST.outcomes.mean())
        self.fitted_ = {"base_rate": np.full(ROWS, share), **predictions}
        self.chosen_ = chosen
        self.leaderboard_ = pd.DataFrame(
            {"candidate": list(self.fitted_), "log_loss": range(len(self.fitted_))[::-1]}
        )
        self.answer = self.fitted_[chosen]

    def with_candidate(self, name: str) -> Any:
        return Holdout(name, **{k: v for k, v in self.fitted_.items() if k != "base_rate"})

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        return np.column_stack([1 - self.answer[X["row"]], self.answer[X["row"]]])


GOOD, FAIR, RANDOM = knowing(1), knowing(0.3), 1 / (1 + np.exp(-0.3 * NOISE))


@pytest.mark.parametrize(
    ("chosen", "candidates", "deployed", "words"),
    [
        ("logistic", {"logistic": GOOD}, "logistic", "The model beats the base rate: "),
        ("logistic", {"logistic": RANDOM}, "base_rate", "The model does not beat the base rate: "),
        (
            "base_rate",
            {"logistic": GOOD},
            "base_rate",
            "The model does not beat the base rate within the training window: ",
        ),
        (
            "logistic",
            {"rule": FAIR, "logistic": GOOD},
            "logistic",
            "The model beats the base rate and the rule (health): ",
        ),
        (
            "logistic",
            {"rule": GOOD, "logistic": FAIR},
            "rule",
            "The model does not beat the rule (health): ",
        ),
        (
            "logistic",
            {"rule": GOOD, "logistic": GOOD},
            "rule",
            "The model does not beat the rule (health): ",
        ),
        (
            "rule",
            {"rule": FAIR, "logistic": GOOD},
            "rule",
            "The model does not beat the rule (health) within the training window: ",
        ),
        ("rule", {"rule": GOOD}, "rule", "The rule (health) beats the base rate: "),
        (
            "logistic",
            {"rule": RANDOM, "logistic": RANDOM},
            "base_rate",
            "Neither the model nor the rule (health) beats the base rate: ",
        ),
    ],
)
def test_what_is_deployed_and_said(
    chosen: str, candidates: dict[str, Floats], deployed: str, words: str
) -> None:
    judged = judge(Holdout(chosen, **candidates), TEST)  # type: ignore[arg-type]
    assert judged.deployed == deployed
    assert judged.beats_base_rate == (deployed != "base_rate")
    rule = "health" if "rule" in candidates else None
    verdict = put_in_words(judged, Window.of(TEST), rule=rule)
    assert verdict.en.startswith(words)
    for text in (verdict.ja, verdict.en):
        assert "None" not in text
        assert "AUC 0." in text


def test_gain_over_the_rule_is_told_beside_that_over_the_base_rate() -> None:
    judged = judge(Holdout("logistic", rule=FAIR, logistic=GOOD), TEST)  # type: ignore[arg-type]
    assert judged.rule_gain is not None
    assert 0 < judged.rule_gain.low < judged.rule_gain.value < judged.gain.value
    verdict = put_in_words(judged, Window.of(TEST), rule="health")
    assert f"gain over the rule {judged.rule_gain.value:.4f}" in verdict.en
    assert f"ルールに対する改善幅{judged.rule_gain.value:.4f}" in verdict.ja


def test_numbers_of_a_rule_that_stays_are_those_against_the_rule() -> None:
    judged = judge(Holdout("logistic", rule=GOOD, logistic=FAIR), TEST)  # type: ignore[arg-type]
    verdict = put_in_words(judged, Window.of(TEST), rule="health")
    own, rule = (judged.metrics[name]["log_loss"].value for name in ("logistic", "rule"))
    assert f"log loss {own:.4f} (logistic) against {rule:.4f}, gain -0." in verdict.en
    assert verdict.en.endswith("The rule (health) is used, turned into probabilities.")
    assert verdict.ja.endswith("ルール（health）を確率に直して使います。")


def test_the_best_model_is_compared_where_none_was_chosen() -> None:
    judged = judge(Holdout("base_rate", logistic=RANDOM, lightgbm=GOOD), TEST)  # type: ignore[arg-type]
    assert judged.challenger == "lightgbm"
    assert judged.rule_gain is None
