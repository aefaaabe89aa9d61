"""Whether choosing an action for each row beats one action for all, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from salesml.actions.effect.folds import deal
from salesml.actions.effect.learners import (
    Effects,
    assemble,
    enough_for_trees,
    learn,
    out_of_fold,
    weigh,
)
from salesml.actions.effect.nuisance import OutcomeModels, Trial, cross_fit, dr_scores
from salesml.actions.effect.value import mean_of
from salesml.training.intervals import Interval
from salesml.training.table import Floats, Ints

__all__ = ["Judged", "best_arm", "judge"]

REPEATS = ((5_000, 5), (50_000, 3), (np.inf, 2))  # cross-fits, up to so many rows


@dataclass(frozen=True)
class Judged:
    """What the cross-fitted comparison came to; the control is action number 0.

    ``scores`` are doubly robust, shape (n, K). ``nets`` are each action's average effect less its
    extra cost; ``single`` is the best one action for all; ``gain`` is the value of targeting less
    that of ``single``; intervals are of 95 %. ``foretold``, shape (n, K), are effects by models
    that had not seen the row, and ``followed``, shape (n,), what taking the best came to.
    """

    effects: Effects
    outcomes: OutcomeModels
    scores: Floats
    averages: list[Interval]
    nets: list[Interval]
    single: int
    gain: Interval
    targets: bool
    foretold: Floats
    followed: Floats


def judge(trial: Trial, costs: Floats, seed: int) -> Judged:
    """Learn effects, and judge out of fold what following them is worth.

    How rows fall into folds moves the result about as much as chance in the data does, so it is
    done several times and averaged.
    """
    repeats = next(count for rows, count in REPEATS if len(trial.arms) < rows)
    trees = enough_for_trees(len(trial.arms), trial.count)
    rounds = [_round(trial, costs, seed + number, trees) for number in range(repeats)]
    scores = np.asarray(np.mean([each.scores for each in rounds], axis=0))
    averages = [mean_of(scores[:, k] - scores[:, 0], trial.clusters) for k in range(trial.count)]
    extra = costs - costs[0]
    nets = [Interval(*(end - less for end in a)) for a, less in zip(averages, extra, strict=True)]
    single = best_arm(nets, extra)
    followed = np.asarray(np.mean([each.followed for each in rounds], axis=0))
    gain = mean_of(followed - (scores[:, single] - costs[single]), trial.clusters)
    ahead = nets[single].value + gain.value >= max(each.value for each in nets)
    weights = list(np.mean([each.weights for each in rounds], axis=0))
    return Judged(
        effects=assemble(learn(trial.features, scores, seed, trees), weights),
        outcomes=rounds[0].outcomes,
        scores=scores,
        averages=averages,
        nets=nets,
        single=single,
        gain=gain,
        targets=bool(gain.low > 0 and ahead),
        foretold=np.asarray(np.mean([each.foretold for each in rounds], axis=0)),
        followed=followed,
    )


class _Round(NamedTuple):
    """One cross-fit: ``followed`` is each row's score, cost taken off, of what targeting takes."""

    scores: Floats
    foretold: Floats
    followed: Floats
    weights: Floats
    outcomes: OutcomeModels


def _round(trial: Trial, costs: Floats, seed: int, trees: bool) -> _Round:
    fold = deal(trial.arms, trial.outcomes, trial.clusters, seed)
    fitted = cross_fit(trial, fold, seed)
    scored = np.array(
        [dr_scores(e, trial.arms, trial.outcomes, trial.taken) for e in fitted.judged]
    )
    rows = np.arange(len(fold))
    scores = scored[fold, rows]
    average, added = out_of_fold(trial.features, scored, fold, seed, trees)
    left = scores[:, 1:] - scores[:, :1] - average
    foretold = _foretold(average, added, left, fold)
    chosen = np.argmax(foretold - costs, axis=1)
    weights = [weigh(added[:, k], left[:, k]) for k in range(left.shape[1])]
    followed = scores[rows, chosen] - costs[chosen]
    return _Round(scores, foretold, followed, np.array(weights), fitted.models)


def best_arm(nets: list[Interval], extra: Floats) -> int:
    """Return the one action for all: the best net effect, or the control.

    An action that costs more than the control must be proven to be worth it.
    """
    usable = [
        k
        for k, each in enumerate(nets)
        if k == 0 or (each.low > 0 if extra[k] > 0 else each.value > 0)
    ]
    return max(usable, key=lambda k: nets[k].value if k else 0.0)


def _foretold(average: Floats, added: Floats, left: Floats, fold: Ints) -> Floats:
    """Return the effects, shape (n, K), by weights that do not know the row's fold."""
    effects = np.zeros((len(fold), left.shape[1] + 1))
    for number in np.unique(fold):
        others, own = fold != number, fold == number
        for k in range(left.shape[1]):
            weights = weigh(added[others, k], left[others, k])
            effects[own, k + 1] = average[own, k] + added[own, k] @ weights
    return effects
