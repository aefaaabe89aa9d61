"""How the model does in parts of the test: by segment, region, size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import stdtr

from salesml.config import Words
from salesml.training.data import TrainingData
from salesml.training.intervals import Interval, estimate
from salesml.training.metrics import design_effect, ranked, row_losses
from salesml.training.ranking import Ranking
from salesml.training.selection import clustered_difference
from salesml.training.table import Bools, Floats, Ints

__all__ = ["Segment", "by_segment", "groups_of", "segment_table"]

FEWEST_ROWS = 50  # a segment of fewer joins the others
FEWEST_ENTITIES = 10  # fewer say nothing about noise
MOST_GROUPS = 12  # a column of more values tells of the largest
FEW_VALUES = 6  # numbers of no more values are told one by one
CHANCE = 0.05  # of a warning where no segment is off, over all of them
FAR_OFF = 1.25  # predicted and observed may differ by this factor before it matters

OTHER, MISSING = "other", "missing"


@dataclass(frozen=True)
class Segment:
    """One part of the test rows.

    ``kind`` is "value", "range", "missing" or "other" (values too rare to be told alone). ``gain``
    is the log loss of the base rate - that of the model. Numbers are None where there are too few
    rows; ``auc`` is NaN where only one outcome occurs. ``flaw`` is "", "level" (predicted and
    observed share differ clearly) or "worse" (than the base rate, clearly).
    """

    column: str
    group: str
    kind: str
    rows: int
    entities: int
    positives: int
    predicted: float
    observed: Interval | None = None
    log_loss: Interval | None = None
    base_log_loss: float | None = None
    gain: Interval | None = None
    auc: Interval | None = None
    flaw: str = ""

    @property
    def warning(self) -> Words | None:
        """What is wrong with it, in a sentence; None if nothing is."""
        if self.flaw == "level" and self.observed is not None:
            return Words(
                ja=f"セグメント「{self.column} = {self.group}」の確率がずれています: 予測の平均"
                f"{self.predicted:.1%}、実際{self.observed.value:.1%}（{self.rows:,}行）。",
                en=f"Segment {self.column} = {self.group}: probabilities are off, "
                f"{self.predicted:.1%} predicted on average, {self.observed.value:.1%} observed "
                f"in {self.rows:,} rows.",
            )
        if self.flaw == "worse" and self.gain is not None:
            return Words(
                ja=f"セグメント「{self.column} = {self.group}」ではモデルが基準率に劣ります: "
                f"対数損失が{-self.gain.value:.4f}大きい（{self.rows:,}行）。",
                en=f"Segment {self.column} = {self.group}: the model does worse than the base "
                f"rate, log loss higher by {-self.gain.value:.4f} in {self.rows:,} rows.",
            )
        return None


def by_segment(
    training: TrainingData, test: TrainingData, probability: Floats, base: Floats
) -> list[Segment]:
    """Return the segments of *test* by each of its segment columns; each column's hold all rows.

    *probability* and *base* are the model's and the base rate's. Whether a segment is badly off is
    asked of all segments at once: the chance of any false alarm is 5 %.
    """
    if test.segments is None or training.segments is None:
        return []
    parts = [
        _Part.of(str(name), group, kind, rows, test, probability, base)
        for name in test.segments
        for group, kind, rows in groups_of(training.segments[name], test.segments[name])
    ]
    enough = [part for part in parts if part.enough]
    effect = design_effect(test.outcomes, probability, test.clusters)
    return [part.judged(len(enough), effect) for part in parts]


def segment_table(segments: list[Segment]) -> pd.DataFrame:
    """Return *segments* as a table, one row each, intervals as three columns."""
    return pd.DataFrame([_record(segment) for segment in segments])


def groups_of(training: pd.Series, test: pd.Series) -> list[tuple[str, str, Bools]]:
    """Return (name, kind, which test rows) for each group of a column; every row is in one.

    Numbers of many values are cut at the quartiles of *training*; of other values, those too rare
    on the test join in one group.
    """
    known = test.notna().to_numpy(dtype=bool)
    cut = _is_measure(training)
    found = list(_ranges(training, test) if cut else _values(test, known))
    if not known.all():
        found.append(("", MISSING, ~known))
    return found


def _is_measure(training: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(training) and not pd.api.types.is_bool_dtype(training)
    return bool(numeric and training.nunique() > FEW_VALUES)


def _ranges(training: pd.Series, test: pd.Series) -> Iterator[tuple[str, str, Bools]]:
    edges = np.unique(np.nanquantile(training.to_numpy(dtype=np.float64), [0.25, 0.5, 0.75]))
    values = test.to_numpy(dtype=np.float64)
    names = _range_names(edges)
    place = np.searchsorted(edges, values, side="left")
    for number, name in enumerate(names):
        rows = (place == number) & ~np.isnan(values)
        if rows.any():
            yield name, "range", rows


def _range_names(edges: Floats) -> list[str]:
    shown = [f"{edge:,.4g}" if abs(edge) < 1000 else f"{edge:,.0f}" for edge in edges]
    between = [f"> {low}, ≤ {high}" for low, high in pairwise(shown)]
    return [f"≤ {shown[0]}", *between, f"> {shown[-1]}"]


def _values(test: pd.Series, known: Bools) -> Iterator[tuple[str, str, Bools]]:
    texts = test.astype(object).map(_text)
    counts = texts[known].value_counts()
    told = counts[counts >= FEWEST_ROWS].head(MOST_GROUPS)
    for name in sorted(told.index, key=lambda name: (-told[name], name)):
        yield name, "value", known & (texts == name).to_numpy(dtype=bool)
    rest = known & ~texts.isin(told.index).to_numpy(dtype=bool)
    if rest.any():
        yield "", OTHER, rest


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class _Part:
    """The rows of a segment, measured."""

    segment: Segment
    y: Floats
    probability: Floats
    losses: tuple[Floats, Floats]
    clusters: Ints

    @classmethod
    def of(
        cls,
        column: str,
        group: str,
        kind: str,
        rows: Bools,
        test: TrainingData,
        probability: Floats,
        base: Floats,
    ) -> _Part:
        y, p = test.outcomes[rows], probability[rows]
        clusters = np.unique(test.clusters[rows], return_inverse=True)[1].astype(np.int64)
        segment = Segment(
            column=column,
            group=group or kind,
            kind=kind,
            rows=len(y),
            entities=int(clusters.max()) + 1,
            positives=int(y.sum()),
            predicted=float(p.mean()),
        )
        return cls(segment, y, p, (row_losses(y, base[rows]), row_losses(y, p)), clusters)

    @property
    def enough(self) -> bool:
        return self.segment.rows >= FEWEST_ROWS and self.segment.entities >= FEWEST_ENTITIES

    def judged(self, tests: int, effect: float) -> Segment:
        if not self.enough:
            return self.segment
        y, (old, new) = self.y, self.losses

        def measure(weights: Floats) -> list[float]:
            total = weights.sum()
            share, loss = weights @ y / total, weights @ new / total
            return [
                share,
                loss,
                weights @ (old - new) / total,
                ranked(ranking, falling, weights)[0],
            ]

        ranking = Ranking.of(self.probability)
        falling = ranking.ordered(y)
        observed, log_loss, gain, auc = estimate(measure, self.clusters)
        return replace(
            self.segment,
            observed=observed,
            log_loss=log_loss,
            base_log_loss=float(old.mean()),
            gain=gain,
            auc=auc,
            flaw=self._flaw(tests, effect),
        )

    def _flaw(self, tests: int, effect: float) -> str:
        threshold = CHANCE / tests
        if self._level_chance(effect) < threshold and self._far_off():
            return "level"
        gain = clustered_difference(self.losses[0] - self.losses[1], self.clusters)
        worse = _one_sided(-gain.mean, gain.standard_error, self.segment.entities)
        return "worse" if worse < threshold else ""

    def _level_chance(self, effect: float) -> float:
        """The chance of such a difference of shares where the probabilities are right."""
        p = self.probability
        off = clustered_difference(self.y - p, self.clusters)
        # rows all alike seem to have no noise: there is at least that of the outcomes themselves
        least = float(np.sqrt(effect * (p * (1 - p)).sum())) / len(p)
        error = max(off.standard_error, least)
        return 2 * _one_sided(abs(off.mean), error, self.segment.entities)

    def _far_off(self) -> bool:
        low, high = sorted((float(self.y.mean()), self.segment.predicted))
        return high > low * FAR_OFF


_PLAIN = ("column", "group", "kind", "rows", "entities", "positives", "predicted")


def _one_sided(mean: float, error: float, entities: int) -> float:
    """The chance of at least *mean* where the truth is 0, by Student's t."""
    if error == 0:
        return 0.0 if mean > 0 else 1.0
    return float(stdtr(entities - 1, -mean / error))


def _record(segment: Segment) -> dict[str, object]:
    record: dict[str, object] = {name: getattr(segment, name) for name in _PLAIN}
    for name in ("observed", "log_loss", "gain", "auc"):
        interval: Interval | None = getattr(segment, name)
        value, low, high = interval or (None, None, None)
        record |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return record | {"base_log_loss": segment.base_log_loss, "flaw": segment.flaw}
