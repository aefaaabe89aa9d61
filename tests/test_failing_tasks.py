"""A task that fails does not stop the others: their scores go out, and the night says so."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny
from typer.testing import CliRunner

from salesml import api, champions, cli, pipeline
from salesml.config import load_project
from salesml.errors import ConfigError, IncompleteError, LabelError, SalesmlError, SourceError
from salesml.pipeline import nightly
from salesml.scoring import ScoreBook

TASKS = "configs/tiny/tasks"


@pytest.fixture
def company(tiny_night: Path, tmp_path: Path) -> Path:
    """The company with two tasks; ``absent``, which comes first, has no champion yet."""
    root = tiny.copy_of(tiny_night, tmp_path / "company")
    shutil.copy(root / TASKS / "away.yml", root / TASKS / "absent.yml")
    tiny.change(root, f"{TASKS}/absent.yml", "title", {"ja": "不在", "en": "Absent"})
    targets = "configs/tiny/export.yml"
    tiny.change(root, targets, "targets.absent", {
        "task": "absent", "connection": "crm", "table": "customers", "key": "code",
        "fields": {"rep": "band_en"},
    })  # fmt: skip
    return root


def broken(root: Path, task: str = "absent") -> Path:
    """Let SQL of *task* fail when it runs."""
    fails = "select account_id, as_of from spine where account_id::integer > 0"
    tiny.change(root, f"{TASKS}/{task}.yml", "outcome", fails)
    return root


def incomplete(root: Path) -> IncompleteError:
    with pytest.raises(IncompleteError) as caught:
        nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    return caught.value


def noted(root: Path) -> list[tuple[str, str]]:
    _, audit = api.audit("tiny", root=root)
    return [(e["task"], e["event"]) for e in audit.entries if e["as_of"] == str(tiny.NEXT)]


def test_the_others_go_on(company: Path) -> None:
    error = incomplete(broken(company))
    result = error.result
    assert [t.task.name for t in result.tasks] == ["away"]
    assert [f.task for f in result.failures] == ["absent"]
    assert isinstance(result.failures[0].error, ConfigError)
    assert [(e.target, e.total) for e in result.exports] == [("customers", tiny.CUSTOMERS)]
    text = str(error)
    assert "1 of 2 tasks failed; the others are done." in text
    assert "absent: The outcome of task absent does not run" in text
    assert "Could not convert" in text
    page = result.report.read_text(encoding="utf-8")
    assert "不在：今回はスコアを計算できませんでした。" in page
    assert "Absent: could not be scored this time; the CRM keeps the last scores." in page
    assert noted(company) == [("absent", "task_failed"), ("away", "scored")]
    with tiny.crm(company) as link:
        assert link.execute("select max(scored_on) from customers").fetchone() == ("2025-03-02",)
    # it fails in the same way until somebody mends it, and is whole again after that
    incomplete(company)
    shutil.copy(company / TASKS / "away.yml", company / TASKS / "absent.yml")
    whole = nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    assert [t.task.name for t in whole.tasks] == ["absent", "away"]
    assert whole.failures == []


def test_scores_that_a_failed_task_left_are_not_written_again(company: Path) -> None:
    nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    with tiny.crm(company) as link:
        link.execute("update customers set rep = 'x'")
    (company / "var/tiny/ledger.sqlite").unlink()
    failed = tiny.content(company)
    error = incomplete(broken_population(company))
    assert [e.target for e in error.result.exports] == ["customers"]
    with tiny.crm(company) as link:
        assert link.execute("select distinct rep from customers").fetchall() == [("x",)]
    assert failed
    book = ScoreBook(load_project("tiny", company), "absent")
    assert book.dates() == [tiny.NEXT], "what was scored before stays"


def broken_population(root: Path) -> Path:
    sql = "select account_id from accounts where account_id::integer > 0"
    tiny.change(root, f"{TASKS}/absent.yml", "population", sql)
    return root


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("population", "selec account_id from accounts", "does not run"),
        ("population", "select account_id from acounts", "unknown source 'acounts'"),
        ("outcome", "select account_id, as_of from spine where now() > as_of", "uses now"),
        ("outcome", "select account_id, as_of from spine where false", "too few positives"),
        ("bucket", "activity_id", "lies in buckets of account_id"),
    ],
)
def test_what_is_wrong_with_one_task_alone(company: Path, key: str, value: str, said: str) -> None:
    tiny.change(company, f"{TASKS}/absent.yml", key, value)
    error = incomplete(company)
    assert said in str(error)
    assert [t.rows for t in error.result.tasks] == [tiny.CUSTOMERS]


def test_a_bug_in_one_task_stops_only_that(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(run: Any, task: str) -> Any:
        return {}["nothing"] if task == "absent" else champions.champion_for(run, task)

    monkeypatch.setattr(pipeline, "champion_for", buggy)
    error = incomplete(company)
    assert "Task absent met an unexpected KeyError: 'nothing'" in str(error)
    (trace,) = (company / "var/tiny/errors").glob("*-absent.txt")
    assert str(trace) in str(error)
    assert "Traceback" in trace.read_text(encoding="utf-8")
    assert [t.task.name for t in error.result.tasks] == ["away"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_who_stops_the_night_stops_all_of_it(
    company: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def stopped(*_: object) -> None:
        raise kind

    monkeypatch.setattr(pipeline, "champion_for", stopped)
    with pytest.raises(kind):
        nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    assert ScoreBook(load_project("tiny", company), "away").dates() == [tiny.AS_OF]


def test_where_all_fail_nothing_is_written_back(company: Path) -> None:
    tiny.change(company, f"{TASKS}/absent.yml", "outcome", "select account_id, as_of from spine "
                "where false")  # fmt: skip
    sql = "select account_id from accounts where account_id::integer > 0"
    tiny.change(company, f"{TASKS}/away.yml", "population", sql)
    before = tiny.content(company)
    with pytest.raises(SalesmlError) as caught:
        nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    text = str(caught.value)
    assert not isinstance(caught.value, IncompleteError)
    assert "2 tasks failed:" in text
    assert "too few positives" in text
    assert "Could not convert" in text
    assert tiny.content(company) == before
    assert not (company / f"var/tiny/report/{tiny.NEXT}.html").exists()


def test_sources_are_read_once_for_all(company: Path) -> None:
    """What all tasks share stops all of them."""
    with tiny.crm(company) as link:
        link.execute("alter table visits rename to visits_old")
    with pytest.raises(SourceError, match="visits"):
        nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)


def test_training_a_task_says_what_is_wrong_with_it(company: Path) -> None:
    tiny.change(company, f"{TASKS}/absent.yml", "population", "select account_id from acounts")
    with pytest.raises(ConfigError, match="unknown source 'acounts'"):
        api.train("tiny", "absent", as_of=tiny.NEXT, root=company, now=tiny.NOW)
    tiny.change(company, f"{TASKS}/away.yml", "model", {"time_budget": 1, "num_threads": 1})
    assert api.train("tiny", "away", as_of=tiny.NEXT, root=company, now=tiny.NOW).version.version


def test_the_command_tells_both_and_exits_with_one(
    company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(broken(company))
    monkeypatch.setenv("COLUMNS", "120")
    done = CliRunner().invoke(cli.app, ["nightly", "-p", "tiny", "--as-of", "2025-03-02"])
    assert done.exit_code == 1
    assert "customers: 48 records: " in done.stdout
    assert "absent failed: The outcome of task absent does not run" in done.stdout
    assert str(company / "var/tiny/report/2025-03-02.html") in done.stdout
    assert "Error: 1 of 2 tasks failed; the others are done." in done.stderr
    assert "Traceback" not in done.stderr


def test_errors_of_processes_are_contained_too(company: Path) -> None:
    """Workers are other processes: what they raise comes back as it was."""
    tiny.change(company, "configs/tiny/project.yml", "workers", 2)
    error = incomplete(broken(company))
    assert isinstance(error.result.failures[0].error, ConfigError)
    assert error.result.tasks[0].rows == tiny.CUSTOMERS


def test_the_first_error_is_raised_as_it_is_where_there_is_one_task(
    tiny_night: Path, tmp_path: Path
) -> None:
    root = tiny.copy_of(tiny_night, tmp_path / "company")
    tiny.change(root, f"{TASKS}/away.yml", "outcome", "select account_id, as_of from spine "
                "where false")  # fmt: skip
    tiny.change(root, f"{TASKS}/away.yml", "features", ["profile"])
    with pytest.raises(LabelError, match="too few positives"):
        nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
