"""Judging a policy on rows of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from salesml.actions.effect.curves import uplift_coefficients, uplift_curve
from salesml.actions.effect.nuisance import Trial, dr_scores
from salesml.actions.effect.result import Evaluation
from salesml.actions.effect.value import mean_of, snips
from salesml.training import Verdict
from salesml.training.intervals import Interval
from salesml.training.table import Floats, Ints

__all__ = ["evaluate"]


class Ruling(NamedTuple):
    """What a model says of n rows and K actions, by number; costs are those of the actions.

    ``expected`` outcomes and ``effect`` have shape (n, K); ``policy`` is the action it takes,
    ``single`` the best one for all, ``targets`` whether it chooses for each.
    """

    names: Sequence[Any]
    expected: Floats
    effect: Floats
    policy: Ints
    single: int
    costs: Floats
    targets: bool


def evaluate(
    trial: Trial, ruling: Ruling, overlap: pd.DataFrame, warnings: list[str]
) -> Evaluation:
    """Return the value of *ruling* on the rows of *trial*, which it did not learn from."""
    scores = dr_scores(ruling.expected, trial.arms, trial.outcomes, trial.taken) - ruling.costs
    paid = np.where(trial.arms >= 0, ruling.costs[np.maximum(trial.arms, 0)], 0.0)
    net, rows = trial.outcomes - paid, np.arange(len(trial.arms))
    plans = {"policy": ruling.policy, "best single action": np.full(len(rows), ruling.single)}
    plans |= {f"all: {name}": np.full(len(rows), k) for k, name in enumerate(ruling.names)}
    values = {name: _value(plan, scores, net, trial) for name, plan in plans.items()}
    values["logged"] = _logged(net, trial)
    own = scores[rows, ruling.policy]
    others = {
        "best single action": scores[:, ruling.single],
        "nothing": scores[:, 0],
        "logged": net,
    }
    gains = {name: mean_of(own - other, trial.clusters) for name, other in others.items()}
    curves, areas = _curves(trial, ruling)
    return Evaluation(
        value=mean_of(own, trial.clusters),
        values=pd.DataFrame(values).T,
        gains=pd.DataFrame(gains, index=["gain", "low", "high"]).T,
        curves=curves,
        uplift=pd.DataFrame(areas).T.rename_axis("action"),
        overlap=overlap,
        verdict=_verdict(gains["best single action"], ruling, len(rows)),
        warnings=warnings,
    )


def _value(plan: Ints, scores: Floats, net: Floats, trial: Trial) -> dict[str, float]:
    dr = mean_of(scores[np.arange(len(plan)), plan], trial.clusters)
    chosen = (plan == trial.arms).astype(np.float64)
    own = snips(net, chosen, trial.taken, trial.clusters)
    return _row(dr, own, float((plan > 0).mean()))


def _logged(net: Floats, trial: Trial) -> dict[str, float]:
    own = mean_of(net, trial.clusters)
    return _row(own, own, float((trial.arms != 0).mean()))


def _row(dr: Interval, own: Interval, treated: float) -> dict[str, float]:
    names = ("value", "low", "high", "snips", "snips_low", "snips_high", "treated")
    return dict(zip(names, (*dr, *own, treated), strict=True))


def _curves(
    trial: Trial, ruling: Ruling
) -> tuple[dict[Any, pd.DataFrame], dict[Any, dict[str, float]]]:
    """Return each action's curves and areas against the control; none where either is missing."""
    curves, areas = {}, {}
    for k, name in enumerate(ruling.names[1:], start=1):
        rows = np.flatnonzero((trial.arms == 0) | (trial.arms == k))
        treated = trial.arms[rows] == k
        if treated.all() or not treated.any():
            continue
        clusters = np.unique(trial.clusters[rows], return_inverse=True)[1].astype(np.int64)
        args = ruling.effect[rows, k], treated, trial.outcomes[rows], 1 / trial.taken[rows]
        curves[name] = uplift_curve(*args)
        areas[name] = {
            f"{measure}{end}": value
            for measure, interval in uplift_coefficients(*args, clusters).items()
            for end, value in zip(("", "_low", "_high"), interval, strict=True)
        }
    return curves, areas


def _verdict(gain: Interval, ruling: Ruling, rows: int) -> Verdict:
    one = ruling.names[ruling.single]
    if not ruling.targets:
        return Verdict(
            f"モデルは全員に「{one}」を勧めており、選び分けの上乗せはありません（{rows:,}行）。",
            f"The model recommends '{one}' for all, so choosing adds nothing ({rows:,} rows).",
        )
    added = f"{gain.value:+.4g}"
    ja = "確かめられました" if gain.low > 0 else "確かめられませんでした"
    en = "confirmed" if gain.low > 0 else "not confirmed"
    return Verdict(
        f"全員一律「{one}」に対する選び分けの上乗せは{ja}: 1行あたり{added}"
        f"（95%区間 {gain.low:+.4g}〜{gain.high:+.4g}、{rows:,}行）。",
        f"The gain of choosing over '{one}' for all is {en}: {added} a row (95 % interval "
        f"{gain.low:+.4g} to {gain.high:+.4g}, {rows:,} rows).",
    )
