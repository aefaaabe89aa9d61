"""Serve a BottleCRM on this machine alone, with the sample's data in it if there is any.

Runs in a Python of its own (see the Makefile, ``make crm``), and knows nothing of salesml.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import database

HERE = Path(__file__).parent
THREADS = 4
_PID = "gunicorn.pid"


def main() -> None:
    options = _options()
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:  # nohup
            signal.signal(each, _interrupt)
    if options.prepare:
        database.make_template()
        return
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt), _only_one(folder), _listening(options.port) as at:
        if options.sample and not (folder / "access.json").exists():
            shutil.rmtree(folder / "postgres", ignore_errors=True)  # half loaded, if at all
        with database.running(folder / "postgres") as environment:
            settings = _settings(folder) | environment
            if options.sample:
                sample = str(options.sample.resolve())
                _run("load_sample.py", [sample, str(folder)], folder, settings)
            with _serving(at, folder, settings) as server:
                _announce(folder, f"http://127.0.0.1:{at.getsockname()[1]}")
                server.wait()
    print("BottleCRM has stopped.", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where its data lie, made if need be")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--sample", type=Path, help="crm.sqlite of `salesml sample`")
    parser.add_argument("--prepare", action="store_true", help="migrate an empty database, no more")
    return parser.parse_args()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"A BottleCRM runs on {folder} already: stop that one first (Ctrl-C).")
        _stop_orphan(folder)
        yield


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            sys.exit(f"Port {port} cannot be used ({error}). Name another: make crm CRM_PORT=8766")
        listener.listen(128)
        yield listener


def _settings(folder: Path) -> dict[str, str]:
    """What BottleCRM reads from its environment; its key is made once and kept in *folder*."""
    key = folder / "secret_key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(secrets.token_urlsafe(48))
    mine = {"SECRET_KEY": key.read_text(), "ENV_TYPE": "dev", "DEBUG": "False"}
    return {**os.environ, **mine, "DB_POOL_MAX_SIZE": str(THREADS)}


def _run(script: str, arguments: list[str], folder: Path, settings: Mapping[str, str]) -> None:
    command = [sys.executable, str(HERE / script), *arguments]
    if subprocess.run(command, cwd=folder, env=settings).returncode:
        sys.exit(f"{script} failed: the reason stands above.")


@contextlib.contextmanager
def _serving(
    listener: socket.socket, folder: Path, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The server, once it answers; it is stopped at the end."""
    how = (
        f"--bind fd://{listener.fileno()} --workers 2 --threads {THREADS} --preload --pid {_PID}"
        " --keep-alive 60 --graceful-timeout 1 --no-control-socket"
    )
    command = [sys.executable, "-m", "gunicorn", "crm.wsgi:application", *how.split()]
    with (folder / "gunicorn.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,  # BottleCRM logs into the folder it is started in
            env=settings,
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is ours, to stop things in their order
        )
    try:
        _await(listener, server, folder)
        yield server
    finally:
        server.terminate()
        server.wait()


def _stop_orphan(folder: Path) -> None:
    """Stop the server of a run that was killed: nobody else serves *folder*."""
    import psutil

    with contextlib.suppress(OSError, ValueError, psutil.Error):
        orphan = psutil.Process(int((folder / _PID).read_text()))
        if "crm.wsgi:application" in orphan.cmdline():
            orphan.terminate()
            orphan.wait(10)


def _await(listener: socket.socket, server: subprocess.Popen[bytes], folder: Path) -> None:
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/healthz/"
    while server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=60).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"BottleCRM did not start:\n{(folder / 'gunicorn.log').read_text()[-2000:]}")


def _announce(folder: Path, address: str) -> None:
    print(f"BottleCRM answers at {address}", flush=True)
    access = folder / "access.json"
    if not access.exists():
        return
    known = json.loads(access.read_text())
    print(
        f"""
  to look at     {address}/admin/
  user           {known["user"]}
  password       {known["password"]}

  It holds the sample's accounts, leads and opportunities. In another terminal:

  export BOTTLECRM_URL={address} BOTTLECRM_TOKEN={known["token"]}
  .venv/bin/salesml nightly -p bottlecrm

  Ctrl-C stops it; the next `make crm` goes on with the same data. To begin anew, delete {folder}
  and var/bottlecrm, whose ledger says what was written to it.""",
        flush=True,
    )


if __name__ == "__main__":
    main()
