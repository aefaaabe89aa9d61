"""Programs as HiGHS solves them, through scipy."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, linprog, milp
from scipy.sparse import csr_array, vstack

from salesml.training.table import Floats

__all__ = ["Rows", "relaxation", "whole"]


class Rows(NamedTuple):
    """Constraints ``low <= matrix @ v <= high``."""

    matrix: csr_array
    low: Floats
    high: Floats

    def and_at_least(self, weights: Floats, least: float) -> Rows:
        """Return these and ``weights @ v >= least``."""
        matrix = vstack([self.matrix, csr_array(weights[None, :])], format="csr")
        return Rows(matrix, np.append(self.low, least), np.append(self.high, np.inf))


def whole(worth: Floats, most: Floats, rows: Rows, *, nodes: int, gap: float) -> OptimizeResult:
    """Maximise ``worth @ v`` over whole ``0 <= v <= most``.

    It ends after so many *nodes* of branch and bound, which unlike a limit of time ends alike
    everywhere. Returns scipy's result; ``x`` is None where none was found.
    """
    with _silenced():
        return milp(
            -worth,
            integrality=np.ones(len(worth)),
            bounds=Bounds(0, most),
            constraints=LinearConstraint(*rows),
            options={"mip_rel_gap": gap, "node_limit": nodes},
        )


@contextmanager
def _silenced() -> Iterator[None]:
    """HiGHS 1.12 writes a line of its own to stdout now and then, past Python and its options."""
    sys.stdout.flush()
    c = ctypes.CDLL(None) if os.name == "posix" else ctypes.cdll.msvcrt
    c.fflush(None)
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        c.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def relaxation(worth: Floats, most: Floats, rows: Rows) -> tuple[Floats, Floats]:
    """Maximise ``worth @ v`` over ``0 <= v <= most``.

    Returns v, and what one more of each row's limit is worth.
    """
    equal = rows.low == rows.high
    found: OptimizeResult = linprog(
        -worth,
        A_ub=rows.matrix[~equal],
        b_ub=rows.high[~equal],
        A_eq=rows.matrix[equal],
        b_eq=rows.high[equal],
        bounds=np.column_stack([np.zeros(len(most)), most]),
        method="highs-ds",
    )
    duals = np.empty(len(equal))
    duals[equal], duals[~equal] = -found.eqlin.marginals, -found.ineqlin.marginals
    return np.asarray(found.x), duals
