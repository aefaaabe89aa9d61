"""Serving stand-ins of systems over real loopback HTTP, by a thread or by a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

TESTS = Path(__file__).parent.parent
_LONGEST_START = 30.0


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of the ASGI *app*, served by a thread on a free port."""
    with _bound(0) as listener:
        server = _server(app)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            _await(lambda: server.started or not thread.is_alive())
            assert server.started
            yield _address(listener)
        finally:
            server.should_exit = True
            thread.join(_LONGEST_START)


@contextmanager
def spawned(module: str, *arguments: str) -> Iterator[str]:
    """The address of what ``python -m module`` serves by `serve`, until the block is left."""
    env = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=TESTS)
    with process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://"), f"{module} did not start: {address!r}"
            yield address
        finally:
            process.kill()


def serve(app: Any, port: int = 0) -> None:
    """Serve the ASGI *app* in this process for ever, its address the first line of output."""
    with _bound(port) as listener:
        print(_address(listener), flush=True)
        _server(app).run([listener])


def _server(app: Any) -> uvicorn.Server:
    config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    return uvicorn.Server(config)


def _bound(port: int) -> socket.socket:
    # without the protocol, asyncio leaves Nagle's algorithm on: 40 ms an answer
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _address(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _await(true: Any) -> None:
    until = time.monotonic() + _LONGEST_START
    while not true() and time.monotonic() < until:
        time.sleep(0.005)
