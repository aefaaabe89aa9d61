"""Why an action: what speaks for it, and nothing that speaks against it."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import task

from salesml.actions.deciding.reasons import reasons_of
from tests.actions.evening import action, catalogue, plays

TOLD = [
    {"concept": "prices", "points": 4.0, "text_ja": "閲覧", "text_en": "Looked at prices"},
    {"concept": "prices", "points": -3.0, "text_ja": "なし", "text_en": "Asked nothing"},
    {"concept": "prices", "points": 0.0, "text_ja": "同じ", "text_en": "As others"},
    {"concept": "size", "points": 9.0, "text_ja": "規模", "text_en": "Large"},
]


def said(outcome: str = "bad", **changes: Any) -> list[tuple[str, str]]:
    """The reasons for the call, of an outcome that is *outcome*, in English."""
    config = catalogue(actions={"call": action(answers=["prices"])}, plays=plays(sign={}))
    option = {
        "good": 0.6, "effect": 0.1, "effect_source": "assumed", "evidence_ja": "類似",
        "evidence_en": "Of 40 alike", **changes,
    }  # fmt: skip
    churn = task().model_copy(update={"outcome_is": outcome})
    found = reasons_of(option, config.actions["call"], ["sign"], TOLD, config, churn)
    return [(reason["kind"], reason["en"]) for reason in found]


@pytest.mark.parametrize("outcome", ["bad", "good"])
def test_only_what_speaks_for_it_is_said(outcome: str) -> None:
    concepts = [text for kind, text in said(outcome) if kind == "concept"]
    assert concepts == ["Looked at prices"]


def test_the_effect_is_said_where_it_shows() -> None:
    kinds = ["play", "concept", "effect", "evidence"]
    assert [kind for kind, _ in said()] == kinds
    assert "40.0% → 30.0% (assumed)" in said()[2][1]
    assert "60.0% → 70.0% (assumed)" in said("good")[2][1]
    assert [kind for kind, _ in said(effect=0.0003)] == ["play", "concept", "evidence"]
    assert [kind for kind, _ in said(effect=0.0006)] == kinds
    assert [kind for kind, _ in said(evidence_ja=None, evidence_en=None)] == kinds[:-1]
