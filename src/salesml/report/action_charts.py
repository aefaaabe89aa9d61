"""Pictures of what actions brought: estimates as dots, 95 % intervals as lines."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from salesml.report.action_section import Brought
from salesml.report.brought import said, told_first
from salesml.report.drawing import INK, QUIET, svg

__all__ = ["effects", "policies", "uplift"]

MOST = 15  # actions in the picture; the table holds them all
LABELS = 180  # pixels for the names of rows
Spec = dict[str, Any]


def effects(brought: Brought) -> Markup | None:
    """The effect of each action in points, with zero marked; None where none is known."""
    known = told_first(brought.actions[brought.actions["effect"].notna()], MOST)
    if known.empty:
        return None
    zero = {
        "data": {"values": [{"x": 0}]},
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": QUIET},
        "encoding": {"x": {"field": "x", "type": "quantitative"}},
    }
    shares = {"at": known["effect"], "low": known["low"], "high": known["high"]}
    points = {name: 100 * values.astype(float) for name, values in shares.items()}
    return _forest(known.assign(**points), "effect_points", [zero])


def policies(brought: Brought, task: str) -> Markup | None:
    """What a case of *task* is worth under each way to choose; None where that is not known."""
    own = brought.policies[brought.policies["task"] == task]
    known = own[own["value"].notna()]
    return None if known.empty else _forest(known.assign(at=known["value"]), "value_each", [])


def uplift(brought: Brought, task: str) -> Markup | None:
    """What treating a share of all adds, those first who gain most; None where not known."""
    own = brought.uplift[brought.uplift["task"] == task]
    if own.empty:
        return None
    numbers = own[["share", "gain", "low", "high"]].astype(float)
    numbers[["gain", "low", "high"]] *= 100
    x: Spec = {
        "field": "share",
        "type": "quantitative",
        "title": "treated",
        "axis": {"format": ".0%", "tickCount": 5, "grid": False},
    }
    y: Spec = {"field": "gain", "type": "quantitative", "title": "gain_points"}
    axis = {"axis": {"tickCount": 4, "domain": False}}
    band = {
        "mark": {"type": "area", "color": INK, "opacity": 0.2},
        "encoding": {"x": x, "y": {**y, **axis, "field": "low"}, "y2": {"field": "high"}},
    }
    line = {
        "mark": {"type": "line", "color": INK, "strokeWidth": 2},
        "encoding": {"x": x, "y": {**y, **axis}},
    }
    values = {"values": numbers.to_dict("records")}
    spec = {"width": 320, "height": 130, "data": values, "layer": [band, line]}
    return svg(spec, said(own.iloc[:0]))


def _forest(frame: pd.DataFrame, title: str, behind: list[Spec]) -> Markup:
    """*frame* has ``at``, ``low`` and ``high``; where no interval is known, the dot is alone."""
    x: Spec = {
        "field": "at",
        "type": "quantitative",
        "title": title,
        "scale": {"zero": False},
        "axis": {"tickCount": 4, "format": "~s"},
    }
    y: Spec = {
        "field": "row",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"domain": False, "ticks": False, "labelFontSize": 12, "minExtent": LABELS},
    }
    lines = {
        "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
        "mark": {"type": "rule", "color": INK, "strokeWidth": 2, "opacity": 0.6},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y},
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 70, "color": INK, "opacity": 1},
        "encoding": {"x": x, "y": y},
    }
    spec = {"width": 200, "height": {"step": 26}, "data": {"values": _rows(frame)}}
    return svg({**spec, "layer": [*behind, lines, dots]}, said(frame))


def _rows(frame: pd.DataFrame) -> list[Spec]:
    """Numbers as JSON takes them: missing ones left out."""
    records = frame[["at", "low", "high"]].astype(float).to_dict("records")
    return [
        {"row": f"row{place}", **{str(k): v for k, v in record.items() if v == v}}
        for place, record in enumerate(records)
    ]
