"""Tables of the stand-in for Dataverse, and how it describes them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

_SPACE = uuid.UUID("11111111-2222-3333-4444-555555555555")


def id_of(*words: str) -> str:
    """A GUID that is the same in each run."""
    return str(uuid.uuid5(_SPACE, "/".join(words)))


@dataclass
class Column:
    """A column; *more* are further properties of its definition."""

    name: str
    kind: str
    more: dict[str, Any] = field(default_factory=dict)
    readonly: bool = False
    secured: bool = False
    required: bool = False

    def described(self, table: str) -> dict[str, Any]:
        kind = self.kind.removesuffix("Type")
        return {
            "@odata.type": f"#Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
            "LogicalName": self.name,
            "MetadataId": id_of(table, self.name),
            "AttributeTypeName": {"Value": self.kind},
            "AttributeOf": self.more.get("AttributeOf"),
            "IsValidForRead": True,
            "IsValidForCreate": not self.readonly,
            "IsValidForUpdate": not self.readonly and self.kind != "UniqueidentifierType",
            "IsSecured": self.secured,
            "RequiredLevel": {"Value": "ApplicationRequired" if self.required else "None"},
            **self.more,
        }


@dataclass
class Table:
    """A table and its records, by primary id."""

    name: str
    entity_set: str
    columns: list[Column]
    keys: list[list[str]] = field(default_factory=list)
    tracked: bool = True
    versioned: bool = True
    multiple: bool = True
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: list[tuple[int, str]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.columns[0].name

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name == name), None)

    def blank(self) -> dict[str, Any]:
        """A record that was given nothing."""
        given = {column.name: column.more.get("DefaultValue") for column in self.columns}
        return {**given, "statecode": 0, "statuscode": 1}

    def privilege(self, kind: str) -> tuple[str, str]:
        name = f"prv{kind}{self.name.title().replace('_', '_')}"
        return name, id_of("privilege", name)

    def described(self) -> dict[str, Any]:
        kinds = ("Create", "Read", "Write", "Delete")
        return {
            "LogicalName": self.name,
            "EntitySetName": self.entity_set,
            "PrimaryIdAttribute": self.id,
            "TableType": "Standard",
            "ChangeTrackingEnabled": self.tracked,
            "IsOptimisticConcurrencyEnabled": self.versioned,
            "Privileges": [
                {
                    "PrivilegeType": k,
                    "Name": self.privilege(k)[0],
                    "PrivilegeId": self.privilege(k)[1],
                }
                for k in kinds
            ],
            "Attributes": [column.described(self.name) for column in self.columns],
            "Keys": [{"KeyAttributes": key, "EntityKeyIndexStatus": "Active"} for key in self.keys],
        }


def text(name: str, length: int = 100, **options: Any) -> Column:
    return Column(name, "StringType", {"MaxLength": length, "Format": "Text"}, **options)


def _system() -> list[Column]:
    return [
        Column("statecode", "StateType"),
        Column("statuscode", "StatusType"),
        Column("modifiedon", "DateTimeType", {"Format": "DateAndTime"}, readonly=True),
        Column("createdbyname", "StringType", {"AttributeOf": "createdby", "MaxLength": 100}),
        Column("versionnumber", "BigIntType", readonly=True),
    ]


def _id(name: str) -> Column:
    return Column(name, "UniqueidentifierType")


def _score() -> list[Column]:
    day = {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}
    moment = {"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}
    return [
        Column("new_score", "DecimalType", {"Precision": 2}),
        Column("new_rank", "IntegerType", {"Format": "None"}),
        text("new_band", 10),
        Column("new_reasons", "MemoType", {"MaxLength": 40, "Format": "Text"}),
        Column("new_scoredon", "DateTimeType", day),
        Column("new_scoredat", "DateTimeType", moment),
        Column("new_hot", "BooleanType", {"DefaultValue": False}),
        Column("new_grade", "PicklistType"),
    ]


def tables() -> dict[str, Table]:
    """Accounts, leads, scores of the sales app, and a table that keeps no versions."""
    account = Table(
        "account",
        "accounts",
        [
            _id("accountid"),
            text("accountnumber", 20),
            text("name", 160),
            *_score(),
            text("new_secret", 100, secured=True),
            Column("revenue", "MoneyType", {"Precision": 2, "PrecisionSource": 0}),
            Column("new_yen", "MoneyType", {"Precision": 2, "PrecisionSource": 2}),
            Column("parentaccountid", "LookupType"),
            Column("masterid", "LookupType", readonly=True),
            Column("merged", "BooleanType", readonly=True),
            Column("entityimage", "VirtualType"),
            *_system(),
        ],
        [["accountnumber"]],
    )
    lead = Table(
        "lead",
        "leads",
        [_id("leadid"), text("new_code", 20), *_score(), *_system()],
        [["new_code"]],
    )
    day = {"Format": "DateOnly", "DateTimeBehavior": {"Value": "UserLocal"}}
    predictive = Table(
        "msdyn_predictivescore",
        "msdyn_predictivescores",
        [
            _id("msdyn_predictivescoreid"),
            text("msdyn_entityid", 256, required=True),
            text("msdyn_entitytype", 128, required=True),
            text("msdyn_name", 128),
            Column("msdyn_score", "IntegerType", {"Format": "None"}),
            Column("msdyn_grade", "PicklistType"),
            Column("msdyn_scoredon", "DateTimeType", day),
            Column("msdyn_scorereasons", "MemoType", {"MaxLength": 10000, "Format": "Text"}),
            *_system(),
        ],
    )
    plain = Table(
        "new_plain",
        "new_plains",
        [_id("new_plainid"), text("new_code", 20), *_score(), *_system()],
        [["new_code"]],
        tracked=False,
        versioned=False,
    )
    return {table.name: table for table in (account, lead, predictive, plain)}


def wire(name: str, kind: str) -> str:
    return f"_{name}_value" if kind == "LookupType" else name


def shown(table: Table, row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    every = {wire(c.name, c.kind): row[c.name] for c in table.columns}
    kept = {name: every[name] for name in [*names, table.id]}
    return {"@odata.etag": etag(row), **kept}


def etag(row: dict[str, Any]) -> str:
    return f'W/"{row["versionnumber"]}"'
