"""What an experiment ends with, as numbers and as sentences."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.training import Interval, Window

__all__ = ["COMPARED", "Experiment", "FeatureCost", "Outcome", "signed"]

COMPARED = ("log_loss", "roc_auc", "average_precision", "brier")
_MANY = 3  # variants, from which on chance is worth a word


@dataclass(frozen=True)
class Outcome:
    """How one variant did out of fold; ``differences`` are its measures - those of the first.

    ``metrics`` and ``differences`` hold COMPARED with 95 % intervals. ``alike`` is the difference
    in log loss of like with like, where another candidate than the first's was chosen. ``leaks``
    are columns that alone tell the outcome, with their AUC.
    """

    name: str
    sets: list[str]
    columns: list[str]
    settings: dict[str, Any]
    chosen: str
    metrics: dict[str, Interval]
    differences: dict[str, Interval]
    seconds: float
    warnings: list[str]
    leaks: dict[str, float]
    alike: Interval | None = None

    def verdict(self, base: Outcome) -> str:
        """Whether the variant is better than *base*, in a sentence."""
        value, low, high = self.differences["log_loss"]
        if high < 0:
            ends = f"({-high:.4f} to {-low:.4f})"
            said = f"{self.name} helps: log loss lower by {-value:.4f} {ends}."
        elif low > 0:
            said = f"{self.name} hurts: log loss higher by {value:.4f} ({low:.4f} to {high:.4f})."
        else:
            said = self._no_difference(base)
        return " ".join([said, *self._like_with_like(base), *self._suspicion(base)])

    def _no_difference(self, base: Outcome) -> str:
        difference = self.differences["log_loss"]
        if not any(difference):
            return f"{self.name}: no difference, the same predictions."
        said = f"{self.name}: no clear difference: log loss differs by {signed(difference, 4)}"
        fewer = len(base.columns) - len(self.columns)
        return f"{said}, with {fewer} columns fewer." if fewer > 0 else f"{said}."

    def _like_with_like(self, base: Outcome) -> Iterator[str]:
        if self.chosen == base.chosen:
            return
        said = f"It keeps {self.chosen}, not {base.chosen}"
        yield (
            f"{said}."
            if self.alike is None
            else (
                f"{said}; {base.chosen} against {base.chosen} differs by {signed(self.alike, 4)}."
            )
        )

    def _suspicion(self, base: Outcome) -> Iterator[str]:
        for column in self.leaks.keys() - base.leaks.keys():
            yield (
                f"But {column} alone tells the outcome (AUC {self.leaks[column]:.3f}): "
                "find out first whether it is known in time."
            )


@dataclass(frozen=True)
class FeatureCost:
    """What computing the panel took; parts are snapshots: a set, a date and a bucket."""

    seconds: float
    computed: int
    cached: int

    def __str__(self) -> str:
        return (
            f"rows and features took {self.seconds:.1f} s: {self.cached:,} parts came from the "
            f"cache, {self.computed:,} were computed"
        )


@dataclass(frozen=True)
class Experiment:
    """The task as configured, ``outcomes[0]``, and variants of it on the same rows and folds.

    Attributes
    ----------
    judged : the rows that were predicted out of fold and compared on.
    left : the first date of the newest rows, which no variant saw: `salesml train` tests on them.
    predictions : entity, as_of, y, and one column of probabilities a variant.
    run_id : the parent run in MLflow.
    """

    task: str
    as_of: dt.date
    outcomes: list[Outcome]
    judged: Window
    left: dt.date
    split: str
    cost: FeatureCost
    predictions: pd.DataFrame
    run_id: str = ""

    def table(self) -> pd.DataFrame:
        """One row a variant: measures, and differences to the first with both ends."""
        rows = [
            {
                "variant": outcome.name,
                "columns": len(outcome.columns),
                "chosen": outcome.chosen,
                **_flat(outcome.metrics, ""),
                **_flat(outcome.differences, "_difference"),
                "seconds": outcome.seconds,
            }
            for outcome in self.outcomes
        ]
        return pd.DataFrame(rows)

    def verdicts(self) -> list[str]:
        """A sentence for each variant."""
        base, *variants = self.outcomes
        return [variant.verdict(base) for variant in variants]

    def lines(self) -> list[str]:
        """What to print below the table: verdicts, how to read them, and where it comes from."""
        newest = (
            f"the newest dates, from {self.left}, stay unseen for `salesml train`"
            if self.split == "time"
            else "a part of the entities stays unseen for `salesml train`"
        )
        return [
            *self.verdicts(),
            *self._how_to_read(),
            f"Compared out of fold on {self.judged}; {newest}.",
            f"The {self.cost}.",
            *self._warnings(),
        ]

    def _how_to_read(self) -> Iterator[str]:
        yield (
            "Intervals are 95 %, from resampled entities; one that holds 0 means that these rows "
            "cannot tell the two apart."
        )
        if len(self.outcomes) > _MANY:
            yield (
                f"With {len(self.outcomes) - 1} variants, one may look better by chance: compare "
                "the winner again on newer data."
            )

    def _warnings(self) -> list[str]:
        """Warnings by variant; those that all share are told once."""
        texts = dict.fromkeys(text for outcome in self.outcomes for text in outcome.warnings)
        told = {text: [o.name for o in self.outcomes if text in o.warnings] for text in texts}
        return [
            f"warning: {text}"
            if len(names) == len(self.outcomes)
            else f"warning ({', '.join(names)}): {text}"
            for text, names in told.items()
        ]


def signed(difference: Interval, digits: int) -> str:
    """A difference with its interval, ``-0.0012 (-0.0031 to +0.0007)``."""
    value, *ends = (_signed(number, digits) for number in difference)
    return f"{value} ({' to '.join(ends)})"


def _signed(number: float, digits: int) -> str:
    if math.isnan(number):
        return "unknown"
    rounded = round(number, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def _flat(measures: dict[str, Interval], suffix: str) -> dict[str, float]:
    flat = {}
    for name, interval in measures.items():
        for end, value in zip(("", "_low", "_high"), interval, strict=True):
            flat[f"{name}{suffix}{end}"] = value
    return flat
