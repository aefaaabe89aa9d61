"""The one estimator: from a table of features to calibrated, explained probabilities."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags

from salesml.errors import ModelError
from salesml.training.encoding import Encoder, as_frame
from salesml.training.inputs import NotLearntError, check_parameters
from salesml.training.ladder import LADDER, Fitted, climb, finish, learn_again
from salesml.training.persistence import restore, store
from salesml.training.preparation import Prepared, prepare
from salesml.training.table import Floats, Ints
from salesml.training.tuning import Budget

if TYPE_CHECKING:
    import shap

__all__ = ["LADDER", "PropensityModel"]


class PropensityModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probability of a yes/no outcome from a table of features of any kind.

    Base rate, a given rule, logistic regression, LightGBM and a blend of the two are judged out of
    fold; the simplest one within noise of the best is kept and calibrated. Columns may have any
    names and hold numbers, truth values, dates, texts or categories with gaps; categories never
    seen count as missing. Tables too large for memory are learnt from in part, which is said.

    Parameters
    ----------
    time_budget : seconds that learning should take. How many settings of LightGBM are tried
        follows from it and the size of the table alone; the clock stops the search only where the
        machine is so slow that it would take far longer, which is said.
    tree_budget : trees that the search may grow, instead of what fits in *time_budget*; the
        clock is then not looked at.
    monotone : column -> +1 or -1: whether the probability may only rise or only fall with it.
    embargo_days : days that must lie between a row that is learnt from and the date it is judged
        on: the horizon of the outcome. Used where ``fit`` gets ``time``.
    min_positives : fewest positives, and negatives, to learn from.
    num_threads : threads of LightGBM; 0 is one for tables of fewer than 50,000 rows, else as
        OpenMP decides (``OMP_NUM_THREADS``).
    random_state : seed; equal seeds and data give equal models.

    Attributes
    ----------
    chosen_ : "base_rate", "rule", "logistic", "lightgbm" or "blend".
    leaderboard_ : DataFrame, one row a candidate: log loss, AUC and Brier score out of fold with
        95 % intervals, gain over the base rate, seconds, settings.
    by_time_ : whether candidates were judged on newer dates than they learnt from.
    out_of_fold_ : DataFrame, one row for each of X (index 0 to n - 1), one column a candidate:
        calibrated probabilities from models that had not seen the row; NaN where it was not
        judged.
    calibration_ : (a, b); calibrated log-odds are ``a + b * margin``, b > 0.
    expected_value_ : margin of the average row.
    score_slope_ : points of a score for one unit of margin, such that 98 % of the training rows
        lie within 49 points of the average.
    leaks_ : columns that alone tell the outcome -> their AUC.
    warnings_ : what the reader should know, in sentences.
    feature_names_in_ : names of the columns, in order.
    """

    def __init__(
        self,
        *,
        time_budget: float = 60,
        tree_budget: int | None = None,
        monotone: Mapping[str | int, int] | None = None,
        embargo_days: int = 0,
        min_positives: int = 20,
        num_threads: int = 0,
        random_state: int = 0,
    ) -> None:
        self.time_budget = time_budget
        self.tree_budget = tree_budget
        self.monotone = monotone
        self.embargo_days = embargo_days
        self.min_positives = min_positives
        self.num_threads = num_threads
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        time: Any = None,
        groups: Any = None,
        baseline: Any = None,
        *,
        candidates: Sequence[str] = LADDER,
    ) -> Self:
        """Learn from X, shape (n, columns), and outcomes y of 0 and 1.

        Parameters
        ----------
        time : the date of each row; candidates are then judged on newer dates than they learn
            from.
        groups : the entity of each row; rows of one entity are not independent, and without
            *time* never lie on both sides of a fold.
        baseline : a score by rules that models must beat: the name of a column of X, or one
            number a row. Only a column can be chosen, as only a column is there for new rows.
        candidates : which of the ladder to try; the base rate and the baseline always are.

        Raises
        ------
        LabelError
            If outcomes are missing, other than 0 and 1, or too few of one kind.
        ModelError
            If columns, dates or groups cannot be used.
        """
        check_parameters(self.get_params())
        learnt = self._prepare(X, y, time, groups, baseline)
        found = climb(
            learnt,
            candidates,
            embargo=self.embargo_days,
            directions=learnt.directions(self.monotone or {}),
            budget=self._budget(),
            warn=self.warnings_.append,
        )
        self.by_time_ = found.folds.by_time
        self.trials_, self.leaderboard_ = found.trials, found.leaderboard
        self.fitted_: dict[str, Fitted] = {}
        for name, trial in found.trials.items():
            if trial.recipe:
                simpler = {each: fitted.candidate for each, fitted in self.fitted_.items()}
                self.fitted_[name] = finish(trial, found.folds, learnt, simpler)
        self._use(found.chosen)
        self.out_of_fold_ = learnt.out_of_fold(found.margins)
        self.warnings_ += found.rule_warnings()
        return self

    def refit(
        self,
        X: Any,
        y: Any,
        time: Any = None,
        groups: Any = None,
        *,
        candidate: str | None = None,
    ) -> PropensityModel:
        """Return a new model with the settings that `fit` found, learnt from these rows.

        It answers by *candidate*, by default the chosen one, with the calibration found by `fit`;
        it has no ``out_of_fold_``. Raises as `fit`, and ModelError where the columns differ or the
        model was loaded from files, which do not hold the settings.
        """
        self._require_fitted()
        name = candidate or self.chosen_
        trial = getattr(self, "trials_", {}).get(name)
        if trial is None or trial.recipe is None:
            raise ModelError(
                f"There are no settings of a candidate '{name}' to learn with again.",
                received=", ".join(getattr(self, "trials_", {})) or "a model loaded from files",
                fix="call fit",
            )
        fresh = PropensityModel(**self.get_params())
        learnt = fresh._prepare(X, y, time, groups, None)
        if fresh.encoder_.names != self.encoder_.names:
            raise ModelError(
                "The columns are not those that the settings were found for.",
                received=", ".join(map(str, fresh.encoder_.names)),
                fix="call fit",
            )
        fresh.trials_, fresh.leaderboard_ = {name: trial}, self.leaderboard_
        fresh.by_time_ = self.by_time_
        fresh.fitted_ = {name: learn_again(trial, self.fitted_[name].calibration, learnt)}
        fresh._use(name)
        return fresh

    def with_candidate(self, name: str) -> PropensityModel:
        """Return this model answering by another candidate that ``fit`` tried."""
        self._require_fitted()
        if name not in self.fitted_:
            raise ModelError(f"There is no candidate '{name}'.", received=", ".join(self.fitted_))
        other = copy.copy(self)
        other._use(name)
        return other

    def predict_proba(self, X: Any) -> Floats:
        """Return calibrated probabilities of 0 and 1, shape (n, 2)."""
        margin = self.margin(X)
        positive = self.calibration_.probability(margin)
        return np.column_stack([1 - positive, positive])

    def predict(self, X: Any) -> Ints:
        """Return the likelier outcome, shape (n,)."""
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(np.int64)

    def margin(self, X: Any) -> Floats:
        """Return uncalibrated log-odds, shape (n,).

        Raises
        ------
        ModelError
            If columns are missing or hold values of another kind than in training.
        """
        fitted = self._require_fitted()
        return fitted.candidate.margin(self.encoder_.transform(as_frame(X, self.encoder_.names)))

    def explain(self, X: Any, top: int | None = None) -> pd.DataFrame:
        """Return what each column adds to the log-odds, shape (n, columns), index as X.

        Row sums + ``expected_value_`` are the margin. With *top*, only that many columns are
        shown, the most important first, and one called "other" holds the sum of the rest
        ("other_" where a column has that name). Raises ModelError where *top* is below 1.
        """
        fitted = self._require_fitted()
        if top is not None and top < 1:
            raise ModelError("At least one column is shown.", received=f"top={top}")
        frame = as_frame(X, self.encoder_.names)
        contributions = fitted.candidate.contributions(self.encoder_.transform(frame))
        explained = pd.DataFrame(contributions, index=frame.index, columns=self.encoder_.names)
        if top is None or top >= explained.shape[1]:
            return explained
        order = explained.abs().mean().sort_values(ascending=False, kind="stable").index
        name = "other_" if "other" in explained.columns else "other"
        rest = explained[order[top:]].sum(axis=1).rename(name)
        return pd.concat([explained[order[:top]], rest], axis=1)

    def explanation(self, X: Any) -> shap.Explanation:
        """Return what `explain` does as an object of shap, which all of its plots take.

        ``values``, shape (n, columns), and ``base_values``, shape (n,), are log-odds; ``data`` is
        X as the model reads it, categories and dates as numbers, and ``display_data`` X itself.
        """
        fitted = self._require_fitted()
        frame = as_frame(X, self.encoder_.names)
        table = self.encoder_.transform(frame)
        import shap  # takes a second, and only plots need it

        return shap.Explanation(
            values=fitted.candidate.contributions(table),
            base_values=np.full(len(table), self.expected_value_),
            data=table.matrix,
            display_data=frame[self.encoder_.names].to_numpy(dtype=object),
            feature_names=[str(name) for name in self.encoder_.names],
        )

    def unseen(self, X: Any) -> dict[str, list[str]]:
        """Return, by column, the categories in X that training never saw."""
        self._require_fitted()
        return self.encoder_.unseen(as_frame(X, self.encoder_.names))

    def save(self, directory: Path) -> None:
        """Write ``model.json`` and one text file a booster to a new or empty directory.

        Raises
        ------
        ModelError
            If the directory holds files.
        """
        fitted = self._require_fitted()
        content = {
            "parameters": self.get_params(),
            "calibration": list(fitted.calibration),
            "score_slope": fitted.score_slope,
            "warnings": self.warnings_,
            "leaks": list(self.leaks_.items()),
            "leaderboard": _finite(self.leaderboard_).to_dict(orient="records"),
            "columns": self.encoder_.to_json(),
        }
        store(directory, self.chosen_, fitted.candidate, content)

    @classmethod
    def load(cls, directory: Path) -> PropensityModel:
        """Return a saved model; only its chosen candidate is there.

        Raises
        ------
        ModelError
            If a file is missing or was changed.
        """
        stored = restore(directory)
        content = stored.content
        model = cls(**content["parameters"])
        model.encoder_ = Encoder.from_json(content["columns"])
        model.warnings_ = content["warnings"]
        model.leaks_ = dict(content["leaks"])
        model.leaderboard_ = pd.DataFrame(content["leaderboard"]).replace({None: np.nan})
        model.fitted_ = {
            stored.name: Fitted(stored.candidate, stored.calibration, content["score_slope"])
        }
        model._use(stored.name)
        return model

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def _prepare(self, X: Any, y: Any, time: Any, groups: Any, baseline: Any) -> Prepared:
        self.warnings_: list[str] = []
        found = prepare(
            X,
            y,
            time,
            groups,
            baseline,
            min_positives=self.min_positives,
            seed=self.random_state,
            warn=self.warnings_.append,
        )
        self.encoder_, self.leaks_ = found.encoder, found.leaks
        return found

    def _require_fitted(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            raise NotLearntError("The model has not learnt anything yet.", fix="call fit first")
        return self.fitted_[self.chosen_]

    def _use(self, name: str) -> None:
        fitted = self.fitted_[name]
        self.chosen_ = name
        self.calibration_ = fitted.calibration
        self.expected_value_ = fitted.candidate.expected_value
        self.score_slope_ = fitted.score_slope
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.array(self.encoder_.names, dtype=object)
        self.n_features_in_ = len(self.encoder_.names)

    def _budget(self) -> Budget:
        return Budget(
            self.time_budget,
            self.tree_budget,
            self.num_threads,
            self.random_state,
            self.warnings_.append,
        )


def _finite(board: pd.DataFrame) -> pd.DataFrame:
    """Return *board* with None where JSON has no number."""
    return board.astype(object).where(board.notna() & ~board.isin([np.inf, -np.inf]), None)
