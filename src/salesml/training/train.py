"""From a panel to a model and an honest account of how good it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from salesml.errors import ConfigError, LabelError, suggest
from salesml.training.data import TrainingData
from salesml.training.inputs import enough_of_both
from salesml.training.metrics import (
    Interval,
    calibration_table,
    evaluate,
    expected_calibration_error,
    gain_curve,
    paired_gain,
    row_losses,
)
from salesml.training.propensity import PropensityModel
from salesml.training.result import TrainingResult, Verdict, Window
from salesml.training.split import group_folds, newest_dates
from salesml.training.table import Floats, Ints
from salesml.training.verdict import put_in_words

__all__ = ["train"]

SETTINGS = ("time_budget", "min_positives", "num_threads", "random_state")
# one-sided at 5 %: the question is whether the model is better, not whether it differs
LEVEL_OF_PROOF = 90
MOST_EXPLAINED = 2000  # rows suffice for a mean of absolute contributions

Progress = Callable[[str], None]
Split = tuple[Ints, Ints, Literal["time", "groups"]]


def train(
    data: TrainingData,
    *,
    horizon_days: int,
    settings: Mapping[str, Any],
    test_share: float = 0.25,
    progress: Progress | None = None,
) -> TrainingResult:
    """Learn on older dates, judge on the newest, then learn on all.

    Rows are learnt from for the judgement only if their outcome, *horizon_days* long, was known
    on the first test date. *settings* are parameters of `PropensityModel` (time_budget,
    min_positives, num_threads, random_state).

    Raises
    ------
    LabelError
        If there are too few positives or negatives, or no rows left to test on.
    ConfigError
        If a setting is unknown.
    """
    say = progress or (lambda _: None)
    model = _model(settings, horizon_days)
    train_rows, test_rows, split = _split(data, model, horizon_days, test_share)
    training, test = data.take(train_rows), data.take(test_rows)
    say(f"learning from {Window.of(training)}")
    holdout = _fit(model, training)
    say(f"testing {holdout.chosen_} on {Window.of(test)}")
    judged = _judge(holdout, test)
    say(f"learning {judged.deployed} from all rows, {Window.of(data)}")
    final = _fit(model, data, candidates=(judged.deployed,)).with_candidate(judged.deployed)
    warnings = list(dict.fromkeys([*holdout.warnings_, *final.warnings_]))
    if split == "groups":
        warnings.insert(0, _no_later_test(data, horizon_days))
    own = judged.predictions[judged.deployed]
    groups = calibration_table(test.outcomes, own)
    return TrainingResult(
        model=final,
        holdout_model=holdout,
        deployed=judged.deployed,
        metrics=judged.metrics[judged.deployed],
        candidates=judged.metrics,
        leaderboard=_leaderboard(holdout.leaderboard_, judged.metrics),
        gain=judged.gain,
        challenger=judged.challenger,
        beats_base_rate=judged.deployed != "base_rate",
        calibration_error=expected_calibration_error(groups),
        calibration_table=groups,
        gain_curve=gain_curve(test.outcomes, own),
        test_predictions=_predictions(test, own, judged.predictions["base_rate"]),
        importance=_importance(final, test.X),
        verdict=judged.in_words(Window.of(test)),
        warnings=warnings,
        leaks=holdout.leaks_ | final.leaks_,
        split=split,
        horizon_days=horizon_days,
        training=Window.of(training),
        testing=Window.of(test),
        test=test,
    )


class _Judged(NamedTuple):
    """What the candidates did on the test."""

    predictions: dict[str, Floats]
    metrics: dict[str, dict[str, Interval]]
    challenger: str
    gain: Interval
    deployed: str

    def in_words(self, testing: Window) -> Verdict:
        return put_in_words(
            beats=self.deployed != "base_rate",
            challenger=self.challenger,
            gain=self.gain,
            metrics=self.metrics,
            testing=testing,
        )


def _judge(holdout: PropensityModel, test: TrainingData) -> _Judged:
    y, clusters = test.outcomes, test.clusters
    predictions = {
        name: holdout.with_candidate(name).predict_proba(test.X)[:, 1] for name in holdout.fitted_
    }
    metrics = {name: evaluate(y, p, clusters) for name, p in predictions.items()}
    challenger = _challenger(holdout)
    base, own = (row_losses(y, predictions[name]) for name in ("base_rate", challenger))
    gain = paired_gain(base, own, clusters, level=LEVEL_OF_PROOF)
    # log loss alone can gain by bolder probabilities in an order no better than chance
    beats = gain.low > 0 and metrics[challenger]["roc_auc"].low > 0.5
    deployed = str(holdout.chosen_) if beats else "base_rate"
    return _Judged(predictions, metrics, challenger, gain, deployed)


def _model(settings: Mapping[str, Any], horizon_days: int) -> PropensityModel:
    unknown = [key for key in settings if key not in SETTINGS]
    if unknown:
        raise ConfigError(
            f"Unknown model settings: {', '.join(unknown)}.{suggest(unknown[0], SETTINGS)}",
            fix=f"use {', '.join(SETTINGS)}",
        )
    return PropensityModel(embargo_days=horizon_days, **settings)


def _fit(model: PropensityModel, data: TrainingData, **how: Any) -> PropensityModel:
    fresh = PropensityModel(**model.get_params())
    return fresh.fit(data.X, data.outcomes, data.as_of, data.entity, **how)


def _split(data: TrainingData, model: PropensityModel, horizon: int, share: float) -> Split:
    y, fewest = data.outcomes, int(model.min_positives)
    enough_of_both(y, fewest)
    by_date = newest_dates(data.days, y, horizon=horizon, share=share, fewest=fewest)
    if by_date is not None:
        train_rows, test_rows = (np.flatnonzero(mask).astype(np.int64) for mask in by_date)
        return train_rows, test_rows, "time"
    folds = group_folds(y, data.clusters, int(model.random_state), round(1 / share))
    fold = folds[0]
    learnable = min(y[fold.train].sum(), (1 - y[fold.train]).sum()) >= fewest
    if len(folds) < 2 or not learnable or not 0 < y[fold.valid].sum() < len(fold.valid):
        raise LabelError(
            f"There are too few outcomes to learn from some and test on others: {int(y.sum())} "
            f"positives in {len(y)} rows; {fewest} positives and negatives must remain to learn "
            "from, and some of both to test on.",
            received=_dates(data),
            fix=_history_needed(horizon),
        )
    return fold.train, fold.valid, "groups"


def _dates(data: TrainingData) -> str:
    dates = pd.to_datetime(data.as_of)
    first, last = dates.min(), dates.max()
    return f"dates from {first.date()} to {last.date()}, {(last - first).days} days apart"


def _history_needed(horizon: int) -> str:
    return (
        f"give more history: the dates must span well over {horizon} days, the horizon, so that "
        "outcomes of the older ones are known when the newest ones begin"
    )


def _challenger(holdout: PropensityModel) -> str:
    """The candidate to compare with the base rate: the chosen one, or the best that is a model."""
    if holdout.chosen_ != "base_rate" or len(holdout.fitted_) == 1:
        return str(holdout.chosen_)
    return str(holdout.leaderboard_.iloc[1:].sort_values("log_loss")["candidate"].iloc[0])


def _leaderboard(board: pd.DataFrame, tested: dict[str, dict[str, Interval]]) -> pd.DataFrame:
    values = {
        name: {f"test_{m}": i.value for m, i in each.items()} for name, each in tested.items()
    }
    return board.join(pd.DataFrame.from_dict(values, orient="index"), on="candidate")


def _predictions(test: TrainingData, own: Floats, base: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "entity": test.entity.to_numpy(),
            "as_of": pd.to_datetime(test.as_of).dt.date.to_numpy(),
            "y": test.outcomes.astype(np.int64),
            "probability": own,
            "base_rate_probability": base,
        }
    )


def _importance(model: PropensityModel, X: pd.DataFrame) -> pd.DataFrame:
    some = X.sample(min(len(X), MOST_EXPLAINED), random_state=0)
    mean = model.explain(some).abs().mean().sort_values(ascending=False, kind="stable")
    return pd.DataFrame({"feature": mean.index.map(str), "importance": mean.to_numpy()})


def _no_later_test(data: TrainingData, horizon: int) -> str:
    return (
        "The test is on other entities, not on later dates, and may flatter the model "
        f"({_dates(data)}); {_history_needed(horizon)}."
    )
