"""A stand-in of kintone's interface, as strict as its documentation.

``python -m crm.kintone.fake [PORT]`` serves one with 5,000 companies in app 1; its address is the
first line of output. ``POST /_fake/faults`` adds a fault, ``GET /_fake/state`` tells what happened.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm.fakes import serve
from crm.kintone import app as forms
from crm.kintone.app import App, RefusedError
from crm.kintone.query import answered

TOKEN = "BuBNIwbRRaUvr33nWH9fyc5LuZ7MSEJUm2kKz8dK"
_ROOTS = ["/k/v1", "/k/guest/{space}/v1"]
_LONGEST_ADDRESS = 8_000
_MOST_RECORDS = 100


@dataclass
class Fault:
    """How the next *times* requests that *match* ("PUT /k/…") are refused."""

    match: str
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class Fake:
    """Apps of one environment, or of one guest space, served over HTTP.

    A request with *poison* in it is refused; *meanwhile* happens once, before the next writing.
    """

    def __init__(self, **apps: App) -> None:
        self.apps, self.space = apps, ""
        self.tokens = dict.fromkeys(apps, TOKEN)
        self.may_write, self.poison = True, ""
        self.meanwhile: Callable[[], None] | None = None
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        routes = []
        for root in _ROOTS:
            methods = ["GET", "POST", "PUT"]
            routes.append(Route(f"{root}/records.json", self.records, methods=methods))
            routes.append(Route(f"{root}/app/form/fields.json", self.form))
            routes.append(Route(f"{root}/app/settings.json", self.settings))
        routes.append(Route("/_fake/faults", self.add_fault, methods=["POST"]))
        routes.append(Route("/_fake/state", self.state))
        handlers = {RefusedError: _refused}
        self.app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]

    def fault(self, match: str, status: int, **what: Any) -> None:
        self.faults.append(Fault(match, status, **what))

    # the interface -------------------------------------------------------------------------------

    async def records(self, request: Request) -> Response:
        method = request.headers.get("X-HTTP-Method-Override", request.method)
        refused = self._gate(request, method)
        if refused is not None:
            return refused
        body = await self._body(request)
        app = self._app(request, body.get("app"))
        if method == "GET":
            rows = answered(app, body.get("query", "limit 100"))
            shown = [app.shown(row, body.get("fields")) for row in rows]
            return JSONResponse({"records": shown, "totalCount": None})
        if not self.may_write:
            message = "このAPIトークンでは、指定したAPIを実行できません。"
            raise RefusedError(403, "GAIA_NO01", message)
        records = body["records"]
        if not 1 <= len(records) <= _MOST_RECORDS:
            errors = {"records": "1から100までのレコードを指定してください。"}
            raise RefusedError(400, "CB_VA01", "入力内容が正しくありません。", errors)
        if self.poison and self.poison in str(records):
            raise RefusedError(520, "GAIA_XX01", "だめです。")
        self.meanwhile, happens = None, self.meanwhile
        if happens is not None:
            happens()
        return JSONResponse(app.make(records) if method == "POST" else app.change(records))

    def form(self, request: Request) -> Response:
        refused = self._gate(request, "GET")
        if refused is not None:
            return refused
        app = self._app(request, request.query_params.get("app"))
        return JSONResponse({"properties": app.fields, "revision": "2"})

    def settings(self, request: Request) -> Response:
        refused = self._gate(request, "GET")
        if refused is not None:
            return refused
        app = self._app(request, request.query_params.get("app"))
        precision = {"digits": "16", "decimalPlaces": str(app.places), "roundingMode": "HALF_EVEN"}
        return JSONResponse({"name": "顧客", "numberPrecision": precision})

    def _gate(self, request: Request, method: str) -> Response | None:
        line = f"{method} {request.url.path}"
        self.requests.append(line)
        if len(str(request.url)) > _LONGEST_ADDRESS:
            return Response("Request-URI Too Large", 414)
        for fault in self.faults:
            if fault.times > 0 and re.match(fault.match, line):
                fault.times -= 1
                return JSONResponse(fault.body, fault.status, fault.headers)
        return None

    async def _body(self, request: Request) -> dict[str, Any]:
        if request.headers.get("Content-Type") != "application/json":
            raise RefusedError(400, "CB_IL02", "不正なリクエストです。")
        body: dict[str, Any] = await request.json()
        return body

    def _app(self, request: Request, app: Any) -> App:
        if request.path_params.get("space", "") != self.space:
            message = "不正なリクエストです。ゲストスペースのURLを指定してください。"
            raise RefusedError(520, "GAIA_IL23", message)
        if str(app) not in self.apps:
            message = f"指定したアプリ(id: {app})が見つかりません。"
            raise RefusedError(404, "GAIA_AP01", message)
        tokens = request.headers.get("X-Cybozu-API-Token", "").split(",")
        if self.tokens[str(app)] not in tokens:
            message = "指定したAPIトークンは、アプリで生成されたトークンと異なります。"
            raise RefusedError(520, "GAIA_IA02", message)
        return self.apps[str(app)]

    # for tests -----------------------------------------------------------------------------------

    async def add_fault(self, request: Request) -> Response:
        self.fault(**await request.json())
        return JSONResponse({})

    def state(self, _request: Request) -> Response:
        rows = {name: list(app.rows.values()) for name, app in self.apps.items()}
        written = {name: app.written for name, app in self.apps.items()}
        return JSONResponse({"records": rows, "written": written, "requests": len(self.requests)})


def _refused(_request: Request, error: RefusedError) -> Response:
    return JSONResponse(error.body, error.status)


def filled(rows: int) -> Fake:
    """An environment whose app 1 has that many companies, told apart by ``顧客コード``."""
    key = forms.field("顧客コード", unique=True)
    app = App(key, forms.field("会社名"), forms.field("スコア", "NUMBER"))
    for number in range(rows):
        app.add(顧客コード=f"c{number:05}", 会社名=f"会社{number}")
    return Fake(**{"1": app})


if __name__ == "__main__":
    serve(filled(5_000).app, int(sys.argv[1]) if len(sys.argv) > 1 else 0)
