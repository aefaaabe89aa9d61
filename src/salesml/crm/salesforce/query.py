"""Reading whole objects by query jobs of Bulk API 2.0."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import httpx

from salesml.crm.base import DELETED, literal, quote, reading
from salesml.crm.salesforce.answers import refused
from salesml.crm.salesforce.objects import NUMBERS, WHOLE, Field
from salesml.crm.salesforce.rest import Rest
from salesml.crm.salesforce.waiting import awaited
from salesml.errors import SourceError

__all__ = ["loaded"]

_PAGE = 100_000
_LONGEST_LINE = 64 * 2**20
_KINDS = {"boolean": "BOOLEAN", "date": "DATE", "datetime": "TIMESTAMP"}


def loaded(
    rest: Rest,
    soql: str,
    fields: Sequence[Field],
    con: duckdb.DuckDBPyConnection,
    into: str,
) -> None:
    """Make the temporary table *into* in *con* of what *soql* finds, recycle bin and archive too.

    Results are fetched page by page by their locator; no more than one page lies on the disk.
    """
    _create(con, into, fields)
    tail = f"jobs/query/{_begun(rest, soql)}"
    told = awaited(rest, tail)
    if told is None or told["state"] != "JobComplete":
        raise SourceError(
            "Salesforce could not work through the query.",
            received=(told or {}).get("errorMessage") or (told or {}).get("state"),
            where=rest.where(tail),
            fix="See Bulk Data Load Jobs in Setup, and what the user may see.",
        )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.csv"
        for _ in _pages(rest, tail, page):
            with reading(rest.where(tail)):
                _insert(con, into, fields, page)


def _begun(rest: Rest, soql: str) -> str:
    body = {
        "operation": "queryAll",
        "query": soql,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    response = rest.api.post(rest.path("jobs/query"), safe=True, json=body)
    if response.is_error:
        where = rest.where("jobs/query")
        raise refused(response, SourceError, "Salesforce refuses the query.", where)
    return str(response.json()["id"])


def _pages(rest: Rest, tail: str, page: Path) -> Iterator[None]:
    """Write one page of results after the other to the file *page*."""
    locator = ""
    while locator != "null":
        at = f"&locator={locator}" if locator else ""
        address = f"{tail}/results?maxRecords={_PAGE}{at}"
        locator = rest.streamed(address, lambda response: _kept(response, page))
        yield


def _kept(response: httpx.Response, page: Path) -> str:
    """The locator of the next page; ``null`` after the last."""
    with page.open("wb") as file:
        for block in response.iter_bytes():
            file.write(block)
    return response.headers.get("Sforce-Locator") or "null"


def _create(con: duckdb.DuckDBPyConnection, into: str, fields: Sequence[Field]) -> None:
    columns = ", ".join(f"{quote(field.name)} {_kind(field)}" for field in fields)
    con.execute(f"create or replace temp table {quote(into)} ({columns}, {DELETED} BOOLEAN)")


def _insert(con: duckdb.DuckDBPyConnection, into: str, fields: Sequence[Field], page: Path) -> None:
    if not page.stat().st_size:
        return
    names = {field.name for field in fields}
    columns = ", ".join(f"{literal(field.name)}: 'VARCHAR'" for field in fields)
    chosen = ", ".join(f"cast({quote(f.name)} as {_kind(f)})" for f in fields)
    deleted = 'cast("IsDeleted" as boolean)' if "IsDeleted" in names else "false"
    # not in parallel: texts may hold line ends
    con.execute(
        f"insert into {quote(into)} select {chosen}, {deleted} from read_csv({literal(str(page))}, "
        f"columns = {{{columns}}}, header = true, delim = ',', quote = '\"', escape = '\"', "
        f"nullstr = '', new_line = '\\n', max_line_size = {_LONGEST_LINE}, parallel = false)"
    )


def _kind(field: Field) -> str:
    if field.type in NUMBERS:
        return "BIGINT" if field.type in WHOLE else "DOUBLE"
    return _KINDS.get(field.type, "VARCHAR")
