"""What the candidates did on the test, and which of them is to be deployed."""

from __future__ import annotations

from typing import NamedTuple

from salesml.training.data import TrainingData
from salesml.training.intervals import Interval
from salesml.training.metrics import evaluate, paired_gain, row_losses
from salesml.training.propensity import PropensityModel
from salesml.training.table import Floats

__all__ = ["BASE_RATE", "RULE", "Judged", "judge"]

# one-sided at 5 %: the question is whether the model is better, not whether it differs
LEVEL_OF_PROOF = 90
RULE = "rule"  # the candidate that is a rule's score, calibrated
BASE_RATE = "base_rate"


class Judged(NamedTuple):
    """What the candidates did on the test.

    ``challenger`` is the model that was compared, ``chosen`` whether it was chosen out of fold;
    ``gain`` is its gain over the base rate, ``rule_gain`` that over the rule; ``beats_base_rate``
    is about the one ``deployed``.
    """

    predictions: dict[str, Floats]
    metrics: dict[str, dict[str, Interval]]
    challenger: str
    chosen: bool
    gain: Interval
    rule_gain: Interval | None
    deployed: str
    beats_base_rate: bool


def judge(holdout: PropensityModel, test: TrainingData) -> Judged:
    """Try every candidate of *holdout* once on the *test*.

    A model is deployed if out of fold it was chosen, and here is better than the base rate and,
    where there is one, than the rule. Else the rule is, if it or the model is better than the base
    rate, and else the base rate.
    """
    y, clusters = test.outcomes, test.clusters
    predictions = {
        name: holdout.with_candidate(name).predict_proba(test.X)[:, 1] for name in holdout.fitted_
    }
    metrics = {name: evaluate(y, p, clusters) for name, p in predictions.items()}

    def gain(new: str, old: str) -> Interval:
        losses = [row_losses(y, predictions[name]) for name in (old, new)]
        return paired_gain(losses[0], losses[1], clusters, level=LEVEL_OF_PROOF)

    def useful(name: str) -> bool:
        # log loss alone can gain by bolder probabilities in an order no better than chance
        better = gain(name, BASE_RATE).low > 0
        return bool(better and metrics[name]["roc_auc"].low > 0.5)

    challenger = _challenger(holdout)
    rule_gain = gain(challenger, RULE) if RULE in predictions and challenger != RULE else None
    deployed = _deployed(holdout, challenger, useful(challenger), rule_gain)
    if deployed == RULE and not (useful(RULE) or useful(challenger)):
        deployed = BASE_RATE
    return Judged(
        predictions=predictions,
        metrics=metrics,
        challenger=challenger,
        chosen=holdout.chosen_ == challenger,
        gain=gain(challenger, BASE_RATE),
        rule_gain=rule_gain,
        deployed=deployed,
        beats_base_rate=useful(deployed),
    )


def _deployed(
    holdout: PropensityModel, challenger: str, useful: bool, rule_gain: Interval | None
) -> str:
    """The model if it is chosen and better than what there is, else the rule or the base rate."""
    fallback = RULE if RULE in holdout.fitted_ else BASE_RATE
    beaten = rule_gain is None or rule_gain.low > 0
    return challenger if useful and beaten and holdout.chosen_ == challenger else fallback


def _challenger(holdout: PropensityModel) -> str:
    """The candidate to compare: the chosen one, or the best that is a model."""
    models = [name for name in holdout.fitted_ if name not in (BASE_RATE, RULE)]
    if holdout.chosen_ in models or not models:
        return str(holdout.chosen_)
    board = holdout.leaderboard_
    tried = board[board["candidate"].isin(models)]
    return str(tried.sort_values("log_loss")["candidate"].iloc[0])
