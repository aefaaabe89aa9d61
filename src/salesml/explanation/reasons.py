"""Reasons: what speaks for and against a score, as points that add up and words with facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from salesml.explanation.help import Helper
from salesml.explanation.peers import Peers, RowPeers
from salesml.explanation.points import Concepts, Ints, points
from salesml.explanation.words import Telling
from salesml.features import FeatureSet

__all__ = ["reasons"]


def reasons(
    values: pd.DataFrame,
    contributions: pd.DataFrame,
    score: Ints,
    sets: Sequence[FeatureSet],
    slope: float,
    *,
    peers: RowPeers | None = None,
    helper: Helper | None = None,
) -> list[list[dict[str, Any]]]:
    """Reasons of every row, strongest first.

    Each is ``{concept, points, text_ja, text_en, peers_ja, peers_en, help}``; the last three are
    None where nothing is to be said. *contributions* has the model's features as columns, *values*
    these and those that their words compare with. Concepts of no points are left out; the points
    of a row add up to ``score - 50``.
    """
    names = list(contributions.columns)
    concepts = Concepts.of(names, sets)
    matrix = contributions.to_numpy(dtype=float)
    whole = points(concepts.sums(matrix), score, slope)
    speakers = concepts.speakers(matrix)
    telling = Telling(values, sets)
    compared = peers or RowPeers(Peers(), [None] * len(values), "")
    helped = (
        helper(values, names, telling.features, speakers, whole, compared)
        if helper
        else np.zeros_like(whole)
    )
    order = np.argsort(-np.abs(whole), axis=1, kind="stable")
    tables = (each.tolist() for each in (order, whole, speakers, helped))  # far faster by cell
    return [
        [
            {
                "concept": concepts.names[j],
                "points": points_of[j],
                **telling(i, names[speaker[j]]),
                **compared(i, names[speaker[j]], telling),
                "help": help_of[j] or None,
            }
            for j in ranks
            if points_of[j]
        ]
        for i, (ranks, points_of, speaker, help_of) in enumerate(zip(*tables, strict=True))
    ]
