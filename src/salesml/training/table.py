"""The encoded table that every candidate learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Bools", "Floats", "Ints", "Table"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Table:
    """Numbers only, shape (n_rows, n_columns); NaN is missing.

    ``levels`` maps the index of each category column to its number of codes; the column then
    holds codes 0 to that number - 1.
    """

    matrix: Floats
    levels: Mapping[int, int]

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    def take(self, rows: Ints) -> Table:
        """Return the table of *rows*, in that order."""
        return Table(self.matrix[rows], self.levels)
