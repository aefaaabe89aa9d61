"""Declared types of SQL columns: what they take, and what they keep of it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection

from salesml.crm.records import Tolerance

__all__ = ["NAMES", "numeric", "rounds", "takes", "tolerance"]

NAMES: dict[type, str] = {
    bool: "true and false",
    int: "whole numbers",
    float: "numbers",
    str: "text",
    dt.date: "dates",
    dt.datetime: "times",
}
"""What values of a type are called."""

_WHOLE = r"u?(tiny|small|big|huge)?int(eger)?|int[248]"
_FRACTION = r"real|float[48]?|double( precision)?|(numeric|decimal)(\(.*\))?"
_TAKEN: dict[str, Collection[type]] = {
    _WHOLE: (bool, int, float),
    _FRACTION: (bool, int, float),
    r"bool(ean)?": (bool,),
    r"date|datetime|timestamp.*": (dt.date, dt.datetime),
    r"bytea|blob|.*\[\d*\]|struct.*|map.*": (),
}
"""Pattern of a type → what it takes; types that are not here take all that is written as text."""


def takes(kind: str, wanted: type | None) -> bool:
    """Whether a column of SQL type *kind* takes values of type *wanted* (None: unknown)."""
    found = (taken for pattern, taken in _TAKEN.items() if re.fullmatch(pattern, kind.lower()))
    taken = next(found, NAMES)
    return wanted in taken or (wanted is None and bool(taken))


def numeric(kind: str) -> bool:
    """Whether a column of SQL type *kind* holds numbers."""
    return bool(re.fullmatch(f"{_WHOLE}|{_FRACTION}", kind.lower()))


def rounds(kind: str, wanted: type | None) -> bool:
    """Whether a column of SQL type *kind* keeps only the whole part of numbers like *wanted*."""
    return wanted is float and bool(re.fullmatch(_WHOLE, kind.lower()))


def tolerance(kind: str) -> Tolerance:
    """What a column of SQL type *kind*, as PostgreSQL and DuckDB write it, keeps of a value."""
    kind = kind.lower()
    if re.fullmatch(_WHOLE, kind):
        return Tolerance(absolute=0.5)
    if kind in {"real", "float"}:
        return Tolerance(relative=1e-7)
    length = re.fullmatch(r"(char.*|bpchar|varchar)\((\d+)\)", kind)
    if length:  # texts of fixed length are padded with blanks, and read without
        return Tolerance(length=int(length[2]), trims=length[1] in {"character", "char", "bpchar"})
    scale = re.fullmatch(r"(?:numeric|decimal)\(\d+, ?(-?\d+)\)", kind)
    return Tolerance(absolute=0.5 * 10.0 ** -int(scale[1])) if scale else Tolerance()
