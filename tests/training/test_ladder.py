from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.errors import LabelError, ModelError
from salesml.training import TrainingData
from salesml.training.calibration import fit_calibration
from salesml.training.ladder import LADDER, Climb, Folds, climb, finish, folds_of
from salesml.training.preparation import Prepared, Sample, prepare
from salesml.training.split import Fold
from salesml.training.table import Floats, Table
from salesml.training.tuning import Budget

from .conftest import LOGINS, make_panel

BUDGET = Budget(60, 1, 1, 0, lambda _: None)


def folds(*sizes: int) -> list[Fold]:
    """Validation parts of so many rows, one after the other."""
    ends = np.cumsum(sizes)
    return [Fold(np.arange(0), np.arange(end - n, end)) for n, end in zip(sizes, ends, strict=True)]


def noisy(rows: int = 40, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    margin = rng.normal(size=rows)
    return margin, (rng.random(rows) < 1 / (1 + np.exp(-2 * margin - 1))).astype(float)


def prepared(panel: TrainingData, *, dated: bool = False, baseline: str | None = None) -> Prepared:
    days = panel.as_of if dated else None
    return prepare(
        panel.X,
        panel.outcomes,
        days,
        panel.entity,
        baseline,
        min_positives=20,
        seed=0,
        warn=lambda _: None,
    )


def climbed(
    learnt: Prepared, candidates: Sequence[str], said: list[str] | None = None, embargo: int = 0
) -> Climb:
    warn = ([] if said is None else said).append
    return climb(learnt, candidates, embargo=embargo, directions={}, budget=BUDGET, warn=warn)


@settings(max_examples=12)
@given(st.integers(0, 3), st.integers(0, 1000))
def test_calibration_by_time_never_looks_at_newer_folds(fold: int, seed: int) -> None:
    parts = folds(10, 10, 10, 10)
    margin, y = noisy()
    before = Folds(parts, by_time=True).calibrated("logistic", margin, y)
    poisoned, changed = y.copy(), margin.copy()
    newer = np.arange(40) >= 10 * fold  # the fold's own outcomes among them
    poisoned[newer] = np.random.default_rng(seed).integers(0, 2, newer.sum())
    changed[newer & (np.arange(40) >= 10 * fold + 10)] = 99.0
    after = Folds(parts, by_time=True).calibrated("logistic", changed, poisoned)
    assert (before[parts[fold].valid] == after[parts[fold].valid]).all()


def test_calibration_by_time_is_fitted_on_all_older_folds() -> None:
    parts, (margin, y) = folds(10, 10, 20), noisy()
    found = Folds(parts, by_time=True).calibrated("logistic", margin, y)
    assert (found[:10] == margin[:10]).all()  # the oldest has none: it stays as it is
    line = fit_calibration(y[:20], margin[:20])
    assert found[20:] == pytest.approx(line.a + line.b * margin[20:])


def test_calibration_by_groups_is_fitted_on_the_other_folds() -> None:
    parts, (margin, y) = folds(10, 10, 20), noisy()
    found = Folds(parts, by_time=False).calibrated("logistic", margin, y)
    line = fit_calibration(y[10:], margin[10:])
    assert found[:10] == pytest.approx(line.a + line.b * margin[:10])
    poisoned = y.copy()
    poisoned[:10] = 1 - y[:10]
    again = Folds(parts, by_time=False).calibrated("logistic", margin, poisoned)
    assert (again[:10] == found[:10]).all()


def test_base_rate_follows_a_drift_but_is_not_stretched() -> None:
    y = np.repeat([0.0, 1.0, 1.0, 1.0], 100)
    margin = np.repeat([-1.0, -1.0, 1.0, 1.0], 100)
    parts = folds(200, 200)
    found = Folds(parts, by_time=True).calibrated("base_rate", margin, y)
    shift = found[200:] - margin[200:]
    assert np.ptp(shift) == pytest.approx(0, abs=1e-9)
    assert shift[0] > 0.5


def test_folds_are_by_time_where_there_is_history() -> None:
    panel = make_panel(entities=30)
    codes = panel.clusters
    part = Sample(Table(np.zeros((len(codes), 1)), {}), panel.outcomes, codes, panel.days)
    said: list[str] = []
    found = folds_of(part, 30, 0, said.append)
    assert found.by_time
    assert said == []
    for fold in found.folds:
        newest = panel.days[fold.train].max()
        assert newest + 30 <= panel.days[fold.valid].min()
    short = folds_of(part, 400, 0, said.append)
    assert not short.by_time
    assert len(said) == 1
    for fold in short.folds:
        assert not set(codes[fold.train]) & set(codes[fold.valid])


def test_folds_always_learn_from_both_outcomes() -> None:
    y = np.repeat([1.0, 0.0], 30)
    for clusters in (np.zeros(60, dtype=int), np.repeat([0, 1], 30), np.arange(60)):
        said: list[str] = []
        part = Sample(Table(np.zeros((60, 1)), {}), y, clusters, None)
        found = folds_of(part, 0, 0, said.append).folds
        assert found
        assert all(0 < y[fold.train].sum() < len(fold.train) for fold in found)
        alone = int(clusters.max() < 59)
        assert ["other rows of the same entities" in text for text in said] == [True] * alone


def test_folds_that_cannot_be_are_refused() -> None:
    part = Sample(Table(np.zeros((2, 1)), {}), np.array([0.0, 1.0]), np.arange(2), None)
    with pytest.raises(LabelError, match="too few outcomes of each kind"):
        folds_of(part, 0, 0, lambda _: None)


@pytest.mark.parametrize(
    ("asked", "tried"),
    [
        ((), ["base_rate"]),
        (("logistic",), ["base_rate", "logistic"]),
        ("lightgbm", ["base_rate", "lightgbm"]),
        (("blend",), ["base_rate", "logistic", "lightgbm", "blend"]),
        (LADDER, ["base_rate", "logistic", "lightgbm", "blend"]),
    ],
)
def test_candidates_asked_for_are_tried(asked: Sequence[str], tried: list[str]) -> None:
    found = climbed(prepared(make_panel(entities=30)), asked)
    assert list(found.trials) == list(found.margins) == tried
    assert found.leaderboard["candidate"].tolist() == tried
    assert found.chosen in tried


def test_unknown_candidates_are_refused() -> None:
    with pytest.raises(ModelError, match=r"logistics\. Did you mean 'logistic'"):
        climbed(prepared(make_panel(entities=30)), ["logistics"])


def test_columns_that_never_vary_need_no_models() -> None:
    panel = make_panel(entities=30)
    learnt = prepared(replace(panel, X=panel.X.assign(**dict.fromkeys(panel.X, 1))))
    assert list(climbed(learnt, LADDER).trials) == ["base_rate"]


def test_break_in_the_data_is_judged_on_other_entities() -> None:
    """From the middle on, the column means the opposite."""
    panel = make_panel(entities=100, signal=3)
    turned = panel.X[LOGINS].where(panel.days < np.median(panel.days), -panel.X[LOGINS])
    dated = np.sort(panel.days)
    later = (panel.days >= dated[len(dated) // 2]).astype(float)
    X = pd.DataFrame({"turned": turned, "both": panel.X[LOGINS] * 0 + later})
    learnt = prepared(replace(panel, X=X), dated=True)
    said: list[str] = []
    found = climbed(learnt, ["lightgbm"], said)
    assert found.folds.by_time == (found.chosen == "base_rate" or not said)
    whole = ["compared on other entities instead" in text for text in said]
    assert whole == [True] * (not found.folds.by_time)


def test_candidates_learn_from_all_rows_and_are_calibrated_out_of_fold() -> None:
    learnt = prepared(make_panel(entities=40), baseline=LOGINS)
    found = climbed(learnt, ["logistic"])
    assert list(found.trials) == ["base_rate", "rule", "logistic"]
    trial = found.trials["logistic"]
    fitted = finish(trial, found.folds, learnt, {})
    assert trial.recipe is not None
    assert fitted.candidate == trial.recipe.learn(learnt.sample.table, learnt.sample.y, {})
    assert fitted.calibration == fit_calibration(learnt.part.y, trial.margin)
    reach = fitted.candidate.margin(learnt.sample.table) - fitted.candidate.expected_value
    ends = np.abs(np.quantile(reach, [0.01, 0.99])).max()
    assert fitted.score_slope == pytest.approx(49 / ends)
