"""Secrets stand as references in files, and are looked up only when a connection is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from salesml import crm, secrets
from salesml.config import load_project
from salesml.errors import ConfigError
from salesml.secrets import SECRETS, is_left, looked_up, problem_of, resolved

HUBSPOT = {"type": "hubspot", "token": "${CRM_TOKEN}"}
LITERAL = "pat-na1-hunter2"


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the flows would read from Prefect."""
    kept: dict[str, str] = {}
    monkeypatch.setattr(secrets, "_resolvers", {})
    secrets.register(kept.__getitem__)
    return kept


def company(root: Path, **connection: Any) -> Path:
    """The small company with one more connection, which its target uses."""
    tiny.make_company(root)
    tiny.change(root, "configs/tiny/export.yml", "connections", {"hub": connection})
    tiny.change(root, "configs/tiny/export.yml", "targets.customers.connection", "hub")
    return root


# what files may say ----------------------------------------------------------------------------


@pytest.mark.parametrize("setting", sorted(SECRETS))
@pytest.mark.parametrize("text", ["${CRM_TOKEN}", " ${A_1} ", "prefect:crm-token"])
def test_a_reference_is_fine(setting: str, text: str) -> None:
    assert problem_of(setting, text) is None


@pytest.mark.parametrize("setting", sorted(SECRETS))
@pytest.mark.parametrize(
    "text",
    [LITERAL, "", "Bearer ${CRM_TOKEN}", "${CRM_TOKEN:-hunter2}", "${A}${B}", "prefect:", "$TOKEN"],
)
def test_anything_else_is_refused_and_not_shown(setting: str, text: str) -> None:
    said = problem_of(setting, text)
    assert said is not None
    assert f"'{setting}' must be a reference" in said
    assert not text or text not in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://crm:${PASSWORD}@db:5432/crm",
        "postgresql://crm@db/crm",
        "postgresql://db/crm?sslmode=require",
        "${DSN}",
        "${DSN:-postgresql://crm@localhost/crm}",
        "host=db user=crm password=${PASSWORD} dbname=crm",
        "host=db user=crm password='${PASSWORD}'",
        "prefect:crm-dsn",
        "var/mine/ledger.sqlite",
        "https://example.my.salesforce.com",
    ],
)
def test_addresses_without_a_password(text: str) -> None:
    assert problem_of("dsn", text) is None


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://crm:hunter2@db:5432/crm",
        "postgresql://crm:hunter2${X}@db/crm",
        "postgresql://crm:${PASSWORD:-hunter2}@db/crm",
        "${DSN:-postgresql://crm:hunter2@db/crm}",
        "host=db user=crm password=hunter2 dbname=crm",
        "host=db PASSWORD = 'hunter 2'",
        "postgresql://db/crm?user=crm&password=hunter2",
        "postgresql://db/crm?sslpassword=hunter2",
        "https://user:hunter2@crm.example.com",
    ],
)
def test_addresses_with_a_password(text: str) -> None:
    said = problem_of("dsn", text)
    assert said is not None
    assert "'dsn' holds a password" in said
    assert "hunter" not in said


@given(st.text(max_size=40))
def test_no_text_is_ever_shown(text: str) -> None:
    said = problem_of("token", f"x{text}")
    assert said == problem_of("token", "y")


def test_only_secrets_of_connections_are_left() -> None:
    assert is_left(("connections", "crm", "token"))
    assert is_left(("connections", "crm", "dsn"))
    assert is_left(("ledger",))
    assert not is_left(("connections", "crm", "path"))
    assert not is_left(("sources", "crm", "token"))
    assert not is_left(())


# projects --------------------------------------------------------------------------------------


def test_a_project_is_read_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_TOKEN", raising=False)
    project = load_project("tiny", company(tmp_path, **HUBSPOT))
    assert project.connections["hub"] == HUBSPOT
    assert project.where("export.yml", "connections").endswith("export.yml:13, connections")


def test_whoever_prints_a_project_prints_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_TOKEN", LITERAL)
    project = load_project("tiny", company(tmp_path, **HUBSPOT))
    assert "hunter2" not in repr(project)


def test_literal_secrets_are_listed_with_their_lines(tmp_path: Path) -> None:
    root = company(tmp_path, type="hubspot", token=LITERAL)
    path = root / "configs/tiny/export.yml"
    text = path.read_text() + "ledger: postgresql://salesml:hunter2@db/ledger\n"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_project("tiny", root)
    said = str(caught.value)
    assert "export.yml has 2 problems" in said
    line = text.splitlines().index(f"    token: {LITERAL}") + 1
    assert f"export.yml:{line}: 'token' must be a reference" in said
    assert f"export.yml:{len(text.splitlines())}: 'ledger' holds a password" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("token", [123456, 1.5, True, "2024-05-01", "12:30"])
def test_a_literal_of_whatever_type_is_not_shown(tmp_path: Path, token: object) -> None:
    root = tiny.make_company(tmp_path)
    path = root / "configs/tiny/sources.yml"
    path.write_text(path.read_text().replace("path: crm.sqlite", f"token: {token}"))
    with pytest.raises(ConfigError, match="must be a reference") as caught:
        load_project("tiny", root)
    assert str(token) not in str(caught.value)


def test_limits_of_a_connection(tmp_path: Path) -> None:
    root = company(tmp_path, **HUBSPOT)
    tiny.change(root, "configs/tiny/export.yml", "limits", {"hub": {"share": 0.3, "rows": 9}})
    project = load_project("tiny", root)
    assert (project.limits["hub"].share, project.limits["hub"].rows) == (0.3, 9)
    assert (project.limits["hub"].calls, project.ledger) == (None, "")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"hup": {"share": 0.3}}, "there is no connection 'hup'. Did you mean 'hub'?"),
        ({"hub": {"share": 0}}, "greater than 0"),
        ({"hub": {"share": 1.5}}, "less than or equal to 1"),
        ({"hub": {"calls": -1}}, "greater than or equal to 0"),
        ({"hub": {"call": 1}}, "unknown key 'limits.hub.call'. Did you mean 'calls'?"),
    ],
)
def test_limits_that_make_no_sense(tmp_path: Path, limits: dict[str, Any], said: str) -> None:
    root = company(tmp_path, **HUBSPOT)
    tiny.change(root, "configs/tiny/export.yml", "limits", limits)
    with pytest.raises(ConfigError) as caught:
        load_project("tiny", root)
    assert said in str(caught.value)


# looking them up -------------------------------------------------------------------------------


def test_they_are_looked_up_where_the_connection_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    monkeypatch.setitem(crm._CONNECTORS, "hubspot", lambda _, spec: seen.append(dict(spec)))
    monkeypatch.setenv("CRM_TOKEN", f"{LITERAL}\n")
    crm.connect("hub", HUBSPOT)
    assert seen == [{"type": "hubspot", "token": LITERAL}]


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("CRM_TOKEN", value)
    with pytest.raises(ConfigError, match="variable CRM_TOKEN is not set") as caught:
        resolved("hub", HUBSPOT)
    assert caught.value.where == "connection hub, token"
    assert caught.value.fix == "Set CRM_TOKEN where salesml runs."


def test_parts_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "p@ss")
    found = looked_up("dsn", "host=${HOST_X:-db} password=${PASSWORD}", "ledger")
    assert found == "host=db password=p@ss"


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "ｔｏｋｅｎ"])
def test_a_token_that_no_header_can_carry(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver would show the whole header."""
    monkeypatch.setattr("os.environ", {"CRM_TOKEN": value})
    with pytest.raises(ConfigError, match="holds line breaks or letters") as caught:
        resolved("hub", HUBSPOT)
    assert value not in str(caught.value)


def test_a_private_key_has_lines_and_a_password_any_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"
    monkeypatch.setattr("os.environ", {"KEY": f"{key}\n", "PASSWORD": "合言葉"})
    found = resolved("x", {"private_key": "${KEY}", "password": "${PASSWORD}"})
    assert found == {"private_key": key, "password": "合言葉"}


# Prefect ---------------------------------------------------------------------------------------


def test_a_block_is_read_by_whom_the_flows_registered(blocks: dict[str, str]) -> None:
    blocks["crm-token"] = "0012\n"
    assert resolved("hub", {"token": "prefect:crm-token"}) == {"token": "0012"}
    assert looked_up("ledger", "prefect:crm-token", "x") == "0012\n"
    # what is no secret is a text like any other
    assert resolved("hub", {"path": "prefect:crm-token"}) == {"path": "prefect:crm-token"}


@pytest.mark.usefixtures("blocks")
def test_a_block_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="block 'crm-token' cannot be read") as caught:
        resolved("hub", {"token": "prefect:crm-token"})
    assert caught.value.received == "KeyError"
    assert caught.value.__suppress_context__, "its words may show the secret"
    assert "Make a block of type Secret called crm-token" in str(caught.value.fix)


def test_outside_the_flows_there_are_no_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_resolvers", {})
    with pytest.raises(ConfigError, match="which flows alone can read") as caught:
        resolved("hub", {"token": "prefect:crm-token"})
    assert "python -m flows.nightly" in str(caught.value.fix)
