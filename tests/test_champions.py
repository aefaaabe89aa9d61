"""Which model scores: training when it is due, whatever comes of it, and once for a date."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny

from salesml import api, learning
from salesml.config import Words, load_project
from salesml.errors import LabelError
from salesml.pipeline import NightlyResult, nightly, read_sources
from salesml.retraining import next_training, reasons_to_train
from salesml.run import Run, open_run
from salesml.scoring import ScoreBook
from salesml.training import Decision

TASK = "configs/tiny/tasks/away.yml"
LATER = dt.datetime(2025, 6, 1, 2, 0, tzinfo=dt.UTC)
APRIL = dt.date(2025, 4, 3)  # 33 days after the champion was trained
MAY = dt.date(2025, 5, 4)


@pytest.fixture
def company(tiny_night: Path, tmp_path: Path) -> Path:
    return tiny.copy_of(tiny_night, tmp_path / "company")


@pytest.fixture
def due(company: Path) -> Callable[..., list[str]]:
    """Why the task is due on a date, by the rules given."""

    def ask(as_of: dt.date, **rules: Any) -> list[str]:
        if rules:
            tiny.change(company, TASK, "retrain", rules)
        with open_run("tiny", as_of, root=company, now=LATER) as run:
            read_sources(run)
            champion = run.registry.champion("away", as_of)
            assert champion is not None
            return [words.en for words in reasons_to_train(run, champion)]

    return ask


def night(root: Path, as_of: dt.date) -> NightlyResult:
    return nightly("tiny", as_of, root=root, now=LATER)


def gate(monkeypatch: pytest.MonkeyPatch, promote: bool, reason: str) -> None:
    monkeypatch.setattr(learning, "decide", lambda *_: Decision(promote, [reason]))


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[dt.date]:
    """Let training fail with *error*; the dates on which it was tried."""
    tried: list[dt.date] = []

    def training_data(run: Run, *_: object) -> None:
        tried.append(run.as_of)
        raise error

    monkeypatch.setattr(learning, "training_data", training_data)
    return tried


def noted(root: Path, *names: str) -> list[dict[str, Any]]:
    """The events called *names*, of all where none is named, without what only tells the line."""
    _, audit = api.audit("tiny", root=root)
    assert audit.problems == []
    head = ("previous", "at", "task", "run_id", "mlflow_run")
    found = [e for e in audit.entries if not names or e["event"] in names]
    return [{k: v for k, v in e.items() if k not in head} for e in found]


def by_age(root: Path) -> None:
    """Leave age as the only reason: the data end in March, which is a drift, too."""
    tiny.change(root, TASK, "retrain", {"drift": None, "new_labels": None})


def put_drift(root: Path, **meta: Any) -> None:
    """Change what was noted of the first night."""
    path = ScoreBook(load_project("tiny", root), "away").root / f"{tiny.AS_OF}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | meta))


# when it is due --------------------------------------------------------------------------------


def test_due_by_age(due: Callable[..., list[str]]) -> None:
    # two dates were added to the panel, a sixth of it: not enough by itself
    assert due(APRIL) == ["champion 33 days old"]
    assert due(dt.date(2025, 3, 30)) == []
    assert due(dt.date(2025, 3, 31)) == ["champion 30 days old"]
    assert due(dt.date(2025, 3, 8), after="7 days") == ["champion 7 days old"]
    # a week is the least there is between two trainings, and an outcome more must be known
    assert due(dt.date(2025, 3, 7), after="1 day") == []
    assert due(dt.date(2025, 3, 2), after="1 day", pause="1 day") == []
    assert due(dt.date(2025, 3, 3), after="1 day", pause="1 day") == ["champion 2 days old"]
    assert due(APRIL, after="34 days") == []
    assert due(APRIL, after=None) == []


def test_due_by_new_labels(due: Callable[..., list[str]]) -> None:
    rows = "about 96 rows (17%) more whose outcome is known"
    assert due(APRIL, after=None, new_labels=0.16) == [rows]
    assert due(APRIL, after=None, new_labels=0.17) == []
    assert due(APRIL, after="30 days", new_labels=0.1) == ["champion 33 days old", rows]


def test_due_by_drift(due: Callable[..., list[str]], company: Path) -> None:
    assert due(APRIL, after=None) == []
    found = {"visits_30d": 9.5, "days_since_visit": 1.1, "account_segment": 0.2, "(scores)": 7.0}
    put_drift(company, drift={"rows": 48, "indices": found})
    (text,) = due(APRIL, after=None)
    assert text.startswith("shifted since training: Visits (visits_30d, PSI 9.50), scores (PSI 7.0")
    assert "segment" not in text
    # outcomes of a date after the last one learnt from must be known
    assert due(dt.date(2025, 3, 2), after=None) == []
    assert due(APRIL, after=None, drift=None) == []


def test_drift_of_another_model_or_of_nobody_is_none(
    due: Callable[..., list[str]], company: Path
) -> None:
    drift = {"rows": 48, "indices": {"visits_30d": 9.5}}
    put_drift(company, drift=drift, model_version="2")
    assert due(APRIL, after=None) == []
    put_drift(company, drift=None, model_version="1")
    assert due(APRIL, after=None) == []
    put_drift(company, drift=drift)
    assert len(due(APRIL, after=None)) == 1


def test_drift_is_named_in_both_languages(company: Path) -> None:
    drift = {"rows": 48, "indices": {"visits_30d": 9.5, "(scores)": 8.0}}
    put_drift(company, drift=drift)
    with open_run("tiny", APRIL, root=company, now=LATER) as run:
        champion = run.registry.champion("away", APRIL)
        assert champion is not None
        assert reasons_to_train(run, champion)[1] == Words(
            ja="学習時から分布が変化：来訪（visits_30d, PSI 9.50）、スコア（PSI 8.00）",
            en="shifted since training: Visits (visits_30d, PSI 9.50), scores (PSI 8.00)",
        )


def test_it_can_be_switched_off(due: Callable[..., list[str]], company: Path) -> None:
    tiny.change(company, TASK, "retrain", "off")
    assert due(MAY) == []
    with open_run("tiny", MAY, root=company, now=LATER) as run:
        champion = run.registry.champion("away", MAY)
        assert champion is not None
        assert next_training(run, champion) is None


def test_data_that_ended_bring_nothing_to_learn(
    due: Callable[..., list[str]], company: Path
) -> None:
    tiny.change(company, "configs/tiny/project.yml", "complete_until", "2025-02-28")
    assert due(MAY) == []


# what comes of it ------------------------------------------------------------------------------


def test_a_refused_challenger(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_age(company)
    gate(monkeypatch, False, "Not clearly better.")
    result = night(company, APRIL)
    (scored,) = result.tasks
    assert scored.champion.version == 1
    assert scored.trained is not None
    assert scored.trained.version.version == 3
    assert scored.appointed.words == Words(
        ja="再学習（モデルの学習から33日）：モデル3は審査を通らず、モデル1を引き続き使います。",
        en="retrained (champion 33 days old); version 3 refused: Not clearly better. "
        "Version 1 stays.",
    )
    assert noted(company)[-4:] == [
        {"event": "retraining_due", "as_of": "2025-04-03", "version": 1,
         "reasons": ["champion 33 days old"]},
        *noted(company, "trained")[-1:],
        {"event": "gate", "as_of": "2025-04-03", "version": 3, "passed": False,
         "reasons": ["Not clearly better."]},
        {"event": "scored", "as_of": "2025-04-03", "version": 1, "rows": 48,
         "sha256": scored.champion.sha256},
    ]  # fmt: skip
    page = result.report.read_text(encoding="utf-8")
    assert "来訪：再学習（モデルの学習から33日）：モデル3は審査を通らず" in page
    assert "2025-03-01 (33 days ago)" in page
    assert "2025-05-03 at the latest" in page
    # the next night, and every one of the next month, leave it at that
    for date in (APRIL + dt.timedelta(1), dt.date(2025, 5, 2)):
        assert night(company, date).tasks[0].appointed.words is None
    assert night(company, MAY).tasks[0].appointed.due[0].en == "champion 64 days old"


def test_a_challenger_that_wins(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate(monkeypatch, True, "Better.")
    (scored,) = night(company, APRIL).tasks
    assert scored.champion.version == 3
    assert scored.appointed.words is not None
    assert scored.appointed.words.en == (
        "retrained (champion 33 days old); version 3 replaces version 1: Better."
    )
    assert noted(company, "champion")[-1] == {
        "event": "champion", "as_of": "2025-04-03", "version": 3, "replaces": 1,
    }  # fmt: skip
    assert (api.scores("tiny", "away", as_of=APRIL, root=company)["model_version"] == "3").all()
    # dates before are scored by the model of then
    assert night(company, tiny.NEXT).tasks[0].champion.version == 1


@pytest.mark.parametrize("promote", [True, False])
def test_a_date_that_is_run_again_changes_nothing(
    company: Path, monkeypatch: pytest.MonkeyPatch, promote: bool
) -> None:
    gate(monkeypatch, promote, "So be it.")
    first = night(company, APRIL)
    scores = api.scores("tiny", "away", as_of=APRIL, root=company).drop(columns="run_id")
    before, crm = noted(company), tiny.content(company)
    models = api.models("tiny", root=company)
    again = night(company, APRIL)
    assert again.tasks[0].trained is None
    assert again.tasks[0].champion == first.tasks[0].champion
    assert again.exports[0].written == 0
    assert tiny.content(company) == crm
    assert api.models("tiny", root=company).equals(models)
    assert (
        api.scores("tiny", "away", as_of=APRIL, root=company).drop(columns="run_id").equals(scores)
    )
    # what is noted is that it scored once more
    assert noted(company) == [*before, before[-1]]
    assert before[-1]["event"] == "scored"


@pytest.mark.parametrize("error", [LabelError("Too few positives."), ZeroDivisionError("a bug")])
def test_training_that_fails_is_not_in_the_way(
    company: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    by_age(company)
    tried = failing(monkeypatch, error)
    result = night(company, APRIL)
    (scored,) = result.tasks
    assert (scored.champion.version, scored.trained, scored.rows) == (1, None, 48)
    what = str(error) if isinstance(error, LabelError) else (
        "Task away met an unexpected ZeroDivisionError: a bug"
    )  # fmt: skip
    assert scored.appointed.words is not None
    assert scored.appointed.words.en == (
        f"training again (champion 33 days old) failed, version 1 stays. {what}"
    )
    assert noted(company, "retraining_failed") == [
        {"event": "retraining_failed", "as_of": "2025-04-03", "version": 1, "error": what}
    ]
    assert result.exports[0].total == 48
    page = result.report.read_text(encoding="utf-8")
    assert f"再学習（モデルの学習から33日）に失敗し、モデル1を引き続き使いました。{what}" in page
    traces = list((company / "var/tiny/errors").glob("*.txt"))
    assert len(traces) == (not isinstance(error, LabelError))
    assert all("ZeroDivisionError: a bug" in path.read_text() for path in traces)
    # not again the same night, nor within a week
    for days in (0, 1, 6):
        assert night(company, APRIL + dt.timedelta(days)).tasks[0].appointed.words is None
    assert tried == [APRIL]
    assert night(company, APRIL + dt.timedelta(7)).tasks[0].appointed.error is not None
    assert tried == [APRIL, APRIL + dt.timedelta(7)]


def test_an_interrupt_ends_the_night(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        night(company, APRIL)
    assert ScoreBook(load_project("tiny", company), "away").dates() == [tiny.AS_OF]


def test_a_model_taken_back_is_not_trained_again_at_once(company: Path) -> None:
    by_age(company)
    api.rollback("tiny", "away", root=company, now=tiny.NOW)
    (scored,) = night(company, tiny.NEXT).tasks
    assert (scored.champion.version, scored.appointed.words) == (2, None)
    assert noted(company, "rolled_back") == [
        {"event": "rolled_back", "as_of": "2025-03-01", "version": 1, "champion": 2}
    ]
    # once due, the age is that of the model in use
    assert night(company, APRIL).tasks[0].appointed.due[0].en == "champion 92 days old"


def test_tonight_is_compared_with_the_training(company: Path) -> None:
    """Nobody came for a month, which no date of the training ever saw."""
    with tiny.crm(company) as link:
        link.execute("delete from visits where visited_at >= '2025-01-20'")
    tiny.change(company, TASK, "retrain", {"after": None})
    tiny.change(company, "configs/tiny/sources.yml", "sources.activities.stop_above", 1)
    first = night(company, tiny.NEXT)
    (words,) = first.tasks[0].drift
    assert "Visits (visits_30d, PSI " in words.en
    assert "shifted since training" in first.report.read_text(encoding="utf-8")
    assert first.tasks[0].appointed.words is None  # it is judged the night after
    due = night(company, APRIL).tasks[0].appointed.due
    assert [reason.en for reason in due] == [words.en]


def test_scores_of_before_there_was_a_log_are_noted(company: Path) -> None:
    for path in (company / "var/tiny").glob("audit.jsonl*"):
        path.unlink()
    note = ScoreBook(load_project("tiny", company), "away").root / f"{tiny.AS_OF}.json"
    old = {
        k: v for k, v in json.loads(note.read_text()).items() if k in ("run_id", "model_version")
    }
    note.write_text(json.dumps(old))
    night(company, tiny.NEXT)
    assert [(e["as_of"], e["version"], e["rows"]) for e in noted(company, "scored")] == [
        ("2025-03-01", 1, 48),
        ("2025-03-02", 1, 48),
    ]


def test_what_a_killed_run_left_unnoted_is_noted_by_the_next(company: Path) -> None:
    log = company / "var/tiny/audit.jsonl"
    whole = noted(company)
    for path in log.parent.glob("audit.jsonl*"):
        path.unlink()
    night(company, tiny.NEXT)
    found = noted(company)
    assert [e for e in found if e["as_of"] != str(tiny.NEXT)] == sorted(
        whole, key=lambda e: (e["event"] != "scored", e["version"])
    )
