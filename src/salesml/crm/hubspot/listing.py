"""Reading all records of an object type, or those changed since a time; archived ones too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from salesml.crm.base import DELETED
from salesml.crm.hubspot.objects import BATCH, Objects, readable
from salesml.crm.hubspot.properties import RECORD_ID, Property
from salesml.crm.in_turn import batches

__all__ = ["Listing"]

Page = list[dict[str, str | None]]

_LIST_PAGE, _SEARCH_PAGE = 100, 200
_LONGEST_QUERY = 12_000
_LAG = dt.timedelta(minutes=10)
_SEARCHED = {"number", "date", "datetime"}


class Listing:
    """Pages of records of *objects*, with all their *properties* as text and ``_deleted``."""

    def __init__(self, objects: Objects, properties: Sequence[Property]) -> None:
        self._objects, self._api = objects, objects.api
        self._kinds = {p.name: p.kind for p in properties}
        self._names = list(self._kinds)

    def pages(self, since: tuple[str, str] | None) -> Iterator[Page]:
        """Records page by page; of a *since* that HubSpot can search, at least those since."""
        if since and self._kinds.get(since[0]) in _SEARCHED:
            bound = self._bound(*since)
            yield from self._changed(since[0], bound)
            yield from self._listed(archived=True, since=_moment(since[1]))
        else:
            yield from self._listed(archived=False)
            yield from self._listed(archived=True)

    def _bound(self, name: str, value: str) -> str:
        """What to search from: the index of the search is a little behind."""
        moment = _moment(value)
        if moment is None or self._kinds[name] == "number":
            return value
        return str(round((moment - _LAG).timestamp() * 1000))

    def _changed(self, name: str, bound: str) -> Iterator[Page]:
        # a search shows its first 10,000 results only, so each page begins after the last id;
        # and its body may be 3,000 characters long, too few for all the names of properties
        last = "0"
        while ids := [row["id"] for row in self._found(name, bound, last)]:
            for batch in batches(ids, BATCH):
                yield self._read(batch, archived=False)
            last = ids[-1]
            if len(ids) < _SEARCH_PAGE:
                return

    def _found(self, name: str, bound: str, last: str) -> list[dict[str, Any]]:
        filters = [
            {"propertyName": name, "operator": "GTE", "value": bound},
            {"propertyName": RECORD_ID, "operator": "GT", "value": last},
        ]
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": RECORD_ID, "direction": "ASCENDING"}],
            "properties": [RECORD_ID],
            "limit": _SEARCH_PAGE,
        }
        response = self._api.post(f"{self._objects.path}/search", safe=True, json=body)
        found: list[dict[str, Any]] = readable(self._api, response).get("results", [])
        return found

    def _listed(self, *, archived: bool, since: dt.datetime | None = None) -> Iterator[Page]:
        names = ",".join(self._names)
        whole = len(quote(names)) <= _LONGEST_QUERY
        params = {
            "limit": str(_LIST_PAGE),
            "archived": str(archived).lower(),
            "properties": names if whole else RECORD_ID,
        }
        while True:
            response = self._api.get(self._objects.path, params=params)
            answer = readable(self._api, response)
            rows = [row for row in answer.get("results", []) if _is_since(row, since)]
            if whole:
                yield [_row(row) for row in rows]
            elif rows:
                yield self._read([row["id"] for row in rows], archived=archived)
            after = answer.get("paging", {}).get("next", {}).get("after")
            if not after:
                return
            params["after"] = str(after)

    def _read(self, ids: Sequence[str], *, archived: bool) -> Page:
        if archived:
            return [_row(row) for row in self._objects.read_archived(ids, self._names)]
        return [_row(row) for row in self._objects.read(ids, self._names).get("results", [])]


def _row(row: dict[str, Any]) -> dict[str, str | None]:
    deleted = str(bool(row.get("archived"))).lower()
    return {**row["properties"], RECORD_ID: str(row["id"]), DELETED: deleted}


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _is_since(row: dict[str, Any], since: dt.datetime | None) -> bool:
    archived = _moment(str(row.get("archivedAt") or ""))
    return since is None or archived is None or archived >= since - _LAG
