"""A strict stand-in for Salesforce: ``python -m crm.salesforce.fake [PORT]`` serves it.

It knows the documented limits and answers with the real error bodies. Under ``/_fake/`` tests fill
it, make things go wrong, and count what happened.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import jwt
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from crm.fakes import serve
from crm.salesforce import query, rest
from crm.salesforce.jobs import BadJob, Ingest, QueryJob
from crm.salesforce.org import Org
from crm.salesforce.schema import OBJECTS, description

VERSION = "64.0"
CLIENT, SECRET, USER = "3MVG9client", "s3cr3t-of-the-app", "salesml@example.com"
_PAGE = 2_000
_LONGEST_URI = 16_384


@dataclass
class Script:
    """An answer given in place of the real one, to so many requests that match."""

    match: str
    status: int
    body: Any = None
    times: int = 1
    after: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fake:
    """The org and its protocol."""

    org: Org = field(default_factory=Org)
    public_key: str = ""
    token_uses: int | None = None
    """How many requests an access token is good for."""
    instance: str = ""
    """``instance_url`` of token answers, where it is not this host."""
    scripts: list[Script] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ingest = Ingest(self.org)
        self.queries: dict[str, QueryJob] = {}
        self.cursors: dict[str, list[Any]] = {}
        self.tokens: dict[str, int | None] = {}
        self._numbers = itertools.count(1)
        self.page = _PAGE

    @property
    def app(self) -> Starlette:
        root = f"/services/data/v{VERSION}"
        routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "/limits/", self._limits),
            ("GET", "/sobjects/", self._objects),
            ("GET", "/sobjects/{name}/describe/", self._describe),
            ("GET", "/query/", self._query),
            ("GET", "/queryAll/", self._query),
            ("GET", "/query/{cursor}", self._more),
            ("PATCH", "/composite/sobjects", self._update),
            ("PATCH", "/composite/sobjects/{name}/{key}", self._upsert),
            ("POST", "/jobs/ingest", self._job_made),
            ("PUT", "/jobs/ingest/{job}/batches", self._uploaded),
            ("PATCH", "/jobs/ingest/{job}", self._job_changed),
            ("GET", "/jobs/ingest/{job}", self._job),
            ("GET", "/jobs/ingest/{job}/{kind}/", self._results),
            ("POST", "/jobs/query", self._query_made),
            ("GET", "/jobs/query/{job}", self._query_job),
            ("GET", "/jobs/query/{job}/results", self._query_results),
        ]
        made = [Route(root + path, self._guarded(f), methods=[m]) for m, path, f in routes]
        fakes = [
            Route("/_fake/records", self._records, methods=["GET", "POST"]),
            Route("/_fake/set", self._set, methods=["POST"]),
            Route("/_fake/state", self._state),
        ]
        token = Route("/services/oauth2/token", self._token, methods=["POST"])
        return Starlette(routes=[token, *made, *fakes])

    def script(self, match: str, status: int, body: Any = None, **more: Any) -> None:
        self.scripts.append(Script(match, status, body, **more))

    def expire(self) -> None:
        """No token is good any more."""
        self.tokens.clear()

    # the door -------------------------------------------------------------------------------

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.counted["sign-ins"] += 1
        refusal = self._by_jwt(form) if "assertion" in form else self._by_secret(form)
        if refusal:
            error, what = refusal
            return JSONResponse({"error": error, "error_description": what}, 400)
        token = f"00Dxx!{next(self._numbers)}"
        self.tokens[token] = self.token_uses
        host = self.instance or str(request.base_url).rstrip("/")
        answer = {"access_token": token, "instance_url": host, "token_type": "Bearer"}
        return JSONResponse(answer)

    def _by_secret(self, form: dict[str, Any]) -> tuple[str, str] | None:
        if form.get("grant_type") != "client_credentials":
            return "unsupported_grant_type", "grant type not supported"
        if form.get("client_id") != CLIENT:
            return "invalid_client_id", "client identifier invalid"
        return None if form.get("client_secret") == SECRET else ("invalid_client", "invalid secret")

    def _by_jwt(self, form: dict[str, Any]) -> tuple[str, str] | None:
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return "unsupported_grant_type", "grant type not supported"
        kind = "test" if self.org.sandbox else "login"
        try:
            claims = jwt.decode(
                str(form["assertion"]),
                self.public_key,
                algorithms=["RS256"],
                audience=f"https://{kind}.salesforce.com",
                issuer=CLIENT,
                options={"require": ["exp", "iss", "sub", "aud"]},
            )
        except jwt.PyJWTError as error:
            return "invalid_grant", f"invalid assertion: {type(error).__name__}"
        return None if claims["sub"] == USER else ("invalid_grant", "user hasn't approved this")

    def _guarded(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            refusal = self._refusal(request)
            if refusal is not None:
                return refusal
            try:
                return await answer(request)
            except (BadJob, query.BadQuery, rest.BadRequest) as error:
                return _error(400, error.code, error.message)
            except rest.Broken:
                return _error(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. 1234-5678")

        return guarded

    def _refusal(self, request: Request) -> Response | None:
        address = request.url.path + ("?" + request.url.query if request.url.query else "")
        asked = f"{request.method} {address}"
        self.requests.append(asked[:200])
        if len(address) > _LONGEST_URI:
            return _error(414, "URI_TOO_LONG", "The length of the URI exceeds 16,384 bytes")
        scripted = self._scripted(asked)
        if scripted is not None:
            return scripted
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self._is_good(token):
            return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self.org.requests_left <= 0:
            return _error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.org.requests_left -= 1
        kind = request.headers.get("Content-Type", "").partition(";")[0]
        wanted = {"PUT": "text/csv"}.get(request.method, "application/json")
        if request.method != "GET" and kind != wanted:
            return _error(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type {kind} not supported")
        return None

    def _scripted(self, asked: str) -> Response | None:
        for script in self.scripts:
            if script.times > 0 and re.match(script.match, asked):
                if script.after > 0:
                    script.after -= 1
                    return None
                script.times -= 1
                if isinstance(script.body, str):
                    return PlainTextResponse(script.body, script.status, script.headers)
                return JSONResponse(script.body, script.status, script.headers)
        return None

    def _is_good(self, token: str) -> bool:
        if token not in self.tokens:
            return False
        left = self.tokens[token]
        if left is None:
            return True
        if left <= 0:
            del self.tokens[token]
            return False
        self.tokens[token] = left - 1
        return True

    # reading --------------------------------------------------------------------------------

    async def _limits(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "DailyApiRequests": {"Max": 100_000, "Remaining": self.org.requests_left},
                "DailyBulkApiBatches": {"Max": 15_000, "Remaining": self.org.batches_left},
            }
        )

    async def _objects(self, _request: Request) -> Response:
        return JSONResponse({"sobjects": [{"name": name} for name in OBJECTS]})

    async def _describe(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in OBJECTS:
            return _error(404, "NOT_FOUND", "The requested resource does not exist")
        told = description(name)
        fields = [
            {**f, "updateable": self.org.updateable(name, f["name"])}
            for f in self.org.fields(name).values()
        ]
        return JSONResponse({**told, "fields": fields})

    async def _query(self, request: Request) -> Response:
        everything = request.url.path.endswith("/queryAll/")
        with self.org.lock:
            thing, names, found = query.answer(
                self.org, request.query_params["q"], everything=everything
            )
            records = [_shown(self.org, thing, names, r) for r in found]
        return self._paged(records)

    async def _more(self, request: Request) -> Response:
        records = self.cursors.pop(request.path_params["cursor"], None)
        if records is None:
            return _error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._paged(records)

    def _paged(self, records: list[Any]) -> Response:
        answer: dict[str, Any] = {"totalSize": len(records), "records": records[: self.page]}
        rest_ = records[self.page :]
        if rest_:
            cursor = f"01g{next(self._numbers)}"
            self.cursors[cursor] = rest_
            answer["nextRecordsUrl"] = f"/services/data/v{VERSION}/query/{cursor}"
        return JSONResponse({**answer, "done": not rest_})

    async def _query_made(self, request: Request) -> Response:
        body = await request.json()
        if body.get("operation") not in {"query", "queryAll"} or body.get("lineEnding") != "LF":
            raise BadJob("INVALIDJOB", "operation or lineEnding")
        everything = body["operation"] == "queryAll"
        with self.org.lock:
            thing, names, found = query.answer(
                self.org, body["query"], everything=everything, job=True
            )
            rows = [[query.value(self.org, thing, n, r) for n in names] for r in found]
        kinds = [self.org.fields(thing)[name]["type"] for name in names]
        job = QueryJob(f"751{next(self._numbers):012d}AAA", names, kinds, rows)
        self.queries[job.id] = job
        return JSONResponse({"id": job.id, "state": "UploadComplete"})

    async def _query_job(self, request: Request) -> Response:
        job = self.queries[request.path_params["job"]]
        job.polls += 1
        return JSONResponse({"id": job.id, "state": job.state, "errorMessage": job.error})

    async def _query_results(self, request: Request) -> Response:
        job = self.queries[request.path_params["job"]]
        most = min(int(request.query_params.get("maxRecords", self.page)), self.page)
        start = int(request.query_params.get("locator", "0"), 16)
        after = start + most
        locator = f"{after:x}" if after < len(job.rows) else "null"
        headers = {"Sforce-Locator": locator}
        return Response(job.page(start, most), 200, headers, "text/csv")

    # writing --------------------------------------------------------------------------------

    async def _update(self, request: Request) -> Response:
        body = rest.parsed(await request.body())
        return JSONResponse(rest.updated(self.org, body))

    async def _upsert(self, request: Request) -> Response:
        body = rest.parsed(await request.body())
        name, key = request.path_params["name"], request.path_params["key"]
        return JSONResponse(rest.upserted(self.org, name, key, body))

    async def _job_made(self, request: Request) -> Response:
        job = self.ingest.create(await request.json())
        return JSONResponse(job.as_json(VERSION))

    async def _uploaded(self, request: Request) -> Response:
        self.ingest.upload(self._job_of(request), await request.body())
        return Response(status_code=201)

    async def _job_changed(self, request: Request) -> Response:
        job, state = self._job_of(request), (await request.json()).get("state")
        {"UploadComplete": self.ingest.close, "Aborted": self.ingest.abort}[state](job)
        return JSONResponse(job.as_json(VERSION))

    async def _job(self, request: Request) -> Response:
        if request.path_params["job"] not in self.ingest.jobs:
            return _error(404, "NOT_FOUND", "The requested resource does not exist")
        return JSONResponse(self._job_of(request).as_json(VERSION))

    async def _results(self, request: Request) -> Response:
        job, kind = self._job_of(request), request.path_params["kind"]
        if job.state not in {"JobComplete", "Failed", "Aborted"}:
            raise BadJob("INVALIDJOBSTATE", f"Job is {job.state}")
        # no charset is told, although it is UTF-8
        return Response(job.results.get(kind, b""), headers={"Content-Type": "text/csv"})

    def _job_of(self, request: Request) -> Any:
        job = self.ingest.jobs.get(request.path_params["job"])
        if job is None:
            raise BadJob("NOT_FOUND", "The requested resource does not exist")
        return job

    # for tests ------------------------------------------------------------------------------

    async def _records(self, request: Request) -> Response:
        if request.method == "GET":
            with self.org.lock:
                return JSONResponse(list(self.org.records[request.query_params["object"]].values()))
        body = await request.json()
        return JSONResponse(await run_in_threadpool(self._filled, body))

    def _filled(self, body: dict[str, Any]) -> int:
        """Records as given, or ``count`` of them numbered from ``first``."""
        records = body.get("records") or (
            {"ExternalId__c": f"{body.get('prefix', 'A-')}{i:07d}", "Name": f"社{i}"}
            for i in range(body.get("first", 0), body.get("first", 0) + body.get("count", 0))
        )
        return len(self.org.add(body["object"], records))

    async def _set(self, request: Request) -> Response:
        """Attributes of the org, of the jobs' troubles and of this, by their names."""
        for name, value in (await request.json()).items():
            if name == "release":
                await run_in_threadpool(self.ingest.release)
            elif name == "scripts":
                self.scripts += [Script(**script) for script in value]
            else:
                owner = next(o for o in (self.org, self.ingest.troubles, self) if hasattr(o, name))
                held = getattr(owner, name)
                setattr(owner, name, set(value) if isinstance(held, set) else value)
        return JSONResponse({})

    async def _state(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "requests": len(self.requests),
                "sign_ins": self.counted["sign-ins"],
                "jobs": {job.id: job.state for job in self.ingest.jobs.values()},
                "made": self.org.made,
                "written": sum(self.org.writes.values()),
                "most_writes": max(self.org.writes.values(), default=0),
            }
        )


def _shown(org: Org, thing: str, names: list[str], record: dict[str, Any]) -> dict[str, Any]:
    return {"attributes": {"type": thing}} | {
        name: query.value(org, thing, name, record) for name in names
    }


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse([{"message": message, "errorCode": code}], status)


def main() -> None:
    """Serve an empty org; ``--sandbox`` and the settings of `Fake` come by ``/_fake/set``."""
    serve(Fake().app, int(sys.argv[1]) if len(sys.argv) > 1 else 0)


if __name__ == "__main__":
    main()
