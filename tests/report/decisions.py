"""Small hand-made agendas to render."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from salesml.actions.book import DECISIONS
from salesml.config import Words
from salesml.report import ActionSection, Brought
from tests.report.samples import AS_OF

PLAY = {"kind": "play", "ja": "60日間ログインなし", "en": "No login for 60 days"}
CONCEPT = {
    "kind": "concept",
    "ja": "ログイン日数が6日→0日（30日）",
    "en": "Days with a login: 6 → 0",
}
EFFECT = {"kind": "effect", "ja": "継続率が5.0ポイント上がる見込み", "en": "5 points more stay"}
EVIDENCE = {"kind": "evidence", "ja": "似た120件では効いた", "en": "Of 120 alike, more stayed"}

LOADS = ["rep_id", "name", "role", "minutes", "of"]


def todo(entity_id: str = "a90", *, due: int | None = 2, since: int = 0, **values: Any) -> Any:
    """One thing to do, recommended *since* days ago and due in *due* days."""
    defaults = {
        "entity": "account",
        "entity_id": entity_id,
        "as_of": AS_OF - dt.timedelta(days=since),
        "action_id": f"id-{entity_id}",
        "action": "check_in_call",
        "how": "best",
        "urgent": False,
        "task": "churn",
        "role": "CS",
        "channel": "phone",
        "minutes": 30,
        "assignee_id": "R1",
        "assignee": "佐藤 花子",
        "due_on": None if due is None else AS_OF + dt.timedelta(days=due),
        "effect": 0.05,
        "effect_low": 0.01,
        "effect_high": 0.09,
        "effect_source": "assumed",
        "value": 120_000.0,
        "name": f"会社{entity_id}",
        "title_ja": "状況確認の電話",
        "title_en": "Check-in call",
        "material_ja": "利用状況のまとめ",
        "material_en": "A summary of usage",
        "best_ja": "電話、10時台",
        "best_en": "phone, around 10:00",
        "reasons": [PLAY, CONCEPT, EFFECT, EVIDENCE],
    }
    return {**defaults, **values}


def agenda(*todos: dict[str, Any]) -> pd.DataFrame:
    """*todos* as the book of decisions reads them."""
    frame = pd.DataFrame([dict.fromkeys(DECISIONS.names) | each for each in todos])
    return frame[DECISIONS.names] if todos else pd.DataFrame(columns=DECISIONS.names)


def brought(**values: Any) -> Brought:
    actions = pd.DataFrame(
        {
            "title_ja": ["状況確認の電話", "ウェビナーへの招待"],
            "title_en": ["Check-in call", "Webinar invitation"],
            "recommended": [40, 120],
            "own": [40, 100],
            "done": [30, 60],
            "by": [[{"name": "佐藤 花子", "done": 20}, {"name": "Abe", "done": 10}], []],
            "with_n": [30, 60],
            "with_rate": [0.9, 0.3],
            "without_n": [300, 400],
            "without_rate": [0.85, 0.32],
            "effect": [0.05, -0.02],
            "low": [0.01, -0.08],
            "high": [0.09, 0.04],
            "worth": [1_500_000.0, None],
            "worth_low": [300_000.0, None],
            "worth_high": [2_700_000.0, None],
        }
    )
    policies = pd.DataFrame(
        {
            "task": "churn",
            "n": 300,
            "title_ja": ["提案どおり", "何もしない"],
            "title_en": ["As recommended", "Nothing"],
            "value": [52_000.0, 48_000.0],
            "low": [50_000.0, 46_500.0],
            "high": [54_000.0, 49_500.0],
        }
    )
    uplift = pd.DataFrame(
        {
            "task": "churn",
            "share": [0.0, 0.5, 1.0],
            "gain": [0.0, 0.04, 0.03],
            "low": [0.0, 0.01, -0.01],
            "high": [0.0, 0.07, 0.07],
        }
    )
    tasks = {"churn": Words(ja="解約", en="Churn")}
    notes = [Words(ja="3か月分の結果です。", en="Outcomes of three months.")]
    told: dict[str, Any] = {"actions": actions, "policies": policies, "uplift": uplift}
    return Brought(**{**told, "tasks": tasks, "as_of": AS_OF, "notes": notes, **values})


def acting(*todos: dict[str, Any], **values: Any) -> ActionSection:
    """A section of *todos*; of five of them by default."""
    rows = todos or (
        todo("a90", due=-2, since=5, value=90_000.0),
        todo("a60", due=-9, since=12, how="escalated", assignee="田中 部長", assignee_id="M1"),
        todo("a20", due=0, urgent=True, how="play"),
        todo("a91", due=5, title_ja="利用状況の報告", title_en="Usage report", channel="mail"),
        todo("l1", entity="lead", task="lead", due=1, assignee="鈴木 一郎", assignee_id="R2"),
    )
    loads = pd.DataFrame(
        [("R1", "佐藤 花子", "CS", 90, 1200), ("R2", "鈴木 一郎", "IS", 30, 1500)], columns=LOADS
    )
    defaults: dict[str, Any] = {
        "agenda": agenda(*rows),
        "loads": loads,
        "fired": [(Words(ja="60日間ログインなし", en="No login for 60 days"), 3)],
        "left": {"open": 4, "holdout": 15, "nothing": 200},
        "notes": [Words(ja="条件に誰も合いません。", en="A condition matches nobody.")],
        "brought": brought(),
    }
    return ActionSection(as_of=AS_OF, **{**defaults, **values})
