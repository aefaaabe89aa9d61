"""What Dataverse accepts and refuses of a record, in its words."""

from __future__ import annotations

import re
import unicodedata
import uuid
from typing import Any

from crm.dataverse.fake_tables import Column, Table

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class RefusedError(Exception):
    """An answer that refuses."""

    def __init__(self, status: int, code: str, message: str, after: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.after = status, code, message, after


def folded(value: object) -> str:
    return unicodedata.normalize("NFKC", str(value)).casefold().rstrip()


def require_values(table: Table, row: dict[str, Any], *, new: bool) -> None:
    for name, value in row.items():
        column = table.column(name)
        if column is None:
            raise RefusedError(
                400,
                "0x80048d19",
                "Error identified in Payload provided by the user for Entity "
                f":'{table.entity_set}'. The property '{name}' does not exist on type "
                f"'Microsoft.Dynamics.CRM.{table.name}'.",
            )
        if column.readonly or (column.kind.startswith("Uniqueid") and not new):
            raise RefusedError(400, "0x80040216", f"Attribute '{name}' cannot be set.")
        if value is not None:
            _require_value(table, column, value)


def _require_value(table: Table, column: Column, value: Any) -> None:
    if not _fits(column, value):
        raise RefusedError(
            400,
            "0x80048d19",
            f"Cannot convert the literal '{value}' to the expected type of '{column.name}'.",
        )
    if isinstance(value, str) and _NO_XML.search(value):
        raise RefusedError(400, "0x80040278", "Invalid character in field: hexadecimal value 0x00.")
    most = column.more.get("MaxLength")
    if most is not None and len(value.encode("utf-16-le")) // 2 > most:
        raise RefusedError(
            400,
            "0x80044331",
            f"A validation error occurred.  The length of the '{column.name}' attribute of the "
            f"'{table.name}' entity exceeded the maximum allowed length of '{most}'.",
        )


def _fits(column: Column, value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    match column.kind:
        case "StringType" | "MemoType":
            return isinstance(value, str)
        case "IntegerType" | "BigIntType" | "PicklistType" | "StateType" | "StatusType":
            return whole and abs(value) < 2**31
        case "DecimalType" | "MoneyType" | "DoubleType":
            return whole or isinstance(value, float)
        case "BooleanType":
            return isinstance(value, bool)
        case "DateTimeType":
            bare = column.more.get("DateTimeBehavior", {}).get("Value") == "DateOnly"
            return bool((_DAY if bare else _MOMENT).fullmatch(str(value)))
        case "UniqueidentifierType":
            return _is_guid(value)
    return False


def _is_guid(value: Any) -> bool:
    try:
        uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def stored(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """*row* as it is kept: numbers rounded, money as the currency (yen) says where it does."""
    kept = {}
    for name, value in row.items():
        column = table.column(name)
        more = column.more if column else {}
        precision = 0 if more.get("PrecisionSource") else more.get("Precision")
        kept[name] = round(value, precision) if precision is not None and value else value
    return kept


def require_unique(table: Table, record: str, row: dict[str, Any]) -> None:
    for key in table.keys:
        if any(row.get(name) is None for name in key):
            continue
        values = [folded(row[name]) for name in key]
        for other, kept in table.records.items():
            if other != record and [folded(kept.get(name)) for name in key] == values:
                raise RefusedError(
                    412,
                    "0x80060892",
                    f"A record that has the attribute values {', '.join(key)} already exists. The "
                    f"entity key requires that this set of attributes contains unique values.",
                )
