"""``salesml models`` and ``salesml audit``: which model scores, which one did, and why."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
import tiny

from salesml import api, learning
from salesml.errors import LabelError
from salesml.pipeline import nightly
from tests.commands.conftest import out, run


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch, _plain_terminal: None) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def two_nights(tiny_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company after two nights, its champion taken back and a third night."""
    root = tiny.copy_of(tiny_night, tmp_path_factory.mktemp("models") / "company")
    nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    api.rollback("tiny", "away", root=root, now=tiny.NOW)
    nightly("tiny", tiny.NEXT.replace(day=3), root=root, now=tiny.NOW)
    return root


# models ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("seen")
def test_models_as_csv() -> None:
    frame = pd.read_csv(io.StringIO(out("models", "-p", "tiny", "--format", "csv")))
    assert frame[["task", "version", "as_of", "age_days", "state"]].values.tolist() == [
        ["away", 1, "2025-03-01", 0, "rolled back"],
        ["away", 2, "2025-01-01", 59, "champion"],
    ]
    assert frame["why"].tolist() == ["there is no champion", "asked for"]
    assert (frame["roc_auc_low"] < frame["roc_auc"]).all()
    assert (frame["log_loss"] < frame["log_loss_high"]).all()
    assert frame["gate"][1].startswith("There is no champion yet")
    assert frame["sha256"].str.fullmatch("[0-9a-f]{64}").all()


@pytest.mark.usefixtures("seen")
def test_models_as_a_table_and_as_json() -> None:
    text = out("models", "-p", "tiny", "away")
    rows = json.loads(out("models", "-p", "tiny", "away", "--format", "json"))
    lines = [line for line in text.splitlines() if "2025-" in line]
    for row, line in zip(rows, lines, strict=True):
        measure = f"{row['roc_auc']:.3f} ({row['roc_auc_low']:.3f}–{row['roc_auc_high']:.3f})"
        for part in (row["version"], row["as_of"], row["age_days"], row["state"], measure):
            assert str(part) in line


@pytest.mark.usefixtures("seen")
def test_models_as_of_a_date() -> None:
    (row,) = json.loads(out("models", "-p", "tiny", "--as-of", "2025-02-01", "--format", "json"))
    assert (row["version"], row["age_days"], row["state"]) == (2, 31, "champion")


def test_before_anything_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.make_company(tmp_path))
    for command, said in (("models", "Nothing was trained yet."), ("audit", "Nothing was noted")):
        result = run(command, "-p", "tiny")
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr
        assert "to do: Run `salesml nightly`" in result.stderr
    assert not (tmp_path / "var").exists()


# audit -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("seen")
def test_who_scored_what_from_when_to_when() -> None:
    lines = out("audit", "-p", "tiny").splitlines()
    hashes = {v["version"]: v["sha256"][:12] for v in api.models("tiny").to_dict("records")}
    assert lines[:3] == [
        f"away: version 1 scored 2025-03-01 … 2025-03-02, 2 nights, 96 rows sha256 {hashes[1]}",
        f"away: version 2 scored 2025-03-03 … 2025-03-03, 1 nights, 48 rows sha256 {hashes[2]}",
        "",
    ]
    text = "\n".join(lines[3:])
    assert "2025-03-10T02:00:00Z away 2025-03-01 version 1 is champion from 2025-03-01 on" in text
    assert "version 1 trained (there is no champion): " in text
    assert "version 2 is champion from 2025-01-01 on" in text
    assert "version 1 taken back, version 2 is champion" in text
    assert " scored " not in text


@pytest.mark.usefixtures("seen")
def test_audit_as_csv_and_json() -> None:
    frame = pd.read_csv(io.StringIO(out("audit", "-p", "tiny", "away", "--format", "csv")))
    assert frame["event"].tolist() == [
        *("trained", "gate", "champion", "scored"), *("trained", "gate", "champion"),
        "scored", "rolled_back", "scored",
    ]  # fmt: skip
    lists = json.loads(out("audit", "-p", "tiny", "--format", "json"))
    assert [row["text"] for row in lists["events"]] == frame["text"].tolist()
    assert [(row["version"], row["nights"]) for row in lists["periods"]] == [(1, 2), (2, 1)]


@pytest.mark.parametrize("format", ["table", "csv", "json"])
def test_a_log_that_was_tampered_with(own: Path, format: str) -> None:
    log = own / "var/tiny/audit.jsonl"
    text = log.read_text(encoding="utf-8")
    log.write_text(text.replace('"version": 1, "sha256"', '"version": 2, "sha256"', 1))
    whole = text.splitlines()
    changed = next(i for i, line in enumerate(whole, 1) if '"version": 1, "sha256"' in line)
    result = run("audit", "-p", "tiny", "--format", format)
    assert result.exit_code == 1
    assert "2025-03-03" in result.stdout
    assert "The audit log is broken in 1 places:" in result.stderr
    assert f"line {changed + 1}: line {changed} was changed, or lines before" in result.stderr
    assert f"where: {log}" in result.stderr
    # the scores go out all the same, and the night says so, once
    night = run("nightly", "-p", "tiny", "--as-of", "2025-03-04")
    assert night.exit_code == 0
    assert f"the audit log {log} is broken: line {changed + 1}" in night.stdout
    assert "is broken" not in run("nightly", "-p", "tiny", "--as-of", "2025-03-05").stdout
    assert run("audit", "-p", "tiny").exit_code == 1


@pytest.mark.parametrize("broken", [b"", b'{"event": "scored"}\n', b"\xff\xfe\n[]\n", b"\n\n"])
def test_whatever_became_of_the_log_the_night_goes_on(own: Path, broken: bytes) -> None:
    (own / "var/tiny/audit.jsonl").write_bytes(broken)
    night = run("nightly", "-p", "tiny", "--as-of", "2025-03-04")
    assert night.exit_code == 0, night.stderr
    assert "customers: 48 records: " in night.stdout
    assert "is broken: line " in night.stdout
    told = run("audit", "-p", "tiny")
    assert told.exit_code == 1
    # what can be known from the models and the scores was noted anew
    assert "version 1 scored 2025-03-01 … 2025-03-02, 2 nights, 96 rows" in told.stdout


def test_a_torn_line(own: Path) -> None:
    log = own / "var/tiny/audit.jsonl"
    log.write_bytes(log.read_bytes() + b'{"event": "sco')
    assert "The last line is torn (14 bytes), by a crash" in out("audit", "-p", "tiny")
    assert "is broken" not in out("nightly", "-p", "tiny", "--as-of", "2025-03-04")
    assert "a line torn by a crash, 14 bytes, is kept in audit.jsonl.torn" in out(
        "audit", "-p", "tiny"
    )


# the nightly -----------------------------------------------------------------------------------


def test_the_nightly_says_what_became_of_training_again(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.change(own, "configs/tiny/tasks/away.yml", "retrain", {"after": "7 days"})

    def fails(*_: object) -> None:
        raise LabelError("Too few.")

    with monkeypatch.context() as patched:
        patched.setattr(learning, "training_data", fails)
        text = out("nightly", "-p", "tiny", "--as-of", "2025-03-10")
    said = "away: training again (champion 68 days old) failed, version 2 stays. Too few."
    assert said in text
    assert "customers: 48 records: " in text
    assert "trained version" not in out("nightly", "-p", "tiny", "--as-of", "2025-03-11")
