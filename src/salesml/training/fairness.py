"""Whether some groups are selected less often than others: regions, kinds, sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from salesml.config import Fairness, Words
from salesml.training.data import TrainingData
from salesml.training.intervals import LEVEL, Interval
from salesml.training.metrics import design_effect, roc_auc, wilson_ends
from salesml.training.segments import (
    CHANCE,
    FEWEST_ROWS,
    Segment,
    groups_of,
    segment_table,
)
from salesml.training.table import Bools, Floats

__all__ = [
    "Selection",
    "fairness_table",
    "fairness_warnings",
    "ratio_interval",
    "selected",
    "selections",
    "wilson",
]

FEWEST_WORTH = 10  # independent rows; fewer say nothing
COMPARED = ("value", "range")  # what is unknown, or rare values together, are no group of people


@dataclass(frozen=True)
class Selection:
    """How often one group is among those selected: the top ``share`` of the test rows.

    ``rate`` is the share of its rows; ``worth`` how many independent rows these stand for.
    ``ratio`` is its share over that of the ``best`` group, the one selected most often; None for
    groups that are not compared: too few rows, rare values, missing ones. ``unfair``:
    the ratio is clearly below ``limit``. ``segment`` says how the model does in the group; ``auc``
    is its AUC, without an interval where too few entities (or clusters of them) tell of the noise.
    """

    segment: Segment
    share: float
    rate: float
    worth: float
    limit: float
    auc: Interval | None = None
    best: Selection | None = None
    ratio: Interval | None = None
    unfair: bool = False

    @property
    def selected(self) -> Interval:
        """The share of its rows that are selected."""
        return wilson(self.rate, self.worth)

    @property
    def told(self) -> Words:
        """The group with its numbers, for a warning."""
        seen = f"{self.segment.positives / self.segment.rows:.1%}"
        name, rate = self.segment.group, f"{self.rate:.1%}"
        if self.ratio is None:
            words = Words(ja=f"{rate}、実際{seen}", en=f"{rate}, observed {seen}")
        else:
            value, low, high = (f"{number:.2f}" for number in self.ratio)
            words = Words(
                ja=f"{rate}（{value}倍、95%区間 {low}〜{high}）、実際{seen}",
                en=f"{rate} ({value} times, {low} to {high}), observed {seen}",
            )
        return Words(ja=f"{name} {words.ja}", en=f"{name} {words.en}")


def fairness_warnings(found: Sequence[Selection]) -> list[Words]:
    """Return a warning for each column that has groups clearly passed over."""
    columns = dict.fromkeys(each.segment.column for each in found if each.unfair)
    return [
        _warning([each for each in found if each.unfair and each.segment.column == column])
        for column in columns
    ]


def _warning(unfair: Sequence[Selection]) -> Words:
    first = unfair[0]
    column, share, limit = first.segment.column, f"{first.share:.1%}", f"{first.limit:g}"
    best = first.best.told if first.best else Words(ja="", en="")
    return Words(
        ja=f"公平性「{column}」: スコア上位{share}に入る割合が、最も高いグループ（{best.ja}）の"
        f"{limit}倍を明らかに下回ります: {'; '.join(each.told.ja for each in unfair)}。",
        en=f"Fairness, {column}: clearly fewer than {limit} times the share of the most selected "
        f"group ({best.en}) are in the top {share}: {'; '.join(each.told.en for each in unfair)}.",
    )


def selections(
    fairness: Fairness | None,
    training: TrainingData,
    test: TrainingData,
    probability: Floats,
    segments: Sequence[Segment],
    share: float,
) -> list[Selection]:
    """Return how often each group of each column of *fairness* is in the top *share* of *test*.

    *segments* are those of `by_segment`. Whether a group is passed over is asked of all pairs of
    groups at once: the chance of any false alarm is 5 %, so that small groups do not cry wolf.
    """
    if fairness is None or test.segments is None or training.segments is None:
        return []
    chosen = selected(probability, share)
    found = []
    for name in fairness.by:
        groups = groups_of(training.segments[name], test.segments[name])
        own = [segment for segment in segments if segment.column == name]
        found.append(_column(own, groups, test, probability, chosen, fairness.ratio, share))
    pairs = sum(_pairs(column) for column in found)
    return [_compared(each, column, pairs) for column in found for each in column]


def selected(probability: Floats, share: float) -> Floats:
    """Return how much of each row is in the top *share*: 1, 0, or a part among equals at the end.

    Parameters
    ----------
    probability : shape (n,).
    share : of the rows, between 0 and 1.
    """
    wanted = share * len(probability)
    last = np.sort(probability)[::-1][min(max(int(np.ceil(wanted)) - 1, 0), len(probability) - 1)]
    above, equal = probability > last, probability == last
    part = (wanted - above.sum()) / equal.sum()
    return np.where(above, 1.0, np.where(equal, part, 0.0))


def fairness_table(found: Sequence[Selection]) -> pd.DataFrame:
    """Return *found* as a table, one row a group, intervals as three columns."""
    table = segment_table([each.segment for each in found])
    for name in ("auc", "selected", "ratio"):
        ends = [getattr(each, name) or (None, None, None) for each in found]
        for place, end in enumerate(("", "_low", "_high")):
            table[f"{name}{end}"] = [interval[place] for interval in ends]
    return table.assign(
        best=[each.best.segment.group if each.best else "" for each in found],
        limit=[each.limit for each in found],
        unfair=[each.unfair for each in found],
    )


def ratio_interval(own: Interval, best: Interval) -> Interval:
    """Return the ratio of two independent shares from their Wilson intervals.

    Donner and Zou (2012), Closed-form confidence intervals for functions of the normal mean and
    standard deviation: it holds where nobody of a group is selected, too. Infinite where *best*
    may be 0.
    """
    both = own.value * best.value
    least, most = _reach(own.value, own.low), _reach(own.value, own.high)
    down, up = _reach(best.value, best.low), _reach(best.value, best.high)
    return Interval(
        value=own.value / best.value if best.value else float("nan"),
        low=least / (both + _root(both**2 - least * up)) if least else 0.0,
        high=(both + _root(both**2 - most * down)) / down if down > 0 else float("inf"),
    )


def _reach(share: float, end: float) -> float:
    return end * (2 * share - end)


def _root(square: float) -> float:
    return math.sqrt(max(square, 0.0))


def _column(
    segments: Sequence[Segment],
    groups: Sequence[tuple[str, str, Bools]],
    test: TrainingData,
    probability: Floats,
    chosen: Floats,
    limit: float,
    share: float,
) -> list[Selection]:
    """The groups of one column, not yet compared."""
    rates = np.zeros(len(chosen))
    for _, _, rows in groups:
        rates[rows] = chosen[rows].mean()
    # entities stay selected for months: their rows together tell as much as fewer alone
    effect = design_effect(chosen, rates, test.clusters)
    return [
        Selection(
            segment=segment,
            share=share,
            rate=float(chosen[rows].mean()),
            worth=float(rows.sum() / effect),
            limit=limit,
            auc=_auc(segment, test.outcomes[rows], probability[rows]),
        )
        for segment, (_, _, rows) in zip(segments, groups, strict=True)
    ]


def _auc(segment: Segment, y: Floats, probability: Floats) -> Interval | None:
    if segment.auc is not None or segment.rows < FEWEST_ROWS:
        return segment.auc
    return Interval(roc_auc(y, probability), float("nan"), float("nan"))


def _enough(each: Selection) -> bool:
    # the noise is learnt from all groups, so that one of few clusters can be compared, too
    large = each.segment.rows >= FEWEST_ROWS and each.worth >= FEWEST_WORTH
    return large and each.segment.kind in COMPARED


def _pairs(column: Sequence[Selection]) -> int:
    many = sum(map(_enough, column))
    return many * (many - 1)


def _compared(each: Selection, column: Sequence[Selection], pairs: int) -> Selection:
    others = [other for other in column if _enough(other)]
    if not _enough(each) or len(others) < 2:
        return each
    best = max(others, key=lambda other: other.rate)
    if best is each or not best.rate:
        return each
    strict = 100 * (1 - 2 * CHANCE / pairs)  # one-sided
    ends = (wilson(one.rate, one.worth, strict) for one in (each, best))
    clearly = ratio_interval(*ends).high < each.limit
    ratio = ratio_interval(each.selected, best.selected)
    return replace(each, best=best, ratio=ratio, unfair=clearly)


def wilson(share: float, rows: float, level: float = LEVEL) -> Interval:
    """Return *share* of so many independent *rows* with its interval by Wilson (1927)."""
    z = float(ndtri(0.5 + level / 200))
    (low,), (high,) = wilson_ends(np.array([share]), np.array([rows]), z)
    # nobody, or everybody, leaves no room on that side; rounding would
    return Interval(share, float(low) if share > 0 else 0.0, float(high) if share < 1 else 1.0)
