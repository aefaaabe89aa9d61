"""From what the caller gives to encoded rows to learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from salesml.errors import ModelError, suggest
from salesml.training.encoding import Encoder, as_frame
from salesml.training.inputs import (
    cluster_codes,
    day_numbers,
    enough_of_both,
    one_a_row,
    outcomes,
)
from salesml.training.leaks import (
    identifier_columns,
    say_leaks,
    single_column_aucs,
    suspicions,
    too_good,
)
from salesml.training.table import Floats, Ints, Table

__all__ = ["Prepared", "Sample", "prepare"]

MOST_ROWS, MOST_CELLS = 1_000_000, 100_000_000  # that are learnt from: 800 MB
MOST_TUNING_ROWS, MOST_TUNING_CELLS = 100_000, 20_000_000  # that candidates are compared on
FEW_POSITIVES = 100


@dataclass(frozen=True)
class Sample:
    """Encoded rows to learn from; ``rule`` is a score given beside them, in a table of its own."""

    table: Table
    y: Floats
    clusters: Ints
    days: Ints | None
    rule: Table | None = None

    def take(self, rows: Ints) -> Sample:
        """Return the sample of *rows*."""
        days = None if self.days is None else self.days[rows]
        rule = None if self.rule is None else self.rule.take(rows)
        return Sample(self.table.take(rows), self.y[rows], self.clusters[rows], days, rule)


@dataclass(frozen=True)
class Prepared:
    """Rows to learn from.

    ``positions`` are those of the sample's rows in what was given, ``total`` rows long;
    ``part_rows`` are the rows of the sample that candidates are compared on, ``part``.
    """

    encoder: Encoder
    leaks: dict[str | int, float]
    sample: Sample
    positions: Ints
    total: int
    part_rows: Ints
    part: Sample
    rule_column: int | None

    @property
    def varies(self) -> bool:
        """Whether any column can tell rows apart."""
        return any(column.kind != "ignored" for column in self.encoder.columns)

    def directions(self, monotone: Mapping[str | int, int]) -> dict[int, int]:
        """Return *monotone* by position; raises ModelError where it makes no sense."""
        names = self.encoder.names
        if not isinstance(monotone, Mapping):
            raise ModelError(
                "monotone must map columns to +1 or -1.",
                received=repr(monotone),
                fix='write {"column": 1}',
            )
        directions = {}
        for name, sign in monotone.items():
            if name not in names:
                raise ModelError(
                    f"monotone names the unknown column '{name}'."
                    f"{suggest(str(name), map(str, names))}",
                    fix="name columns of X",
                )
            position = names.index(name)
            kind = self.encoder.columns[position].kind
            if sign not in (-1, 1) or kind == "category":
                raise ModelError(
                    f"Column '{name}' cannot go one way.",
                    received=f"{sign!r} for a column of kind {kind}",
                    fix="give +1 or -1 to columns of numbers, dates or truth values",
                )
            directions[position] = int(sign)
        return directions

    def out_of_fold(self, margins: Mapping[str, Floats]) -> pd.DataFrame:
        """Return probabilities of *margins* by position in what was given."""
        rows = self.positions[self.part_rows]
        columns = {}
        for name, margin in margins.items():
            columns[name] = np.full(self.total, np.nan)
            columns[name][rows] = expit(margin)
        return pd.DataFrame(columns)


def prepare(
    X: Any,
    y: Any,
    time: Any,
    groups: Any,
    baseline: Any,
    *,
    min_positives: int,
    seed: int,
    warn: Callable[[str], None],
) -> Prepared:
    """Check and encode; raises as `PropensityModel.fit`."""
    frame = as_frame(X)
    total = len(frame)
    outcome = outcomes(y, total)
    clusters = cluster_codes(groups, total)
    enough_of_both(outcome, min_positives)
    days = None if time is None else day_numbers(time, total)
    rng = np.random.default_rng(seed)
    positions = _some(rng, total, frame.shape[1], MOST_ROWS, MOST_CELLS)
    if len(positions) < total:
        warn(f"Learnt from {len(positions):,} of {total:,} rows, drawn at random.")
        frame, outcome, clusters = frame.iloc[positions], outcome[positions], clusters[positions]
        days = None if days is None else days[positions]
    encoder = _without_identifiers(frame, clusters, warn)
    rule_column, rule = _rule(baseline, encoder, total, positions)
    table = encoder.transform(frame)
    sample = Sample(table, outcome, np.unique(clusters, return_inverse=True)[1], days, rule)
    part_rows = _some(rng, len(positions), table.width, MOST_TUNING_ROWS, MOST_TUNING_CELLS)
    part = sample
    if len(part_rows) < len(positions):
        part = sample.take(part_rows)
        warn(
            f"Candidates were compared on {len(part_rows):,} of {len(positions):,} rows, "
            "drawn at random."
        )
    aucs = single_column_aucs(encoder.columns, part.table, part.y)
    leaks = too_good(aucs)
    doubts = suspicions(encoder.columns, part.table, part.y, part.days, aucs)
    for text in (*say_leaks(leaks), *doubts, *_few(outcome)):
        warn(text)
    found = Prepared(encoder, leaks, sample, positions, total, part_rows, part, rule_column)
    if not found.varies:
        warn("No column varies: everybody gets the base rate.")
    return found


def _without_identifiers(
    frame: pd.DataFrame, clusters: Ints, warn: Callable[[str], None]
) -> Encoder:
    encoder = Encoder.learn(frame)
    names = identifier_columns(frame, encoder.columns, clusters)
    if not names:
        return encoder
    warn(f"Left out, because they name or number the rows: {', '.join(map(str, names))}.")
    return encoder.ignoring(set(names))


def _rule(
    baseline: Any, encoder: Encoder, total: int, positions: Ints
) -> tuple[int | None, Table | None]:
    """Return the column of X that holds the rule's score, or the score in a table of its own."""
    if baseline is None:
        return None, None
    if isinstance(baseline, np.integer):
        baseline = int(baseline)
    if isinstance(baseline, (str, int)):
        if baseline not in encoder.names:
            raise ModelError(
                f"The baseline '{baseline}' is no column of X."
                f"{suggest(str(baseline), map(str, encoder.names))}",
                fix="name a column of X, or give one score a row",
            )
        return encoder.names.index(baseline), None
    values = one_a_row("baseline", baseline, total)
    scores = pd.DataFrame({"baseline": values.iloc[positions]})
    return None, Encoder.learn(scores).transform(scores)


def _few(y: Floats) -> list[str]:
    positives = int(min(y.sum(), len(y) - y.sum()))
    if positives >= FEW_POSITIVES:
        return []
    kind = "positives" if y.mean() <= 0.5 else "negatives"
    return [
        f"Only {positives} {kind} to learn from: simple models win, and every measure is "
        "uncertain, as its interval says."
    ]


def _some(rng: np.random.Generator, rows: int, width: int, most: int, cells: int) -> Ints:
    """Return all row numbers, or as many of them as are handled well, sorted."""
    limit = min(most, max(1000, cells // max(width, 1)))
    if rows <= limit:
        return np.arange(rows, dtype=np.int64)
    return np.sort(rng.choice(rows, limit, replace=False)).astype(np.int64)
