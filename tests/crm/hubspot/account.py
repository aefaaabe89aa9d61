"""What a HubSpot account holds, and what it refuses."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Error = dict[str, Any]
Finder = Callable[[str], "Row | None"]

READ_ONLY = {"hs_object_id", "createdate", "lastmodifieddate", "hs_merged_object_ids"}
_LONGEST_TEXT = 65_536
_NUMBER = r"-?[0-9]+(\.[0-9]+)?"


def definition(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """A property as the interface describes it."""
    return {
        "name": name,
        "type": kind,
        "fieldType": more.pop("fieldType", "text"),
        "hasUniqueValue": more.pop("unique", False),
        "calculated": more.pop("calculated", False),
        "archived": False,
        "options": [{"label": v, "value": v} for v in more.pop("options", ())],
        "modificationMetadata": {"readOnlyValue": name in READ_ONLY, "readOnlyDefinition": True},
    }


def standard() -> list[dict[str, Any]]:
    """Properties that every object has."""
    return [
        definition("hs_object_id", "number"),
        definition("createdate", "datetime"),
        definition("lastmodifieddate", "datetime"),
        definition("hs_merged_object_ids"),
    ]


def problem(category: str, message: str, **context: list[str]) -> Error:
    """An error as HubSpot words it."""
    return {"status": "error", "category": category, "message": message, "context": context}


@dataclass
class Kind:
    """An object type: its properties and its records by HubSpot's id."""

    properties: dict[str, dict[str, Any]]
    rows: dict[str, Row] = field(default_factory=dict)

    def unique(self, name: str) -> bool:
        return name == "email" or bool(self.properties.get(name, {}).get("hasUniqueValue"))


class Account:
    """Object types and records, with a clock that moves on a second with every change."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.merged: dict[str, str] = {}
        self.written: dict[str, int] = {}
        self._last, self._now = 100, dt.datetime(2026, 4, 1, tzinfo=dt.UTC)

    def define(self, kind: str, *definitions: dict[str, Any]) -> None:
        known = {d["name"]: d for d in [*standard(), *definitions]}
        self.kinds[kind] = Kind(known)

    def tick(self) -> str:
        self._now += dt.timedelta(seconds=1)
        return self._now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # people at work ----------------------------------------------------------------------------

    def add(self, kind: str, **properties: str | None) -> str:
        """A record somebody makes; its id."""
        self._last += 1
        now, made = self.tick(), str(self._last)
        own = {"hs_object_id": made, "createdate": now, "lastmodifieddate": now}
        row = {"id": made, "properties": {**own, **properties}, "archived": False}
        self.kinds[kind].rows[made] = {**row, "createdAt": now, "updatedAt": now}
        return made

    def edit(self, kind: str, record: str, **properties: str | None) -> None:
        row = self.kinds[kind].rows[record]
        row["updatedAt"] = row["properties"]["lastmodifieddate"] = self.tick()
        row["properties"].update(properties)

    def archive(self, kind: str, record: str) -> None:
        self.kinds[kind].rows[record].update(archived=True, archivedAt=self.tick())

    def merge(self, kind: str, loser: str, winner: str) -> None:
        rows = self.kinds[kind].rows
        del rows[loser]
        self.merged[loser] = winner
        merged = rows[winner]["properties"].get("hs_merged_object_ids") or ""
        self.edit(kind, winner, hs_merged_object_ids=";".join(filter(None, [merged, loser])))

    # what the interface does ---------------------------------------------------------------------

    def finder(self, kind: Kind, by: str | None, *, archived: bool = False) -> Finder:
        """What finds a record by *by*; a merged id answers with the record that survived."""
        rows = {i: row for i, row in kind.rows.items() if row["archived"] == archived}
        if by is None:
            return lambda wanted: rows.get(self._survivor(wanted))
        found = {_plain(str(row["properties"].get(by))): row for row in rows.values()}
        return lambda wanted: found.get(_plain(wanted))

    def _survivor(self, record: str) -> str:
        return self.merged.get(record, record)

    def faults(self, kind: Kind, row: Row | None, properties: dict[str, Any]) -> Error | None:
        """Why *properties* cannot be written to *row*; None if they can."""
        for name, value in properties.items():
            known = kind.properties.get(name)
            if known is None:
                return problem(
                    "VALIDATION_ERROR", f'Property "{name}" does not exist', propertyName=[name]
                )
            wrong = _wrong(known, value)
            if wrong:
                message = f'Property values were not valid: [{{"name":"{name}","error":"{wrong}"}}]'
                return problem("VALIDATION_ERROR", message, propertyName=[name])
            if kind.unique(name) and self._taken(kind, row, name, value):
                return problem("CONFLICT", f"{name} {value} already belongs to another record")
        return None

    def _taken(self, kind: Kind, row: Row | None, name: str, value: str) -> bool:
        others = (r for r in kind.rows.values() if r is not row and not r["archived"])
        return any(_same(other, name, value) for other in others)

    def put(self, kind_name: str, row: Row | None, properties: dict[str, Any]) -> tuple[Row, bool]:
        """Write *properties* to *row*, or make one of them; whether it is new."""
        kept = {name: value or None for name, value in properties.items()}
        made = row is None
        record = self.add(kind_name, **kept) if row is None else row["id"]
        if not made:
            self.edit(kind_name, record, **kept)
        self.written[record] = self.written.get(record, 0) + 1
        return self.kinds[kind_name].rows[record], made


def _same(row: Row, name: str, value: str) -> bool:
    own = row["properties"].get(name)
    return bool(own) and _plain(own) == _plain(str(value))


def _plain(text: str) -> str:
    return text.strip().casefold()


def _wrong(known: dict[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        return "INVALID_TYPE"
    if known["modificationMetadata"]["readOnlyValue"] or known["calculated"]:
        return "READ_ONLY_VALUE"
    if not value:
        return ""
    checks = {"number": _number, "bool": _bool, "date": _date, "datetime": _datetime}
    if known["type"] == "enumeration":
        options = {option["value"] for option in known["options"]}
        return "" if set(value.split(";")) <= options else "INVALID_OPTION"
    check = checks.get(known["type"])
    if check:
        return check(value)
    return "PROPERTY_VALUE_TOO_LONG" if len(value) > _LONGEST_TEXT else ""


def _number(value: str) -> str:
    return "" if re.fullmatch(_NUMBER, value) else "INVALID_DOUBLE"


def _bool(value: str) -> str:
    return "" if value in {"true", "false"} else "INVALID_BOOLEAN"


def _date(value: str) -> str:
    try:
        fits = dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        fits = False
    return "" if fits else "INVALID_DATE"


def _datetime(value: str) -> str:
    return "" if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) else "INVALID_DATE"
