"""The drawings of a card: calibration, gain, profit, contributions, partial dependence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesml.card.plot import (
    HEIGHT,
    WIDTH,
    Mark,
    Plot,
    Scale,
    Tick,
    band,
    line,
    plain,
    round_marks,
    shares,
)
from salesml.report.formats import amount
from salesml.training import TrainingResult
from salesml.training.profit import Targeting

__all__ = ["Swarm", "calibration", "gain", "profit", "swarm"]

SWARM_ROWS, SWARM_WIDTH = 22.0, 420.0
MOST_DOTS = 250  # rows of the test in the swarm
TONES = 5


def calibration(table: pd.DataFrame) -> Plot:
    """Predicted against observed shares, a dot each group."""
    most = min(float(table[["probability", "observed", "high"]].max().max()), 1.0)
    top = min(round_marks(0, max(most, 0.01))[-1], 1.0)
    x, y = Scale(0, top, WIDTH), Scale(0, top, HEIGHT, down=True)
    largest = float(table["rows"].max())
    marks = [
        Mark(
            x.at(row["probability"]),
            y.at(row["observed"]),
            f"{row['probability']:.1%} → {row['observed']:.1%} ({int(row['rows']):,})",
            round(3 + 3 * math.sqrt(row["rows"] / largest), 1),
            y.at(max(row["low"], 0)),
            y.at(min(row["high"], top)),
        )
        for row in table.to_dict("records")
    ]
    ends = {"even": line(x, y, [(0, 0), (top, top)])}
    return Plot(x.ticks(shares), y.ticks(shares), ends, marks=marks)


def gain(curve: pd.DataFrame, targeting: Targeting) -> Plot:
    """The share of positives reached by the share contacted, and the capacity on it."""
    x, y = Scale(0, 1, WIDTH), Scale(0, 1, HEIGHT, down=True)
    at, reached = curve["contacted"].tolist(), curve["captured"].tolist()
    marks = []
    if targeting.capacity:
        cut = targeting.capacity
        title = f"{cut.share:.1%} → {cut.recall.value:.1%}"
        marks = [Mark(x.at(cut.share), y.at(cut.recall.value), title, tone="capacity")]
    return Plot(
        x.ticks(shares),
        y.ticks(shares),
        {"even": line(x, y, [(0, 0), (1, 1)]), "curve": line(x, y, zip(at, reached, strict=True))},
        {"band": band(x, y, at, curve["low"].tolist(), curve["high"].tolist())},
        [mark for mark in marks if math.isfinite(mark.y)],
    )


def profit(targeting: Targeting, currency: str) -> Plot | None:
    """A period's profit by the share contacted, with the capacity and the best threshold."""
    curve = targeting.curve
    if curve is None:
        return None
    numbers = curve[["profit", "low", "high"]].to_numpy(dtype=np.float64)
    ends = round_marks(min(float(np.nanmin(numbers)), 0), max(float(np.nanmax(numbers)), 1.0))
    ends = round_marks(ends[0], ends[-1])  # once more, so that both ends bear a label
    x, y = Scale(0, 1, WIDTH), Scale(ends[0], ends[-1], HEIGHT, down=True)
    at = curve["contacted"].tolist()
    marks = []
    if targeting.best:
        best = targeting.best
        marks.append(_money(x, y, best.share, best.profit.value, currency, "best"))
    cut = targeting.capacity
    if cut and cut.profit:
        marks.append(_money(x, y, cut.share, cut.profit.value, currency, "capacity"))
    return Plot(
        x.ticks(shares),
        y.ticks(plain),
        {
            "zero": line(x, y, [(0, 0), (1, 0)]),
            "curve": line(x, y, zip(at, curve["profit"].tolist(), strict=True)),
        },
        {"band": band(x, y, at, curve["low"].tolist(), curve["high"].tolist())},
        marks,
    )


def _money(x: Scale, y: Scale, share: float, value: float, currency: str, tone: str) -> Mark:
    return Mark(x.at(share), y.at(value), f"{share:.1%}: {amount(value, currency)}", tone=tone)


@dataclass(frozen=True)
class Swarm:
    """Contributions of single rows, a line a feature, a dot a row.

    ``dots`` are paths by tone: 0 for the feature's lowest values, 4 for its highest, "none" for
    values without an order.
    """

    features: list[str]
    dots: dict[str, str]
    x: list[Tick]
    zero: float
    width: float
    height: float
    row: float


def swarm(result: TrainingResult, features: list[str]) -> Swarm:
    """What *features* add to the log-odds of test rows."""
    rows, contributions = result.explained.head(MOST_DOTS)
    contributions = contributions[features]
    reach = max(float(contributions.abs().to_numpy().max()), 1e-6)
    scale = Scale(-reach, reach, SWARM_WIDTH)
    spread = np.random.default_rng(0).uniform(-0.32, 0.32, len(rows)) * SWARM_ROWS
    paths: dict[str, list[str]] = {}
    for place, name in enumerate(features):
        heights = (place + 0.5) * SWARM_ROWS + spread
        for value, height, tone in zip(
            contributions[name], heights, _tones(rows[name]), strict=True
        ):
            paths.setdefault(tone, []).append(f"M{scale.at(value):g} {height:.1f}h0")
    return Swarm(
        features=features,
        dots={tone: "".join(dots) for tone, dots in sorted(paths.items())},
        x=scale.ticks(_signed, 8),
        zero=scale.at(0),
        width=SWARM_WIDTH,
        height=len(features) * SWARM_ROWS,
        row=SWARM_ROWS,
    )


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


def _tones(values: pd.Series) -> list[str]:
    if not pd.api.types.is_numeric_dtype(values):
        return ["none"] * len(values)
    ranks = values.astype("float64").rank(pct=True)
    return ["none" if rank != rank else str(min(int(rank * TONES), TONES - 1)) for rank in ranks]
