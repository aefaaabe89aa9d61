"""What the report of a real night holds of the past."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import tiny

from salesml import sections
from salesml.actions.deciding import Actions
from salesml.config import load_project
from salesml.pipeline import nightly
from salesml.run import registry_of
from salesml.scoring import ScoreBook
from tests.report.decisions import acting, agenda, brought, todo
from tests.report.samples import AS_OF

TASK = "configs/tiny/tasks/away.yml"
VISITS = "select account_id, happened_at, '来訪' as ja, 'Visit' as en from activities"


def profiles(page: str) -> Any:
    packed = re.findall(r"data-packed>([^<]+)<", page)
    assert len(packed) == 1
    return json.loads(gzip.decompress(base64.b64decode(packed[0])))


def test_a_night_tells_of_the_past_and_is_kept_in_mlflow(tiny_night: Path, tmp_path: Path) -> None:
    root = tiny.copy_of(tiny_night, tmp_path / "company")
    tiny.change(root, TASK, "timeline", VISITS)
    page = nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW).report.read_text(encoding="utf-8")
    found = profiles(page)
    project = load_project("tiny", root)
    before = ScoreBook(project, "away").before(tiny.NEXT, "account_id")
    first = found["profiles"]["0"]
    assert first["history"] == [
        [str(tiny.AS_OF), before[found["id"][0]]],
        [str(tiny.NEXT), found["score"][0]],
    ]
    dates = [date for date, *_ in first["events"]]
    assert dates == sorted(dates, reverse=True)
    assert any(each["events"] for each in found["profiles"].values())
    assert {
        tuple(words) for each in found["profiles"].values() for _, *words in each["events"]
    } == {("来訪", "Visit")}
    assert 'id="changed"' in page
    copies = list((root / "var/tiny").rglob("report.html"))
    assert page in [copy.read_text(encoding="utf-8") for copy in copies]


def test_a_timeline_that_fails_is_told_and_left_out(
    tiny_night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tiny.copy_of(tiny_night, tmp_path / "company")
    tiny.change(root, TASK, "timeline", VISITS.replace("happened_at", "happend_at"))
    registry = type(registry_of(load_project("tiny", root)))
    monkeypatch.setattr(registry, "record", _refuse)
    told: list[str] = []
    night = nightly("tiny", tiny.NEXT, root=root, now=tiny.NOW, tell=told.append)
    said = " ".join(told)
    assert "away: the report has no timeline: The timeline of task away does not run" in said
    assert "the report was not copied to MLflow: the disk is full" in said
    page = night.report.read_text(encoding="utf-8")
    assert {each["events"] for each in profiles(page)["profiles"].values()} == {None}


def _refuse(*_: object) -> None:
    raise OSError("the disk is full")


def decided() -> Actions:
    about = acting()
    rows = agenda(todo("a"), *[todo(f"n{i}", action="none", how="nothing") for i in range(3)])
    fired = pd.DataFrame(
        [("account", "p", "サイン", "Sign", 2)],
        columns=["entity", "play", "name_ja", "name_en", "n"],
    )
    return Actions(rows, about.agenda, about.loads, fired, list(about.notes))


def evening(told: list[str]) -> Any:
    """As much of a run as the section of actions asks for."""
    return SimpleNamespace(project=SimpleNamespace(tasks={}), as_of=AS_OF, tell=told.append)


def test_actions_as_the_report_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    about = SimpleNamespace(**vars(brought()))
    monkeypatch.setattr(sections, "evaluate", lambda *_: about)
    found = sections.actions_of(evening([]), decided())
    assert found is not None
    assert found.left == {"nothing": 3}
    assert [(words.en, n) for words, n in found.fired] == [("Sign", 2)]
    assert found.brought is not None
    assert found.brought.actions is about.actions
    assert sections.actions_of(evening([]), None) is None


def test_whatever_fails_in_evaluating_is_told_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(sections, "evaluate", {}.__getitem__)
    found = sections.actions_of(evening(told), decided())
    assert found is not None
    assert found.brought is None
    assert len(told) == 1
    assert told[0].startswith("the report does not say what actions brought")
