"""The pieces of many trees as flat arrays, which compiled code can walk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from itertools import chain
from typing import NamedTuple

import numpy as np

from salesml.training.shap_pieces import Factor, Piece, Test, pieces_of
from salesml.training.table import Bools, Floats, Ints
from salesml.training.trees import Tree

__all__ = ["Plan", "plan_of"]


class Plan(NamedTuple):
    """All trees. What ends in ``_from`` says where the parts of each one begin, and the last end.

    ``columns`` are those that any tree asks about; elsewhere, columns are places among these.
    """

    columns: Ints
    tree_splits_from: Ints
    tree_pieces_from: Ints
    split_column: Ints
    split_threshold: Floats
    split_missing_left: Bools
    split_members_from: Ints
    members: Bools
    piece_bits: Ints
    piece_tests_from: Ints
    piece_leaves_from: Ints
    piece_columns_from: Ints
    piece_table_from: Ints
    piece_column: Ints
    test_split: Ints  # its place in its tree
    test_left: Bools
    test_bit: Ints
    leaf_value: Floats
    leaf_factors_from: Ints
    factor_column: Ints  # its place in its piece
    factor_share: Floats
    factor_mask: Ints
    factor_wanted: Ints


def plan_of(trees: Sequence[Tree], weights: Sequence[float]) -> Plan:
    """Return the plan of the sum of *trees*, at least one, times *weights*."""
    by_tree = [pieces_of(tree) for tree in trees]
    pieces = list(chain.from_iterable(by_tree))
    tests = _matrix([test for piece in pieces for test in piece.tests])
    leaves = [leaf for piece in pieces for leaf in piece.leaves]
    factors = _matrix([factor for leaf in leaves for factor in leaf.factors])
    members = [each for tree in trees for each in tree.members]
    columns, split_column = np.unique(
        np.concatenate([tree.column for tree in trees]), return_inverse=True
    )
    named = np.array([column for piece in pieces for column in piece.columns])
    scale = np.repeat(weights, [_leaves(own) for own in by_tree])
    return Plan(
        columns=columns,
        tree_splits_from=_ends(tree.column for tree in trees),
        tree_pieces_from=_ends(by_tree),
        split_column=split_column.astype(np.int64),
        split_threshold=np.concatenate([tree.threshold for tree in trees]),
        split_missing_left=np.concatenate([tree.missing_left for tree in trees]),
        split_members_from=_ends(members),
        members=np.concatenate(members),
        piece_bits=np.array([piece.bits for piece in pieces], dtype=np.int64),
        piece_tests_from=_ends(piece.tests for piece in pieces),
        piece_leaves_from=_ends(piece.leaves for piece in pieces),
        piece_columns_from=_ends(piece.columns for piece in pieces),
        piece_table_from=_from([len(piece.columns) << piece.bits for piece in pieces]),
        piece_column=np.searchsorted(columns, named).astype(np.int64),
        test_split=_whole(tests[:, 0]),
        test_left=tests[:, 1] != 0,
        test_bit=_whole(tests[:, 2]),
        leaf_value=np.array([leaf.value for leaf in leaves]) * scale,
        leaf_factors_from=_ends(leaf.factors for leaf in leaves),
        factor_column=_whole(factors[:, 0]),
        factor_share=np.ascontiguousarray(factors[:, 1]),
        factor_mask=_whole(factors[:, 2]),
        factor_wanted=_whole(factors[:, 3]),
    )


def _leaves(pieces: Iterable[Piece]) -> int:
    return sum(len(piece.leaves) for piece in pieces)


def _matrix(rows: Sequence[Test | Factor]) -> Floats:
    """Return one line a row; many times quicker than ``np.array`` of tuples."""
    return np.array(list(chain.from_iterable(rows)), dtype=np.float64).reshape(len(rows), -1)


def _whole(numbers: Floats) -> Ints:
    return np.ascontiguousarray(numbers, dtype=np.int64)


def _ends(parts: Iterable[Sized]) -> Ints:
    return _from([len(part) for part in parts])


def _from(lengths: Sequence[int]) -> Ints:
    return np.append(0, np.cumsum(lengths)).astype(np.int64)
