"""The connection to one organisation in BottleCRM."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import duckdb
import httpx

from salesml.crm.base import literal, quote, reading, require_since
from salesml.crm.bottlecrm.access import Access, content, refusal, told
from salesml.crm.bottlecrm.fields import (
    Field,
    body_of,
    fields_of,
    hindrance,
    shown,
    takes,
    text_of,
)
from salesml.crm.bottlecrm.listing import MovedError, pages, path, rows_of
from salesml.crm.bottlecrm.tables import TABLES, Table, table_of
from salesml.crm.fitting import missing, repeated, require_fit
from salesml.crm.http import Api
from salesml.crm.pages import Pages
from salesml.crm.records import (
    Allowance,
    Fate,
    Fetched,
    Jobs,
    Refusal,
    Seen,
    Tolerance,
    Write,
)
from salesml.crm.settings import settings_of
from salesml.errors import ExportError, SourceError, UnansweredError

__all__ = ["BottleCrm"]

_ID = "id"
_AT_ONCE = 4
_READINGS = 5
_NO_RECORD = "00000000-0000-0000-0000-000000000000"
_CENT = Tolerance(absolute=0.005)

T = TypeVar("T")
U = TypeVar("U")


class BottleCrm:
    """The organisation that the personal access token belongs to, in the BottleCRM at ``url``.

    A table is accounts, contacts, leads, opportunities, tasks or cases; custom fields are called
    by their key, or ``cf_<key>`` where BottleCRM has a field of that name. A record is told by its
    ``id``, or by a custom field of text. Converted leads stand in no list of BottleCRM: they are
    found by ``id`` alone. Measured on release 1.35.0 (https://pypi.org/project/django-crm/), which
    has no limits, no bulk requests and no revisions: what people write in the same instant is lost.
    """

    batch = 40

    def __init__(self, name: str, spec: Mapping[str, str]) -> None:
        settings = settings_of(name, spec, ["url", "token"])
        self.name, self._access = name, Access(name, settings["token"])
        self._api = Api(name, settings["url"], self._access.sign_in, answer=self._access.answer)
        self._known: dict[str, dict[str, Field]] = {}

    @property
    def calls(self) -> int:
        """Requests made so far."""
        return self._api.calls

    # reading -----------------------------------------------------------------------------------

    def load(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        into: str,
        *,
        options: Mapping[str, str],  # noqa: ARG002
        since: tuple[str, str] | None,
    ) -> None:
        chosen = table_of(table, self.name)
        fields = self._fields(chosen, fresh=True)
        require_since(since, fields, table)
        for _ in range(_READINGS):
            try:
                self._load(con, chosen, into, fields)
            except MovedError:
                continue
            return self._keep_since(con, into, fields, since)
        raise SourceError(
            "Records come and go faster than they can be read.",
            received=f"{_READINGS} readings that each missed some",
            where=f"connection {self.name}, table {table}",
            fix="Read at night, when nothing else makes or deletes so many records.",
        )

    def _load(
        self, con: duckdb.DuckDBPyConnection, table: Table, into: str, fields: Mapping[str, Field]
    ) -> None:
        columns = {name: field.column for name, field in fields.items()}
        rows = Pages(con, into, columns, f"connection {self.name}, table {table.name}")
        for page in pages(self._ask, table):
            whole = [record for record in _at_once(lambda r: self._whole(table, r), page) if record]
            rows.add([{n: text_of(record, f) for n, f in fields.items()} for record in whole])
        rows.finish()

    def _keep_since(
        self,
        con: duckdb.DuckDBPyConnection,
        into: str,
        fields: Mapping[str, Field],
        since: tuple[str, str] | None,
    ) -> None:
        """Drop what is older: BottleCRM cannot be asked for what changed."""
        if since is not None:
            with reading(f"connection {self.name}"):
                newer = f"{quote(since[0])} >= {literal(since[1])}::{fields[since[0]].column}"
                con.execute(f"delete from {quote(into)} where ({newer}) is not true")

    def fingerprint(self, table: str) -> str | None:  # noqa: ARG002
        """None: nothing tells."""
        return None

    def columns(self, table: str) -> dict[str, str]:
        fields = self._fields(table_of(table, self.name))
        return {name: field.kind.word for name, field in fields.items()}

    # targets -----------------------------------------------------------------------------------

    def exists(self, table: str) -> bool:
        return table in TABLES

    def check_target(
        self, table: str, key: str, fields: Mapping[str, type | None], *, create: bool
    ) -> list[str]:
        chosen = table_of(table, self.name, ExportError)
        known = self._fields(chosen, fresh=True)
        problems = missing([key, *fields], known)
        problems += [p for n, t in fields.items() if n in known for p in _unfit(known[n], t)]
        problems += _no_key(known.get(key), create)
        problems += _not_made(chosen, fields) if create else []
        problems += self._no_right(chosen, create)
        problems += [] if problems else self._repeated(chosen, known[key])
        require_fit(problems, table, known)
        return self._required(chosen)

    def ensure_table(self, table: str, key: str, fields: Mapping[str, type]) -> None:
        """Nothing: administrators define custom fields."""

    def tolerances(self, table: str, fields: Sequence[str]) -> dict[str, Tolerance]:
        known = self._fields(table_of(table, self.name))
        return {f: found for f in fields if f in known and (found := _tolerance(known[f]))}

    def _no_right(self, table: Table, create: bool) -> list[str]:
        """A line for what the token may not do: asked by writing nothing."""
        tried = [self._ask("PATCH", path(table, _NO_RECORD), safe=True, json={})]
        if create and table.needed:  # else nothing would be something
            tried.append(self._ask("POST", path(table), safe=True, json={}))
        refused = [r for r in tried if r.status_code == httpx.codes.FORBIDDEN]
        return [f"this token may not write {table.name}: {told(r)}" for r in refused[:1]]

    def _repeated(self, table: Table, key: Field) -> list[str]:
        """A line if some of the first records share a key; the rest is found when it is written."""
        if key.name == _ID:
            return []
        page = (self._whole(table, row) for row in next(pages(self._ask, table)))
        values = [value for record in page if record and (value := shown(record, key))]
        return repeated(key.name, sorted({v for v in values if values.count(v) > 1})[:5])

    def _required(self, table: Table) -> list[str]:
        needed = [d["key"] for d in self._definitions(table) if d["is_required"] and d["is_active"]]
        return [
            f"records of {table.name} without '{key}' refuse every change: the field is required"
            for key in needed
        ]

    # records -----------------------------------------------------------------------------------

    def fetch(self, table: str, key: str, ids: Sequence[str], fields: Sequence[str]) -> Fetched:
        chosen = table_of(table, self.name)
        known = self._fields(chosen)
        wanted = [known[name] for name in fields]
        found = _at_once(lambda i: self._seen(chosen, known[key], i, wanted), ids)
        return {i: seen for i, seen in zip(ids, found, strict=True) if seen is not None}

    def _seen(self, table: Table, key: Field, id_: str, wanted: Sequence[Field]) -> Seen | None:
        records = self._looked_up(table, key, id_)
        if not records:
            return None
        record = records[0]
        barred = "converted" if record.get("status") == "converted" else ""
        if len(records) > 1:
            barred = f"{len(records)} records share this {key.name}"
        return Seen({field.name: shown(record, field) for field in wanted}, record[_ID], barred)

    def _looked_up(self, table: Table, key: Field, id_: str) -> list[dict[str, Any]]:
        """The records whose *key* is *id_*, three at most."""
        if key.name == _ID:
            found = self._one(table, id_) if _is_id(id_) else None
            return [found] if found else []
        asked = {f"cf_{key.key}": id_, "limit": 3}
        answer = self._ask("GET", path(table), params=asked)
        rows = [self._whole(table, row) for row in rows_of(answer, table)]
        # a filter that is not understood filters nothing
        return [row for row in rows if row and shown(row, key) == id_]

    def _whole(self, table: Table, row: dict[str, Any]) -> dict[str, Any] | None:
        """*row* of a list with its custom fields, which the list of tasks lacks."""
        return row if "custom_fields" in row else self._one(table, row[_ID])

    def _one(self, table: Table, id_: str) -> dict[str, Any] | None:
        response = self._ask("GET", path(table, id_))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = content(response, table.shown)
        return found

    def write(
        self,
        table: str,
        key: str,
        writes: Sequence[Write],
        *,
        jobs: Jobs,  # noqa: ARG002
    ) -> dict[str, Refusal]:
        chosen = table_of(table, self.name)
        fields = self._fields(chosen)
        refused = _at_once(lambda write: self._written(chosen, key, write, fields), writes)
        return {w.id: why for w, why in zip(writes, refused, strict=True) if why is not None}

    def _written(
        self, table: Table, key: str, write: Write, fields: Mapping[str, Field]
    ) -> Refusal | None:
        values = dict(write.fields) if write.seen else {**write.fields, key: write.id}
        hindered = [why for n, v in values.items() if (why := hindrance(fields[n], v))]
        if hindered:
            return Refusal(Fate.DEAD, "; ".join(hindered))
        body = body_of(values, fields)
        try:
            if write.seen:
                return refusal(self._ask("PATCH", path(table, write.seen.token), json=body))
            refused = refusal(self._ask("POST", path(table), json=body))
        except UnansweredError:
            return Refusal(Fate.RETRY, "no answer came")
        if refused and self._looked_up(table, fields[key], write.id):
            return Refusal(Fate.CHANGED, "the record is there meanwhile")
        return refused

    # the rest ----------------------------------------------------------------------------------

    def settle(self, job: str) -> None:
        """Nothing goes on without us."""

    def allowance(self) -> Allowance:
        """No limit."""
        return Allowance()

    def cost(self, rows: int) -> int:
        """A look and a change for each."""
        return 2 * rows

    def _ask(self, method: str, path: str, *, safe: bool = False, **options: Any) -> httpx.Response:
        with self._access.turn():
            return self._api.request(method, path, safe=safe or method == "GET", **options)

    def _fields(self, table: Table, *, fresh: bool = False) -> dict[str, Field]:
        if fresh or table.name not in self._known:
            self._known[table.name] = fields_of(table, self._definitions(table))
        return self._known[table.name]

    def _definitions(self, table: Table) -> list[dict[str, Any]]:
        asked = {"target_model": table.model, "include_counts": "false"}
        answer = self._ask("GET", "/api/custom-fields/", params=asked)
        found: list[dict[str, Any]] = content(answer, "definitions")
        return found


def _at_once(function: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """``function`` of each, several at a time; after an error no more are begun."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _unfit(field: Field, wanted: type | None) -> list[str]:
    if not field.kind.written:
        return [f"'{field.name}' cannot be set"]
    if not takes(field.kind, wanted):
        return [f"'{field.name}' takes a {field.kind.word}, not {wanted and wanted.__name__}"]
    return []


def _no_key(key: Field | None, create: bool) -> list[str]:
    if key is None or (key.key is not None and key.kind.word in {"text", "choice"}):
        return []
    if key.name != _ID:
        return [f"'{key.name}' is no key: records are found by id or by a custom field of text"]
    return ["records that are made get an id of BottleCRM's own: name a custom field"] * create


def _not_made(table: Table, fields: Mapping[str, object]) -> list[str]:
    if table.name == "leads":
        return ["leads are not made: a converted one is in no list, and would be made again"]
    lacking = [name for name in table.needed if name not in fields]
    return [f"records without '{name}' cannot be made" for name in lacking]


def _tolerance(field: Field) -> Tolerance | None:
    if field.key is None and field.kind.word == "text":
        return Tolerance(length=field.kind.length, trims=True)
    return _CENT if field.key is None and field.kind.word == "number" else None
