from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from salesml.errors import ExportError
from salesml.export import Ledger

DAY, AT = dt.date(2025, 3, 1), dt.datetime(2025, 3, 1, 17)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "var" / "ledger.sqlite")


def plan(ledger: Ledger, target: str = "t", run_id: str = "r1", **scores: int) -> dict[str, int]:
    payloads = {i: {"score": score, "名": "日本😀\n"} for i, score in scores.items()}
    hashes = {i: f"hash {score}" for i, score in scores.items()}
    return ledger.plan(target, payloads, hashes, as_of=DAY, run_id=run_id, at=AT)


def test_an_attempt_from_plan_to_acknowledgement(ledger: Ledger) -> None:
    number = plan(ledger, a=5)["a"]
    assert [a.status for a in ledger.history("t", "a")] == ["planned"]
    assert ledger.unresolved("t", ["a"]) == {}
    ledger.send([number], AT + dt.timedelta(seconds=1))
    assert ledger.unresolved("t", ["a"])["a"].payload == {"score": 5, "名": "日本😀\n"}
    assert ledger.records("t", ["a"]) == {}
    ledger.acknowledge([number], AT + dt.timedelta(seconds=2))
    (attempt,) = ledger.history("t", "a")
    assert (attempt.status, attempt.attempts, attempt.run_id) == ("acknowledged", 1, "r1")
    assert (attempt.planned_at, attempt.sent_at, attempt.finished_at) == (
        "2025-03-01 17:00:00.000",
        "2025-03-01 17:00:01.000",
        "2025-03-01 17:00:02.000",
    )
    assert ledger.records("t", ["a", "b"]) == {"a": attempt.record}
    assert attempt.record.as_of == DAY
    assert ledger.unresolved("t", ["a"]) == {}


def test_failed_attempts_may_have_arrived_only_if_sent(ledger: Ledger) -> None:
    numbers = plan(ledger, a=1, b=2)
    ledger.send([numbers["a"]], AT)
    ledger.finish(dict.fromkeys(numbers.values(), ("failed", "connection lost")), AT)
    assert list(ledger.unresolved("t", ["a", "b"])) == ["a"]
    assert ledger.history("t", "b")[0].error == "connection lost"


def test_only_the_last_attempt_is_open(ledger: Ledger) -> None:
    ledger.send(plan(ledger, a=1).values(), AT)
    ledger.finish({plan(ledger, a=2)["a"]: ("kept", "score is 9")}, AT)
    assert ledger.unresolved("t", ["a"]) == {}
    assert [a.status for a in ledger.history("t", "a")] == ["sent", "kept"]


def test_targets_do_not_mix(ledger: Ledger) -> None:
    ledger.acknowledge(plan(ledger, "t", a=1).values(), AT)
    ledger.acknowledge(plan(ledger, "u", a=2).values(), AT)
    assert ledger.records("t", ["a"])["a"].payload["score"] == 1
    assert ledger.records("u", ["a"])["a"].payload["score"] == 2


def test_confirm_moves_the_date_alone(ledger: Ledger) -> None:
    ledger.acknowledge(plan(ledger, a=1, b=1).values(), AT)
    later = DAY + dt.timedelta(days=1)
    ledger.confirm("t", ["a"], as_of=later, run_id="r2", at=AT)
    records = ledger.records("t", ["a", "b"])
    assert (records["a"].as_of, records["a"].payload["score"]) == (later, 1)
    assert records["b"].as_of == DAY


def test_more_ids_than_sql_takes_parameters(ledger: Ledger) -> None:
    ids = [f"i{n}" for n in range(1201)]
    scores: Any = dict.fromkeys(ids, 3)
    ledger.acknowledge(plan(ledger, **scores).values(), AT)
    assert ledger.records("t", ids).keys() == set(ids)


def test_it_is_on_the_disk_for_others(ledger: Ledger) -> None:
    ledger.acknowledge(plan(ledger, a=1).values(), AT)
    assert Ledger(ledger.path).records("t", ["a"])["a"].payload["score"] == 1
    with closing(sqlite3.connect(ledger.path)) as link:
        assert link.execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("no database, but long enough to be looked at" * 50)
    with pytest.raises(ExportError, match="The ledger cannot be used"):
        Ledger(tmp_path / "ledger.sqlite")
