"""Asking a system over HTTP: signing in, waiting when it says so, and knowing what is unknown."""

from __future__ import annotations

import datetime as dt
import email.utils
import logging
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from salesml import stopping
from salesml.crm.address import checked, is_here
from salesml.errors import SourceError, UnansweredError

__all__ = [
    "Answer",
    "Api",
    "LaterError",
    "SignIn",
    "answer_of",
    "checked",
    "retry_after",
    "shortened",
]

SignIn = Callable[[httpx.Client], Mapping[str, str]]
"""Signs in afresh and returns the headers that every request needs.

Raises SourceError where the credentials are refused, LaterError where that may pass.
"""

PATIENCE = 900.0
"""Seconds that one request is repeated for while its system is down or asks to wait."""

_TIMEOUT = httpx.Timeout(120.0, connect=20.0)
_LONGEST_PAUSE = 60.0
_TOLD_FROM = 5.0  # seconds
_SHORTEST_ASKED = 0.5
_BROKEN = {500, 502, 503, 504}
_LOST = {502, 503, 504}


_log = logging.getLogger(__name__)


class Answer(Enum):
    """What a response means for its request."""

    FINE = "fine"
    """The caller's to read, errors about its content among them."""
    EXPIRED = "expired"
    """The sign-in is over: sign in again and repeat."""
    WAIT = "wait"
    """Nothing was done: repeat later, after ``Retry-After`` where it is given."""


def answer_of(response: httpx.Response) -> Answer:
    """What most systems mean: 401 expired, 429 and 503 with ``Retry-After`` wait."""
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return Answer.EXPIRED
    unavailable = response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    asks = unavailable and retry_after(response) is not None
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or asks:
        return Answer.WAIT
    return Answer.FINE


class Api:
    """A client of the one host that *url* names: signed in, patient, never elsewhere.

    Parameters
    ----------
    name : of the connection, for errors.
    url : ``https://…``; plain ``http`` only for this machine itself.
    sign_in : asked before the first request, and again when a sign-in is over.
    answer : what a response means; may raise QuotaError or SourceError.

    Requests raise SourceError if the host cannot be reached or refuses for `PATIENCE` seconds, and
    UnansweredError if a request that may not be repeated was sent and no answer came. ``calls``
    counts the requests sent. Redirects are not followed.
    """

    def __init__(
        self,
        name: str,
        url: str,
        sign_in: SignIn,
        *,
        answer: Callable[[httpx.Response], Answer] = answer_of,
    ) -> None:
        self.name, self.url, self.calls = name, checked(name, url), 0
        self._sign_in, self._answer = sign_in, answer
        self._client: httpx.Client | None = None
        self._headers: Mapping[str, str] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_client": None, "_headers": None}

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET *path*; repeated whatever happens on the way."""
        return self.request("GET", path, safe=True, **options)

    def post(self, path: str, *, safe: bool = False, **options: Any) -> httpx.Response:
        """POST to *path*; *safe*: it may be repeated although it may have been carried out."""
        return self.request("POST", path, safe=safe, **options)

    def request(
        self, method: str, path: str, *, safe: bool = False, **options: Any
    ) -> httpx.Response:
        """The response to one request, whatever its status, once the host has taken it.

        Parameters
        ----------
        path : under the url, or a whole address of the same host.
        safe : whether it may be repeated although it may have been carried out.
        options : ``params``, ``json``, ``content``, ``headers`` and ``timeout`` of httpx.
        """
        with self.stream(method, path, safe=safe, **options) as response:
            try:
                response.read()
            except httpx.TransportError as error:
                if not safe:
                    raise self._unanswered(method, path, error) from None
                again = response, error
            else:
                return response
        return self._reread(method, path, again[1], options)

    @contextmanager
    def stream(
        self, method: str, path: str, *, safe: bool = False, **options: Any
    ) -> Iterator[httpx.Response]:
        """Like ``request``, with the body still to be read: for results of any size."""
        response = self._taken(method, self._address(path), safe, options)
        try:
            yield response
        finally:
            response.close()

    # one request until it is taken ------------------------------------------------------------

    def _reread(
        self, method: str, path: str, error: Exception, options: dict[str, Any]
    ) -> httpx.Response:
        """The answer of a safe request whose body broke off."""
        for _ in range(3):
            stopping.pause(1.0)
            with self.stream(method, path, safe=True, **options) as response:
                try:
                    response.read()
                except httpx.TransportError as broken:
                    error = broken
                else:
                    return response
        raise self._down(method, path, f"its answers break off ({_words(error)})")

    def _taken(
        self, method: str, address: httpx.URL, safe: bool, options: dict[str, Any]
    ) -> httpx.Response:
        began = dt.datetime.now(dt.UTC)
        retrying = Retrying(
            retry=retry_if_exception_type(LaterError),
            wait=_wait,
            stop=lambda state: _tired(state, began),
            sleep=stopping.pause,
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            response: httpx.Response = retrying(self._once, method, address, safe, options)
        except LaterError as error:
            raise self._down(method, address.path, error.why) from None
        return response

    def _tell(self, state: RetryCallState) -> None:
        if state.upcoming_sleep >= _TOLD_FROM:
            why = state.outcome.exception() if state.outcome else None
            text = "%s: %s; asking again in %.0f seconds"
            _log.warning(text, self.name, why, state.upcoming_sleep)

    def _once(
        self, method: str, address: httpx.URL, safe: bool, options: dict[str, Any]
    ) -> httpx.Response:
        response = self._sent(method, address, safe, options)
        answer = self._judged(method, address, safe, response)
        if answer is Answer.EXPIRED:
            response.close()
            self._headers = None
            response = self._sent(method, address, safe, options)
            answer = self._judged(method, address, safe, response)
            if answer is Answer.EXPIRED:
                raise self._refused(response)
        if answer is Answer.WAIT:
            response.close()
            raise LaterError(f"it answers {response.status_code}", retry_after(response))
        self._require_known(method, address, safe, response)
        return response

    def _judged(
        self, method: str, address: httpx.URL, safe: bool, response: httpx.Response
    ) -> Answer:
        if response.is_error:
            try:
                response.read()
            except httpx.TransportError as error:
                response.close()
                raise self._cut(method, address, safe, response, error) from None
        try:
            return self._answer(response)
        except Exception:
            response.close()
            raise

    def _cut(
        self,
        method: str,
        address: httpx.URL,
        safe: bool,
        response: httpx.Response,
        error: Exception,
    ) -> Exception:
        """What to raise where an error broke off: after one of the server, much may be done."""
        if safe or not response.is_server_error:
            return LaterError(_words(error))
        return self._unanswered(method, address.path, error)

    def _require_known(
        self, method: str, address: httpx.URL, safe: bool, response: httpx.Response
    ) -> None:
        """Raise where somebody else answered in place of the system."""
        if response.is_redirect:
            response.close()
            raise self._elsewhere(response.headers.get("Location", ""))
        why = f"it answers {response.status_code}"
        if _is_page(response):
            response.close()
            why = "a page for people answers in its place"
        elif response.status_code not in (_BROKEN if safe else _LOST):
            return
        raise LaterError(why) if safe else self._unanswered(method, address.path, why)

    def _sent(
        self, method: str, address: httpx.URL, safe: bool, options: dict[str, Any]
    ) -> httpx.Response:
        client = self._signed_in()
        headers = {**(self._headers or {}), **options.get("headers", {})}
        try:
            request = client.build_request(method, address, **{**options, "headers": headers})
        except UnicodeEncodeError:
            raise self._no_header() from None
        self.calls += 1
        try:
            return client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise LaterError(_words(error)) from None
        except httpx.LocalProtocolError:  # its text shows the header
            raise self._no_header() from None
        except httpx.TransportError as error:
            if safe:
                raise LaterError(_words(error)) from None
            raise self._unanswered(method, address.path, error) from None

    def _signed_in(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(timeout=_TIMEOUT, trust_env=not is_here(self.url))
            weakref.finalize(self, self._client.close)
        if self._headers is None:
            try:
                self._headers = self._sign_in(self._client)
            except httpx.TransportError as error:
                raise LaterError(f"signing in: {_words(error)}") from None
        return self._client

    def _address(self, path: str) -> httpx.URL:
        address = self.url.join(path)
        if (address.scheme, address.host, address.port) != (
            self.url.scheme,
            self.url.host,
            self.url.port,
        ):
            raise self._elsewhere(f"{address.scheme}://{address.host}")
        return address

    # errors ------------------------------------------------------------------------------------

    def _elsewhere(self, address: str) -> SourceError:
        return SourceError(
            "The system points to another host, where nothing is sent.",
            received=shortened(address.partition("?")[0]),
            where=f"connection {self.name}, {self.url}",
            fix="Name the host that holds the data in the connection.",
        )

    def _no_header(self) -> SourceError:
        return SourceError(
            "The token cannot be sent: it has letters that no token has.",
            where=f"connection {self.name}",
            fix="Copy it anew, without spaces, quotes or other text around it.",
        )

    def _unanswered(self, method: str, path: str, why: object) -> UnansweredError:
        return UnansweredError(
            "No answer came: the request may have been carried out.",
            received=_words(why),
            where=f"connection {self.name}, {method} {path}",
            fix="Nothing: the records are looked at again before they are written again.",
        )

    def _down(self, method: str, path: str, why: str) -> SourceError:
        return SourceError(
            f"The system cannot be used: {why}.",
            where=f"connection {self.name}, {method} {path}, {self.url.host}",
            fix="Check its status page and the network. The next run catches up.",
        )

    def _refused(self, response: httpx.Response) -> SourceError:
        return SourceError(
            "The system does not accept the sign-in.",
            received=f"status {response.status_code}: {shortened(response.text)}",
            where=f"connection {self.name}, {self.url.host}",
            fix="Check the credentials, whether they are revoked, and what they may do.",
        )


class LaterError(Exception):
    """Nothing was done, or it may be done twice: again in *after* seconds."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.why, self.after = why, after


_backoff = wait_exponential_jitter(multiplier=0.5, max=_LONGEST_PAUSE, jitter=0.5)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, LaterError) else None
    # "at once" would be asked for again and again
    return asked if asked is not None and asked >= _SHORTEST_ASKED else _backoff(state)


def _tired(state: RetryCallState, began: dt.datetime) -> bool:
    waited = (dt.datetime.now(dt.UTC) - began).total_seconds()
    return waited + state.upcoming_sleep > PATIENCE


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that ``Retry-After`` asks to wait, given as such or as a date; None without it."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
    return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds())


def _is_page(response: httpx.Response) -> bool:
    """Whether *response* is a page for people: of a proxy that wants a sign-in, of maintenance."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return response.is_success and kind == "text/html"


def shortened(text: str, most: int = 300) -> str:
    """*text* of a system in one line, for errors."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _words(error: object) -> str:
    return f"{type(error).__name__} {error}".strip() if isinstance(error, Exception) else str(error)
