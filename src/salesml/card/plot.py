"""Geometry of a plot; the template draws it as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Mark", "Plot", "Scale", "Tick", "band", "line", "plain", "round_marks", "shares"]

WIDTH, HEIGHT = 300.0, 190.0
MINUS = "−"
STEPS = (1, 2, 2.5, 5, 10)

Label = Callable[[float], str]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, in units of the drawing."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A point that is named, and the ends of its interval where it has one."""

    x: float
    y: float
    title: str = ""
    radius: float = 4
    low: float | None = None
    high: float | None = None
    tone: str = ""


@dataclass(frozen=True)
class Scale:
    """From values between *low* and *high* to units of the drawing, 0 to *length*.

    ``down`` turns it around: the highest value at 0, as SVG counts from above.
    """

    low: float
    high: float
    length: float
    down: bool = False

    def at(self, value: float) -> float:
        """Where *value* lies."""
        share = (value - self.low) / (self.high - self.low)
        return round((1 - share if self.down else share) * self.length, 1)

    def ticks(self, label: Label, count: int = 4) -> list[Tick]:
        """Round marks within the scale."""
        marks = round_marks(self.low, self.high, count)
        within = [m for m in marks if self.low - 1e-9 <= m <= self.high + 1e-9]
        return [Tick(self.at(mark), label(mark)) for mark in within]


@dataclass(frozen=True)
class Plot:
    """What one drawing shows, in units of the drawing: 300 wide and 190 high, without labels."""

    x: list[Tick]
    y: list[Tick]
    lines: dict[str, str] = field(default_factory=dict)
    areas: dict[str, str] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    bars: list[tuple[float, float, float]] = field(default_factory=list)

    width, height = WIDTH, HEIGHT


def round_marks(low: float, high: float, count: int = 4) -> list[float]:
    """About *count* round steps that cover *low* to *high*."""
    rough = max((high - low) / count, 1e-12)
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in STEPS if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def shares(value: float) -> str:
    """A share as an axis labels it: 5%, 2.5%."""
    return f"{value * 100:.3g}%"


def plain(value: float) -> str:
    """A number as an axis labels it: 12,000, 0.25, 1.5M."""
    for unit, letter in ((1e9, "B"), (1e6, "M")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{letter}".replace("-", MINUS)
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return text.replace("-", MINUS)


def line(x: Scale, y: Scale, points: Iterable[tuple[float, float]]) -> str:
    """The path through *points*; those that are not known are left out."""
    known = [(x.at(a), y.at(b)) for a, b in points if math.isfinite(b)]
    return "M" + " L".join(f"{a:g} {b:g}" for a, b in known) if known else ""


def band(
    x: Scale, y: Scale, at: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> str:
    """The outline of the area between *low* and *high*; empty where they are not known."""
    if not np.isfinite([*low, *high]).all():
        return ""
    there = zip(at, high, strict=True)
    back = zip(reversed(list(at)), reversed(list(low)), strict=True)
    return line(x, y, [*there, *back]) + " Z"
