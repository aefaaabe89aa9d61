"""Write-backs that died on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from export.conftest import Crm, Open, counts


class Killed(BaseException):
    """What nothing catches, like a signal."""


def die(crm: Crm, monkeypatch: pytest.MonkeyPatch, *, after: bool, **write: Any) -> None:
    """Run a write-back that dies right before or *after* the CRM committed."""
    real = crm.connection.write

    def dying(*arguments: Any, **options: Any) -> None:
        if after:
            real(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(crm.connection, "write", dying)
        with pytest.raises(Killed):
            crm.write(**write)


def test_killed_after_the_commit_it_goes_on(any_crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    any_crm.make("a", "b")
    die(any_crm, monkeypatch, after=True, scores={"a": 1, "b": 2})
    assert any_crm.statuses("a") == ["sent"]
    assert counts(any_crm.write({"a": 1, "b": 2})) == {"already": 2}
    assert any_crm.statuses("a") == ["acknowledged"]
    assert counts(any_crm.write({"a": 1, "b": 2})) == {"unchanged": 2}


def test_killed_after_the_commit_other_values_follow(
    any_crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_crm.make("a", "b")
    any_crm.write({"a": 1, "b": 1})
    die(any_crm, monkeypatch, after=True, scores={"a": 2, "b": 2}, day=1)
    assert counts(any_crm.write({"a": 3, "b": 2}, day=2)) == {"written": 1, "already": 1}
    assert any_crm.show("a", "b") == [(3, "要注意"), (2, "要注意")]
    assert any_crm.statuses("a") == ["verified", "acknowledged", "verified"]


def test_killed_after_the_commit_the_values_before_can_come_back(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.make("a")
    crm.write({"a": 1})
    die(crm, monkeypatch, after=True, scores={"a": 2}, day=1)
    assert counts(crm.write({"a": 1}, day=2)) == {"written": 1}
    assert crm.show("a") == [(1, "要注意")]


def test_killed_after_the_commit_an_edit_is_still_kept(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.make("a")
    die(crm, monkeypatch, after=True, scores={"a": 1})
    crm.edit("a", score=50)
    assert counts(crm.write({"a": 2}, day=1)) == {"kept": 1}
    assert crm.show("a") == [(50, "要注意")]
    assert crm.statuses("a") == ["superseded", "kept"]


def test_killed_after_the_commit_an_older_date_does_not_overwrite(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.make("a")
    die(crm, monkeypatch, after=True, scores={"a": 3}, day=3)
    assert counts(crm.write({"a": 2}, day=2)) == {"older": 1, "already": 1}
    assert crm.show("a") == [(3, "要注意")]
    assert counts(crm.write({"a": 3}, day=4)) == {"unchanged": 1}


def test_killed_after_the_commit_the_later_date_counts(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.make("a")
    die(crm, monkeypatch, after=True, scores={"a": 1}, day=1)
    assert counts(crm.write({"a": 1}, day=3)) == {"already": 1}
    assert counts(crm.write({"a": 2}, day=2)) == {"older": 1}


def test_killed_before_the_commit_it_is_written(
    any_crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_crm.make("a")
    die(any_crm, monkeypatch, after=False, scores={"a": 1})
    assert any_crm.show("a") == [(None, None)]
    assert counts(any_crm.write({"a": 2}, day=1)) == {"written": 1}
    assert any_crm.statuses("a") == ["superseded", "verified"]


def test_an_error_after_the_commit_writes_nothing_twice(
    any_crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_crm.make("a", "b")
    write, calls = any_crm.connection.write, []

    def failing(*arguments: Any, **options: Any) -> None:
        write(*arguments, **options)
        calls.append(1)
        raise RuntimeError("the line went dead after the commit")

    monkeypatch.setattr(any_crm.connection, "write", failing)
    assert counts(any_crm.write({"a": 1, "b": 2})) == {"written": 2}
    assert len(calls) == 1
    assert any_crm.statuses("b") == ["acknowledged"]


SCRIPT = """
import os, signal, sys
from pathlib import Path

from export.conftest import Crm

kind, place, folder = sys.argv[1:]
crm = Crm(kind, place, Path(folder))
write, calls = crm.connection.write, []

def dying(*arguments, **options):
    refused = write(*arguments, **options)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return refused

crm.connection.write, crm.connection.batch = dying, 2
crm.write({f"i{n}": n for n in range(6)}, day=1)
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_process_that_really_dies(kind: str, open_crm: Open, tmp_path: Path) -> None:
    crm = open_crm(kind)
    ids = [f"i{n}" for n in range(6)]
    crm.make(*ids)
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, crm.place, str(tmp_path)],
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert [crm.statuses(i) for i in ids] == [
        *[["acknowledged"]] * 2,
        *[["sent"]] * 2,
        *[["planned"]] * 2,
    ]
    scores = {i: n for n, i in enumerate(ids)}
    assert counts(crm.write(scores, day=1)) == {"unchanged": 2, "already": 2, "written": 2}
    assert [crm.statuses(i)[0] for i in ids] == ["acknowledged"] * 4 + ["verified"] * 2
    assert crm.show(*ids) == [(n, "要注意") for n in range(6)]
    assert counts(crm.write({**scores, "i3": 30}, day=2)) == {"unchanged": 5, "written": 1}
