"""Why an action: the plays that fired, what the score rests on, the effect, like cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from salesml.config import ActionConfig, ActionsConfig, TaskConfig, Words

__all__ = ["reasons_of"]

Reason = dict[str, str]
_CONCEPTS = 2  # most reasons of the score that are repeated


def reasons_of(
    option: Mapping[str, Any] | None,
    action: ActionConfig,
    plays: Sequence[str],
    told: object,
    config: ActionsConfig,
    task: TaskConfig,
) -> list[Reason]:
    """The reasons for *action*, most telling first, each ``{kind, ja, en}``.

    *option* is its row of `options_of` (None for an escalation), *plays* those that ask for it,
    *told* the reasons of the entity's score.
    """
    signs = [_reason("play", config.plays[play].name) for play in plays]
    concepts = [_reason("concept", words) for words in _answered(told, action)]
    if option is None or pd.isna(option["effect"]):
        return [*signs, *concepts]
    effects = [_reason("effect", words) for words in _effect(option, task)]
    return [*signs, *concepts, *effects, *_evidence(option)]


def _reason(kind: str, words: Words) -> Reason:
    return {"kind": kind, "ja": words.ja, "en": words.en}


def _answered(told: object, action: ActionConfig) -> Iterable[Words]:
    """What makes the outcome likely that *action* answers to: what speaks against it is left out.

    Of something bad that is what the action is to mend, of something good what it is to use.
    """
    reasons: list[dict[str, Any]] = told if isinstance(told, list) else []
    fit = [r for r in reasons if r["concept"] in action.answers and r["points"] > 0]
    return [Words(ja=r["text_ja"], en=r["text_en"]) for r in fit[:_CONCEPTS]]


def _effect(option: Mapping[str, Any], task: TaskConfig) -> Iterable[Words]:
    """What the action makes of the probability; nothing where that reads the same as before."""
    good, effect = option["good"], option["effect"]
    if task.outcome_is == "bad":
        before, after = 1 - good, 1 - good - effect
    else:
        before, after = good, good + effect
    if _percent(before) == _percent(after):
        return
    numbers = f"{_percent(before)} → {_percent(after)}"
    if option["effect_source"] == "learnt":
        source = Words(ja="実績から学習", en="learnt from what was tried")
    else:
        source = Words(ja="仮定値", en="assumed")
    yield Words(
        ja=f"{task.title.ja}の確率 {numbers}（{source.ja}）",
        en=f"{task.title.en} {numbers} ({source.en})",
    )


def _percent(share: float) -> str:
    return f"{min(1.0, max(0.0, share)):.1%}"


def _evidence(option: Mapping[str, Any]) -> list[Reason]:
    ja, en = option["evidence_ja"], option["evidence_en"]
    if not isinstance(ja, str) or not isinstance(en, str):
        return []
    return [{"kind": "evidence", "ja": ja, "en": en}]
