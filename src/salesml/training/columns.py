"""How one column of a DataFrame becomes numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from numbers import Number
from typing import Any, Literal

import numpy as np
import pandas as pd

from salesml.training.table import Floats, Ints

__all__ = ["Column", "Kind", "Unreadable", "learn_column"]

Kind = Literal["number", "boolean", "date", "category", "ignored"]

FEWEST_LEVEL_ROWS = 5  # rarer levels share one code: nothing can be learnt from each alone
FEWEST_WRITTEN = 20  # different numbers in a column of texts that make it one of numbers
MOST_LEVELS = 1000  # so do levels beyond the most frequent ones
LARGEST = 1e100  # squares of larger numbers overflow
MICROSECONDS_A_DAY = 86_400_000_000
UNHASHABLE = (TypeError, NotImplementedError)  # what pandas and Arrow raise for lists in cells
INFERRED: dict[str, Kind] = {
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "timedelta": "number",
    "timedelta64": "number",
    "date": "date",
    "datetime": "date",
    "datetime64": "date",
    "string": "category",
}


class Unreadable(ValueError):
    """The values of a column cannot be read as its kind."""


@dataclass(frozen=True)
class Column:
    """What training saw in one column.

    ``levels`` are all categories seen, the most frequent first; the first ``modelled`` of them
    have a code of their own and the others share the code ``modelled``.
    """

    name: str | int
    kind: Kind
    levels: tuple[str, ...] = ()
    modelled: int = 0

    @property
    def codes(self) -> int:
        """Number of codes of a category column."""
        return min(self.modelled + 1, len(self.levels))

    def read(self, values: pd.Series[Any]) -> Floats:
        """Return numbers, days since 1970-01-01 or codes; missing and unseen are NaN.

        Raises
        ------
        Unreadable
            If the values are of another kind.
        """
        if self.kind == "ignored" or bool(values.isna().all()):
            return np.full(len(values), np.nan)
        if self.kind == "category":
            return self._codes(values)
        return _days(values) if self.kind == "date" else _numbers(values)

    def unseen(self, values: pd.Series[Any]) -> list[str]:
        """Return the categories that training never saw, sorted."""
        if self.kind != "category":
            return []
        known = set(self.levels)
        return sorted({t for t in _texts(values)[1] if t is not None and t not in known})

    def _codes(self, values: pd.Series[Any]) -> Floats:
        code = {level: float(min(i, self.modelled)) for i, level in enumerate(self.levels)}
        positions, texts = _texts(values)
        table = [code.get(text, np.nan) if text is not None else np.nan for text in texts]
        return np.array([*table, np.nan])[positions]


def learn_column(name: str | int, values: pd.Series[Any]) -> Column:
    """Return the column as seen in *values*; empty and constant ones are ignored.

    Raises
    ------
    Unreadable
        If a value is no number, text, truth value or date.
    """
    kind = _kind(values)
    if kind == "category":
        return _learn_category(name, values)
    numbers = Column(name, kind).read(values)
    known = numbers[~np.isnan(numbers)]
    partly_missing = 0 < len(known) < len(numbers)
    constant = len(known) == 0 or (not partly_missing and known.min() == known.max())
    return Column(name, "ignored" if constant else kind)


def _learn_category(name: str | int, values: pd.Series[Any]) -> Column:
    positions, texts = _texts(values)
    rows: Counter[str] = Counter()
    for text, count in zip(texts, np.bincount(positions[positions >= 0]), strict=False):
        if text is not None:
            rows[text] += int(count)
    levels = tuple(sorted(rows, key=lambda text: (-rows[text], text)))
    frequent = sum(rows[level] >= FEWEST_LEVEL_ROWS for level in levels)
    constant = not levels or (len(levels) == 1 and sum(rows.values()) == len(values))
    kind: Kind = "ignored" if constant else "category"
    return Column(name, kind, () if constant else levels, min(frequent, MOST_LEVELS))


def _kind(values: pd.Series[Any]) -> Kind:
    if bool(values.isna().all()):
        return "ignored"
    dtype = values.dtype
    checks: list[tuple[Kind, Callable[[Any], bool]]] = [
        ("category", lambda d: isinstance(d, pd.CategoricalDtype)),
        ("boolean", pd.api.types.is_bool_dtype),
        ("number", pd.api.types.is_numeric_dtype),
        ("date", pd.api.types.is_datetime64_any_dtype),
        ("number", pd.api.types.is_timedelta64_dtype),
    ]
    if pd.api.types.is_complex_dtype(dtype):
        raise Unreadable("complex numbers")
    found = next((kind for kind, is_kind in checks if is_kind(dtype)), None)
    kind = found or INFERRED.get(pd.api.types.infer_dtype(values, skipna=True), "category")
    written = found is None and kind == "category" and _holds_written_numbers(values)
    return "number" if written else kind


def _holds_written_numbers(values: pd.Series[Any]) -> bool:
    """Whether a column of texts holds numbers, as CSV files with blanks among them do.

    A few different ones may be codes, and a leading zero makes a code (a postal one, say).
    """
    texts = pd.Series(_distinct(values)).astype("str").str.strip()
    texts = texts[texts != ""]
    if len(texts) < FEWEST_WRITTEN or texts.str.match(r"[-+]?0\d").any():
        return False
    return bool(pd.to_numeric(texts, errors="coerce").notna().all())


def _distinct(values: pd.Series[Any]) -> Any:
    try:
        return values.dropna().unique()
    except UNHASHABLE:
        raise Unreadable(f"expected a text or number, received {_example(values)}") from None


def _numbers(values: pd.Series[Any]) -> Floats:
    if pd.api.types.is_timedelta64_dtype(values.dtype) or _holds(values, timedelta):
        numbers = pd.to_timedelta(values) / pd.Timedelta(days=1)
    else:
        values = _stripped(values)
        numbers = _as_numbers(_plain(values))
    _refuse(values, numbers.isna(), "a number")
    result = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.clip(result, -LARGEST, LARGEST)
    return np.where(np.isfinite(result), known, np.nan)


def _as_numbers(plain: pd.Series[Any]) -> pd.Series[Any]:
    try:
        numbers = pd.to_numeric(plain, errors="coerce")
    except OverflowError:
        raise Unreadable("expected numbers of at most 308 digits") from None
    # pandas would count nanoseconds
    instants = pd.api.types.is_datetime64_any_dtype(plain.dtype)
    instants = instants or isinstance(plain.dtype, pd.PeriodDtype)
    if instants or pd.api.types.is_complex_dtype(numbers.dtype):
        raise Unreadable(f"expected a number, received {_example(plain)}")
    return numbers


def _stripped(values: pd.Series[Any]) -> pd.Series[Any]:
    """*values* without spaces around texts; empty ones are missing."""
    if isinstance(values.dtype, pd.StringDtype):
        texts = values.str.strip()
        return texts.mask(texts == "")
    if not (values.dtype == object or pd.api.types.is_string_dtype(values.dtype)):
        return values
    return values.map(lambda v: (v.strip() or None) if isinstance(v, str) else v)


def _days(values: pd.Series[Any]) -> Floats:
    if pd.api.types.is_numeric_dtype(values.dtype) or _holds(values, (Number, Decimal)):
        raise Unreadable(f"expected a date, received {_example(values)}")
    instants = pd.to_datetime(_plain(values), errors="coerce", utc=True, format="ISO8601")
    _refuse(values, instants.isna(), "a date")
    microseconds = instants.astype("datetime64[us, UTC]").astype("int64").to_numpy()
    return np.where(instants.isna(), np.nan, microseconds / MICROSECONDS_A_DAY)


def _plain(values: pd.Series[Any]) -> pd.Series[Any]:
    """Categories and exotic types as plain objects, which pandas converts value by value."""
    simple = pd.api.types.is_numeric_dtype(values.dtype)
    simple = simple or pd.api.types.is_datetime64_any_dtype(values.dtype)
    decimals = isinstance(values.dtype, pd.ArrowDtype) and values.dtype.kind == "O"
    if simple and not decimals and not isinstance(values.dtype, pd.CategoricalDtype):
        return values
    objects = values.astype(object)
    return objects.map(lambda v: float(v) if isinstance(v, Decimal) else v)


def _refuse(values: pd.Series[Any], failed: pd.Series[Any], expected: str) -> None:
    bad = values[failed.to_numpy(dtype=bool) & ~values.isna().to_numpy(dtype=bool)]
    if len(bad):
        raise Unreadable(f"expected {expected}, received {_example(bad)}")


def _holds(values: pd.Series[Any], kinds: type | tuple[type, ...]) -> bool:
    """Whether the first known value of an object column is one of *kinds*."""
    return values.dtype == object and isinstance(values.dropna().iloc[0], kinds)


def _example(values: pd.Series[Any]) -> str:
    return repr(values.dropna().iloc[:1].tolist()[0])


def _texts(values: pd.Series[Any]) -> tuple[Ints, list[str | None]]:
    """Return each row's position in the list of texts (-1: missing), and that list."""
    try:
        positions, uniques = pd.factorize(values)
    except UNHASHABLE:
        raise Unreadable(f"expected a text or number, received {_example(values)}") from None
    return positions.astype(np.int64), [_text(value) for value in uniques]


def _text(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1.0 where a gap made a column of whole numbers float
    return str(value) if str(value).strip() else None
