"""From a panel to a model and an honest account of how good it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from salesml.config import Capacity, Fairness, Value
from salesml.errors import ConfigError, LabelError, suggest
from salesml.training.data import TrainingData
from salesml.training.fairness import fairness_warnings, selections
from salesml.training.inputs import enough_of_both
from salesml.training.intervals import Interval
from salesml.training.judge import RULE, Judged, judge
from salesml.training.metrics import calibration_error, calibration_table, gain_curve
from salesml.training.profit import rate_of, require_amount, target
from salesml.training.propensity import PropensityModel
from salesml.training.result import Explained, TrainingResult, Window
from salesml.training.segments import by_segment
from salesml.training.split import group_folds, newest_dates
from salesml.training.table import Floats, Ints
from salesml.training.verdict import put_in_words

__all__ = ["EXPECTED", "fit_model", "model_of", "split_rows", "train"]

SETTINGS = (
    "time_budget",
    "tree_budget",
    "monotone",
    "min_positives",
    "num_threads",
    "random_state",
)
EXPECTED = "expected"  # monotone in the directions that the feature sets expect
TEST_SHARE = 0.25  # of the rows
SELECTED = 0.1  # of the rows, where the task does not say how many can be contacted

Progress = Callable[[str], None]
Split = tuple[Ints, Ints, Literal["time", "groups"]]


def train(
    data: TrainingData,
    *,
    horizon_days: int,
    settings: Mapping[str, Any],
    test_share: float = TEST_SHARE,
    baseline: str | None = None,
    capacity: Capacity | None = None,
    value: Value | None = None,
    fairness: Fairness | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Learn on older dates, judge on the newest, then learn on all.

    Rows are learnt from for the judgement only if their outcome, *horizon_days* long, was known
    on the first test date. *settings* are parameters of `PropensityModel` (time_budget,
    tree_budget, monotone, min_positives, num_threads, random_state); ``monotone: expected`` takes
    the directions of ``data.expected``. *baseline* names the column that holds the score of a rule:
    a model that does not clearly beat it is not deployed, the rule is. *capacity* and *value* say
    how many are contacted and what that comes to; *fairness* between which groups of the segment
    columns the selection is compared.

    Raises
    ------
    LabelError
        If there are too few positives or negatives, or no rows left to test on.
    ConfigError
        If a setting or the baseline is unknown, or *value* needs an amount and there is none.
    """
    say = progress or (lambda _: None)
    model = model_of(settings, horizon_days)
    _require_column(data, baseline)
    require_amount(value, data.amount is not None)
    train_rows, test_rows, split = split_rows(data, model, horizon_days, test_share)
    training, test = data.take(train_rows), data.take(test_rows)
    say(f"learning from {Window.of(training)}")
    holdout = fit_model(model, training, baseline)
    say(f"testing {holdout.chosen_} on {Window.of(test)}")
    judged = judge(holdout, test)
    say(f"learning {judged.deployed} from all rows, {Window.of(data)}")
    final = holdout.refit(data.X, data.outcomes, data.as_of, data.groups, candidate=judged.deployed)
    y, own, clusters = test.outcomes, judged.predictions[judged.deployed], test.clusters
    segments = by_segment(training, test, own, judged.predictions["base_rate"])
    targeting = target(
        test,
        own,
        rate=rate_of(test if split == "time" else data, data.days, capacity),
        capacity=capacity,
        value=value,
        tuning=None if value is None else _out_of_fold(holdout, training, judged.deployed),
    )
    capable = targeting.capacity.share if targeting.capacity else SELECTED
    compared = selections(fairness, training, test, own, segments, capable)
    warnings = [
        *([_no_later_test(data, horizon_days)] if split == "groups" else []),
        *holdout.warnings_,
        *final.warnings_,
        *targeting.warnings,
        *(words.en for segment in segments if (words := segment.warning)),
        *(words.en for words in fairness_warnings(compared)),
    ]
    return TrainingResult(
        model=final,
        holdout_model=holdout,
        deployed=judged.deployed,
        metrics=judged.metrics[judged.deployed],
        candidates=judged.metrics,
        leaderboard=_leaderboard(holdout.leaderboard_, judged.metrics),
        gain=judged.gain,
        challenger=judged.challenger,
        rule=baseline,
        rule_gain=judged.rule_gain,
        beats_base_rate=judged.beats_base_rate,
        calibration_error=calibration_error(y, own, clusters),
        calibration_table=calibration_table(y, own, clusters),
        gain_curve=gain_curve(y, own, clusters),
        segments=segments,
        fairness=compared,
        targeting=targeting,
        test_predictions=_predictions(test, judged),
        explained=Explained.of(final, test.X),
        verdict=put_in_words(judged, Window.of(test), rule=baseline),
        warnings=list(dict.fromkeys(warnings)),
        leaks=holdout.leaks_ | final.leaks_,
        split=split,
        horizon_days=horizon_days,
        training=Window.of(training),
        testing=Window.of(test),
        whole=Window.of(data),
        test=test,
    )


def model_of(settings: Mapping[str, Any], horizon_days: int) -> PropensityModel:
    """Return a model yet to learn; raises ConfigError for a setting that there is not."""
    unknown = [key for key in settings if key not in SETTINGS]
    if unknown:
        raise ConfigError(
            f"Unknown model settings: {', '.join(unknown)}.{suggest(unknown[0], SETTINGS)}",
            fix=f"use {', '.join(SETTINGS)}",
        )
    return PropensityModel(embargo_days=horizon_days, **settings)


def fit_model(
    model: PropensityModel, data: TrainingData, baseline: str | None = None, **how: Any
) -> PropensityModel:
    """Return a model with the settings of *model* that learnt from *data*."""
    settings = model.get_params()
    if settings["monotone"] == EXPECTED:
        settings["monotone"] = {n: sign for n, sign in data.expected.items() if n in data.X}
    fresh = PropensityModel(**settings)
    if baseline is not None:
        how["baseline"] = baseline
    return fresh.fit(data.X, data.outcomes, data.as_of, data.groups, **how)


def _require_column(data: TrainingData, baseline: str | None) -> None:
    if baseline is not None and baseline not in data.X.columns:
        raise ConfigError(
            f"The baseline '{baseline}' is no feature of the task."
            f"{suggest(baseline, [str(name) for name in data.X.columns])}",
            where="baseline",
            fix="Name a feature that holds the rule's score.",
        )


def _out_of_fold(
    holdout: PropensityModel, training: TrainingData, name: str
) -> tuple[TrainingData, Floats]:
    return training, holdout.out_of_fold_[name].to_numpy(dtype=np.float64)


def split_rows(
    data: TrainingData, model: PropensityModel, horizon: int, share: float = TEST_SHARE
) -> Split:
    """Return the rows to learn from, those to test on, and by what they were split.

    Raises LabelError where there are too few outcomes for that.
    """
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


def _leaderboard(board: pd.DataFrame, tested: dict[str, dict[str, Interval]]) -> pd.DataFrame:
    values = {
        name: {
            f"test_{measure}{end}": number
            for measure, interval in each.items()
            for end, number in zip(("", "_low", "_high"), interval, strict=True)
        }
        for name, each in tested.items()
    }
    return board.join(pd.DataFrame.from_dict(values, orient="index"), on="candidate")


def _predictions(test: TrainingData, judged: Judged) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "entity": test.entity.to_numpy(),
            "as_of": pd.to_datetime(test.as_of).dt.date.to_numpy(),
            "y": test.outcomes.astype(np.int64),
            "probability": judged.predictions[judged.deployed],
            "base_rate_probability": judged.predictions["base_rate"],
        }
    )
    rule = judged.predictions.get(RULE)
    return rows if rule is None else rows.assign(rule_probability=rule)


def _no_later_test(data: TrainingData, horizon: int) -> str:
    return (
        "The test is on other entities, not on later dates, and may flatter the model "
        f"({_dates(data)}); {_history_needed(horizon)}."
    )
