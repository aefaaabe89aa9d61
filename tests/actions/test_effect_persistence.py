"""A learnt model can be kept and read again, and nobody can change it unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salesml import NextActionModel, PropensityModel
from salesml.errors import ModelError
from salesml.training.inputs import NotLearntError

ROWS = 1_700  # enough for trees of outcomes and of effects


def rows(count: int = ROWS, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "usage": np.where(rng.random(count) < 0.1, np.nan, rng.normal(size=count)),
            "segment": rng.choice(["S", "A", "B"], count),
            "flag": rng.integers(0, 2, count),
        }
    )


@pytest.fixture(autouse=True, scope="module")
def _few_repeats() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salesml.actions.effect.referee.REPEATS", ((np.inf, 1),))
        patch.setattr("salesml.actions.effect.curves.RESAMPLES", 20)
        yield


def fitted(names: Any = ("none", "call"), count: int = ROWS) -> NextActionModel:
    X, rng = rows(count), np.random.default_rng(1)
    arm = rng.integers(0, 2, len(X))
    gain = np.where(X["segment"] == "S", 0.4, -0.1)
    y = (rng.random(len(X)) < 0.3 + arm * gain).astype(int)
    model = NextActionModel(control=names[0], random_state=3)
    return model.fit(X, np.array(names, dtype=object)[arm], y, 0.5, cost=0.01)


@pytest.fixture(scope="module")
def model() -> NextActionModel:
    return fitted()


@pytest.fixture
def kept(model: NextActionModel, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def test_a_model_that_was_read_again_says_the_same(model: NextActionModel, kept: Path) -> None:
    again, new = NextActionModel.load(kept), rows(200, seed=5)
    assert again.get_params() == model.get_params()
    pd.testing.assert_frame_equal(again.effects(new), model.effects(new), check_exact=True)
    pd.testing.assert_frame_equal(again.recommend(new), model.recommend(new), check_exact=True)
    pd.testing.assert_frame_equal(again.average_effects_, model.average_effects_)
    pd.testing.assert_frame_equal(again.overlap_, model.overlap_, check_dtype=False)
    assert (again.verdict_, again.gain_, again.targets_, again.single_) == (
        model.verdict_,
        model.gain_,
        model.targets_,
        model.single_,
    )
    assert again.warnings_ == model.warnings_
    assert again.actions_ == model.actions_
    assert list(again.feature_names_in_) == list(model.feature_names_in_)


def test_it_judges_others_the_same(model: NextActionModel, kept: Path) -> None:
    new, rng = rows(300, seed=6), np.random.default_rng(2)
    action, y = rng.choice(["none", "call"], 300), rng.integers(0, 2, 300)
    told = [m.evaluate(new, action, y, 0.5) for m in (model, NextActionModel.load(kept))]
    pd.testing.assert_frame_equal(told[0].values, told[1].values, check_exact=True)
    assert told[0].verdict == told[1].verdict


def test_nothing_is_pickled(kept: Path) -> None:
    files = sorted(path.name for path in kept.iterdir())
    assert files[-1] == "model.json"
    assert all(name.startswith("booster_") and name.endswith(".txt") for name in files[:-1])
    assert len(files) > 1
    json.loads((kept / "model.json").read_text())


@pytest.mark.parametrize("name", ["model.json", "booster_0000.txt"])
def test_a_changed_file_is_named(kept: Path, name: str) -> None:
    path = kept / name
    path.write_text(path.read_text() + "x")
    with pytest.raises(ModelError, match=name):
        NextActionModel.load(kept)


def test_a_missing_model_and_a_model_of_another_kind_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model"):
        NextActionModel.load(tmp_path / "none")
    other = tmp_path / "other"
    X = rows(200)
    PropensityModel(time_budget=1).fit(X, np.arange(200) % 2).save(other)
    with pytest.raises(ModelError, match="something else"):
        NextActionModel.load(other)


def test_a_directory_in_use_is_left_alone(model: NextActionModel, kept: Path) -> None:
    with pytest.raises(ModelError, match="holds files already"):
        model.save(kept)


def test_actions_that_json_cannot_hold_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"True \(bool\)"):
        fitted((False, True), 200).save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_model_that_learnt_nothing_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(NotLearntError):
        NextActionModel().save(tmp_path)


def test_scores_average_to_what_is_said_of_effects(model: NextActionModel) -> None:
    scores = model.scores_["score"]
    assert list(scores.columns) == ["none", "call"]
    assert (scores.index == np.arange(ROWS)).all()
    gain = (scores["call"] - scores["none"]).mean()
    assert gain == pytest.approx(model.average_effects_.loc["call", "effect"])
    single = scores[model.single_].mean() - 0.01 * (model.single_ == "call")
    followed = model.scores_["followed", ""].mean()
    assert followed - single == pytest.approx(model.gain_.value)
    assert (model.scores_["effect", "none"] == 0).all()
