"""Charts by Vega-Lite, drawn when the page is made: they need no script and print as they look."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from salesml.report.words import Bilingual

__all__ = ["INK", "QUIET", "svg", "tone"]

# colours of the page, so that a chart turns dark with it
INK, QUIET, LINE = "var(--plain-up)", "var(--quiet)", "var(--line)"

_CONFIG: dict[str, Any] = {
    "background": None,
    "aria": False,  # the caption and the table beside a chart speak for it
    "font": "inherit",
    "view": {"stroke": None},
    "axis": {
        "labelColor": QUIET,
        "titleColor": QUIET,
        "gridColor": LINE,
        "domainColor": QUIET,
        "tickColor": LINE,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelLimit": 400,
    },
}


def tone(number: int) -> str:
    """The colour of a band's tone; see `salesml.report.section.Tones`."""
    return f"var(--t{number})"


def svg(chart: Mapping[str, Any], words: Mapping[str, Bilingual]) -> Markup:
    """Draw the Vega-Lite spec *chart* to stand in the page.

    *words* stand for the texts of the spec that have two languages.
    """
    drawn = _drawn(json.dumps({**chart, "config": _CONFIG}, sort_keys=True))
    told = {str(escape(text)): each for text, each in words.items()}
    return Markup(_TEXT.sub(lambda found: _in_both(found, told), drawn))


_TEXT = re.compile(r"<text(?P<how>[^>]*)>(?P<text>[^<]*)</text>")


def _in_both(found: re.Match[str], words: Mapping[str, Bilingual]) -> str:
    each = words.get(found["text"])
    if each is None:
        return found[0]
    if each.ja == each.en:
        return f"<text{found['how']}>{escape(each.ja)}</text>"
    return "".join(
        f'<text class="{language}" lang="{language}"{found["how"]}>{escape(text)}</text>'
        for language, text in (("ja", each.ja), ("en", each.en))
    )


@lru_cache(maxsize=256)
def _drawn(chart: str) -> str:
    import vl_convert  # here: only who draws pays for the engine inside

    drawn: str = vl_convert.vegalite_to_svg(chart, vl_version="6.4")
    drawn = re.sub(r' (?:xmlns(?::\w+)?|version|class|role)="[^"]*"', "", drawn)
    drawn = re.sub(r'<svg width="[^"]*" height="[^"]*"', '<svg aria-hidden="true"', drawn)
    return re.sub(r'<path[^>]*d="(?:M0,0h0v0h0Z)?"[^>]*/>', "", drawn)
