"""``salesml actions``, and what other commands say of actions."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import tiny

from salesml import api
from salesml.actions.book import ActionBook
from salesml.config import Project, load_project
from salesml.scoring import ScoreBook
from tests.commands.conftest import out, run
from tests.report.decisions import agenda, brought, todo

DAY = dt.timedelta(days=1)
CATALOGUE = """\
minute_cost: 60
worth: {away: 300000}
people: select distinct owner_id as rep_id, owner_id as name, 'CS' as role, 1 as skill from accounts
capacity: {CS: 1200}
actions:
  check_in_call:
    entity: account
    task: away
    name: {ja: 状況確認の電話, en: Check-in call}
    role: CS
    channel: phone
    minutes: 30
    cooldown: 30 days
    due: 5 days
    effect: 0.1
"""


@pytest.fixture(scope="module")
def two_nights(tiny_night: Path) -> Path:
    """One night is enough here."""
    return tiny_night


@pytest.fixture
def acting(own: Path) -> Path:
    """A company that knows one action."""
    (own / "configs/tiny/actions.yml").write_text(CATALOGUE, encoding="utf-8")
    return own


@pytest.fixture
def entity(acting: Path) -> str:
    """The highest score of a company whose decisions are made by hand."""
    project = load_project("tiny", acting)
    first, second = ScoreBook(project, "away").read(tiny.AS_OF)["account_id"].head(2)
    now = {"as_of": tiny.AS_OF, "due_on": tiny.AS_OF + 2 * DAY}
    before = {"as_of": tiny.AS_OF - 9 * DAY, "due_on": tiny.AS_OF - 4 * DAY}
    rows = agenda(
        todo(first, **now, assignee="佐藤 花子", assignee_id="R1"),
        todo(second, **before, assignee="Abe", assignee_id="R2", how="escalated"),
    )
    publish(project, tiny.AS_OF, rows)
    return str(first)


def publish(project: Project, as_of: dt.date, rows: pd.DataFrame) -> None:
    """Let *rows* be decided as of a date, on which R7 had nothing to do."""
    loads = [{"rep_id": "R7", "name": "小川 愛", "minutes": 0, "of": 900}]
    none = pd.DataFrame({"play": []})
    book = ActionBook(project)
    book.publish(as_of, "run-1", decisions=rows, agenda=rows, state=none, meta={"loads": loads})


def test_the_list_of_today(entity: str) -> None:
    text = out("actions", "-p", "tiny")
    assert text == out("actions", "list", "-p", "tiny")
    assert "今日の予定  3/1（土）" in text
    assert text.index("Abe  1件") < text.index("佐藤 花子  1件")
    assert "あと2日" in text
    assert entity in text


def test_the_list_of_one_person_in_english(entity: str) -> None:
    text = out("actions", "list", "-p", "tiny", "--owner", "Abe", "--lang", "en")
    assert "Escalated" in text
    assert entity not in text
    text = out("actions", "-p", "tiny", "--entity", entity, "--as-of", str(tiny.AS_OF))
    assert "佐藤 花子" in text
    assert "Abe" not in text


def test_the_list_as_csv_and_json(entity: str) -> None:
    rows = list(csv.DictReader(io.StringIO(out("actions", "-p", "tiny", "--format", "csv"))))
    told = json.loads(out("actions", "-p", "tiny", "--format", "json"))
    for found in (rows, told):
        (own,) = [row for row in found if row["entity_id"] == entity]
        assert (own["action"], own["due_on"]) == ("check_in_call", "2025-03-03")
    assert json.loads(rows[0]["reasons"]) == told[0]["reasons"]
    assert told[0]["play"] is None


def test_a_part_of_the_name_is_enough(entity: str) -> None:
    told = json.loads(out("actions", "-p", "tiny", "--owner", "花子", "--format", "json"))
    assert [row["entity_id"] for row in told] == [entity]


@pytest.mark.parametrize("owner", ["R7", "小川 愛", "小川"])
def test_who_has_nothing_to_do_is_no_error(entity: str, owner: str) -> None:
    assert entity
    text = out("actions", "-p", "tiny", "--owner", owner, "--lang", "en")
    assert "Nothing is to be done today." in text
    assert json.loads(out("actions", "-p", "tiny", "--owner", owner, "--format", "json")) == []


@pytest.mark.parametrize("ask", [("--owner", "Abbe"), ("--as-of", "2024-01-01")])
def test_what_is_not_there(entity: str, ask: tuple[str, str]) -> None:
    assert entity
    found = run("actions", "-p", "tiny", *ask)
    assert found.exit_code == 1
    assert "Error" in found.stderr


def test_a_project_without_actions(seen: Path) -> None:
    assert seen
    found = run("actions", "-p", "tiny")
    assert found.exit_code == 1
    assert "has no actions" in found.stderr


def test_scores_say_what_is_next(entity: str) -> None:
    (row,) = csv.DictReader(
        io.StringIO(out("scores", "-p", "tiny", "away", "--entity", entity, "--format", "csv"))
    )
    assert row["next_action"] == "check_in_call"
    assert row["next_action_en"] == "Check-in call"
    assert (row["next_action_due"], row["next_action_by"]) == ("2025-03-03", "佐藤 花子")
    assert row["next_action_why_ja"] == "60日間ログインなし"
    told = json.loads(out("scores", "-p", "tiny", "away", "--format", "json"))
    assert (told[0]["next_action_due"], told[2]["next_action"]) == ("2025-03-03", None)
    assert "→ 状況確認の電話 · 3/3（月）まで · 佐藤 花子" in out("scores", "-p", "tiny", "away")


def test_explain_says_what_is_next(entity: str) -> None:
    text = out("explain", "-p", "tiny", "away", entity)
    for words in ("次のアクション  状況確認の電話", "サイン: 60日間ログインなし", "あと2日"):
        assert words in text
    told = json.loads(out("explain", "-p", "tiny", "away", entity, "--format", "json"))
    assert (told["next_action"], told["next_action_due"]) == ("check_in_call", "2025-03-03")


def test_a_date_on_which_nothing_was_decided(acting: Path) -> None:
    project = load_project("tiny", acting)
    entity = ScoreBook(project, "away").read(tiny.AS_OF)["account_id"].iloc[0]
    assert "次のアクション" not in out("explain", "-p", "tiny", "away", entity)
    told = json.loads(out("explain", "-p", "tiny", "away", entity, "--format", "json"))
    assert told["next_action"] is None


def test_scores_without_actions_are_as_ever(seen: Path) -> None:
    assert seen
    told = json.loads(out("scores", "-p", "tiny", "away", "--format", "json"))
    assert not [name for name in told[0] if name.startswith("next_")]


def test_evaluate(entity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert entity
    asked: list[Any] = []
    known = brought(policies=brought().policies.assign(task="away"))
    found = SimpleNamespace(**{**vars(known), "as_of": tiny.AS_OF})
    monkeypatch.setattr(
        api, "evaluate_actions", lambda *a, **k: asked.append((a, k)) or found, raising=False
    )
    text = out("actions", "evaluate", "-p", "tiny", "--lang", "en", "--as-of", str(tiny.AS_OF))
    assert "What actions have brought by Sat 1 Mar" in text
    assert "+ 20 trials" in text
    assert "Webinar invitation" in text
    assert "As recommended" in text
    assert asked == [(("tiny",), {"as_of": tiny.AS_OF})]
    rows = list(
        csv.DictReader(io.StringIO(out("actions", "evaluate", "-p", "tiny", "--format", "csv")))
    )
    assert (rows[0]["effect"], rows[0]["as_of"]) == ("0.05", str(tiny.AS_OF))


def test_what_is_evaluated_is_the_newest_date_decided(
    acting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "evaluate", lambda _, as_of: as_of)
    assert api.evaluate_actions("tiny", root=acting) == tiny.AS_OF  # of project.yml
    publish(load_project("tiny", acting), tiny.AS_OF + 9 * DAY, agenda())
    assert api.evaluate_actions("tiny", root=acting) == tiny.AS_OF + 9 * DAY
    assert api.evaluate_actions("tiny", root=acting, as_of=tiny.AS_OF) == tiny.AS_OF
