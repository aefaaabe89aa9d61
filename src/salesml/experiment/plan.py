"""Variants understood: which features each learns from, and with which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from salesml.config import Project, TaskConfig
from salesml.errors import ConfigError
from salesml.experiment.columns import Catalogue, Chosen
from salesml.experiment.settings import settings_of
from salesml.experiment.variant import BASE, Variant
from salesml.training.train import EXPECTED

__all__ = ["Plan", "plans_of"]


@dataclass(frozen=True)
class Plan:
    """What a variant learns from; ``chosen`` are features by feature set."""

    name: str
    chosen: Chosen
    settings: dict[str, Any]

    @property
    def columns(self) -> list[str]:
        """The features in use."""
        return [feature for features in self.chosen.values() for feature in features]


def plans_of(project: Project, task: TaskConfig, variants: Sequence[Variant]) -> list[Plan]:
    """The task as configured, then *variants*.

    Raises ConfigError or FeatureError for variants that make no sense.
    """
    if not variants:
        raise ConfigError(
            "There is nothing to compare the task with.",
            fix="Say what to change: --with, --without, --set, or several --variant.",
        )
    _require_own_names([BASE, *(variant.title for variant in variants)])
    catalogue = Catalogue(project, task)
    return [_plan(task, catalogue, variant) for variant in (Variant(), *variants)]


def _plan(task: TaskConfig, catalogue: Catalogue, variant: Variant) -> Plan:
    plan = Plan(
        variant.title or BASE, catalogue.chosen(variant), settings_of(task, variant.settings)
    )
    directions = plan.settings.get("monotone")
    if not directions or directions == EXPECTED:
        return plan
    # the direction of a feature goes where the feature goes
    kept = {name: way for name, way in directions.items() if name in plan.columns}
    return replace(plan, settings={**plan.settings, "monotone": kept})


def _require_own_names(names: list[str]) -> None:
    for name in names:
        if not name:
            raise ConfigError(
                "A variant changes nothing.", fix="Give it add, remove or settings to change."
            )
        if names.count(name) > 1:
            raise ConfigError(
                f"Two variants are called '{name}'.",
                received=", ".join(names),
                fix='Name them: --variant "name: --without usage".',
            )
