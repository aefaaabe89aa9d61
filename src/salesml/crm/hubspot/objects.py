"""Records of one object type: looked up by key, changed by HubSpot's id, made by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from salesml.crm.http import Api
from salesml.crm.hubspot.multi_status import named, refusals, trace
from salesml.crm.hubspot.policy import content, told
from salesml.crm.hubspot.properties import RECORD_ID, Property
from salesml.crm.records import Fate, Fetched, Refusal, Seen, Write
from salesml.errors import ExportError, SourceError, UnansweredError

__all__ = ["BATCH", "Objects", "readable"]

BATCH = 100
"""Records in one batch request, at most."""

_MERGED = "hs_merged_object_ids"
_LOST = {520, 524}
Row = dict[str, Any]


class Objects:
    """The records below *path*, found by the property *key*."""

    def __init__(self, api: Api, path: str, key: str) -> None:
        self.api, self.path, self.key = api, path, key
        self._by = {} if key == RECORD_ID else {"idProperty": key}

    # looking -----------------------------------------------------------------------------------

    def fetch(self, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """The records *ids*, at most 100 of them, with *fields*."""
        asked = [i for i in ids if self._possible(i)]
        if not asked:
            return {}
        wanted = list(dict.fromkeys([*fields, self.key, _MERGED]))
        answer = self.read(asked, wanted)
        rows = self._by_id(asked, answer.get("results", []))
        absent = {name for error in answer.get("errors", []) for name in named(error)}
        for lost in (i for i in asked if i not in rows and i not in absent):
            rows.update(self._single(lost, wanted))
        missing = [i for i in asked if i not in rows]
        found = {i: self._seen(i, row, fields) for i, row in rows.items()}
        return self._apart(found) | self._archived(missing, wanted)

    def read(self, ids: Sequence[str], properties: Sequence[str]) -> dict[str, Any]:
        """HubSpot's answer to the question for *ids*, whose errors name those it lacks."""
        return readable(self.api, self._asked(ids, properties))

    def read_archived(self, ids: Sequence[str], properties: Sequence[str]) -> list[Row]:
        """Those of *ids* that are archived; none where HubSpot does not search these by the key."""
        response = self._asked(ids, properties, archived=True)
        if response.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND}:
            return []
        rows: list[Row] = readable(self.api, response).get("results", [])
        return rows

    def _asked(
        self, ids: Sequence[str], properties: Sequence[str], *, archived: bool = False
    ) -> httpx.Response:
        return self.api.post(
            f"{self.path}/batch/read",
            safe=True,
            params={"archived": "true"} if archived else None,
            json={
                "inputs": [{"id": i} for i in ids],
                "properties": list(properties),
                **self._by,
            },
        )

    def _possible(self, wanted: str) -> bool:
        own = wanted.isascii() and wanted.isdecimal()
        return bool(wanted.strip()) and (self.key != RECORD_ID or own)

    def _by_id(self, asked: Sequence[str], rows: Iterable[Row]) -> dict[str, Row]:
        """The *rows* by the id that was asked for; HubSpot may write it in another case."""
        plain = {_plain(i): i for i in reversed(asked)}
        found: dict[str, Row] = {}
        for row in rows:
            for own in self._own_ids(row):
                if own in asked or _plain(own) in plain:
                    found.setdefault(own if own in asked else plain[_plain(own)], row)
        return found

    def _own_ids(self, row: Row) -> list[str]:
        """The ids by which *row* may have been asked for."""
        if self.key != RECORD_ID:
            return [str(row["properties"].get(self.key) or "")]
        return [str(row["id"]), *_merged(row)]

    def _single(self, wanted: str, properties: Sequence[str]) -> dict[str, Row]:
        """The record *wanted*, which the answer for many left out; empty if there is none."""
        rows = self.read([wanted], properties).get("results", [])
        return {wanted: rows[0]} if rows else {}

    def _seen(self, wanted: str, row: Row, fields: Sequence[str]) -> Seen:
        own, barred = str(row["properties"].get(self.key) or ""), ""
        if self.key == RECORD_ID and str(row["id"]) != wanted:
            barred = f"merged into {row['id']}"
        elif self.key != RECORD_ID and _plain(own) != _plain(wanted):
            barred = f"merged into {row['id']}, whose {self.key} is {own or 'empty'}"
        return Seen({f: row["properties"].get(f) for f in fields}, str(row["id"]), barred)

    def _apart(self, found: Fetched) -> Fetched:
        """*found*, with all but the first of several ids that are one record barred."""
        owners: dict[str, str] = {}
        for i in found:
            owners.setdefault(found[i].token, i)
        return {
            i: seen
            if seen.barred or owners[seen.token] == i
            else Seen(seen.fields, seen.token, f"the same record as {owners[seen.token]}")
            for i, seen in found.items()
        }

    def _archived(self, ids: Sequence[str], properties: Sequence[str]) -> Fetched:
        if not ids:
            return {}
        found = self._by_id(ids, self.read_archived(ids, properties))
        return {
            i: Seen({}, str(row["id"]), f"deleted {row.get('archivedAt') or ''}".strip())
            for i, row in found.items()
        }

    # writing -----------------------------------------------------------------------------------

    def update(
        self, writes: Sequence[Write], properties: Mapping[str, Property]
    ) -> dict[str, Refusal]:
        """Change records that were seen, by HubSpot's id, which nobody else can ever have."""
        inputs = [{"id": w.seen.token if w.seen else ""} for w in writes]
        return self._send("update", inputs, writes, properties)

    def make(
        self, writes: Sequence[Write], properties: Mapping[str, Property]
    ) -> dict[str, Refusal]:
        """Make records by key; a second request of the same finds the first one's."""
        if self.key == RECORD_ID:
            lost = Refusal(Fate.DEAD, "there is no record with this id, and HubSpot makes its own")
            return {w.id: lost for w in writes}
        blank = Refusal(Fate.DEAD, "the id is blank: its record could never be found again")
        refused = {w.id: blank for w in writes if not self._possible(w.id)}
        ready = [w for w in writes if w.id not in refused]
        inputs = [{"id": w.id, **self._by} for w in ready]
        return refused | (self._send("upsert", inputs, ready, properties) if ready else {})

    def _send(
        self,
        verb: str,
        inputs: Sequence[Mapping[str, str]],
        writes: Sequence[Write],
        properties: Mapping[str, Property],
    ) -> dict[str, Refusal]:
        body = [
            {**given, "properties": texts(write, properties), "objectWriteTraceId": trace(i)}
            for i, (given, write) in enumerate(zip(inputs, writes, strict=True))
        ]
        response = self.api.post(f"{self.path}/batch/{verb}", json={"inputs": body})
        if response.is_success:
            return refusals(writes, self.key, content(response))
        return self._refused(writes, response)

    def _refused(self, writes: Sequence[Write], response: httpx.Response) -> dict[str, Refusal]:
        """What became of *writes* when HubSpot refused the whole batch."""
        status, words = response.status_code, told(response)
        if status in _LOST:
            raise UnansweredError("No answer came: it may have been done.", received=words)
        if status == httpx.codes.FORBIDDEN:
            raise self._forbidden(words)
        gone = status == httpx.codes.NOT_FOUND and self._missing(writes, response)
        if gone:
            rest = Refusal(Fate.NOT_TRIED, "another record of the batch is gone")
            return {w.id: Refusal(Fate.GONE, words) if w.id in gone else rest for w in writes}
        if status == httpx.codes.CONFLICT and len(writes) == 1 and not writes[0].seen:
            return {writes[0].id: Refusal(Fate.RETRY, words)}
        raise ExportError(
            "HubSpot refuses the batch and does not say which record is at fault.",
            received=words,
            where=f"connection {self.api.name}, {self.path}",
        )

    def _missing(self, writes: Sequence[Write], response: httpx.Response) -> set[str]:
        """Those of *writes* that an answer "not found" is about; empty if nobody knows."""
        names = named(content(response))
        known = [w for w in writes if w.seen]
        found = {w.id for w in known if w.seen and w.seen.token in names}
        return found or ({w.id for w in known} if len(writes) == 1 else set())

    def _forbidden(self, words: str) -> SourceError:
        return SourceError(
            "HubSpot does not let this token write.",
            received=words,
            where=f"connection {self.api.name}, {self.path}",
            fix="Give the app the scope to write this object (crm.objects.….write).",
        )


def texts(write: Write, properties: Mapping[str, Property]) -> dict[str, str]:
    """The fields of *write* as HubSpot takes them."""
    plain = {name: properties.get(name) or Property(name, "string") for name in write.fields}
    return {name: plain[name].text(value) for name, value in write.fields.items()}


def readable(api: Api, response: httpx.Response) -> dict[str, Any]:
    """The JSON of *response*; raises SourceError if it is an error."""
    if response.is_success:
        return content(response)
    raise SourceError(
        "HubSpot refuses to be read.",
        received=told(response),
        where=f"connection {api.name}, {response.request.url.path}",
        fix="Check the name of the table and the scopes of the token (crm.objects.….read, "
        "crm.schemas.….read).",
    )


def _merged(row: Row) -> list[str]:
    return [i for i in str(row["properties"].get(_MERGED) or "").split(";") if i]


def _plain(text: str) -> str:
    return text.strip().casefold()
