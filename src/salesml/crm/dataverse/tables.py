"""Tables and columns as Dataverse describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from salesml.crm.dataverse.service import Service
from salesml.crm.records import Tolerance
from salesml.errors import SalesmlError, SourceError, suggest

__all__ = ["Column", "Table", "Tables"]

LOOKUPS = {"LookupType", "CustomerType", "OwnerType"}
_UNREADABLE = {"VirtualType", "ImageType", "FileType", "ManagedPropertyType", "PartyListType"}
_UNREADABLE |= {"CalendarRulesType", "EntityNameType"}
_PROPERTIES = (
    "LogicalName,EntitySetName,PrimaryIdAttribute,TableType,ChangeTrackingEnabled,"
    "IsOptimisticConcurrencyEnabled,Privileges"
)
_MULTIPLE = "sdkmessageid/name eq 'CreateMultiple' or sdkmessageid/name eq 'UpdateMultiple'"
_NO_SUCH_TABLE = httpx.codes.NOT_FOUND


@dataclass(frozen=True)
class Column:
    """A column, by its logical name.

    Parameters
    ----------
    kind : as in ``AttributeTypeName``: ``StringType``, ``LookupType``…
    length : most characters of a text, in UTF-16 units.
    precision : decimals of a number; None where the currency of a record says how many.
    day : whether it holds days rather than moments; ``bare``: and is sent as a day, too.
    blank : what new records hold that were given nothing.
    """

    name: str
    kind: str
    metadata_id: str
    creatable: bool
    updatable: bool
    secured: bool
    required: bool
    length: int | None
    precision: int | None
    day: bool
    bare: bool
    blank: bool | None

    @property
    def wire(self) -> str:
        """Its name in requests and answers."""
        return f"_{self.name}_value" if self.kind in LOOKUPS else self.name

    @property
    def tolerance(self) -> Tolerance:
        """What it does to values."""
        if self.kind in {"IntegerType", "BigIntType"}:
            return Tolerance(absolute=0.5)
        if self.precision is not None:
            return Tolerance(absolute=0.5 * 10.0**-self.precision)
        if self.kind == "MoneyType":
            return Tolerance(absolute=0.5)  # yen, at the coarsest
        return Tolerance(length=self.length, blank=self.blank)


@dataclass(frozen=True)
class Table:
    """A table, by its logical name.

    Parameters
    ----------
    entity_set : its name in addresses.
    id : column of the primary id.
    keys : alternate keys that work, each its columns.
    tracked : whether its changes are tracked, so that it can tell what was deleted.
    versioned : whether a change may be tied to the version that was seen.
    multiple : which of ``CreateMultiple`` and ``UpdateMultiple`` it takes, all or nothing.
    privileges : ``Write`` → name and id of the privilege that it needs.
    """

    name: str
    entity_set: str
    id: str
    columns: Mapping[str, Column]
    keys: Sequence[tuple[str, ...]]
    tracked: bool
    versioned: bool
    multiple: frozenset[str]
    privileges: Mapping[str, tuple[str, str]]

    def column(self, name: str, error: type[SalesmlError] = SourceError) -> Column:
        """Its column *name*; raises *error* with near misses."""
        if name not in self.columns:
            raise error(
                f"Table '{self.name}' has no column '{name}'.{suggest(name, self.columns)}",
                where=f"table {self.name}",
                fix="Use the logical name of a column, as the maker portal shows it.",
            )
        return self.columns[name]


class Tables:
    """The tables of an environment, described once each."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: dict[str, Table] = {}

    def find(self, name: str) -> Table | None:
        """The table *name*, None if there is none."""
        if name not in self._known:
            found = self._described(name)
            if found is None:
                return None
            self._known[name] = found
        return self._known[name]

    def require(self, name: str, error: type[SalesmlError] = SourceError) -> Table:
        """The table *name*; raises *error* if there is none."""
        found = self.find(name)
        if found is None:
            raise error(
                f"There is no table '{name}'.",
                where=f"connection {self._service.name}",
                fix="Use its logical name (account, not accounts or Account); tables of an app "
                "that is not installed, like msdyn_predictivescore, are not there.",
            )
        return found

    def _described(self, name: str) -> Table | None:
        response = self._service.api.get(
            self._service.path(f"EntityDefinitions(LogicalName='{name.replace(chr(39), '')}')"),
            params={
                "$select": _PROPERTIES,
                "$expand": "Attributes,Keys($select=KeyAttributes,EntityKeyIndexStatus)",
            },
        )
        if response.status_code == _NO_SUCH_TABLE:
            return None
        if response.is_error:
            raise self._service.failed(response, f"table {name}")
        return self._table(response.json())

    def _table(self, found: Mapping[str, Any]) -> Table:
        columns = [_column(a) for a in found["Attributes"] if _is_readable(a)]
        return Table(
            name=found["LogicalName"],
            entity_set=found["EntitySetName"],
            id=found["PrimaryIdAttribute"],
            columns={column.name: column for column in columns},
            keys=[
                tuple(key["KeyAttributes"])
                for key in found["Keys"]
                if key["EntityKeyIndexStatus"] == "Active"
            ],
            tracked=bool(found["ChangeTrackingEnabled"]),
            versioned=bool(found["IsOptimisticConcurrencyEnabled"]),
            multiple=self._multiple(found),
            privileges={
                p["PrivilegeType"]: (p["Name"], p["PrivilegeId"]) for p in found["Privileges"]
            },
        )

    def _multiple(self, found: Mapping[str, Any]) -> frozenset[str]:
        # elastic tables take part of what they are given, so that nobody knows which part
        if found.get("TableType", "Standard") != "Standard":
            return frozenset()
        query = {
            "$select": "sdkmessagefilterid",
            "$filter": f"primaryobjecttypecode eq '{found['LogicalName']}' and ({_MULTIPLE})",
            "$expand": "sdkmessageid($select=name)",
        }
        try:
            rows = list(self._service.rows("sdkmessagefilters", query))
        except SourceError:
            return frozenset()  # a user who may not know writes row by row
        return frozenset(row["sdkmessageid"]["name"] for row in rows)


def _is_readable(attribute: Mapping[str, Any]) -> bool:
    kind = attribute["AttributeTypeName"]["Value"]
    derived = attribute.get("AttributeOf") and kind != "MultiSelectPicklistType"
    return bool(attribute["IsValidForRead"]) and not derived and kind not in _UNREADABLE


def _column(attribute: Mapping[str, Any]) -> Column:
    kind = attribute["AttributeTypeName"]["Value"]
    behavior = (attribute.get("DateTimeBehavior") or {}).get("Value", "")
    return Column(
        name=attribute["LogicalName"],
        kind=kind,
        metadata_id=attribute["MetadataId"],
        creatable=bool(attribute["IsValidForCreate"]),
        updatable=bool(attribute["IsValidForUpdate"]),
        secured=bool(attribute.get("IsSecured")),
        required=(attribute.get("RequiredLevel") or {}).get("Value") == "ApplicationRequired",
        length=attribute.get("MaxLength") if kind in {"StringType", "MemoType"} else None,
        precision=None if attribute.get("PrecisionSource") else attribute.get("Precision"),
        day=attribute.get("Format") == "DateOnly" or behavior == "DateOnly",
        bare=behavior == "DateOnly",
        blank=attribute.get("DefaultValue") if kind == "BooleanType" else None,
    )
