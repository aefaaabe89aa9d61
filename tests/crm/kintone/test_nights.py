"""Whole write-backs to kintone: what it and the ledger hold when the night is over."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from crm.fault_proxy import FaultProxy
from crm.kintone.app import App
from crm.kintone.fake import Fake
from crm.nights import Nights
from salesml.crm.kintone import Kintone
from salesml.export import Target

pytestmark = pytest.mark.faults

SCORES = {"c0": 2, "c1": 99, "c2": 4}
FIELDS = {"スコア": "score", "メモ": "note"}


@pytest.fixture
def nights(kintone: Kintone, tmp_path: Path) -> Nights:
    target = Target("kintone", "7", "顧客コード", "upsert", FIELDS, {"算出日時": "at"})
    return Nights(kintone, tmp_path, target)


def rows(
    count: int, score: float, note: str = "東京\u2028「本社」"
) -> dict[str, dict[str, object]]:
    at = dt.datetime(2026, 4, 1, 10, 0, 37)
    return {f"c{n}": {"score": score + n, "note": note, "at": at} for n in range(count)}


def held(app: App) -> dict[str, tuple[str, str]]:
    return {row["顧客コード"]: (row["スコア"], row["メモ"]) for row in app.rows.values()}


def test_a_night_and_the_next_one(fake: Fake, app: App, nights: Nights) -> None:
    assert nights.write(rows(250, 0.123456)).written == 250
    assert held(app)["c249"] == ("249.1235", "東京\u2028「本社」")
    before = len(fake.requests)
    result = nights.write(rows(251, 0.123456), night=1)
    assert (result.unchanged, result.written) == (250, 1)
    assert len(fake.requests) - before < 10


def test_fault_03_answers_that_are_lost_on_the_way(
    app: App, proxy: FaultProxy, nights: Nights
) -> None:
    nights.write(rows(1, 0))
    for kind in ("cut", "truncate", "reset"):
        proxy.script(kind, "(POST|PUT) .*records.json", after=1)
    result = nights.write(rows(250, 1), night=1)
    assert (result.written + result.already, result.waiting) == (250, 0)
    assert len(held(app)) == len(app.rows) == 250
    assert sorted(app.written.values()) == [1] * 249 + [2]


def test_fault_09_calls_of_the_day_are_counted_from_night_to_night(nights: Nights) -> None:
    first = nights.write(rows(300, 1), calls=20)
    assert first.stopped is None
    second = nights.write(rows(600, 2), calls=20)
    assert second.carried > 0
    assert second.written + second.carried == 600


def test_fault_13_bad_records_are_named_and_the_others_written(app: App, nights: Nights) -> None:
    many = rows(250, 1)
    many["c7"]["score"] = many["c133"]["score"] = float("inf")
    result = nights.write(many)
    assert (result.written, result.dead) == (248, 2)
    assert {failure.external_id for failure in result.failures} == {"c7", "c133"}
    assert "数字でなければなりません。" in result.failures[0].error
    assert len(app.rows) == 248


def test_fault_13_a_bad_record_that_nobody_names_is_found(
    fake: Fake, app: App, nights: Nights
) -> None:
    many = rows(120, 1)
    many["c7"]["note"] = fake.poison = "毒"
    result = nights.write(many)
    assert (result.written, result.dead) == (119, 1)
    assert result.failures[0].external_id == "c7"
    assert "GAIA_XX01" in result.failures[0].error
    assert "c7" not in held(app)


def test_fault_15_a_field_that_is_passed_over_is_told(app: App, nights: Nights) -> None:
    app.deaf.add("メモ")
    result = nights.write(rows(5, 1))
    assert list(result.dropped) == ["メモ"]


def test_a_value_that_fields_begin_with_is_nobodys_edit(app: App, nights: Nights) -> None:
    app.fields["スコア"]["defaultValue"] = "0"
    app.add(顧客コード="c0")
    app.add(顧客コード="c1", スコア="7")
    result = nights.write(rows(2, 1))
    assert (result.written, result.kept) == (1, 1)


def test_fault_16_a_persons_edit_is_kept_and_a_race_is_seen(
    fake: Fake, app: App, nights: Nights
) -> None:
    nights.write(rows(3, 1))
    app.edit("2", スコア="99")
    fake.meanwhile = lambda: app.edit("3", 会社名="山田さんの編集")
    result = nights.write(rows(3, 2), night=1)
    assert (result.written, result.kept) == (2, 1)
    assert {i: float(score) for i, (score, _) in held(app).items()} == SCORES
    assert app.rows["3"]["会社名"] == "山田さんの編集"


def test_fault_19_deleted_records_are_not_made_again(app: App, nights: Nights) -> None:
    nights.write(rows(3, 1))
    app.delete("2")
    result = nights.write(rows(3, 2), night=1)
    assert (result.written, result.missing) == (2, 1)
    assert nights.write(rows(3, 3), night=2).missing == 1
    assert len(app.rows) == 2


def test_fault_13_a_bad_record_in_each_of_many_requests(app: App, nights: Nights) -> None:
    nights.crm.batch = 10
    many = rows(250, 1)
    for n in range(5, 250, 10):
        many[f"c{n}"]["score"] = float("inf")
    result = nights.write(many)
    assert result.stopped is None
    assert (result.written, result.dead) == (225, 25)
    assert len(app.rows) == 225
