"""One score shown again: its inputs as of then, its model, and that one makes it of the other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import tiny
from typer.testing import CliRunner, Result

from salesml import api, cli
from salesml.config import load_project
from salesml.errors import ConfigError, ModelError
from salesml.pipeline import read_sources
from salesml.run import open_run
from salesml.scorebook import ScoreBook, keep_inputs


@pytest.fixture
def own(tiny_night: Path, tmp_path: Path) -> Path:
    return tiny.copy_of(tiny_night, tmp_path / "company")


def top(root: Path) -> str:
    """The highest score of one who came at all, though not lately."""
    for entity in api.scores("tiny", "away", as_of=tiny.AS_OF, root=root)["account_id"]:
        found = api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=root)
        if found.inputs.set_index("feature").loc["days_since_visit", "value"] > 9:
            return str(entity)
    raise AssertionError


def correct_the_past(root: Path, customer: str) -> None:
    """Add a visit of last month that was known then, as a corrected CRM would have it."""
    with tiny.crm(root) as link:
        tiny.visit(link, customer, pd.Timestamp("2025-02-20 10:00").to_pydatetime())
    with open_run("tiny", tiny.NEXT, root=root, now=tiny.NOW) as run:
        read_sources(run)


def spoil(root: Path, name: str, value: object) -> None:
    """Change *name* of all scores of the date, behind the back of the package."""
    book = ScoreBook(load_project("tiny", root), "away")
    folder = book.root / f"{tiny.AS_OF}-{book.meta(tiny.AS_OF)['run_id']}"
    for path in folder.glob("*.parquet"):
        pd.read_parquet(path).assign(**{name: value}).to_parquet(path)


def test_every_score_is_made_again_of_its_inputs(tiny_night: Path) -> None:
    scores = api.scores("tiny", "away", as_of=tiny.AS_OF, root=tiny_night)
    for entity in scores["account_id"][::12]:
        found = api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=tiny_night)
        assert found.problems == []
        assert found.notes == []
        assert found.kept
        assert found.probability == pytest.approx(found.score["probability"], abs=1e-12)
        assert found.points == found.score["score"]
        assert not found.inputs["changed"].any()


def test_inputs_are_the_features_in_words(tiny_night: Path) -> None:
    found = api.audit_score("tiny", "away", top(tiny_night), as_of=tiny.AS_OF, root=tiny_night)
    inputs = found.inputs.set_index("feature")
    assert set(inputs.index) == set(found.version.load().feature_names_in_)
    days = inputs.loc["days_since_visit"]
    assert days["text_en"] == f"Days since the last visit: {days['value']:,.0f}"
    assert days["concept"] == "rhythm"


def test_a_correction_of_the_past_is_told_and_the_score_still_shown(own: Path) -> None:
    entity = top(own)
    before = api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=own)
    correct_the_past(own, entity)
    # the next night computes the features of the last one again: its snapshots are replaced
    api.nightly("tiny", tiny.NEXT, root=own, now=tiny.NOW)
    found = api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=own)
    assert found.problems == []
    assert found.kept
    assert found.inputs["value"].tolist() == before.inputs["value"].tolist()
    row = found.inputs.set_index("feature").loc["days_since_visit"]
    assert (row["changed"], row["now"]) == (True, 9)
    assert row["value"] > 9
    assert "The past was corrected since" in found.notes[0]


def test_scores_of_former_versions_are_computed_again(own: Path) -> None:
    for folder in (own / "var/tiny/scores").rglob("_inputs"):
        shutil.rmtree(folder)
    found = api.audit_score("tiny", "away", top(own), as_of=tiny.AS_OF, root=own)
    assert (found.kept, found.problems) == (False, [])
    assert "were not kept" in found.notes[0]


def test_kept_inputs_outlive_their_feature_sets(own: Path) -> None:
    entity = top(own)
    (own / "features/account/profile.sql").unlink()
    found = api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=own)
    assert (found.kept, found.problems) == (True, [])
    assert "feature sets cannot be read" in found.notes[0]
    for folder in (own / "var/tiny/scores").rglob("_inputs"):
        shutil.rmtree(folder)
    with pytest.raises(ModelError, match="can no longer be shown"):
        api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=own)


def test_inputs_are_linked_or_copied_where_the_disk_knows_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "snapshot.parquet"
    snapshot.write_bytes(b"values")
    keep_inputs(tmp_path / "run", "000", {"usage": snapshot})
    linked = tmp_path / "run/_inputs/000/usage.parquet"
    assert linked.samefile(snapshot)

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("os.link", refuse)
    keep_inputs(tmp_path / "run", "001", {"usage": snapshot})
    copied = tmp_path / "run/_inputs/001/usage.parquet"
    assert copied.read_bytes() == b"values"
    assert not copied.samefile(snapshot)


def test_what_does_not_hold_is_a_problem_each(own: Path) -> None:
    entity = top(own)
    spoil(own, "probability", 0.123)
    found = api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=own)
    (problem,) = found.problems
    assert "the probability is 0.123000" in problem
    spoil(own, "score", 3)
    note = own / f"var/tiny/scores/away/{tiny.AS_OF}.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "sha256": "f" * 64}))
    found = api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=own)
    assert [problem.split(":")[0] for problem in found.problems] == [
        "The scores name another model",
        found.problems[1],
        found.problems[2],
    ]
    assert found.problems[2].endswith("it is 3.")


def test_without_its_model_nothing_is_claimed(own: Path) -> None:
    entity = top(own)
    for path in (own / "var/tiny/mlflow-artifacts").rglob("*.txt"):
        path.write_text(path.read_text() + "\n")
    with pytest.raises(ModelError, match="changed"):
        api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=own)
    (own / "var/tiny/mlflow.db").unlink()
    with pytest.raises(ModelError, match="is not in the registry"):
        api.audit_score("tiny", "away", entity, as_of=tiny.AS_OF, root=own)


# command ---------------------------------------------------------------------------------------


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["audit", "-p", "tiny", *arguments], catch_exceptions=False)


@pytest.fixture
def seen(tiny_night: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tiny_night)
    monkeypatch.setenv("COLUMNS", "100")
    return top(tiny_night)


def test_audit_of_a_score(seen: str) -> None:
    result = run("away", "--entity", seen, "--as-of", str(tiny.AS_OF))
    assert result.exit_code == 0, result.stderr
    assert f"away {seen} 2025-03-01: score" in result.stdout
    assert "The model makes this score of these inputs." in result.stdout
    assert "days_since_visit" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 140


def test_audit_of_a_score_as_json_and_csv(seen: str) -> None:
    told = json.loads(run("away", "--entity", seen, "--format", "json").stdout)
    assert (told["task"], told["entity"], told["holds"]) == ("away", seen, True)
    assert told["probability"] == pytest.approx(told["probability_again"], abs=1e-12)
    lines = run("away", "--entity", seen, "--format", "csv").stdout.splitlines()
    assert lines[0] == "feature,concept,text_ja,text_en,value,now,changed"
    assert len(lines) == 1 + len(told["inputs"])


def test_audit_needs_task_and_entity(seen: str) -> None:
    result = run("--as-of", "2025-03-01")
    assert result.exit_code == 1
    assert "task not given" in result.stderr
    assert "Did you mean" in run("away", "--entity", seen + "0").stderr
    assert ConfigError.__name__ not in result.stderr
