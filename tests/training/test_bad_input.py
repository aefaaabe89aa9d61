"""Whatever is given, there is a sound model or an error that says what to do."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from salesml.errors import LabelError, ModelError, SalesmlError
from salesml.training import PropensityModel
from salesml.training.encoding import Encoder

from .conftest import fast

ROWS = 120
RNG = np.random.default_rng(0)
x = RNG.normal(size=ROWS)
Y = (RNG.random(ROWS) < 1 / (1 + np.exp(-2 * x))).astype(int)
GAPS = x < -1
DAYS = pd.date_range("2024-01-01", periods=ROWS)
X = pd.DataFrame({"x": x, "c": np.tile(["a", "b", "c"], 40), "n": np.arange(ROWS) % 7 / 2})


def fit(X: Any = X, y: Any = Y, *given: Any, **how: Any) -> PropensityModel:
    """Fit the base rate only: enough to see what is refused."""
    return fast().fit(X, y, *given, **{"candidates": ()} | how)


def arrow(values: Any, kind: pa.DataType) -> pd.Series[Any]:
    return pd.Series(pd.array(pd.Series(values), dtype=pd.ArrowDtype(kind)))


COLUMNS: dict[str, Callable[[], Any]] = {
    "Int64": lambda: pd.Series((x * 10).astype(int)).astype("Int64").mask(GAPS),
    "Float64": lambda: pd.Series(x).astype("Float64").mask(GAPS),
    "boolean": lambda: pd.Series(x > 0).astype("boolean").mask(GAPS),
    "string": lambda: pd.Series(np.where(x > 0, "u", "d")).astype("string").mask(GAPS),
    "category": lambda: pd.Series(np.where(x > 0, "u", "d")).astype("category").mask(GAPS),
    "category of numbers": lambda: pd.Series(np.round(x)).astype("category"),
    "category of truth": lambda: pd.Series(x > 0).astype("category"),
    "datetime tz": lambda: DAYS.tz_localize("Asia/Tokyo")[np.argsort(x)],
    "datetime of mixed zones": lambda: [
        dt.datetime(2024, 1, 1 + n % 9, tzinfo=dt.UTC if n % 2 else None) for n in range(ROWS)
    ],
    "Decimal": lambda: [
        None if gap else Decimal(str(round(v, 3))) for v, gap in zip(x, GAPS, strict=True)
    ],
    "Decimal NaN": lambda: [Decimal("NaN"), Decimal("Infinity"), Decimal(1)] * 40,
    "sparse": lambda: pd.arrays.SparseArray(np.where(x > 0, x, 0)),
    "interval": lambda: pd.cut(x, 4),
    "period": lambda: np.tile(pd.period_range("2024-01", periods=4, freq="M").astype(object), 30),
    "times": lambda: [dt.time(int(abs(v * 5))) for v in x],
    "tuples": lambda: [(1,), (2,)] * 60,
    "bytes": lambda: [b"a", b"b"] * 60,
    "mixed": lambda: [1, "a", None, 2.5, True, dt.date(2024, 1, 1)] * 20,
    "infinite": lambda: np.where(x > 0, np.inf, np.where(GAPS, -np.inf, x)),
    "only infinite": lambda: [np.inf] * ROWS,
    "huge": lambda: x * 1e300,
    "tiny": lambda: x * 1e-300,
    "hardly varying": lambda: 1e15 + x,
    "float16": lambda: x.astype("float16"),
    "longdouble": lambda: x.astype(np.longdouble),
    "arrow decimal": lambda: arrow(
        [None if gap else Decimal(str(round(v, 3))) for v, gap in zip(x, GAPS, strict=True)],
        pa.decimal128(10, 3),
    ),
    "arrow date": lambda: arrow(DAYS.date[np.argsort(x)], pa.date32()),
    "arrow time": lambda: arrow(DAYS[np.argsort(x)], pa.timestamp("us", tz="UTC")),
    "arrow truth": lambda: arrow(x > 0, pa.bool_()),
    "arrow text": lambda: arrow(np.where(x > 0, "u", "d"), pa.string()),
    "arrow nothing": lambda: arrow([None] * ROWS, pa.null()),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_any_kind_of_column_is_learnt_from(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": COLUMNS[kind]()})
    model = fit(frame, candidates=["logistic"])
    for name in model.fitted_:
        answer = model.with_candidate(name)
        p = answer.predict_proba(frame)
        assert np.isfinite(p).all()
        assert np.isfinite(answer.explain(frame)).all(axis=None)
        answer.save(tmp_path / name)
        assert (PropensityModel.load(tmp_path / name).predict_proba(frame) == p).all()


def test_all_candidates_stand_the_strangest_columns() -> None:
    frame = pd.DataFrame({kind: COLUMNS[kind]() for kind in ("infinite", "huge", "tiny", "mixed")})
    model = fast(tree_budget=20).fit(frame, Y, baseline="infinite")
    for name in model.fitted_:
        answer = model.with_candidate(name)
        assert np.isfinite(answer.predict_proba(frame)).all()
        total = answer.explain(frame).sum(axis=1) + answer.expected_value_
        assert total.to_numpy() == pytest.approx(answer.margin(frame), abs=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "must be a pandas DataFrame"),
        ("text", "must be a pandas DataFrame"),
        ({"x": x}, "must be a pandas DataFrame"),
        (X["x"], "must be a pandas DataFrame"),
        (x, "must be a pandas DataFrame"),
        (np.zeros((ROWS, 1, 1)), "must be a pandas DataFrame"),
        (csr_matrix(x[:, None]), "must be a pandas DataFrame"),
        ([[1, 2], [3]] * 60, "must be a pandas DataFrame"),
        ([{"x": 1.0}] * ROWS, "must be a pandas DataFrame"),
        (x[:, None] + 0j, "complex numbers"),
        (np.zeros((ROWS, 0)), "no columns"),
        (pd.DataFrame(index=range(ROWS)), "no columns"),
        (pd.concat([X, X], axis=1), "more than once: x, c, n"),
        (X.set_axis(pd.MultiIndex.from_tuples([(1, 1), (1, 2), (2, 1)]), axis=1), "Column names"),
        (X.set_axis([1.5, 2.5, 3.5], axis=1), "Column names"),
        (X.set_axis([None, "c", "n"], axis=1), "Column names|more than once"),
        (X.assign(x=[[1]] * ROWS), "column 'x': expected a text or number, received \\[1\\]"),
        (X.assign(x=[{"a": 1}, None] * 60), "column 'x': expected a text or number"),
        (X.assign(x=arrow([[1]] * ROWS, pa.list_(pa.int64()))), "column 'x': expected a text"),
        (X.assign(x=[10**400 + n for n in range(ROWS)]), "column 'x': expected numbers of at most"),
    ],
)
def test_tables_that_are_none_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        fit(given)


@pytest.mark.parametrize(
    "given",
    [
        Y.tolist(),
        Y.astype(bool),
        Y.astype(str),
        Y.astype(object),
        Y[:, None],
        pd.DataFrame({"y": Y}),
        pd.Series(Y).astype("boolean"),
        pd.Series(Y).astype("category"),
        pd.Series(Y).astype("int64[pyarrow]"),
        pd.Series(Y, index=range(500, 500 + ROWS)),
        [Decimal(int(v)) for v in Y],
        Y + 0j,
    ],
    ids=lambda y: type(y).__name__,
)
def test_outcomes_of_any_type_are_the_same(given: Any) -> None:
    assert fit(y=given).expected_value_ == fit().expected_value_


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (np.ones(ROWS), LabelError, "too few negatives"),
        (np.where(Y, "yes", "no"), LabelError, "received: 'yes', 'no'|received: 'no', 'yes'"),
        (np.where(Y, 2, 1), LabelError, "must be 0 or 1"),
        (np.where(Y, np.inf, 0), LabelError, "received: inf"),
        (np.where(Y, np.nan, 0), LabelError, "missing in"),
        ([[1, 2]] * ROWS, LabelError, "must be 0 or 1"),
        (DAYS, LabelError, "must be 0 or 1"),
        (None, ModelError, "y and X have different numbers of rows"),
        (1, ModelError, "different numbers of rows"),
        (Y[:5], ModelError, "received: 5 and 120"),
        (np.column_stack([Y, Y]), ModelError, "y must hold one value a row"),
        (pd.DataFrame({"a": Y, "b": Y}), ModelError, "received: 2 columns"),
        (np.zeros((ROWS, 1, 1)), ModelError, "y must hold one value a row"),
    ],
)
def test_outcomes_that_are_none_are_refused(
    given: Any, kind: type[SalesmlError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fit(y=given)


def test_one_class_is_refused_whatever_is_enough() -> None:
    for y in (np.ones(ROWS), np.zeros(ROWS)):
        with pytest.raises(LabelError, match="0 of 120 rows, 1 are needed"):
            fast(min_positives=0).fit(X, y)


@pytest.mark.parametrize("time", [None, DAYS])
def test_a_single_positive_suffices_if_that_is_enough(time: Any) -> None:
    model = fast(min_positives=1).fit(X, [1] + [0] * 119, time, candidates=["logistic"])
    assert model.chosen_ == "base_rate"
    assert 0 < model.predict_proba(X)[0, 1] < 0.1


@pytest.mark.parametrize(
    "given",
    [
        DAYS,
        DAYS.date,
        DAYS.strftime("%Y-%m-%d"),
        DAYS.to_list(),
        DAYS.tz_localize("Asia/Tokyo"),
        pd.Series(DAYS.tz_localize("UTC"), dtype=object),
        [f"{day:%Y-%m-%d}T00:00:00+09:00" for day in DAYS],
        pd.Series(DAYS).astype("category"),
        DAYS.to_numpy().astype("datetime64[D]"),
        pd.DataFrame({"as_of": DAYS}),
        arrow(DAYS.date, pa.date32()),
    ],
    ids=lambda time: type(time).__name__,
)
def test_dates_of_any_type_are_the_same(given: Any) -> None:
    judged = fit(time=DAYS).out_of_fold_
    pd.testing.assert_frame_equal(fit(time=given).out_of_fold_, judged)
    assert judged["base_rate"].isna().any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.arange(ROWS), "missing or unreadable in 120 rows"),
        (np.arange(ROWS) * 1.0, "missing or unreadable in 120 rows"),
        ([True] * ROWS, "missing or unreadable in 120 rows"),
        (DAYS.to_period("D"), "missing or unreadable in 120 rows"),
        ([None, *DAYS[1:]], "missing or unreadable in 1 rows"),
        (["soon", *DAYS.strftime("%Y-%m-%d")[1:]], "received: 'soon'"),
        ([f"2024-01-01T00:00:00+0{n % 2}:00" for n in range(ROWS)], "different time zones"),
        ("2024-01-01", "time and X have different numbers of rows"),
        (np.zeros((ROWS, 2)), "time must hold one value a row"),
    ],
)
def test_dates_that_are_none_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        fit(time=given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1]] * ROWS, "groups cannot be told apart"),
        (np.zeros((ROWS, 2)), "groups must hold one value a row"),
        ("one", "groups and X have different numbers of rows"),
        (np.where(GAPS, np.nan, 1), "The group is missing in"),
    ],
)
def test_groups_that_are_none_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        fit(groups=given)


@pytest.mark.parametrize("time", [None, DAYS], ids=["rows", "time"])
@pytest.mark.parametrize(
    "groups", [["one"] * ROWS, Y, np.where(Y, 0, np.arange(ROWS))], ids=["one", "pure", "winners"]
)
def test_few_entities_prove_nothing(groups: Any, time: Any) -> None:
    model = fit(time=time, groups=groups, candidates=["logistic"])
    assert np.isfinite(model.predict_proba(X)).all()
    assert time is not None or len(set(groups)) == 2 or model.chosen_ == "base_rate"


def test_baselines_may_have_gaps_and_categories() -> None:
    for baseline in (
        np.where(GAPS, np.nan, x),
        np.full(ROWS, np.nan),
        np.ones(ROWS),
        np.where(x > 0, "A", "B"),
    ):
        model = fit(baseline=baseline)
        assert model.leaderboard_["candidate"].tolist() == ["base_rate", "rule"]
        assert np.isfinite(model.leaderboard_["log_loss"]).all()
    constant = fast().fit(X.assign(k=1), Y, baseline="k", candidates=())
    assert np.ptp(constant.with_candidate("rule").margin(X.assign(k=2))) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"time_budget": None},
        {"time_budget": "60"},
        {"time_budget": -1},
        {"time_budget": math.nan},
        {"time_budget": math.inf},
        {"tree_budget": 1.5},
        {"embargo_days": "5"},
        {"embargo_days": -5},
        {"min_positives": -1},
        {"random_state": None},
        pytest.param({"random_state": np.random.RandomState(0)}, id="random_state of numpy"),
        {"num_threads": None},
    ],
    ids=str,
)
def test_impossible_parameters_are_refused_at_once(changed: dict[str, Any]) -> None:
    (name,) = changed
    with pytest.raises(ModelError, match=f"cannot be used.\n  received: {name}="):
        PropensityModel(**changed).fit(X, Y)


@pytest.mark.parametrize("seconds", [0, 1])
def test_hardly_any_time_is_enough(seconds: float) -> None:
    model = PropensityModel(time_budget=seconds, num_threads=1).fit(X, Y)
    assert model.leaderboard_["candidate"].tolist()[-1] == "blend"


def test_many_columns_and_few_rows() -> None:
    rng = np.random.default_rng(1)
    wide = pd.DataFrame(rng.normal(size=(300, 5000)))
    wide[77] += np.tile([0, 2], 150)
    model = fit(wide, [0, 1] * 150, candidates=["logistic"])
    assert model.chosen_ == "logistic"
    assert model.explain(wide, top=1).columns[0] == 77


def test_a_hundred_thousand_categories() -> None:
    many = pd.DataFrame({"c": [f"v{n % 100_000}" for n in range(120_000)]})
    encoder = Encoder.learn(many)
    table = encoder.transform(many)
    assert encoder.columns[0].codes == 1
    assert len(encoder.columns[0].levels) == 100_000
    assert encoder.unseen(pd.DataFrame({"c": ["v99999", "w"]})) == {"c": ["w"]}
    assert np.unique(table.matrix).tolist() == [0]


@pytest.fixture(scope="module")
def model() -> PropensityModel:
    return fast().fit(X, Y, candidates=["logistic"]).with_candidate("logistic")


@pytest.mark.parametrize(
    "given",
    [
        X.assign(more=1),
        X[["n", "c", "x"]],
        X.astype({"x": object, "c": "category", "n": "Float64"}),
        X.astype({"x": str, "n": str}),
        X.to_numpy(),
        X.set_axis(range(7, 7 + ROWS)),
    ],
    ids=["added", "reordered", "other types", "written", "matrix", "other index"],
)
def test_the_same_rows_in_another_form_get_the_same_answer(
    model: PropensityModel, given: Any
) -> None:
    assert model.margin(given) == pytest.approx(model.margin(X), abs=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (X[["x", "c"]], "1 of the model's 3 columns are missing: n"),
        (X.rename(columns={"x": "X"}), "columns are missing: x"),
        (X.assign(x="abc"), "column 'x': expected a number, received 'abc'"),
        (X.assign(x=DAYS), "column 'x': expected a number, received Timestamp"),
        (X.assign(x=DAYS.date), "column 'x': expected a number, received"),
        (X.assign(x=DAYS.to_period("D")), "column 'x': expected a number, received Period"),
        (X.assign(x=1j), "column 'x': expected a number, received"),
        (X.assign(x=pd.Series([1j] * ROWS, dtype=object)), "column 'x': expected a number"),
        (X.assign(x=[[1]] * ROWS), "column 'x': expected a number"),
        (X.assign(c=[[1]] * ROWS), "column 'c': expected a text or number"),
        (pd.concat([X, X], axis=1), "more than once"),
        (X.iloc[0], "must be a pandas DataFrame"),
        (np.zeros((3, 4)), "X has 4 columns, but the model learnt from 3"),
    ],
)
def test_rows_of_another_kind_are_refused(model: PropensityModel, given: Any, message: str) -> None:
    for ask in (model.margin, model.predict_proba, model.predict, model.explain):
        with pytest.raises(ModelError, match=message):
            ask(given)


def test_rows_that_know_nothing_get_an_answer(model: PropensityModel) -> None:
    empty = X.assign(x=None, c=np.nan, n=pd.NA)
    assert np.isfinite(model.predict_proba(empty)).all()
    assert np.ptp(model.margin(empty)) == 0


def test_model_that_learnt_nothing_says_so(tmp_path: Path) -> None:
    fresh = fast()
    asks: list[Callable[[], object]] = [
        lambda: fresh.refit(X, Y),
        lambda: fresh.with_candidate("logistic"),
        lambda: fresh.save(tmp_path / "model"),
        lambda: fresh.explain(X),
        lambda: fresh.explanation(X),
    ]
    for ask in asks:
        with pytest.raises(ModelError, match="not learnt anything"):
            ask()


TEXTS = st.text(alphabet="0123456789.-+e ,\u3000\uff11nai_%\u00a0", max_size=5)


@settings(max_examples=60)
@given(st.lists(TEXTS, min_size=21, max_size=40), st.sampled_from([object, "string", "category"]))
def test_whatever_texts_hold_they_are_read_again(values: list[str], dtype: Any) -> None:
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    encoder = Encoder.learn(frame)
    table = encoder.transform(frame).matrix[:, 0]
    blank = np.array([not text.strip() for text in values])
    if encoder.columns[0].kind != "ignored":
        assert (np.isnan(table) >= blank).all()
