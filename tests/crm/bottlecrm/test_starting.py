"""Starting and stopping BottleCRM, and finding a Python for it."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from crm.bottlecrm.server import ROOT, VENV, Organisation, Server, running
from salesml.crm.bottlecrm.tables import TABLES

FIND = ROOT / "tools/bottlecrm/find_python"


def find(path: Path, pyenv: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(path), "PYENV_ROOT": str(pyenv), "HOME": str(path)}
    return subprocess.run([FIND], env=env, capture_output=True, text=True)


def python(path: Path, *, works: bool) -> Path:
    """Something that is called as a Python is, and works or does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {0 if works else 127}\n")
    path.chmod(0o755)
    return path


def test_a_python_is_found_on_the_path_and_under_pyenv(tmp_path: Path) -> None:
    empty, pyenv = tmp_path / "empty", tmp_path / "pyenv"
    shim = python(tmp_path / "bin/python3.12", works=False)
    assert find(shim.parent, pyenv).returncode == 1
    third = python(pyenv / "versions/3.13.0/bin/python", works=True)
    assert find(empty, pyenv).stdout.strip() == str(third)
    assert find(shim.parent, pyenv).stdout.strip() == str(third)
    second = python(tmp_path / "other/python3.13", works=True)
    assert find(second.parent, pyenv).stdout.strip() == str(second)


def test_without_a_python_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    told = find(tmp_path, tmp_path)
    assert told.returncode == 1
    assert "needs Python 3.12 or 3.13" in told.stderr
    assert "pyenv install 3.12" in told.stderr
    assert told.stdout == ""


@pytest.fixture
def folder(bottlecrm: Server) -> Iterator[Path]:  # noqa: ARG001  skipped where there is none
    with tempfile.TemporaryDirectory(prefix="crm") as name:
        yield Path(name)


def alive(folder: Path) -> list[str]:
    """Processes that work on *folder*."""
    lines = (" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
    return [line for line in lines if str(folder) in line]


def test_it_serves_alone_goes_on_after_a_kill_and_stops_wholly(folder: Path) -> None:
    command = [VENV / "bin/python", ROOT / "tools/bottlecrm/serve.py", "--folder", folder]
    with running(folder) as server:
        org = server.organisation()
        made = org.make("accounts")
        second = subprocess.run(command, capture_output=True, text=True)
        assert (second.returncode, "runs on" in second.stderr) == (1, True)
        for process in psutil.Process().children():
            if str(folder) in process.cmdline():
                process.send_signal(signal.SIGKILL)
    assert alive(folder), "PostgreSQL goes on"
    with running(folder) as server:
        org.url = server.url
        assert org.shown("accounts", made)["id"] == made
    assert alive(folder) == []


def test_fields_are_what_the_server_says_of_them(org: Organisation) -> None:
    schema = _schema(org)
    for name, table in TABLES.items():
        for field, told in _written(schema, name).items():
            if told.get("type") in {"array", "object"} or field == "is_converted":
                continue
            kind = table.kinds[field]
            assert kind.written, field
            assert kind.length == told.get("maxLength", kind.length), f"{name}.{field}"


def _schema(org: Organisation) -> dict[str, Any]:
    with org.client() as client:
        found: dict[str, Any] = json.loads(client.get("/schema/?format=json").text)
    return found


def _written(schema: dict[str, Any], table: str) -> dict[str, Any]:
    """What a change of a record may hold."""
    (path,) = [p for p in schema["paths"] if p.startswith(f"/api/{table}/{{") and p.count("/") == 4]
    body = schema["paths"][path]["patch"]["requestBody"]["content"]["application/json"]["schema"]
    found: dict[str, Any] = schema["components"]["schemas"][body["$ref"].split("/")[-1]]
    return dict(found["properties"])
