from __future__ import annotations

import datetime as dt

import pytest

from crm.fault_proxy import FaultProxy
from crm.hubspot.fake import TOKEN, Fake
from salesml.crm.hubspot import HubSpot
from salesml.errors import ExportError


def test_what_fits(hubspot: HubSpot) -> None:
    fields = {
        "name": str,
        "score": float,
        "active": bool,
        "since": dt.date,
        "seen_at": dt.datetime,
        "note": None,
    }
    assert hubspot.check_target("companies", "external_id", fields, create=False) == []
    assert hubspot.check_target("companies", "hs_object_id", {}, create=False) == []
    assert hubspot.check_target("contacts", "email", {"firstname": str}, create=False) == []


def test_all_that_is_wrong_is_told_at_once(fake: Fake, hubspot: HubSpot) -> None:
    fake.may_write = False
    fields = {"scor": float, "score": str, "total": float, "createdate": dt.date, "position": None}
    with pytest.raises(ExportError) as error:
        hubspot.check_target("companies", "name", fields, create=True)
    told = str(error.value)
    assert "no column 'scor'. Did you mean 'score'?" in told
    assert "'score' is of type number, which takes no text" in told
    assert "'total' cannot be written: HubSpot calculates it" in told
    assert "'createdate' cannot be written: it is read-only" in told
    assert "'position' is of type object_coordinates, which takes no values" in told
    assert "'name' is no key" in told
    assert "may not write companies: 403 MISSING_SCOPES" in told


def test_no_such_table(hubspot: HubSpot) -> None:
    with pytest.raises(ExportError, match="no object type 'firms'"):
        hubspot.check_target("firms", "id", {}, create=True)


def test_choices_are_warned_of(hubspot: HubSpot) -> None:
    warned = hubspot.check_target("companies", "external_id", {"band": str}, create=False)
    assert warned == ["'band' takes its options alone: A, B, C, D"]


@pytest.mark.parametrize(
    ("portal", "kind", "warned"),
    [
        ("4711", "SANDBOX", ""),
        ("", "STANDARD", ""),
        ("", "SANDBOX", "account 4711 is no production account: its type is SANDBOX"),
        ("42", "STANDARD", "the token belongs to account 4711, not to 42"),
    ],
)
def test_another_account_than_the_one_meant_is_warned_of(
    fake: Fake, url: str, portal: str, kind: str, warned: str
) -> None:
    fake.kind_of_account = kind
    crm = HubSpot("crm", {"type": "hubspot", "token": TOKEN, "url": url, "portal": portal})
    assert (
        crm.check_target("companies", "external_id", {}, create=False) == [warned][: bool(warned)]
    )


def test_texts_may_be_65536_characters_long(hubspot: HubSpot) -> None:
    found = hubspot.tolerances("companies", ["name", "score"])
    assert found["name"].length == 65_536
    assert found["score"].length is None


def test_what_is_left_of_the_day(hubspot: HubSpot) -> None:
    assert hubspot.allowance().calls == 249_999
    hubspot.exists("companies")
    assert hubspot.allowance().calls == 249_997
    assert hubspot.calls == 3


def test_what_is_left_where_answers_do_not_tell(fake: Fake, hubspot: HubSpot) -> None:
    fake.tells_left = False
    assert hubspot.allowance().calls == 249_998
    fake.fault("GET .*usage", status=404)
    assert hubspot.allowance().calls is None


def test_a_question_that_is_lost_tells_nothing(proxy: FaultProxy, hubspot: HubSpot) -> None:
    proxy.script("cut", "POST .*update")
    assert hubspot.check_target("companies", "external_id", {}, create=False) == []


@pytest.mark.parametrize(("rows", "calls"), [(0, 0), (1, 3), (100, 3), (101, 6)])
def test_what_rows_cost(hubspot: HubSpot, rows: int, calls: int) -> None:
    assert hubspot.cost(rows) == calls
