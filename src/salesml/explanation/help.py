"""Help: how far a score would move, if one fact were as it is for peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesml.explanation.peers import RowPeers
from salesml.explanation.points import Floats, Ints
from salesml.features import Feature

__all__ = ["Helper"]


@dataclass(frozen=True)
class Helper:
    """What asks the model "what if": ``score`` gives the scores of a table of features."""

    score: Callable[[pd.DataFrame], Ints]
    outcome_is: Literal["good", "bad"]

    def __call__(
        self,
        values: pd.DataFrame,
        names: list[str],
        features: Mapping[str, Feature],
        speakers: Ints,
        points: Ints,
        peers: RowPeers,
    ) -> Ints:
        """Points the score would move, (rows, concepts); 0 where that is no help.

        *speakers* and *points* are (rows, concepts), the former positions in *names*. Asked is
        only about actionable features that speak against the good outcome, whose peers do better;
        one call of the model for each of them, of the rows concerned.
        """
        found, way = np.zeros_like(points), 1 if self.outcome_is == "good" else -1
        against = np.sign(points) == -way
        now = None
        for position, name in enumerate(names):
            if not features[name].actionable:
                continue
            medians = peers.medians(name)
            better = _better(features[name], values[name].to_numpy(dtype=float), medians)
            rows, columns = np.nonzero((speakers == position) & against & better[:, None])
            if not len(rows):
                continue
            now = self.score(values) if now is None else now
            moved = self.score(values.iloc[rows].assign(**{name: medians[rows]})) - now[rows]
            found[rows, columns] = np.where(np.sign(moved) == way, moved, 0)
        return found


def _better(feature: Feature, value: Floats, medians: Floats) -> npt.NDArray[np.bool_]:
    """Where peers do better, as the feature says what is good; nothing is worse than no record."""
    ahead = medians > value if feature.good == "up" else medians < value
    return (ahead | np.isnan(value)) & ~np.isnan(medians)
