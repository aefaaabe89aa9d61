"""The two loops that take the time, compiled by Numba; they let other threads run.

Nothing else imports Numba: that takes half a second, and compiling, once a machine, a few more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from salesml.training.shap_plan import Plan
from salesml.training.table import Bools, Floats, Ints

__all__ = ["add_block", "fill_tables"]

UInts = npt.NDArray[np.uint32]


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        compiled = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder can be written to: each process compiles for itself
        compiled = njit(nogil=True)(function)
    return compiled


@_compiled
def fill_tables(plan: Plan, points: Floats, weights: Floats, tables: Floats) -> None:
    """Add to *tables* what the leaves of each piece add, by pattern of bits.

    With b = 1 if the row agrees with a column, else 0, the column's SHAP value is the leaf's value
    times (b - share) times the integral over t from 0 to 1 of the product of b t + share (1 - t)
    over the other columns (Owen, Multilinear Extensions of Games, 1972). That is a polynomial, and
    Gauss' quadrature is exact with half as many *points* as there are columns.
    """
    most = np.max(np.diff(plan.leaf_factors_from))
    agrees, term, before = np.empty(most), np.empty(most), np.empty(most)
    for piece in range(len(plan.piece_bits)):
        size = 1 << plan.piece_bits[piece]
        table = tables[plan.piece_table_from[piece] : plan.piece_table_from[piece + 1]]
        for leaf in range(plan.piece_leaves_from[piece], plan.piece_leaves_from[piece + 1]):
            start = plan.leaf_factors_from[leaf]
            count = plan.leaf_factors_from[leaf + 1] - start
            for pattern in range(size):
                for j in range(count):
                    own = pattern & plan.factor_mask[start + j]
                    agrees[j] = 1.0 if own == plan.factor_wanted[start + j] else 0.0
                for q in range(len(points)):
                    product = plan.leaf_value[leaf] * weights[q]
                    for j in range(count):
                        share = plan.factor_share[start + j]
                        term[j] = agrees[j] * points[q] + share * (1.0 - points[q])
                        before[j] = product
                        product *= term[j]
                    after = 1.0
                    for j in range(count - 1, -1, -1):
                        cell = plan.factor_column[start + j] * size + pattern
                        gain = agrees[j] - plan.factor_share[start + j]
                        table[cell] += gain * before[j] * after
                        after *= term[j]


@_compiled
def add_block(plan: Plan, tables: Floats, x: Floats, sums: Floats) -> None:
    """Add to *sums* what all trees contribute; it and *x* have shape (plan.columns, rows).

    Rows lie next to each other so that the inner loops become vector instructions.
    """
    rows = x.shape[1]
    most = np.max(np.diff(plan.tree_splits_from))
    left, pattern = np.empty((most, rows), np.uint32), np.empty(rows, np.uint32)
    for tree in range(len(plan.tree_splits_from) - 1):
        first = plan.tree_splits_from[tree]
        for split in range(first, plan.tree_splits_from[tree + 1]):
            own = slice(plan.split_members_from[split], plan.split_members_from[split + 1])
            threshold, missing_left = plan.split_threshold[split], plan.split_missing_left[split]
            values = x[plan.split_column[split]]
            _decide(values, threshold, missing_left, plan.members[own], left[split - first])
        for piece in range(plan.tree_pieces_from[tree], plan.tree_pieces_from[tree + 1]):
            own = slice(plan.piece_tests_from[piece], plan.piece_tests_from[piece + 1])
            size = 1 << plan.piece_bits[piece]
            pattern[:] = np.uint32(size - 1)
            _match(left, plan.test_split[own], plan.test_left[own], plan.test_bit[own], pattern)
            cell = plan.piece_table_from[piece]
            for place in range(plan.piece_columns_from[piece], plan.piece_columns_from[piece + 1]):
                table, total = tables[cell : cell + size], sums[plan.piece_column[place]]
                for row in range(rows):
                    total[row] += table[pattern[row]]
                cell += size


@_compiled
def _decide(
    values: Floats, threshold: float, missing_left: bool, members: Bools, left: UInts
) -> None:
    """Write to *left* 1 for each of the *values* that goes left, else 0."""
    if len(members):
        for row in range(len(values)):  # of a missing value, all comparisons are false
            known = values[row] > -1.0 and values[row] < len(members)
            left[row] = np.uint32(1) if known and members[int(values[row])] else np.uint32(0)
    elif missing_left:
        for row in range(len(values)):
            left[row] = np.uint32(0) if values[row] > threshold else np.uint32(1)
    else:
        for row in range(len(values)):
            left[row] = np.uint32(1) if values[row] <= threshold else np.uint32(0)


@_compiled
def _match(left: UInts, splits: Ints, ways: Bools, bits: Ints, pattern: UInts) -> None:
    """Clear in *pattern* the bit of each split where the row did not go the way it asks for."""
    for test in range(len(splits)):
        went, bit = left[splits[test]], np.uint32(bits[test])
        wanted = np.uint32(1) if ways[test] else np.uint32(0)
        for row in range(len(pattern)):
            pattern[row] &= ~((went[row] ^ wanted) << bit)
