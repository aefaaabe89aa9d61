"""The test's outcome in plain words."""

from __future__ import annotations

import math

from salesml.training.intervals import Interval
from salesml.training.judge import BASE_RATE, RULE, Judged
from salesml.training.result import Verdict, Window

__all__ = ["put_in_words"]


def put_in_words(judged: Judged, testing: Window, *, rule: str | None = None) -> Verdict:
    """Return whether the challenger beats the base rate and the *rule*, a column's name."""
    if judged.deployed == RULE and judged.rule_gain is not None:
        head, tail, against = (
            _rule_stays(rule, _where(judged, judged.rule_gain)),
            _rule_used(rule),
            RULE,
        )
    elif judged.deployed == BASE_RATE:
        head, tail, against = (
            _nothing_beats(rule, _where(judged, judged.gain)),
            _base_rate_used(),
            BASE_RATE,
        )
    else:
        head, tail, against = _beats(judged, rule), Verdict("", ""), BASE_RATE
    numbers = _numbers(judged, testing, against)
    return Verdict(f"{head.ja}: {numbers.ja}。{tail.ja}", f"{head.en}: {numbers.en}.{tail.en}")


def _beats(judged: Judged, rule: str | None) -> Verdict:
    if judged.deployed == RULE:
        return Verdict(
            f"ルール（{rule}）は基準率（全体平均）を上回ります",
            f"The rule ({rule}) beats the base rate",
        )
    if rule is None:
        return Verdict(
            "モデルは基準率（全体平均）を上回ります",
            "The model beats the base rate",
        )
    return Verdict(
        f"モデルは基準率（全体平均）とルール（{rule}）を上回ります",
        f"The model beats the base rate and the rule ({rule})",
    )


def _rule_stays(rule: str | None, where: Verdict) -> Verdict:
    return Verdict(
        f"モデルは{where.ja}ルール（{rule}）を上回りません",
        f"The model does not beat the rule ({rule}){where.en}",
    )


def _where(judged: Judged, gain: Interval) -> Verdict:
    """A model that was not chosen out of fold stays out, whatever luck it has on the test."""
    if judged.chosen or not gain.low > 0:
        return Verdict("", "")
    return Verdict("学習期間内で", " within the training window")


def _rule_used(rule: str | None) -> Verdict:
    return Verdict(
        f"ルール（{rule}）を確率に直して使います。",
        f" The rule ({rule}) is used, turned into probabilities.",
    )


def _nothing_beats(rule: str | None, where: Verdict) -> Verdict:
    if rule is None:
        return Verdict(
            f"モデルは{where.ja}基準率（全体平均）を上回りません",
            f"The model does not beat the base rate{where.en}",
        )
    return Verdict(
        f"モデルもルール（{rule}）も{where.ja}基準率（全体平均）を上回りません",
        f"Neither the model nor the rule ({rule}) beats the base rate{where.en}",
    )


def _base_rate_used() -> Verdict:
    return Verdict("全員に基準率を割り当てます。", " Everybody gets the base rate.")


def _numbers(judged: Judged, testing: Window, against: str) -> Verdict:
    """The challenger's measures, and its gain over the candidate *against*."""
    own = judged.challenger
    gain = judged.rule_gain if against == RULE and judged.rule_gain else judged.gain
    loss, other = (judged.metrics[name]["log_loss"].value for name in (own, against))
    auc, share = judged.metrics[own]["roc_auc"], testing.positives / testing.rows
    names = {BASE_RATE: ("基準率", "the base rate"), RULE: ("ルール", "the rule")}
    called = {RULE: ("ルール", "rule")}.get(own, (own, own))
    beside = judged.rule_gain if RULE not in (own, against) else None
    more = Verdict("", "") if beside is None else _over_rule(beside)
    return Verdict(
        f"テスト{testing.rows:,}行（陽性率{share:.1%}）の対数損失は{called[0]}が{loss:.4f}、"
        f"{names[against][0]}が{other:.4f}、改善幅{gain.value:.4f}"
        f"（90%区間 {_ends(gain, '〜', '不明', 4)}）、{more.ja}"
        f"AUC {auc.value:.3f}（{_ends(auc, '〜', '不明', 3)}）",
        f"log loss {loss:.4f} ({called[1]}) against {other:.4f}, gain {gain.value:.4f} (90 % "
        f"interval {_ends(gain, ' to ', 'unknown', 4)}), {more.en}"
        f"AUC {auc.value:.3f} ({_ends(auc, ' to ', 'unknown', 3)}) on {testing.rows:,} test rows, "
        f"{share:.1%} positive",
    )


def _over_rule(gain: Interval) -> Verdict:
    return Verdict(
        f"ルールに対する改善幅{gain.value:.4f}（{_ends(gain, '〜', '不明', 4)}）、",
        f"gain over the rule {gain.value:.4f} ({_ends(gain, ' to ', 'unknown', 4)}), ",
    )


def _ends(interval: Interval, between: str, unknown: str, digits: int) -> str:
    if math.isnan(interval.low):
        return unknown
    return f"{interval.low:.{digits}f}{between}{interval.high:.{digits}f}"
