from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from salesml.card.dependence import curves, plot_of, top_of
from salesml.card.plot import HEIGHT, WIDTH


class Model:
    """Says 0.1 a login, 0.3 more for big ones, 0.9 where logins are unknown; checks types."""

    def __init__(self, X: pd.DataFrame) -> None:
        self.types = X.dtypes

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        assert (X.dtypes == self.types).all()
        p = X["logins"].astype(float) / 10 + 0.3 * (X["size"].astype(object) == "big")
        p = p.where(X["logins"].notna(), 0.9).to_numpy()
        return np.column_stack([1 - p, p])


@pytest.fixture
def X() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "logins": pd.array(rng.integers(0, 6, 150), dtype="Int64"),
            "size": pd.Categorical(["big"] * 60 + ["small"] * 90),
            "flag": rng.random(150) < 0.5,
            "price": rng.uniform(0, 1, 150),
        }
    )


def test_numbers_are_tried_from_low_to_high(X: pd.DataFrame) -> None:
    (curve,) = curves(Model(X), X, ["logins"])  # type: ignore[arg-type]
    assert curve.ordered
    assert curve.values == [0, 1, 2, 3, 4, 5]
    expected = [v / 10 + 0.3 * 60 / 150 for v in curve.values]
    assert curve.probability == pytest.approx(expected)
    assert curve.missing is None
    assert sum(curve.rows) == 150


def test_unknown_values_are_tried_apart(X: pd.DataFrame) -> None:
    X.loc[:29, "logins"] = pd.NA
    (curve,) = curves(Model(X), X, ["logins"])  # type: ignore[arg-type]
    assert curve.missing == pytest.approx(0.9)
    assert sum(curve.rows) == 120


def test_categories_are_tried_by_how_common_they_are(X: pd.DataFrame) -> None:
    size, flag = curves(Model(X), X, ["size", "flag"])  # type: ignore[arg-type]
    assert not size.ordered
    assert size.values == ["small", "big"]
    assert size.rows == [90, 60]
    assert size.probability[1] - size.probability[0] == pytest.approx(0.3)
    assert not flag.ordered
    assert set(flag.values) == {"True", "False"}
    assert flag.probability[0] == pytest.approx(flag.probability[1])


def test_many_numbers_are_tried_at_quantiles(X: pd.DataFrame) -> None:
    (curve,) = curves(Model(X), X, ["price"])  # type: ignore[arg-type]
    assert len(curve.values) == 15
    assert set(curve.values) <= set(X["price"])
    plot = plot_of(curve, top_of([curve]))
    assert len(plot.bars) == 24
    for left, height, width in plot.bars:
        assert 0 <= left <= WIDTH - width
        assert 0 <= height <= HEIGHT


def test_column_of_one_value_or_none_is_told(X: pd.DataFrame) -> None:
    X["price"] = np.where(X.index == 0, 3.0, np.nan)
    X["flag"] = pd.Series([None] * 150, dtype=object)
    one, none = curves(Model(X), X, ["price", "flag"])  # type: ignore[arg-type]
    assert (one.values, one.ordered) == (["3.0"], False)
    assert one.missing == pytest.approx(one.probability[0])
    assert none.values == []
    assert none.missing is not None


def test_all_curves_share_one_scale(X: pd.DataFrame) -> None:
    found = curves(Model(X), X, ["logins", "price"])  # type: ignore[arg-type]
    highest = max(p for curve in found for p in curve.probability)
    assert highest <= top_of(found) < 2 * highest
    assert top_of([]) > 0
