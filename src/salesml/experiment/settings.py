"""Which settings a variant learns with, read from texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from salesml.config import TaskConfig
from salesml.errors import ConfigError, suggest
from salesml.training import PropensityModel
from salesml.training.train import SETTINGS

__all__ = ["settings_of"]

_HELD = ("min_positives", "random_state")  # the split and the folds rest on them
_CHANGEABLE = tuple(f"model.{name}" for name in SETTINGS if name not in _HELD)
_LEARNT = ("features", "model", "baseline")


def settings_of(task: TaskConfig, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of *task*'s model with *changes*, ``{"model.time_budget": "10"}``.

    Raises ConfigError for an option that there is not, or that would change the rows or folds that
    variants are compared on, and for a value of another kind.
    """
    for key in changes:
        _require_changeable(task, key)
    return {**task.model, **{k.removeprefix("model."): _value(k, v) for k, v in changes.items()}}


def _require_changeable(task: TaskConfig, key: str) -> None:
    if key in _CHANGEABLE:
        return
    where = f"--set {key}"
    fix = f"Use one of: {', '.join(_CHANGEABLE)}."
    if key == "features":
        raise ConfigError(
            "Features are not set, they are added and left out.",
            where=where,
            fix="Use --with and --without.",
        )
    if key.removeprefix("model.") in _HELD:
        what = f"{key} would change the split or the folds, and variants share them."
    elif key in TaskConfig.model_fields and key not in _LEARNT:
        what = f"{key} would change the question or its rows, and variants share them."
        fix = f"Change tasks/{task.name}.yml and train again; or {fix[0].lower()}{fix[1:]}"
    else:
        what = f"There is no setting '{key}'.{_near(key)}"
    raise ConfigError(what, where=where, fix=fix)


def _near(key: str) -> str:
    return suggest(key, _CHANGEABLE) or suggest(f"model.{key}", _CHANGEABLE)


def _value(key: str, value: Any) -> Any:
    """*value* as the model takes it; a text is read as YAML, as in the task's file."""
    kind = get_type_hints(PropensityModel.__init__)[key.removeprefix("model.")]
    try:
        read = yaml.safe_load(value) if isinstance(value, str) else value
        return TypeAdapter(kind).validate_python(read)
    except (yaml.YAMLError, ValidationError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "not YAML"
        raise ConfigError(
            f"The value of {key} cannot be used: {said[0].lower()}{said[1:]}.",
            received=repr(value),
            where=f"--set {key}={value}",
            fix=f"Give {_kind_name(kind)}.",
        ) from None


def _kind_name(kind: Any) -> str:
    names = {float: "a number", int: "a whole number"}
    return names.get(kind, f"a value such as {kind}")
