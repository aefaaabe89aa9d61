"""Looking records up by their key."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from salesml.crm.dataverse.service import Service
from salesml.crm.dataverse.tables import Column, Table
from salesml.crm.dataverse.values import guid, shown
from salesml.crm.dataverse.writing import Version
from salesml.crm.records import Fetched, Seen

__all__ = ["Looker", "parts"]

_MOST_IDS = 200
_MOST_LETTERS = 12_000  # of the ids in an address, which may have 32,768
_CLOSED = {
    ("lead", 1): "qualified",
    ("lead", 2): "disqualified",
    ("opportunity", 1): "won",
    ("opportunity", 2): "lost",
}


class Looker:
    """Finds the records of one table by one key."""

    def __init__(self, service: Service, table: Table, key: str) -> None:
        self._service, self._table, self._key = service, table, table.column(key)

    def fetch(self, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        """As `Connection.fetch` says."""
        columns = [self._table.column(field) for field in fields]
        found: Fetched = {}
        for part in parts(self._possible(ids)):
            rows = list(self._service.rows(self._table.entity_set, self._query(part, columns)))
            found |= self._matched(part, rows, columns)
        return found

    def _possible(self, ids: Sequence[str]) -> list[str]:
        """Those that the column can hold; a request with another one fails as a whole."""
        kind = self._key.kind
        ids = [i for i in ids if i == i.encode(errors="replace").decode()]
        if kind == "UniqueidentifierType":
            return [i for i in ids if guid(i)]
        if kind in {"IntegerType", "BigIntType"}:
            return [i for i in ids if i.isascii() and i.lstrip("-").isdigit()]
        return ids

    def _query(self, ids: Sequence[str], columns: Sequence[Column]) -> dict[str, str]:
        wanted = [self._table.id, self._key.name, *_states(self._table)]
        names = dict.fromkeys([*wanted, *(column.wire for column in columns)])
        # a list of texts in double quotes: the only form that takes apostrophes
        return {
            "$select": ",".join(names),
            "$filter": "Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)",
            "@p1": f"'{self._key.name}'",
            "@p2": json.dumps(list(ids), ensure_ascii=False),
        }

    def _matched(
        self, ids: Sequence[str], rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]
    ) -> Fetched:
        by_key: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            by_key.setdefault(_folded(row[self._key.name]), []).append(row)
        shown_as = {i: by_key[_folded(i)] for i in ids if _folded(i) in by_key}
        return {i: self._seen(i, same, columns) for i, same in shown_as.items()}

    def _seen(
        self, external: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]
    ) -> Seen:
        row = rows[0]
        fields = {column.name: shown(column, row.get(column.wire)) for column in columns}
        token = Version(row[self._table.id], row["@odata.etag"])
        return Seen(fields, token, self._barred(external, rows))

    def _barred(self, external: str, rows: Sequence[Mapping[str, Any]]) -> str:
        row = rows[0]
        if len(rows) > 1:
            return f"{len(rows)} records share this id"
        if row.get("merged"):
            return f"merged into {row.get('_masterid_value') or 'another record'}"
        if row.get("statecode"):
            state = row["statecode"]
            return _CLOSED.get((self._table.name, state), f"deactivated (statecode {state})")
        key = str(row[self._key.name])
        exact = key == external or self._key.kind != "StringType"
        return "" if exact else f"its {self._key.name} is written '{key}'"


def _states(table: Table) -> list[str]:
    names = [name for name in ("statecode", "merged") if name in table.columns]
    merged = "masterid" in table.columns and "merged" in table.columns
    return [*names, "_masterid_value"] if merged else names


def _folded(value: object) -> str:
    """*value* as the collation of the database compares it: by letters, not by their case."""
    return unicodedata.normalize("NFKC", str(value)).casefold().rstrip()


def parts(ids: Sequence[str]) -> Iterator[list[str]]:
    """*ids* in parts that each fit into one address."""
    part: list[str] = []
    letters = 0
    for i in ids:
        size = len(quote(i)) + 9  # quotes and a comma, escaped
        if part and (len(part) == _MOST_IDS or letters + size > _MOST_LETTERS):
            yield part
            part, letters = [], 0
        part.append(i)
        letters += size
    if part:
        yield part
