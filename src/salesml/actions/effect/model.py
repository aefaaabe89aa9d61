"""The estimator: from what was tried to what each action does, and to what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from salesml.actions.effect.evaluation import Ruling, evaluate
from salesml.actions.effect.folds import canonical_order, deal
from salesml.actions.effect.inputs import (
    actions_of,
    arms_of,
    codes_of,
    costs_of,
    outcomes_of,
    probabilities_of,
)
from salesml.actions.effect.nuisance import Trial
from salesml.actions.effect.overlap import propensities
from salesml.actions.effect.persistence import read, write
from salesml.actions.effect.plan import assign, capacities_of, plan, share_of, uniforms
from salesml.actions.effect.referee import Judged, judge
from salesml.actions.effect.regression import Features, Reader
from salesml.actions.effect.result import Evaluation
from salesml.actions.effect.spread import spread_of
from salesml.actions.effect.verdict import put_in_words
from salesml.errors import ModelError
from salesml.training.encoding import Encoder, as_frame
from salesml.training.inputs import NotLearntError, cluster_codes
from salesml.training.table import Floats, Ints

__all__ = ["NextActionModel"]


class NextActionModel(BaseEstimator):  # type: ignore[misc]
    """The effect of each action against doing nothing, by features, and the action to take.

    Effects are learnt by a doubly robust learner with cross-fitted outcomes and, where they were
    not logged, propensities: the average effect, and what ridge regression and LightGBM add to it,
    as far as they foretell rows they had not seen. Choosing for each row is recommended only where
    its cross-fitted value beats the best single action for all (or doing nothing, where actions
    cost) by more than its 95 % interval; otherwise that one is. Columns may hold what
    `PropensityModel` takes. The order of the rows does not matter.

    Parameters
    ----------
    control : the action that stands for doing nothing.
    random_state : seed of folds, trees and exploration.

    Attributes
    ----------
    actions_ : the control and the actions that effects were learnt of, in order.
    targets_ : whether each row gets what suits it best.
    single_ : the best single action, the control included.
    verdict_ : what is recommended and why, Japanese (``ja``) and English (``en``).
    gain_ : value of targeting less that of ``single_`` a row, 95 % interval, cross-fitted.
    average_effects_ : DataFrame, one row an action but the control: effect, low, high (95 %),
        cost, net.
    overlap_ : DataFrame, one row an action: rows, share, propensities, how many were clipped and
        how many rows its weights leave.
    scores_ : DataFrame, one row a row that was learnt from (index: its place in X), with pairs as
        columns: ("score", action), the doubly robust score under the action, whose mean is its
        value; ("effect", action), foretold by models that had not seen the row; and
        ("followed", ""), the score of taking the best of these, cost taken off. A loaded model has
        none.
    warnings_ : what the reader should know, in sentences.
    feature_names_in_ : names of the columns, in order.
    """

    def __init__(self, control: Any = "none", random_state: int = 0) -> None:
        self.control = control
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        action: Any,
        outcome: Any,
        propensity: Any = None,
        cost: Any = None,
        *,
        groups: Any = None,
    ) -> Self:
        """Learn from X, shape (n, columns), the *action* each row got, and its *outcome*.

        Parameters
        ----------
        action : names of actions, shape (n,); the control where nothing was done.
        outcome : 0 and 1, or amounts, shape (n,); more is better.
        propensity : the probability with which the row's action had been chosen, shape (n,) or
            one for all, or a DataFrame with a column for each action; estimated from X if not
            given. Less than 1 %, or half an equal share of the actions, counts as that.
        cost : what an action costs, in the unit of the outcome: a number for every action but the
            control, or action -> number; nothing by default.
        groups : the entity of each row; rows of one entity are not independent.

        Raises
        ------
        LabelError
            If actions or outcomes are missing, or only one action was tried often enough.
        ModelError
            If propensities, costs, columns or groups cannot be used.
        """
        self._check_seed()
        self.warnings_: list[str] = []
        frame = as_frame(X)
        actions, y = actions_of(action, len(frame)), outcomes_of(outcome, len(frame))
        named = list(cost) if isinstance(cost, Mapping) else []
        self.actions_ = arms_of(actions, self.control, named, self.warnings_.append)
        self.costs_ = costs_of(cost, self.actions_)
        taken = None if propensity is None else probabilities_of(propensity, actions)
        arms = codes_of(actions, self.actions_)
        self._learn(frame, arms, y, taken, cluster_codes(groups, len(frame)))
        return self

    def effects(self, X: Any) -> pd.DataFrame:
        """Return the expected effect of each action against the control, index as X.

        Columns are pairs (action, "effect"), (action, "low"), (action, "high"): 95 % intervals, in
        the unit of the outcome, costs not taken off. Raises ModelError where columns are missing.
        """
        features, index = self._read(X)
        effect, half = self.effects_.predict(features)[:, 1:], self._half_widths(features)
        parts = {"effect": effect, "low": effect - half, "high": effect + half}
        columns = {
            (name, part): values[:, k]
            for k, name in enumerate(self.actions_[1:])
            for part, values in parts.items()
        }
        return pd.DataFrame(columns, index=index)

    def recommend(
        self,
        X: Any,
        capacity: Any = None,
        explore: float = 0.0,
        *,
        ids: Any = None,
    ) -> pd.DataFrame:
        """Return for each row of X the action to take; index as X.

        Parameters
        ----------
        capacity : the most rows an action may have: a whole number for each action but the
            control, or action -> number. Rows with the highest net effects come first.
        explore : share of rows that get an action (or none) at random.
        ids : the entity of each row, each once; the index of X by default. Who explores, and what,
            follows from the id and ``random_state`` alone where no capacity binds.

        Returns
        -------
        DataFrame with ``action``; ``effect``, ``low``, ``high``: its expected effect against the
        control, 95 % interval; ``probability`` with which it was chosen.

        Raises
        ------
        ModelError
            If capacities, the share or ids cannot be used, or exploring takes more than there is.
        """
        features, index = self._read(X)
        names, rows = self.actions_, len(index)
        limits, share = capacities_of(capacity, names, rows), share_of(explore)
        own = index.to_numpy() if ids is None else ids
        uniform = uniforms(own, rows, self.random_state) if share else np.empty(0)
        effect = self.effects_.predict(features)
        taken, probability = plan(self._gains(effect), effect, limits, share, uniform, names)
        half = np.column_stack([np.zeros(rows), self._half_widths(features)])
        own_effect, own_half = (each[np.arange(rows), taken] for each in (effect, half))
        return pd.DataFrame(
            {
                "action": pd.Series([names[k] for k in taken], index=index, dtype=object),
                "effect": own_effect,
                "low": own_effect - own_half,
                "high": own_effect + own_half,
                "probability": probability,
            },
            index=index,
        )

    def evaluate(
        self,
        X: Any,
        action: Any,
        outcome: Any,
        propensity: Any = None,
        *,
        groups: Any = None,
    ) -> Evaluation:
        """Return what following the model would have come to on other rows, costs taken off.

        Arguments are as in `fit`; the rows must not be those it learnt from. Raises as `fit`.
        """
        features, _ = self._read(X)
        actions, y = actions_of(action, len(features)), outcomes_of(outcome, len(features))
        logged = None if propensity is None else probabilities_of(propensity, actions)
        arms, clusters = codes_of(actions, self.actions_), cluster_codes(groups, len(features))
        fold = deal(arms, y, clusters, self.random_state)
        warnings: list[str] = []
        taken, overlap = propensities(features, arms, self.actions_, fold, logged, warnings.append)
        trial = Trial(features, arms, len(self.actions_), y, taken, clusters)
        return evaluate(trial, self._ruling(features), overlap, warnings)

    def save(self, directory: Path) -> None:
        """Write ``model.json`` and one text file a booster to a new or empty directory.

        Raises
        ------
        ModelError
            If the directory holds files, or actions are neither texts nor whole numbers.
        """
        self._require_learnt()
        write(self, directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Return a saved model; raises ModelError where a file is missing or was changed."""
        model = cls()
        read(model, directory)
        return model

    def _learn(
        self, frame: pd.DataFrame, arms: Ints, y: Floats, taken: Floats | None, clusters: Ints
    ) -> None:
        kept = np.flatnonzero(arms >= 0)
        self.encoder_ = Encoder.learn(frame.iloc[kept])
        table = self.encoder_.transform(frame.iloc[kept])
        order = canonical_order(table, arms[kept], y[kept])
        rows = kept[order]
        arms, y, clusters = arms[rows], y[rows], pd.factorize(clusters[rows])[0].astype(np.int64)
        self.reader_ = Reader(table.take(order))
        features = self.reader_.read(table.take(order))
        fold = deal(arms, y, clusters, self.random_state)
        logged = None if taken is None else taken[rows]
        warn = self.warnings_.append
        chances, self.overlap_ = propensities(features, arms, self.actions_, fold, logged, warn)
        trial = Trial(features, arms, len(self.actions_), y, chances, clusters)
        judged = judge(trial, self.costs_, self.random_state)
        self.scores_ = _told(judged, self.actions_).set_index(rows).sort_index()
        self._conclude(judged, trial)

    def _conclude(self, judged: Judged, trial: Trial) -> None:
        names, count = self.actions_, trial.count
        self.effects_, self.gain_, self.targets_ = judged.effects, judged.gain, judged.targets
        self.outcome_models_ = judged.outcomes
        self.single_, self.nets_ = names[judged.single], judged.nets
        gains = judged.scores - judged.scores[:, :1]
        errors = [gains[:, k].std() / np.sqrt(len(gains)) for k in range(count)]
        self.spreads_ = [
            spread_of(trial.features, gains[:, k], float(errors[k])) for k in range(1, count)
        ]
        self.verdict_ = put_in_words(judged, names, len(gains), bool(self.costs_.any()))
        table = pd.DataFrame(judged.averages[1:], index=pd.Index(names[1:], name="action"))
        table = table.rename(columns={"value": "effect"})
        cost = self.costs_[1:] - self.costs_[0]
        self.average_effects_ = table.assign(cost=cost, net=table["effect"] - cost)
        self.feature_names_in_ = np.array(self.encoder_.names, dtype=object)

    def _ruling(self, features: Features) -> Ruling:
        effect = self.effects_.predict(features)
        anyone = np.full(len(self.actions_), len(features), dtype=np.int64)
        return Ruling(
            names=self.actions_,
            expected=self.outcome_models_.predict(features),
            effect=effect,
            policy=assign(self._gains(effect), anyone, effect),
            single=self.actions_.index(self.single_),
            costs=self.costs_,
            targets=self.targets_,
        )

    def _gains(self, effect: Floats) -> Floats:
        """Return what each action is taken to bring each row, net of cost, shape (n, K)."""
        extra = self.costs_ - self.costs_[0]
        if self.targets_:
            return np.asarray(effect - extra)
        nets = [
            each.value if (each.low if less > 0 else each.value) > 0 else 0.0
            for each, less in zip(self.nets_, extra, strict=True)
        ]
        return np.tile(nets, (len(effect), 1))

    def _half_widths(self, features: Features) -> Floats:
        widths = [each.half_width(features) for each in self.spreads_]
        return np.column_stack(widths)

    def _read(self, X: Any) -> tuple[Features, pd.Index[Any]]:
        self._require_learnt()
        frame = as_frame(X, self.encoder_.names)
        return self.reader_.read(self.encoder_.transform(frame)), frame.index

    def _require_learnt(self) -> None:
        if not hasattr(self, "effects_"):
            raise NotLearntError("The model has not learnt yet.", fix="call fit first")

    def _check_seed(self) -> None:
        if not (isinstance(self.random_state, Integral) and self.random_state >= 0):
            raise ModelError(
                "The seed must be a whole number of at least 0.",
                received=f"random_state={self.random_state!r}",
            )


def _told(judged: Judged, names: list[Any]) -> pd.DataFrame:
    parts = {"score": judged.scores, "effect": judged.foretold}
    columns = {(part, n): v[:, k] for part, v in parts.items() for k, n in enumerate(names)}
    return pd.DataFrame(columns | {("followed", ""): judged.followed})
