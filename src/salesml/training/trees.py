"""The trees of a LightGBM booster as arrays, read from its own text."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import lightgbm as lgb
import numpy as np

from salesml.training.table import Bools, Floats, Ints

__all__ = ["Tree", "trees_of"]

# decision_type in LightGBM's text: two flags, and above them how the column treats missing values
CATEGORICAL, DEFAULT_LEFT = 1, 2
MISSING_SHIFT, MISSING_IS_NAN = 2, 2


class Tree(NamedTuple):
    """Splits, the root first, and leaves; a child below 0 is the leaf ``~child``.

    A row goes left if its value is at most the threshold, or is one of the members where there
    are any; a missing value goes left if ``missing_left``. Rows are those of the training.
    """

    column: Ints
    threshold: Floats
    missing_left: Bools
    members: list[Bools]  # one a split, by category code; empty for numbers
    left: Ints
    right: Ints
    split_rows: Floats
    leaf_rows: Floats
    leaf_value: Floats

    def share(self, child: int, split: int) -> float:
        """Return the share of the rows at *split* that went to its *child*."""
        rows = self.leaf_rows[~child] if child < 0 else self.split_rows[child]
        return float(rows / self.split_rows[split])


def trees_of(booster: lgb.Booster) -> list[Tree]:
    """Return the trees that split at all, in order."""
    parts = booster.model_to_string().split("\nTree=")[1:]
    fields = [dict(_pairs(part)) for part in parts]
    return [_tree(each) for each in fields if int(each["num_leaves"]) > 1]


def _pairs(part: str) -> list[tuple[str, str]]:
    """Return name and value of each line of one tree."""
    lines = part.split("\n\n")[0].splitlines()[1:]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def _tree(fields: dict[str, str]) -> Tree:
    threshold, kinds = _floats(fields["threshold"]), _ints(fields["decision_type"])
    # a column without gaps when it was learnt takes a missing value for 0
    filled = kinds >> MISSING_SHIFT != MISSING_IS_NAN
    default = kinds & DEFAULT_LEFT != 0
    return Tree(
        column=_ints(fields["split_feature"]),
        threshold=threshold,
        missing_left=np.where(filled, threshold >= 0, default),
        members=_members(fields, threshold, kinds & CATEGORICAL != 0),
        left=_ints(fields["left_child"]),
        right=_ints(fields["right_child"]),
        split_rows=_floats(fields["internal_count"]),
        leaf_rows=_floats(fields["leaf_count"]),
        leaf_value=_floats(fields["leaf_value"]),
    )


def _members(fields: dict[str, str], threshold: Floats, categorical: Bools) -> list[Bools]:
    """Return which codes go left; a categorical split's threshold is its place among the sets."""
    if not categorical.any():
        return [np.zeros(0, dtype=np.bool_)] * len(categorical)
    ends = _ints(fields["cat_boundaries"])
    words = np.array(fields["cat_threshold"].split(), dtype="<u4")
    sets = [_bits(words[a:b]) for a, b in pairwise(ends)]
    return [
        sets[int(place)] if is_set else np.zeros(0, dtype=np.bool_)
        for place, is_set in zip(threshold, categorical, strict=True)
    ]


def _bits(words: Ints) -> Bools:
    return np.unpackbits(words.view(np.uint8), bitorder="little").astype(np.bool_)


def _ints(text: str) -> Ints:
    return np.array(text.split(), dtype=np.int64)


def _floats(text: str) -> Floats:
    return np.array(text.split(), dtype=np.float64)
