"""The records of the fake org, and what it refuses."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm.salesforce.schema import OBJECTS, PREFIXES, TEXTS, Description

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BEGINNING = dt.datetime(2026, 6, 1)

Record = dict[str, Any]


class Refused(Exception):
    """One record is not taken."""

    def __init__(self, code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.code, self.message, self.fields = code, message, list(fields)

    def as_json(self) -> dict[str, Any]:
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}

    def as_cell(self) -> str:
        return f"{self.code}:{self.message}:{','.join(self.fields)} --"


class Crashed(Exception):
    """A request dies inside Salesforce, nobody says which record was at fault."""


@dataclass
class Org:
    """What the org holds, what goes wrong in it, and what happened to it."""

    sandbox: bool = False
    requests_left: int = 100_000
    batches_left: int = 15_000
    locks: dict[str, int] = field(default_factory=dict)
    """How many more times the record of an Id, or its siblings, are locked."""
    ignored: set[str] = field(default_factory=set)
    """Fields that a trigger sets back in silence."""
    poison: str = ""
    """Text that a trigger dies of."""
    crash: str = ""
    """Text that the whole request dies of."""
    hidden: set[str] = field(default_factory=set)
    """Fields, as ``Account.Name``, that this user does not see."""
    read_only: set[str] = field(default_factory=set)
    parallel: bool = False
    """Whether a job works on neighbouring chunks at a time, which lock each other's parents."""
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    made: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.records = {name: {} for name in OBJECTS}
        self._index: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(dict)
        self._fields: dict[str, dict[str, Description]] = {
            name: {f["name"]: f for f in fields} for name, fields in OBJECTS.items()
        }
        self._serial = 0
        self._stamp = 0
        self._insert("Organization", {"Name": "Fake"}, {"IsSandbox": self.sandbox})

    # descriptions ---------------------------------------------------------------------------

    def fields(self, thing: str) -> dict[str, Description]:
        """The fields of *thing* that the user sees."""
        if not self.hidden:
            return self._fields[thing]
        known = self._fields[thing]
        return {name: f for name, f in known.items() if f"{thing}.{name}" not in self.hidden}

    def updateable(self, thing: str, name: str) -> bool:
        return self._fields[thing][name]["updateable"] and f"{thing}.{name}" not in self.read_only

    # looking --------------------------------------------------------------------------------

    def found(self, thing: str, name: str, value: Any) -> list[Record]:
        """Records, deleted ones too, whose external id *name* is *value*."""
        if name == "Id":
            record = self.records[thing].get(_long(str(value)))
            return [record] if record else []
        ids = self._index[thing, name].get(self._folded(thing, name, value), [])
        return [self.records[thing][i] for i in ids if i in self.records[thing]]

    def alive(self, thing: str, name: str, value: Any) -> list[Record]:
        return [r for r in self.found(thing, name, value) if not r.get("IsDeleted")]

    # changing -------------------------------------------------------------------------------

    def add(self, thing: str, records: Iterable[Record]) -> list[str]:
        """Put records there as a person would, without checks; returns their Ids."""
        with self.lock:
            return [self._insert(thing, dict(r), {})["Id"] for r in records]

    def edit(self, thing: str, record: str, **values: Any) -> None:
        """A person changes a record."""
        with self.lock:
            self._put(thing, self.records[thing][record], values)

    def delete(self, thing: str, record: str, *, into: str = "", purge: bool = False) -> None:
        """A person deletes a record, or merges it into another one."""
        with self.lock:
            if purge:
                del self.records[thing][record]
                return
            merged = {"MasterRecordId": into} if into else {}
            self._put(thing, self.records[thing][record], {"IsDeleted": True, **merged})

    def update(self, thing: str, record: str, values: Mapping[str, Any]) -> str:
        """Change the record *record* through the API."""
        held = self.records[thing].get(_long(record))
        if held is None:
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if held.get("IsDeleted"):
            raise Refused("ENTITY_IS_DELETED", "entity is deleted")
        if held.get("IsConverted"):
            raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        self._require_unlocked(held)
        kept = self._checked(thing, values, held)
        self._put(thing, held, kept)
        self.writes[held["Id"]] += 1
        return str(held["Id"])

    def upsert(self, thing: str, key: str, values: Mapping[str, Any]) -> tuple[str, bool]:
        """Change the record that has the external id, or make it; whether it was made."""
        if not str(values[key] if values[key] is not None else "").strip():
            raise Refused("MISSING_ARGUMENT", f"{key} not specified")
        there = self.alive(thing, key, values[key])
        if len(there) > 1:
            ids = ", ".join(record["Id"] for record in there)
            message = f"{key}: more than one record found for external id field: [{ids}]"
            raise Refused("DUPLICATE_EXTERNAL_ID", message, key)
        if there:
            rest = {name: value for name, value in values.items() if name != key}
            return self.update(thing, there[0]["Id"], rest), False
        missing = [
            f["name"]
            for f in self._fields[thing].values()
            if not f["nillable"] and f["createable"] and f["type"] != "boolean"
            if values.get(f["name"]) is None
        ]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise Refused("REQUIRED_FIELD_MISSING", message, *missing)
        record = self._insert(thing, {}, self._checked(thing, values, None))
        self.made += 1
        self.writes[record["Id"]] += 1
        return str(record["Id"]), True

    # rules ----------------------------------------------------------------------------------

    def _require_unlocked(self, held: Record) -> None:
        for name in (held["Id"], held.get("AccountId")):
            if name and self.locks.get(name, 0) > 0:
                self.locks[name] -= 1
                message = f"unable to obtain exclusive access to this record or 1 records: {name}"
                raise Refused("UNABLE_TO_LOCK_ROW", message)

    def _checked(self, thing: str, values: Mapping[str, Any], held: Record | None) -> Record:
        known, kept = self._fields[thing], {}
        for name, value in values.items():
            if not self.updateable(thing, name):
                message = (
                    f"Unable to create/update fields: {name}. Please check the security settings"
                )
                raise Refused("INVALID_FIELD_FOR_INSERT_UPDATE", message, name)
            if f"{thing}.{name}" not in self.ignored:
                kept[name] = self._value(known[name], value)
        self._require_free(thing, kept, held)
        return kept

    def _value(self, told: Description, value: Any) -> Any:
        if isinstance(value, str):
            if self.crash and self.crash in value:
                raise Crashed
            if self.poison and self.poison in value:
                message = "ScoreTrigger: execution of BeforeUpdate caused by: System.NullPointer"
                raise Refused("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
        if told["type"] in TEXTS and value is not None:
            return _text(told, value)
        if told["type"] == "double" and value is not None:
            # as it was sent: only the pages for people round to the decimals of the field,
            # https://help.salesforce.com/s/articleView?id=000387302
            if abs(value) >= 10 ** told["precision"]:
                message = f"{told['name']}: value outside of valid range on numeric field: {value}"
                raise Refused("NUMBER_OUTSIDE_VALID_RANGE", message, told["name"])
            return float(value)
        return value

    def _require_free(self, thing: str, values: Record, held: Record | None) -> None:
        for name, value in values.items():
            if value is None or not self._fields[thing][name]["unique"]:
                continue
            for other in self.alive(thing, name, value):
                if held is None or other["Id"] != held["Id"]:
                    message = f"duplicate value found: {name} duplicates value on record with id: "
                    raise Refused("DUPLICATE_VALUE", message + other["Id"], name)

    # storage --------------------------------------------------------------------------------

    def _insert(self, thing: str, given: Record, kept: Record) -> Record:
        self._serial += 1
        made = self._time()
        record = {"Id": _id(PREFIXES.get(thing, "a00"), self._serial), "CreatedDate": made}
        self.records[thing][record["Id"]] = record
        self._put(thing, record, {**given, **kept})
        return record

    def _put(self, thing: str, record: Record, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if self._fields[thing][name]["externalId"] and record.get(name) != value:
                self._reindex(thing, name, record, value)
            record[name] = value
        record["SystemModstamp"] = self._time()

    def _reindex(self, thing: str, name: str, record: Record, value: Any) -> None:
        index = self._index[thing, name]
        if record.get(name) is not None:
            index[self._folded(thing, name, record[name])].remove(record["Id"])
        if value is not None:
            index.setdefault(self._folded(thing, name, value), []).append(record["Id"])

    def _folded(self, thing: str, name: str, value: Any) -> str:
        told = self._fields[thing][name]
        if told["type"] == "double":
            return repr(float(value))
        return str(value) if told["caseSensitive"] else str(value).lower()

    def _time(self) -> str:
        self._stamp += 1
        return f"{BEGINNING + dt.timedelta(seconds=self._stamp):%Y-%m-%dT%H:%M:%S}.000+0000"


def _text(told: Description, value: str) -> str | None:
    value = value.strip()
    if told["restrictedPicklist"]:
        if value not in {choice["value"] for choice in told["picklistValues"]}:
            message = f"bad value for restricted picklist field: {value}"
            raise Refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, told["name"])
    elif len(value.encode("utf-16-le")) // 2 > told["length"]:
        message = (
            f"{told['name']}: data value too large: {value[:80]} (max length={told['length']})"
        )
        raise Refused("STRING_TOO_LONG", message, told["name"])
    return value or None


def _id(prefix: str, number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return _long(f"{prefix}{digits.rjust(12, '0')}")


def _long(record: str) -> str:
    """The Id of 18 letters: three more tell which of the 15 are capital."""
    if len(record) != 15:
        return record
    parts = (record[i : i + 5] for i in (0, 5, 10))
    bits = (sum(c.isupper() << i for i, c in enumerate(part)) for part in parts)
    return record + "".join(_LETTERS[b] for b in bits)
