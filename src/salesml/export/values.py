"""Values on their way to a CRM: what may be written, and when two of them are the same."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from salesml.crm.records import Tolerance
from salesml.errors import ExportError

__all__ = ["Payload", "cut", "digest", "empty", "kind_of", "plain", "same"]

Payload = dict[str, Any]
"""Fields of one record, each None, bool, int, float or str; as JSON in the ledger."""

_EXACT = Tolerance()
_NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_DAY = 10  # letters of an ISO date


def plain(value: Any) -> Any:
    """*value* as None, bool, int, float or str: what every CRM and JSON can hold.

    Missing values of all kinds become None, dates ISO text, aware times naive UTC. Raises
    ExportError for lists and other things that are no single value.
    """
    if type(value) is str:
        return _whole_characters(value)
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float | Decimal) and value != value:
        return None
    if isinstance(value, dt.datetime):
        return _naive(value).isoformat(sep=" ")
    if isinstance(value, dt.date | Decimal):
        return str(value)
    if isinstance(value, str | bool | int | float):
        return _whole_characters(str(value)) if isinstance(value, str) else value
    raise ExportError(
        "A field takes one value, not several.",
        received=f"{type(value).__name__} {value!r}"[:120],
        fix="Choose a column of text or numbers.",
    )


def _whole_characters(text: str) -> str:
    """*text* without halves of characters, which no system takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def cut(value: object, tolerance: Tolerance) -> object:
    """*value* as a field of this *tolerance* can hold it: trimmed, and not too long a text."""
    if not isinstance(value, str):
        return value
    most = tolerance.length
    if most is not None and 2 * len(value) > most:
        value = _first_units(value, most)
    return value.strip() if tolerance.trims else value


def _first_units(text: str, most: int) -> str:
    """The first *most* UTF-16 units of *text*, without half a character at its end."""
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * most:
        return text
    half = 0xD8 <= units[2 * most - 1] <= 0xDB  # the high half of a pair is the last unit left
    return units[: 2 * (most - half)].decode("utf-16-le", "surrogatepass")


def empty(value: object) -> bool:
    """Whether a CRM shows *value* as nothing."""
    return value is None or value == ""


def same(ours: object, theirs: object, tolerance: Tolerance = _EXACT) -> bool:
    """Whether a CRM that shows *theirs* holds what we wrote as *ours*.

    Systems keep one value in many ways: 1 as 1.0, 0.25 as ``'0.25'``, a date as a time at
    midnight, nothing as empty text. Two texts are the same only letter by letter; how their lines
    end is no matter, as a browser ends all of them anew when a person saves the record.
    """
    if empty(ours) or empty(theirs):
        return empty(ours) and (empty(theirs) or theirs == tolerance.blank)
    if isinstance(ours, str) and isinstance(theirs, str):
        return _lines(ours) == _lines(theirs) or _same_moment(ours, theirs, tolerance)
    x, y = _number(ours), _number(theirs)
    if x is None or y is None:
        return _word(ours) == _word(theirs)
    inexact = isinstance(ours, float) or isinstance(theirs, float)
    return x == y or (_close(x, y, tolerance) and (inexact or not _whole(x, y, tolerance)))


def digest(payload: Mapping[str, object]) -> str:
    """Hash of *payload*; equal for equal values, whatever type holds a number."""
    canonical = {field: _canonical(value) for field, value in payload.items()}
    text = json.dumps(canonical, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def kind_of(values: Iterable[Any]) -> type:
    """The one type of a column that holds all *values*; text if nothing tells."""
    kinds = {_kind(value) for value in values} - {type(None)}
    if kinds == {int, float}:
        return float
    return kinds.pop() if len(kinds) == 1 else str


def _kind(value: Any) -> type:
    simple = plain(value)
    if isinstance(value, Decimal) and simple is not None:
        return float
    times = (kind for kind in (dt.datetime, dt.date) if isinstance(value, kind))
    return next(times, type(simple)) if simple is not None else type(None)


def _naive(value: dt.datetime) -> dt.datetime:
    return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, int | float | Decimal):
        return Decimal(value)
    found = isinstance(value, str) and _NUMBER.fullmatch(value)
    return Decimal(str(value).strip()) if found else None


def _close(x: Decimal, y: Decimal, tolerance: Tolerance) -> bool:
    slack = 1 + 1e-9  # a half that is rounded lies a hair outside
    return math.isclose(x, y, rel_tol=tolerance.relative, abs_tol=tolerance.absolute * slack)


def _whole(x: Decimal, y: Decimal, tolerance: Tolerance) -> bool:
    """Whether both are whole numbers in a field that does not round: they are exact."""
    return not tolerance.absolute and x == x.to_integral_value() and y == y.to_integral_value()


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _word(value: object) -> str:
    text = str(value)
    return text.lower() if text in {"True", "False"} else text


def _same_moment(ours: str, theirs: str, tolerance: Tolerance) -> bool:
    """Whether two ISO texts mean one time; a field for dates drops the time of day."""
    if not (ours[:1].isdigit() and theirs[:1].isdigit() and "-" in ours and "-" in theirs):
        return False
    try:
        x, y = (_naive(dt.datetime.fromisoformat(text)) for text in (ours, theirs))
    except ValueError:
        return False
    if len(theirs) == _DAY:
        return x.date() == y.date()
    return abs((x - y).total_seconds()) <= tolerance.absolute


def _canonical(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None if value == "" else value
