"""`salesml experiment` and its call in Python, on the small company."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
import tiny
from typer.testing import CliRunner, Result

from salesml import Variant, api, cli
from salesml.errors import ConfigError, LabelError
from salesml.mlflow_records import Record
from salesml.registry import Registry
from tests.experiment.conftest import write_set


@pytest.fixture
def here(experienced: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: the company after a night, with sets that its task does not use."""
    monkeypatch.chdir(experienced)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return experienced


def run(*arguments: str) -> Result:
    command = ["experiment", "-p", "tiny", *arguments]
    return CliRunner().invoke(cli.app, command, catch_exceptions=False)


def refusal(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "to do: " in result.stderr
    return result.stderr


def mlflow_runs(root: Path, run_id: str) -> list[pd.Series]:
    """The run and those below it: name, params, metrics and tags of each."""
    with sqlite3.connect(root / "var/tiny/mlflow.db") as link:
        below = pd.read_sql(
            "select run_uuid, name, status, artifact_uri from runs where run_uuid = :id or "
            "run_uuid in (select run_uuid from tags where key = 'mlflow.parentRunId' "
            "and value = :id) order by run_uuid <> :id, start_time",
            link,
            params={"id": run_id},
        )
        for table in ("params", "metrics", "tags"):
            rows = pd.read_sql(f"select run_uuid, key, value from {table}", link)
            kept = {i: dict(zip(r["key"], r["value"], strict=True))
                    for i, r in rows.groupby("run_uuid")}  # fmt: skip
            below[table] = below["run_uuid"].map(kept)
    return [row for _, row in below.iterrows()]


def test_what_is_printed(here: Path) -> None:
    before = tiny.content(here)
    result = run("away", "--with", "recency", "--variant", "only visits: --without profile,rhythm")
    assert result.exit_code == 0, result.stderr
    assert "away: learning 'with recency' from 6 columns, 2 of 3" in result.stderr
    assert "reading activities" in result.stderr
    text = result.stdout
    columns = {"as configured": 4, "with recency": 6, "only visits": 2}
    for name, count in columns.items():
        assert re.search(rf"^ {name} +{count} +\w+ +0\.\d{{4}} ", text, re.MULTILINE)
    for name in ("with recency", "only visits"):
        assert re.search(rf"^{name}( helps| hurts|: no clear difference): log loss ", text, re.M)
    assert "one that holds 0 means" in text
    assert "stay unseen for `salesml train`" in text
    assert "parts came from the cache" in text
    assert "MLflow run " in text
    assert tiny.content(here) == before


@pytest.mark.usefixtures("here")
def test_settings_and_nothing_else() -> None:
    result = run("away", "--set", "model.num_threads=1")
    assert "model.num_threads=1: no difference, the same predictions." in result.stdout


def test_what_was_computed_once_comes_from_the_cache(here: Path) -> None:
    write_set(here, "fresh", "select account_id, as_of, 1 as one from activities group by all",
              ["one"])  # fmt: skip
    found = [
        api.experiment("tiny", "away", Variant(add=["fresh"]), root=here, now=tiny.NOW)
        for _ in range(2)
    ]
    first, second = (experiment.cost for experiment in found)
    dates = found[0].predictions["as_of"].nunique()
    assert first.computed > dates
    assert first.computed % 3 == 0  # buckets
    assert (second.computed, second.cached) == (0, first.computed + first.cached)
    pd.testing.assert_frame_equal(found[0].predictions, found[1].predictions)


def test_a_new_version_of_a_set_may_use_the_old_names(here: Path) -> None:
    found = api.experiment(
        "tiny", "away", Variant(add=["contact_v2"], remove=["contact"]), root=here, now=tiny.NOW
    )
    assert found.outcomes[1].columns == ["account_segment", "visits_30d"]
    assert found.outcomes[0].columns[0] == "visits_30d"


def test_mlflow_holds_what_was_compared(here: Path) -> None:
    found = api.experiment(
        "tiny",
        "away",
        Variant(remove=["profile"], settings={"model.time_budget": 1}, name="客層なし"),
        root=here,
        now=tiny.NOW,
    )
    parent, *children = mlflow_runs(here, found.run_id)
    assert parent["name"] == "away 2025-03-01: 客層なし"
    assert json.loads(parent["params"]["variants"]) == ["as configured", "客層なし"]
    assert "\n\n".join(found.lines()) == parent["tags"]["mlflow.note.content"]
    kept = Path(parent["artifact_uri"].removeprefix("file://")) / "comparison.csv"
    pd.testing.assert_frame_equal(pd.read_csv(kept), found.table())
    assert [child["name"] for child in children] == ["as configured", "客層なし"]
    assert {row["status"] for row in (parent, *children)} == {"FINISHED"}
    for child, outcome in zip(children, found.outcomes, strict=True):
        assert child["params"]["chosen"] == outcome.chosen
        assert child["params"]["rows"] == str(found.judged.rows)
        assert child["params"]["left_unseen_from"] == str(found.left)
        assert child["metrics"]["log_loss"] == pytest.approx(outcome.metrics["log_loss"].value)
        assert child["metrics"]["roc_auc_difference_low"] == pytest.approx(
            outcome.differences["roc_auc"].low
        )
        file = Path(child["artifact_uri"].removeprefix("file://")) / "features.json"
        assert json.loads(file.read_text(encoding="utf-8")) == outcome.columns
        assert not [tag for tag in child["tags"] if "git" in tag.lower()]
    assert children[1]["params"]["sets"] == "contact"
    assert children[1]["params"]["model.time_budget"] == "1.0"
    assert children[1]["tags"]["mlflow.note.content"] == found.verdicts()[0]
    with sqlite3.connect(here / "var/tiny/mlflow.db") as link:
        names = [name for (name,) in link.execute("select name from experiments order by 1")]
    assert names == ["Default", "tiny", "tiny-experiments", "tiny-reports"]


def test_a_failing_store_leaves_no_finished_run(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(here / "var/tiny/mlflow.db", here / "var/tiny/mlflow-artifacts", "tiny")
    full = Record("child", {}, {}, {}, {"a.txt": "text"})

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(registry._client, "log_text", refuse)
    with pytest.raises(OSError, match="disk full"):
        registry.record(Record("parent", {"n": 1}, {}, {}, {}), [full])
    with sqlite3.connect(here / "var/tiny/mlflow.db") as link:
        states = link.execute("select status from runs where name in ('parent', 'child')")
        assert {state for (state,) in states} == {"FAILED"}


def test_models_are_left_alone(here: Path) -> None:
    registry = Registry(here / "var/tiny/mlflow.db", here / "var/tiny/mlflow-artifacts", "tiny")
    before = registry.versions("away")
    run("away", "--without", "profile")
    assert registry.versions("away") == before


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("away",), "nothing to compare the task with"),
        (("awy", "--without", "profile"), "Did you mean 'away'?"),
        (("away", "--with", "recensy"), "Did you mean 'recency'?"),
        (("away", "--with", "arrival"), "'arrival' is of lead"),
        (("away", "--without", "contact,profile"), "leaves no feature to learn from"),
        (("away", "--set", "every=week"), "every would change the question or its rows"),
        (("away", "--set", "model.time_budget=soon"), "cannot be used: input should be a valid"),
        (("away", "--set", "time_budget=3"), "Did you mean 'model.time_budget'?"),
        (("away", "--variant", "x: --wihtout profile"), "Did you mean '--without'?"),
        (("away", "--without", "profile", "--variant", "--without profile"), "Two variants"),
        (("away", "--variant", "as configured: --without profile"), "Two variants"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_read(
    arguments: tuple[str, ...], said: str
) -> None:
    text = refusal(*arguments)
    assert said in text
    assert "reading" not in text


def test_a_variant_that_changes_nothing(here: Path) -> None:
    with pytest.raises(ConfigError, match="A variant changes nothing"):
        api.experiment("tiny", "away", Variant(), root=here, now=tiny.NOW)


def test_a_set_whose_source_is_not_mapped(here: Path) -> None:
    write_set(here, "tickets", "select account_id, as_of, 1 as t from tickets", ["t"])
    path = here / "features/account/tickets.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("activities:", "tickets:"), "utf-8")
    try:
        text = refusal("away", "--with", "tickets")
    finally:
        path.unlink()
        path.with_suffix(".sql").unlink()
    assert "reads the source 'tickets', which project tiny does not map" in text


@pytest.mark.parametrize(
    ("sql", "feature", "said"),
    [
        (
            "select account_id, as_of, count(*) over (partition by account_id) as later "
            "from activities qualify row_number() over (partition by account_id, as_of) = 1",
            "later",
            "account/odd looks ahead",
        ),
        (
            "select account_id, as_of, 3 as given from spine",
            "given",
            "account/odd breaks its own examples",
        ),
    ],
)
def test_a_new_set_that_is_not_sound_is_refused(
    here: Path, sql: str, feature: str, said: str
) -> None:
    write_set(here, "odd", sql, [feature])
    path = here / "features/account/odd.yml"
    if feature == "given":
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("expect:\n  - ", "expect:\n  - given: 4\n    "), "utf-8")
    text = refusal("away", "--with", "odd")
    assert said in text
    assert "trying the examples and the truncation test of odd" in text
    assert "learning" not in text


def test_too_few_positives(here: Path, tmp_path: Path) -> None:
    root = tmp_path / "company"
    shutil.copytree(here, root, ignore=shutil.ignore_patterns("var"))
    everybody = "select account_id, as_of from spine where account_id = 'c001'"
    tiny.change(root, "configs/tiny/tasks/away.yml", "outcome", everybody)
    with pytest.raises(LabelError, match="too few positives"):
        api.experiment("tiny", "away", Variant(remove=["profile"]), root=root, now=tiny.NOW)
    assert not (root / "var/tiny/mlflow.db").exists()


def test_a_population_of_nobody(here: Path, tmp_path: Path) -> None:
    root = tmp_path / "company"
    shutil.copytree(here, root, ignore=shutil.ignore_patterns("var"))
    nobody = "select account_id from accounts where false"
    tiny.change(root, "configs/tiny/tasks/away.yml", "population", nobody)
    with pytest.raises(LabelError, match="empty on every past date"):
        api.experiment("tiny", "away", Variant(add=["recency"]), root=root, now=tiny.NOW)
