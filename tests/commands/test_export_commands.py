"""``salesml export …``: writing back, and seeing what became of it."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import tiny

from salesml.errors import LockedError
from salesml.export import Ledger
from salesml.pipeline import nightly
from tests.commands.conftest import out, run

REFUSES = """
create trigger high before update on customers when new.score is not null and old.code = 'c003'
begin select raise(abort, 'この顧客は更新できません'); end
"""
STATUS = ("export", "status", "-p", "tiny")


@pytest.fixture(scope="module")
def two_nights(tiny_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company after a second night whose CRM refused one record, and a second target."""
    root = tiny.copy_of(tiny_night, tmp_path_factory.mktemp("export") / "company")
    tiny.change(root, "configs/tiny/export.yml", "connections", {
        "mail": {"type": "files", "path": "mail"},
    })  # fmt: skip
    tiny.change(root, "configs/tiny/export.yml", "targets.mail", {
        "task": "away", "connection": "mail", "table": "scores.csv", "key": "id", "mode": "upsert",
        "fields": {"score": "score"},
    })  # fmt: skip
    with tiny.crm(root) as link:
        link.execute(REFUSES)
        visits = [("c003", "2025-03-01 10:00:00", "2025-03-01 11:00:00", "visit")] * 9
        link.executemany("insert into visits (customer, visited_at, logged_at, channel) values "
                         "(?, ?, ?, ?)", visits)  # fmt: skip
    nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    return root


def score(root: Path, code: str = "c003") -> object:
    with tiny.crm(root) as link:
        return link.execute("select score from customers where code = ?", [code]).fetchone()[0]


# help and what cannot be meant -----------------------------------------------------------------


def test_help_names_options_and_commands() -> None:
    text = out("export", "--help")
    for word in ("Write scores back", "--project", "--dry-run", "status", "retry", "show"):
        assert word in text
    for command in ("status", "retry", "show"):
        assert "--target" in out("export", command, "--help")


@pytest.mark.parametrize("command", [(), ("status",), ("retry",), ("show", "c003")])
@pytest.mark.usefixtures("seen")
def test_without_a_project(command: tuple[str, ...]) -> None:
    result = run("export", *command)
    assert result.exit_code == 2
    assert "Missing option '--project' / '-p'" in result.stderr


@pytest.mark.parametrize("command", [("status",), ("show", "c003"), ("retry",)])
@pytest.mark.usefixtures("seen")
def test_a_target_that_is_not_there(command: tuple[str, ...]) -> None:
    result = run("export", *command, "-p", "tiny", "-t", "customer")
    assert result.exit_code == 1
    assert "Project tiny has no target 'customer'. Did you mean 'customers'?" in result.stderr
    assert "Use one of: customers, mail." in result.stderr


@pytest.mark.usefixtures("seen")
def test_options_of_writing_are_none_of_looking() -> None:
    result = run("export", "--dry-run", "-p", "tiny", "retry")
    assert result.exit_code == 2
    assert "'retry' takes no --as-of and no --dry-run" in result.stderr


# status ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("seen")
def test_status_tells_how_far_each_target_is() -> None:
    text = out(*STATUS)
    customers = next(line for line in text.splitlines() if line.startswith(" customers"))
    assert customers.split()[:3] == ["customers", "crm", "2025-03-02"]
    assert customers.split()[-1] == "1", "dead"
    assert "この顧客は更新できません" in text
    assert "to do: Mend the value" in text
    assert "customers c003 " in text
    assert out("export", "-p", "tiny", "status") == text, "the project may stand before it"


@pytest.mark.usefixtures("seen")
def test_status_of_one_target() -> None:
    text = out(*STATUS, "-t", "mail")
    assert "customers" not in text
    assert "48" in text


@pytest.mark.usefixtures("seen")
def test_status_for_programs() -> None:
    rows = json.loads(out(*STATUS, "--format", "json"))
    assert [(row["target"], row["dead"], row["jobs"]) for row in rows] == [
        ("customers", 1, []), ("mail", 0, []),
    ]  # fmt: skip
    table = pd.read_csv(io.StringIO(out(*STATUS, "--format", "csv")))
    assert table["connection"].tolist() == ["crm", "mail"]


def test_before_anything_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.make_company(tmp_path))
    assert out(*STATUS).split()[-3:] == ["customers", "crm", "–"]
    result = run("export", "show", "c003", "-p", "tiny")
    assert result.exit_code == 1
    assert "Nothing was ever to be written to the record 'c003'." in result.stderr
    assert out("export", "retry", "-p", "tiny") == "No dead record can be written again.\n"


def test_limits_and_what_was_used(own: Path) -> None:
    limits = {"crm": {"calls": 5_000, "rows": 100}}
    tiny.change(own, "configs/tiny/export.yml", "limits", limits)
    assert "records today, at most 5,000 calls a day and 100 records a day" in out(*STATUS)


def test_a_target_that_was_renamed_is_still_told_of(own: Path) -> None:
    tiny.change(own, "configs/tiny/export.yml", "targets.mail", None)
    text = out(*STATUS)
    assert next(line for line in text.splitlines() if line.startswith(" mail")).split()[1] == "none"


# retry -----------------------------------------------------------------------------------------


def test_a_dead_record_is_written_once_that_is_mended(own: Path) -> None:
    with tiny.crm(own) as link:
        link.execute("drop trigger high")
    assert "1 dead" in out("export", "-p", "tiny"), "nobody said that it is mended"
    before = score(own)
    said = out("export", "retry", "c003", "-p", "tiny")
    assert said == "customers: 1 to be written again by the next export.\n"
    assert "customers: 48 records: 1 written, 47 unchanged" in out("export", "-p", "tiny")
    assert score(own) != before
    assert "dead" not in out(*STATUS)


@pytest.mark.usefixtures("own")
def test_retry_of_a_record_that_is_not_dead() -> None:
    result = run("export", "retry", "c001", "c002", "-p", "tiny")
    assert result.exit_code == 1
    assert "No such record is dead." in result.stderr
    assert "received: c001, c002" in result.stderr


def test_retry_while_somebody_writes(own: Path) -> None:
    with Ledger(own / "var/tiny/ledger.sqlite").writing("other"):
        result = run("export", "retry", "-p", "tiny")
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert LockedError.__name__ not in result.stderr


# show ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("seen")
def test_show_tells_the_history_of_a_record() -> None:
    text = out("export", "show", "c003", "-p", "tiny", "-t", "customers")
    first, *rest = text.splitlines()
    assert first == "customers c003"
    heads = [line.split() for line in rest if line.startswith("  2025")]
    assert [head[0] for head in heads] == ["2025-03-01", "2025-03-02"]
    assert heads[-1][1] == "dead"
    assert "planned 20" in text
    assert "UTC" in text
    assert "      error: " in text
    assert "この顧客は更新できません" in text
    assert "      band: 低" in text or "      band: 高" in text
    assert " / +" in text or "reasons: +" in text or "reasons: -" in text, "lines are joined"


@pytest.mark.usefixtures("seen")
def test_show_tells_of_every_target() -> None:
    text = out("export", "show", "c003", "-p", "tiny")
    assert [line for line in text.splitlines() if not line.startswith(" ")] == [
        "customers c003", "mail c003",
    ]  # fmt: skip


@pytest.mark.usefixtures("seen")
def test_show_for_programs() -> None:
    rows = json.loads(out("export", "show", "c003", "-p", "tiny", "--format", "json"))
    assert [row["target"] for row in rows] == ["customers", "customers", "mail"]
    assert rows[1]["status"] == "dead"
    assert rows[1]["payload"].keys() == {"score", "band", "reasons", "scored_on"}
    assert "この顧客" in out("export", "show", "c003", "-p", "tiny", "--format", "csv")


# a system that is down -------------------------------------------------------------------------


def test_a_system_that_is_down_does_not_stop_the_others(own: Path) -> None:
    (own / "crm.sqlite").rename(own / "elsewhere.sqlite")
    (own / "mail/scores.csv").unlink()
    (own / "var/tiny/ledger.sqlite").unlink()
    result = run("export", "-p", "tiny")
    assert result.exit_code == 1
    assert "mail: 48 records: 48 written" in result.stdout
    assert "customers: " in result.stdout
    assert "  stopped: " in result.stdout
    said = "Error: 1 of 2 targets could not be written to the end; the next run goes on from there."
    assert said in result.stderr
    assert "crm.sqlite" in result.stderr
    assert "Traceback" not in result.stderr
    (own / "elsewhere.sqlite").rename(own / "crm.sqlite")
    with tiny.crm(own) as link:
        link.execute("update customers set score = null, band = null, reasons = null")
    assert "customers: 48 records: 47 written, 1 dead" in out("export", "-p", "tiny")


def test_the_ledger_may_lie_elsewhere(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER", "kept/ledger.sqlite")
    path = own / "configs/tiny/export.yml"
    path.write_text(f"{path.read_text()}ledger: ${{LEDGER}}\n")
    (own / "var/tiny/ledger.sqlite").rename(own / "moved.sqlite")
    assert "customers" in out(*STATUS)
    with closing(sqlite3.connect(own / "kept/ledger.sqlite")) as link:
        assert link.execute("select count(*) from attempts").fetchone() == (0,)
    monkeypatch.delenv("LEDGER")
    result = run(*STATUS)
    assert result.exit_code == 1
    assert "The environment variable LEDGER is not set." in result.stderr
    assert f"{path}:" in result.stderr
