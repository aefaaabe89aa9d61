"""The estimator works where scikit-learn's tools expect one of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from salesml.errors import ModelError
from salesml.training import PropensityModel

from .conftest import fast

RNG = np.random.default_rng(0)
X = pd.DataFrame({"x": RNG.normal(size=150), "c": RNG.choice(["a", "b", None], 150)})
Y = (RNG.random(150) < 1 / (1 + np.exp(-2 * X["x"]))).astype(int)

LABELS = "outcomes other than 0 and 1 are refused by design"
OWN_WORDS = "refused with a ValueError of salesml, in words of our own"
# checks that cannot pass; each must fail, so the list stays honest
EXPECTED = {
    "check_classifiers_classes": LABELS,
    "check_classifiers_regression_target": LABELS + ", in words of our own",
    "check_classifier_not_supporting_multiclass": LABELS + ", in words of our own",
    "check_estimators_dtypes": LABELS,
    "check_complex_data": OWN_WORDS,
    "check_estimators_empty_data_messages": OWN_WORDS,
    "check_estimator_sparse_tag": OWN_WORDS,
    "check_estimator_sparse_array": OWN_WORDS,
    "check_estimator_sparse_matrix": OWN_WORDS,
    "check_fit2d_predict1d": OWN_WORDS,
    "check_fit2d_1sample": OWN_WORDS,
    "check_requires_y_none": OWN_WORDS,
    "check_n_features_in_after_fitting": OWN_WORDS,
    "check_classifier_data_not_an_array": "a matrix is a DataFrame, an array or a list of lists",
    "check_classifiers_one_label": "one class alone is refused: there is nothing to learn",
    "check_supervised_y_2d": "a column of outcomes is taken without a warning",
}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [PropensityModel(tree_budget=1, num_threads=1, min_positives=2)],
    expected_failed_checks=lambda _: EXPECTED,
)
def test_conventions_are_kept(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_parameters_come_and_go() -> None:
    model = PropensityModel(monotone={"x": 1}, embargo_days=5)
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    assert copied.set_params(embargo_days=7).embargo_days == 7
    assert model.embargo_days == 5
    assert is_classifier(model)
    assert "monotone={'x': 1}" in repr(model)


def test_a_fresh_model_is_not_fitted_to_anybody() -> None:
    with pytest.raises(NotFittedError):
        check_is_fitted(fast())
    with pytest.raises(NotFittedError):
        fast().predict(X)
    with pytest.raises(ModelError):
        fast().predict(X)


def test_cloning_forgets_what_was_learnt() -> None:
    model = fast().fit(X, Y, candidates=["logistic"])
    check_is_fitted(model)
    assert not hasattr(clone(model), "chosen_")
    assert model.classes_.tolist() == [0, 1]
    assert model.n_features_in_ == 2
    assert model.feature_names_in_.tolist() == ["x", "c"]
    assert 0.5 < model.score(X, Y) <= 1


def test_it_ends_a_pipeline() -> None:
    scale = ColumnTransformer([("x", StandardScaler(), ["x"])], remainder="passthrough")
    scale.set_output(transform="pandas")
    pipeline = Pipeline([("scale", scale), ("model", fast())])
    pipeline.fit(X, Y, model__candidates=["logistic"])
    assert pipeline.predict_proba(X).shape == (150, 2)
    assert pipeline["model"].feature_names_in_.tolist() == ["x__x", "remainder__c"]


def test_it_is_cross_validated_and_searched() -> None:
    scores = cross_val_score(
        fast(), X, Y, cv=2, scoring="roc_auc", params={"candidates": ["logistic"]}
    )
    assert scores.min() > 0.7
    search = GridSearchCV(fast(), {"min_positives": [5, 10]}, cv=2, scoring="neg_log_loss")
    search.fit(X, Y, candidates=["logistic"])
    assert search.best_params_["min_positives"] in (5, 10)
    assert search.predict_proba(X).shape == (150, 2)


def test_it_can_be_calibrated_by_others() -> None:
    wrapped = CalibratedClassifierCV(fast(tree_budget=1, min_positives=10), cv=2)
    p = wrapped.fit(X, Y).predict_proba(X)
    assert np.corrcoef(p[:, 1], X["x"])[0, 1] > 0.8
