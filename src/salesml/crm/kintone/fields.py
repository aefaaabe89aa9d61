"""Fields of kintone's apps: which values they take, and how these are written and shown.

https://cybozu.dev/ja/kintone/docs/overview/field-types
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from salesml.crm.declared import NAMES
from salesml.crm.records import Tolerance

__all__ = ["RECORD_ID", "REVISION", "Field", "Precision", "fields_of", "shown", "text_of"]

RECORD_ID, REVISION = "$id", "$revision"

_EVERYTHING = tuple(NAMES)
_TAKEN: dict[str, Collection[type]] = {
    "SINGLE_LINE_TEXT": _EVERYTHING,
    "MULTI_LINE_TEXT": _EVERYTHING,
    "RICH_TEXT": _EVERYTHING,
    "NUMBER": (bool, int, float),
    "DROP_DOWN": (str, bool, int),
    "RADIO_BUTTON": (str, bool, int),
    "CHECK_BOX": (str,),
    "MULTI_SELECT": (str,),
    "DATE": (dt.date, dt.datetime),
    "TIME": (str,),
    "DATETIME": (dt.date, dt.datetime),
    "LINK": (str,),
}
_TYPES = {
    "NUMBER": "DOUBLE",
    "CALC": "DOUBLE",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "CREATED_TIME": "TIMESTAMP",
    "UPDATED_TIME": "TIMESTAMP",
    "__REVISION__": "BIGINT",
}
_MANY = {"CHECK_BOX", "MULTI_SELECT"}
_TEXTS = {"SINGLE_LINE_TEXT", "MULTI_LINE_TEXT", "RICH_TEXT", "LINK", "NUMBER"}
_HIDDEN = {"REFERENCE_TABLE", "GROUP"}
_LONGEST_UNIQUE = 64
_MINUTE = 60.0


@dataclass(frozen=True)
class Precision:
    """How many decimal places an app keeps of numbers, and whether it rounds to the nearest."""

    places: int = 4
    nearest: bool = True

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Precision:
        """What the general *settings* of an app say; kintone's defaults where they are silent."""
        found = settings.get("numberPrecision") or {}
        places, mode = found.get("decimalPlaces", 4), found.get("roundingMode", "HALF_EVEN")
        return cls(int(places), mode == "HALF_EVEN")

    @property
    def slack(self) -> float:
        """How far a number may lie from the one that was written."""
        return (0.5 if self.nearest else 1.0) * 10.0**-self.places


@dataclass(frozen=True)
class Field:
    """One field, by its code.

    Parameters
    ----------
    kind : kintone's name of its type.
    unique : whether no two records have the same value.
    required : whether a record cannot be without it.
    closed : why values cannot be written; empty where they can.
    longest : most characters of a text.
    options : values that can be chosen.
    blank : what a record shows that nobody gave a value.
    """

    code: str
    kind: str
    unique: bool = False
    required: bool = False
    closed: str = ""
    longest: int | None = None
    options: tuple[str, ...] = ()
    blank: str | None = None

    @property
    def sql(self) -> str:
        """DuckDB's type of the values; ids and choices are text, tables and lists JSON."""
        return _TYPES.get(self.kind, "VARCHAR")

    def tolerance(self, precision: Precision) -> Tolerance:
        """Numbers are rounded as the app says; times lose their seconds."""
        slack = {"NUMBER": precision.slack, "DATETIME": _MINUTE}.get(self.kind, 0.0)
        return Tolerance(slack, length=self.longest, blank=self.blank)

    def unfit(self, wanted: type | None) -> str:
        """Why values of type *wanted* (None: unknown) cannot be written; empty if they can."""
        taken = _TAKEN.get(self.kind, ())
        if self.closed or not taken:
            return f"'{self.code}' cannot be written: {self.closed or f'it is a {self.kind}'}"
        if wanted is None or wanted in taken:
            return ""
        return f"'{self.code}' is of type {self.kind}, which takes no {NAMES[wanted]}"

    def value(self, value: object) -> object:
        """*value* as kintone takes it."""
        if self.kind in _MANY:
            return _choices(value)
        if value is None or value == "":
            return "" if self.kind in _TEXTS else None
        if isinstance(value, bool):
            return str(int(value)) if self.kind == "NUMBER" else str(value).lower()
        if isinstance(value, int | float | Decimal):
            return format(Decimal(str(value)), "f")
        return self._moment(str(value))

    def _moment(self, text: str) -> str:
        if self.kind not in {"DATE", "DATETIME"}:
            return text
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            return text
        if moment.tzinfo:
            moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        if self.kind == "DATE":
            return moment.date().isoformat()
        return f"{moment.isoformat(timespec='minutes')}:00Z"


def fields_of(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Field]:
    """The fields that the form of an app has, the id of the record and its revision among them."""
    copied = {code for p in properties.values() for code in _filled_by_lookup(p)}
    found = [
        _field(p, "a look-up fills it" if code in copied else "")
        for code, p in properties.items()
        if p["type"] not in _HIDDEN
    ]
    own = [Field(RECORD_ID, "__ID__", unique=True), Field(REVISION, "__REVISION__")]
    return {field.code: field for field in [*own, *found]}


def text_of(found: Mapping[str, Any]) -> str | None:
    """A value as kintone shows it, as text: people by their code, lists and tables as JSON."""
    value = found.get("value")
    if isinstance(value, dict):
        return str(value.get("code", ""))
    if isinstance(value, list):
        return json.dumps([_plain(v) for v in value], ensure_ascii=False)
    return None if value is None else str(value)


def shown(found: Mapping[str, Any]) -> str | None:
    """A value as it would be written: like `text_of`, but a single choice as it is."""
    value = found.get("value")
    if isinstance(value, list) and len(value) < 2 and all(isinstance(v, str) for v in value):
        return next(iter(value), None)
    return text_of(found)


def _plain(entry: Any) -> Any:
    is_person = isinstance(entry, dict) and set(entry) == {"code", "name"}
    return entry["code"] if is_person else entry


def _field(p: Mapping[str, Any], closed: str) -> Field:
    unique, longest = bool(p.get("unique")), str(p.get("maxLength") or "")
    most = int(longest) if longest.isdecimal() else None
    if unique and p["type"] == "SINGLE_LINE_TEXT":
        most = min(most or _LONGEST_UNIQUE, _LONGEST_UNIQUE)
    blank = shown({"value": p.get("defaultValue")}) or None
    return Field(
        code=p["code"],
        kind=p["type"],
        unique=unique,
        required=bool(p.get("required")) and blank is None,
        closed="kintone calculates it" if p.get("expression") else closed,
        longest=most,
        options=tuple(p.get("options") or ()),
        blank=blank,
    )


def _filled_by_lookup(p: Mapping[str, Any]) -> Iterator[str]:
    for mapping in (p.get("lookup") or {}).get("fieldMappings", []):
        yield mapping["field"]


def _choices(value: object) -> list[str]:
    """The choices that *value* names: one as it is, or several as a list in JSON."""
    if value is None or value == "":
        return []
    try:
        listed = json.loads(str(value))
    except ValueError:
        listed = None
    return [str(v) for v in listed] if isinstance(listed, list) else [str(value)]
