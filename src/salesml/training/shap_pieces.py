"""Trees cut into pieces whose SHAP values fit into small tables.

SHAP values of a tree are a sum over its leaves, and what a leaf adds for a row depends only on
which columns on the way to it the row agrees with: one bit a column (Nadel and Wettenstein, From
Decision Trees to Boolean Logic: A Fast and Unified SHAP Algorithm, 2025). A piece is a subtree
whose leaves share their bits: one for each column on the way to the subtree, which says whether the
row went that way wherever this column was asked, and one for each split in the subtree, which says
whether the row goes left there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from salesml.training.trees import Tree

__all__ = ["Factor", "Leaf", "Piece", "Test", "pieces_of"]

MOST_BITS = 8  # of a piece of several leaves: larger tables leave the inner cache


class Test(NamedTuple):
    """A row that does not go this way at the split has its bit cleared."""

    split: int
    left: bool
    bit: int


class Factor(NamedTuple):
    """A column on the way to a leaf: a row agrees where its bits under the mask are as wanted."""

    column: int
    share: float  # of the training rows that agreed, split by split
    mask: int
    wanted: int


class Leaf(NamedTuple):
    """What the leaf holds, and the columns on the way to it."""

    value: float
    factors: list[Factor]


class Piece(NamedTuple):
    """A subtree; its table has ``2**bits`` cells a column."""

    bits: int
    columns: list[int]
    tests: list[Test]
    leaves: list[Leaf]


class _Step(NamedTuple):
    split: int
    column: int
    left: bool
    share: float


_Path = list[_Step]
_Branches = list[tuple[tuple[int, _Step], tuple[int, _Step]]]  # of each split: child, way there


def pieces_of(tree: Tree) -> list[Piece]:
    """Return pieces that hold each leaf of *tree* once."""
    return list(_cut(_branches(tree), tree.leaf_value.tolist(), 0, []))


def _cut(branches: _Branches, values: list[float], top: int, path: _Path) -> Iterator[Piece]:
    inside = list(_splits(branches, top))
    shared = list(dict.fromkeys(step.column for step in path))
    if inside and len(shared) + len(inside) > MOST_BITS:
        for child, step in branches[top]:
            yield from _cut(branches, values, child, [*path, step])
        return
    bits = {split: bit for bit, split in enumerate(inside, len(shared))}
    asked = (branches[split][0][1].column for split in inside)
    columns = list(dict.fromkeys([*shared, *asked]))
    tests = [Test(step.split, step.left, shared.index(step.column)) for step in path]
    tests += [Test(split, True, bit) for split, bit in bits.items()]
    leaves = [
        Leaf(values[leaf], _factors([*path, *rest], columns, bits))
        for leaf, rest in _leaves(branches, top, [])
    ]
    yield Piece(len(shared) + len(inside), columns, tests, leaves)


def _factors(path: _Path, columns: list[int], bits: dict[int, int]) -> list[Factor]:
    """Return a factor for each column of *path*; *bits* are those of the splits in the piece."""
    found: dict[int, Factor] = {}
    for split, column, left, share in path:
        place = columns.index(column)
        _, sofar, mask, wanted = found.get(place, (place, 1.0, 0, 0))
        # above the piece, the bit of a column says that the row took this very path
        flag = 1 << bits.get(split, place)
        agreed = flag if left or split not in bits else 0
        found[place] = Factor(place, sofar * share, mask | flag, wanted | agreed)
    return list(found.values())


def _splits(branches: _Branches, top: int) -> Iterator[int]:
    """Return *top* and the splits below, none if it is a leaf."""
    waiting = [top]
    while waiting:
        split = waiting.pop()
        if split >= 0:
            yield split
            waiting += [child for child, _ in branches[split]]


def _leaves(branches: _Branches, top: int, path: _Path) -> Iterator[tuple[int, _Path]]:
    if top < 0:
        yield ~top, path
        return
    for child, step in branches[top]:
        yield from _leaves(branches, child, [*path, step])


def _branches(tree: Tree) -> _Branches:
    below = zip(tree.column.tolist(), tree.left.tolist(), tree.right.tolist(), strict=True)
    return [
        (
            (left, _Step(split, column, True, tree.share(left, split))),
            (right, _Step(split, column, False, tree.share(right, split))),
        )
        for split, (column, left, right) in enumerate(below)
    ]
