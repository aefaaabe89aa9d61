from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path

import pandas as pd
import pytest
import tiny

from salesml import cli
from salesml.pipeline import nightly
from tests.commands.conftest import out, run

PROMISED = [
    "account_id", "as_of", "run_id", "model_version", "probability", "score", "band", "change",
    "expected_value",
]  # fmt: skip
REASON = ["concept", "points", "text_ja", "text_en", "peers_ja", "peers_en", "help"]
COMMANDS = [
    "sample", "check", "train", "experiment", "nightly", "scores", "explain", "export", "rollback",
    "models", "audit",
]  # fmt: skip


@pytest.fixture(scope="module")
def two_nights(tiny_night: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small company after two nights; nothing here may change it."""
    root = tiny.copy_of(tiny_night, tmp_path_factory.mktemp("cli") / "company")
    nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW)
    return root


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: the company before its first night."""
    monkeypatch.chdir(tiny.make_company(tmp_path))
    return tmp_path


def refusal(*arguments: str) -> str:
    """What a command that fails says: all of it on stderr, without a traceback."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ") or "\nError: " in result.stderr
    assert "Traceback" not in result.stderr
    assert "to do: " in result.stderr
    return result.stderr


# help and what cannot be meant -----------------------------------------------------------------


def test_help_names_every_command() -> None:
    text = run("--help").stdout
    for command in COMMANDS:
        assert f" {command} " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    text = out(command, "--help")
    assert f"Usage: root {command}" in text
    docstring = str(getattr(cli, command).__doc__)
    assert docstring.split(",")[0].split(":")[0] in text
    for option in ("--accounts", "--seed") if command == "sample" else ("--project", "-p"):
        assert option in text


def test_no_command_shows_help() -> None:
    assert "Usage" in run().output


@pytest.mark.parametrize(
    "arguments",
    [
        ("scores", "-p", "tinny", "away"),
        ("check", "-p", "tinny"),
        ("train", "-p", "tinny", "away"),
        ("experiment", "-p", "tinny", "away", "--without", "profile"),
        ("nightly", "-p", "tinny"),
        ("explain", "-p", "tinny", "away", "c001"),
        ("export", "-p", "tinny"),
        ("rollback", "-p", "tinny", "away"),
        ("models", "-p", "tinny"),
        ("audit", "-p", "tinny"),
    ],
)
def test_a_project_that_is_not_there(seen: Path, arguments: tuple[str, ...]) -> None:
    text = refusal(*arguments)
    assert "There is no project 'tinny'. Did you mean 'tiny'?" in text
    assert f"where: {seen / 'configs/tinny/project.yml'}" in text
    assert "Use one of: tiny." in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("scores", "-p", "tiny", "awy"),
        ("explain", "-p", "tiny", "awy", "c001"),
        ("train", "-p", "tiny", "awy"),
        ("rollback", "-p", "tiny", "awy"),
        ("models", "-p", "tiny", "awy"),
        ("audit", "-p", "tiny", "awy"),
    ],
)
@pytest.mark.usefixtures("seen")
def test_a_task_that_is_not_there(arguments: tuple[str, ...]) -> None:
    text = refusal(*arguments)
    assert "Project tiny has no task 'awy'. Did you mean 'away'?" in text
    assert "Use one of: away." in text


@pytest.mark.parametrize("command", [("explain", "c0001"), ("scores", "--entity", "c0001")])
def test_an_entity_that_is_not_there(seen: Path, command: tuple[str, ...]) -> None:
    text = refusal(command[0], "-p", "tiny", "away", *command[1:])
    assert "account 'c0001' was not scored by away. Did you mean 'c001'?" in text
    assert "received: 48 scored on 2025-03-02" in text
    assert str(seen / "var/tiny/scores/away") in text


@pytest.mark.parametrize("date", ["2025-13-01", "yesterday", "", "01.03.2025"])
@pytest.mark.parametrize("command", [("nightly",), ("scores", "away"), ("check",), ("export",)])
@pytest.mark.usefixtures("seen")
def test_a_date_that_is_none(command: tuple[str, ...], date: str) -> None:
    result = run(*command, "-p", "tiny", "--as-of", date)
    assert result.exit_code == 2
    assert f"'{date}' is no date; write YYYY-MM-DD." in result.stderr
    assert "--as-of" in result.stderr


def test_a_date_without_scores(seen: Path) -> None:
    text = refusal("scores", "-p", "tiny", "away", "--as-of", "2024-01-01")
    assert "There are no scores of away for 2024-01-01." in text
    assert "scores for: 2025-03-01, 2025-03-02" in text
    assert str(seen) in text


@pytest.mark.parametrize("command", [("scores", "away"), ("explain", "away", "c001"), ("export",)])
def test_before_the_first_night(fresh: Path, command: tuple[str, ...]) -> None:
    text = refusal(command[0], "-p", "tiny", *command[1:])
    assert "Nothing was scored yet." in text
    assert "Run `salesml nightly` first." in text
    assert not (fresh / "var/tiny/scores").exists()


# sample ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fresh")
def test_sample() -> None:
    assert "The sample CRM is made/crm.sqlite" in out("sample", "made", "--accounts", "20")
    assert {path.name for path in Path("made").iterdir()} == {
        "crm.sqlite",
        "published",
        "truth.sqlite",
    }
    text = refusal("sample", "made", "--accounts", "20")
    assert "There is a sample CRM already" in text
    assert "where: made/crm.sqlite" in text


@pytest.mark.usefixtures("fresh")
def test_a_sample_of_too_few() -> None:
    result = run("sample", "made", "--accounts", "5")
    assert result.exit_code == 2
    assert "--accounts" in result.stderr
    assert not Path("made").exists()


# check, train, nightly -------------------------------------------------------------------------


@pytest.mark.usefixtures("fresh")
def test_check() -> None:
    result = run("check", "-p", "tiny", "--as-of", "2025-02-01")
    assert result.exit_code == 0
    assert "ok    source activities" in result.stdout
    assert "wrong" not in result.stdout
    assert "source activities" in result.stderr  # while it goes on
    assert not Path("var").exists()


def test_check_tells_all_that_is_wrong(fresh: Path) -> None:
    tiny.change(fresh, "configs/tiny/sources.yml", "sources.activities.columns.channel", "chanel")
    tiny.change(fresh, "configs/tiny/export.yml", "targets.customers.key", "customer")
    with tiny.crm(fresh) as link:
        link.execute("insert into customers (code, name, opened_on) values ('x', 'X', 'never')")
    result = run("check", "-p", "tiny")
    assert result.exit_code == 1
    assert "ok    source accounts" in result.stdout
    assert "note  accounts: 1 rows fail known_at" in result.stdout
    assert "wrong The mapping of source activities does not fit its table" in result.stdout
    assert "wrong The target table does not fit:" in result.stdout
    assert "there is no column 'customer'" in result.stdout
    assert result.stdout.count("to do:") == 2


def test_train(own: Path) -> None:
    before = tiny.content(own)
    result = run("train", "-p", "tiny", "away", "--as-of", "2025-02-01")
    assert result.exit_code == 0
    assert "away: trained version 3" in result.stdout
    assert "roc_auc 0." in result.stdout
    assert "gate: " in result.stdout
    assert "away: training on " in result.stderr
    assert tiny.content(own) == before


def test_nightly_again_for_a_later_date(own: Path) -> None:
    date = str(tiny.NEXT + dt.timedelta(1))
    text = out("nightly", "-p", "tiny", "--as-of", date)
    assert f"tiny as of {date}: 2 sources" in text
    assert "trained" not in text
    assert "来訪" in text
    assert "customers: 48 records: " in text
    for what, where in {
        "report": own / f"var/tiny/report/{date}.html",
        "CRM (crm)": own / "crm.sqlite",
        "MLflow": own / "var/tiny/mlflow.db",
    }.items():
        assert f"{what:<12} {where}\n" in text
        assert where.exists()
    again = out("nightly", "-p", "tiny", "--as-of", date)
    assert "customers: 48 records: 48 unchanged" in again


def test_nightly_shows_what_it_trained_and_what_was_quarantined(fresh: Path) -> None:
    with tiny.crm(fresh) as link:
        link.execute("insert into customers (code, name, opened_on) values ('x', 'X', 'never')")
    tiny.change(fresh, "configs/tiny/project.yml", "language", "en")
    text = out("nightly", "-p", "tiny")
    assert "tiny as of 2025-03-01: 2 sources" in text
    assert "quarantine accounts: 1 rows fail known_at" in text
    assert "away: trained version 1" in text
    assert "There is no champion yet" in text
    assert "Staying away" in text
    assert "Days since the last visit" in text or "No visit on record" in text
    assert "customers: 48 records: 48 written" in text


def test_a_dry_run_writes_nothing_back(own: Path) -> None:
    before = tiny.content(own)
    text = out("nightly", "-p", "tiny", "--as-of", "2025-03-03", "--dry-run")
    assert "would be written" in text
    assert "Dry run: nothing was written back." in text
    assert tiny.content(own) == before
    assert "2025-03-03" in out("scores", "-p", "tiny", "away", "--format", "csv")


def test_nightly_says_what_was_never_seen_in_training(own: Path) -> None:
    with tiny.crm(own) as link:
        link.execute(
            "insert into customers (code, name, segment, opened_on) values "
            "('new', '[bold]', '個人', '2025-02-01')"
        )
    text = out("nightly", "-p", "tiny", "--as-of", "2025-03-03")
    assert "account_segment: 1 values never seen in training" in text


# scores and explain ----------------------------------------------------------------------------


@pytest.mark.usefixtures("seen")
def test_scores_as_csv() -> None:
    frame = pd.read_csv(io.StringIO(out("scores", "-p", "tiny", "away", "--format", "csv")))
    assert list(frame.columns[: len(PROMISED)]) == PROMISED
    assert len(frame) == tiny.CUSTOMERS
    assert frame["account_id"].is_unique
    assert set(frame["as_of"]) == {"2025-03-02"}
    assert frame["change"].dtype == "int64"
    assert frame["score"].is_monotonic_decreasing
    for text, score in zip(frame["reasons"], frame["score"], strict=True):
        reasons = json.loads(text)
        assert sum(reason["points"] for reason in reasons) == score - 50
        assert all(list(reason) == REASON for reason in reasons)
    for text, change in zip(frame["changes"], frame["change"], strict=True):
        assert isinstance(text, str) == (abs(change) >= 5)
        if isinstance(text, str):
            assert sum(told["points"] for told in json.loads(text)) == change


@pytest.mark.usefixtures("seen")
def test_scores_as_json_are_those_as_csv() -> None:
    rows = json.loads(out("scores", "-p", "tiny", "away", "--format", "json"))
    frame = pd.read_csv(io.StringIO(out("scores", "-p", "tiny", "away", "--format", "csv")))
    for row, kept in zip(rows, frame.to_dict("records"), strict=True):
        assert row.pop("reasons") == json.loads(kept.pop("reasons"))
        changes = kept.pop("changes")
        assert row.pop("changes") == (json.loads(changes) if isinstance(changes, str) else None)
        assert row.keys() == kept.keys()
        assert str(row.pop("model_version")) == str(kept.pop("model_version"))
        for name, value in kept.items():
            assert row[name] == (pytest.approx(value) if isinstance(value, float) else value)
    assert rows[0]["as_of"] == "2025-03-02"
    assert isinstance(rows[0]["change"], int)


@pytest.mark.usefixtures("seen")
def test_what_is_not_known_is_empty() -> None:
    first = ("scores", "-p", "tiny", "away", "--as-of", "2025-03-01", "--entity", "c000")
    (row,) = json.loads(out(*first, "--format", "json"))
    assert row["change"] is None
    assert row["expected_value"] == 0
    line = out(*first, "--format", "csv").splitlines()[1]
    assert f",{row['band']},,0.0," in line


@pytest.mark.usefixtures("seen")
def test_scores_of_one_entity() -> None:
    text = out("scores", "-p", "tiny", "away", "--entity", "c007", "--format", "csv")
    assert [line[:4] for line in text.splitlines()] == ["acco", "c007"]


@pytest.mark.usefixtures("seen")
def test_scores_as_a_table() -> None:
    text = out("scores", "-p", "tiny", "away")
    for number in range(tiny.CUSTOMERS):
        assert f"c{number:03d}" in text
    assert "全48件" in text


def test_scores_of_nobody(own: Path) -> None:
    nobody = "select account_id from accounts where false"
    tiny.change(own, "configs/tiny/tasks/away.yml", "population", nobody)
    assert "customers: 0 records: nothing to do" in out(
        "nightly", "-p", "tiny", "--as-of", "2025-03-04"
    )
    assert json.loads(out("scores", "-p", "tiny", "away", "--format", "json")) == []
    header = out("scores", "-p", "tiny", "away", "--format", "csv").strip()
    assert header.split(",")[: len(PROMISED)] == PROMISED
    assert out("scores", "-p", "tiny", "away")


@pytest.mark.usefixtures("seen")
def test_explain_in_both_languages() -> None:
    row = json.loads(out("scores", "-p", "tiny", "away", "--entity", "c001", "--format", "json"))[0]
    japanese = out("explain", "-p", "tiny", "away", "c001")
    english = out("explain", "-p", "tiny", "away", "c001", "--lang", "en")
    assert "来訪" in japanese
    assert "Staying away" in english
    for reason in row["reasons"]:
        assert reason["text_ja"] in japanese
        assert reason["text_en"] in english
        assert f"{abs(reason['points'])}" in english


@pytest.mark.usefixtures("seen")
def test_explain_as_json() -> None:
    kept = json.loads(out("scores", "-p", "tiny", "away", "--entity", "c001", "--format", "json"))
    found = json.loads(out("explain", "-p", "tiny", "away", "c001", "--format", "json"))
    history = found.pop("history")
    assert [each["as_of"] for each in history] == ["2025-03-01", "2025-03-02"]
    assert history[1]["score"] - history[0]["score"] == found["change"]
    assert {**kept[0], "probability": None} == {**found, "probability": None}
    first = ("explain", "-p", "tiny", "away", "c001", "--as-of", "2025-03-01")
    row = json.loads(out(*first, "--format", "json"))
    assert (row["change"], row["changes"], len(row["history"])) == (None, None, 1)


@pytest.mark.usefixtures("seen")
def test_explain_of_another_date_and_language() -> None:
    last = out("explain", "-p", "tiny", "away", "c001", "--lang", "en", "--as-of", "2025-03-01")
    assert "Change" not in last
    result = run("explain", "-p", "tiny", "away", "c001", "--lang", "fr")
    assert result.exit_code == 2
    assert "'ja', 'en'" in result.stderr


# export ----------------------------------------------------------------------------------------


def test_export_after_somebody_edited_a_record(own: Path) -> None:
    with tiny.crm(own) as link:
        link.execute("update customers set score = 12 where code = 'c003'")
        link.execute("update customers set score = null, band = null where code = 'c004'")
    edited = tiny.content(own)
    assert out("export", "-p", "tiny") == "customers: 48 records: 48 unchanged\n"
    dry = out("export", "-p", "tiny", "--as-of", "2025-03-01", "--dry-run")
    assert "older than what is there" in dry
    assert "Dry run: nothing was written back." in dry
    assert tiny.content(own) == edited


def test_export_writes_what_a_dry_run_left(own: Path) -> None:
    out("nightly", "-p", "tiny", "--as-of", "2025-03-05", "--dry-run")
    before = tiny.content(own)
    planned = out("export", "-p", "tiny", "--dry-run")
    assert tiny.content(own) == before
    written = out("export", "-p", "tiny")
    assert planned.splitlines()[0].replace("would be written", "written") in written
    assert tiny.content(own) != before
    with tiny.crm(own) as link:
        assert link.execute("select max(scored_on) from customers").fetchone() == ("2025-03-05",)


def test_a_project_without_targets_exports_nothing(own: Path) -> None:
    (own / "configs/tiny/export.yml").unlink()
    text = refusal("export", "-p", "tiny")
    assert "Project tiny says nowhere to write to." in text
    assert str(own / "configs/tiny/export.yml") in text


# rollback --------------------------------------------------------------------------------------


def test_rollback(own: Path) -> None:
    row = ("scores", "-p", "tiny", "away", "--entity", "c001", "--format", "json")
    assert json.loads(out(*row))[0]["model_version"] == "1"
    assert out("rollback", "-p", "tiny", "away") == (
        "away: version 1 is taken back, version 2 is champion.\n"
    )
    nightly("tiny", tiny.NEXT, root=own, now=tiny.NOW)
    assert json.loads(out(*row))[0]["model_version"] == "2"
    text = refusal("rollback", "-p", "tiny", "away")
    assert "There is no earlier version of 'away' to roll back to." in text
    assert "received: 1 versions that passed and were not rolled back" in text
    assert "salesml train -p tiny away" in text
