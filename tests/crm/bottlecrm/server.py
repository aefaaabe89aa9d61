"""A real BottleCRM on loopback, and organisations in it, each alone with its data."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt

ROOT = Path(__file__).parents[3]
VENV = ROOT / ".venv-crm"
MODELS = {
    "accounts": "Account",
    "contacts": "Contact",
    "leads": "Lead",
    "opportunities": "Opportunity",
    "tasks": "Task",
}
_USER = "00000000-0000-0000-0000-000000000001"
_NEVER = 4102444800  # the year 2100
_numbers = itertools.count(1)


@dataclass
class Organisation:
    """One organisation, as an administrator with an access token of its own sees it."""

    url: str
    id: str
    token: str
    signed_in: str
    """Token of the person who signed in, who may do what access tokens may not."""

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        # verify: nothing is encrypted, and to get ready for it takes longer than the request
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=60, trust_env=False, verify=False
        )

    def ask(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Any:
        """What the API answers, as JSON; fails on errors."""
        with self.client(token) as client:
            answer = client.request(method, f"/api/{path}", **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def field(self, table: str, key: str, kind: str = "text", **more: Any) -> str:
        """Make the custom field *key*; returns its id."""
        body = {"target_model": MODELS[table], "key": key, "label": key, "field_type": kind, **more}
        made: str = self.ask("POST", "custom-fields/", json=body)["id"]
        return made

    def make(self, table: str, **values: Any) -> str:
        """Make a record; returns its id. Names that must be unique are."""
        number = next(_numbers)
        must: dict[str, dict[str, Any]] = {
            "accounts": {"name": f"Account {number}"},
            "contacts": {"first_name": "A", "last_name": f"Contact {number}"},
            "leads": {"title": f"Lead {number}", "last_name": f"{number}", "status": "assigned"},
            "opportunities": {"name": f"Deal {number}"},
            "tasks": {"title": f"Task {number}", "status": "New", "priority": "Medium"},
        }
        made: str = self.ask("POST", f"{table}/", json={**must[table], **values})["id"]
        return made

    def shown(self, table: str, id: str) -> dict[str, Any]:
        """A record as its own page shows it."""
        name = {"leads": "lead_obj", "opportunities": "opportunity_obj"}.get(table)
        name = name or f"{table[:-1]}_obj"
        found: dict[str, Any] = self.ask("GET", f"{table}/{id}/")[name]
        return found

    def change(self, table: str, id: str, **values: Any) -> None:
        self.ask("PATCH", f"{table}/{id}/", json=values)

    def delete(self, table: str, id: str) -> None:
        self.ask("DELETE", f"{table}/{id}/")


@dataclass
class Server:
    """A BottleCRM that runs."""

    url: str
    key: str

    def organisation(self, scopes: Sequence[str] = ()) -> Organisation:
        """A new organisation with nothing in it."""
        person = Organisation(self.url, "", "", self._signed())
        name = {"name": f"Organisation {next(_numbers)} {os.getpid()}"}
        org = person.ask("POST", "org/", token=person.signed_in, json=name)["org"]["id"]
        signed = self._signed(org_id=org)
        body = {"name": "salesml", "scopes": list(scopes)}
        token = person.ask("POST", "profile/tokens/", token=signed, json=body)["token"]
        return Organisation(self.url, org, token, signed)

    def _signed(self, **claims: Any) -> str:
        always = {"token_type": "access", "user_id": _USER, "exp": _NEVER, "iat": 0, "jti": "test"}
        return jwt.encode({**always, **claims}, self.key, algorithm="HS256")


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A BottleCRM whose data lie in *folder*, until the block is left."""
    command = [VENV / "bin/python", ROOT / "tools/bottlecrm/serve.py", "--folder", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        said = process.stdout.readline().split()
        assert said, "BottleCRM did not start; what it said stands above"
        yield Server(said[-1], (folder / "secret_key").read_text())
    finally:
        process.terminate()
        process.communicate(timeout=300)


def missing() -> str | None:
    """Why BottleCRM cannot be started here; None if it can."""
    if (VENV / ".migrated").exists():
        return None
    find = subprocess.run([ROOT / "tools/bottlecrm/find_python"], capture_output=True, text=True)
    return find.stderr.strip() or "BottleCRM is not installed: make .venv-crm/.migrated"
