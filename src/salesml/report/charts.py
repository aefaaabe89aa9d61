"""Geometry of the charts; the template draws it as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesml.config import Band
from salesml.report.section import TaskSection, Tones

__all__ = ["Bar", "Calibration", "Dot", "Histogram", "Tick", "calibration", "histogram"]

STEP = 5  # points of score a bar
BARS = 20


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Bar:
    """One band's part of one bar, in units of the drawing."""

    x: float
    y: float
    height: float
    tone: int
    band: Band
    first: int
    last: int
    count: int


@dataclass(frozen=True)
class Histogram:
    """Counts by score; the drawing is 360 × 150, its axis lies at y = 120."""

    bars: list[Bar]
    highest: int
    ticks: list[Tick]
    average: float

    left, top, base, bar_width = 36.0, 12.0, 120.0, 14.5


def histogram(section: TaskSection) -> Histogram | None:
    """The distribution of scores in steps of 5 points; None where nobody was scored."""
    if section.scores.empty:
        return None
    scores = section.scores["score"].astype(int)
    counts = pd.Series(scores // STEP).value_counts()
    highest = int(counts.max())
    bars = [bar for i in range(BARS) for bar in _stack(section, scores, i, highest)]
    ticks = [Tick(_x(score), str(score)) for score in (0, 25, 50, 75, 100)]
    return Histogram(bars, highest, ticks, _x(50))


def _x(score: float) -> float:
    return Histogram.left + score / 100 * 312


def _stack(section: TaskSection, scores: pd.Series, place: int, highest: int) -> list[Bar]:
    """The bands inside one step, from low to high."""
    tones, stack, y = Tones(section.task), [], Histogram.base
    first, last = max(place * STEP, 1), place * STEP + STEP - 1
    inside = scores[(scores >= first) & (scores <= last)].map(lambda score: tones.band(score).name)
    for band in reversed(section.task.bands):
        count = int((inside == band.name).sum())
        height = count / highest * (Histogram.base - Histogram.top)
        y -= height
        if count:
            x = _x(place * STEP) + 0.5
            stack.append(Bar(x, y, height, tones[band.name], band, first, last, count))
    return stack


@dataclass(frozen=True)
class Dot:
    """One bin of a calibration plot; ``low`` and ``high`` are None where unknown."""

    x: float
    y: float
    radius: float
    low: float | None
    high: float | None
    label: str


@dataclass(frozen=True)
class Calibration:
    """Predicted against observed; the drawing is 280 × 250, its square 220 wide."""

    dots: list[Dot]
    ticks: list[Tick]

    left, top, side = 46.0, 10.0, 195.0


def calibration(table: pd.DataFrame | None) -> Calibration | None:
    """The calibration plot of *table*; None where there is none."""
    if table is None or table.empty:
        return None
    marks = _marks(_largest(table))
    full = marks[-1]
    most = float(table["rows"].max())
    dots = [_dot(row, full, most) for row in table.to_dict("records")]
    digits = 0 if marks[1] * 100 >= 1 else 1
    ticks = [Tick(mark / full * Calibration.side, f"{mark:.{digits}%}") for mark in marks]
    return Calibration(dots, ticks)


def _largest(table: pd.DataFrame) -> float:
    columns = [c for c in ("probability", "observed", "high") if c in table]
    return float(table[columns].max().max())


def _marks(largest: float) -> list[float]:
    """Round marks from 0 to just above *largest*, at most 1."""
    rough = max(min(largest, 1.0), 0.01) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    last = math.ceil(min(largest, 1.0) / step - 1e-9)
    return [round(i * step, 6) for i in range(max(last, 1) + 1)]


def _dot(row: Any, full: float, most: float) -> Dot:
    def along(value: float) -> float:
        return round(Calibration.side * value / full, 1)

    def down(value: Any) -> float | None:
        known = value is not None and value == value
        return Calibration.side - along(float(value)) if known else None

    probability, observed, rows = (
        float(row["probability"]),
        float(row["observed"]),
        int(row["rows"]),
    )
    return Dot(
        x=along(probability),
        y=Calibration.side - along(observed),
        radius=round(3 + 4 * math.sqrt(rows / most), 1),
        low=down(row.get("low")),
        high=down(row.get("high")),
        label=f"{probability:.1%} → {observed:.1%} ({rows:,})",
    )
