"""Whether a table can be written as a target says, found out before anything is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from salesml.crm.dataverse.service import Service
from salesml.crm.dataverse.tables import Column, Table
from salesml.crm.dataverse.values import FITTING
from salesml.errors import ExportError, SourceError, suggest

__all__ = ["Checker"]

_KEYS = {"StringType", "IntegerType", "BigIntType", "UniqueidentifierType"}
_PRODUCTION = {"Customer", "Default", "Secondary"}
_ALLOWED = 4  # https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/fieldpermission
_DEFAULT_ACCESS = "Microsoft.Dynamics.CRM.EndpointAccessType'Default'"


class Checker:
    """Checks one table, one key and the fields to write."""

    def __init__(
        self, service: Service, table: Table, key: str, fields: Mapping[str, type | None]
    ) -> None:
        self._service, self._table, self._key, self._fields = service, table, key, fields

    def check(self, environment: str, *, create: bool) -> list[str]:
        """As `Connection.check_target` says."""
        wrong = [*self._wrong_key(create), *self._wrong_fields(create), *self._no_rights(create)]
        if wrong:
            raise ExportError(
                f"Table '{self._table.name}' cannot be written: {'; '.join(wrong)}.",
                where=f"connection {self._service.name}, table {self._table.name}",
                fix="Correct key, fields and stamps of the target, or have the application "
                "user given a role (and a column security profile) that allows it.",
            )
        return [*self._doubts(create), *self._wrong_environment(environment)]

    # the table ----------------------------------------------------------------------------------

    def _wrong_key(self, create: bool) -> Iterator[str]:
        column = self._table.columns.get(self._key)
        if column is None:
            yield f"there is no column '{self._key}'{suggest(self._key, self._table.columns)}"
        elif column.kind not in _KEYS:
            yield f"the key '{self._key}' is a {_word(column)}, not a text, number or id"
        elif create and not column.creatable:
            yield f"the key '{self._key}' cannot be set"

    def _wrong_fields(self, create: bool) -> Iterator[str]:
        for name, kind in self._fields.items():
            column = self._table.columns.get(name)
            if column is None:
                yield f"there is no column '{name}'{suggest(name, self._table.columns)}"
            elif column.kind not in FITTING:
                yield f"'{name}' is a {_word(column)}, which takes no value"
            elif not column.updatable or (create and not column.creatable):
                yield f"'{name}' is read-only"
            elif kind is not None and kind not in FITTING[column.kind]:
                yield f"'{name}' is a {_word(column)} and takes no {kind.__name__}"

    def _doubts(self, create: bool) -> Iterator[str]:
        table, key = self._table, self._key
        if key != table.id and (key,) not in table.keys:
            yield (
                f"'{key}' of table {table.name} is no alternate key: nothing keeps others from "
                "giving one value to several records, and these are left alone then."
            )
        if not table.versioned:
            yield (
                f"Table {table.name} keeps no versions: an edit made in the very moment of "
                "writing may be lost."
            )
        for name, kind in self._fields.items():
            if kind is float and table.columns[name].kind in {"IntegerType", "BigIntType"}:
                yield f"'{name}' holds whole numbers: fractions are rounded."
        if create:
            yield from self._left_empty()

    def _left_empty(self) -> Iterator[str]:
        given = {self._key, *self._fields}
        empty = [c.name for c in self._table.columns.values() if c.required and c.name not in given]
        if empty:
            yield f"New records will lack {', '.join(empty)}, which forms ask for."

    # the user -----------------------------------------------------------------------------------

    def _no_rights(self, create: bool) -> Iterator[str]:
        user = self._service.get("WhoAmI")["UserId"]
        held = self._asked(user, "RetrieveUserPrivileges", "RolePrivileges")
        ids = {str(row["PrivilegeId"]).lower() for row in held}
        wanted = ["Read", "Write", *(["Create"] if create else [])]
        for name, privilege in (
            self._table.privileges[w] for w in wanted if w in self._table.privileges
        ):
            if privilege.lower() not in ids:
                yield f"the application user lacks the privilege {name}"
        yield from self._no_right_to_columns(user, create)

    def _no_right_to_columns(self, user: str, create: bool) -> Iterator[str]:
        named = [self._table.columns.get(name) for name in self._fields]
        secured = [column for column in named if column is not None and column.secured]
        if not secured:
            return
        rows = self._asked(user, "RetrievePrincipalAttributePrivileges", "AttributePrivileges")
        rights = {str(row["AttributeId"]).lower(): row for row in rows}
        wanted = ["CanRead", "CanUpdate", *(["CanCreate"] if create else [])]
        for column in secured:
            row = rights.get(column.metadata_id.lower(), {})
            if any(row.get(name) != _ALLOWED for name in wanted):
                yield f"'{column.name}' is secured, and not open to the application user"

    def _asked(self, user: str, function: str, answer: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._service.get(
            f"systemusers({user})/Microsoft.Dynamics.CRM.{function}"
        )[answer]
        return found

    # the environment ----------------------------------------------------------------------------

    def _wrong_environment(self, environment: str) -> Iterator[str]:
        try:
            resource = "RetrieveCurrentOrganization(AccessType=@p1)"
            found = self._service.get(resource, params={"@p1": _DEFAULT_ACCESS})
        except SourceError:
            return  # it only says how the environment is called
        kind = str(found["Detail"].get("OrganizationType", ""))
        here = "production" if kind in _PRODUCTION else "sandbox"
        if kind and here != environment:
            yield (
                f"Connection {self._service.name} is for a {environment} environment, but this "
                f"one is of type {kind}."
            )


def _word(column: Column) -> str:
    return f"{column.kind.removesuffix('Type').lower()} column"
