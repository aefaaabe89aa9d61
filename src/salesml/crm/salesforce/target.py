"""Whether an object can be written as configured, found out before the night."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from salesml.crm.salesforce.objects import NUMBERS, WHOLE, Field, SObject
from salesml.errors import ExportError, suggest

__all__ = ["doubts", "require_writable"]

_TIMES = {"date", "datetime"}
_NEVER = {"address", "base64", "complexvalue", "id", "location"}


def require_writable(
    thing: SObject, key: str, fields: Mapping[str, type | None], *, create: bool
) -> None:
    """Raise ExportError, naming all that is wrong, unless *fields* can be written by *key*."""
    wrong = [*_of_object(thing, create), *_of_key(thing, key, create)]
    for name, kind in fields.items():
        if name != key:
            wrong += _of_field(thing, name, kind, create)
    if wrong:
        raise ExportError(
            f"Object {thing.name} cannot be written as configured: {'; '.join(wrong)}.",
            where=f"object {thing.name}",
            fix="Correct key and fields of the target, or what the user may do in Salesforce.",
        )


def doubts(
    thing: SObject, key: str, fields: Mapping[str, type | None], *, create: bool
) -> Iterator[str]:
    """What works, but may surprise."""
    for name, kind in fields.items():
        field = thing.fields[name]
        if field.type in WHOLE and kind is float:
            yield f"{thing.name}.{name} holds whole numbers: values are rounded."
        if field.choices and kind is str:
            listed = ", ".join(field.choices[:10])
            yield f"{thing.name}.{name} is a restricted picklist and takes only {listed}."
    needed = [f.name for f in thing.fields.values() if f.required and f.name not in {*fields, key}]
    if create and needed:
        yield (
            f"{thing.name} records that are not there yet cannot be made: they need "
            f"{', '.join(needed)}."
        )


def _of_object(thing: SObject, create: bool) -> Iterator[str]:
    if not thing.updateable:
        yield "this user may not change its records"
    if create and not thing.createable:
        yield "this user may not make records of it"


def _of_key(thing: SObject, key: str, create: bool) -> Iterator[str]:
    field = thing.fields.get(key)
    if field is None:
        yield _missing(thing, key)
    elif key == "Id":
        if create:
            yield "the key Id is given by Salesforce: records cannot be made by it"
    elif not field.external_id:
        yield f"the key {key} is not marked as External ID"
    elif not field.unique:
        yield f"the key {key} is not marked as Unique, so that several records may share a value"
    elif create and not field.createable:
        yield f"this user may not fill the key {key}"


def _of_field(thing: SObject, name: str, kind: type | None, create: bool) -> Iterator[str]:
    field = thing.fields.get(name)
    if field is None:
        yield _missing(thing, name)
        return
    if not field.updateable or (create and not field.createable):
        yield f"this user may not edit {name} (field-level security, or a formula)"
    if field.type in _NEVER or not _fits(field, kind):
        yield f"{name} is of type {field.type} and does not take {_word(kind)}"


def _missing(thing: SObject, name: str) -> str:
    return f"there is no field {name}, or this user does not see it{suggest(name, thing.fields)}"


def _fits(field: Field, kind: type | None) -> bool:
    """Whether *field* takes values of *kind*; text takes all."""
    if kind is None:
        return True
    if field.type in NUMBERS:
        return kind in {int, float}
    if field.type == "boolean":
        return kind is bool
    if field.type in _TIMES:
        return kind in {dt.date, dt.datetime}
    return True


def _word(kind: type | None) -> str:
    return f"values of type {kind.__name__}" if kind else "values"
