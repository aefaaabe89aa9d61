"""Whether a newly trained model may replace the one in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from salesml.config import Words
from salesml.training.calibration import fit_calibration, log_odds
from salesml.training.inputs import cluster_codes
from salesml.training.intervals import Interval
from salesml.training.judge import BASE_RATE, RULE
from salesml.training.metrics import paired_gain, row_losses
from salesml.training.result import TrainingResult
from salesml.training.table import Floats

__all__ = ["Comparison", "Decision", "decide"]

SLOPES = (0.5, 2.0)  # calibration slopes outside are grossly off
LEVELS = (0.5, 2.0)  # so are shares of positives, as a multiple of what was predicted
Z = 3.0  # standard errors that an error must be clear of noise by
KEY = ["entity", "as_of"]


class Comparison(NamedTuple):
    """Log loss of the champion - log loss of the new model, on rows that both predicted."""

    gain: Interval
    rows: int
    entities: int


@dataclass(frozen=True)
class Decision:
    """Whether the new model becomes the champion, and why, in sentences of either language."""

    promote: bool
    reasons: list[str]
    comparison: Comparison | None = None
    reasons_ja: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, promote: bool, reasons: Sequence[Words], comparison: Comparison | None = None
    ) -> Decision:
        """Return the decision for *reasons* that are there in both languages."""
        return cls(promote, [r.en for r in reasons], comparison, [r.ja for r in reasons])


def decide(result: TrainingResult, champion_predictions: pd.DataFrame | None) -> Decision:
    """Compare with the champion's predictions (entity, as_of, probability) of the same rows.

    Without a champion everything is promoted but a model that a leak explains. Otherwise the new
    model must be better than the champion, and than the rule where there is one, by a 95 %
    interval over resampled entities, and calibrated.
    """
    leaks = [_leak(str(name), auc) for name, auc in result.leaks.items()]
    if champion_predictions is None:
        return _first(result, leaks)
    flaws = [*leaks, *_calibration_flaws(result), *_rule_flaw(result)]
    comparison = _compare(result.test_predictions, champion_predictions)
    if comparison is None:
        return Decision.of(False, [*flaws, _NOTHING_COMMON])
    better = comparison.gain.low > 0
    promote = better and not flaws
    return Decision.of(promote, [*flaws, _against_champion(comparison, better)], comparison)


_NOTHING_COMMON = Words(
    ja="新旧のモデルがともに予測した行がありません。",
    en="There are no rows that both this model and the champion predicted.",
)


def _leak(name: str, auc: float) -> Words:
    return Words(
        ja=f"列「{name}」だけで結果が分かってしまいます（AUC {auc:.3f}）。"
        "外して学習し直してください。",
        en=f"Column {name} alone tells the outcome (AUC {auc:.3f}); remove it and train again.",
    )


def _against_champion(comparison: Comparison, better: bool) -> Words:
    gain, rows, entities = comparison
    word, word_ja = (
        ("Better", "現行モデルより優れています")
        if better
        else ("Not clearly better", "現行モデルより明らかに優れているとは言えません")
    )
    return Words(
        ja=f"{word_ja}: 共通の{rows:,}行（{entities:,}件）で対数損失の改善幅{gain.value:.4f}"
        f"（95%区間 {gain.low:.4f}〜{gain.high:.4f}）。",
        en=f"{word} than the champion: gain in log loss {gain.value:+.4f} (95 % interval "
        f"{gain.low:.4f} to {gain.high:.4f}) on {rows:,} common rows of {entities:,} entities.",
    )


def _rule_flaw(result: TrainingResult) -> list[Words]:
    """The rule stays what to beat: a model takes its place by the same proof as the champion's."""
    rows = result.test_predictions
    if result.deployed in (BASE_RATE, RULE) or "rule_probability" not in rows:
        return []
    y = rows["y"].to_numpy(dtype=np.float64)
    old, new = (
        row_losses(y, rows[name].to_numpy(dtype=np.float64))
        for name in ("rule_probability", "probability")
    )
    gain = paired_gain(old, new, cluster_codes(rows["entity"], len(rows)))
    if gain.low > 0:
        return []
    return [
        Words(
            ja=f"ルール（{result.rule}）より明らかに優れているとは言えません: "
            f"対数損失の改善幅{gain.value:.4f}（95%区間 {gain.low:.4f}〜{gain.high:.4f}）。",
            en=f"Not clearly better than the rule ({result.rule}): gain in log loss "
            f"{gain.value:+.4f} (95 % interval {gain.low:.4f} to {gain.high:.4f}).",
        )
    ]


def _first(result: TrainingResult, leaks: list[Words]) -> Decision:
    if leaks:
        return Decision.of(False, leaks)
    kinds = {
        BASE_RATE: Words(ja="基準率（全体平均）", en="the base rate"),
        RULE: Words(ja=f"ルール（{result.rule}）", en=f"the rule ({result.rule})"),
    }
    model = Words(ja=f"この{result.deployed}モデル", en=f"this {result.deployed} model")
    kind = kinds.get(result.deployed, model)
    first = Words(
        ja=f"現行モデルがまだないため、{kind.ja}を最初のモデルとします。",
        en=f"There is no champion yet: {kind.en} is the first.",
    )
    return Decision.of(True, [first, *_calibration_flaws(result), *_rule_flaw(result)])


def _calibration_flaws(result: TrainingResult) -> list[Words]:
    rows = result.test_predictions
    y, p = (rows[name].to_numpy(dtype=np.float64) for name in ("y", "probability"))
    return [*_level_flaw(y, p), *_slope_flaw(y, p)]


def _level_flaw(y: Floats, p: Floats) -> list[Words]:
    error = abs(y.sum() - p.sum()) / np.sqrt((p * (1 - p)).sum())
    if error <= Z or LEVELS[0] <= y.sum() / p.sum() <= LEVELS[1]:
        return []
    return [
        Words(
            ja=f"確率がずれています: 予測の平均{p.mean():.1%}、実際{y.mean():.1%}。",
            en=f"Probabilities are off: {p.mean():.1%} predicted on average, "
            f"{y.mean():.1%} observed.",
        )
    ]


def _slope_flaw(y: Floats, p: Floats) -> list[Words]:
    margin = log_odds(p)
    if np.ptp(margin) == 0:
        return []
    line = fit_calibration(y, margin, shrunk=False)
    fitted = line.probability(margin)
    weights = fitted * (1 - fitted)
    centre = (weights * margin).sum() / weights.sum()
    error = 1 / np.sqrt((weights * (margin - centre) ** 2).sum())
    if line.b + Z * error >= SLOPES[0] and line.b - Z * error <= SLOPES[1]:
        return []
    said, said_ja = ("too extreme", "極端すぎ") if line.b < 1 else ("too timid", "控えめすぎ")
    return [
        Words(
            ja=f"確率が{said_ja}ます: テストでの傾き{line.b:.2f}（1が正しい値）。",
            en=f"Probabilities are {said}: calibration slope {line.b:.2f} on the test "
            "(1 is right).",
        )
    ]


def _compare(new: pd.DataFrame, champion: pd.DataFrame) -> Comparison | None:
    both = _keyed(new).merge(_keyed(champion), on=KEY, suffixes=("", "_champion"))
    if both.empty:
        return None
    y = both["y"].to_numpy(dtype=np.float64)
    old, own = (
        row_losses(y, both[name].to_numpy(dtype=np.float64))
        for name in ("probability_champion", "probability")
    )
    clusters = cluster_codes(both["entity"], len(both))
    return Comparison(paired_gain(old, own, clusters), len(both), int(clusters.max()) + 1)


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Ids as text and dates as timestamps, so that rows read from files match."""
    return rows.assign(
        entity=rows["entity"].astype(str), as_of=pd.to_datetime(rows["as_of"]).dt.as_unit("s")
    )
