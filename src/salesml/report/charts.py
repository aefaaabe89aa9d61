"""The charts of a task."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from salesml.report.drawing import INK, QUIET, svg, tone
from salesml.report.outlook import BandRecord, Outlook
from salesml.report.section import TaskSection, Tones
from salesml.report.words import Bilingual, phrase

__all__ = ["calibration", "funnel", "histogram", "months"]

STEP = 5  # points of score a bar
WIDTH = 360
Spec = dict[str, Any]


def histogram(section: TaskSection) -> Markup | None:
    """The distribution of scores in steps of 5 points by band; None where nobody was scored."""
    if section.scores.empty:
        return None
    bands, tones = section.task.bands, Tones(section.task)
    bars = {
        "mark": "rect",
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "title": "score",
                "scale": {"domain": [0, 100], "nice": False},
                "axis": {"grid": False, "values": [0, 25, 50, 75, 100]},
            },
            "x2": {"field": "to"},
            "y": {
                "field": "low",
                "type": "quantitative",
                "title": None,
                "scale": {"zero": True},
                "axis": {"tickCount": 3, "format": ",d", "domain": False},
            },
            "y2": {"field": "high"},
            "color": {
                "field": "band",
                "type": "nominal",
                "scale": {
                    "domain": [band.name for band in bands],
                    "range": [tone(tones[band.name]) for band in bands],
                },
                "legend": None,
            },
        },
    }
    average = {
        "data": {"values": [{"x": 50}]},
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": QUIET},
        "encoding": {"x": {"field": "x", "type": "quantitative"}},
    }
    values = {"values": stacks(section)}
    return svg(
        {"width": WIDTH, "height": 150, "data": values, "layer": [bars, average]}, _said("score")
    )


def stacks(section: TaskSection) -> list[dict[str, Any]]:
    """The bars: scores ``from`` - ``to`` of a ``band``, from ``low`` to ``high`` of them."""
    steps = section.scores["score"].astype(int) // STEP
    found = []
    for step in sorted(set(steps)):
        low = 0
        for band in reversed(section.task.bands):
            count = int(((steps == step) & (section.scores["band"] == band.name)).sum())
            if count:
                start, high = step * STEP, low + count
                ends = {"from": start + 0.3, "to": start + STEP - 0.3}
                found.append({**ends, "band": band.name, "low": low, "high": high})
                low = high
    return found


def calibration(table: pd.DataFrame | None) -> Markup | None:
    """Predicted against observed, the bins of *table* with intervals; None where there is none."""
    if table is None or table.empty:
        return None
    columns = [c for c in ("probability", "observed", "high") if c in table]
    top = float(min(table[columns].max().max() * 1.05, 1.0)) or 0.01
    scale, axis = {"domain": [0, top], "nice": False}, {"format": _percent(top), "tickCount": 4}
    x: Spec = {"field": "probability", "type": "quantitative", "title": "predicted"}
    y: Spec = {"field": "observed", "type": "quantitative", "title": "observed"}
    both: Spec = {"scale": scale, "axis": axis}
    layers: list[Spec] = [_diagonal(top)]
    if {"low", "high"} <= set(table.columns):
        ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
        layers.append({"mark": _thin(), "encoding": {"x": x, **ends}})
    size = {"field": "rows", "type": "quantitative", "legend": None, "scale": {"range": [25, 160]}}
    dots = {"type": "circle", "color": INK, "opacity": 0.85}
    layers.append({"mark": dots, "encoding": {"x": x | both, "y": y | both, "size": size}})
    return svg(
        {"width": 200, "height": 200, "data": {"values": _records(table)}, "layer": layers},
        _said("predicted", "observed"),
    )


def _percent(top: float) -> str:
    return ".0%" if top >= 0.05 else ".1%"


def _thin() -> Spec:
    return {"type": "rule", "color": INK, "opacity": 0.6}


def _diagonal(top: float) -> Spec:
    return {
        "data": {"values": [{"x": 0, "y": 0}, {"x": top, "y": top}]},
        "mark": {"type": "line", "strokeDash": [4, 3], "strokeWidth": 1, "color": QUIET},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "y", "type": "quantitative"},
        },
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON takes them: missing values left out."""
    return [
        {str(name): value for name, value in row.items() if value == value}
        for row in table.astype(float, errors="ignore").to_dict("records")
    ]


def funnel(records: list[BandRecord]) -> Markup | None:
    """The share of each band that came true on the test, with its interval; None without one."""
    if not records:
        return None
    x: Spec = {
        "field": "rate",
        "type": "quantitative",
        "title": "came_true",
        "axis": {"format": ".0%", "tickCount": 4},
    }
    y: Spec = {
        "field": "band",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": [r.band.name for r in records]},
        "title": None,
        "axis": {"domain": False, "ticks": False, "labelFontSize": 12},
    }
    color = {
        "field": "tone",
        "type": "nominal",
        "scale": {"domain": [r.tone for r in records], "range": [tone(r.tone) for r in records]},
        "legend": None,
    }
    bars = {"mark": {"type": "bar", "height": 16}, "encoding": {"x": x, "y": y, "color": color}}
    ends = {
        "mark": {"type": "rule", "color": "var(--ink)"},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y},
    }
    values = [
        {"band": r.band.name, "tone": r.tone, "rate": r.rate, "low": r.low, "high": r.high}
        for r in records
    ]
    spec = {"width": WIDTH - 60, "height": {"step": 28}, "data": {"values": values}}
    words = {r.band.name: r.band for r in records} | _said("came_true")
    return svg({**spec, "layer": [bars, ends]}, words)


def months(found: Outlook | None) -> Markup | None:
    """Expected with its interval against actual, by month, and tonight; None without a test."""
    if found is None:
        return None
    x: Spec = {
        "field": "date",
        "type": "ordinal",
        "title": None,
        "sort": None,
        "axis": {"labelAngle": 0},
    }
    y: Spec = {
        "type": "quantitative",
        "title": None,
        "axis": {"tickCount": 4, "format": "~s" if found.money else ",d", "domain": False},
    }
    band = {
        "mark": {"type": "bar", "width": {"band": 0.5}, "color": INK, "opacity": 0.22},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }
    tick = {
        "mark": {"type": "tick", "color": INK, "thickness": 2, "width": {"band": 0.5}},
        "encoding": {"x": x, "y": {**y, "field": "expected"}},
    }
    dots = {
        "transform": [{"filter": "isValid(datum.actual)"}],
        "mark": {"type": "point", "filled": True, "size": 55, "color": "var(--ink)"},
        "encoding": {"x": x, "y": {**y, "field": "actual"}},
    }
    values = [{**vars(p), "date": p.date or "now"} for p in found.periods]
    spec = {"width": WIDTH, "height": 150, "data": {"values": values}}
    return svg({**spec, "layer": [band, tick, dots]}, _said("now"))


def _said(*keys: str) -> dict[str, Bilingual]:
    """Phrases by their keys, which stand in the specs for them."""
    return {key: phrase(key) for key in keys}
