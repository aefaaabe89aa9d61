"""A learnt model as a directory: JSON and LightGBM's text, with hashes, and no pickle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from salesml.actions.effect.learners import ArmEffect, Effects, Learnt
from salesml.actions.effect.nuisance import Bounded, OutcomeModels
from salesml.actions.effect.regression import Mean, Reader, Regression, Ridge, Trees
from salesml.actions.effect.spread import Spread
from salesml.errors import ModelError
from salesml.training import Verdict
from salesml.training.encoding import Encoder
from salesml.training.intervals import Interval
from salesml.training.persistence import read_model, write_model

if TYPE_CHECKING:
    from salesml.actions.effect.model import NextActionModel

__all__ = ["read", "write"]

KIND = "next action"


def write(model: NextActionModel, directory: Path) -> None:
    """Write what *model* has learnt to a new or empty directory.

    Raises
    ------
    ModelError
        If the directory holds files, or an action is called by something JSON cannot hold.
    """
    _require_plain(model.actions_)
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise ModelError(
            "The directory holds files already.", where=str(directory), fix="name a new one"
        )
    write_model(directory, {"kind": KIND} | _content(model, directory))


def _require_plain(actions: Sequence[Any]) -> None:
    odd = [each for each in actions if type(each) not in (str, int)]
    if odd:
        raise ModelError(
            "A model can be saved if its actions are texts or whole numbers.",
            received=", ".join(f"{each!r} ({type(each).__name__})" for each in odd),
            fix="name the actions by texts before fit",
        )


def _content(model: NextActionModel, directory: Path) -> dict[str, Any]:
    files = _Files(directory)
    return {
        "parameters": model.get_params(),
        "actions": model.actions_,
        "costs": model.costs_.tolist(),
        "columns": model.encoder_.to_json(),
        "reader": model.reader_.to_json(),
        "effects": [_dump_arm(arm, files) for arm in model.effects_.arms],
        "outcomes": [[files.dump(each) for each in own] for own in model.outcome_models_.models],
        "spreads": [_dump_spread(each) for each in model.spreads_],
        "targets": model.targets_,
        "single": model.single_,
        "nets": [_numbers(each) for each in model.nets_],
        "gain": _numbers(model.gain_),
        "verdict": [model.verdict_.ja, model.verdict_.en],
        "average_effects": _dump_table(model.average_effects_),
        "overlap": _dump_table(model.overlap_),
        "warnings": model.warnings_,
    }


def read(model: NextActionModel, directory: Path) -> NextActionModel:
    """Give *model*, which has learnt nothing, what `write` wrote of another one.

    Raises
    ------
    ModelError
        If there is no such model, or a file is missing or was changed.
    """
    content = read_model(directory)
    if content.get("kind") != KIND:
        raise ModelError(
            "This is a model of something else.",
            where=str(directory / "model.json"),
            fix="load it with the class that saved it, e.g. PropensityModel.load",
        )
    model.set_params(**content["parameters"])
    model.actions_, model.costs_ = content["actions"], np.array(content["costs"])
    model.encoder_ = Encoder.from_json(content["columns"])
    model.reader_ = Reader.from_json(content["reader"])
    model.effects_ = Effects(tuple(_arm(each, directory) for each in content["effects"]))
    parts = [[_regression(each, directory) for each in own] for own in content["outcomes"]]
    model.outcome_models_ = OutcomeModels(tuple(map(tuple, parts)))
    model.spreads_ = [_spread(each) for each in content["spreads"]]
    model.targets_, model.single_ = content["targets"], content["single"]
    model.nets_ = [_interval(each) for each in content["nets"]]
    model.gain_, model.verdict_ = _interval(content["gain"]), Verdict(*content["verdict"])
    model.average_effects_ = _table(content["average_effects"], model.actions_[1:])
    model.overlap_ = _table(content["overlap"], model.actions_)
    model.warnings_ = content["warnings"]
    model.feature_names_in_ = np.array(model.encoder_.names, dtype=object)
    return model


class _Files:
    """Regressions as JSON; boosters go to files of their own, numbered as they come."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0

    def dump(self, model: Regression) -> dict[str, Any]:
        if isinstance(model, Mean):
            return {"value": model.value}
        if isinstance(model, Ridge):
            return {"intercept": model.intercept, "weights": model.weights.tolist()}
        if isinstance(model, Bounded):
            return {"bounded": self.dump(model.model), "ends": list(model.ends)}
        assert isinstance(model, Trees)
        return {"file": self._write(model.booster)}

    def _write(self, booster: lgb.Booster) -> str:
        name = f"booster_{self._count:04d}.txt"
        booster.save_model(self._directory / name)
        self._count += 1
        return name


def _regression(stored: dict[str, Any], directory: Path) -> Regression:
    if "value" in stored:
        return Mean(stored["value"])
    if "weights" in stored:
        return Ridge(stored["intercept"], np.array(stored["weights"]))
    if "bounded" in stored:
        low, high = stored["ends"]
        return Bounded(_regression(stored["bounded"], directory), (low, high))
    return Trees(lgb.Booster(model_file=directory / stored["file"]))


def _dump_arm(arm: ArmEffect, files: _Files) -> dict[str, Any]:
    regressions = [files.dump(each) for each in arm.learnt.regressions]
    return {
        "average": arm.learnt.average,
        "regressions": regressions,
        "weights": arm.weights.tolist(),
    }


def _arm(stored: dict[str, Any], directory: Path) -> ArmEffect:
    regressions = tuple(_regression(each, directory) for each in stored["regressions"])
    return ArmEffect(Learnt(stored["average"], regressions), np.array(stored["weights"]))


def _dump_spread(spread: Spread) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(spread).items()}


def _spread(stored: dict[str, Any]) -> Spread:
    lists = {k: np.array(v) for k, v in stored.items() if isinstance(v, list)}
    return Spread(**stored | lists | {"columns": lists["columns"].astype(np.int64)})


def _numbers(values: Sequence[float]) -> list[float | None]:
    """JSON has no NaN."""
    return [None if np.isnan(each) else float(each) for each in values]


def _interval(stored: list[float | None]) -> Interval:
    return Interval(*(np.nan if each is None else each for each in stored))


def _dump_table(table: pd.DataFrame) -> dict[str, list[float | None]]:
    return {str(name): _numbers(table[name].tolist()) for name in table}


def _table(stored: dict[str, list[float | None]], actions: Sequence[Any]) -> pd.DataFrame:
    columns = {name: np.array(values, dtype=np.float64) for name, values in stored.items()}
    return pd.DataFrame(columns, index=pd.Index(actions, name="action"))
