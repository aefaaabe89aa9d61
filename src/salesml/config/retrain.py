"""When a task is trained again."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from salesml.config.values import Days, Strict

__all__ = ["Retrain", "RetrainConfig"]


class RetrainConfig(Strict):
    """``retrain:`` of a task: what makes it due; null switches a reason off.

    ``after`` so long since it was last trained; ``new_labels``, the share of rows with a known
    outcome that were added since; ``drift``, the population stability index beyond chance of the
    scores or of a feature that matters. Never twice within ``pause``, whatever came of it.
    """

    after: Days | None = 30
    new_labels: Annotated[float, Field(gt=0)] | None = 0.2
    drift: Annotated[float, Field(gt=0)] | None = 0.25
    pause: Days = 7


def _switch(value: object) -> object:
    """``retrain: off`` leaves training to people."""
    if value in (False, "off"):
        return dict.fromkeys(("after", "new_labels", "drift"))
    if isinstance(value, (dict, RetrainConfig)):
        return value
    raise ValueError("must be `off`, or hold any of after, new_labels, drift and pause")


Retrain = Annotated[RetrainConfig, BeforeValidator(_switch)]
