"""Small changes: sObject collections, up to 200 records in one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from salesml.crm.records import Refusal
from salesml.crm.salesforce.answers import Told, refusal, refused
from salesml.crm.salesforce.change import Change
from salesml.crm.salesforce.rest import Rest
from salesml.errors import ExportError, SourceError, UnansweredError

__all__ = ["MOST", "changed", "made"]

MOST = 200
"""Records in one request.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_update.htm
"""
_NOT_BY_ROW = {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED}


def changed(rest: Rest, table: str, changes: Sequence[Change]) -> dict[str, Refusal]:
    """Change records by their Ids; returns those refused."""
    records = [{"id": change.record, **change.fields} for change in changes]
    return _sent(rest, table, "composite/sobjects", changes, records)


def made(rest: Rest, table: str, key: str, changes: Sequence[Change]) -> dict[str, Refusal]:
    """Make records, or change those that somebody made meanwhile; returns those refused."""
    records = [{**change.fields, key: change.key} for change in changes]
    return _sent(rest, table, f"composite/sobjects/{table}/{key}", changes, records)


def _sent(
    rest: Rest,
    table: str,
    tail: str,
    changes: Sequence[Change],
    records: Sequence[Mapping[str, Any]],
) -> dict[str, Refusal]:
    attributes = {"attributes": {"type": table}}
    body = {"allOrNone": False, "records": [{**attributes, **record} for record in records]}
    response = rest.api.request("PATCH", rest.path(tail), json=body)
    if response.is_error:
        kind = SourceError if response.status_code in _NOT_BY_ROW else ExportError
        raise refused(response, kind, "Salesforce refuses the records.", rest.where(tail))
    answers = response.json()
    if len(answers) != len(changes):
        raise UnansweredError(
            "Salesforce does not answer for each record.",
            received=f"{len(answers)} answers for {len(changes)} records",
            where=rest.where(tail),
        )
    return {
        change.id: refusal(_error(answer), made=not change.record)
        for change, answer in zip(changes, answers, strict=True)
        if not answer.get("success")
    }


def _error(answer: Mapping[str, Any]) -> Told:
    errors = answer.get("errors") or [{}]
    return Told.of_json(errors[0])
