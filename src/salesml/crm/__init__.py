"""Connectors: reading a CRM, a database or files, and writing to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from salesml.crm.base import ROW, Connection
from salesml.crm.bottlecrm import BottleCrm
from salesml.crm.dataverse import Dataverse
from salesml.crm.duckdb import DuckDb
from salesml.crm.files import Files
from salesml.crm.hubspot import HubSpot
from salesml.crm.kintone import Kintone
from salesml.crm.postgres import Postgres
from salesml.crm.salesforce import Salesforce
from salesml.crm.sqlite import Sqlite
from salesml.errors import ConfigError, suggest
from salesml.secrets import resolved

__all__ = ["ROW", "Connection", "connect"]

_CONNECTORS: dict[str, Callable[[str, Mapping[str, str]], Connection]] = {
    "bottlecrm": BottleCrm,
    "dataverse": Dataverse,
    "duckdb": DuckDb,
    "files": Files,
    "hubspot": HubSpot,
    "kintone": Kintone,
    "postgres": Postgres,
    "salesforce": Salesforce,
    "sqlite": Sqlite,
}


def connect(name: str, spec: Mapping[str, str]) -> Connection:
    """The connection *name* that *spec* describes, like ``{"type": "sqlite", "path": "crm.db"}``.

    Nothing is opened yet, but ``${NAME}`` and ``prefect:<block>`` are looked up. Raises ConfigError
    for an unknown type or setting, and for a secret that is not there.
    """
    kind = spec.get("type", "")
    if kind not in _CONNECTORS:
        raise ConfigError(
            f"Connection '{name}' is of no known type.{suggest(kind, _CONNECTORS)}",
            received=f"type {kind!r}",
            where=f"connection {name}",
            fix=f"Use one of {', '.join(_CONNECTORS)}.",
        )
    return _CONNECTORS[kind](name, resolved(name, spec))
