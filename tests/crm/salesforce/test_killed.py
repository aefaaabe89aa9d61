"""Processes that are killed in the middle of a job, and the run after."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crm.fakes import TESTS
from crm.fault_proxy import FaultProxy
from crm.salesforce.conftest import Noted, connected
from crm.salesforce.fake import Fake
from crm.salesforce.writer import KEY, Notes
from salesml.crm.records import Write
from salesml.crm.salesforce import Salesforce


@contextmanager
def killed(url: str, notes: Path, until: Callable[[], bool]) -> Iterator[None]:
    """A process that writes all accounts, killed as soon as *until* is true."""
    command = [sys.executable, "-m", "crm.salesforce.writer", url, str(notes), "2500"]
    env = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    with subprocess.Popen(command, env=env, cwd=TESTS) as process:
        try:
            for _ in range(3_000):
                if until() or process.poll() is not None:
                    break
                time.sleep(0.01)
            assert process.poll() is None, "it ended by itself"
        finally:
            process.kill()
    yield


@pytest.fixture
def many(fake: Fake) -> list[str]:
    ids = [f"A-{i:07d}" for i in range(2_500)]
    fake.org.add("Account", [{KEY: i, "Name": i} for i in ids])
    return ids


def resumed(crm: Salesforce, notes: Notes, ids: list[str], noted: Noted) -> int:
    """What a later run does: settle, look, write what is left; how many were left."""
    for job in notes.open():
        crm.settle(job)
    seen = crm.fetch("Account", KEY, ids, ["Score__c"])
    left = [Write(i, {"Score__c": 7}, s) for i, s in seen.items() if s.fields["Score__c"] != 7]
    assert crm.write("Account", KEY, left, jobs=noted) == {}
    return len(left)


@pytest.mark.faults
def test_fault_01_killed_after_the_job_was_made_before_its_upload(
    fake: Fake, proxy: FaultProxy, tmp_path: Path, many: list[str], noted: Noted
) -> None:
    notes = Notes(tmp_path / "jobs")
    proxy.script("delay", "PUT .*", seconds=0.3)
    with proxy.serving() as url:
        fake.instance = url
        with killed(url, notes.path, lambda: any("PUT" in p.request for p in proxy.passed)):
            (job,) = notes.open()
        assert resumed(connected(url), notes, many, noted) == 2_500
    assert fake.ingest.jobs[job].state == "Aborted"
    assert set(fake.org.writes.values()) == {1}


@pytest.mark.faults
def test_fault_02_killed_after_the_job_was_begun_before_its_results(
    fake: Fake, address: str, tmp_path: Path, many: list[str], noted: Noted
) -> None:
    notes = Notes(tmp_path / "jobs")
    fake.ingest.troubles.held = True
    begun = lambda: any(j.state == "UploadComplete" for j in fake.ingest.jobs.values())  # noqa: E731
    with killed(address, notes.path, begun):
        (job,) = notes.open()
    threading.Timer(0.2, fake.ingest.release).start()
    assert resumed(connected(address), notes, many, noted) == 0
    assert fake.ingest.jobs[job].state == "JobComplete"
    assert len(fake.org.writes) == 2_500
    assert set(fake.org.writes.values()) == {1}
