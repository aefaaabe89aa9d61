"""The environment behind the stand-in: its records, its rules, its faults."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crm.dataverse.fake_rules import (
    RefusedError,
    folded,
    require_unique,
    require_values,
    stored,
)
from crm.dataverse.fake_tables import Table, etag, id_of, shown, tables, wire

ROOT = "/api/data/v9.2/"
USER = id_of("user")
_MOST_ROWS, _MOST_OPERATIONS, _MOST_VALUES = 5_000, 1_000, 500
_IN = "Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)"
_ONE = re.compile(r"(\w+)\(([^()]*)\)")
_ACTION = re.compile(r"(\w+)/Microsoft\.Dynamics\.CRM\.(CreateMultiple|UpdateMultiple)")


@dataclass
class Ask:
    """A request, or a part of a batch."""

    method: str
    resource: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        if "application/json" not in self.headers.get("content-type", ""):
            raise RefusedError(415, "", "The content type is not supported.")
        try:
            found: dict[str, Any] = json.loads(self.body, parse_constant=_no_constant)
        except ValueError:
            raise RefusedError(400, "0x80048d19", "Error identified in Payload: no JSON.") from None
        return found


def _no_constant(text: str) -> float:
    raise ValueError(text)


@dataclass
class Told:
    """An answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Environment:
    """One environment, its state in memory."""

    tables: dict[str, Table] = field(default_factory=tables)
    kind: str = "Customer"
    secret: str = "s3cret"
    tokens: set[str] = field(default_factory=set)
    signed_in: int = 0
    names: set[str] = field(default_factory=set)
    """Further addresses of the environment."""
    version: int = 1_000
    expired_before: int = 0
    missing: set[str] = field(default_factory=set)
    """Privileges that the user lacks."""
    open_columns: set[str] = field(default_factory=set)
    """Secured columns that are open to the user."""
    faults: list[tuple[str, RefusedError]] = field(default_factory=list)
    """Pattern on ``METHOD resource``, and what is answered once instead."""
    broken: dict[str, list[RefusedError]] = field(default_factory=dict)
    """What writes of a record (by its id) are refused with, one after the other."""
    poison: str = "poison"
    """A text in a value that a plug-in breaks down at, for ever."""
    before_writing: Callable[[], None] | None = None
    asked: list[str] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    now: dt.datetime = dt.datetime(2025, 3, 1, 12)

    # what tests do --------------------------------------------------------------------------------

    def make(self, table: str, **values: Any) -> str:
        """Somebody makes a record; its id."""
        record = str(uuid.uuid4())
        blank, first = self.tables[table].blank(), {self.tables[table].id: record}
        self.tables[table].records[record] = {**blank, **first, **values, **self._stamp()}
        return record

    def edit(self, table: str, record: str, **values: Any) -> None:
        """Somebody changes a record."""
        self.tables[table].records[record].update({**values, **self._stamp()})

    def delete(self, table: str, record: str) -> None:
        """Somebody deletes a record."""
        del self.tables[table].records[record]
        self.tables[table].deleted.append((self._stamp()["versionnumber"], record))

    def sign_out(self) -> None:
        """All tokens expire."""
        self.tokens.clear()

    def _stamp(self) -> dict[str, Any]:
        self.version += 1
        return {"versionnumber": self.version, "modifiedon": f"{self.now.isoformat()}Z"}

    # requests -------------------------------------------------------------------------------------

    def answer(self, ask: Ask) -> Told:
        self.asked.append(f"{ask.method} {ask.resource}")
        for fault in self.faults:
            if re.match(fault[0], f"{ask.method} {ask.resource}"):
                self.faults.remove(fault)
                return told(fault[1])
        try:
            return self._answered(ask)
        except RefusedError as refused:
            return told(refused)

    def _answered(self, ask: Ask) -> Told:
        name = re.split(r"[(/]", ask.resource)[0]
        special = {
            "WhoAmI": lambda: Told(200, {"UserId": USER}),
            "EntityDefinitions": lambda: self._definition(ask),
            "sdkmessagefilters": lambda: self._messages(ask),
            "systemusers": lambda: self._rights(ask),
            "RetrieveCurrentOrganization": lambda: Told(
                200, {"Detail": {"OrganizationType": self.kind}}
            ),
        }
        if name in special:
            return special[name]()
        if action := _ACTION.fullmatch(ask.resource):
            return self._multiple(self._table(action[1]), action[2], ask)
        if ask.method == "GET":
            return self._read(self._table(ask.resource), ask)
        one = _ONE.fullmatch(ask.resource)
        if ask.method != "PATCH" or one is None:
            raise RefusedError(405, "0x80060888", "The requested resource does not support it.")
        table = self._table(one[1])
        return self._patched(table, one[2], ask.json(), ask.headers)

    def _table(self, entity_set: str) -> Table:
        found = [t for t in self.tables.values() if t.entity_set == entity_set]
        if not found:
            message = f"Resource not found for the segment '{entity_set}'."
            raise RefusedError(404, "0x80060888", message)
        return found[0]

    # descriptions ---------------------------------------------------------------------------------

    def _definition(self, ask: Ask) -> Told:
        found = re.fullmatch(r"EntityDefinitions\(LogicalName='(\w*)'\)", ask.resource)
        if found is None or found[1] not in self.tables:
            message = "Could not find an entity with the specified logical name."
            raise RefusedError(404, "0x80060888", message)
        described = self.tables[found[1]].described()
        asked = {*ask.query["$select"].split(","), "Attributes", "Keys"}
        return Told(200, {name: value for name, value in described.items() if name in asked})

    def _messages(self, ask: Ask) -> Told:
        name = re.search(r"primaryobjecttypecode eq '(\w+)'", ask.query["$filter"])
        table = self.tables[name[1]] if name else None
        names = ("CreateMultiple", "UpdateMultiple") if table and table.multiple else ()
        return Told(200, {"value": [{"sdkmessageid": {"name": n}} for n in names]})

    def _rights(self, ask: Ask) -> Told:
        function = ask.resource.rpartition(".")[2]
        if function == "RetrieveUserPrivileges":
            kinds = ("Create", "Read", "Write", "Delete")
            every = [t.privilege(k) for t in self.tables.values() for k in kinds]
            held = [{"PrivilegeId": i} for name, i in every if name not in self.missing]
            return Told(200, {"RolePrivileges": held})
        rights = dict.fromkeys(("CanRead", "CanCreate", "CanUpdate"), 4)
        opened = [
            {"AttributeId": id_of(table.name, column.name), **rights}
            for table in self.tables.values()
            for column in table.columns
            if column.name in self.open_columns
        ]
        return Told(200, {"AttributePrivileges": opened})

    # reading --------------------------------------------------------------------------------------

    def _read(self, table: Table, ask: Ask) -> Told:
        self._require(table, "Read")
        if "$deltatoken" in ask.query:
            return self._changes(table, ask)
        names = self._selected(table, ask.query.get("$select", ""))
        rows = [row for row in table.records.values() if _matches(table, row, ask.query)]
        if order := ask.query.get("$orderby"):
            column, _, direction = order.partition(" ")
            rows.sort(key=lambda row: row[column], reverse=direction == "desc")
        size = min(_preferred_size(ask), int(ask.query.get("$top", _MOST_ROWS)))
        start = int(ask.query.get("$skiptoken", 0))
        page = {"value": [shown(table, row, names) for row in rows[start : start + size]]}
        if start + size < len(rows) and "$top" not in ask.query:
            page["@odata.nextLink"] = self._next(ask, start + size)
        return Told(200, page)

    def _next(self, ask: Ask, start: int) -> Any:
        query = {**ask.query, "$skiptoken": str(start)}
        listed = "&".join(f"{name}={_escaped(value)}" for name, value in query.items())
        return f"{ask.headers['_here']}{ROOT}{ask.resource}?{listed}"

    def _selected(self, table: Table, select: str) -> list[str]:
        names = [name for name in select.split(",") if name]
        known = {wire(column.name, column.kind) for column in table.columns}
        unknown = [name for name in names if name not in known]
        if unknown:
            kind = f"Microsoft.Dynamics.CRM.{table.name}"
            message = f"Could not find a property named '{unknown[0]}' on type '{kind}'."
            raise RefusedError(400, "0x80060888", message)
        return names

    def _changes(self, table: Table, ask: Ask) -> Told:
        refused = {"$filter", "$orderby", "$expand", "$top"} & ask.query.keys()
        if refused or not table.tracked:
            message = "The query parameter isn't supported when Change Tracking is enabled."
            raise RefusedError(400, "0x80060888", message)
        token = re.fullmatch(r"(\d+)!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)", ask.query["$deltatoken"])
        if token is None or int(token[1]) < self.expired_before:
            raise RefusedError(400, "0x80044352", "Version stamp associated has expired.")
        after = int(token[1])
        changed = [row for row in table.records.values() if row["versionnumber"] > after]
        names = self._selected(table, ask.query.get("$select", ""))
        gone = [
            {"@odata.context": f"$metadata#{table.entity_set}/$deletedEntity", "id": i}
            | {"reason": "deleted"}
            for version, i in table.deleted
            if version > after
        ]
        rows = [*(shown(table, row, names) for row in changed), *gone]
        start, size = int(ask.query.get("$skiptoken", 0)), _preferred_size(ask)
        page: dict[str, Any] = {"value": rows[start : start + size]}
        more = start + size < len(rows)
        page["@odata.nextLink" if more else "@odata.deltaLink"] = self._next(ask, start + size)
        return Told(200, page)

    # writing --------------------------------------------------------------------------------------

    def batch(self, asks: list[Ask], *, go_on: bool) -> list[Told]:
        if len(asks) > _MOST_OPERATIONS:
            raise RefusedError(400, "0x80048d0b", "The batch size exceeds the limit of 1000.")
        told: list[Told] = []
        for ask in asks:
            told.append(self.answer(ask))
            if told[-1].status >= 400 and not go_on:
                break
        return told

    def _multiple(self, table: Table, action: str, ask: Ask) -> Told:
        if not table.multiple:
            raise RefusedError(400, "0x80060888", f"{action} has not yet been implemented.")
        before = {i: dict(row) for i, row in table.records.items()}
        counted = self.written.copy()
        try:
            ids = [self._target(table, action, dict(target)) for target in ask.json()["Targets"]]
        except RefusedError:
            table.records, self.written = before, counted  # all rows or none
            raise
        return Told(200, {"Ids": ids}) if action == "CreateMultiple" else Told(204)

    def _target(self, table: Table, action: str, target: dict[str, Any]) -> str:
        if target.pop("@odata.type", "") != f"Microsoft.Dynamics.CRM.{table.name}":
            raise RefusedError(400, "0x80048d19", "A '@odata.type' annotation is needed.")
        record = str(target.pop(table.id, None) or uuid.uuid4())
        if action == "CreateMultiple":
            self._create(table, record, target)
        else:
            self._update(table, record, target)
        return record

    def _patched(
        self, table: Table, record: str, row: dict[str, Any], headers: dict[str, str]
    ) -> Told:
        hook, self.before_writing = self.before_writing, None
        if hook:
            hook()
        match, none_match = headers.get("if-match"), headers.get("if-none-match")
        there = table.records.get(record)
        if there is not None and none_match == "*":
            message = "A record with matching key values already exists."
            raise RefusedError(412, "0x80060891", message)
        if there is None and match is None:
            self._create(table, record, row)
            return Told(204)
        self._require_version(table, record, match)
        self._update(table, record, row)
        return Told(204)

    def _require_version(self, table: Table, record: str, match: str | None) -> None:
        if match in {None, "*"}:
            return
        if not table.versioned:
            message = f"Optimistic concurrency isn't enabled for entity type {table.name}."
            raise RefusedError(400, "0x8006088d", message)
        there = table.records.get(record)
        if there is not None and match != etag(there):
            message = "The version of the existing record doesn't match the RowVersion provided."
            raise RefusedError(412, "0x80060882", message)

    def _create(self, table: Table, record: str, row: dict[str, Any]) -> None:
        self._require(table, "Create")
        if record in table.records:
            raise RefusedError(412, "0x80040237", "Cannot insert duplicate key.")
        self._write(table, record, {table.id: record, **row}, new=True)

    def _update(self, table: Table, record: str, row: dict[str, Any]) -> None:
        self._require(table, "Write")
        if record not in table.records:
            message = f"{table.name} With Id = {record} Does Not Exist"
            raise RefusedError(404, "0x80040217", message)
        self._write(table, record, row, new=False)

    def _write(self, table: Table, record: str, row: dict[str, Any], *, new: bool) -> None:
        if self.broken.get(record):
            raise self.broken[record].pop(0)
        if any(self.poison in value for value in row.values() if isinstance(value, str)):
            raise RefusedError(500, "0x80040265", "ISV code aborted the operation.")
        require_values(table, row, new=new)
        self._require_columns(table, row)
        before = table.blank() if new else table.records[record]
        after = {**before, **stored(table, row)}
        require_unique(table, record, after)
        table.records[record] = {**after, **self._stamp()}
        self.written[record] += 1

    def _require(self, table: Table, kind: str) -> None:
        name = table.privilege(kind)[0]
        if name in self.missing:
            raise RefusedError(
                403,
                "0x80040220",
                f"Principal user (Id={USER}, type=8) is missing {name} privilege on OTC=1 for "
                f"entity '{table.name}'.",
            )

    def _require_columns(self, table: Table, row: dict[str, Any]) -> None:
        for column in table.columns:
            if column.secured and column.name in row and column.name not in self.open_columns:
                message = f"Caller has no update access to attribute '{column.name}'."
                raise RefusedError(403, "0x8004f508", message)


def told(refused: RefusedError) -> Told:
    after = {} if refused.after is None else {"Retry-After": refused.after}
    return Told(
        refused.status, {"error": {"code": refused.code, "message": refused.message}}, after
    )


def _matches(table: Table, row: dict[str, Any], query: dict[str, str]) -> bool:
    text = query.get("$filter", "")
    if not text:
        return True
    if text == _IN:
        values = json.loads(query["@p2"])
        if not values or len(values) > _MOST_VALUES:
            raise RefusedError(400, "0x80060888", "The condition takes 1 to 500 values.")
        found = row[query["@p1"].strip("'")]
        return found is not None and folded(found) in {folded(value) for value in values}
    name, operator, literal = text.split(" ", 2)
    column = table.column(name)
    assert column is not None
    assert operator in {"ge", "lt"}, text
    value = row[name]
    if value is None:
        return False
    wanted: Any = int(literal) if isinstance(value, int) else literal.strip("'")
    return bool(value >= wanted if operator == "ge" else value < wanted)


def _preferred_size(ask: Ask) -> int:
    found = re.search(r"odata\.maxpagesize=(\d+)", ask.headers.get("prefer", ""))
    return min(int(found[1]), _MOST_ROWS) if found else _MOST_ROWS


def _escaped(text: str) -> str:
    return "".join(
        c if c.isalnum() and c.isascii() else f"%{b:02X}" for c in text for b in c.encode()
    )
