"""What is found out about an object before anything is written to it."""

from __future__ import annotations

import datetime as dt

import pytest

from crm.fakes import serving
from crm.salesforce.conftest import connected
from crm.salesforce.fake import Fake
from crm.salesforce.org import Org
from salesml.crm.records import Tolerance
from salesml.crm.salesforce import Salesforce
from salesml.errors import ExportError

KEY = "ExternalId__c"
FINE = {
    "Score__c": float,
    "Visits__c": int,
    "Band__c": str,
    "Reasons__c": str,
    "Hot__c": bool,
    "Scored_On__c": dt.date,
    "Scored_At__c": dt.datetime,
    "Reason__c": None,
}


def problems(crm: Salesforce, table: str, key: str, fields: object, create: bool = False) -> str:
    with pytest.raises(ExportError) as refused:
        crm.check_target(table, key, fields, create=create)  # type: ignore[arg-type]
    return str(refused.value)


def test_a_target_that_fits(crm: Salesforce) -> None:
    fields = {name: kind for name, kind in FINE.items() if name != "Band__c"}
    assert crm.check_target("Account", KEY, fields, create=False) == []
    assert crm.check_target("Account", "Id", {"Score__c": float}, create=False) == []


def test_all_problems_are_told_at_once(fake: Fake, crm: Salesforce) -> None:
    fake.org.read_only = {"Account.Score__c"}
    fake.org.hidden = {"Account.Reason__c"}
    fields = {
        "Scor__c": float,
        "Score__c": float,
        "Reason__c": str,
        "Locked__c": str,
        "Visits__c": str,
        "Hot__c": float,
        "Scored_On__c": str,
        "BillingAddress": str,
    }
    text = problems(crm, "Account", "Loose__c", fields)
    assert "no field Scor__c, or this user does not see it Did you mean 'Score__c'" in text
    assert "may not edit Score__c" in text
    assert "no field Reason__c" in text
    assert "may not edit Locked__c" in text
    assert "Visits__c is of type int and does not take values of type str" in text
    assert "Hot__c is of type boolean and does not take values of type float" in text
    assert "Scored_On__c is of type date and does not take values of type str" in text
    assert "BillingAddress is of type address" in text
    assert "the key Loose__c is not marked as Unique" in text


@pytest.mark.parametrize(
    ("table", "key", "create", "told"),
    [
        ("Acount", KEY, False, "Did you mean 'Account'"),
        ("Account", "ExternalId", False, "Did you mean 'ExternalId__c'"),
        ("Account", "Name", False, "not marked as External ID"),
        ("Account", "Id", True, "given by Salesforce"),
        ("Frozen__c", KEY, True, "may not change its records; this user may not make records"),
    ],
)
def test_objects_and_keys_that_do_not_fit(
    crm: Salesforce, table: str, key: str, create: bool, told: str
) -> None:
    assert told in problems(crm, table, key, {"Score__c": float}, create)


def test_what_may_surprise(crm: Salesforce) -> None:
    fields = {"Visits__c": float, "Band__c": str}
    warnings = crm.check_target("Account", KEY, fields, create=True)
    assert len(warnings) == 3
    assert "Visits__c holds whole numbers" in warnings[0]
    assert "takes only A, B, C, D" in warnings[1]
    assert "they need Name" in warnings[2]


@pytest.mark.parametrize(
    ("sandbox", "environment", "told"),
    [
        (False, "", ""),
        (False, "production", ""),
        (True, "sandbox", ""),
        (True, "", "write environment: sandbox"),
        (True, "production", "says environment: production, but this is a sandbox"),
        (False, "sandbox", "says environment: sandbox, but this is the production org"),
    ],
)
def test_warnings_of_the_wrong_org(sandbox: bool, environment: str, told: str) -> None:
    with serving(Fake(Org(sandbox=sandbox)).app) as url:
        crm = connected(url, environment=environment)
        warnings = crm.check_target("Account", KEY, {"Score__c": float}, create=False)
    assert told in "".join(warnings)
    assert bool(told) == bool(warnings)


def test_the_address_of_a_sandbox_that_is_none(
    crm: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesml.crm.salesforce.connection.is_sandbox", lambda _: True)
    (warning,) = crm.check_target("Account", KEY, {"Score__c": float}, create=False)
    assert "address of a sandbox" in warning


def test_users_who_may_not_see_the_organization(fake: Fake, crm: Salesforce) -> None:
    fake.org.hidden = {"Organization.IsSandbox"}
    assert crm.check_target("Account", KEY, {"Score__c": float}, create=False) == []


def test_descriptions_are_asked_for_afresh(fake: Fake, crm: Salesforce) -> None:
    crm.check_target("Account", KEY, {"Score__c": float}, create=False)
    fake.org.read_only = {"Account.Score__c"}
    assert "may not edit" in problems(crm, "Account", KEY, {"Score__c": float})


def test_tolerances(crm: Salesforce) -> None:
    fields = [
        "Visits__c",
        "Probability__c",
        "Reason__c",
        "Reasons__c",
        "Hot__c",
        "Scored_At__c",
        "x",
    ]
    assert crm.tolerances("Account", fields) == {
        "Visits__c": Tolerance(absolute=0.5),
        "Probability__c": Tolerance(absolute=0.5e-4),
        "Reason__c": Tolerance(length=255, trims=True),
        "Reasons__c": Tolerance(length=32_000, trims=True),
        "Hot__c": Tolerance(blank=False),
        "Scored_At__c": Tolerance(absolute=1.0),
    }


def test_tables_are_made_by_people(fake: Fake, crm: Salesforce) -> None:
    crm.ensure_table("New__c", "Key__c", {"Score__c": float})
    assert not fake.requests
    assert crm.fingerprint("Account") is None
