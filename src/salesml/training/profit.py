"""What contacting the best-scored rows comes to: hits, misses and money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesml.config import Capacity, Value
from salesml.errors import ConfigError
from salesml.training.data import TrainingData
from salesml.training.intervals import Interval, estimate
from salesml.training.ranking import Ranking
from salesml.training.table import Floats, Ints

__all__ = [
    "SHARES",
    "Best",
    "Cut",
    "Rate",
    "Targeting",
    "best_threshold",
    "cuts_at",
    "profit_curve",
    "rate_of",
    "require_amount",
    "row_values",
    "target",
]

SHARES = (0.05, 0.1, 0.2)  # what is told of every task
NOBODY = float("inf")  # the threshold that no probability reaches


@dataclass(frozen=True)
class Rate:
    """How many rows come up to be scored in a period (``per``): what profits are counted by.

    Without a capacity there is no period, and profits are those of 100 rows.
    """

    rows: float = 100.0
    per: str = ""


@dataclass(frozen=True)
class Cut:
    """The top *share* of the test, by probability.

    ``contacts`` are rows a period; ``probability`` is that of the last row contacted;
    ``profit`` is a period's, None where the task gives no value.
    """

    share: float
    contacts: float
    probability: float
    precision: Interval
    recall: Interval
    lift: Interval
    profit: Interval | None


@dataclass(frozen=True)
class Best:
    """The threshold of the highest profit, found out of fold in training and tried on the test.

    ``expected`` is the profit it had where it was found, ``profit`` on the test; both a period's.
    The threshold is infinite, and the share 0, where contacting nobody is best.
    """

    probability: float
    expected_share: float
    expected: Interval
    share: float
    contacts: float
    profit: Interval


@dataclass(frozen=True)
class Targeting:
    """What the order of the test rows is worth.

    ``cuts`` are the top 5, 10 and 20 %; ``capacity`` the top share that can be contacted;
    ``curve`` has columns contacted, profit, low, high. Rows are counted each for itself: an entity
    contacted on several dates costs, and brings, several times.
    """

    rate: Rate
    cuts: list[Cut]
    capacity: Cut | None
    best: Best | None
    curve: pd.DataFrame | None
    warnings: list[str]

    def numbers(self) -> dict[str, float | Interval]:
        """All of it by name, as MLflow stores it."""
        found: dict[str, float | Interval] = {}
        for cut in self.cuts:
            found |= _named(cut, f"_at_{cut.share * 100:g}")
        if self.capacity:
            found |= _named(self.capacity, "_at_capacity")
            found["share_at_capacity"] = self.capacity.share
            found["threshold_at_capacity"] = self.capacity.probability
        if self.best:
            found |= {
                "best_threshold": self.best.probability,
                "best_share": self.best.share,
                "best_profit": self.best.profit,
                "best_profit_expected": self.best.expected,
            }
        return found


def _named(cut: Cut, end: str) -> dict[str, float | Interval]:
    measures = {"precision": cut.precision, "recall": cut.recall, "lift": cut.lift}
    money = {} if cut.profit is None else {"profit": cut.profit}
    return {f"{name}{end}": interval for name, interval in (measures | money).items()}


def target(
    test: TrainingData,
    probability: Floats,
    *,
    rate: Rate,
    capacity: Capacity | None = None,
    value: Value | None = None,
    tuning: tuple[TrainingData, Floats] | None = None,
) -> Targeting:
    """Return what contacting the highest of *probability* comes to on the *test*.

    *tuning* holds training rows and their out-of-fold probabilities, NaN where they have none:
    the threshold of the highest profit is chosen there, never on the test.

    Raises
    ------
    ConfigError
        If *value* needs an amount and the data have none.
    """
    worth = None if value is None else row_values(test, value)
    share = None if capacity is None else min(capacity.contacts / rate.rows, 1.0)
    best = None
    if value is not None and worth is not None and tuning is not None:
        best = _best(test, probability, worth, _known(tuning, value), rate)
    shares = SHARES if share is None else (*SHARES, share)
    cuts = cuts_at(shares, test, probability, worth, rate)
    curve = None if worth is None else profit_curve(probability, worth, test.clusters, rate)
    return Targeting(
        rate=rate,
        cuts=cuts[: len(SHARES)],
        capacity=None if share is None else cuts[-1],
        best=best,
        curve=curve,
        warnings=_missing_amounts(test, value),
    )


def rate_of(window: TrainingData, days: Ints, capacity: Capacity | None) -> Rate:
    """Return how many rows of *window* come up in a period of *capacity*.

    Each date of a panel stands for the time until the next one; *days* are all dates of the panel.
    """
    if capacity is None:
        return Rate()
    dates = np.unique(days)
    step = float(np.median(np.diff(dates))) if len(dates) > 1 else float(capacity.period)
    own = window.days
    covered = float(own.max() - own.min()) + step
    return Rate(len(own) * capacity.period / covered, capacity.per)


def require_amount(value: Value | None, has_amount: bool) -> None:
    """Raise ConfigError if *value* needs an amount and the population has none."""
    if value is not None and value.needs_amount and not has_amount:
        raise ConfigError(
            "The task's value needs an amount, and its population has none.",
            received=f"positive: {value.positive}, negative: {value.negative}",
            where="value",
            fix="Select `amount` in the population, or give a fixed sum.",
        )


def row_values(data: TrainingData, value: Value) -> Floats:
    """Return what contacting each row brings, shape (n,); an unknown amount counts as 0.

    Raises
    ------
    ConfigError
        If *value* needs an amount and the data have none.
    """
    require_amount(value, data.amount is not None)
    amount = np.zeros(len(data.X)) if data.amount is None else np.nan_to_num(_numbers(data.amount))
    sides = {1: value.positive, 0: value.negative}
    worth = {side: w.fixed + w.of_amount * amount for side, w in sides.items()}
    return np.asarray(value.contact + np.where(data.outcomes == 1, worth[1], worth[0]), np.float64)


def cuts_at(
    shares: Sequence[float],
    test: TrainingData,
    probability: Floats,
    worth: Floats | None,
    rate: Rate,
) -> list[Cut]:
    """Return what contacting each of the top *shares* of the *test* comes to.

    *worth* is what each row brings, as `row_values` gives it.
    """
    y, ranking, top = test.outcomes, Ranking.of(probability), np.array(shares)
    falling = [ranking.ordered(values) for values in (y, *(() if worth is None else (worth,)))]

    def measure(weights: Floats) -> Floats:
        hits, *money = ranking.top(top, weights, *falling)
        rows, wins = float(weights.sum()), float(weights @ y)
        recall = hits / wins if wins else np.full(len(top), np.nan)
        profits = [profit / rows * rate.rows for profit in money]
        return np.concatenate([hits / (top * rows), recall, recall / top, *profits])

    found = estimate(measure, test.clusters)
    many = len(shares)
    return [
        Cut(
            share=share,
            contacts=share * rate.rows,
            probability=_last_contacted(probability, share),
            precision=found[i],
            recall=found[many + i],
            lift=found[2 * many + i],
            profit=None if worth is None else found[3 * many + i],
        )
        for i, share in enumerate(shares)
    ]


def profit_curve(
    probability: Floats, worth: Floats, clusters: Ints, rate: Rate = Rate()
) -> pd.DataFrame:
    """Return a period's profit for each percent contacted: contacted, profit, low, high."""
    contacted, ranking = np.linspace(0, 1, 101), Ranking.of(probability)
    falling = ranking.ordered(worth)

    def measure(weights: Floats) -> Floats:
        (profit,) = ranking.top(contacted, weights, falling)
        return profit * (rate.rows / float(weights.sum()))

    curve = pd.DataFrame(estimate(measure, clusters)).rename(columns={"value": "profit"})
    return pd.DataFrame({"contacted": contacted, **curve.to_dict("series")})


def best_threshold(probability: Floats, worth: Floats) -> float:
    """Return the probability from which up contacting brings the most; infinite for nobody."""
    ranking = Ranking.of(probability)
    total = ranking.gathered(ranking.ordered(worth))
    place = int(np.argmax(total))
    if total[place] <= 0:
        return NOBODY
    return float(probability[ranking.order[ranking.ends[place]]])


def _best(
    test: TrainingData,
    probability: Floats,
    worth: Floats,
    known: tuple[Floats, Floats, Ints],
    rate: Rate,
) -> Best | None:
    tuned, tuned_worth, clusters = known
    if not len(tuned):
        return None
    threshold = best_threshold(tuned, tuned_worth)
    expected = _profit_above(threshold, tuned, tuned_worth, clusters, rate)
    share = float((probability >= threshold).mean())
    return Best(
        probability=threshold,
        expected_share=float((tuned >= threshold).mean()),
        expected=expected,
        share=share,
        contacts=share * rate.rows,
        profit=_profit_above(threshold, probability, worth, test.clusters, rate),
    )


def _profit_above(
    threshold: float, probability: Floats, worth: Floats, clusters: Ints, rate: Rate
) -> Interval:
    taken = np.where(probability >= threshold, worth, 0.0)
    return estimate(lambda w: [float(w @ taken / w.sum() * rate.rows)], clusters)[0]


def _known(tuning: tuple[TrainingData, Floats], value: Value) -> tuple[Floats, Floats, Ints]:
    """Probabilities, worth and clusters (codes from 0) of the rows that have a probability."""
    data, probability = tuning
    judged = ~np.isnan(probability)
    clusters = np.unique(data.clusters[judged], return_inverse=True)[1]
    return probability[judged], row_values(data, value)[judged], clusters.astype(np.int64)


def _last_contacted(probability: Floats, share: float) -> float:
    """The lowest probability among the top *share* of rows."""
    falling = np.sort(probability)[::-1]
    place = int(np.ceil(share * len(falling) - 1e-9)) - 1
    return float(falling[np.clip(place, 0, len(falling) - 1)])


def _missing_amounts(test: TrainingData, value: Value | None) -> list[str]:
    if value is None or not value.needs_amount or test.amount is None:
        return []
    missing = int(np.isnan(_numbers(test.amount)).sum())
    if not missing:
        return []
    return [f"The amount is unknown in {missing:,} of {len(test.X):,} test rows; it counts as 0."]


def _numbers(amount: pd.Series[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(pd.to_numeric(amount), dtype=np.float64)
