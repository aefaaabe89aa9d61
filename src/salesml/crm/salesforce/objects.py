"""Objects of an org as Salesforce describes them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from salesml.crm.records import Tolerance
from salesml.crm.salesforce.rest import Rest
from salesml.errors import SalesmlError, SourceError, suggest

__all__ = ["NUMBERS", "TEXTS", "WHOLE", "Field", "Objects", "SObject", "too_large"]

WHOLE = {"int", "long"}
NUMBERS = {*WHOLE, "double", "currency", "percent"}
TEXTS = {
    "combobox",
    "email",
    "encryptedstring",
    "multipicklist",
    "phone",
    "picklist",
    "string",
    "textarea",
    "url",
}
_LONGEST = 32_000
"""Characters that a field takes in a job.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_common_limits.htm
"""
_DIGITS = 18
"""Most digits of a number before its point.

https://help.salesforce.com/s/articleView?id=platform.custom_field_types.htm
"""
_UNREADABLE = {"address", "base64", "complexvalue", "location"}  # jobs refuse to query these
_PARENTS = ("AccountId", "WhatId", "ParentId", "ContactId")


def too_large(number: Decimal) -> bool:
    """Whether no field can hold *number*: infinite, none, or of too many digits."""
    return not number.is_finite() or (bool(number) and number.adjusted() >= _DIGITS)


@dataclass(frozen=True)
class Field:
    """A field that this user sees."""

    name: str
    type: str
    length: int
    scale: int
    updateable: bool
    createable: bool
    external_id: bool
    unique: bool
    case_sensitive: bool
    required: bool
    detail: bool
    """Whether it names the master record that every change of this one locks."""
    choices: tuple[str, ...]
    """Values of a restricted picklist."""

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> Field:
        """From the ``fields`` of a description."""
        restricted = told.get("restrictedPicklist", False)
        values = told.get("picklistValues") or [] if restricted else []
        must = not told.get("nillable", True) and not told.get("defaultedOnCreate", False)
        createable = bool(told.get("createable"))
        return cls(
            name=told["name"],
            type=told["type"],
            length=int(told.get("length") or 0),
            scale=int(told.get("scale") or 0),
            updateable=bool(told.get("updateable")),
            createable=createable,
            external_id=bool(told.get("externalId")),
            unique=bool(told.get("unique")),
            case_sensitive=bool(told.get("caseSensitive")),
            required=must and createable and told["type"] != "boolean",
            detail=told.get("relationshipOrder") is not None,
            choices=tuple(str(v["value"]) for v in values if v.get("active", True)),
        )

    @property
    def tolerance(self) -> Tolerance:
        """How the field changes what is written to it."""
        if self.type in WHOLE:
            return Tolerance(absolute=0.5)
        if self.type in NUMBERS:
            # kept as sent, but rounded when a person saves the record in a page
            # (https://help.salesforce.com/s/articleView?id=000387302)
            return Tolerance(absolute=0.5 * 10.0**-self.scale)
        if self.type in TEXTS:
            return Tolerance(length=min(self.length or _LONGEST, _LONGEST), trims=True)
        if self.type == "datetime":
            return Tolerance(absolute=1.0)  # fractions of seconds are not kept
        return Tolerance(blank=False) if self.type == "boolean" else Tolerance()


@dataclass(frozen=True)
class SObject:
    """An object, and the fields of it that this user sees."""

    name: str
    createable: bool
    updateable: bool
    fields: dict[str, Field]

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> SObject:
        """From a description."""
        fields = [Field.of_json(field) for field in told["fields"]]
        return cls(
            told["name"],
            bool(told.get("createable")),
            bool(told.get("updateable")),
            {field.name: field for field in fields},
        )

    @property
    def readable(self) -> list[Field]:
        """The fields that can be queried."""
        return [field for field in self.fields.values() if field.type not in _UNREADABLE]

    @cached_property
    def parent(self) -> str | None:
        """The field whose record Salesforce locks when one of ours changes, where there is one."""
        details = [field.name for field in self.fields.values() if field.detail]
        usual = [name for name in _PARENTS if name in self.fields]
        return next(iter([*details, *usual]), None)


class Objects:
    """Descriptions of objects, asked for once."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: dict[str, SObject] = {}

    def get(self, name: str, kind: type[SalesmlError] = SourceError) -> SObject:
        """The object *name*; raises *kind*, with near misses, if this user sees none."""
        if name not in self._known and not self.exists(name):
            listed = self._rest.get("sobjects/")["sobjects"]
            names = [str(entry["name"]) for entry in listed]
            raise kind(
                f"There is no object '{name}' that this user sees.{suggest(name, names)}",
                received=f"{len(names)} other objects",
                where=f"connection {self._rest.api.name}",
                fix="Correct the API name, or let the user see the object.",
            )
        return self._known[name]

    def exists(self, name: str) -> bool:
        """Whether this user sees the object *name*, asked for afresh."""
        self._known.pop(name, None)
        told = self._rest.found(f"sobjects/{name}/describe/")
        if told is not None:
            self._known[name] = SObject.of_json(told)
        return told is not None
