"""What `peers` of ``default.yml`` says: by what municipalities are compared."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from salesml.config import Words
from salesml.config.values import Strict

__all__ = ["PeersConfig", "TraitConfig"]

Trait = Literal[
    "population",
    "density",
    "ageing",
    "growth",
    "primary",
    "secondary",
    "tertiary",
    "fiscal_strength",
    "current_balance",
    "debt_service",
]


class TraitConfig(Words):
    """How much a trait counts; ``scale: log`` for what spreads by factors."""

    weight: float = Field(default=1.0, gt=0)
    scale: Literal["plain", "log"] = "plain"


class PeersConfig(Strict):
    """How many peers and neighbours each municipality has, and what makes two alike.

    The distance of two is that of their traits, each in standard deviations over all
    municipalities times its weight; another 類似団体 class adds ``other_class``.
    """

    count: int = Field(default=30, ge=1)
    neighbours: int = Field(default=20, ge=1)
    other_class: float = Field(default=0.5, ge=0)
    traits: dict[Trait, TraitConfig] = Field(min_length=1)
