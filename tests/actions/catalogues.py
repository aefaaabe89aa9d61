"""Catalogues of actions, and the small company scored without any training, for tests of rules."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import tiny
import yaml

from salesml.actions.rules import Situation, situations
from salesml.config import ActionsConfig, load_project
from salesml.pipeline import read_sources
from salesml.run import open_run
from salesml.scorebook import write_scores
from salesml.scoring import BucketJob, ScoreBook, buckets_of

Part = Mapping[str, Any]
PEOPLE = (
    "select distinct owner_id as rep_id, owner_id as name, 'CS' as role, 2 as skill from accounts"
)


def words(text: str) -> dict[str, str]:
    """*text* in two languages that tests can tell apart."""
    return {"ja": f"{text}（日本語）", "en": text}


def action(name: str = "call", **changes: Any) -> dict[str, Any]:
    """An action as it stands in ``actions.yml``."""
    plain = {
        "entity": "account", "task": "away", "name": words(name), "role": "CS",
        "channel": "phone", "minutes": 30, "cooldown": "30 days", "due": "5 days", "effect": 0.1,
    }  # fmt: skip
    return {**plain, **changes}


def block(when: str, name: str = "block", **changes: Any) -> dict[str, Any]:
    """A block as it stands in ``actions.yml``."""
    return {"entity": "account", "name": words(name), "when": when, **changes}


def play(trigger: str = "true", name: str = "play", **changes: Any) -> dict[str, Any]:
    """A play as it stands in ``plays.yml``."""
    plain = {
        "entity": "account", "name": words(name), "severity": "high", "trigger": trigger,
        "action": "call", "deadline": "48 hours", "cooldown": "10 days",
    }  # fmt: skip
    return {**plain, **changes}


def catalogue(
    actions: Part | None = None, blocks: Part | None = None, **changes: Any
) -> dict[str, Any]:
    """The content of ``actions.yml``."""
    plain = {
        "minute_cost": 60,
        "worth": {"away": "0.1 * amount"},
        "people": PEOPLE,
        "capacity": {"CS": 1200, "IS": 600},
        "blocks": blocks or {},
        "actions": actions or {"call": action()},
    }
    return {**plain, **changes}


def config(content: Part, plays: Part | None = None) -> ActionsConfig:
    """*content* of ``actions.yml``, and *plays*, as a project has them."""
    named = {name: {**each, "id": name} for name, each in (plays or {}).items()}
    return ActionsConfig.model_validate({**content, "plays": named})


def write(root: Path, content: Part, plays: Part | None = None) -> Path:
    """Write ``actions.yml`` and ``plays.yml`` of the small company; returns their folder."""
    folder = root / "configs/tiny"
    for name, whole in (("actions", content), ("plays", {"plays": plays or {}})):
        text = yaml.safe_dump(dict(whole), allow_unicode=True, sort_keys=False)
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def score(root: Path) -> None:
    """Read the sources of the small company, and score its tasks: c007 has a probability of 0.07.

    There are no models, which would take long to train: the rules see nothing but scores.
    """
    with open_run("tiny", tiny.AS_OF, root=root, now=tiny.NOW) as run:
        read_sources(run)
        for name, task in run.project.tasks.items():
            book = ScoreBook(run.project, name)
            folder = book.begin(run.as_of, run.run_id)
            for bucket in buckets_of(run.project):
                asked = BucketJob("tiny", root, name, bucket).open().population(run.as_of)
                number = asked[task.id_column].str[1:].astype("int64")
                scored = asked.assign(
                    probability=number / 100, score=number + 1, band="low",
                    reasons=[[]] * len(asked), changes=None,
                )  # fmt: skip
                write_scores(folder / f"bucket={bucket}.parquet", task, scored)
            book.publish(run.as_of, run.run_id, {})


def situation_of(root: Path, *tasks: str) -> Situation:
    """The situation of the small company's customers."""
    project = load_project("tiny", root)
    with ThreadPoolExecutor(1) as pool:
        return situations(project, tiny.AS_OF, pool, tasks or tuple(project.tasks))["account"]


def of(found: pd.DataFrame, column: str) -> dict[str, set[str]]:
    """The entities by what stands in *column*."""
    return {str(key): set(rows["entity_id"]) for key, rows in found.groupby(column)}
