"""The flows, run by a real Prefect server that lives as long as these tests."""

from __future__ import annotations

import importlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import psycopg
import pytest
import tiny
import typer

from salesml import api, pipeline
from salesml.actions.deciding import Actions
from salesml.errors import ConfigError, DataQualityError, LockedError, SourceError
from salesml.export import ExportResult
from salesml.pipeline import NightlyResult
from salesml.run import Run, open_run
from salesml.secrets import resolved
from tests.report.decisions import agenda, todo


class Flows:
    """The modules of ``flows/``."""

    common: ModuleType
    deploy: ModuleType
    export: ModuleType
    nightly: ModuleType
    train: ModuleType


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Flows]]:
    """The flows, imported with a home of their own, and a server for them."""
    assert "prefect" not in sys.modules, "Prefect reads its settings when it is imported."
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        for name in ("common", "deploy", "export", "nightly", "train"):
            setattr(Flows, name, importlib.import_module(f"flows.{name}"))
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=180):
            yield Flows


@pytest.fixture(scope="module")
def root(tiny_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.copy_of(tiny_night, tmp_path_factory.mktemp("flows") / "company")


@pytest.fixture(scope="module")
def nights(flows: type[Flows], root: Path) -> list[NightlyResult]:
    """The first date once more, as a dry run, and the second one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        first = flows.nightly.nightly("tiny", tiny.AS_OF, dry_run=True)
        return [first, flows.nightly.nightly("tiny", str(tiny.NEXT))]


@pytest.fixture
def here(root: Path, nights: list[NightlyResult], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: the company after its nights."""
    assert nights
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def night(nights: list[NightlyResult]) -> NightlyResult:
    return nights[1]


def asked(what: str, **filters: Any) -> list[dict[str, Any]]:
    """What the server knows: ``flow_runs``, ``task_runs``, ``artifacts``."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as link:
        return link.request("POST", f"/{what}/filter", json=filters).json()


def artifacts(key: str) -> list[Any]:
    """The content of the artifacts of the two nights, which come before all others."""
    found = asked("artifacts", artifacts={"key": {"any_": [key]}})
    return [each["data"] for each in sorted(found, key=lambda each: each["created"])][:2]


# nightly ---------------------------------------------------------------------------------------


def test_a_night_does_what_the_library_does(night: NightlyResult, root: Path) -> None:
    assert night.run.as_of == tiny.NEXT
    assert [read.source for read in night.reads] == ["accounts", "activities"]
    assert [(t.task.name, t.rows, t.trained) for t in night.tasks] == [("away", 48, None)]
    assert night.exports[0].total == 48
    assert night.report == root / "var/tiny/report/2025-03-02.html"
    assert len(api.scores("tiny", "away", as_of=tiny.NEXT, root=root)) == 48


def test_a_dry_run_writes_nothing_back(nights: list[NightlyResult]) -> None:
    assert nights[0].exports[0].dry_run
    assert not nights[1].exports[0].dry_run


@pytest.mark.usefixtures("nights")
def test_a_night_is_few_tasks() -> None:
    runs = asked("flow_runs", flow_runs={"name": {"any_": ["nightly tiny"]}})
    assert {run["state_name"] for run in runs} == {"Completed"}
    (run,) = [run for run in runs if not run["parameters"]["dry_run"]]
    assert run["parameters"] == {"project": "tiny", "as_of": "2025-03-02", "dry_run": False}
    tasks = asked("task_runs", flow_runs={"id": {"any_": [run["id"]]}})
    ended = sorted(tasks, key=lambda task: task["end_time"])
    assert [task["state_name"] for task in ended] == ["Completed"] * 3
    names = [task["name"] for task in ended]
    assert names[0].startswith("read-")
    assert names[1] == "score away"
    assert names[2] == "write back customers"


def test_the_report_is_an_artifact(nights: list[NightlyResult]) -> None:
    first, second = artifacts("tiny-report")
    assert f"[report]({nights[0].report.as_uri()})" in first
    assert f"[report]({nights[1].report.as_uri()})" in second


@pytest.mark.usefixtures("nights")
def test_the_top_of_each_list_is_an_artifact(root: Path) -> None:
    first, second = (json.loads(table) for table in artifacts("tiny-away"))
    top = api.scores("tiny", "away", as_of=tiny.NEXT, root=root).head(20)
    for column in ("account_id", "name", "score", "change", "probability"):
        assert second[column] == top[column].astype("str").tolist()
    assert second["band_ja"][0] == "高"
    reason = top["reasons"].iloc[0][0]
    assert second["reasons_ja"][0].startswith(f"{reason['points']:+d} {reason['text_ja']}")
    # nobody was scored before the first date
    assert first["change"] == [""] * 20


def test_what_is_to_be_done_is_an_artifact(flows: type[Flows], night: NightlyResult) -> None:
    late = todo("late", due=-1, name="Late", assignee="Abe", how="escalated")
    decided = Actions(agenda(late), agenda(todo("a1", due=1), late), *[pd.DataFrame()] * 2)
    acted = replace(night, actions=decided)
    told = flows.nightly._todo(acted, named=True)
    assert told["entity_id"] == ["late", "a1"]
    assert (told["name"][0], told["by"][0], told["how"][0]) == ("Late", "Abe", "escalated")
    assert (told["due_on"][1], told["why"][1]) == ("2025-07-02", "60日間ログインなし")
    hidden = flows.nightly._todo(acted, named=False)
    assert "name" not in hidden
    assert hidden["by"] == ["R1", "R1"]
    told_by = importlib.import_module("prefect").flow(validate_parameters=False)
    told_by(flows.nightly._create_artifacts)(acted)
    (table,) = [json.loads(t["data"]) for t in asked("artifacts") if t["key"] == "tiny-actions"]
    assert table == told
    nothing = replace(night, actions=replace(decided, agenda=agenda()))
    assert flows.nightly._todo(nothing, named=True) == {}


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (("sample", "report"), "sample-report"),
        (("My_CRM.2", "win"), "my-crm-2-win"),
        (("sample", "解約"), "sample-fg2sw04g"),
        (("sample", "受注"), "sample-1l3l567p"),
    ],
)
def test_keys_of_artifacts(flows: type[Flows], names: tuple[str, ...], key: str) -> None:
    assert flows.nightly._key(*names) == key


def test_main_prints_what_the_command_line_prints(
    flows: type[Flows], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flows.nightly.main("tiny", tiny.NEXT)
    text = capsys.readouterr().out
    assert "tiny as of 2025-03-02" in text
    assert "来訪" in text
    assert str(here / "var/tiny/report/2025-03-02.html") in text


def test_main_says_what_is_wrong(
    flows: type[Flows], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught:
        flows.nightly.main("tinny")
    assert caught.value.exit_code == 1
    assert "Error: There is no project 'tinny'. Did you mean 'tiny'?" in capsys.readouterr().err
    assert not (here / "var/tinny").exists()


# failures --------------------------------------------------------------------------------------


def locked() -> SourceError:
    """What the connector raises where somebody holds the database."""
    error = SourceError("SQLite cannot use the database: database is locked")
    error.__cause__ = sqlite3.OperationalError("database is locked")
    return error


def disconnected() -> SourceError:
    """As `raise … from None` leaves it."""
    error = SourceError("PostgreSQL cannot be reached")
    error.__context__ = psycopg.OperationalError("server closed the connection")
    error.__suppress_context__ = True
    return error


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [
        (lambda: OSError("network is unreachable"), 4),
        (lambda: ConnectionResetError("peer"), 4),
        (lambda: sqlite3.OperationalError("database is locked"), 4),
        (locked, 4),
        (disconnected, 4),
        (lambda: SourceError("There is no table 'visits'."), 1),
        (lambda: DataQualityError("30.0% of the rows fail checks."), 1),
        (lambda: ConfigError("There is no project 'x'."), 1),
        (lambda: sqlite3.IntegrityError("unique"), 1),
        (lambda: ValueError("a bug"), 1),
    ],
)
def test_only_failures_that_may_pass_are_tried_again(
    flows: type[Flows], failure: Callable[[], Exception], attempts: int
) -> None:
    from prefect import flow, task

    tried: list[Exception] = []

    @task(**{**flows.common.IO, "retry_delay_seconds": 0})
    def read() -> None:
        tried.append(failure())
        raise tried[-1]

    with pytest.raises(type(failure())):
        flow(lambda: read(), name="reading")()
    assert len(tried) == attempts


def test_waits_grow_between_attempts(flows: type[Flows]) -> None:
    assert flows.nightly.read.retries == 3
    assert flows.nightly.read.retry_delay_seconds == [10, 60, 300]
    # training again would repeat an hour of work
    assert flows.nightly.score.retries == 0
    assert flows.train.train_one.retries == 0


def failing(monkeypatch: pytest.MonkeyPatch, flows: type[Flows], *errors: Exception) -> list[str]:
    """Let the reads of the flow fail with *errors*, one an attempt, and wait for nothing."""
    left, reads = list(errors), []
    real = pipeline.read_sources

    def read_sources(run: Run) -> Any:
        reads.append(run.run_id)
        if left:
            raise left.pop(0)
        return real(run)

    monkeypatch.setattr(pipeline, "read_sources", read_sources)
    quick = flows.nightly.read.with_options(retry_delay_seconds=0)
    monkeypatch.setattr(flows.nightly, "read", quick)
    return reads


@pytest.mark.usefixtures("here")
def test_a_night_goes_on_once_the_database_is_free(
    flows: type[Flows], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = failing(monkeypatch, flows, locked(), OSError("network is unreachable"))
    night = flows.nightly.nightly("tiny", tiny.NEXT)
    assert reads == [night.run.run_id] * 3
    assert night.tasks[0].rows == 48


def test_a_night_ends_at_what_does_not_pass(
    flows: type[Flows], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tiny.content(here)
    reads = failing(monkeypatch, flows, DataQualityError("Too many bad rows."))
    with pytest.raises(DataQualityError, match="Too many bad rows"):
        flows.nightly.nightly("tiny", "2025-03-09")
    assert len(reads) == 1
    assert tiny.content(here) == before
    with pytest.raises(Exception, match="no scores"):
        api.scores("tiny", "away", as_of=tiny.NEXT.replace(day=9), root=here)


def test_a_task_that_fails_does_not_stop_the_others(
    flows: type[Flows],
    tiny_night: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tiny.copy_of(tiny_night, tmp_path / "company")
    tasks = root / "configs/tiny/tasks"
    shutil.copy(tasks / "away.yml", tasks / "absent.yml")
    tiny.change(root, "configs/tiny/tasks/absent.yml", "population", "select account_id from acc")
    monkeypatch.chdir(root)
    with pytest.raises(typer.Exit) as caught:
        flows.nightly.main("tiny", tiny.NEXT)
    assert caught.value.exit_code == 1
    told = capsys.readouterr()
    assert "customers: 48 records: " in told.out
    assert "absent failed: The population of task absent reads the unknown source" in told.out
    assert "Error: 1 of 2 tasks failed; the others are done." in told.err
    newest = max(asked("flow_runs"), key=lambda run: run["created"])
    assert newest["state_name"] == "Failed"
    assert len(api.scores("tiny", "away", as_of=tiny.NEXT, root=root)) == 48


def unwritable(
    monkeypatch: pytest.MonkeyPatch, flows: type[Flows], *errors: Exception
) -> list[str]:
    """Let targets be stopped by *errors*, one an attempt, and wait for nothing."""
    left, tried = list(errors), []
    real = pipeline.write_target

    def write_target(run: Run, name: str, **options: Any) -> ExportResult:
        tried.append(name)
        if left:
            return ExportResult(name, total=48, carried=48, stopped=left.pop(0))
        return real(run, name, **options)

    monkeypatch.setattr(pipeline, "write_target", write_target)
    quick = flows.common.write_target.with_options(retry_delay_seconds=0)
    for module in (flows.nightly, flows.export):
        monkeypatch.setattr(module, "write_target", quick)
    return tried


@pytest.mark.usefixtures("here")
def test_a_target_that_is_down_for_a_moment_is_written_all_the_same(
    flows: type[Flows], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = unwritable(monkeypatch, flows, locked(), disconnected())
    night = flows.nightly.nightly("tiny", tiny.NEXT)
    assert tried == ["customers"] * 3
    assert (night.exports[0].total, night.exports[0].stopped) == (48, None)


def test_a_night_whose_crm_is_down_has_a_report_and_fails_at_its_end(
    flows: type[Flows],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = unwritable(monkeypatch, flows, *[SourceError("The system cannot be used.")] * 9)
    with pytest.raises(typer.Exit):
        flows.nightly.main("tiny", tiny.NEXT)
    told = capsys.readouterr()
    assert tried == ["customers"], "what does not pass is not tried again"
    assert "customers: 48 records: 48 carried" in told.out
    assert str(here / "var/tiny/report/2025-03-02.html") in told.out
    assert "1 of 1 targets could not be written to the end" in told.err
    assert "The system cannot be used." in told.err
    newest = max(asked("flow_runs"), key=lambda run: run["created"])
    assert newest["state_name"] == "Failed"
    with pytest.raises(typer.Exit):
        flows.export.main("tiny", tiny.NEXT)
    assert "Error: 1 of 1 targets" in capsys.readouterr().err


@pytest.mark.usefixtures("flows")
def test_secrets_in_blocks_of_prefect() -> None:
    from prefect.blocks.system import Secret

    Secret(value="0012").save("crm-token")
    assert resolved("hub", {"token": "prefect:crm-token"}) == {"token": "0012"}
    with pytest.raises(ConfigError, match="block 'crm-tokn' cannot be read"):
        resolved("hub", {"token": "prefect:crm-tokn"})


def test_a_night_beside_another_run_is_refused(flows: type[Flows], here: Path) -> None:
    with open_run("tiny", tiny.NEXT, root=here), pytest.raises(LockedError, match="under way"):
        flows.nightly.nightly("tiny", tiny.NEXT)


# train and export ------------------------------------------------------------------------------


def test_train(flows: type[Flows], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = flows.train.train("tiny", as_of="2025-02-01")
    assert list(trained) == ["away"]
    assert trained["away"].version.as_of.isoformat() == "2025-02-01"
    for name, result in trained.items():
        flows.train.show_training(name, result)
    assert f"trained version {trained['away'].version.version}" in capsys.readouterr().out
    assert (here / "var/tiny/mlflow-artifacts" / trained["away"].version.run_id).is_dir()


def test_training_an_unknown_task_reads_nothing(
    flows: type[Flows], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (here / "var/tiny/data/activities/manifest.json").stat().st_mtime_ns
    with pytest.raises(typer.Exit):
        flows.train.main("tiny", ["awy"])
    assert "no task 'awy'. Did you mean 'away'?" in capsys.readouterr().err
    assert (here / "var/tiny/data/activities/manifest.json").stat().st_mtime_ns == before


@pytest.mark.usefixtures("nights")
def test_export(flows: type[Flows], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tiny.content(here)
    (result,) = flows.export.export("tiny", as_of="2025-03-02")
    assert (result.total, result.unchanged) == (48, 48)
    flows.export.main("tiny", None, dry_run=True)
    text = capsys.readouterr().out
    assert "customers: 48 records: 48 unchanged" in text
    assert "Dry run: nothing was written back." in text
    assert tiny.content(here) == before


# deployments -----------------------------------------------------------------------------------


def test_the_nightly_is_served_at_two_in_the_zone_of_the_project(
    flows: type[Flows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tiny.make_company(tmp_path)
    monkeypatch.chdir(root)
    tokyo = flows.deploy.deployments(["tiny"])
    tiny.change(root, "configs/tiny/project.yml", "timezone", "Europe/Berlin")
    berlin = flows.deploy.deployments(["tiny"], cron="30 1 * * *")
    for served in (tokyo, berlin):
        names = [(each.flow_name, each.name, each.parameters) for each in served]
        assert names == [(f, "tiny", {"project": "tiny"}) for f in ("nightly", "train", "export")]
        assert [len(each.schedules) for each in served] == [1, 0, 0]
    schedules = [served[0].schedules[0].schedule for served in (tokyo, berlin)]
    assert [(s.cron, s.timezone) for s in schedules] == [
        ("0 2 * * *", "Asia/Tokyo"),
        ("30 1 * * *", "Europe/Berlin"),
    ]


def test_serving(flows: type[Flows], here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr(flows.deploy, "serve", lambda *deployments: served.extend(deployments))
    flows.deploy.main(["tiny"])
    assert [each.entrypoint.rpartition(":")[2] for each in served] == ["nightly", "train", "export"]
    assert (here / "configs/tiny").is_dir()


@pytest.mark.usefixtures("here")
def test_serving_an_unknown_project(flows: type[Flows], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        flows.deploy.main(["tiny", "tinny"])
    assert "There is no project 'tinny'" in capsys.readouterr().err
