"""Drift: whether tonight's values are distributed as those a model learnt from.

Counts of a bucket of entities add up, so that every worker counts its own rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["SCORES", "Bins", "Counts", "Gauge", "Reference", "Shift", "merge_counts", "psi"]

Ints = npt.NDArray[np.int64]
Counts = dict[str, list[int]]
SCORES = "(scores)"  # the probabilities themselves; no column can be called that
BINS = 10
MOST_DATES = 60  # more of them are taken together by month
ERRORS = 4.0  # standard errors a stability index must be clear of chance by


@dataclass(frozen=True)
class Bins:
    """How values of one column are counted: by steps of a number, or by level.

    ``edges`` are the upper ends of all steps but the last, ``levels`` those with a place of their
    own. The last place but one takes all others, the last one what is missing.
    """

    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: pd.Series) -> Bins:
        """Bins that hold about equally many of *values* each, or their most frequent levels."""
        known = values.dropna()
        if pd.api.types.is_numeric_dtype(values.dtype) and values.dtype != bool:
            numbers = known.to_numpy(dtype=np.float64)
            inner = np.linspace(0, 1, BINS + 1)[1:-1]
            cuts = np.quantile(numbers, inner, method="lower") if len(numbers) else []
            # values above the largest edge must occur, else the last step holds nothing
            return cls(edges=tuple(float(c) for c in np.unique(cuts) if c < numbers.max()))
        counts = known.astype("str").value_counts()
        ordered = sorted(counts.index, key=lambda level: (-counts[level], level))
        return cls(levels=tuple(ordered[: BINS - 1]))

    @property
    def many(self) -> int:
        """How many places there are."""
        return max(len(self.edges), len(self.levels)) + 2

    def places(self, values: pd.Series) -> Ints:
        """The place of each of *values*, shape (n,)."""
        absent = values.isna().to_numpy()
        if self.levels or values.dtype == object or isinstance(values.dtype, pd.StringDtype):
            codes = {level: place for place, level in enumerate(self.levels)}
            found = values.astype("str").map(codes).fillna(self.many - 2).to_numpy(dtype=np.int64)
        else:
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
            found = np.searchsorted(self.edges, numbers, side="left").astype(np.int64)
        return np.where(absent, self.many - 1, found)

    def count(self, values: pd.Series) -> Ints:
        """How many of *values* fall into each place, shape (many,)."""
        return np.bincount(self.places(values), minlength=self.many).astype(np.int64)


@dataclass(frozen=True)
class Gauge:
    """How one column was distributed in training.

    ``usual`` is the largest stability index that a single date of the training had against all of
    it: seasons and small populations move a column by that much without anything being wrong.
    """

    bins: Bins
    counts: tuple[int, ...]
    usual: float

    def bound(self, limit: float, rows: int) -> float:
        """The index from which *rows* are no longer distributed so, by more than *limit*.

        Chance adds to it as to a chi-square statistic: without any change its mean is one step a
        degree of freedom; around what is usual its noise grows with the index itself.
        """
        freedom = max(sum(count > 0 for count in self.counts) - 1, 1)
        step = 1 / max(rows, 1) + 1 / max(sum(self.counts), 1)
        chance = (freedom + ERRORS * math.sqrt(2 * freedom)) * step
        around = ERRORS * math.sqrt(2 * freedom * step**2 + 4 * self.usual * step)
        return max(limit + chance, self.usual + around)


@dataclass(frozen=True)
class Shift:
    """A column that is distributed otherwise than in training."""

    name: str
    index: float
    bound: float


@dataclass(frozen=True)
class Reference:
    """What a model was trained on, as far as later nights are compared with it."""

    gauges: Mapping[str, Gauge]

    @classmethod
    def learn(
        cls,
        panel: pd.DataFrame,
        dates: pd.Series,
        tested: pd.Series,
        scores: pd.Series,
        score_dates: pd.Series,
    ) -> Reference:
        """Note the columns of *panel*, whose rows are of *dates*, and the scores of a test.

        Columns that only tell the date (its month, say) are left out: they always change.
        *tested* are scores of rows that were not learnt from, *scores* those of the model in use,
        for rows of *score_dates*: what lies between the two models is no drift either.
        """
        groups = _groups(dates)
        gauges = {
            str(name): _gauge(panel[name], panel[name], groups)
            for name in panel.columns
            if not _tells_the_date(panel[name], dates)
        }
        return cls({**gauges, SCORES: _gauge(tested, scores, _groups(score_dates))})

    def count(self, features: pd.DataFrame, scores: pd.Series) -> Counts:
        """Counts of *features* and *scores*; a column that is not there has none."""
        columns = {SCORES: scores, **{name: features[name] for name in features.columns}}
        return {
            name: gauge.bins.count(columns[name]).tolist()
            for name, gauge in self.gauges.items()
            if name in columns
        }

    def indices(self, counts: Counts) -> dict[str, float]:
        """The stability index of each column that was counted, rounded."""
        found = {n: psi(self.gauges[n].counts, c) for n, c in counts.items() if n in self.gauges}
        return {name: round(index, 4) for name, index in found.items()}

    def shifts(self, indices: Mapping[str, float], rows: int, limit: float) -> list[Shift]:
        """The columns whose index is beyond their bound, the furthest first."""
        found = [
            Shift(name, index, self.gauges[name].bound(limit, rows))
            for name, index in indices.items()
            if name in self.gauges
        ]
        beyond = [shift for shift in found if shift.index > shift.bound]
        return sorted(beyond, key=lambda shift: (shift.bound - shift.index, shift.name))

    def to_json(self) -> dict[str, Any]:
        """As plain dicts, lists and numbers."""
        return {name: asdict(gauge) for name, gauge in self.gauges.items()}

    @classmethod
    def from_json(cls, noted: Mapping[str, Any]) -> Reference:
        """What `to_json` returned."""
        return cls({name: _noted_gauge(gauge) for name, gauge in noted.items()})


def psi(expected: Iterable[int], found: Iterable[int]) -> float:
    """The population stability index of two counts: the sum of (q - p) ln(q / p).

    0 means the same shares, 0.25 by custom a marked shift. Half a row is added to every place, so
    that an empty one does not make it infinite.
    """
    old, new = (np.asarray(list(counts), dtype=np.float64) + 0.5 for counts in (expected, found))
    p, q = old / old.sum(), new / new.sum()
    return float(((q - p) * np.log(q / p)).sum())


def merge_counts(parts: Iterable[Counts]) -> Counts:
    """The sum of the counts of several buckets."""
    total: Counts = {}
    for part in parts:
        for name, counts in part.items():
            before = total.get(name, [0] * len(counts))
            total[name] = [a + b for a, b in zip(before, counts, strict=True)]
    return total


def _gauge(values: pd.Series, again: pd.Series, groups: Ints) -> Gauge:
    """The gauge of *values*; how they vary is taken from *again*, whose rows are in *groups*."""
    bins = Bins.of(values)
    total = bins.count(values)
    by_group = np.zeros((int(groups.max(initial=0)) + 1, bins.many), dtype=np.int64)
    np.add.at(by_group, (groups, bins.places(again)), 1)
    usual = max(psi(total, counts) for counts in by_group)
    return Gauge(bins, tuple(int(count) for count in total), round(usual, 4))


def _groups(dates: pd.Series) -> Ints:
    """Codes of the dates; of the months where there are many dates."""
    days = pd.to_datetime(dates)
    months = days.dt.year * 12 + days.dt.month
    codes = pd.factorize(months if days.nunique() > MOST_DATES else days, sort=True)[0]
    return codes.astype(np.int64)


def _tells_the_date(values: pd.Series, dates: pd.Series) -> bool:
    """Whether *values* differ from date to date, but never between the rows of one date."""
    texts = values.astype("str").to_numpy()
    if len(texts) == 0 or (texts == texts[0]).all():
        return False
    by_date = pd.Series(texts).groupby(pd.to_datetime(dates).to_numpy())
    several = by_date.size() > 1  # a date with one row shows nothing
    return bool(several.any() and (by_date.nunique()[several] <= 1).all())


def _noted_gauge(noted: Mapping[str, Any]) -> Gauge:
    bins = Bins(*(tuple(noted["bins"][name]) for name in ("edges", "levels")))
    return Gauge(bins, tuple(noted["counts"]), float(noted["usual"]))
