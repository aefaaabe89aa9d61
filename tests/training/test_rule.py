from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from salesml.errors import ModelError
from salesml.training import PropensityModel
from salesml.training.rule import Rule, RuleRecipe, try_rule
from salesml.training.split import group_folds
from salesml.training.table import Table

from .conftest import fast, sample

NO_MODEL = "No model is clearly better than the score by rules"


def scored(rows: int = 600) -> tuple[pd.DataFrame, pd.Series]:
    """A score by rules that knows all there is to know, and noise."""
    rng = np.random.default_rng(0)
    score = rng.normal(size=rows)
    y = pd.Series((rng.random(rows) < 1 / (1 + np.exp(-2 * score))).astype(int))
    return pd.DataFrame({"noise": rng.normal(size=rows), "points": score * 10 + 50}), y


@pytest.fixture(scope="module")
def by_column() -> PropensityModel:
    return fast().fit(*scored(), baseline="points", candidates=["logistic"])


def test_rule_answers_by_its_column_alone() -> None:
    table, y = sample()
    rule = RuleRecipe(1).learn(table, y, {})
    contributions = rule.contributions(table)
    assert (contributions[:, [0, 2, 3]] == 0).all()
    assert contributions.sum(axis=1) + rule.expected_value == pytest.approx(rule.margin(table))
    changed = Table(np.where([True, False, True, True], 1.0, table.matrix), table.levels)
    assert (rule.margin(changed) == rule.margin(table)).all()


def test_rule_may_be_a_category_and_survives_json() -> None:
    table, y = sample()
    for column in (0, 2):
        rule = RuleRecipe(column).learn(table, y, {})
        assert Rule.restore(json.loads(json.dumps(rule.dump(Path())))) == rule
    codes = table.matrix[:, 2]
    margins = [float(rule.margin(table)[codes == code][0]) for code in (0, 1, 2)]
    assert max(margins) == margins[2]


def test_rule_goes_the_way_it_must() -> None:
    table, y = sample()
    free, bound = (RuleRecipe(0, sign).learn(table, y, {}) for sign in (0, -1))
    known = table.matrix[~np.isnan(table.matrix[:, 0])]
    ordered = Table(known[np.argsort(known[:, 0])], table.levels)
    assert np.diff(free.margin(ordered)).max() > 0
    assert np.diff(bound.margin(ordered)).max() <= 0


def test_rule_is_judged_out_of_fold() -> None:
    table, y = sample()
    folds = group_folds(y, np.arange(len(y)), 0)
    trial = try_rule(table, 0, y, folds)
    learnt = RuleRecipe(0).learn(table.take(folds[0].train), y[folds[0].train], {})
    assert (trial.margin[folds[0].valid] == learnt.margin(table.take(folds[0].valid))).all()
    assert trial.recipe == RuleRecipe(0)
    assert try_rule(table, 0, y, folds, answers=False).recipe is None


def test_rule_by_column_is_kept_where_models_do_no_better(by_column: PropensityModel) -> None:
    assert by_column.chosen_ == "rule"
    assert NO_MODEL in by_column.warnings_[-1]
    X, _ = scored()
    assert (by_column.explain(X)["noise"] == 0).all()
    assert (np.argsort(by_column.margin(X)) == np.argsort(X["points"])).mean() > 0.9


def test_rule_by_array_only_shows_what_there_is_to_beat() -> None:
    X, y = scored()
    model = fast().fit(X[["noise"]], y, baseline=X["points"].to_numpy(), candidates=["logistic"])
    board = model.leaderboard_.set_index("candidate")
    assert model.chosen_ == "base_rate"
    assert board.loc["rule", "log_loss"] < board.loc["base_rate", "log_loss"] - 0.1
    assert NO_MODEL in model.warnings_[-1]
    assert "rule" in model.out_of_fold_
    with pytest.raises(ModelError, match="no candidate 'rule'"):
        model.with_candidate("rule")


def test_nothing_is_said_where_a_model_is_clearly_better() -> None:
    X, y = scored()
    poor = np.random.default_rng(1).normal(size=len(X))
    for X_, baseline in ((X, poor), (X.assign(poor=poor), "poor")):
        model = fast().fit(X_, y, baseline=baseline, candidates=["logistic"])
        assert model.chosen_ == "logistic"
        assert not any(NO_MODEL in text for text in model.warnings_)


def test_rule_by_column_can_be_refitted_and_saved(
    by_column: PropensityModel, tmp_path: Path
) -> None:
    X, y = scored()
    again = by_column.refit(X[:400], y[:400])
    assert again.chosen_ == "rule"
    again.save(tmp_path / "model")
    assert (PropensityModel.load(tmp_path / "model").margin(X) == again.margin(X)).all()
