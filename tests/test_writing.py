"""Writing back to several targets: what fails or is stopped, what goes first, of what types."""

from __future__ import annotations

import datetime as dt
import os
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny
from fakes import task
from hypothesis import given
from hypothesis import strategies as st

from salesml import api, pipeline, writing
from salesml.actions.tasks import TASK_TYPES, crm_tasks
from salesml.config import Limits, load_project
from salesml.crm.sqlite import Sqlite
from salesml.errors import ConfigError, ExportError, IncompleteError, LockedError, StoppedError
from salesml.export import ExportResult
from salesml.export.values import kind_of
from salesml.outgoing import (
    PRIORITY,
    column_types,
    export_rows,
    ledger_of,
    require_columns,
    target_rows,
)
from salesml.pipeline import nightly
from salesml.scoring import ScoreBook
from tests.report.decisions import agenda, todo

EXPORT = "configs/tiny/export.yml"
MAIL = {
    "task": "away", "connection": "mail", "table": "scores.csv", "key": "id", "mode": "upsert",
    "fields": {"score": "score"},
}  # fmt: skip


@pytest.fixture
def company(tiny_night: Path, tmp_path: Path) -> Path:
    """The company after its first night, with a second target."""
    root = tiny.copy_of(tiny_night, tmp_path / "company")
    mail = {"type": "files", "path": "mail"}
    tiny.change(root, EXPORT, "connections", {"mail": mail})
    tiny.change(root, EXPORT, "targets.mail", MAIL)
    return root


def stopped(root: Path) -> IncompleteError:
    """A night of which something could not be written."""
    with pytest.raises(IncompleteError) as caught:
        nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    return caught.value


def results(error: IncompleteError) -> dict[str, ExportResult]:
    return {result.target: result for result in error.result.exports}


# failures --------------------------------------------------------------------------------------


def test_a_bug_in_one_target_stops_only_that(
    company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sqlite, "fetch", lambda *_: {}["nothing"])
    error = stopped(company)
    done = results(error)
    assert "KeyError" in str(done["customers"].stopped)
    assert done["mail"].stopped is None
    assert done["mail"].written == tiny.CUSTOMERS
    assert "1 of 2 targets could not be written to the end" in str(error)
    page = error.result.report.read_text(encoding="utf-8")
    assert "customers: could not be written to the end; the next run goes on from there." in page
    assert "customers：CRMに最後まで書き込めませんでした。" in page


def test_a_target_that_is_configured_wrongly_stops_only_that(company: Path) -> None:
    tiny.change(company, EXPORT, "targets.customers.fields", {"scores": "score"})
    done = results(stopped(company))
    assert isinstance(done["customers"].stopped, ExportError)
    assert "scores" in str(done["customers"].stopped)
    assert done["mail"].written == tiny.CUSTOMERS


def test_a_secret_that_is_not_there_stops_only_that(
    company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_DSN", raising=False)
    tiny.change(company, EXPORT, "connections.pg", {"type": "postgres", "dsn": "${CRM_DSN}"})
    tiny.change(company, EXPORT, "targets.customers.connection", "pg")
    assert len(api.scores("tiny", "away", root=company)) == tiny.CUSTOMERS, "needs no secret"
    done = results(stopped(company))
    assert isinstance(done["customers"].stopped, ConfigError)
    assert "variable CRM_DSN is not set" in str(done["customers"].stopped)
    assert done["mail"].written == tiny.CUSTOMERS


def test_tasks_and_targets_that_failed_are_told_together() -> None:
    down = ExportError("The table is gone.")
    told = writing.not_written([ExportResult("a", stopped=down), ExportResult("b")])
    assert told.startswith("1 of 2 targets could not be written to the end")
    assert told.endswith("\na: The table is gone.")
    assert writing.not_written([ExportResult("b")]) == ""


def test_two_exports_at_once(company: Path) -> None:
    with ledger_of(load_project("tiny", company)).writing("another"):
        error = stopped(company)
    assert [type(result.stopped) for result in error.result.exports] == [LockedError] * 2


# being stopped ---------------------------------------------------------------------------------


def test_sigterm_finishes_the_batch_in_hand(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tiny.crm(company) as link:
        link.execute("update customers set score = null, band = null, reasons = null")
    (company / "var/tiny/ledger.sqlite").unlink()
    write = Sqlite.write

    def signalled(self: Sqlite, *args: Any, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return write(self, *args, **options)

    monkeypatch.setattr(Sqlite, "batch", 10, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sqlite, "write", signalled)
        error = stopped(company)
    assert signal.getsignal(signal.SIGTERM) is before
    done = results(error)
    assert isinstance(done["customers"].stopped, StoppedError)
    assert isinstance(done["mail"].stopped, StoppedError), "nothing new is begun"
    assert error.result.report.exists()
    with tiny.crm(company) as link:
        written = link.execute("select count(*) from customers where score is not null").fetchone()
    assert written == (10,)
    assert done["customers"].written == 10
    again = nightly("tiny", tiny.NEXT, root=company, now=tiny.NOW)
    counts = [(r.written, r.unchanged + r.already) for r in again.exports]
    assert counts == [(tiny.CUSTOMERS - 10, 10), (tiny.CUSTOMERS, 0)]


# limits ----------------------------------------------------------------------------------------


def test_limits_of_the_connection_reach_the_write_back(
    company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.change(company, EXPORT, "limits", {"crm": {"share": 0.25, "rows": 5}})
    given: dict[str, Limits] = {}

    def noted(target: Any, *_: Any, limits: Limits, **__: Any) -> ExportResult:
        given[target.name] = limits
        return ExportResult(target.name)

    monkeypatch.setattr(writing, "write_back", noted)
    with pipeline.open_run("tiny", tiny.AS_OF, root=company, now=tiny.NOW) as run:
        pipeline.write_back_scores(run)
    assert given == {"customers": Limits(share=0.25, rows=5), "mail": Limits()}


# rows ------------------------------------------------------------------------------------------


def test_buckets_together_are_all_scores(tiny_night: Path) -> None:
    project = load_project("tiny", tiny_night)
    parts = list(target_rows(project, "customers", tiny.AS_OF, ledger_of(project)))
    assert len(parts) == project.settings.buckets
    whole = ScoreBook(project, "away").read(tiny.AS_OF)
    rows = pd.concat(parts)
    assert sorted(rows["external_id"]) == sorted(whole["account_id"])
    assert rows.set_index("external_id")[PRIORITY].to_dict() == (
        whole.set_index("account_id")["expected_value"].to_dict()
    )


def test_types_are_known_without_rows(tiny_night: Path) -> None:
    project = load_project("tiny", tiny_night)
    types = column_types(project, project.targets["customers"])
    rows = export_rows(project.task("away"), ScoreBook(project, "away").read(tiny.AS_OF))
    assert types.keys() == set(rows.columns) - {PRIORITY}
    for column, kind in types.items():
        if rows[column].notna().any():
            assert kind_of(rows[column]) in {kind, int if kind is float else kind}, column


def test_types_of_tasks_are_known_without_rows() -> None:
    rows = crm_tasks(agenda(todo("a1", due=1, assignee="Abe")))
    assert list(TASK_TYPES) == list(rows.columns)
    for column, kind in TASK_TYPES.items():
        if rows[column].notna().any():
            assert kind_of(rows[column]) is kind, column


def test_columns_that_there_are_not(company: Path) -> None:
    tiny.change(company, EXPORT, "targets.mail.fields", {"a": "scor", "b": "reason_ja"})
    with pytest.raises(ExportError) as caught:
        require_columns(load_project("tiny", company), "mail")
    text = str(caught.value)
    assert "'scor' Did you mean 'score'?" in text
    assert "'reason_ja' Did you mean 'reasons_ja'?" in text
    assert "export.yml:" in text
    assert "targets.mail" in text


def test_what_is_most_at_stake_goes_first() -> None:
    scored = pd.DataFrame(
        {
            "account_id": ["a", "b", "c"], "score": [10, 20, 90], "probability": [0.5, 0.1, 0.9],
            "expected_value": [100.0, 2_000.0, None], "reasons": [[]] * 3, "changes": [None] * 3,
        }
    )  # fmt: skip
    assert export_rows(task(), scored)[PRIORITY].tolist() == [100.0, 2_000.0, 90.0]


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(-400, 400)), min_size=2, max_size=8))
def test_tasks_go_by_their_value_and_then_by_their_date(tasks: list[tuple[int, int]]) -> None:
    from salesml.outgoing import _worth_of_tasks

    as_of = dt.date(2025, 7, 1)
    rows = pd.DataFrame(
        {
            "value": pd.array([value for value, _ in tasks], "Int64"),
            "due_on": [as_of + dt.timedelta(days) for _, days in tasks],
        }
    )
    worth = _worth_of_tasks(rows, as_of).tolist()
    order = sorted(range(len(tasks)), key=lambda i: (-tasks[i][0], max(tasks[i][1], 0)))
    ranked = [worth[i] for i in order]
    assert ranked == sorted(worth, reverse=True)
