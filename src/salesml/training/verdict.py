"""The test's outcome in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from salesml.training.metrics import Interval
from salesml.training.result import Verdict, Window

__all__ = ["put_in_words"]


def put_in_words(
    *,
    beats: bool,
    challenger: str,
    gain: Interval,
    metrics: Mapping[str, Mapping[str, Interval]],
    testing: Window,
) -> Verdict:
    """Return whether *challenger* beats the base rate; *metrics* are those of all candidates."""
    base, own = (metrics[name]["log_loss"].value for name in ("base_rate", challenger))
    auc = metrics[challenger]["roc_auc"]
    share = testing.positives / testing.rows
    numbers = (
        f"log loss {own:.4f} ({challenger}) against {base:.4f}, gain {gain.value:.4f} (90 % "
        f"interval {_ends(gain, ' to ', 'unknown', 4)}), AUC {auc.value:.3f} "
        f"({_ends(auc, ' to ', 'unknown', 3)}) on {testing.rows:,} test rows, {share:.1%} positive"
    )
    numbers_ja = (
        f"テスト{testing.rows:,}行（陽性率{share:.1%}）の対数損失は{challenger}が{own:.4f}、"
        f"基準率が{base:.4f}、改善幅{gain.value:.4f}（90%区間 {_ends(gain, '〜', '不明', 4)}）、"
        f"AUC {auc.value:.3f}（{_ends(auc, '〜', '不明', 3)}）"
    )
    if beats:
        return Verdict(
            f"モデルは基準率（全体平均）を上回ります: {numbers_ja}。",
            f"The model beats the base rate: {numbers}.",
        )
    return Verdict(
        f"モデルは基準率（全体平均）を上回りません: {numbers_ja}。全員に基準率を割り当てます。",
        f"The model does not beat the base rate: {numbers}. Everybody gets the base rate.",
    )


def _ends(interval: Interval, between: str, unknown: str, digits: int) -> str:
    if math.isnan(interval.low):
        return unknown
    return f"{interval.low:.{digits}f}{between}{interval.high:.{digits}f}"
