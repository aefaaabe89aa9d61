from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from salesml.errors import ExportError, LockedError
from salesml.export import Attempt, Ledger, ledger_lock
from salesml.export.ledger_rows import Plan

DAY, AT = dt.date(2025, 3, 1), dt.datetime(2025, 3, 1, 17)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_database"))
    return str(tmp_path / "var" / "ledger.sqlite")


@pytest.fixture
def ledger(place: str) -> Ledger:
    return Ledger(place)


def planned(
    i: str, score: object, *, before: Attempt | None = None, day: int = 0, **more: float
) -> Plan:
    payload = {"score": score, "名": "日本😀\n\0"}
    date = DAY + dt.timedelta(day)
    return Plan(i, payload, f"hash {score}", date, more.get("priority"), before)


def plan(ledger: Ledger, target: str = "t", **scores: object) -> dict[str, int]:
    """Plan scores; returns the number of each attempt."""
    before = ledger.unsettled(target, list(scores))
    plans = [planned(i, score, before=before.get(i)) for i, score in scores.items()]
    ledger.plan(target, plans, run_id="r1", at=AT)
    return {i: a.attempt_id for i, a in ledger.unsettled(target, list(scores)).items()}


def send(ledger: Ledger, *numbers: int) -> None:
    ledger.send(numbers, AT + SECOND, there=True)


def statuses(ledger: Ledger, i: str) -> list[str]:
    return [attempt.status for attempt in ledger.history("t", i)]


# attempts -------------------------------------------------------------------------------------


def test_an_attempt_from_plan_to_verification(ledger: Ledger) -> None:
    number = plan(ledger, a=5)["a"]
    assert statuses(ledger, "a") == ["planned"]
    assert ledger.unanswered("t", ["a"]) == {}
    send(ledger, number)
    (sent,) = ledger.unanswered("t", ["a"])["a"]
    assert sent.payload == {"score": 5, "名": "日本😀\n\0"}
    assert ledger.records("t", ["a"]) == {}
    ledger.acknowledge([number], AT + 2 * SECOND)
    (attempt,) = ledger.history("t", "a")
    assert (attempt.status, attempt.attempts, attempt.run_id) == ("acknowledged", 1, "r1")
    assert (attempt.planned_at, attempt.sent_at, attempt.finished_at) == (
        "2025-03-01 17:00:00.000",
        "2025-03-01 17:00:01.000",
        "2025-03-01 17:00:02.000",
    )
    assert ledger.records("t", ["a", "b"]) == {"a": attempt.record}
    assert attempt.record.as_of == DAY
    assert ledger.unanswered("t", ["a"]) == {}
    ledger.verify([number])
    assert statuses(ledger, "a") == ["verified"]


def test_what_never_left_is_replaced_and_what_was_sent_is_superseded(ledger: Ledger) -> None:
    first = plan(ledger, a=1)["a"]
    assert plan(ledger, a=2) == {"a": first}
    assert [a.payload["score"] for a in ledger.history("t", "a")] == [2]
    send(ledger, first)
    second = plan(ledger, a=3)["a"]
    assert second > first
    assert statuses(ledger, "a") == ["superseded", "planned"]
    assert [a.payload["score"] for a in ledger.unanswered("t", ["a"])["a"]] == [2]
    assert ledger.attempts([second])[0].attempts == 1  # so often the record was sent in vain
    send(ledger, second)
    assert [a.attempt_id for a in ledger.unanswered("t", ["a"])["a"]] == [first, second]
    ledger.acknowledge([second], AT)
    assert ledger.unanswered("t", ["a"]) == {}


def test_a_record_has_one_open_attempt_at_most(ledger: Ledger) -> None:
    plan(ledger, a=1)
    with pytest.raises(ExportError, match="The ledger cannot be used"):
        ledger.plan("t", [planned("a", 2)], run_id="r1", at=AT)
    assert statuses(ledger, "a") == ["planned"]


def test_what_was_not_tried_was_not_sent(ledger: Ledger) -> None:
    number = plan(ledger, a=1)["a"]
    send(ledger, number)
    ledger.put_back([number], "not\0tried")
    (attempt,) = ledger.history("t", "a")
    assert (attempt.status, attempt.attempts, attempt.error) == ("planned", 0, "not\ufffdtried")


def test_refusals(ledger: Ledger) -> None:
    numbers = plan(ledger, a=1, b=2, c=3, d=4)
    send(ledger, *numbers.values())
    words = {"a": "retry", "b": "dead", "c": "kept", "d": "missing"}
    ledger.refuse({numbers[i]: (word, f"why {i}") for i, word in words.items()}, AT)
    found = {i: ledger.history("t", i)[0] for i in words}
    assert {i: (a.status, a.error) for i, a in found.items()} == {
        i: (word, f"why {i}") for i, word in words.items()
    }
    assert [a.finished_at is None for a in found.values()] == [True, False, False, False]
    assert list(ledger.queue("t")) == [numbers["a"]]
    assert ledger.unsettled("t", list(words)).keys() == {"a", "b"}
    assert ledger.still_open("t") == {"retry": 1}


def test_the_most_valuable_first_and_what_fails_often_last(ledger: Ledger) -> None:
    values = {"a": 1.5, "c": 30.0, "d": 2.0, "e": 2.0}
    plans = [planned(i, 1, priority=value) for i, value in values.items()]
    ledger.plan("t", [*plans, planned("b", 1)], run_id="r1", at=AT)
    number = {i: a.attempt_id for i, a in ledger.unsettled("t", list("abcde")).items()}
    assert list(ledger.queue("t")) == [number[i] for i in "cdeab"]
    for _ in range(3):
        send(ledger, number["c"])
    assert list(ledger.queue("t")) == [number[i] for i in "deabc"]


def test_what_the_crm_ever_showed(ledger: Ledger) -> None:
    numbers = plan(ledger, a=1, b=1, c=1)
    ledger.send([numbers["a"]], AT, there=True)
    ledger.send([numbers["b"]], AT, there=False)
    ledger.notice([numbers["c"]])
    assert ledger.were_there("t", ["a", "b", "c"]) == {"a", "c"}
    assert ledger.were_there("u", ["a"]) == set()


# records --------------------------------------------------------------------------------------


def test_targets_do_not_mix(ledger: Ledger) -> None:
    ledger.acknowledge(list(plan(ledger, "t", a=1).values()), AT)
    ledger.acknowledge(list(plan(ledger, "u", a=2).values()), AT)
    assert ledger.records("t", ["a"])["a"].payload["score"] == 1
    assert ledger.records("u", ["a"])["a"].payload["score"] == 2
    assert ledger.targets() == ["t", "u"]


def test_confirm_moves_the_date_alone(ledger: Ledger) -> None:
    ledger.acknowledge(list(plan(ledger, a=1, b=1).values()), AT)
    later = DAY + dt.timedelta(days=1)
    ledger.confirm("t", ["a"], as_of=later, run_id="r2", at=AT)
    records = ledger.records("t", ["a", "b"])
    assert (records["a"].as_of, records["a"].payload["score"]) == (later, 1)
    assert records["b"].as_of == DAY
    assert ledger.newest("t") == later


def test_the_newest_date_is_planned_or_acknowledged(ledger: Ledger) -> None:
    assert ledger.newest("t") is None
    ledger.plan("t", [planned("a", 1, day=2)], run_id="r", at=AT)
    assert ledger.newest("t") == DAY + dt.timedelta(days=2)


def test_what_was_not_kept_is_as_it_was_before(ledger: Ledger) -> None:
    ledger.acknowledge(list(plan(ledger, a=1).values()), AT)
    numbers = plan(ledger, a=2, b=2)
    ledger.acknowledge(list(numbers.values()), AT)
    ledger.disown({numbers["a"]: ["score"], numbers["b"]: ["score", "名"]})
    records = ledger.records("t", ["a", "b"])
    assert records["a"].payload == {"score": 1, "名": "日本😀\n\0"}
    assert records["b"].payload == {}
    assert (records["a"].hash, records["b"].hash) == ("", "")


def test_more_ids_than_sql_takes_parameters(ledger: Ledger) -> None:
    scores = dict.fromkeys([f"i{n}" for n in range(2201)], 3)
    numbers = plan(ledger, **scores)
    assert [a.attempt_id for a in ledger.attempts(list(numbers.values()))] == [*numbers.values()]
    ledger.acknowledge(list(numbers.values()), AT)
    assert ledger.records("t", list(scores)).keys() == scores.keys()


# for people -----------------------------------------------------------------------------------


def test_counts_and_lists_are_of_the_last_attempt_of_each_record(ledger: Ledger) -> None:
    ledger.acknowledge(list(plan(ledger, a=1, b=1).values()), AT)
    numbers = plan(ledger, a=2, c=2)
    send(ledger, *numbers.values())
    ledger.refuse(dict.fromkeys(numbers.values(), ("dead", "no")), AT)
    assert ledger.counts("t") == {"acknowledged": 1, "dead": 2}
    assert [a.external_id for a in ledger.listed("t", ["dead"])] == ["a", "c"]
    assert [a.external_id for a in ledger.listed("t", ["dead", "acknowledged"], 2)] == ["b", "a"]


def test_dead_attempts_are_planned_anew_on_demand(ledger: Ledger) -> None:
    numbers = plan(ledger, a=1, b=1, c=1)
    send(ledger, *numbers.values())
    ledger.refuse(dict.fromkeys([numbers["a"], numbers["b"]], ("dead", "no")), AT)
    assert ledger.retry("t", ["a", "c", "x"]) == 1
    (attempt,) = ledger.history("t", "a")
    assert (attempt.status, attempt.attempts, attempt.error) == ("planned", 0, "no")
    assert ledger.retry("t") == 1
    assert ledger.counts("t") == {"planned": 2, "sent": 1}


def test_touched_are_written_or_to_be(ledger: Ledger) -> None:
    numbers = plan(ledger, a=1, b=1, c=1, d=1)
    ledger.acknowledge([numbers["a"]], AT)
    ledger.refuse({numbers["c"]: ("dead", "no"), numbers["d"]: ("missing", "no")}, AT)
    assert ledger.touched("t", ["a", "b", "c", "d", "e"]) == {"a", "b"}


# jobs and limits ------------------------------------------------------------------------------


def test_jobs_stand_open_until_they_end(ledger: Ledger) -> None:
    plan(ledger, a=1, b=1)
    ledger.begin_job("t", "j1", ["a"], run_id="r1", at=AT)
    ledger.begin_job("t", "j2", ["b"], run_id="r1", at=AT + SECOND)
    ledger.begin_job("u", "j3", [], run_id="r1", at=AT)
    assert ledger.open_jobs("t") == ["j1", "j2"]
    assert [ledger.history("t", i)[0].job_id for i in "ab"] == ["j1", "j2"]
    ledger.end_job("t", "j1", AT)
    assert ledger.open_jobs("t") == ["j2"]


def test_calls_are_counted_by_day(ledger: Ledger) -> None:
    ledger.spend("crm", DAY, 3, 200)
    ledger.spend("crm", DAY, 2)
    ledger.spend("other", DAY, 9)
    assert (ledger.spent("crm", DAY), ledger.rows_spent("crm", DAY)) == (5, 200)
    assert ledger.spent("crm", DAY + dt.timedelta(days=1)) == 0


# transactions and the one writer --------------------------------------------------------------


def test_all_at_once_or_nothing(ledger: Ledger) -> None:
    numbers = plan(ledger, a=1, b=1)
    with contextlib.suppress(ZeroDivisionError), ledger.at_once():
        ledger.acknowledge([numbers["a"]], AT)
        raise ZeroDivisionError
    assert ledger.counts("t") == {"planned": 2}
    with ledger.at_once():
        ledger.acknowledge([numbers["a"]], AT)
        ledger.acknowledge([numbers["b"]], AT)
    assert ledger.counts("t") == {"acknowledged": 2}


def test_a_rehearsal_leaves_no_trace(ledger: Ledger) -> None:
    with ledger.writing("r"), ledger.rehearsing():
        ledger.acknowledge(list(plan(ledger, a=1).values()), AT)
        assert ledger.counts("t") == {"acknowledged": 1}
    assert ledger.counts("t") == {}


def test_it_is_on_the_disk_for_others(ledger: Ledger, place: str) -> None:
    with ledger.writing("r"):
        ledger.acknowledge(list(plan(ledger, a=1).values()), AT)
        assert Ledger(place).records("t", ["a"])["a"].payload["score"] == 1


def test_one_writer_at_a_time(ledger: Ledger, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_lock, "_PATIENCE", "10ms")
    other = Ledger(place)
    with ledger.writing("nightly 7"), ledger.writing("nightly 7"):
        with pytest.raises(LockedError, match=r"nightly 7.* at .*, since \d{4}-\d\d-\d\d") as error:
            other.writing("nightly 8").__enter__()
        assert "://" not in str(error.value) or "***" in str(error.value)
        with pytest.raises(LockedError):
            other.retry("t")
    with other.writing("nightly 8"):
        pass


@pytest.fixture
def holder(place: str) -> Iterator[subprocess.Popen[str]]:
    """A process that writes until it dies."""
    script = (
        "import sys, time; from salesml.export import Ledger; ledger = Ledger(sys.argv[1])\n"
        "with ledger.writing('the other'): print('holds it', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, place], stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def test_the_lock_of_who_is_killed_is_free(
    ledger: Ledger, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "holds it\n"
    with monkeypatch.context() as patch:
        patch.setattr(ledger_lock, "_PATIENCE", "10ms")
        with pytest.raises(LockedError, match="the other"):
            ledger.writing("r").__enter__()
    holder.kill()
    holder.wait()
    with ledger.writing("r"):
        ledger.spend("crm", DAY, 1)
