"""Changes: why a score moved since the last run, as points that add up to the move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salesml.explanation.points import Concepts, Floats, Ints, moves
from salesml.explanation.words import Telling, event_words, missing
from salesml.features import FeatureSet

__all__ = ["Explained", "Versions", "changes", "unexplained"]

_MODEL = (
    "モデルが変わりました（第{before}版→第{now}版）",
    "The model changed (version {before} → {now})",
)
_CORRECTION = (
    "前回より後に、過去のデータが訂正されました",
    "Past data were corrected since the last run",
)
_UNKNOWN = (
    "前回の時点のデータが残っていないため、内訳は分かりません",
    "The data of the last run are gone, so the change cannot be split",
)


@dataclass(frozen=True)
class Explained:
    """Rows of one date as a model sees them, aligned by position.

    ``values`` holds the features, ``contributions`` theirs in log-odds, ``score`` what they score.
    """

    values: pd.DataFrame
    contributions: pd.DataFrame
    score: Ints

    def take(self, rows: Ints) -> Explained:
        """Some *rows*, by position."""
        return Explained(self.values.iloc[rows], self.contributions.iloc[rows], self.score[rows])


@dataclass(frozen=True)
class Versions:
    """The versions of the models that scored last time, and now."""

    before: str
    now: str

    @property
    def differ(self) -> bool:
        """Whether another model scores now."""
        return self.before != self.now


def changes(
    before: Explained,
    now: Explained,
    recorded: Ints,
    sets: Sequence[FeatureSet],
    slope: float,
    versions: Versions,
) -> list[list[dict[str, Any]]]:
    """Why each row's score is not what was *recorded* last time, strongest first.

    Each is ``{kind, concept, points, text_ja, text_en}``; the points of a row add up to
    ``now.score - recorded``. *before* is the last date, explained with the present model: what
    facts did is the difference of the two, what is left the model did, or a correction of the past.
    """
    names = list(now.contributions.columns)
    concepts = Concepts.of(names, sets)
    last, present = (each.contributions.to_numpy(dtype=float) for each in (before, now))
    whole = moves(concepts.sums(last), concepts.sums(present), before.score, now.score, slope)
    happened = _Happened(Telling(before.values, sets), Telling(now.values, sets))
    speakers = concepts.speakers(present - last, happened.first(names))
    other = before.score - recorded
    found = []
    for i in range(len(whole)):
        facts = [
            {
                "kind": "fact",
                "concept": concepts.names[j],
                "points": int(whole[i, j]),
                **happened(i, names[speakers[i, j]]),
            }
            for j in np.flatnonzero(whole[i])
        ]
        rest = [_rest(int(other[i]), versions)] if other[i] else []
        found.append(sorted([*facts, *rest], key=lambda told: -abs(told["points"])))
    return found


def unexplained(points: int) -> list[dict[str, Any]]:
    """As `changes`, for one row whose facts of the last date cannot be had any more."""
    return [_entry("unknown", points, _UNKNOWN)]


class _Happened:
    """What became of the features between two dates; equal events are put in words once."""

    def __init__(self, past: Telling, present: Telling) -> None:
        self._past, self._present = past, present
        self._told: dict[tuple[Any, ...], dict[str, str]] = {}

    def __call__(self, row: int, name: str) -> dict[str, str]:
        """``{text_ja, text_en}`` of what became of the feature *name* in *row*."""
        shown = self._present.shown(name)
        before, now = (each.values(shown)[row] for each in (self._past, self._present))
        event = (shown, None if missing(before) else before, None if missing(now) else now)
        if event not in self._told:
            self._told[event] = event_words(self._present.features[shown], before, now)
        return self._told[event]

    def first(self, names: Sequence[str]) -> Floats:
        """Who speaks first, (rows, names): what itself moved, past values and trends last."""
        features = self._present.features
        late = {feature.previous for feature in features.values()}
        late |= {name for name, feature in features.items() if "{value:+" in feature.words.ja}
        weights = [1.0 if name in late else 2.0 for name in names]
        moved = [self._moved(name) * w for name, w in zip(names, weights, strict=True)]
        return np.column_stack(moved)

    def _moved(self, name: str) -> Floats:
        shown = self._present.shown(name)
        before, now = (pd.Series(each.values(shown)) for each in (self._past, self._present))
        same = (before == now) | (before.isna() & now.isna())
        moved: Floats = (~same).to_numpy().astype(np.float64)
        return moved


def _rest(points: int, versions: Versions) -> dict[str, Any]:
    known = {"before": versions.before, "now": versions.now}
    ja, en = (text.format(**known) for text in (_MODEL if versions.differ else _CORRECTION))
    return _entry("model" if versions.differ else "correction", points, (ja, en))


def _entry(kind: str, points: int, words: tuple[str, str]) -> dict[str, Any]:
    ja, en = words
    return {"kind": kind, "concept": None, "points": points, "text_ja": ja, "text_en": en}
