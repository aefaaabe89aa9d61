"""Asking over real HTTP, before a server that misbehaves."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from crm.fakes import serving
from crm.fault_proxy import FaultProxy
from salesml import stopping
from salesml.crm.http import Api, LaterError, retry_after
from salesml.crm.sign_in import bearer, token_answer
from salesml.errors import ConfigError, SourceError, StoppedError, UnansweredError


class Shop:
    """A server that counts, wants a token, and answers as it was told."""

    def __init__(self) -> None:
        self.token, self.signed_in, self.written = "t1", 0, 0
        self.answers: list[Response] = []
        paths = ["/thing", "/base/thing"]
        routes = [Route(path, self.thing, methods=["GET", "POST"]) for path in paths]
        self.app = Starlette(routes=[*routes, Route("/token", self.sign_in, methods=["POST"])])

    def thing(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return PlainTextResponse("who are you", 401)
        if self.answers:
            return self.answers.pop(0)
        self.written += request.method == "POST"
        return JSONResponse({"path": request.url.path, "text": "東京\u2028"})

    async def sign_in(self, request: Request) -> Response:
        form = (await request.body()).decode()
        self.signed_in += 1
        if "secret=right" not in form:
            return JSONResponse(
                {"error": "invalid_client", "error_description": "no such client"}, 400
            )
        return JSONResponse({"access_token": self.token})


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def proxy(shop: Shop) -> Iterator[FaultProxy]:
    with serving(shop.app) as address:
        yield FaultProxy(address)


@pytest.fixture
def url(proxy: FaultProxy) -> Iterator[str]:
    with proxy.serving() as address:
        yield address


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(stopping, "pause", waited.append)
    return waited


def api_of(url: str, secret: str = "right") -> Api:
    def sign_in(client: httpx.Client) -> dict[str, str]:
        form = {"secret": secret}
        return bearer(token_answer("crm", client, f"{url}/token", form)["access_token"])

    return Api("crm", url, sign_in)


def test_it_signs_in_once_and_asks(url: str, shop: Shop) -> None:
    api = api_of(url)
    assert api.get("thing").json() == {"path": "/thing", "text": "東京\u2028"}
    assert api.get("/thing", params={"a": 1}).status_code == 200
    assert (shop.signed_in, api.calls) == (1, 2)


def test_paths_are_under_the_address(url: str) -> None:
    api = Api("crm", f"{url}/base", lambda _: bearer("t1"))
    assert api.get("thing").json()["path"] == "/base/thing"


def test_a_token_that_expires_is_replaced_once(url: str, shop: Shop) -> None:
    api = api_of(url)
    api.get("thing")
    shop.token = "t2"
    assert api.post("thing").status_code == 200
    assert (shop.signed_in, shop.written) == (2, 1)


def test_a_token_that_is_never_taken_is_told(url: str) -> None:
    api = Api("crm", url, lambda _: bearer("wrong-secret"))
    with pytest.raises(SourceError, match="does not accept the sign-in") as caught:
        api.get("thing")
    assert "wrong-secret" not in str(caught.value)
    assert api.calls == 2


def test_wrong_credentials_are_told_without_them(url: str) -> None:
    with pytest.raises(SourceError, match="does not accept the credentials") as caught:
        api_of(url, secret="wrong-secret").get("thing")
    assert "no such client" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("kind", ["drop", "reset", "cut", "truncate", "down", "busy"])
def test_a_read_is_repeated_whatever_happens(url: str, proxy: FaultProxy, kind: str) -> None:
    proxy.script(kind, "GET /thing", times=2)
    assert api_of(url).get("thing").json()["path"] == "/thing"
    assert [p.fault for p in proxy.passed if p.request == "GET /thing"] == [kind, kind, ""]


@pytest.mark.parametrize("kind", ["drop", "reset", "cut", "truncate", "down"])
def test_a_write_without_an_answer_is_left_open(
    url: str, proxy: FaultProxy, shop: Shop, kind: str
) -> None:
    proxy.script(kind, "POST /thing")
    with pytest.raises(UnansweredError, match="may have been carried out"):
        api_of(url).post("thing")
    assert shop.written == (kind in {"cut", "truncate"})


def test_a_write_whose_error_breaks_off_is_left_open(url: str, shop: Shop) -> None:
    broken = Response(b"Internal", status_code=500, headers={"Content-Length": "99"})
    shop.answers = [broken]
    with pytest.raises(UnansweredError, match="may have been carried out"):
        api_of(url).post("thing")
    assert shop.written == 0
    shop.answers = [broken]
    assert api_of(url).get("thing").status_code == 200


def test_a_write_that_may_be_repeated_is(url: str, proxy: FaultProxy, shop: Shop) -> None:
    proxy.script("cut", "POST /thing")
    assert api_of(url).post("thing", safe=True).status_code == 200
    assert shop.written == 2


@pytest.mark.parametrize("kind", ["busy", "down"])
def test_it_is_silent_for_as_long_as_it_is_asked(
    url: str, proxy: FaultProxy, shop: Shop, pauses: list[float], kind: str
) -> None:
    proxy.script(kind, "POST /thing", times=2, retry_after="7")
    assert api_of(url).post("thing").status_code == 200
    assert (shop.written, pauses) == (1, [7.0, 7.0])


def test_a_long_wait_is_told(url: str, proxy: FaultProxy, caplog: pytest.LogCaptureFixture) -> None:
    proxy.script("busy", "GET /thing", retry_after="4")
    proxy.script("down", "GET /thing", retry_after="40")
    api_of(url).get("thing")
    assert [r.getMessage() for r in caplog.records if r.name == "salesml.crm.http"] == [
        "crm: it answers 503; asking again in 40 seconds"
    ]


def test_pauses_grow_while_it_is_down(url: str, proxy: FaultProxy, pauses: list[float]) -> None:
    proxy.script("drop", "GET /thing", times=5)
    api_of(url).get("thing")
    assert all(2**i / 2 <= waited <= 2**i / 2 + 0.5 for i, waited in enumerate(pauses))
    assert len(pauses) == 5


def test_what_stays_down_is_told(
    url: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesml.crm.http.PATIENCE", 20)
    proxy.script("down", "GET /thing", times=99, retry_after="30")
    with pytest.raises(SourceError, match=r"cannot be used: it answers 503.*\n.*GET /thing"):
        api_of(url).get("thing")
    assert len(proxy.passed) == 2  # the sign-in, and one request


def test_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.crm.http.PATIENCE", 0)
    with pytest.raises(SourceError, match="cannot be used: ConnectError"):
        Api("crm", "http://127.0.0.1:9", lambda _: {}).post("thing")


def test_a_sign_in_that_is_down_is_waited_for(
    url: str, proxy: FaultProxy, pauses: list[float]
) -> None:
    proxy.script("down", "POST /token", retry_after="3")
    proxy.script("drop", "POST /token")
    assert api_of(url).get("thing").status_code == 200
    assert pauses[0] == 3.0
    assert len(pauses) == 2


def test_errors_about_content_are_the_callers(url: str, shop: Shop) -> None:
    shop.answers = [PlainTextResponse("bad", 400), PlainTextResponse("worse", 500)]
    api = api_of(url)
    assert api.post("thing").status_code == 400
    assert api.post("thing").text == "worse"


def test_it_is_never_sent_elsewhere(url: str, shop: Shop) -> None:
    api = api_of(url)
    with pytest.raises(SourceError, match="points to another host"):
        api.get("http://127.0.0.2:1/thing")
    shop.answers = [Response(status_code=302, headers={"Location": "http://127.0.0.2:1/?a=b"})]
    with pytest.raises(SourceError, match="points to another host") as caught:
        api.post("thing")
    assert caught.value.received == "http://127.0.0.2:1/"


def test_a_page_for_people_is_no_answer(url: str, shop: Shop) -> None:
    api = api_of(url)
    shop.answers = [HTMLResponse("<html>sign in</html>")]
    assert api.get("thing").json()["path"] == "/thing"
    shop.answers = [HTMLResponse("<html>sign in</html>")]
    with pytest.raises(UnansweredError, match="a page for people"):
        api.post("thing")


@pytest.mark.parametrize("token", ["secret ", "sécret", "秘密 secret"])
def test_a_token_that_is_none_is_told_without_it(url: str, token: str) -> None:
    with pytest.raises(SourceError, match="token cannot be sent") as caught:
        Api("crm", url, lambda _: bearer(token)).post("thing")
    assert "cret" not in str(caught.value)


def test_asked_to_come_back_at_once_it_waits_a_little(
    url: str, proxy: FaultProxy, pauses: list[float]
) -> None:
    proxy.script("busy", "GET /thing", times=4, retry_after="0")
    api_of(url).get("thing")
    assert sum(pauses) >= 7  # 0.5, 1, 2, 4 and a little more


@pytest.mark.parametrize(
    "address", ["http://crm.example.com", "ftp://x", "crm", "https:", "http://[", "https://u:pw@x"]
)
def test_addresses_are_safe(address: str) -> None:
    with pytest.raises(ConfigError, match="must begin with https://") as caught:
        Api("crm", address, lambda _: {})
    assert "pw" not in str(caught.value)


def test_it_is_pickled_without_what_it_holds_open(url: str) -> None:
    api = Api("crm", url, _no_headers)
    with pytest.raises(SourceError):
        api.get("thing")
    assert pickle.loads(pickle.dumps(api)).url == api.url


def _no_headers(_: httpx.Client) -> dict[str, str]:
    return {}


def test_asked_to_stop_it_waits_no_longer(
    url: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    proxy.script("busy", "GET /thing", times=99, retry_after="600")
    with stopping.finishing():
        stopping.stop()
        with pytest.raises(StoppedError):
            api_of(url).get("thing")
    stopping.require_going()


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("", None)]
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after(httpx.Response(429, headers={"Retry-After": text})) == seconds


@pytest.mark.parametrize("zone", [" GMT", " -0000", ""])
def test_retry_after_a_date(zone: str) -> None:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    stamp = until.strftime("%a, %d %b %Y %H:%M:%S") + zone
    found = retry_after(httpx.Response(429, headers={"Retry-After": stamp}))
    assert found is not None
    assert 3590 < found <= 3600


def test_a_busy_token_endpoint_is_asked_later() -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(503)))
    with client, pytest.raises(LaterError):
        token_answer("crm", client, "https://login.example.com/token", {})
