"""What the model looks at: features by concept, by what they contribute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

import pandas as pd

from salesml.config import Words
from salesml.features import Feature, FeatureSet
from salesml.training import TrainingResult

__all__ = ["ConceptView", "FeatureView", "by_concept", "title_of"]

BLANK = "○"
_MOVE = re.compile(r"\{previous[^}]*\}[^{]*→\s*")
# ends that say nothing once the value is gone: "所在地：○", "Prefecture: ○"
_END_JA = re.compile(rf"[はが：]{BLANK}$")
_END_EN = re.compile(rf"\s*:\s*{BLANK}\W*$")


@dataclass(frozen=True)
class FeatureView:
    """One feature; ``share`` is its part of all contributions."""

    name: str
    title: Words
    unit: Words
    good: str
    importance: float
    share: float


@dataclass(frozen=True)
class ConceptView:
    """One concept and its features, the strongest first.

    ``importance`` is the mean absolute sum of their contributions to the log-odds: features that
    work against each other count for less together.
    """

    name: str
    title: Words
    importance: float
    width: float
    features: list[FeatureView]


def by_concept(result: TrainingResult, sets: Sequence[FeatureSet]) -> list[ConceptView]:
    """The concepts of all features of *result*'s model, the strongest first.

    A feature of none of *sets* is a concept of its own.
    """
    contributions = result.explained.contributions
    features = {name: f for each in sets for name, f in each.features.items()}
    titles = {name: words for each in sets for name, words in each.file.concepts.items()}
    groups: dict[str, list[str]] = {}
    for name in contributions.columns:
        concept = features[name].concept if name in features else str(name)
        groups.setdefault(concept, []).append(name)
    strength = {c: float(contributions[ns].sum(axis=1).abs().mean()) for c, ns in groups.items()}
    own = contributions.abs().mean()
    strongest = max(strength.values(), default=0.0) or 1.0
    return [
        ConceptView(
            name=concept,
            title=titles.get(concept, Words(ja=concept, en=concept)),
            importance=strength[concept],
            width=100 * strength[concept] / strongest,
            features=_views(groups[concept], own, features),
        )
        for concept in sorted(groups, key=lambda concept: (-strength[concept], concept))
    ]


def _views(
    names: list[str], own: pd.Series[float], features: Mapping[str, Feature]
) -> list[FeatureView]:
    total = float(own.sum()) or 1.0
    nothing = Words(ja="", en="")
    return [
        FeatureView(
            name=str(name),
            title=title_of(features[name]) if name in features else Words(ja=name, en=name),
            unit=features[name].unit if name in features else nothing,
            good=features[name].good if name in features else "none",
            importance=float(own[name]),
            share=float(own[name]) / total,
        )
        for name in sorted(names, key=lambda name: -float(own[name]))
    ]


def title_of(feature: Feature) -> Words:
    """What a feature is, from the words for its values: "来訪が○回", "Visits in 30 days"."""
    ja, en = (_blanked(_MOVE.sub("", words)) for words in (feature.words.ja, feature.words.en))
    return Words(ja=_END_JA.sub("", ja), en=_END_EN.sub("", en))


def _blanked(template: str) -> str:
    parts = Formatter().parse(template)
    return "".join(text + (BLANK if name is not None else "") for text, name, _, _ in parts)
