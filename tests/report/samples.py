"""Small hand-made runs to render."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pandas as pd

from salesml.config import Project, ProjectConfig, TaskConfig, Words
from salesml.intake import ReadReport
from salesml.quality import QualityReport
from salesml.report import TaskSection

AS_OF = dt.date(2025, 7, 1)
BAD = [
    ("critical", "危険", "Critical", 80),
    ("risk", "要注意", "At risk", 50),
    ("ok", "健全", "OK", 1),
]
GOOD = [("A", "A", "A", 75), ("B", "B", "B", 40), ("C", "C", "C", 1)]


def project(root: Path, **settings: Any) -> Project:
    title = Words(ja="見本株式会社", en="Sample Inc.")
    return Project(
        name="sample",
        root=root,
        settings=ProjectConfig(title=title, **settings),
        connections={},
        sources={},
        tasks={},
        targets={},
    )


def task(name: str = "churn", outcome_is: str = "bad") -> TaskConfig:
    bands = BAD if outcome_is == "bad" else GOOD
    return TaskConfig.model_validate(
        {
            "name": name,
            "entity": "account",
            "title": {"ja": f"{name}の題", "en": f"Title of {name}"},
            "question": {"ja": "解約するか", "en": "Will they leave?"},
            "outcome_is": outcome_is,
            "horizon": "90 days",
            "every": "month",
            "population": "select 1",
            "outcome": "select 1",
            "features": ["engagement"],
            "bands": [{"name": n, "ja": ja, "en": en, "from": f} for n, ja, en, f in bands],
        }
    )


def reason(
    points: int, ja: str = "接点が3回（30日）", en: str = "3 contacts in 30 days"
) -> dict[str, Any]:
    return {"concept": "contact", "points": points, "text_ja": ja, "text_en": en}


def row(score: int, **values: Any) -> dict[str, Any]:
    """One scored account; by default a first score, without amount, with one reason."""
    points = [reason(score - 50)] if score != 50 else []
    row = {"account_id": f"a{score}", "name": f"会社{score}", "score": score, "reasons": points}
    nothing = dict.fromkeys(["change", "expected_value", "owner", "segment", "changes"])
    return {**nothing, "probability": score / 200, **row, **values}


def frame(rows: list[dict[str, Any]], about: TaskConfig | None = None) -> pd.DataFrame:
    """*rows* as the book of scores reads them."""
    columns = ["account_id", "name", "owner", "segment", "score", "probability", "change"]
    if not rows:
        return pd.DataFrame(columns=[*columns, "band", "expected_value", "reasons", "changes"])
    table = pd.DataFrame({c: [r[c] for r in rows] for c in [*columns, "expected_value"]})
    for column in ("change", "expected_value"):
        table[column] = table[column].astype(float)
    bands = (about or task()).bands
    table["band"] = [next(b.name for b in bands if s >= b.start) for s in table["score"]]
    for column in ("reasons", "changes"):
        table[column] = pd.Series([r[column] for r in rows], dtype=object)
    order = ["score", "probability"]
    return table.sort_values(order, ascending=False, kind="stable", ignore_index=True)


def section(rows: list[dict[str, Any]] | None = None, **values: Any) -> TaskSection:
    about = values.pop("task", task())
    defaults: dict[str, Any] = {
        "scores": frame([row(90), row(60), row(20)] if rows is None else rows, about),
        "version": "3",
        "trained": False,
        "beats_base_rate": True,
        "verdict": Words(ja="基準より良い。", en="Better than the base rate."),
        "metrics": {"roc_auc": (0.78123, 0.7, 0.85), "lift_at_10": (3.4567, 2.0, 4.9)},
        "calibration": None,
        "unseen": {},
        "windows": {},
    }
    return TaskSection(task=about, **{**defaults, **values})


def read(source: str = "accounts", rows: int = 300, **failed: int) -> ReadReport:
    """A read of which as many rows failed each check; their names take ``__`` for brackets."""
    checks = {re.sub("__(.*)", r"(\1)", name): count for name, count in failed.items()}
    quality = QualityReport(source, rows, sum(failed.values()), checks)
    return ReadReport(source, rows, 7, False, quality)
