"""Names, numbers and dates as users read them."""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from dataclasses import dataclass

import pandas as pd

from salesml.config import Words

__all__ = [
    "WHOLE",
    "Shown",
    "amount",
    "clean",
    "currency_style",
    "day",
    "interval",
    "number",
    "percent",
    "rough",
    "short_day",
    "shown",
    "signed",
]

MINUS, UNKNOWN, ELLIPSIS = "−", "–", "…"
TITLE_LIMIT = 1_000
WHOLE = 200  # characters of an id, a name or an owner that a page holds to search and compare
_SYMBOLS = {"BRL": "R$", "CNY": "CN¥", "EUR": "€", "GBP": "£", "JPY": "¥", "KRW": "₩", "USD": "$"}
_WITHOUT_DECIMALS = {"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"}
_REPLACED = {"Cc", "Cs"}  # control characters (terminal escapes too), halves of pairs
_DIRECTIONS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # overrides


@dataclass(frozen=True)
class Shown:
    """A text as shown, and the whole of it where it was cut."""

    text: str
    full: str | None = None


def missing(value: object) -> bool:
    """Whether *value* is None, NaN or NA."""
    return value is None or value is pd.NA or value != value


def clean(value: object) -> str:
    """*value* on one line, without characters that steer terminals or turn the text around."""
    if missing(value):
        return ""
    text = " ".join(str(value).split())
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(char: str) -> str:
    if char in _DIRECTIONS:
        return ""
    return "\ufffd" if unicodedata.category(char) in _REPLACED else char


def shown(value: object, limit: int = 60) -> Shown:
    """*value* cut to *limit* characters; the whole stays at hand for a tooltip."""
    text = clean(value)
    if len(text) <= limit:
        return Shown(text)
    return Shown(text[: limit - 1].rstrip() + ELLIPSIS, _cut(text, TITLE_LIMIT))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + ELLIPSIS


def amount(value: object, currency: str) -> str:
    """Money: ``¥1,234,567``, ``$1,235``, ``$12.50``, ``CHF 12.50``; a dash where there is none.

    Decimals show where the currency has them and they matter, below 1,000.
    """
    number = _finite(value)
    if number is None:
        return UNKNOWN
    digits = 0 if currency in _WITHOUT_DECIMALS or abs(number) >= 1_000 else 2
    text = f"{abs(number):,.{digits}f}"
    sign = MINUS if number < 0 and text.strip("0.,") else ""
    return f"{sign}{_SYMBOLS.get(currency, clean(currency) + ' ')}{text}"


def currency_style(currency: str) -> dict[str, object]:
    """How `amount` writes *currency*, for the page's script."""
    symbol = _SYMBOLS.get(currency, clean(currency) + " ")
    return {"symbol": symbol, "decimals": currency not in _WITHOUT_DECIMALS}


def percent(value: object) -> str:
    """A share between 0 and 1 as ``45.7%``; never 0.0% or 100.0% for what is not certain."""
    number = _finite(value)
    if number is None:
        return UNKNOWN
    if 0 < number < 0.001:
        return "<0.1%"
    return ">99.9%" if 0.999 < number < 1 else f"{number:.1%}"


def number(value: object, digits: int = 3) -> str:
    """A measure, rounded to *digits* decimals; a dash where it is unknown."""
    found = _finite(value)
    return UNKNOWN if found is None else f"{found:.{digits}f}".replace("-", MINUS)


def interval(low: object, high: object, digits: int = 3) -> str:
    """``0.712 – 0.845``; a dash where data do not tell."""
    ends = number(low, digits), number(high, digits)
    return UNKNOWN if UNKNOWN in ends else " – ".join(ends)


def rough(value: float) -> str:
    """An expected count: ``0.4``, ``8.3``, ``1,234``."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"


def signed(points: int, space: str = "") -> str:
    """Points with their sign: ``+12``, ``−3``, ``±0``; *space* goes between."""
    sign = "+" if points > 0 else MINUS if points else "±"
    return f"{sign}{space}{abs(points):,}"


def day(date: dt.date) -> Words:
    """A date in words: 2025年7月1日（火）, Tue 1 July 2025."""
    weekday = "月火水木金土日"[date.weekday()]
    return Words(
        ja=f"{date.year}年{date.month}月{date.day}日（{weekday}）",
        en=f"{date:%a} {date.day} {date:%B} {date.year}",
    )


def short_day(date: dt.date) -> Words:
    """A date near by: 7/1（火）, Tue 1 Jul."""
    weekday = "月火水木金土日"[date.weekday()]
    return Words(ja=f"{date.month}/{date.day}（{weekday}）", en=f"{date:%a} {date.day} {date:%b}")


def _finite(value: object) -> float | None:
    if missing(value):
        return None
    found = float(value)  # type: ignore[arg-type]
    return found if math.isfinite(found) else None
