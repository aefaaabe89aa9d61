from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from salesml.errors import ModelError
from salesml.training.preparation import Prepared, prepare

X = pd.DataFrame({"x": np.arange(60.0) % 7, "c": ["a", "b", "c"] * 20, "n": np.arange(60) % 5 / 2})
Y = [0, 1] * 30


def prepared(
    frame: Any = X,
    time: Any = None,
    groups: Any = None,
    baseline: Any = None,
    *,
    y: Any = Y,
    said: list[str] | None = None,
) -> Prepared:
    told = [] if said is None else said
    return prepare(frame, y, time, groups, baseline, min_positives=20, seed=0, warn=told.append)


def test_everything_is_kept_row_by_row() -> None:
    days = pd.date_range("1970-01-02", periods=60)
    found = prepared(X, days, [f"g{n // 2}" for n in range(60)], X["x"] * 10)
    assert found.positions.tolist() == found.part_rows.tolist() == list(range(60))
    assert found.part is found.sample
    assert found.sample.table.matrix[:, 0].tolist() == X["x"].tolist()
    assert found.sample.y.tolist() == Y
    assert found.sample.clusters.tolist() == [n // 2 for n in range(60)]
    assert found.sample.days is not None
    assert found.sample.days.tolist() == list(range(1, 61))
    assert found.sample.rule is not None
    assert found.sample.rule.matrix[:, 0].tolist() == (X["x"] * 10).tolist()
    assert found.rule_column is None


def test_everything_is_sampled_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.training.preparation.MOST_ROWS", 40)
    monkeypatch.setattr("salesml.training.preparation.MOST_TUNING_ROWS", 20)
    frame = pd.DataFrame({"row": np.arange(60) * 10.5})
    days = pd.date_range("1970-01-01", periods=60)
    groups, y = np.arange(60) // 2, (np.arange(60) % 3 > 0).astype(int)
    found = prepared(frame, days, groups, np.arange(60) * 2.0, y=y)
    part = found.part
    rows = found.positions[found.part_rows]
    assert (len(found.positions), len(rows), found.total) == (40, 20, 60)
    assert part.table.matrix[:, 0].tolist() == (rows * 10.5).tolist()
    assert part.rule is not None
    assert part.rule.matrix[:, 0].tolist() == (rows * 2.0).tolist()
    assert part.y.tolist() == y[rows].tolist()
    assert part.days is not None
    assert part.days.tolist() == rows.tolist()
    same = groups[rows][:, None] == groups[rows]
    assert ((part.clusters[:, None] == part.clusters) == same).all()
    assert found.sample.clusters.max() + 1 == len(np.unique(found.sample.clusters))
    placed = found.out_of_fold({"m": np.where(part.y > 0, 1.0, -1.0)})["m"]
    assert placed.index.tolist() == list(range(60))
    assert np.flatnonzero(placed.notna()).tolist() == rows.tolist()
    assert ((placed.dropna() > 0.5) == (y[rows] > 0)).all()


def test_baseline_is_a_column_or_a_number_a_row() -> None:
    assert prepared(baseline="n").rule_column == 2
    assert prepared(X.to_numpy(), baseline=np.int64(1)).rule_column == 1
    by_array = prepared(baseline=pd.DataFrame({"score": X["x"]})).sample.rule
    assert by_array is not None
    assert by_array.width == 1


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("nn", "The baseline 'nn' is no column of X"),
        ([1.0] * 59, "baseline and X have different numbers of rows"),
        (np.zeros((60, 2)), "baseline must hold one value a row"),
        ([[1]] * 60, "column 'baseline': expected a text or number"),
    ],
)
def test_impossible_baselines_are_refused(baseline: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepared(baseline=baseline)


def test_directions_go_by_position() -> None:
    assert prepared().directions({"n": -1, "x": 1}) == {2: -1, 0: 1}
    assert prepared(X.assign(x=1)).directions({"x": 1}) == {0: 1}  # a constant: it just happens


@pytest.mark.parametrize(
    ("monotone", "message"),
    [
        ({"xx": 1}, "unknown column 'xx'"),
        ({"c": 1}, "Column 'c' cannot go one way"),
        ({"x": 0}, "Column 'x' cannot go one way"),
        ({"x": "up"}, "Column 'x' cannot go one way"),
        ([1, 0, 0], r"monotone must map columns to \+1 or -1"),
    ],
)
def test_impossible_directions_are_refused(monotone: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prepared().directions(monotone)


def test_few_outcomes_are_said() -> None:
    said: list[str] = []
    prepared(said=said)
    assert said[0].startswith("Only 30 positives to learn from")
    prepared(y=[1] * 40 + [0] * 20, said=said)
    assert said[1].startswith("Only 20 negatives to learn from")


def test_ignored_columns_do_not_vary() -> None:
    assert prepared().varies
    assert not prepared(pd.DataFrame({"a": [1] * 60, "b": [None] * 60})).varies
    assert not prepared(pd.DataFrame({"id": [f"a{n}" for n in range(60)]})).varies
