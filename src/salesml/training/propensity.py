"""The one estimator: from a table of features to calibrated, explained probabilities."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from salesml.errors import ModelError
from salesml.training.boosting import Boosted, Budget, try_boosting
from salesml.training.calibration import Calibration, fit_calibration
from salesml.training.candidates import BaseRate, Candidate, Trial, try_base_rate
from salesml.training.encoding import Encoder
from salesml.training.inputs import cluster_codes, day_numbers, enough_of_both, outcomes
from salesml.training.leaks import identifier_columns, leaking_columns, say_leaks
from salesml.training.logistic import Logistic, try_logistic
from salesml.training.persistence import read_model, write_model
from salesml.training.selection import choose
from salesml.training.split import Fold, group_folds, time_folds
from salesml.training.table import Floats, Ints, Table

__all__ = ["LADDER", "PropensityModel"]

LADDER = ("base_rate", "logistic", "lightgbm")  # simplest first
MOST_TUNING_ROWS = 500_000
MOST_SCALE_ROWS = 50_000
SCORE_RANGE = 49  # points between the average's 50 and the best score


@dataclass(frozen=True)
class _Fitted:
    """A candidate that learnt from all rows, with what turns its margin into answers."""

    candidate: Candidate
    calibration: Calibration
    score_slope: float


@dataclass(frozen=True)
class _Sample:
    """Encoded rows to learn from."""

    table: Table
    y: Floats
    clusters: Ints
    days: Ints | None

    def take(self, rows: Ints) -> _Sample:
        days = None if self.days is None else self.days[rows]
        return _Sample(self.table.take(rows), self.y[rows], self.clusters[rows], days)


class PropensityModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probability of a yes/no outcome from a table of features of any kind.

    Base rate, logistic regression and LightGBM are judged out of fold; the simplest one within
    noise of the best is kept and calibrated. Columns may have any names and hold numbers, truth
    values, dates, texts or categories with gaps; categories never seen count as missing.

    Parameters
    ----------
    time_budget : seconds after which no further tree size is tried; below it, the clock has no
        influence on the result.
    embargo_days : days that must lie between a row that is learnt from and the date it is judged
        on: the horizon of the outcome. Used where ``fit`` gets ``time``.
    min_positives : fewest positives, and negatives, to learn from.
    num_threads : threads of LightGBM; 0 is one for small tables, else as OpenMP decides
        (``OMP_NUM_THREADS``).
    random_state : seed; equal seeds and data give equal models.

    Attributes
    ----------
    chosen_ : "base_rate", "logistic" or "lightgbm".
    leaderboard_ : DataFrame, one row a candidate: log loss out of fold, gain over the base rate.
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
        embargo_days: int = 0,
        min_positives: int = 20,
        num_threads: int = 0,
        random_state: int = 0,
    ) -> None:
        self.time_budget = time_budget
        self.embargo_days = embargo_days
        self.min_positives = min_positives
        self.num_threads = num_threads
        self.random_state = random_state

    def fit(
        self,
        X: pd.DataFrame,
        y: Any,
        time: Any = None,
        groups: Any = None,
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
        candidates : which of the ladder to try, simplest first, the base rate always among them.

        Raises
        ------
        LabelError
            If outcomes are missing, other than 0 and 1, or too few of one kind.
        ModelError
            If columns, dates or groups cannot be used.
        """
        self.warnings_: list[str] = []
        self.encoder_ = Encoder.learn(X)
        outcome = outcomes(y, len(X))
        clusters = cluster_codes(groups, len(X))
        enough_of_both(outcome, self.min_positives)
        self._ignore_identifiers(X, clusters)
        days = None if time is None else day_numbers(time, len(X))
        sample = _Sample(self.encoder_.transform(X), outcome, clusters, days)
        self._note_leaks(sample)
        self._climb(sample, candidates)
        return self

    def with_candidate(self, name: str) -> PropensityModel:
        """Return this model answering by another candidate that ``fit`` tried."""
        if name not in self.fitted_:
            raise ModelError(f"There is no candidate '{name}'.", received=", ".join(self.fitted_))
        other = copy.copy(self)
        other._use(name)
        return other

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Return calibrated probabilities of 0 and 1, shape (n, 2)."""
        margin = self.margin(X)
        positive = self.calibration_.probability(margin)
        return np.column_stack([1 - positive, positive])

    def predict(self, X: pd.DataFrame) -> Ints:
        """Return the likelier outcome, shape (n,)."""
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(np.int64)

    def margin(self, X: pd.DataFrame) -> Floats:
        """Return uncalibrated log-odds, shape (n,).

        Raises
        ------
        ModelError
            If columns are missing or hold values of another kind than in training.
        """
        return self._fitted.candidate.margin(self._fitted_encoder.transform(X))

    def explain(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return what each column adds to the log-odds, shape (n, columns), index as X.

        Row sums + ``expected_value_`` are the margin.
        """
        contributions = self._fitted.candidate.contributions(self._fitted_encoder.transform(X))
        return pd.DataFrame(contributions, index=X.index, columns=self.encoder_.names)

    def unseen(self, X: pd.DataFrame) -> dict[str, list[str]]:
        """Return, by column, the categories in X that training never saw."""
        return self._fitted_encoder.unseen(X)

    def save(self, directory: Path) -> None:
        """Write ``model.json`` and one text file a booster to a new or empty directory.

        Raises
        ------
        ModelError
            If the directory holds files.
        """
        fitted = self._fitted
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ModelError(
                "The directory holds files already.", where=str(directory), fix="name a new one"
            )
        content = {
            "parameters": self.get_params(),
            "chosen": self.chosen_,
            "model": fitted.candidate.dump(directory),
            "calibration": list(fitted.calibration),
            "score_slope": fitted.score_slope,
            "warnings": self.warnings_,
            "leaks": list(self.leaks_.items()),
            "leaderboard": _finite(self.leaderboard_).to_dict(orient="records"),
            "columns": self.encoder_.to_json(),
        }
        write_model(directory, content)

    @classmethod
    def load(cls, directory: Path) -> PropensityModel:
        """Return a saved model; only its chosen candidate is there.

        Raises
        ------
        ModelError
            If a file is missing or was changed.
        """
        content = read_model(directory)
        model = cls(**content["parameters"])
        model.encoder_ = Encoder.from_json(content["columns"])
        model.warnings_ = content["warnings"]
        model.leaks_ = dict(content["leaks"])
        model.leaderboard_ = pd.DataFrame(content["leaderboard"])
        candidate = _restore(content, directory, model)
        fitted = _Fitted(candidate, Calibration(*content["calibration"]), content["score_slope"])
        model.fitted_ = {content["chosen"]: fitted}
        model._use(content["chosen"])
        return model

    @property
    def _fitted(self) -> _Fitted:
        if not hasattr(self, "fitted_"):
            raise ModelError("The model has not learnt anything yet.", fix="call fit first")
        return self.fitted_[self.chosen_]

    @property
    def _fitted_encoder(self) -> Encoder:
        self._fitted  # noqa: B018 (says so where nothing was learnt)
        return self.encoder_

    def _use(self, name: str) -> None:
        fitted = self.fitted_[name]
        self.chosen_ = name
        self.calibration_ = fitted.calibration
        self.expected_value_ = fitted.candidate.expected_value
        self.score_slope_ = fitted.score_slope
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.array(self.encoder_.names, dtype=object)
        self.n_features_in_ = len(self.encoder_.names)

    def _climb(self, sample: _Sample, candidates: Sequence[str]) -> None:
        part = self._tuning_part(sample)
        trials = self._trials(part, candidates)
        chosen, self.leaderboard_ = choose(trials, part.y, part.clusters)
        self.fitted_ = {t.name: self._finish(t, sample, part) for t in trials}
        self._use(chosen)

    def _trials(self, part: _Sample, candidates: Sequence[str]) -> list[Trial]:
        folds = self._folds(part)
        trials = [try_base_rate(part.y, folds)]
        if all(column.kind == "ignored" for column in self.encoder_.columns):
            self.warnings_.append("No column varies: everybody gets the base rate.")
            return trials
        if "logistic" in candidates:
            trials.append(try_logistic(part.table, part.y, folds, self.random_state))
        if "lightgbm" in candidates:
            trials.append(try_boosting(part.table, part.y, folds, self._budget()))
        return trials

    def _folds(self, part: _Sample) -> list[Fold]:
        if part.days is None:
            return group_folds(part.y, part.clusters, self.random_state)
        folds = time_folds(part.days, part.y, self.embargo_days)
        if folds:
            return folds
        self.warnings_.append(
            "The dates span too little time to judge on newer dates while learning; "
            "candidates were compared on other entities instead."
        )
        return group_folds(part.y, part.clusters, self.random_state)

    def _finish(self, trial: Trial, sample: _Sample, part: _Sample) -> _Fitted:
        candidate = trial.finish(sample.table, sample.y)
        judged = ~np.isnan(trial.margin)
        # the base rate follows a drift too, else any model would beat it by doing just that
        stretch = trial.name != "base_rate"
        line = fit_calibration(part.y[judged], trial.margin[judged], stretch=stretch)
        return _Fitted(candidate, line, self._score_slope(candidate, sample))

    def _score_slope(self, candidate: Candidate, sample: _Sample) -> float:
        rows = self._some_rows(len(sample.y), MOST_SCALE_ROWS)
        ends = np.quantile(candidate.margin(sample.table.take(rows)), [0.01, 0.99])
        reach = float(np.abs(ends - candidate.expected_value).max())
        return SCORE_RANGE / reach if reach > 1e-9 else 1.0

    def _tuning_part(self, sample: _Sample) -> _Sample:
        total = len(sample.y)
        if total <= MOST_TUNING_ROWS:
            return sample
        self.warnings_.append(
            f"Candidates were compared on {MOST_TUNING_ROWS:,} of {total:,} rows, drawn at random."
        )
        return sample.take(self._some_rows(total, MOST_TUNING_ROWS))

    def _some_rows(self, total: int, most: int) -> Ints:
        if total <= most:
            return np.arange(total)
        return np.sort(np.random.default_rng(self.random_state).choice(total, most, replace=False))

    def _budget(self) -> Budget:
        return Budget(self.time_budget, self.num_threads, self.random_state, self.warnings_.append)

    def _ignore_identifiers(self, X: pd.DataFrame, clusters: Ints) -> None:
        names = identifier_columns(X, self.encoder_.columns, clusters)
        if names:
            self.encoder_ = self.encoder_.ignoring(set(names))
            self.warnings_.append(
                f"Left out, because they name or number the rows: {', '.join(map(str, names))}."
            )

    def _note_leaks(self, sample: _Sample) -> None:
        self.leaks_ = leaking_columns(self.encoder_.columns, sample.table, sample.y)
        self.warnings_ += say_leaks(self.leaks_)


def _restore(content: dict[str, Any], directory: Path, model: PropensityModel) -> Candidate:
    stored, width = content["model"], len(content["columns"])
    if content["chosen"] == "base_rate":
        return BaseRate(**stored)
    if content["chosen"] == "logistic":
        return Logistic.restore(stored)
    return Boosted.restore(stored, directory, width, model.num_threads)


def _finite(board: pd.DataFrame) -> pd.DataFrame:
    return board.astype(object).where(board.map(lambda v: v not in (np.inf, -np.inf)), None)
