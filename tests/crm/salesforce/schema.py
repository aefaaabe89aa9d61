"""Objects of the org that the fake shows, described as Salesforce describes them."""

from __future__ import annotations

from typing import Any

Description = dict[str, Any]

TEXTS = {"string", "textarea", "picklist", "email", "phone", "url"}


def field(name: str, kind: str, **more: Any) -> Description:
    """A field; open to this user unless told otherwise."""
    length = {"string": 255, "picklist": 255, "url": 255, "id": 18, "reference": 18}.get(kind, 0)
    return {
        "name": name,
        "type": kind,
        "length": length,
        "scale": 0,
        "precision": 18 if kind == "double" else 0,
        "updateable": True,
        "createable": True,
        "nillable": kind != "boolean",
        "defaultedOnCreate": kind == "boolean",
        "externalId": False,
        "unique": False,
        "caseSensitive": False,
        "idLookup": False,
        "calculated": False,
        "restrictedPicklist": False,
        "picklistValues": [],
        "relationshipOrder": None,
        **more,
    }


def fixed(name: str, kind: str, **more: Any) -> Description:
    """A field that Salesforce fills."""
    return field(name, kind, updateable=False, createable=False, **more)


def key(name: str, kind: str = "string", **more: Any) -> Description:
    """An external id."""
    marks = {"externalId": True, "unique": True, "idLookup": True}
    return field(name, kind, length=64 if kind == "string" else 0, **{**marks, **more})


SYSTEM = [
    fixed("Id", "id", idLookup=True),
    fixed("IsDeleted", "boolean"),
    fixed("CreatedDate", "datetime"),
    fixed("SystemModstamp", "datetime"),
]
GRADES = [{"value": grade, "active": True} for grade in "ABCD"]
SCORES = [
    key("ExternalId__c"),
    field("Score__c", "double"),
    field("Probability__c", "double", scale=4),
    field("Visits__c", "int"),
    field("Band__c", "picklist", restrictedPicklist=True, picklistValues=GRADES),
    field("Reason__c", "string"),
    field("Reasons__c", "textarea", length=131_072),
    field("Hot__c", "boolean"),
    field("Scored_On__c", "date"),
    field("Scored_At__c", "datetime"),
    field("Locked__c", "string", updateable=False),
]
MERGED = fixed("MasterRecordId", "reference")

OBJECTS: dict[str, list[Description]] = {
    "Account": [
        *SYSTEM,
        MERGED,
        *SCORES,
        field("Name", "string", nillable=False),
        key("Exact__c", caseSensitive=True),
        key("Loose__c", unique=False),
        key("Number__c", "double"),
        field("Website", "url"),
        fixed("BillingAddress", "address"),
    ],
    "Lead": [
        *SYSTEM,
        MERGED,
        *SCORES,
        field("LastName", "string", length=80, nillable=False),
        fixed("IsConverted", "boolean"),
    ],
    "Contact": [
        *SYSTEM,
        MERGED,
        *SCORES,
        field("LastName", "string", length=80, nillable=False),
        field("AccountId", "reference"),
    ],
    "Task": [
        *SYSTEM,
        key("ExternalId__c"),
        field("Subject", "string"),
        field("WhatId", "reference"),
        field("ActivityDate", "date"),
        fixed("IsArchived", "boolean"),
    ],
    "Frozen__c": [*SYSTEM, *SCORES],
    "Organization": [*SYSTEM, fixed("IsSandbox", "boolean"), fixed("Name", "string")],
}
PREFIXES = {"Account": "001", "Lead": "00Q", "Contact": "003", "Task": "00T", "Organization": "00D"}


def description(name: str) -> Description:
    """What ``/sobjects/NAME/describe/`` answers."""
    open_ = name not in {"Frozen__c", "Organization"}
    marks = {"queryable": True, "createable": open_, "updateable": open_}
    return {"name": name, "label": name, **marks, "fields": OBJECTS[name]}
