"""What goes wrong between the ledger and a CRM, by the numbers of the faults.

The CRM is SQLite or PostgreSQL, behind a connection that fails where it is told to. Those who are
killed are processes of their own, and the signal is a real one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from export.conftest import Open
from export.office import IDS, SCORES, Office, numbers, raising
from salesml import stopping
from salesml.config import Limits
from salesml.crm.records import Allowance
from salesml.errors import LockedError, QuotaError, SourceError, StoppedError, UnansweredError
from salesml.export import ExportResult, Ledger

pytestmark = pytest.mark.faults

TESTS = str(Path(__file__).parents[1])


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits."""
    monkeypatch.setattr(stopping, "pause", lambda _: None)


@pytest.fixture(params=["sqlite", "postgres"])
def office(request: pytest.FixtureRequest, open_crm: Open, tmp_path: Path) -> Office:
    return Office(open_crm(request.param), tmp_path)


@pytest.fixture
def bulk_office(request: pytest.FixtureRequest, open_crm: Open, tmp_path: Path) -> Office:
    return Office(open_crm(request.param), tmp_path, by_job=True)


def killed_at(office: Office, step: str, time: int = 1) -> None:
    """A night in another process, killed at *step*, with one batch behind it."""
    how = "by-job" if office.line.by_job else "directly"
    place, folder = office.crm.place, str(office.folder)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "export.faulty",
            office.crm.kind,
            place,
            folder,
            step,
            str(time),
            how,
        ],
        env={"PYTHONPATH": TESTS},
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


# 1 to 3: killed, or left without an answer ------------------------------------------------------


@pytest.mark.parametrize(
    ("bulk_office", "step", "left"),
    [
        # what the ledger never heard of holds nothing
        ("sqlite", "created", "open"),
        ("sqlite", "begun", "aborted"),
        ("sqlite", "uploaded", "aborted"),
        ("postgres", "begun", "aborted"),
    ],
    indirect=["bulk_office"],
)
def test_fault_01_killed_between_job_and_upload(bulk_office: Office, step: str, left: str) -> None:
    killed_at(bulk_office, step)
    assert bulk_office.line.states() == ["done", "open"]
    assert sorted(bulk_office.scores()) == IDS[:10]
    assert numbers(bulk_office.write()) == {"unchanged": 10, "written": 20}
    assert bulk_office.line.states() == ["done", left, "done", "done"]
    assert bulk_office.crm.ledger.open_jobs("crm") == []
    bulk_office.require_all_written_once()


@pytest.mark.parametrize("bulk_office", ["sqlite", "postgres"], indirect=True)
def test_fault_02_killed_before_the_results(bulk_office: Office) -> None:
    killed_at(bulk_office, "closed")
    assert bulk_office.line.states() == ["done", "closed"]
    assert numbers(bulk_office.write()) == {"unchanged": 10, "already": 10, "written": 10}
    assert bulk_office.line.states() == ["done"] * 3
    bulk_office.require_all_written_once()


@pytest.mark.parametrize("bulk_office", ["sqlite"], indirect=True)
def test_fault_02_what_a_job_did_a_day_later_is_not_written_over_by_older_values(
    bulk_office: Office,
) -> None:
    killed_at(bulk_office, "closed")
    other = {i: score + 100 for i, score in SCORES.items()}
    assert numbers(bulk_office.write(other, day=2)) == {"written": 30}
    assert bulk_office.scores() == other
    assert numbers(bulk_office.write(day=1)) == {"older": 30}
    assert bulk_office.scores() == other


@pytest.mark.parametrize("office", ["sqlite", "postgres"], indirect=True)
def test_fault_03_killed_after_the_commit(office: Office) -> None:
    killed_at(office, "written")
    assert numbers(office.write()) == {"unchanged": 10, "already": 10, "written": 10}
    office.require_all_written_once()


def test_fault_03_answer_lost_after_the_commit(office: Office) -> None:
    office.line.at["written"] = [None, raising(UnansweredError("the line went dead"))]
    assert numbers(office.write()) == {"written": 30}
    office.require_all_written_once()


@pytest.mark.parametrize("office", ["postgres"], indirect=True)
def test_fault_03_postgres_commits_and_is_cut(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.crm.ledger = Ledger(office.folder / "elsewhere.sqlite")
    commit, cuts = psycopg.Connection.commit, iter([False, True])

    def cut(link: psycopg.Connection[Any]) -> None:
        commit(link)
        if not link.read_only and next(cuts, False):
            raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(psycopg.Connection, "commit", cut)
    assert numbers(office.write()) == {"written": 30}
    office.require_all_written_once()


def test_fault_03_a_request_that_never_arrived_is_sent_again(office: Office) -> None:
    office.line.at["write"] = [raising(UnansweredError("the line went dead"))]
    assert numbers(office.write()) == {"written": 30}
    office.require_all_written_once()


# 9: the limits of the day -----------------------------------------------------------------------


def test_fault_09_the_night_is_planned_within_the_quota(office: Office) -> None:
    office.line.left = 10
    first = office.write(limits=Limits(share=0.5))
    assert numbers(first) == {"written": 20, "carried": 10}
    assert any("20 of 30 records go tonight" in line for line in first.warnings)
    assert sorted(office.scores()) == IDS[10:]
    office.line.left = 100
    # nobody asks for these any more, but they are owed
    second = office.write({}, day=2)
    assert numbers(second) == {"written": 10}
    office.require_all_written_once()


def test_fault_09_the_quota_ends_on_the_way(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office.line, "allowance", Allowance)
    office.line.left = 3
    first = office.write()
    assert isinstance(first.stopped, QuotaError)
    assert numbers(first) == {"written": 10, "carried": 20}
    assert sorted(office.scores()) == IDS[20:]
    office.line.left = None
    changed = {**SCORES, "i00": 50}
    assert numbers(office.write(changed, day=2)) == {"unchanged": 10, "written": 20}
    assert office.scores() == changed


def test_fault_09_own_limits_are_for_the_day(office: Office) -> None:
    limits = Limits(calls=4)
    first = office.write(limits=limits)
    assert numbers(first) == {"written": 20, "carried": 10}
    assert numbers(office.write(limits=limits)) == {"unchanged": 20, "carried": 10}
    assert numbers(office.write(day=2, limits=limits)) == {"unchanged": 20, "written": 10}
    office.require_all_written_once()


# 20: several runs -------------------------------------------------------------------------------

HOLDER = """
import sys
import time
from salesml.export import Ledger

with Ledger(sys.argv[1]).writing("the other run"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(office: Office) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes."""
    in_database = office.crm.kind == "postgres"
    place = office.crm.place if in_database else str(office.folder / "ledger.sqlite")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_fault_20_two_runs_at_once(office: Office, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LockedError, match="the other run"):
        office.write()
    assert office.line.calls == 0
    holder.kill()  # with SIGKILL: only the system can free its lock
    holder.wait()
    assert numbers(after_the_lock(office)) == {"written": 30}


def after_the_lock(office: Office) -> ExportResult:
    """A write-back as soon as the server has noticed that the other process is dead."""
    for _ in range(100):
        with contextlib.suppress(LockedError):
            return office.write()
        time.sleep(0.05)
    raise AssertionError("the lock outlived its process")


def test_a_term_signal_lets_the_batch_in_hand_end(office: Office) -> None:
    def term() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    office.line.at["write"] = [None, term]
    with stopping.finishing(), pytest.raises(StoppedError):
        office.write()
    assert sorted(office.scores()) == IDS[10:]
    assert numbers(office.write(day=2)) == {"unchanged": 20, "written": 10}
    office.require_all_written_once()


def test_fault_20_a_late_older_run_changes_nothing(office: Office) -> None:
    newer = {i: score + 5 for i, score in SCORES.items() if i != "i00"}
    office.write(newer, day=3)
    calls = office.line.calls
    assert numbers(office.write(day=2)) == {"older": 30}
    assert office.scores() == newer
    assert office.line.calls == calls


def test_fault_20_an_older_run_does_not_replace_what_is_carried(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office.line, "allowance", Allowance)
    office.line.left = 0
    newer = {i: score + 5 for i, score in SCORES.items()}
    assert numbers(office.write(newer, day=3)) == {"carried": 30}
    office.line.left = None
    office.write(day=2)
    office.write({}, day=4)
    assert office.scores() == newer


# a system that is down --------------------------------------------------------------------------


def test_fault_04_down_all_night_the_next_one_catches_up(office: Office) -> None:
    down = raising(SourceError("503 Service Unavailable"))
    office.line.at["fetch"] = [None, *[down] * 20]
    first = office.write()
    assert isinstance(first.stopped, SourceError)
    assert numbers(first) == {"written": 10, "carried": 20}
    office.line.at.clear()
    assert numbers(office.write(day=2)) == {"unchanged": 10, "written": 20}
    office.require_all_written_once()
