"""Peers: what is usual for entities of the same segment, and how a value compares with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from salesml.config import Words
from salesml.explanation.points import Floats
from salesml.explanation.words import Telling, missing, quantity
from salesml.features import Feature

__all__ = ["Peers", "RowPeers", "noun_of"]

FEWEST = 10  # entities that make a segment
LEAST_KNOWN = 0.5  # share of entities that have a value: else there is no usual one
_NOUNS = {
    "account": Words(ja="顧客", en="customers"),
    "lead": Words(ja="リード", en="leads"),
    "opportunity": Words(ja="商談", en="deals"),
    "municipality": Words(ja="自治体", en="municipalities"),
}


def noun_of(entity: str) -> Words:
    """What many of *entity* are called."""
    return _NOUNS.get(entity, Words(ja="対象", en="all that were scored"))


@dataclass(frozen=True)
class Peers:
    """Medians of number features: of ``everybody``, and by segment where that holds enough."""

    everybody: dict[str, float] = field(default_factory=dict)
    segments: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, X: pd.DataFrame, segment: pd.Series | None) -> Peers:
        """Medians of a population on a date, by *segment* (aligned with X) too where given.

        A feature that all share (the month) tells of nobody's peers; nor does one that fewer than
        half of them have.
        """
        rows = X.select_dtypes("number")
        rows = rows[[name for name in rows if rows[name].nunique() > 1]]
        if segment is None:
            return cls(_medians(rows))
        groups = rows.groupby(segment.astype("str"))
        of_segments = {str(n): _medians(part) for n, part in groups if len(part) >= FEWEST}
        return cls(_medians(rows), of_segments)


def _medians(rows: pd.DataFrame) -> dict[str, float]:
    usual = rows.loc[:, rows.notna().mean() >= LEAST_KNOWN]
    return {str(n): float(median) for n, median in usual.median().items() if pd.notna(median)}


class RowPeers:
    """The peers of each row: those of its segment, or everybody where that holds too few.

    *segment* is the segment of each row, *entity* what is scored.
    """

    def __init__(self, peers: Peers, segment: Sequence[object], entity: str) -> None:
        self._peers = peers
        self._groups = [str(s) if str(s) in peers.segments else None for s in segment]
        self._noun = noun_of(entity)
        self._told: dict[tuple[Any, ...], dict[str, str | None]] = {}

    def medians(self, name: str) -> Floats:
        """The median of the feature *name* among the peers of each row, NaN where unknown."""
        by_group = {group: self._median(group, name) for group in set(self._groups)}
        return np.array([by_group[group] for group in self._groups], dtype=np.float64)

    def __call__(self, row: int, name: str, telling: Telling) -> dict[str, str | None]:
        """``{peers_ja, peers_en}``: how the feature *name* of *row* compares; None where it says
        nothing."""
        name = telling.shown(name)
        value, group = telling.values(name)[row], self._groups[row]
        fact = (name, group, None if missing(value) else value)
        if fact not in self._told:
            self._told[fact] = self._tell(telling.features[name], name, group, value)
        return self._told[fact]

    def _median(self, group: str | None, name: str) -> float:
        medians = self._peers.everybody if group is None else self._peers.segments[group]
        return medians.get(name, np.nan)

    def _tell(
        self, feature: Feature, name: str, group: str | None, value: Any
    ) -> dict[str, str | None]:
        median = self._median(group, name)
        counted = feature.type == "double" and feature.unit.en != "number"  # that is but a name
        if not counted or missing(median):
            return {"peers_ja": None, "peers_en": None}
        ja, en = (quantity(feature, median, language) for language in ("ja", "en"))
        if not missing(value) and ja == quantity(feature, value, "ja"):
            return {"peers_ja": None, "peers_en": None}
        noun = self._noun
        if group is None:
            who = Words(ja=f"{noun.ja}全体", en=f"all {noun.en.removeprefix('all ')}")
        else:
            who = Words(ja=f"同じ区分（{group}）の{noun.ja}", en=f"{noun.en} in segment {group}")
        return {"peers_ja": f"{who.ja}の中央値は{ja}", "peers_en": f"median of {who.en}: {en}"}
