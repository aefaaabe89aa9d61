from __future__ import annotations

import pickle

import pytest

from salesml.crm import connect
from salesml.errors import ConfigError


def test_unknown_type_is_refused_with_a_near_miss() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'postgres'") as error:
        connect("crm", {"type": "postgre", "dsn": "x"})
    assert "connection crm" in str(error.value)


def test_missing_type_is_refused() -> None:
    with pytest.raises(ConfigError, match="sqlite"):
        connect("crm", {"path": "x"})


def test_unknown_setting_is_refused_with_a_near_miss() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'path'"):
        connect("crm", {"type": "sqlite", "pth": "x"})


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "files", "postgres"])
def test_each_type_needs_its_setting(kind: str) -> None:
    with pytest.raises(ConfigError, match="needs the setting"):
        connect("crm", {"type": kind})


def test_connections_travel_to_other_processes() -> None:
    spec = {"type": "postgres", "dsn": "postgresql://me:secret@host/db"}
    assert pickle.loads(pickle.dumps(connect("crm", spec))).name == "crm"
