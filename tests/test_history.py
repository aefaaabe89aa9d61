"""What the audit log says of models: periods of use, and events in words."""

from __future__ import annotations

from typing import Any

from salesml.history import events, failed_attempts, periods, sentence


def scored(as_of: str, version: int, rows: int = 10, task: str = "churn") -> dict[str, Any]:
    return {
        "event": "scored", "at": "2026-01-01T00:00:00Z", "task": task, "as_of": as_of,
        "run_id": f"run-{as_of}-{version}", "version": version, "sha256": f"{version}" * 64,
        "rows": rows,
    }  # fmt: skip


def test_periods_are_the_times_a_model_was_in_use() -> None:
    entries = [
        scored("2026-05-01", 3, 150), scored("2026-05-02", 3, 151), scored("2026-05-03", 4, 152),
        scored("2026-05-04", 3, 153), scored("2026-05-01", 7, 5, task="win"),
    ]  # fmt: skip
    assert periods(entries).drop(columns="sha256").values.tolist() == [
        ["churn", 3, "2026-05-01", "2026-05-02", 2, 301],
        ["churn", 4, "2026-05-03", "2026-05-03", 1, 152],
        ["churn", 3, "2026-05-04", "2026-05-04", 1, 153],
        ["win", 7, "2026-05-01", "2026-05-01", 1, 5],
    ]
    assert periods(entries, "win")["version"].tolist() == [7]
    assert periods([]).empty


def test_of_a_date_scored_twice_the_last_counts() -> None:
    entries = [scored("2026-05-02", 3), scored("2026-05-01", 3), scored("2026-05-02", 4, 11)]
    assert periods(entries)[["version", "first", "nights", "rows"]].values.tolist() == [
        [3, "2026-05-01", 1, 10],
        [4, "2026-05-02", 1, 11],
    ]


def test_another_file_under_the_same_number_is_another_model() -> None:
    """A registry begun anew counts from 1 again."""
    other = {**scored("2026-05-02", 1), "sha256": "f" * 64}
    assert len(periods([scored("2026-05-01", 1), other])) == 2


def test_every_event_has_a_sentence() -> None:
    head = {"task": "churn", "as_of": "2026-05-01", "version": 4}
    window = {"train_from": "a", "train_to": "b", "test_from": "c", "test_to": "d"}
    cases = {
        "version 4 trained (due: old): lightgbm, learnt on a … b, tested on c … d. Good.": {
            "event": "trained", "why": "due: old", "deployed": "lightgbm", "verdict": "Good.",
            **window,
        },
        "version 4 was refused by the gate: A. B.": {
            "event": "gate", "passed": False, "reasons": ["A.", "B."],
        },
        "version 4 passed the gate: A.": {"event": "gate", "passed": True, "reasons": ["A."]},
        "version 4 is champion from 2026-05-01 on, in place of version 3": {
            "event": "champion", "replaces": 3,
        },
        "version 4 is champion from 2026-05-01 on": {"event": "champion", "replaces": None},
        "version 4 taken back, version 3 is champion": {"event": "rolled_back", "champion": 3},
        "version 4 scored 1,500 rows": {"event": "scored", "rows": 1500},
        "training is due: a; b": {"event": "retraining_due", "reasons": ["a", "b"]},
        "training failed, version 4 stays: no": {"event": "retraining_failed", "error": "no"},
        "failed: no": {"event": "task_failed", "error": "no"},
        "line 7 of this log: changed": {"event": "chain_broken", "line": 7, "text": "changed"},
        "a line torn by a crash, 9 bytes, is kept in x": {
            "event": "torn_line", "bytes": 9, "kept": "x",
        },
        '{"event": "later"}': {"event": "later"},
    }  # fmt: skip
    for text, facts in cases.items():
        assert sentence(facts if facts["event"] == "later" else {**head, **facts}) == text


def test_events_of_a_task() -> None:
    broken = {"event": "chain_broken", "line": 1, "text": "changed"}
    entries = [scored("2026-05-01", 3), scored("2026-05-01", 7, task="win"), broken]
    assert events(entries)["event"].tolist() == ["scored", "scored", "chain_broken"]
    assert events(entries)["version"].tolist()[:2] == [3, 7]
    assert events(entries, "win")["text"].tolist() == ["version 7 scored 10 rows"]
    assert events([]).empty


def test_entries_that_somebody_spoilt_are_passed_over() -> None:
    good = scored("2026-05-01", 3)
    spoilt = [
        {**good, "as_of": "2026-05-99"}, {**good, "rows": "many"}, {**good, "version": None},
        {k: v for k, v in good.items() if k != "task"}, {**good, "as_of": 7},
        {"event": "retraining_failed", "task": "churn", "as_of": "soon"},
        {"event": "trained", "task": "churn"},
    ]  # fmt: skip
    assert len(periods([*spoilt, good])) == 1
    assert failed_attempts(spoilt, "churn") == []
    assert len(events(spoilt)) == len(spoilt)


def test_attempts_that_failed() -> None:
    failed = {"event": "retraining_failed", "task": "churn", "as_of": "2026-05-02"}
    entries = [failed, {**failed, "task": "win", "as_of": "2026-05-09"}, scored("2026-05-03", 1)]
    assert [str(date) for date in failed_attempts(entries, "churn")] == ["2026-05-02"]
