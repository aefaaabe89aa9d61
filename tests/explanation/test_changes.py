from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesml.explanation import Explained, Versions, changes, scores, unexplained
from salesml.features import FeatureSet

SAME, NEWER = Versions("3", "3"), Versions("3", "4")
NAMES = ["logins", "logins_before", "trend", "silence", "fee", "shelf", "plan"]


def day(values: dict[str, Any], contributions: dict[str, float]) -> Explained:
    """One row; a unit of contribution is a point."""
    told = pd.DataFrame({n: [contributions.get(n, 0.0)] for n in NAMES})
    table = pd.DataFrame({n: pd.Series([values.get(n)], dtype=object) for n in NAMES})
    return Explained(table, told, scores(told.sum(axis=1).to_numpy(), average=0.0, slope=1.0))


def told(
    activity: FeatureSet,
    before: Explained,
    now: Explained,
    recorded: int | None = None,
    versions: Versions = SAME,
) -> list[dict[str, Any]]:
    last = before.score if recorded is None else np.array([recorded])
    (found,) = changes(before, now, last, [activity], 1.0, versions)
    return found


def test_what_happened_is_told_by_concept_strongest_first(activity: FeatureSet) -> None:
    before = day({"logins": 6.0, "silence": 20.0}, {"logins": -4.0, "silence": 3.0})
    now = day({"logins": 0.0, "silence": 50.0}, {"logins": 8.0, "silence": 8.0})
    assert told(activity, before, now) == [
        {
            "kind": "fact",
            "concept": "login",
            "points": 12,
            "text_ja": "ログインが止まりました: 6日→0日",
            "text_en": "Logins stopped: 6 → 0 days",
        },
        {
            "kind": "fact",
            "concept": "contact",
            "points": 5,
            "text_ja": "接点から20日→50日",
            "text_en": "Days since a contact: 20 → 50",
        },
    ]


def test_another_model_is_told_apart_from_facts(activity: FeatureSet) -> None:
    before, now = day({"fee": 1.0}, {"fee": 2.0}), day({"fee": 3.0}, {"fee": 9.0})
    found = told(activity, before, now, recorded=40, versions=NEWER)
    assert [(each["kind"], each["concept"], each["points"]) for each in found] == [
        ("model", None, 12),
        ("fact", "money", 7),
    ]
    assert found[0]["text_ja"] == "モデルが変わりました（第3版→第4版）"
    assert found[0]["text_en"] == "The model changed (version 3 → 4)"


def test_a_corrected_past_is_told(activity: FeatureSet) -> None:
    before, now = day({"fee": 1.0}, {"fee": 2.0}), day({"fee": 1.0}, {"fee": 2.0})
    (found,) = told(activity, before, now, recorded=59)
    assert (found["kind"], found["points"]) == ("correction", -7)
    assert "訂正" in found["text_ja"]


def test_a_past_that_is_gone_is_said_in_one() -> None:
    (found,) = unexplained(-9)
    assert (found["kind"], found["points"], found["concept"]) == ("unknown", -9, None)
    assert "分かりません" in found["text_ja"]


def test_what_moved_itself_speaks_before_what_did_not(activity: FeatureSet) -> None:
    before = day({"logins": 6.0, "logins_before": 5.0}, {})
    # the strongest stayed, the next is a past value, the last moved
    now = day({"logins": 4.0, "logins_before": 6.0}, {"logins": 2.0, "logins_before": 6.0})
    assert told(activity, before, now)[0]["text_en"] == "Logins: 6 → 4"
    stayed = day({"logins": 6.0, "logins_before": 6.0}, {"logins": 6.0, "logins_before": 2.0})
    assert told(activity, before, stayed)[0]["text_en"] == "Before: 5 → 6"


def test_a_trend_speaks_where_nothing_else_moved(activity: FeatureSet) -> None:
    before = day({"logins": 6.0, "trend": 2.0}, {})
    now = day({"logins": 4.0, "trend": -1.0}, {"logins": 2.0, "trend": 6.0})
    assert told(activity, before, now)[0]["text_en"] == "Logins: 6 → 4"
    now = day({"logins": 6.0, "trend": -1.0}, {"logins": 2.0, "trend": 6.0})
    assert told(activity, before, now)[0]["text_en"] == "Logins, trend: +2 → -1"


def test_a_concept_whose_facts_stayed_says_so(activity: FeatureSet) -> None:
    before, now = day({"fee": 1.0}, {}), day({"fee": 1.0}, {"fee": 6.0})
    (found,) = told(activity, before, now)
    assert found["text_en"].startswith("Fee: 1 (as last time")


def test_no_change_has_no_reasons(activity: FeatureSet) -> None:
    same = day({"fee": 1.0}, {"fee": 2.0})
    assert told(activity, same, same) == []


_rows = st.lists(st.lists(st.floats(-60, 60), min_size=7, max_size=7), min_size=0, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_rows, _rows, st.integers(1, 99), st.booleans())
def test_changes_add_up(
    activity: FeatureSet, past: list[Any], present: list[Any], recorded: int, newer: bool
) -> None:
    many = min(len(past), len(present))
    before, now = (table(rows[:many]) for rows in (past, present))
    last = np.full(many, recorded)
    versions = NEWER if newer else SAME
    found = changes(before, now, last, [activity], 1.0, versions)
    assert len(found) == many
    for entries, score in zip(found, now.score, strict=True):
        assert sum(each["points"] for each in entries) == score - recorded
        sizes = [abs(each["points"]) for each in entries]
        assert sizes == sorted(sizes, reverse=True)
        assert 0 not in sizes
        assert {each["kind"] for each in entries} <= {"fact", "model" if newer else "correction"}
    assert changes(before, now, last, [activity], 1.0, versions) == found


def table(rows: list[Any]) -> Explained:
    contributions = pd.DataFrame(np.array(rows, dtype=float).reshape(-1, 7), columns=NAMES)
    score = scores(contributions.sum(axis=1).to_numpy(), average=0.0, slope=1.0)
    return Explained(contributions.round().astype(object), contributions, score)
