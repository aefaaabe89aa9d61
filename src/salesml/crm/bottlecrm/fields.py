"""Fields of one table: BottleCRM's own, and those that its users defined."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salesml.crm.bottlecrm.tables import Kind, Table

__all__ = ["Field", "body_of", "fields_of", "hindrance", "shown", "takes", "text_of"]

_CUSTOM = {
    "text": "text",
    "textarea": "text",
    "number": "number",
    "dropdown": "choice",
    "date": "date",
    "checkbox": "flag",
}
_DUCKDB = {"number": "DOUBLE", "whole": "BIGINT", "flag": "BOOLEAN", "date": "DATE"}
_PREFIX = "cf_"


@dataclass(frozen=True)
class Field:
    """A field as it is called here; ``key`` names it among the record's custom fields."""

    name: str
    kind: Kind
    key: str | None = None
    options: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """DuckDB's type of its values."""
        return "TIMESTAMP" if self.kind.word == "time" else _DUCKDB.get(self.kind.word, "VARCHAR")


def fields_of(table: Table, definitions: Iterable[Mapping[str, Any]]) -> dict[str, Field]:
    """The fields of *table*, custom ones by their key, or ``cf_<key>`` where BottleCRM has one."""
    found = {name: Field(name, kind) for name, kind in table.kinds.items()}
    for each in definitions:
        if each["is_active"]:
            key = each["key"]
            name = _PREFIX + key if key in table.kinds else key
            options = tuple(option["value"] for option in each["options"] or [])
            found[name] = Field(name, Kind(_CUSTOM[each["field_type"]]), key, options)
    return found


def shown(record: Mapping[str, Any], field: Field) -> Any:
    """The value of *field* in *record*; of a linked record its id, of several their JSON."""
    if field.key is not None:
        return record["custom_fields"].get(field.key)
    value = record.get(field.name)
    if field.kind.word == "link" and isinstance(value, dict):
        return value["id"]
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def text_of(record: Mapping[str, Any], field: Field) -> str | None:
    """The value of *field* for a column that is cast later; times are told in UTC."""
    value = shown(record, field)
    if field.kind.word == "time" and value:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC).replace(tzinfo=None).isoformat()
    return value if value is None or isinstance(value, str) else json.dumps(value)


def takes(kind: Kind, type_: type | None) -> bool:
    """Whether a field of *kind* keeps values of *type_* as they are."""
    if type_ is None or kind.word in {"text", "choice", "link"}:
        return True
    fitting: dict[str, Sequence[type]] = {
        "number": (int, float),
        "whole": (int,),
        "flag": (bool,),
        "date": (dt.date,),
    }
    return type_ in fitting.get(kind.word, ())


def hindrance(field: Field, value: Any) -> str | None:
    """Why *field* cannot keep *value*, where BottleCRM would say nothing or break."""
    if isinstance(value, float) and math.isinf(value):
        return f"{field.name}: infinity is no number"
    if not isinstance(value, str):
        return None
    if "\0" in value:
        return f"{field.name}: BottleCRM breaks on the character NUL"
    if not value.isascii() and not _encodes(value):
        return f"{field.name}: half of a surrogate pair is no character"
    if field.kind.word == "number" and field.key is not None:
        return f"{field.name}: a number is needed, not {value!r}"[:200]
    return None


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def body_of(values: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """The request that sets *values*; None empties a field."""
    own: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    for name, value in values.items():
        field = fields[name]
        sent = _sent(field, value)
        if field.key is None:
            own[name] = sent
        else:
            custom[field.key] = sent
    return {**own, "custom_fields": custom} if custom else own


def _sent(field: Field, value: Any) -> Any:
    if value is None or (value == "" and field.kind.word != "text"):
        return None
    if field.kind.word in {"text", "choice", "link"} and not isinstance(value, str):
        return json.dumps(value) if isinstance(value, bool) else str(value)
    if field.kind.word == "date" and isinstance(value, str):
        return value[:10]
    if field.kind.word == "number" and field.key is None:
        return round(value, 2)
    return value
