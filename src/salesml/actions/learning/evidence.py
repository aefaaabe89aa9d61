"""Effects in words: in points, and how often like cases came to the outcome, with and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from salesml.actions.learning.comparison import ALL, Comparison
from salesml.config import TaskConfig, Words

__all__ = ["TOLD", "evidence", "in_points"]

TOLD = ["without", "evidence_ja", "evidence_en"]
FEWEST_ALIKE = 20  # rows with the action, and without, from which a segment stands for itself


def in_points(value: float, low: float, high: float) -> Words:
    """A change of a share and its interval, in points: +7.2 is from 10 % to 17.2 %."""
    value, low, high = (100 * share for share in (value, low, high))
    return Words(
        ja=f"{value:+.1f}ポイント（{low:+.1f}〜{high:+.1f}）",
        en=f"{value:+.1f} points ({low:+.1f} to {high:+.1f})",
    )


def evidence(
    comparison: Comparison, task: TaskConfig, effects: pd.DataFrame, segments: Sequence[Any]
) -> pd.DataFrame:
    """Return without, evidence_ja and evidence_en for each of *effects* on who is in a segment.

    Like cases are those of the segment; all of them where the segment has too few. ``without`` is
    how often the good outcome came to them without the action. Where that it came oftener with it
    (or rarer) would contradict the effect, there is no evidence: None. Where the interval of the
    effect (low, high) holds 0, it says that it is not proven.
    """
    rates = {action: comparison.rates(action) for action in comparison.actions}
    proven = (effects["low"] > 0) | (effects["high"] < 0)
    cases = list(zip(effects["action"], segments, effects["effect"] >= 0, proven, strict=True))
    told = {case: _told(task, rates[case[0]], *case[1:]) for case in set(cases)}
    return pd.DataFrame([told[case] for case in cases], columns=TOLD, index=effects.index)


def _told(
    task: TaskConfig, rates: pd.DataFrame, segment: Any, better: bool, proven: bool
) -> tuple[float, str | None, str | None]:
    own = segment if _enough(rates, segment) else ALL
    row = dict(rates.loc[own])
    sides = [row["with_rate"], row["without_rate"]]
    more = round(sides[0], 2) - round(sides[1], 2)  # as they are read
    if more == 0 or (more > 0) != better:
        return row["without_rate"], None, None
    mine, other = sides if task.outcome_is == "good" else [1 - rate for rate in sides]
    count = int(row["with_n"] + row["without_n"])
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
