"""What is found out before the night."""

from __future__ import annotations

import datetime as dt
import pickle

import pytest

from crm.dataverse.conftest import Crm
from crm.dataverse.fake_rules import RefusedError
from salesml.crm import connect
from salesml.errors import ConfigError, ExportError, SourceError

FIELDS: dict[str, type | None] = {"new_score": float, "new_band": str, "new_scoredon": dt.date}


def check(
    crm: Crm, fields: dict[str, type | None] | None = None, *, create: bool = True
) -> list[str]:
    return crm.connection.check_target(crm.table, crm.key, fields or FIELDS, create=create)


def test_a_fine_target_has_no_warnings(crm: Crm) -> None:
    assert check(crm) == []
    assert crm.connection.exists("account")
    assert not crm.connection.exists("nothing")


def test_all_that_is_wrong_is_told_at_once(crm: Crm) -> None:
    fields: dict[str, type | None] = {
        "new_scor": float,
        "new_grade": str,
        "new_scoredon": str,
        "parentaccountid": str,
        "modifiedon": dt.datetime,
        "new_secret": str,
    }
    crm.fake.missing = {"prvCreateAccount", "prvWriteAccount"}
    with pytest.raises(ExportError) as caught:
        check(crm, fields)
    for said in (
        "there is no column 'new_scor' Did you mean 'new_score'?",
        "'new_grade' is a picklist column and takes no str",
        "'new_scoredon' is a datetime column and takes no str",
        "'parentaccountid' is a lookup column, which takes no value",
        "'modifiedon' is read-only",
        "lacks the privilege prvCreateAccount",
        "lacks the privilege prvWriteAccount",
        "'new_secret' is secured, and not open to the application user",
    ):
        assert said in str(caught.value)


def test_a_secured_column_that_is_open_is_fine(crm: Crm) -> None:
    crm.fake.open_columns.add("new_secret")
    assert check(crm, {"new_secret": str}) == []
    crm.make("a")
    assert crm.write({"a": {"new_secret": "x"}}) == {}


@pytest.mark.parametrize("key", ["accountnumbr", "new_score", "parentaccountid"])
def test_a_key_that_is_none(crm: Crm, key: str) -> None:
    crm.key = key
    with pytest.raises(ExportError, match=key):
        check(crm)


def test_a_key_that_is_not_unique_is_doubtful(crm: Crm) -> None:
    crm.key = "name"
    (warning,) = check(crm)
    assert "'name' of table account is no alternate key" in warning


def test_other_doubts(crm: Crm) -> None:
    crm.table, crm.key = "new_plain", "new_code"
    doubts = check(crm, {"new_rank": float}, create=False)
    assert [d.partition(":")[0] for d in doubts] == [
        "Table new_plain keeps no versions",
        "'new_rank' holds whole numbers",
    ]


def test_the_scores_of_an_app_that_is_not_there(crm: Crm) -> None:
    del crm.fake.tables["msdyn_predictivescore"]
    with pytest.raises(ExportError, match="There is no table 'msdyn_predictivescore'") as caught:
        crm.connection.check_target(
            "msdyn_predictivescore", "msdyn_entityid", {"msdyn_score": float}, create=True
        )
    assert "an app that is not installed" in str(caught.value)


def test_what_the_scores_of_the_app_lack(crm: Crm) -> None:
    crm.table, crm.key = "msdyn_predictivescore", "msdyn_entityid"
    doubts = check(crm, {"msdyn_score": int})
    assert "New records will lack msdyn_entitytype, which forms ask for." in doubts


@pytest.mark.parametrize(
    ("kind", "environment", "warned"),
    [
        ("Customer", "production", False),
        ("CustomerTest", "production", True),
        ("Developer", "sandbox", False),
        ("Customer", "sandbox", True),
    ],
)
def test_the_wrong_environment_is_warned_of(
    crm: Crm, kind: str, environment: str, warned: bool
) -> None:
    crm.fake.kind = kind
    crm.connection = crm.connect(environment=environment)
    assert bool(check(crm)) is warned


def test_an_environment_that_does_not_say_what_it_is(crm: Crm) -> None:
    refused = RefusedError(403, "0x80040220", "missing prvReadOrganization privilege")
    crm.fake.faults.append(("GET RetrieveCurrentOrganization", refused))
    assert check(crm) == []


def test_columns_are_described(crm: Crm) -> None:
    found = crm.connection.columns("account")
    assert found["new_score"] == "Decimal"
    assert found["parentaccountid"] == "Lookup"
    assert "createdbyname" not in found
    with pytest.raises(SourceError, match="There is no table 'Accounts'"):
        crm.connection.columns("Accounts")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "http://contoso.crm7.dynamics.com"}, "https://"),
        ({"login": "http://login.example.com"}, "https://"),
        ({"environment": "test"}, "production or sandbox"),
        ({"tenat": "x"}, "tenant"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, str], said: str) -> None:
    spec = {"type": "dataverse", "url": "https://contoso.crm7.dynamics.com", "tenant": "t"}
    spec |= {"client_id": "c", "client_secret": "s3cret", **settings}
    with pytest.raises(ConfigError, match=said) as caught:
        connect("crm", spec)
    assert "s3cret" not in str(caught.value)


def test_a_connection_is_pickled(crm: Crm) -> None:
    assert pickle.loads(pickle.dumps(crm.connection)).exists("account")
    crm.connection.exists("account")
    again = pickle.loads(pickle.dumps(crm.connection))
    again.exists("lead")
    assert again.columns("account") == crm.connection.columns("account")


def test_what_it_does_nothing_about(crm: Crm) -> None:
    assert crm.connection.fingerprint("account") is None
    crm.connection.ensure_table("account", "accountnumber", {})
    assert crm.connection.allowance().calls is None
    crm.connection.settle("any")
