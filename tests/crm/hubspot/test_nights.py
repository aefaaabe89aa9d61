"""Whole write-backs to HubSpot: what it and the ledger hold when the night is over."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from crm.fault_proxy import FaultProxy
from crm.hubspot.account import problem
from crm.hubspot.fake import Fake
from crm.nights import Nights
from salesml.crm.hubspot import HubSpot
from salesml.errors import QuotaError
from salesml.export import Target

pytestmark = pytest.mark.faults

FIELDS = {"score": "score", "note": "note"}
WRITES = "POST .*batch/(update|upsert)"


@pytest.fixture
def nights(hubspot: HubSpot, tmp_path: Path) -> Nights:
    target = Target("hs", "companies", "external_id", "upsert", FIELDS, {"seen_at": "at"})
    return Nights(hubspot, tmp_path, target)


def rows(
    count: int, score: float, note: str = "東京\u2028「本社」"
) -> dict[str, dict[str, object]]:
    at = dt.datetime(2026, 4, 1, 10, 0, 0, 123456)
    return {f"c{n}": {"score": score + n, "note": note, "at": at} for n in range(count)}


def held(fake: Fake) -> dict[str, tuple[str, str]]:
    found = [r["properties"] for r in fake.account.kinds["companies"].rows.values()]
    return {p["external_id"]: (p["score"], p["note"]) for p in found}


def test_a_night_and_the_next_one(fake: Fake, nights: Nights) -> None:
    assert nights.write(rows(250, 0.5)).written == 250
    assert held(fake)["c249"] == ("249.5", "東京\u2028「本社」")
    before = len(fake.requests)
    result = nights.write(rows(251, 0.5), night=1)
    assert (result.unchanged, result.written) == (250, 1)
    assert len(fake.requests) - before < 10


def test_fault_07_rows_that_an_answer_leaves_out_are_settled(fake: Fake, nights: Nights) -> None:
    fake.fault(WRITES, mode="silent")
    fake.fault(WRITES, mode="forgetful")
    result = nights.write(rows(250, 1))
    assert (result.written + result.already, result.dead, result.waiting) == (250, 0, 0)
    assert len(held(fake)) == 250


def test_fault_03_answers_that_are_lost_on_the_way(
    fake: Fake, proxy: FaultProxy, nights: Nights
) -> None:
    for kind in ("cut", "duplicate", "truncate", "reset"):
        proxy.script(kind, WRITES)
    result = nights.write(rows(250, 1))
    assert (result.written + result.already, result.waiting) == (250, 0)
    assert len(held(fake)) == 250


def test_fault_09_the_day_is_used_up_and_the_next_night_goes_on(fake: Fake, nights: Nights) -> None:
    nights.write(rows(1, 0))
    fake.tells_left = False
    fake.fault("GET .*usage", status=404, times=9)
    fake.left = 8
    result = nights.write(rows(300, 1), night=1)
    assert isinstance(result.stopped, QuotaError)
    assert 0 < result.written < 300
    assert result.written + result.carried + result.waiting == 300
    fake.left = 1_000
    second = nights.write(rows(300, 1), night=2)
    assert second.stopped is None
    assert {float(score) for score, _ in held(fake).values()} == set(range(1, 301))


def test_fault_09_what_the_day_does_not_suffice_for_is_not_begun(
    fake: Fake, nights: Nights
) -> None:
    fake.left = 40
    result = nights.write(rows(300, 1), share=0.2)
    assert result.stopped is None
    assert (result.written, result.carried) == (200, 100)


def test_fault_13_a_row_that_sinks_its_batch(fake: Fake, nights: Nights) -> None:
    many = rows(120, 1)
    many["c7"]["note"] = "poison"
    refusal = problem("VALIDATION_ERROR", "Property values were not valid")
    fake.poison, fake.poisoned = "poison", refusal
    result = nights.write(many)
    assert (result.written, result.dead) == (119, 1)
    assert result.failures[0].external_id == "c7"
    assert "Property values were not valid" in result.failures[0].error
    assert "c7" not in held(fake)


def test_fault_16_a_persons_edit_is_kept(fake: Fake, nights: Nights) -> None:
    nights.write(rows(3, 1))
    fake.account.edit("companies", "102", score="99")
    result = nights.write(rows(3, 2), night=1)
    assert (result.written, result.kept) == (2, 1)
    assert held(fake)["c1"][0] == "99"


def test_fault_19_deleted_and_merged_records_are_not_made_again(fake: Fake, nights: Nights) -> None:
    nights.write(rows(4, 1))
    fake.account.archive("companies", "101")
    fake.account.merge("companies", "102", "103")
    result = nights.write(rows(4, 2), night=1)
    assert (result.written, result.missing) == (2, 2)
    third = nights.write(rows(4, 3), night=2)
    assert (third.written, third.missing) == (2, 2)
    assert len(fake.account.kinds["companies"].rows) == 3
