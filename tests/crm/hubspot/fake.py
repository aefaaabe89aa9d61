"""A stand-in of HubSpot's interface, as strict as its documentation.

``python -m crm.hubspot.fake [PORT]`` serves one with 5,000 companies; its address is the first
line of output. ``POST /_fake/faults`` adds a fault, ``GET /_fake/state`` tells what happened.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm.fakes import serve
from crm.hubspot.account import Account, Error, Finder, Kind, Row, definition, problem

TOKEN = "pat-na1-right"
_VERBS = ["read", "update", "upsert"]
_OBJECTS = ["/crm/objects/{version}/{kind}", "/crm/v3/objects/{kind}"]
_PROPERTIES = ["/crm/properties/{version}/{kind}", "/crm/v3/properties/{kind}"]
_ACCOUNT = ["/account-info/{version}", "/account-info/v3"]
_LONGEST_ADDRESS = 16_000
_LONGEST_SEARCH = 3_000
_DEEPEST_SEARCH = 10_000


@dataclass
class Fault:
    """What happens to *times* requests that *match* ("POST /crm/…"), but not to the first *after*.

    With *status* they are refused. *mode*: "silent" does the work and says nothing of it,
    "nameless" leaves ids out of errors, "traceless" leaves out what was sent for tracing,
    "forgetful" leaves out the first result.
    """

    match: str
    times: int = 1
    after: int = 0
    status: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    mode: str = ""


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: Error, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.response = JSONResponse(error, status, headers)


class Fake:
    """An account served over HTTP; a batch with *poison* in it is refused with *poisoned*."""

    def __init__(self) -> None:
        self.account = Account()
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.aliases: dict[str, str] = {}
        self.poison, self.poisoned = "", problem("VALIDATION_ERROR", "bad")
        self.token, self.may_write, self.left = TOKEN, True, 250_000
        self.kind_of_account, self.tells_left = "STANDARD", True
        post, routes = ["POST"], []
        for path in _OBJECTS:
            routes += [Route(f"{path}/batch/{verb}", self.batch, methods=post) for verb in _VERBS]
            routes.append(Route(f"{path}/search", self.search, methods=post))
            routes.append(Route(path, self.listed))
        routes += [Route(path, self.properties) for path in _PROPERTIES]
        for path in _ACCOUNT:
            routes.append(Route(f"{path}/details", self.details))
            routes.append(Route(f"{path}/api-usage/daily/private-apps", self.usage))
        routes += [Route("/_fake/faults", self.add_fault, methods=post)]
        routes += [Route("/_fake/state", self.state)]
        self.app = Starlette(routes=routes)
        self.app.add_middleware(_Gate, fake=self)

    def fault(self, match: str, **what: Any) -> None:
        self.faults.append(Fault(match, **what))

    # the gate ----------------------------------------------------------------------------------

    def refusal(self, request: Request) -> Response | None:
        """What stands before every request: sign-in, limits, faults."""
        line = f"{request.method} {request.url.path}"
        self.requests.append(line)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return JSONResponse(problem("INVALID_AUTHENTICATION", "Credentials not found."), 401)
        if len(str(request.url)) > _LONGEST_ADDRESS:
            return JSONResponse(problem("URI_TOO_LONG", "URI too long"), 414)
        if self.left <= 0:
            return self._too_many("DAILY", "You have reached your daily limit.")
        found = self._next(line, lambda fault: bool(fault.status))
        if found:
            return JSONResponse(found.body, found.status, found.headers)
        self.left -= 1
        return None

    def mode(self, request: Request) -> str:
        found = self._next(f"{request.method} {request.url.path}", lambda fault: bool(fault.mode))
        return found.mode if found else ""

    def _next(self, line: str, wanted: Any) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and wanted(fault) and re.match(fault.match, line):
                if fault.after > 0:
                    fault.after -= 1
                    return None
                fault.times -= 1
                return fault
        return None

    def _too_many(self, policy: str, message: str) -> Response:
        body = {"status": "error", "message": message, "errorType": "RATE_LIMIT"}
        return JSONResponse({**body, "policyName": policy}, 429)

    # objects -----------------------------------------------------------------------------------

    def kind(self, request: Request) -> Kind:
        name = request.path_params["kind"]
        if name not in self.account.kinds:
            message = f"Unable to infer object type from: {name}"
            raise RefusedError(400, problem("VALIDATION_ERROR", message))
        return self.account.kinds[name]

    def listed(self, request: Request) -> Response:
        query, kind = request.query_params, self.kind(request)
        limit, after = int(query.get("limit", 10)), int(query.get("after", 0))
        if limit > 100:
            raise RefusedError(400, problem("VALIDATION_ERROR", "limit must be 100 at most"))
        archived = query.get("archived") == "true"
        rows = [r for r in kind.rows.values() if r["archived"] == archived]
        page = sorted(rows, key=_number)[after : after + limit]
        more = (
            {"paging": {"next": {"after": str(after + limit)}}} if after + limit < len(rows) else {}
        )
        names = query.get("properties", "").split(",")
        return JSONResponse({"results": [_shown(r, names) for r in page], **more})

    async def search(self, request: Request) -> Response:
        text = (await request.body()).decode()
        if len(text) > _LONGEST_SEARCH:
            raise RefusedError(400, problem("VALIDATION_ERROR", "The request body is too long."))
        body, kind = await request.json(), self.kind(request)
        limit, after = body.get("limit", 10), int(body.get("after", 0))
        if limit > 200 or after + limit > _DEEPEST_SEARCH:
            raise RefusedError(400, problem("VALIDATION_ERROR", "paging is beyond the limit"))
        filters = body["filterGroups"][0]["filters"]
        assert body["sorts"] == [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
        found = [r for r in kind.rows.values() if not r["archived"] and _matches(r, filters)]
        page = sorted(found, key=_number)[after : after + limit]
        shown = [_shown(r, body.get("properties", [])) for r in page]
        return JSONResponse({"total": len(found), "results": shown})

    async def batch(self, request: Request) -> Response:
        verb, kind, mode = (
            request.url.path.rpartition("/")[2],
            self.kind(request),
            self.mode(request),
        )
        if verb != "read" and not self.may_write:
            message = "This app hasn't been granted all required scopes to make this call."
            raise RefusedError(403, problem("MISSING_SCOPES", message))
        body = await request.json()
        inputs = body["inputs"]
        self._require_batch(inputs)
        if verb != "read" and self.poison and self.poison in str(inputs):
            raise RefusedError(400, self.poisoned)
        results, errors = [], []
        archived = request.query_params.get("archived") == "true"
        finders: dict[str | None, Finder] = {}
        for given in inputs:
            by = self._by(kind, body if verb == "read" else given)
            if by not in finders:
                finders[by] = self.account.finder(kind, by, archived=archived)
            row = finders[by](self.aliases.get(given["id"], given["id"]))
            if verb == "read":
                found = _shown(row, body["properties"]) if row else _not_found(given)
            else:
                found = self._written(request, kind, given, by, row)
            (errors if "category" in found else results).append(found)
        if errors and verb != "read" and not all("objectWriteTraceId" in i for i in inputs):
            raise RefusedError(400, errors[0])
        return _batch_answer(results, errors, mode)

    def _require_batch(self, inputs: list[dict[str, Any]]) -> None:
        if not 1 <= len(inputs) <= 100:
            message = f"The maximum number of inputs supported in a batch is 100, got {len(inputs)}"
            raise RefusedError(400, problem("VALIDATION_ERROR", message))
        ids = [given.get("id") for given in inputs]
        if len(set(ids)) < len(ids):
            raise RefusedError(
                400, problem("VALIDATION_ERROR", "Duplicate IDs found in batch input")
            )

    def _by(self, kind: Kind, given: Any) -> str | None:
        by: str | None = given.get("idProperty")
        if by is not None and not kind.unique(by):
            message = f"Unable to perform update/upsert by non-unique property {by}"
            raise RefusedError(400, problem("VALIDATION_ERROR", message))
        return by

    def _written(
        self, request: Request, kind: Kind, given: dict[str, Any], by: str | None, row: Row | None
    ) -> dict[str, Any]:
        """What an answer says of one row that is to be written."""
        properties, upsert = given["properties"], request.url.path.endswith("upsert")
        if row is None and not upsert:
            return _traced(_not_found(given), given)
        fault = self.account.faults(kind, row, properties)
        if fault:
            return _traced(fault, given)
        made = {by: given["id"]} if by and row is None else {}
        written, new = self.account.put(request.path_params["kind"], row, {**properties, **made})
        shown = _shown(written, [*properties, *([by] if by else [])])
        extra = {"new": new} if upsert else {}
        return {**shown, **extra, "objectWriteTraceId": given.get("objectWriteTraceId")}

    # the rest ----------------------------------------------------------------------------------

    def properties(self, request: Request) -> Response:
        return JSONResponse({"results": list(self.kind(request).properties.values())})

    def details(self, _request: Request) -> Response:
        return JSONResponse({"portalId": 4711, "accountType": self.kind_of_account})

    def usage(self, _request: Request) -> Response:
        used = 250_000 - self.left
        return JSONResponse({"usageLimit": 250_000, "currentUsage": used, "fetchStatus": "SUCCESS"})

    async def add_fault(self, request: Request) -> Response:
        self.fault(**await request.json())
        return JSONResponse({})

    def state(self, _request: Request) -> Response:
        rows = {name: list(kind.rows.values()) for name, kind in self.account.kinds.items()}
        return JSONResponse(
            {"records": rows, "written": self.account.written, "requests": len(self.requests)}
        )


class _Gate:
    def __init__(self, app: Any, fake: Fake) -> None:
        self.app, self.fake = app, fake

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope)
        inside = request.url.path.startswith("/_fake/")
        refusal = None if inside else self.fake.refusal(request)
        left = str(self.fake.left).encode()

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start" and self.fake.tells_left:
                message["headers"].append((b"x-hubspot-ratelimit-daily-remaining", left))
            await send(message)

        if refusal is not None:
            return await refusal(scope, receive, with_headers)
        try:
            await self.app(scope, receive, with_headers)
        except RefusedError as error:
            await error.response(scope, receive, with_headers)


def _batch_answer(results: list[Row], errors: list[Error], mode: str) -> Response:
    if mode == "silent":
        results, errors = [], []
    if mode == "forgetful":
        results = results[1:]
    if mode == "traceless":
        results = [{k: v for k, v in r.items() if k != "objectWriteTraceId"} for r in results]
    if mode in {"nameless", "traceless"}:
        errors = [{k: v for k, v in e.items() if k != "context"} for e in errors]
    body: dict[str, Any] = {"status": "COMPLETE", "results": results}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return JSONResponse(body, 207 if errors or mode else 200)


def _number(row: Row) -> int:
    return int(row["id"])


def _shown(row: Row, names: Iterable[str]) -> Row:
    """What an answer shows: names that there are not are passed over in silence."""
    wanted = [*filter(None, names), "hs_object_id", "createdate", "lastmodifieddate"]
    return {**row, "properties": {n: row["properties"].get(n) for n in wanted}}


def _not_found(given: dict[str, Any]) -> Error:
    return problem("OBJECT_NOT_FOUND", "Could not get some objects.", ids=[given["id"]])


def _traced(error: Error, given: dict[str, Any]) -> Error:
    context = {**error["context"], "objectWriteTraceId": [given.get("objectWriteTraceId")]}
    return {**error, "context": context}


def _matches(row: Row, filters: list[dict[str, str]]) -> bool:
    compared = {"GTE": lambda a, b: a >= b, "GT": lambda a, b: a > b}
    return all(
        compared[f["operator"]](_comparable(row, f["propertyName"]), float(f["value"]))
        for f in filters
    )


def _comparable(row: Row, name: str) -> float:
    value = row["properties"].get(name) or "0"
    if "T" not in value:
        return float(value)
    return dt.datetime.fromisoformat(value).timestamp() * 1000


def filled(rows: int) -> Fake:
    """An account with that many companies, found by ``external_id``."""
    fake = Fake()
    columns = [definition("external_id", unique=True), definition("name")]
    fake.account.define("companies", *columns, definition("score", "number"))
    for number in range(rows):
        fake.account.add("companies", external_id=f"c{number:05}", name=f"会社{number}")
    return fake


if __name__ == "__main__":
    serve(filled(5_000).app, int(sys.argv[1]) if len(sys.argv) > 1 else 0)
