"""A Markov chain of order 3 that backs off to shorter contexts (Witten and Bell, 1991)."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from salesml.actions.behaviour.sequences import ORDER, Standing
from salesml.training.table import Floats, Ints

__all__ = ["Markov"]

# silence speaks like an act: it stands between the latest act and now
_SILENCES = np.array([1, 3, 7, 14, 30, 60, 120])


class _Level(NamedTuple):
    """Counts of one order: ``codes`` are sorted, ``counts`` has a row each, a column a class."""

    codes: Ints
    counts: Floats


class Markov:
    """What comes next after the latest acts and the silence since.

    A context that was seen often speaks for itself; else the shorter one speaks: of c rows that
    followed a context, with t kinds among them, its own frequencies weigh c / (c + s t), and those
    of the context without its oldest act the rest. s is the stiffness, 1 in the paper.

    Parameters
    ----------
    kinds, classes : how many kinds of acts and of outcomes there are.
    stiffness : s.
    """

    def __init__(self, kinds: int, classes: int, stiffness: float = 1.0) -> None:
        self.kinds = kinds
        self.classes = classes
        self.stiffness = stiffness

    def fit(self, standings: list[Standing], outcomes: list[Ints]) -> Self:
        """Count what followed; *outcomes* are classes, an array for each of *standings*."""
        counted = _merge(
            [
                _counted(codes * self.classes + outcome)
                for codes, outcome in zip(map(self._codes, standings), outcomes, strict=True)
            ]
        )
        self._levels = [self._level(*counted, order) for order in range(ORDER + 2)]
        return self

    def predict_proba(self, standing: Standing) -> Floats:
        """Probabilities of the classes, shape (n, classes)."""
        codes = self._codes(standing)
        mixed = np.full((len(codes), self.classes), 1 / self.classes)
        for order, level in enumerate(self._levels):
            mixed = self._backed_off(level, codes // self._base ** (ORDER + 1 - order), mixed)
        return mixed

    @property
    def _base(self) -> int:
        return max(self.kinds, len(_SILENCES)) + 1

    def _codes(self, standing: Standing) -> Ints:
        """Contexts as numbers whose last digit is the oldest act, the first one the silence."""
        code = np.searchsorted(_SILENCES, standing.silence).astype(np.int64)
        for back in range(ORDER):
            code = code * self._base + standing.kinds[:, back] + 1
        return code

    def _level(self, code: Ints, rows: Ints, order: int) -> _Level:
        context, outcome = np.divmod(code, self.classes)
        codes, at = np.unique(context // self._base ** (ORDER + 1 - order), return_inverse=True)
        flat = np.bincount(
            at * self.classes + outcome, weights=rows, minlength=len(codes) * self.classes
        )
        return _Level(codes, flat.reshape(-1, self.classes).astype(np.float64))

    def _backed_off(self, level: _Level, codes: Ints, shorter: Floats) -> Floats:
        at = np.minimum(np.searchsorted(level.codes, codes), len(level.codes) - 1)
        known = level.codes[at] == codes
        counts = level.counts[at] * known[:, None]
        loose = self.stiffness * np.maximum((counts > 0).sum(axis=1), 1)[:, None]
        return np.asarray((counts + loose * shorter) / (counts.sum(axis=1)[:, None] + loose))


def _counted(codes: Ints) -> tuple[Ints, Ints]:
    values, rows = np.unique(codes, return_counts=True)
    return values, rows


def _merge(parts: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    values, at = np.unique(np.concatenate([v for v, _ in parts]), return_inverse=True)
    rows = np.bincount(at, weights=np.concatenate([r for _, r in parts]))
    return values, rows.astype(np.int64)
