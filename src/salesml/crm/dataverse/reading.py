"""Reading a table: its rows page by page, and which of them were deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote as escaped

import duckdb
import pyarrow as pa

from salesml.crm.base import DELETED, quote, reading, require_since
from salesml.crm.dataverse.service import Service
from salesml.crm.dataverse.tables import Column, Table
from salesml.crm.dataverse.values import duckdb_type, shown

__all__ = ["Reader"]

_LATE = dt.timedelta(minutes=10)
"""How late a change may show that is stamped earlier: as long as its transaction took."""

_ARROW = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_()}
_VERSION = "versionnumber"


class Reader:
    """Reads one table into a temporary table of DuckDB, with `DELETED`.

    Deleted rows come where the table tracks its changes, for as long as Dataverse keeps them
    (7 days by default), with their primary id and nothing else:
    https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems.
    """

    def __init__(self, service: Service, table: Table) -> None:
        self._service, self._table = service, table

    def load(
        self, con: duckdb.DuckDBPyConnection, into: str, since: tuple[str, str] | None
    ) -> None:
        """Make *into* with all rows, or those since a value of a column."""
        columns = list(self._table.columns.values())
        require_since(since, self._table.columns, self._table.name)
        kinds = ", ".join(f"{quote(column.name)} {duckdb_type(column)}" for column in columns)
        con.execute(f"create or replace temp table {quote(into)} ({kinds}, {DELETED} boolean)")
        for page in self._service.pages(self._table.entity_set, self._query(columns, since)):
            self._insert(con, into, columns, page, deleted=False)
        if since is not None and self._table.tracked:
            id_only = [self._table.columns[self._table.id]]
            for page in self._deleted(since):
                self._insert(con, into, id_only, page, deleted=True)

    def _query(self, columns: Sequence[Column], since: tuple[str, str] | None) -> dict[str, str]:
        query = {"$select": ",".join(column.wire for column in columns)}
        if since is not None:
            column = self._table.columns[since[0]]
            query["$filter"] = f"{column.wire} ge {_literal(column, since[1], _LATE)}"
        return query

    def _insert(
        self,
        con: duckdb.DuckDBPyConnection,
        into: str,
        columns: Sequence[Column],
        rows: Sequence[Mapping[str, Any]],
        *,
        deleted: bool,
    ) -> None:
        names = ", ".join(quote(column.name) for column in columns)
        arrays = [_array(column, rows) for column in columns]
        view = f"{into}_page"
        con.register(view, pa.table(arrays, names=[column.name for column in columns]))
        try:
            with reading(f"connection {self._service.name}, table {self._table.name}"):
                con.execute(
                    f"insert into {quote(into)} ({names}, {DELETED})"
                    f" select {names}, {str(deleted).lower()} from {quote(view)}"
                )
        finally:
            con.unregister(view)

    # what was deleted ---------------------------------------------------------------------------

    def _deleted(self, since: tuple[str, str]) -> Iterator[list[dict[str, Any]]]:
        """Ids of the rows deleted since then; none where Dataverse does not know any more."""
        address = self._first_changes(since)
        while address:
            response = self._service.api.get(address, headers={"Prefer": "odata.maxpagesize=5000"})
            if response.is_client_error:
                return  # the token is older than what is kept
            page = response.json()
            gone = [row["id"] for row in page["value"] if row.get("reason") == "deleted"]
            yield [{self._table.id: i} for i in gone]
            address = page.get("@odata.nextLink", "")

    def _first_changes(self, since: tuple[str, str]) -> str:
        """Address of the changes after the version that was newest at *since*.

        Tokens are made of a version and its time; whoever reads by a date knows none yet.
        """
        version = self._version_before(since)
        if version is None:
            return ""
        moment = dt.datetime.now(dt.UTC)
        token = escaped(f"{version}!{moment:%m/%d/%Y %H:%M:%S}", safe="")
        resource = f"{self._table.entity_set}?$select={self._table.id}&$deltatoken={token}"
        return self._service.path(resource)

    def _version_before(self, since: tuple[str, str]) -> int | None:
        if since[0] == _VERSION:
            return int(float(since[1]))
        column = self._table.columns[since[0]]
        if column.kind != "DateTimeType" or _VERSION not in self._table.columns:
            return None
        found = self._service.get(
            self._table.entity_set,
            params={
                "$select": _VERSION,
                "$filter": f"{column.wire} lt {_literal(column, since[1], _LATE)}",
                "$orderby": f"{_VERSION} desc",
                "$top": "1",
            },
        )
        rows = found["value"]
        return int(rows[0][_VERSION]) if rows else None


def _literal(column: Column, value: str, late: dt.timedelta) -> str:
    """*value* in a filter; a moment a little earlier."""
    kind = duckdb_type(column)
    if kind == "TIMESTAMP":
        moment = dt.datetime.fromisoformat(value)
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
        return f"{(moment - late).replace(microsecond=0).isoformat()}Z"
    if kind == "DATE":
        return value[:10] if column.bare else f"{value[:10]}T00:00:00Z"
    if kind in {"BIGINT", "DOUBLE", "BOOLEAN"} or column.kind == "UniqueidentifierType":
        return value
    text = value.replace("'", "''")
    return value if column.wire != column.name else f"'{text}'"


def _array(column: Column, rows: Sequence[Mapping[str, Any]]) -> pa.Array:
    kind = duckdb_type(column)
    values = [shown(column, row.get(column.wire)) for row in rows]
    if kind == "TIMESTAMP":
        values = [v.removesuffix("Z") if isinstance(v, str) else v for v in values]
    elif kind == "VARCHAR":
        values = [v if v is None or isinstance(v, str) else str(v) for v in values]
    return pa.array(values, _ARROW.get(kind, pa.string()))
