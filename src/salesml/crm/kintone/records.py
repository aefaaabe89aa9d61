"""Records of one app: read from the lowest id to the highest, looked up, changed, made."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from salesml.crm.http import Api
from salesml.crm.kintone.fields import RECORD_ID, REVISION, Field, shown, text_of
from salesml.crm.kintone.refused import STALE, busy, code_of, content, told, wrong
from salesml.crm.records import Fate, Fetched, Refusal, Seen, Write
from salesml.errors import ExportError, SourceError

__all__ = ["BATCH", "Records", "readable"]

BATCH = 100
"""Records in one request that writes, at most."""

_PAGE = 500
_COMPARED = {"NUMBER", "CALC", "DATE", "DATETIME", "CREATED_TIME", "UPDATED_TIME"}
_TIMES = {"DATETIME", "CREATED_TIME", "UPDATED_TIME"}
_LAG = dt.timedelta(minutes=5)
Row = dict[str, Any]


class Records:
    """The records of the app *app* at *path*, told apart by the field *key*."""

    def __init__(
        self, api: Api, path: str, app: str, fields: Mapping[str, Field], key: str
    ) -> None:
        self._api, self._path, self._app = api, path, app
        self._fields, self._key = fields, key

    # reading -----------------------------------------------------------------------------------

    def pages(self, since: tuple[str, str] | None) -> Iterator[list[dict[str, str | None]]]:
        """All records page by page; of a *since* that can be compared, at least those since."""
        condition, last = self._condition(since), "0"
        while True:
            rows = self._found(f"{RECORD_ID} > {last}{condition} order by {RECORD_ID} asc", None)
            yield [{code: text_of(value) for code, value in row.items()} for row in rows]
            if len(rows) < _PAGE:
                return
            last = rows[-1][RECORD_ID]["value"]

    def _condition(self, since: tuple[str, str] | None) -> str:
        kind = self._fields[since[0]].kind if since else ""
        if since is None or kind not in _COMPARED:
            return ""
        return f" and {since[0]} >= {_quoted(_bound(kind, since[1]))}"

    def _found(self, query: str, fields: Sequence[str] | None) -> list[Row]:
        body: dict[str, Any] = {"app": self._app, "query": f"{query} limit {_PAGE}"}
        if fields is not None:
            body["fields"] = list(fields)
        # a query of many ids does not fit into an address
        headers = {"X-HTTP-Method-Override": "GET"}
        response = self._api.post(self._path, safe=True, headers=headers, json=body)
        found: list[Row] = readable(self._api, response).get("records", [])
        return found

    def fetch(self, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """The records *ids*, at most 100 of them, with *fields*."""
        asked = [i for i in ids if self._possible(i)]
        if not asked:
            return {}
        wanted = list(dict.fromkeys([*fields, self._key, RECORD_ID, REVISION]))
        rows = self._found(f"{self._key} in ({', '.join(map(_quoted, asked))})", wanted)
        found = {i: row for row in rows if (i := shown(row.get(self._key, {})) or "") in asked}
        shared = Counter(shown(row.get(self._key, {})) for row in rows)
        return {i: _seen(row, fields, shared[i]) for i, row in found.items()}

    def _possible(self, wanted: str) -> bool:
        """Whether a record can have this id: a wrong one sinks the question for all."""
        if self._key == RECORD_ID:
            return wanted.isascii() and wanted.isdecimal()
        if self._fields[self._key].kind == "NUMBER":
            return wanted.isascii() and wanted.removeprefix("-").replace(".", "", 1).isdecimal()
        return wanted.splitlines() == [wanted]

    # writing -----------------------------------------------------------------------------------

    def change(self, writes: Sequence[Write]) -> dict[str, Refusal]:
        """Change records that were seen, by kintone's id and the revision that was seen."""
        sent = []
        for write in writes:
            record, revision = write.seen.token if write.seen else ("", "")
            sent.append({"id": record, "revision": revision, "record": self._values(write)})
        return self._send("PUT", sent, writes)

    def make(self, writes: Sequence[Write]) -> dict[str, Refusal]:
        """Make records; one whose id there is by now is refused, as the key is unique."""
        if self._key == RECORD_ID:
            lost = Refusal(Fate.DEAD, "there is no record with this id, and kintone makes its own")
            return {w.id: lost for w in writes}
        blank = Refusal(Fate.DEAD, "the id is blank or of several lines: it is never found again")
        refused = {w.id: blank for w in writes if not (w.id.strip() and self._possible(w.id))}
        ready = [w for w in writes if w.id not in refused]
        sent = [{**self._values(w), self._key: {"value": w.id}} for w in ready]
        return refused | (self._send("POST", sent, ready) if ready else {})

    def _values(self, write: Write) -> dict[str, dict[str, object]]:
        return {
            code: {"value": (self._fields.get(code) or Field(code, "")).value(value)}
            for code, value in write.fields.items()
        }

    def _send(
        self, method: str, records: Sequence[Mapping[str, Any]], writes: Sequence[Write]
    ) -> dict[str, Refusal]:
        body = {"app": self._app, "records": list(records)}
        response = self._api.request(method, self._path, json=body)
        if response.is_success:
            return {}
        known = wrong(writes, self._key, response) or busy(writes, response)
        if not known and code_of(response) in STALE:
            known = self._stale(writes, response)
        if known:
            return known
        if code_of(response) == "GAIA_NO01":
            raise self._forbidden(response)
        raise ExportError(
            "kintone refuses the request and does not say which record is at fault.",
            received=told(response),
            where=f"connection {self._api.name}, app {self._app}",
        )

    def _stale(self, writes: Sequence[Write], response: httpx.Response) -> dict[str, Refusal]:
        """Which of *writes* are not as they were seen; nothing if all are."""
        tokens = {w.id: w.seen.token for w in writes if w.seen}
        listed = ", ".join(_quoted(record) for record, _ in tokens.values())
        rows = self._found(f"{RECORD_ID} in ({listed})", [RECORD_ID, REVISION]) if tokens else []
        now = {row[RECORD_ID]["value"]: row[REVISION]["value"] for row in rows}
        refused = {}
        for i, (record, revision) in tokens.items():
            if record not in now:
                refused[i] = Refusal(Fate.GONE, f"the record was deleted ({told(response)})")
            elif now[record] != revision:
                refused[i] = Refusal(Fate.CHANGED, told(response))
        rest = Refusal(Fate.NOT_TRIED, "another record of the same request was changed meanwhile")
        return {w.id: refused.get(w.id, rest) for w in writes} if refused else {}

    def _forbidden(self, response: httpx.Response) -> SourceError:
        return SourceError(
            "kintone does not let this token write.",
            received=told(response),
            where=f"connection {self._api.name}, app {self._app}",
            fix="Let the API token add and edit records, in the settings of the app.",
        )


def readable(api: Api, response: httpx.Response) -> dict[str, Any]:
    """The JSON of *response*; raises SourceError if it is an error."""
    if response.is_success:
        return content(response)
    raise SourceError(
        "kintone refuses to be read.",
        received=told(response),
        where=f"connection {api.name}, {response.request.url.path}",
        fix="Check the id of the app; and that the token is the app's own and may view records.",
    )


def _seen(row: Row, fields: Sequence[str], sharing: int) -> Seen:
    token = (row[RECORD_ID]["value"], row[REVISION]["value"])
    barred = f"{sharing} records share this id" if sharing > 1 else ""
    return Seen({f: shown(row.get(f, {})) for f in fields}, token, barred)


def _bound(kind: str, value: str) -> str:
    """What to compare with: times are kept by the minute, and are stamped before the commit."""
    if kind not in _TIMES:
        return value
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return value
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return (moment - _LAG).astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
