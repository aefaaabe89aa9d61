"""Looking records up."""

from __future__ import annotations

import pytest

from crm.salesforce.fake import Fake
from salesml.crm.salesforce import Salesforce
from salesml.errors import SourceError

KEY = "ExternalId__c"


def test_records_as_they_are(fake: Fake, crm: Salesforce) -> None:
    texts = ["a'b\\c", "東京 \u2028x", 'q"n\n']
    fake.org.add("Account", [{KEY: t, "Score__c": 5.0, "Hot__c": True} for t in texts])
    found = crm.fetch("Account", KEY, [*texts, "none"], ["Score__c", "Hot__c", "Reason__c"])
    assert set(found) == set(texts)
    for seen in found.values():
        assert seen.fields == {"Score__c": 5.0, "Hot__c": True, "Reason__c": None}
        assert not seen.barred


def test_many_ids_over_several_pages(fake: Fake, crm: Salesforce) -> None:
    fake.page = 50
    ids = [f"id-{i}" for i in range(1_500)]
    fake.org.add("Account", [{KEY: i} for i in ids])
    assert set(crm.fetch("Account", KEY, [*ids, "x"], [])) == set(ids)
    assert len([r for r in fake.requests if "queryAll" in r]) == 2


@pytest.mark.faults
def test_fault_19_deleted_merged_and_converted_records_are_barred(
    fake: Fake, crm: Salesforce
) -> None:
    keys = ["kept", "deleted", "merged", "converted"]
    ids = fake.org.add("Lead", [{KEY: key, "IsConverted": key == "converted"} for key in keys])
    fake.org.delete("Lead", ids[1])
    fake.org.delete("Lead", ids[2], into=ids[0])
    found = crm.fetch("Lead", KEY, keys, ["Score__c"])
    assert [found[key].barred for key in keys] == [
        "",
        "deleted",
        f"merged into {ids[0]}",
        "converted",
    ]


def test_a_record_made_anew_by_a_person_after_one_was_deleted(fake: Fake, crm: Salesforce) -> None:
    first, second = fake.org.add("Account", [{KEY: "a"}, {KEY: "a"}])
    fake.org.delete("Account", first)
    seen = crm.fetch("Account", KEY, ["a"], [])["a"]
    assert (seen.token.id, seen.barred) == (second, "")


@pytest.mark.faults
def test_fault_12_an_id_that_is_not_unique_is_barred(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{"Loose__c": "a"}, {"Loose__c": "a"}, {"Loose__c": "b"}])
    found = crm.fetch("Account", "Loose__c", ["a", "b"], [])
    assert found["a"].barred == "2 records share this id"
    assert not found["b"].barred


@pytest.mark.faults
def test_fault_12_ids_that_salesforce_takes_for_one(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{KEY: "Ab", "Exact__c": "Ab"}])
    found = crm.fetch("Account", KEY, ["ab", "AB"], [])
    assert not found["ab"].barred
    assert found["AB"].barred == "Salesforce takes AB and ab for one"
    assert set(crm.fetch("Account", "Exact__c", ["ab", "Ab"], [])) == {"Ab"}


def test_keys_that_are_numbers(fake: Fake, crm: Salesforce) -> None:
    fake.org.add("Account", [{"Number__c": 7.0, "Name": "seven"}])
    found = crm.fetch("Account", "Number__c", ["7", "8", "x"], ["Name", "Number__c"])
    assert {i: dict(seen.fields) for i, seen in found.items()} == {
        "7": {"Name": "seven", "Number__c": 7.0}
    }


def test_the_id_of_salesforce_as_key(fake: Fake, crm: Salesforce) -> None:
    (record,) = fake.org.add("Account", [{"Name": "n"}])
    wanted = [record, "no id", "001000000000zzzAAA"]
    assert set(crm.fetch("Account", "Id", wanted, ["Name"])) == {record}
    assert crm.fetch("Account", "Id", [record[:15]], [])[record[:15]].token.id == record


def test_fields_that_this_user_does_not_see(fake: Fake, crm: Salesforce) -> None:
    fake.org.hidden = {"Account.Score__c"}
    with pytest.raises(SourceError, match="no field 'Score__c'"):
        crm.fetch("Account", KEY, ["a"], ["Score__c"])


@pytest.mark.parametrize("name", ["1e400", "1e999999999", "nan", "12345678901234567890", "x"])
def test_numbers_that_no_key_can_be_are_not_asked_for(
    fake: Fake, crm: Salesforce, name: str
) -> None:
    fake.org.add("Account", [{"Number__c": 7.0}])
    assert set(crm.fetch("Account", "Number__c", [name, "7"], ["Score__c"])) == {"7"}
