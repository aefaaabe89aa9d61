"""Values on their way to and from Dataverse, by the kind of their column."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable
from typing import Any

from salesml.crm.dataverse.tables import Column

__all__ = ["FITTING", "duckdb_type", "guid", "sent", "shown"]

_DAY = 10  # letters of an ISO date
_CHOICES = {"PicklistType", "StateType", "StatusType"}
FITTING: dict[str, set[type]] = {
    "StringType": {bool, int, float, str, dt.date, dt.datetime},
    "MemoType": {bool, int, float, str, dt.date, dt.datetime},
    "IntegerType": {int, float},
    "BigIntType": {int, float},
    "DecimalType": {int, float},
    "DoubleType": {int, float},
    "MoneyType": {int, float},
    "BooleanType": {bool},
    "DateTimeType": {dt.date, dt.datetime},
    "PicklistType": {int},
    "StateType": {int},
    "StatusType": {int},
    "MultiSelectPicklistType": {int, str},
    "UniqueidentifierType": {str},
}
"""Which values a kind of column takes; lookups and others take none."""


def sent(column: Column, value: object) -> Any:
    """*value* as JSON for *column*; raises ValueError, in English, where it takes no such value."""
    if value is None or (value == "" and column.kind not in {"StringType", "MemoType"}):
        return None
    try:
        return _SENT[column.kind](column, value)
    except (KeyError, ValueError, TypeError, OverflowError):
        kind = column.kind.removesuffix("Type").lower()
        raise ValueError(f"{column.name}: {value!r} is no value of a {kind} column") from None


def shown(column: Column, value: Any) -> object:
    """*value* of an answer as plain value."""
    if column.day and isinstance(value, str):
        return value[:_DAY]
    return value


def guid(text: str) -> str | None:
    """*text* as a GUID in lower case; None if it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def duckdb_type(column: Column) -> str:
    """Type of the raw column."""
    if column.kind == "DateTimeType":
        return "DATE" if column.day else "TIMESTAMP"
    return _TYPES.get(column.kind, "VARCHAR")


_TYPES = {
    "IntegerType": "BIGINT",
    "BigIntType": "BIGINT",
    "DecimalType": "DOUBLE",
    "DoubleType": "DOUBLE",
    "MoneyType": "DOUBLE",
    "BooleanType": "BOOLEAN",
}


def _text(_column: Column, value: Any) -> str:
    return str(value)


def _whole(_column: Column, value: Any) -> int:
    return round(float(value)) if isinstance(value, float | str) else int(value)


def _number(column: Column, value: Any) -> float | int:
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError
    return round(number, column.precision) if column.precision is not None else number


def _choice(_column: Column, value: Any) -> int:
    number = float(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _truth(_column: Column, value: Any) -> bool:
    if value in {0, 1, "0", "1", "true", "false", "True", "False"}:
        return value in {1, "1", "true", "True"}
    raise ValueError


def _moment(column: Column, value: Any) -> str:
    moment = dt.datetime.fromisoformat(value)
    if column.bare:
        return moment.date().isoformat()
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    day = dt.datetime.combine(moment.date(), dt.time())
    return f"{(day if column.day else moment.replace(microsecond=0)).isoformat()}Z"


_SENT: dict[str, Callable[[Column, Any], Any]] = {
    "StringType": _text,
    "MemoType": _text,
    "MultiSelectPicklistType": _text,
    "UniqueidentifierType": _text,
    "IntegerType": _whole,
    "BigIntType": _whole,
    "DecimalType": _number,
    "DoubleType": _number,
    "MoneyType": _number,
    "BooleanType": _truth,
    "DateTimeType": _moment,
    **dict.fromkeys(_CHOICES, _choice),
}
