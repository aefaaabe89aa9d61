"""One environment of Dataverse, read and written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import duckdb

from salesml.crm.base import Local
from salesml.crm.dataverse.checking import Checker
from salesml.crm.dataverse.looking import Looker
from salesml.crm.dataverse.reading import Reader
from salesml.crm.dataverse.service import Service
from salesml.crm.dataverse.tables import Tables
from salesml.crm.dataverse.writing import Writer
from salesml.crm.records import Fetched, Jobs, Refusal, Tolerance, Write
from salesml.crm.settings import settings_of
from salesml.errors import ConfigError, ExportError

__all__ = ["Dataverse"]

_NEEDED = ("url", "tenant", "client_id", "client_secret")
_OPTIONAL = {
    "login": "https://login.microsoftonline.com",
    "version": "v9.2",
    "environment": "production",
}
_ENVIRONMENTS = ("production", "sandbox")


class Dataverse(Local):
    """The environment at ``url``; tables and columns go by their logical names."""

    batch = 100  # each row takes the system about 0.1 s: a stop is to take seconds

    def __init__(self, name: str, spec: Mapping[str, str]) -> None:
        self.name = name
        settings = settings_of(name, spec, _NEEDED, _OPTIONAL)
        self._environment = settings["environment"]
        if self._environment not in _ENVIRONMENTS:
            raise ConfigError(
                f"Connection '{name}' has an unknown environment.",
                received=self._environment,
                where=f"connection {name}",
                fix=f"Write {' or '.join(_ENVIRONMENTS)}.",
            )
        self._service = Service(name, settings)
        self._tables = Tables(self._service)

    @property
    def calls(self) -> int:  # type: ignore[override]
        """Requests sent so far."""
        return self._service.api.calls

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],  # noqa: ARG002
        since: tuple[str, str] | None,
    ) -> None:
        Reader(self._service, self._tables.require(table)).load(con, into, since)

    def fingerprint(self, table: str) -> str | None:  # noqa: ARG002
        """None: nothing tells cheaply whether a table changed."""
        return None

    def columns(self, table: str) -> dict[str, str]:
        found = self._tables.require(table).columns.values()
        return {column.name: column.kind.removesuffix("Type") for column in found}

    def exists(self, table: str) -> bool:
        return self._tables.find(table) is not None

    def check_target(
        self, table: str, key: str, fields: Mapping[str, type | None], *, create: bool
    ) -> list[str]:
        found = self._tables.require(table, ExportError)
        checker = Checker(self._service, found, key, fields)
        return checker.check(self._environment, create=create)

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        """Nothing: people make tables."""

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:
        found = self._tables.require(table)
        return {field: found.column(field).tolerance for field in fields}

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        return Looker(self._service, self._tables.require(table), key).fetch(ids, fields)

    def write(
        self,
        table: str,
        key: str,
        writes: Sequence[Write],
        *,
        jobs: Jobs,  # noqa: ARG002
    ) -> dict[str, Refusal]:
        found = self._tables.require(table, ExportError)
        return Writer(self._service, found, key).write(writes)

    def cost(self, rows: int) -> int:
        """A look-up and two tries to write for each batch, and the description of the table."""
        return 3 * math.ceil(rows / self.batch) + 8 if rows else 0
