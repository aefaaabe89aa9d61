from __future__ import annotations

import numpy as np
import pytest

from salesml.training.candidates import Trial
from salesml.training.selection import choose, clustered_difference
from salesml.training.table import Floats


def trial(name: str, margin: Floats) -> Trial:
    return Trial(name, margin, "", lambda *_: None)  # type: ignore[arg-type, return-value]


def truth(rows: int = 2000) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    margin = rng.normal(0, 1.5, rows)
    return margin, (rng.random(rows) < 1 / (1 + np.exp(-margin))).astype(float)


def names(*margins: Floats) -> list[Trial]:
    return [
        trial(n, m) for n, m in zip(("base_rate", "logistic", "lightgbm"), margins, strict=False)
    ]


def test_standard_error_of_independent_rows() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = clustered_difference(values, np.arange(400))
    assert found.mean == values.mean()
    assert found.standard_error == pytest.approx(values.std(ddof=1) / 20)


def test_repeating_rows_of_a_cluster_tells_nothing_new() -> None:
    values = np.random.default_rng(0).normal(size=100)
    once = clustered_difference(values, np.arange(100))
    ten = clustered_difference(np.repeat(values, 10), np.repeat(np.arange(100), 10))
    assert ten.standard_error == pytest.approx(once.standard_error)


def test_a_single_cluster_proves_nothing() -> None:
    assert clustered_difference(np.ones(5), np.zeros(5, dtype=np.int64)).low == -np.inf


def test_gaps_between_cluster_codes_do_not_matter() -> None:
    values = np.random.default_rng(0).normal(size=100)
    assert clustered_difference(values, np.arange(100) * 3) == clustered_difference(
        values, np.arange(100)
    )


def test_best_is_kept_where_it_is_clearly_best() -> None:
    margin, y = truth()
    name, board = choose(names(np.zeros(2000), margin * 0.3, margin), y, np.arange(2000))
    assert name == "lightgbm"
    assert board["chosen"].tolist() == [False, False, True]
    assert board["behind_best"].iloc[2] == 0
    assert board["gain"].iloc[0] == 0


def test_simplest_within_one_standard_error_is_kept() -> None:
    margin, y = truth()
    noise = np.random.default_rng(1).normal(0, 0.05, 2000)
    assert (
        choose(names(np.zeros(2000), margin + noise, margin), y, np.arange(2000))[0] == "logistic"
    )


def test_noise_leaves_the_base_rate() -> None:
    _, y = truth(200)
    noise = np.random.default_rng(1).normal(0, 0.1, 200)
    assert choose(names(np.zeros(200), noise, -noise), y, np.arange(200))[0] == "base_rate"


def test_a_gain_that_hangs_on_one_entity_leaves_the_base_rate() -> None:
    y = np.array([1.0] * 30 + [0.0, 1.0] * 35)
    margin = np.array([1.0] * 30 + [0.0] * 70)
    one_entity = np.array([0] * 30 + list(range(1, 71)))
    assert choose(names(np.zeros(100), margin), y, np.arange(100))[0] == "logistic"
    assert choose(names(np.zeros(100), margin), y, one_entity)[0] == "base_rate"


def test_rows_outside_all_folds_do_not_count() -> None:
    margin, y = truth()
    hidden = np.arange(2000) < 1000
    margins = [np.where(hidden, np.nan, m) for m in (np.zeros(2000), margin)]
    name, board = choose(names(*margins), y, np.arange(2000))
    assert name == "logistic"
    assert board["log_loss"].iloc[0] == pytest.approx(np.log(2))
