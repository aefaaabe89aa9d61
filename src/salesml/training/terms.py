"""What one column adds to log-odds in a logistic regression: a curve, or a weight a category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from salesml.training.table import Floats, Ints, Table

__all__ = [
    "SHAPES",
    "Basis",
    "Shape",
    "Term",
    "bases_of",
    "dump_basis",
    "restore_basis",
    "restore_term",
]

WINSOR = (0.01, 0.99)
MOST_CODES = 50  # rarer levels share the last one
# the penalty falls on weights: a wider column of the design is penalised less
LEVEL_SCALE = 2.0


class Shape(NamedTuple):
    """How a number may bend: at so many quantiles it changes its slope, or its level."""

    hinges: int
    steps: int


SHAPES = {"straight": Shape(0, 0), "bent": Shape(4, 0), "stepped": Shape(4, 16)}


@dataclass(frozen=True)
class NumberTerm:
    """``slope * z + hinges + steps - offset`` of z = x clipped, and a weight for missing ones.

    ``hinges`` are (knot, weight) of ``max(z - knot, 0)``; ``levels`` what steps have added once z
    lies above so many of the ``steps``. Training rows average 0.
    """

    median: float
    low: float
    high: float
    slope: float
    hinges: tuple[tuple[float, float], ...]
    steps: tuple[float, ...]
    levels: tuple[float, ...]
    offset: float
    missing_share: float
    missing_weight: float

    def contribution(self, x: Floats) -> Floats:
        """Return log-odds, shape (n,)."""
        if not (self.slope or self.missing_weight or self.hinges or self.steps or self.offset):
            return np.zeros(len(x))  # as most columns of a wide table
        missing = np.isnan(x)
        z = np.clip(np.where(missing, self.median, x), self.low, self.high)
        total = self.slope * z - self.offset
        for knot, weight in self.hinges:
            total += weight * np.maximum(z - knot, 0)
        total += np.array(self.levels)[np.searchsorted(self.steps, z, side="left")]
        return total + self.missing_weight * (missing - self.missing_share)


@dataclass(frozen=True)
class LevelTerm:
    """One weight a code, the last one for missing; training rows average 0."""

    weights: tuple[float, ...]

    def contribution(self, x: Floats) -> Floats:
        """Return log-odds, shape (n,)."""
        return np.array(self.weights)[_slots(x, len(self.weights) - 1)]


Term = NumberTerm | LevelTerm


class NumberBasis:
    """The columns of the design that one number becomes: each has mean 0 and spread 1."""

    def __init__(self, x: Floats, shape: Shape) -> None:
        known = x[~np.isnan(x)]
        self.missing_share = float(np.isnan(x).mean())
        ends = np.quantile(known, [WINSOR[0], 0.5, WINSOR[1]]) if len(known) else np.zeros(3)
        low, self.median, high = (float(end) for end in ends)
        if low == high and len(known):  # rarely anything but one value: that one is the signal
            low, high = float(known.min()), float(known.max())
        self.low, self.high = low, high
        z = self._filled(x)
        self.hinges = _knots(z, shape.hinges)
        self.steps = _knots(z, shape.steps)
        raw = self._raw(x, z)
        self.centre = raw.mean(axis=0)
        spread = raw.std(axis=0)
        self.scale = np.where(spread > 0, spread, 1.0)

    def design(self, x: Floats) -> Floats:
        """Return shape (n, columns)."""
        return np.asarray((self._raw(x, self._filled(x)) - self.centre) / self.scale)

    def directions(self, sign: int) -> Ints:
        """Return the sign that each column's weight must have for the curve to go one way."""
        shaped = 1 + len(self.hinges) + len(self.steps)
        return np.array([sign] * shaped + [0] * self._has_gaps, dtype=np.int64)

    def weighted(self, weights: Floats) -> NumberTerm:
        """Return the term with the weights learnt on the design."""
        plain = weights / self.scale
        hinges, steps = len(self.hinges), len(self.steps)
        bends, rises = plain[1 : 1 + hinges], plain[1 + hinges : 1 + hinges + steps]
        shaped = slice(0, 1 + hinges + steps)
        return NumberTerm(
            median=self.median,
            low=self.low,
            high=self.high,
            slope=float(plain[0]),
            hinges=tuple(zip(self.hinges, bends.tolist(), strict=True)),
            steps=self.steps,
            levels=(0.0, *rises.cumsum().tolist()),
            offset=float(plain[shaped] @ self.centre[shaped]),
            missing_share=self.missing_share,
            missing_weight=float(plain[-1]) if self._has_gaps else 0.0,
        )

    @property
    def _has_gaps(self) -> bool:
        return 0 < self.missing_share < 1

    def _filled(self, x: Floats) -> Floats:
        return np.clip(np.where(np.isnan(x), self.median, x), self.low, self.high)

    def _raw(self, x: Floats, z: Floats) -> Floats:
        parts = [z, *(np.maximum(z - knot, 0) for knot in self.hinges)]
        parts += [z > step for step in self.steps]
        if self._has_gaps:
            parts.append(np.isnan(x))
        return np.column_stack(parts).astype(np.float64)


class LevelBasis:
    """One column of the design for each code, and one for missing."""

    def __init__(self, x: Floats, codes: int) -> None:
        self.codes = min(codes, MOST_CODES)
        rows = np.bincount(_slots(x, self.codes), minlength=self.codes + 1)
        self.shares = rows / len(x)

    def design(self, x: Floats) -> Floats:
        """Return shape (n, codes + 1)."""
        return np.eye(self.codes + 1)[_slots(x, self.codes)] * LEVEL_SCALE

    def directions(self, sign: int) -> Ints:  # noqa: ARG002 (categories have no direction)
        """Return zeros: any weight may have any sign."""
        return np.zeros(self.codes + 1, dtype=np.int64)

    def weighted(self, weights: Floats) -> LevelTerm:
        """Return the term; codes never seen count as the average."""
        plain = weights * LEVEL_SCALE
        centred = np.where(self.shares > 0, plain - self.shares @ plain, 0.0)
        return LevelTerm(tuple(centred.tolist()))


Basis = NumberBasis | LevelBasis


def bases_of(table: Table, shape: Shape, columns: Sequence[int] | None = None) -> list[Basis]:
    """Return the bases of *columns* (all by default) as the rows of *table* suggest them."""
    wanted = range(table.width) if columns is None else columns
    return [
        LevelBasis(table.matrix[:, j], table.levels[j])
        if j in table.levels
        else NumberBasis(table.matrix[:, j], shape)
        for j in wanted
    ]


def dump_basis(basis: Basis) -> dict[str, Any]:
    """Return what `restore_basis` needs, as JSON holds it."""
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(basis).items()}


def restore_basis(stored: dict[str, Any]) -> Basis:
    """Return the basis that was stored as JSON."""
    arrays = {k: np.array(v) if isinstance(v, list) else v for k, v in stored.items()}
    levels = "shares" in stored
    basis: Basis = LevelBasis.__new__(LevelBasis) if levels else NumberBasis.__new__(NumberBasis)
    basis.__dict__.update(
        arrays | {k: tuple(stored[k]) for k in ("hinges", "steps") if k in stored}
    )
    return basis


def restore_term(stored: dict[str, Any]) -> Term:
    """Return the term whose fields were stored as JSON."""
    if "weights" in stored:
        return LevelTerm(tuple(stored["weights"]))
    hinges = tuple((knot, weight) for knot, weight in stored["hinges"])
    lists = {name: tuple(stored[name]) for name in ("steps", "levels")}
    return NumberTerm(**stored | {"hinges": hinges} | lists)


def _knots(z: Floats, count: int) -> tuple[float, ...]:
    """Quantiles between the ends of *z*, where a curve may bend; none in two values."""
    if not count or len(np.unique(z)) <= 2:
        return ()
    inner = np.unique(np.quantile(z, np.linspace(0, 1, count + 2)[1:-1]))
    return tuple(inner[inner < z.max()].tolist())


def _slots(x: Floats, codes: int) -> Ints:
    return np.where(np.isnan(x), codes, np.minimum(x, codes - 1)).astype(np.int64)
