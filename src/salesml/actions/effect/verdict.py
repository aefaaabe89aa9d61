"""What the comparison of targeting with one action for all comes to, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from salesml.actions.effect.referee import Judged
from salesml.training import Verdict
from salesml.training.intervals import Interval

__all__ = ["put_in_words"]


def put_in_words(judged: Judged, names: Sequence[Any], rows: int, cost: bool) -> Verdict:
    """Return what is recommended and why."""
    single = _single(judged, names, cost)
    gain = Verdict(
        f"アクションを対象ごとに選ぶ上乗せは1行あたり{_ja(judged.gain)}（95%区間、{rows:,}行の交差検証）",
        f"choosing for each adds {_en(judged.gain)} a row (95 % interval, {rows:,} rows, "
        "cross-fitted)",
    )
    if judged.targets:
        return Verdict(
            f"選び分けが全員一律を上回ります: {gain.ja}。"
            f"対象ごとに最善のアクションを勧めます。{single.ja}",
            f"Targeting beats one action for all: {gain.en}. Each gets what suits it best. "
            f"{single.en}",
        )
    one = names[judged.single]
    return Verdict(
        f"選び分けが全員一律を上回るとは言えません: {gain.ja}。"
        f"全員に「{one}」を勧めます。{single.ja}",
        f"Targeting is not proven to beat one action for all: {gain.en}. '{one}' is recommended "
        f"for all. {single.en}",
    )


def _single(judged: Judged, names: Sequence[Any], cost: bool) -> Verdict:
    """Return what is known of the best single action."""
    net = Verdict("費用差引後の", " net of cost") if cost else Verdict("", "")
    if judged.single == 0:
        best = max(range(1, len(names)), key=lambda k: judged.nets[k].value)
        return Verdict(
            f"一律では、最善の「{names[best]}」も{net.ja}効果{_ja(judged.nets[best])}（95%区間）で、"
            f"「{names[0]}」より良いとは言えません。",
            f"Given to all, even '{names[best]}' is not proven better than '{names[0]}': effect"
            f"{net.en} {_en(judged.nets[best])} (95 % interval).",
        )
    own = judged.nets[judged.single]
    proven = Verdict("", "") if own.low > 0 else Verdict("（効果は未証明）", ", not proven")
    return Verdict(
        f"一律で最善の「{names[judged.single]}」の{net.ja}効果は{_ja(own)}（95%区間）{proven.ja}。",
        f"The best for all, '{names[judged.single]}', has an effect{net.en} of {_en(own)} "
        f"(95 % interval){proven.en}.",
    )


def _ja(interval: Interval) -> str:
    return f"{interval.value:+.4g}（{interval.low:+.4g}〜{interval.high:+.4g}）"


def _en(interval: Interval) -> str:
    return f"{interval.value:+.4g} ({interval.low:+.4g} to {interval.high:+.4g})"
