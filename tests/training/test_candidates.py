from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from salesml.training.boosting import Boosted, Budget, try_boosting
from salesml.training.candidates import BaseRate, best_by_fold, try_base_rate
from salesml.training.logistic import Logistic, try_logistic
from salesml.training.split import Fold, group_folds
from salesml.training.table import Floats, Table

NAN = float("nan")


def sample(rows: int = 400, seed: int = 0) -> tuple[Table, Floats]:
    """A number with gaps that matter, a skewed number, three categories, an empty column."""
    rng = np.random.default_rng(seed)
    number = rng.normal(size=rows)
    code = rng.integers(0, 3, rows).astype(float)
    odds = number + (code == 2) - 1
    number[rng.random(rows) < 0.2] = NAN
    columns = [number, rng.lognormal(0, 2, rows), code, np.full(rows, NAN)]
    y = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    return Table(np.column_stack(columns), {2: 3}), y


def budget(**changes: float) -> Budget:
    return replace(Budget(60, 1, 0, lambda _: None), **changes)  # type: ignore[arg-type]


def unseen() -> Table:
    return Table(np.array([[NAN, NAN, NAN, NAN], [9.0, 1e6, 1.0, 4.0]]), {2: 3})


def test_setting_of_a_fold_is_chosen_by_the_other_folds() -> None:
    losses = np.array([[0.1, 0.9], [0.5, 0.6]])
    folds = [Fold(np.arange(0), np.arange(10)), Fold(np.arange(0), np.arange(10))]
    by_fold, best = best_by_fold(losses, folds)
    assert by_fold.tolist() == [1, 0]
    assert best == 0


def test_larger_folds_weigh_more() -> None:
    losses = np.array([[0.1, 0.9], [0.2, 0.6]])
    folds = [Fold(np.arange(0), np.arange(99)), Fold(np.arange(0), np.arange(1))]
    assert best_by_fold(losses, folds)[1] == 0


def test_a_single_fold_chooses_for_itself() -> None:
    by_fold, best = best_by_fold(np.array([[0.3], [0.2]]), [Fold(np.arange(0), np.arange(5))])
    assert (by_fold.tolist(), best) == ([1], 1)


def test_base_rate_is_that_of_the_rows_learnt_from() -> None:
    y = np.array([1.0, 0, 0, 0, 1, 1, 1, 1])
    trial = try_base_rate(y, [Fold(np.arange(4), np.arange(4, 6))])
    assert np.isnan(trial.margin[[0, 1, 2, 3, 6, 7]]).all()
    assert trial.margin[4:6] == pytest.approx([np.log(1.5 / 3.5)] * 2)


def test_base_rate_is_finite_without_positives() -> None:
    assert np.isfinite(BaseRate.learn(np.zeros(10)).expected_value)


def test_logistic_adds_up_and_is_centred() -> None:
    table, y = sample()
    model = Logistic.learn(table, y, [0.1])[0]
    total = model.contributions(table).sum(axis=1) + model.expected_value
    assert total == pytest.approx(model.margin(table), abs=1e-9)
    assert model.contributions(table).mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)
    assert (model.contributions(table)[:, 3] == 0).all()


def test_logistic_without_gaps_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 500)  # nothing to winsorise but 1 % at each end
    y = (rng.random(500) < 1 / (1 + np.exp(-x))).astype(float)
    clipped = np.clip(x, *np.quantile(x, [0.01, 0.99]))
    scaled = ((clipped - clipped.mean()) / clipped.std())[:, None]
    expected = LogisticRegression(C=0.1).fit(scaled, y).decision_function(scaled)
    found = Logistic.learn(Table(x[:, None], {}), y, [0.1])[0].margin(Table(x[:, None], {}))
    assert found == pytest.approx(expected, abs=1e-3)


def test_logistic_says_little_about_what_it_never_saw() -> None:
    table, y = sample()
    model = Logistic.learn(table, y, [0.1])[0]
    contributions = model.contributions(unseen())
    assert contributions[0, 2] == 0  # no gaps in training: the average
    assert np.abs(contributions[1]).max() < 3  # far out is clipped


def test_logistic_uses_a_gap_that_tells() -> None:
    table, y = sample()
    table.matrix[y == 1, 0] = NAN
    model = Logistic.learn(table, y, [1.0])[0]
    missing = np.isnan(table.matrix[:, 0])
    assert model.contributions(table)[missing, 0].min() > 0.5


def test_logistic_learns_from_a_part_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    table, y = sample(2000)
    folds = group_folds(y, np.arange(2000), 0)
    whole = try_logistic(table, y, folds, 0).finish(table, y).margin(table)
    monkeypatch.setattr("salesml.training.logistic.MOST_ROWS", 1000)
    part = try_logistic(table, y, folds, 0).finish(table, y).margin(table)
    assert (part != whole).any()
    assert np.corrcoef(part, whole)[0, 1] > 0.97


def test_rare_codes_share_one_weight() -> None:
    codes = np.concatenate([np.repeat(np.arange(80.0), 5)])
    y = np.tile([0.0, 1.0], 200)
    model = Logistic.learn(Table(codes[:, None], {0: 80}), y, [1.0])[0]
    found = model.contributions(Table(np.array([[49.0], [60.0], [79.0]]), {0: 80}))[:, 0]
    assert found[0] == found[1] == found[2]


def test_logistic_survives_json() -> None:
    table, y = sample()
    model = Logistic.learn(table, y, [0.1])[0]
    again = Logistic.restore(json.loads(json.dumps(model.dump(Path()))))
    assert again == model


def test_boosting_adds_up_and_survives_files(tmp_path: Path) -> None:
    table, y = sample()
    trial = try_boosting(table, y, group_folds(y, np.arange(len(y)), 0), budget())
    model = trial.finish(table, y)
    both = Table(np.vstack([table.matrix, unseen().matrix]), table.levels)
    total = model.contributions(both).sum(axis=1) + model.expected_value
    assert total == pytest.approx(model.margin(both), abs=1e-9)
    again = Boosted.restore(model.dump(tmp_path), tmp_path, table.width, 1)
    assert (again.margin(both) == model.margin(both)).all()
    assert again.expected_value == model.expected_value


def test_boosting_does_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.training.boosting.MOST_ROUNDS", 20)
    monkeypatch.setattr("salesml.training.boosting.LEAVES", {"small": (4,)})
    table, y = sample()
    folds = group_folds(y, np.arange(len(y)), 0)
    trials = [try_boosting(table, y, folds, budget(threads=threads)) for threads in (1, 2)]
    assert (trials[0].margin == trials[1].margin).all()
    assert trials[0].settings == trials[1].settings


def test_exceeded_time_budget_is_said() -> None:
    table, y = sample()
    said: list[str] = []
    short = Budget(0, 1, 0, said.append)
    trial = try_boosting(table, y, group_folds(y, np.arange(len(y)), 0), short)
    assert trial.settings.startswith("4 leaves")
    assert len(said) == 1
    assert "1 of 3 tree sizes" in said[0]


@pytest.mark.parametrize("try_it", ["logistic", "lightgbm"])
def test_margins_out_of_fold_never_saw_their_rows(try_it: str) -> None:
    """A column that numbers the positives is useless out of fold."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300).astype(float)
    table = Table(rng.normal(size=(300, 5)), {})
    folds = group_folds(y, np.arange(300), 0)
    if try_it == "logistic":
        trial = try_logistic(table, y, folds, 0)
    else:
        trial = try_boosting(table, y, folds, budget())
    assert not np.isnan(trial.margin).any()
    correlation = np.corrcoef(trial.margin + rng.normal(0, 1e-9, 300), y)[0, 1]
    assert abs(correlation) < 0.15
