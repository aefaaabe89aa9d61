"""Whole write-backs to Dataverse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from crm.dataverse.conftest import Crm
from crm.dataverse.fake_rules import RefusedError
from crm.fault_proxy import FaultProxy
from salesml.export import ExportResult, Ledger, Target, write_back

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("waits")]

FIELDS = {"new_score": "score", "new_reasons": "reason", "new_hot": "hot"}
DAY = dt.date(2025, 3, 1)


def night(crm: Crm, folder: Path, scores: Mapping[str, object], day: int = 0) -> ExportResult:
    rows = pd.DataFrame({"external_id": list(scores), "score": list(scores.values())})
    rows["reason"], rows["as_of"] = "ログインが\u2028増えた" * 5, DAY + dt.timedelta(day)
    rows["hot"] = None
    return write_back(
        Target("crm", crm.table, crm.key, "upsert", FIELDS, {"new_scoredon": "as_of"}),
        rows,
        connection=crm.connection,
        ledger=Ledger(folder / "ledger.sqlite"),
        as_of=DAY + dt.timedelta(day),
        run_id=f"night {day}",
        now=lambda: dt.datetime(2025, 3, 1, 17) + dt.timedelta(day),
    )


def counts(result: ExportResult) -> dict[str, int]:
    assert result.stopped is None, result.stopped
    names = ("written", "unchanged", "already", "kept", "missing", "waiting", "dead", "carried")
    return {name: n for name in names if (n := getattr(result, name))}


def test_nights_write_what_changed(crm: Crm, tmp_path: Path) -> None:
    crm.make(*(f"i{n}" for n in range(150)))
    scores: dict[str, object] = {f"i{n}": n / 7 for n in range(250)}
    first = night(crm, tmp_path, scores)
    assert counts(first) == {"written": 250}
    assert first.warnings == ["250 texts were too long for 'new_reasons' and were cut."]
    assert counts(night(crm, tmp_path, scores, 1)) == {"unchanged": 250}
    assert counts(night(crm, tmp_path, {**scores, "i3": 99}, 2)) == {"unchanged": 249, "written": 1}
    assert crm.held()["i3"] == 99
    assert crm.held("new_scoredon")["i4"] == "2025-03-01"
    assert set(crm.fake.written.values()) == {1, 2}


def test_fault_03_answers_that_are_lost_make_no_second_record(crm: Crm, tmp_path: Path) -> None:
    crm.make("a")
    proxy = FaultProxy(crm.address)
    proxy.script("cut", "POST .*(batch|Multiple)", times=2)
    with proxy.serving() as address:
        crm.fake.names.add(address)
        crm.connection = crm.connect(url=address)
        assert counts(night(crm, tmp_path, {"a": 1, "b": 2, "c": 3})) == {"written": 3}
    assert crm.held() == {"a": 1, "b": 2, "c": 3}
    assert set(crm.fake.written.values()) == {1}


def test_fault_13_14_what_cannot_be_written_ends(crm: Crm, tmp_path: Path) -> None:
    first, _, third = crm.make("a", "b", "c")
    crm.fake.broken[first] = [RefusedError(500, "0x80040265", "ISV code aborted.")] * 99
    crm.fake.broken[third] = [RefusedError(400, "0x80040203", "A rule forbids it.")]
    result = night(crm, tmp_path, {"a": 1, "b": 2, "c": 3, "d": 4})
    assert counts(result) == {"written": 2, "dead": 2}
    assert {f.external_id for f in result.failures} == {"a", "c"}
    assert crm.fake.asked.count("POST $batch") < 10


def test_fault_16_a_person_edits_what_was_written(crm: Crm, tmp_path: Path) -> None:
    (record,) = crm.make("a")
    night(crm, tmp_path, {"a": 1})
    crm.fake.edit("account", record, new_score=50)
    assert counts(night(crm, tmp_path, {"a": 2}, 1)) == {"kept": 1}
    assert crm.held() == {"a": 50}


def test_fault_16_a_person_edits_something_else_meanwhile(crm: Crm, tmp_path: Path) -> None:
    (record,) = crm.make("a")
    crm.fake.before_writing = lambda: crm.fake.edit("account", record, name="佐藤")
    assert counts(night(crm, tmp_path, {"a": 1})) == {"written": 1}
    assert (crm.held(), crm.held("name")) == ({"a": 1}, {"a": "佐藤"})


def test_fault_19_a_deleted_record_is_not_made_again(crm: Crm, tmp_path: Path) -> None:
    (record,) = crm.make("a")
    night(crm, tmp_path, {"a": 1, "b": 1})
    crm.fake.delete("account", record)
    assert counts(night(crm, tmp_path, {"a": 2, "b": 2}, 1)) == {"missing": 1, "written": 1}
    assert crm.held() == {"b": 2}


def test_fault_10_the_secret_is_changed_between_two_nights(crm: Crm, tmp_path: Path) -> None:
    crm.make("a")
    night(crm, tmp_path, {"a": 1})
    crm.fake.secret = "other"
    crm.fake.sign_out()
    result = night(crm, tmp_path, {"a": 2}, 1)
    assert "AADSTS7000215" in str(result.stopped)
    assert result.carried == 1
    crm.connection = crm.connect(client_secret="other")
    assert counts(night(crm, tmp_path, {"a": 2}, 2)) == {"written": 1}
