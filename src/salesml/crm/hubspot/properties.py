"""Properties of HubSpot's objects: which values they take, and how these are written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from salesml.crm.declared import NAMES
from salesml.crm.records import Tolerance

__all__ = ["RECORD_ID", "Property"]

RECORD_ID = "hs_object_id"
"""The property that holds HubSpot's own id of a record."""

_LONGEST_TEXT = 65_536
_EVERYTHING = tuple(NAMES)
_TAKEN: dict[str, Collection[type]] = {
    "string": _EVERYTHING,
    "phone_number": (str,),
    "number": (int, float),
    "bool": (bool,),
    "enumeration": (str, bool, int),
    "date": (dt.date, dt.datetime),
    "datetime": (dt.date, dt.datetime),
}
_TYPES = {"number": "DOUBLE", "bool": "BOOLEAN", "date": "DATE", "datetime": "TIMESTAMP"}
_IDS = {RECORD_ID, "associatedcompanyid", "hs_primary_associated_company"}


@dataclass(frozen=True)
class Property:
    """One property, as its definition says.

    Parameters
    ----------
    kind : "string", "number", "date", "datetime", "bool", "enumeration", "phone_number", …
    unique : whether no two records have the same value.
    closed : why values cannot be written; empty where they can.
    options : values an enumeration takes.
    """

    name: str
    kind: str
    unique: bool = False
    closed: str = ""
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Property:
        """The property that HubSpot describes by *definition*."""
        rights = definition.get("modificationMetadata") or {}
        closed = "it is read-only" if rights.get("readOnlyValue") else ""
        if definition.get("calculated"):
            closed = "HubSpot calculates it"
        return cls(
            name=definition["name"],
            kind=definition.get("type", ""),
            unique=bool(definition.get("hasUniqueValue")),
            closed=closed,
            options=tuple(option["value"] for option in definition.get("options") or ()),
        )

    @property
    def sql(self) -> str:
        """DuckDB's type of the values; ids and choices are text."""
        return "VARCHAR" if self.name in _IDS else _TYPES.get(self.kind, "VARCHAR")

    @property
    def tolerance(self) -> Tolerance:
        """Texts hold 65,536 characters at most, times whole milliseconds."""
        if self.kind == "datetime":
            return Tolerance(absolute=0.001)
        return Tolerance(length=_LONGEST_TEXT) if self.kind == "string" else Tolerance()

    def unfit(self, wanted: type | None) -> str:
        """Why values of type *wanted* (None: unknown) cannot be written; empty if they can."""
        if self.closed:
            return f"'{self.name}' cannot be written: {self.closed}"
        taken = _TAKEN.get(self.kind, ())
        if (wanted is None and taken) or wanted in taken:
            return ""
        what = NAMES[wanted] if wanted else "values"
        return f"'{self.name}' is of type {self.kind}, which takes no {what}"

    def text(self, value: object) -> str:
        """*value* as HubSpot takes it; empty text clears the property."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float | Decimal):
            return format(Decimal(str(value)), "f")
        return self._moment(str(value))

    def _moment(self, text: str) -> str:
        if self.kind not in {"date", "datetime"} or not text:
            return text
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            return text
        if moment.tzinfo:
            moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        if self.kind == "date":
            return moment.date().isoformat()
        return moment.isoformat(timespec="milliseconds") + "Z"
