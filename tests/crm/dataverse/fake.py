"""A stand-in for one environment of Dataverse: the part of its Web API that is used, strictly.

``python -m crm.dataverse.fake`` serves one as a process of its own.
"""

from __future__ import annotations

import email
import json
import re
import uuid
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm.dataverse.fake_environment import ROOT, Ask, Environment, Told, told
from crm.dataverse.fake_rules import RefusedError
from crm.fakes import serve

_LONGEST_ADDRESS = 32_768


class Fake(Environment):
    """An environment over HTTP, with its sign-in."""

    @property
    def app(self) -> Starlette:
        methods = ["GET", "POST", "PATCH"]
        return Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/token", self._sign_in, methods=["POST"]),
                Route("/_fake/counters", self._counters),
                Route(ROOT + "{rest:path}", self._serve, methods=methods),
            ]
        )

    async def _counters(self, _request: Request) -> Response:
        return JSONResponse({"asked": len(self.asked), "written": dict(self.written)})

    async def _sign_in(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if form.get("client_secret") != self.secret:
            message = "AADSTS7000215: Invalid client secret provided."
            return JSONResponse({"error": "invalid_client", "error_description": message}, 401)
        here = str(request.base_url).rstrip("/")
        scopes = {f"{name}/.default" for name in (here, *self.names)}
        if form.get("grant_type") != "client_credentials" or form["scope"] not in scopes:
            message = "AADSTS500011: The resource principal was not found."
            return JSONResponse({"error": "invalid_resource", "error_description": message}, 400)
        self.signed_in += 1
        self.tokens.add(token := f"token {self.signed_in}")
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 3599})

    async def _serve(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers["_here"] = str(request.base_url).rstrip("/")
        raw = request.scope["raw_path"].decode()
        address = f"{raw}?{request.scope['query_string'].decode()}"
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _response(Told(401, {"error": {"code": "", "message": "Expired."}}))
        if headers.get("odata-version") != "4.0" or headers.get("odata-maxversion") != "4.0":
            return _response(Told(400, {"error": {"code": "", "message": "OData-Version 4.0."}}))
        if len(address) > _LONGEST_ADDRESS:
            return Response("The request URI is too long.", 414)
        body = await request.body()
        ask = _ask(request.method, address, headers, body)
        if ask.resource == "$batch":
            return await run_in_threadpool(self._serve_batch, ask)
        return _response(await run_in_threadpool(self.answer, ask))

    def _serve_batch(self, ask: Ask) -> Response:
        self.asked.append("POST $batch")
        for fault in self.faults:
            if re.match(fault[0], "POST $batch"):
                self.faults.remove(fault)
                return _response(told(fault[1]))
        asks = asks_in(ask)
        go_on = "odata.continue-on-error" in ask.headers.get("prefer", "")
        try:
            answers = self.batch(asks, go_on=go_on)
        except RefusedError as refused:
            return _response(told(refused))
        boundary = f"batchresponse_{uuid.uuid4()}"
        content = (
            "".join(f"--{boundary}\r\n{_part(t)}\r\n" for t in answers) + f"--{boundary}--\r\n"
        )
        bad = any(t.status >= 400 for t in answers) and not go_on
        kind = f"multipart/mixed; boundary={boundary}"
        return Response(content.encode(), 400 if bad else 200, {"Content-Type": kind})


def _ask(method: str, address: str, headers: dict[str, str], body: bytes) -> Ask:
    path, _, query = address.partition("?")
    assert path.startswith(ROOT), path
    return Ask(method, unquote(path.removeprefix(ROOT)), dict(parse_qsl(query)), headers, body)


def asks_in(ask: Ask) -> list[Ask]:
    head = f"Content-Type: {ask.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + ask.body)
    assert message.is_multipart(), ask.headers
    asks = []
    for part in message.get_payload():
        assert part["Content-Type"] == "application/http"  # type: ignore[index]
        assert part["Content-Transfer-Encoding"] == "binary"  # type: ignore[index]
        content: bytes = part.get_payload(decode=True)  # type: ignore[union-attr, assignment]
        lines, _, body = content.partition(b"\r\n\r\n")
        first, *rest = lines.decode().split("\r\n")
        method, path, protocol = first.split(" ")
        assert protocol == "HTTP/1.1"
        pairs = (line.split(": ", 1) for line in rest)
        asks.append(_ask(method, path, {k.lower(): v for k, v in pairs}, body))
    return asks


def _part(told: Told) -> str:
    status = f"HTTP/1.1 {told.status} .\r\nOData-Version: 4.0\r\n"
    kind = "" if told.body is None else "Content-Type: application/json\r\n"
    body = "" if told.body is None else json.dumps(told.body, ensure_ascii=False)
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return f"{head}{status}{kind}\r\n{body}"


def _response(told: Told) -> Response:
    if told.body is None:
        return Response(status_code=told.status, headers=told.headers)
    return JSONResponse(told.body, told.status, told.headers)


if __name__ == "__main__":
    serve(Fake().app)
