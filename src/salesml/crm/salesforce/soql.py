"""Queries in Salesforce's language."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from urllib.parse import quote

from salesml.crm.salesforce.objects import NUMBERS, Field, too_large
from salesml.errors import SourceError

__all__ = ["address", "matching", "since"]

_LONGEST = 12_000
"""Bytes of an address; with its headers Salesforce takes 16,384.

https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html (414, 431)
"""
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_LATE = dt.timedelta(minutes=15)
"""How late a record may show up behind its time stamp: a transaction of Apex takes up to 10."""


def address(soql: str) -> str:
    """Where *soql* is answered, deleted and archived records included."""
    return f"queryAll/?q={_encoded(soql)}"


def matching(chosen: Sequence[str], table: str, key: Field, ids: Sequence[str]) -> Iterator[str]:
    """Queries for *chosen* of the records *ids* by *key*, each short enough for an address."""
    head = f"select {', '.join(chosen)} from {table} where {key.name} in ("
    literals: list[str] = []
    room = full = _LONGEST - len(_encoded(head)) - 200
    for text in ids:
        literal = _literal(key, text)
        if literal is None:
            continue  # no record can have it
        size = len(_encoded(literal)) + 1
        if size > room and literals:
            yield f"{head}{','.join(literals)})"
            literals, room = [], full
        literals.append(literal)
        room -= size
    if literals:
        yield f"{head}{','.join(literals)})"


def since(field: Field, value: str) -> str:
    """The condition that *field* is *value* or later, and a little earlier for times."""
    if field.type == "datetime":
        return f"{field.name} >= {_moment(field, value) - _LATE:%Y-%m-%dT%H:%M:%S}Z"
    if field.type == "date":
        return f"{field.name} >= {_moment(field, value):%Y-%m-%d}"
    literal = _literal(field, value)
    if literal is None:
        raise SourceError(
            f"'{field.name}' cannot be compared with this value.",
            received=value,
            fix="Read incrementally by SystemModstamp, or give the source no `incremental`.",
        )
    return f"{field.name} >= {literal}"


def _moment(field: Field, value: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        raise SourceError(f"'{field.name}' is a {field.type}.", received=value) from None
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _literal(field: Field, text: str) -> str | None:
    if field.type in {"id", "reference"} and not _ID.fullmatch(text):
        return None
    if field.type in NUMBERS:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
        return None if too_large(number) else f"{number:f}"
    return f"'{text.translate(_ESCAPES)}'"


def _encoded(text: str) -> str:
    return quote(text, safe="'(),=").replace("%20", "+")
