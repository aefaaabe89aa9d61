"""Like cases: how often it came to the outcome with an action, and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from salesml.actions.learning.comparison import ALL, Comparison
from salesml.config import TaskConfig

__all__ = ["TOLD", "evidence"]

TOLD = ["without", "evidence_ja", "evidence_en"]
FEWEST_ALIKE = 20  # rows with the action, and without, from which a segment stands for itself


def evidence(
    comparison: Comparison, task: TaskConfig, actions: pd.Series, segments: Sequence[Any]
) -> pd.DataFrame:
    """Return without, evidence_ja and evidence_en for each pair of an action and a segment.

    Like cases are those of the segment; all of them where the segment has too few. ``without`` is
    how often the good outcome came to them without the action.
    """
    rates = {action: comparison.rates(action) for action in comparison.actions}
    told = {
        (action, segment): _told(comparison, task, action, rates[action], segment)
        for action, segment in set(zip(actions, segments, strict=True))
    }
    pairs = [told[pair] for pair in zip(actions, segments, strict=True)]
    return pd.DataFrame(pairs, columns=TOLD, index=actions.index)


def _told(
    comparison: Comparison, task: TaskConfig, action: str, rates: pd.DataFrame, segment: Any
) -> tuple[float, str, str]:
    own = segment if _enough(rates, segment) else ALL
    row = dict(rates.loc[own])
    sides = [row["with_rate"], row["without_rate"]]
    mine, other = sides if task.outcome_is == "good" else [1 - rate for rate in sides]
    count = int(row["with_n"] + row["without_n"])
    _, low, high = comparison.average(action)
    proven = comparison.model.targets_ or low > 0 or high < 0
    ja = f"区分「{own}」の" if own else ""
    en = f" in {own}" if own else ""
    return (
        row["without_rate"],
        f"過去の{ja}類似{count:,}件の{task.title.ja}率は、実施{mine:.0%}、未実施{other:.0%}"
        + ("" if proven else "（効果は未証明）"),
        f"Of {count:,} like cases{en}, {task.title.en.lower()}: {mine:.0%} with it, "
        f"{other:.0%} without" + ("" if proven else " (effect not proven)"),
    )


def _enough(rates: pd.DataFrame, segment: Any) -> bool:
    if segment is None or segment not in rates.index:
        return False
    row = rates.loc[segment]
    return bool(min(row["with_n"], row["without_n"]) >= FEWEST_ALIKE)
