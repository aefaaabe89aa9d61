"""A proxy on loopback that loses, delays, repeats and cuts off what passes through it.

``python -m crm.fault_proxy http://127.0.0.1:8000 --seed 1 --rates cut=0.02,drop=0.02`` runs it as a
process of its own; its address is the first line of output.
"""

from __future__ import annotations

import argparse
import http.client
import random
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

KINDS = ("drop", "reset", "delay", "duplicate", "cut", "truncate", "busy", "down")
"""What can go wrong.

drop, reset: the connection ends before the system got anything; cut: after it answered, and
the answer is lost; truncate: in the middle of the answer; duplicate: the system gets the request
twice; delay; busy: 429 and down: 503, without the system knowing, with ``Retry-After`` where
given.
"""
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade"}


@dataclass
class Fault:
    """One thing that goes wrong with the next *times* requests that *match* (``POST /api/.*``)."""

    kind: str
    match: str = ""
    times: int = 1
    after: int = 0
    """How many matching requests pass unharmed before."""
    seconds: float = 0.2
    retry_after: str | None = None


@dataclass
class Passed:
    """A request that came, and what was done to it (``""``: nothing)."""

    request: str
    fault: str


@dataclass
class FaultProxy:
    """Stands before *upstream*; faults come by script first, then by chance."""

    upstream: str
    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock, self._chance = threading.Lock(), random.Random(self.seed)

    def script(self, kind: str, match: str = "", **options: object) -> None:
        """Let *kind* happen to requests that *match*, a pattern on ``METHOD /path?query``."""
        assert kind in KINDS, kind
        self.faults.append(Fault(kind, match, **options))  # type: ignore[arg-type]

    def fault_for(self, request: str) -> Fault | None:
        """What happens to *request*, noted in ``passed``."""
        with self.lock:
            found = self._scripted(request) or self._drawn()
            self.passed.append(Passed(request, found.kind if found else ""))
        return found

    def _scripted(self, request: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and re.match(fault.match, request):
                if fault.after > 0:
                    fault.after -= 1
                    return None
                fault.times -= 1
                return fault
        return None

    def _drawn(self) -> Fault | None:
        drawn = self._chance.random()
        for kind, rate in self.rates.items():
            if drawn < rate:
                return Fault(kind, retry_after="0")
            drawn -= rate
        return None

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address of the proxy, served by threads."""
        server = self._server(0)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def run(self, port: int) -> None:
        """Serve for ever; the address is printed first."""
        server = self._server(port)
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()

    def _server(self, port: int) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"proxy": self})
        server = _Server(("127.0.0.1", port), handler)
        server.daemon_threads, server.block_on_close = True, False
        return server


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of those who hang up, or are killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body of an answer waits 40 ms for its head
    proxy: FaultProxy

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _pass(self) -> None:
        body = self._body()
        fault = self.proxy.fault_for(f"{self.command} {self.path}")
        getattr(self, f"_{fault.kind if fault else 'forward'}")(body, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    # what happens ------------------------------------------------------------------------------

    def _forward(self, body: bytes, _fault: Fault | None) -> None:
        self._answer(*self._asked(body))

    def _delay(self, body: bytes, fault: Fault) -> None:
        time.sleep(fault.seconds)
        self._answer(*self._asked(body))

    def _duplicate(self, body: bytes, _fault: Fault) -> None:
        self._asked(body)
        self._answer(*self._asked(body))

    def _drop(self, _body: bytes, _fault: Fault) -> None:
        self._hang_up()

    def _reset(self, _body: bytes, _fault: Fault) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._hang_up()

    def _cut(self, body: bytes, _fault: Fault) -> None:
        self._asked(body)
        self._hang_up()

    def _truncate(self, body: bytes, _fault: Fault) -> None:
        status, headers, answer = self._asked(body)
        self._answer(status, headers, answer, sent=max(0, len(answer) // 2))
        self._hang_up()

    def _busy(self, _body: bytes, fault: Fault) -> None:
        self._refuse(429, fault)

    def _down(self, _body: bytes, fault: Fault) -> None:
        self._refuse(503, fault)

    # helpers -----------------------------------------------------------------------------------

    def _refuse(self, status: int, fault: Fault) -> None:
        after = [("Retry-After", fault.retry_after)] if fault.retry_after is not None else []
        self._answer(status, after, b"later")

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        there = urlsplit(self.proxy.upstream)
        link = http.client.HTTPConnection(there.hostname or "", there.port or 80, timeout=120)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
        headers["Host"] = there.netloc
        try:
            link.request(self.command, self.path, body or None, headers)
            response = link.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            link.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, sent: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if sent is None else body[:sent])
        self.wfile.flush()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        if self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)[:4] == b"\0" * 4:
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.connection.close()  # unread or not, the other side gets a reset


def main() -> None:
    """Serve a proxy that is told by arguments what goes wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rates", default="")
    given = parser.parse_args()
    pairs = (pair.split("=") for pair in given.rates.split(",") if pair)
    rates = {kind: float(rate) for kind, rate in pairs}
    FaultProxy(given.upstream, given.seed, rates).run(given.port)


if __name__ == "__main__":
    main()
