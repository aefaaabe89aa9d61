"""The few queries that the fake understands, and it understands nothing else."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

from crm.salesforce.org import Org, Record
from crm.salesforce.schema import OBJECTS

_QUERY = re.compile(r"(?is)\s*select (.+?) from (\w+)(?: where (.+))?\s*")
_IN = re.compile(r"(?is)(\w+) in \((.*)\)")
_FROM = re.compile(r"(?is)(\w+) >= (\S+)")
_LITERAL = re.compile(r"(?s)'((?:[^'\\]|\\.)*)'|(-?[\d.]+)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class BadQuery(Exception):
    """What Salesforce says of a query it does not take."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def answer(
    org: Org, soql: str, *, everything: bool, job: bool = False
) -> tuple[str, list[str], Any]:
    """Object, fields and an iterator of the records that *soql* finds."""
    if len(soql) > 100_000:
        raise BadQuery("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000")
    parsed = _QUERY.fullmatch(soql)
    if parsed is None:
        raise BadQuery("MALFORMED_QUERY", f"unexpected token in {soql[:60]}")
    thing, names = parsed[2], [name.strip() for name in parsed[1].split(",")]
    if thing not in OBJECTS:
        raise BadQuery("INVALID_TYPE", f"sObject type '{thing}' is not supported.")
    _require_fields(org, thing, names, job)
    records = _records(org, thing, parsed[3])
    shown = (r for r in records if everything or not (r.get("IsDeleted") or r.get("IsArchived")))
    return thing, names, shown


def value(org: Org, thing: str, name: str, record: Record) -> Any:
    """The field as REST shows it: checkboxes are never empty."""
    kind = org.fields(thing)[name]["type"]
    return record.get(name, False) if kind == "boolean" else record.get(name)


def _require_fields(org: Org, thing: str, names: list[str], job: bool) -> None:
    known = org.fields(thing)
    for name in names:
        if name not in known:
            message = f"No such column '{name}' on entity '{thing}'."
            raise BadQuery("INVALID_FIELD", message)
        if job and known[name]["type"] in {"address", "location", "base64"}:
            message = f"Selecting compound data not supported in Bulk Query: {name}"
            raise BadQuery("FUNCTIONALITY_NOT_ENABLED", message)
    if len(set(names)) != len(names):
        raise BadQuery("INVALID_FIELD", "duplicate field selected")


def _records(org: Org, thing: str, where: str | None) -> Iterator[Record]:
    if where is None:
        return iter(list(org.records[thing].values()))
    if found := _FROM.fullmatch(where):
        return _from(org, thing, found[1], found[2])
    found = _IN.fullmatch(where)
    if found is None or found[1] not in org.fields(thing):
        raise BadQuery("MALFORMED_QUERY", f"unexpected token in {where[:60]}")
    return _among(org, thing, found[1], list(literals(found[2])))


def _from(org: Org, thing: str, name: str, text: str) -> Iterator[Record]:
    kind = org.fields(thing)[name]["type"]
    pattern = {"datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "date": r"\d{4}-\d\d-\d\d"}[kind]
    if not re.fullmatch(pattern, text):
        raise BadQuery("INVALID_FIELD", f"value of filter criterion for field '{name}'")
    bound = dt.datetime.fromisoformat(text)
    records = list(org.records[thing].values())
    if kind == "date":
        return (r for r in records if r.get(name) and r[name] >= text)
    return (r for r in records if r.get(name) and dt.datetime.fromisoformat(r[name]) >= bound)


def _among(org: Org, thing: str, name: str, values: list[str | float]) -> Iterator[Record]:
    told = org.fields(thing)[name]
    numeric = told["type"] in {"double", "int"}
    if any(isinstance(v, str) == numeric for v in values):
        raise BadQuery("INVALID_FIELD", f"value of filter criterion for field '{name}'")
    if told["type"] == "id" and any(not re.fullmatch(r"\w{15}(\w{3})?", str(v)) for v in values):
        raise BadQuery("INVALID_QUERY_FILTER_OPERATOR", f"{name}: invalid ID field")
    seen = set()
    for wanted in values:
        for record in org.found(thing, name, wanted):
            if record["Id"] not in seen:
                seen.add(record["Id"])
                yield record


def literals(text: str) -> Iterator[str | float]:
    position = 0
    while position < len(text):
        found = _LITERAL.match(text, position)
        if found is None:
            raise BadQuery("MALFORMED_QUERY", f"unexpected token: {text[position : position + 20]}")
        quoted = found[1]
        yield float(found[2]) if quoted is None else re.sub(r"\\(.)", _plain, quoted)
        position = found.end() + 1
        if text[found.end() : position] not in {",", ""}:
            raise BadQuery("MALFORMED_QUERY", "expecting a comma")


def _plain(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[1], found[1])
