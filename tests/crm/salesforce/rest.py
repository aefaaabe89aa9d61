"""sObject collections of the fake: what a request must look like, and what each record becomes."""

from __future__ import annotations

import json
import re
from typing import Any

from crm.salesforce.jobs import shown_time
from crm.salesforce.org import Crashed, Org, Refused

_MOST = 200
_KINDS: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "int": (int,),
    "double": (int, float),
}
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:?\d\d)"


class BadRequest(Exception):
    """A request that is refused as a whole."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Broken(Exception):
    """A request that ends in status 500, with nothing written."""


def parsed(body: bytes) -> dict[str, Any]:
    """The request, whose JSON must be JSON."""
    try:
        found = json.loads(body, parse_constant=_no_number)
    except ValueError as error:
        raise BadRequest("JSON_PARSER_ERROR", str(error)) from None
    if not isinstance(found, dict) or not isinstance(found.get("records"), list):
        raise BadRequest("JSON_PARSER_ERROR", "records")
    if len(found["records"]) > _MOST:
        raise BadRequest("LIMIT_EXCEEDED", "record limit reached. cannot submit more than 200")
    return found


def updated(org: Org, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Change records by their Ids."""
    things = [_thing(org, record) for record in body["records"]]
    typed = [_typed(org, t, r) for t, r in zip(things, body["records"], strict=True)]
    _require_whole(org, typed)
    answers = []
    with org.lock:
        for thing, values in zip(things, typed, strict=True):
            given = values.pop("Id", None) or values.pop("id", "")
            answers.append(_answer(lambda t=thing, g=given, v=values: (org.update(t, g, v), None)))
    return answers


def upserted(org: Org, thing: str, key: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Change or make records by an external id."""
    told = org.fields(thing).get(key)
    if told is None or not told["externalId"]:
        raise BadRequest("NOT_FOUND", f"Provided external ID field does not exist: {key}")
    typed = []
    for record in body["records"]:
        if _thing(org, record) != thing or "id" in {name.lower() for name in record}:
            raise BadRequest("INVALID_FIELD", "The Id field should not be specified")
        typed.append(_typed(org, thing, record))
    _require_whole(org, typed)
    answers = []
    with org.lock:
        for values in typed:
            answers.append(_answer(lambda v=values: org.upsert(thing, key, v)))
    return answers


def _answer(write: Any) -> dict[str, Any]:
    try:
        record, made = write()
    except Refused as error:
        return {"success": False, "errors": [error.as_json()]}
    created = {} if made is None else {"created": made}
    return {"id": record, "success": True, "errors": [], **created}


def _require_whole(org: Org, records: list[dict[str, Any]]) -> None:
    """Die of the text that requests die of, before anything is written."""
    for record in records:
        for value in record.values():
            if org.crash and isinstance(value, str) and org.crash in value:
                raise Broken from Crashed()


def _thing(org: Org, record: dict[str, Any]) -> str:
    thing = record.get("attributes", {}).get("type")
    if thing not in org.records:
        raise BadRequest("INVALID_TYPE", f"sObject type '{thing}' is not supported.")
    return str(thing)


def _typed(org: Org, thing: str, record: dict[str, Any]) -> dict[str, Any]:
    known = org.fields(thing)
    values = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if name != "id" and name not in known:
            message = f"No such column '{name}' on sobject of type {thing}"
            raise BadRequest("INVALID_FIELD", message)
        values[name] = value if name == "id" else _checked(known[name], value)
    return values


def _checked(told: dict[str, Any], value: Any) -> Any:
    kind = told["type"]
    if value is None and kind != "boolean":
        return None
    wanted = _KINDS.get(kind, (str,))
    wrong = not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean")
    if kind == "date" and not wrong:
        wrong = not re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    if kind == "datetime" and not wrong:
        wrong = not re.fullmatch(_TIME, value)
    if wrong:
        message = f"Cannot deserialize instance of {kind} from {type(value).__name__} value {value}"
        raise BadRequest("JSON_PARSER_ERROR", message)
    return shown_time(value) if kind == "datetime" else value


def _no_number(name: str) -> Any:
    raise ValueError(f"Unexpected character: {name}")
