"""What `NextBehaviour` learns, which model it keeps, and what it refuses."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from salesml.actions.behaviour import NextBehaviour
from salesml.errors import LabelError, ModelError

BEGIN = pd.Timestamp("2024-01-01")


def chain(entities: int, days: int, seed: int = 0) -> pd.DataFrame:
    """Each entity acts every ten days; `ask` leads to `buy`, else it mostly browses."""
    rng = np.random.default_rng(seed)
    rows = []
    for who in range(entities):
        kind, day = "view", float(rng.uniform(0, 10))
        while day < days:
            rows.append((f"e{who:03d}", BEGIN + pd.Timedelta(days=day), kind))
            kind = "buy" if kind == "ask" else rng.choice(["view", "ask"], p=[0.7, 0.3])
            day += 10
    return pd.DataFrame(rows, columns=["entity_id", "happened_at", "kind"])


def noise(entities: int, days: int, seed: int = 0) -> pd.DataFrame:
    """Acts that nothing foretells."""
    rng = np.random.default_rng(seed)
    size = entities * days // 10
    return pd.DataFrame(
        {
            "entity_id": rng.integers(0, entities, size).astype("str"),
            "happened_at": BEGIN + pd.to_timedelta(rng.uniform(0, days, size), "D"),
            "kind": rng.choice(["view", "ask"], size),
        }
    )


@pytest.fixture(scope="module")
def learnt() -> NextBehaviour:
    return NextBehaviour(within=10).fit(chain(60, 500), until=dt.date(2025, 5, 1))


def test_what_follows_is_foretold(learnt: NextBehaviour) -> None:
    asked = pd.DataFrame(
        {
            "entity_id": ["x", "y", "y"],
            "happened_at": [BEGIN, BEGIN - pd.Timedelta(days=10), BEGIN],
            "kind": ["view", "view", "ask"],
        }
    )
    told = learnt.predict_proba(asked, at=dt.date(2024, 1, 2))
    assert list(told.columns) == ["ask", "buy", "view", "nothing"]
    assert told.index.tolist() == ["x", "y"]
    assert told.sum(axis=1).tolist() == pytest.approx([1, 1])
    assert told.loc["y", "buy"] > 0.9
    assert told.loc["x", "buy"] < 0.05


def test_the_leaderboard_tells_who_won(learnt: NextBehaviour) -> None:
    board = learnt.leaderboard_
    assert board.index.tolist() == ["frequencies", "markov", "lightgbm"]
    assert board.index[board["chosen"]].tolist() == [learnt.model_]
    assert board.loc["markov", "gain"] == 0
    # the truth: after `ask` comes `buy`, after the rest one of two: 0.77 of the rows lose 0.61
    assert board.loc[learnt.model_, "log_loss"] == pytest.approx(0.77 * 0.61, abs=0.04)
    assert board.loc["frequencies", "high"] < 0
    kept = board.loc["lightgbm", "low"] > 0
    assert learnt.model_ == ("lightgbm" if kept else "markov")


def test_counts_win_where_rhythm_decides() -> None:
    """Half of the entities act each week, half each quarter: the kinds alone tell nothing."""
    rng = np.random.default_rng(3)
    gap = np.repeat([7.0, 90.0], 40)
    rows = [
        (f"e{who}", BEGIN + pd.Timedelta(days=float(day)), "view")
        for who in range(80)
        for day in np.arange(rng.uniform(0, gap[who]), 700, gap[who])
    ]
    acts = pd.DataFrame(rows, columns=["entity_id", "happened_at", "kind"])
    assert NextBehaviour().fit(acts).model_ == "lightgbm"


def test_trees_do_not_rule_where_nothing_is_to_be_learnt() -> None:
    model = NextBehaviour().fit(noise(150, 400))
    assert model.model_ != "lightgbm"
    assert model.leaderboard_.loc["lightgbm", "low"] <= 0


def test_few_dates_are_left_to_the_chain_and_not_judged() -> None:
    model = NextBehaviour().fit(chain(60, 50))
    assert model.model_ == "markov"
    assert model.leaderboard_.empty


def test_acts_by_us_explain_but_are_never_what_comes_next() -> None:
    acts = chain(60, 300)
    acts["direction"] = np.where(acts["kind"] == "ask", "out", "in")
    model = NextBehaviour(within=10).fit(acts)
    assert model.classes_.tolist() == ["buy", "view", "nothing"]
    last = acts.assign(kind="ask").groupby("entity_id").head(1)
    at = (last["happened_at"].max() + pd.Timedelta(days=1)).date()
    fresh = last[last["happened_at"] >= pd.Timestamp(at) - pd.Timedelta(days=3)]
    assert (model.predict_proba(fresh, at=at)["buy"] > 0.5).all()


def test_what_is_known_after_the_date_does_not_count(learnt: NextBehaviour) -> None:
    acts = chain(5, 100)
    date = dt.date(2024, 3, 1)
    known = acts[acts["happened_at"] < pd.Timestamp(date)]
    pd.testing.assert_frame_equal(
        learnt.predict_proba(acts, at=date), learnt.predict_proba(known, at=date)
    )
    late = acts.assign(known_at=acts["happened_at"].where(acts.index % 2 == 0, pd.Timestamp.max))
    pd.testing.assert_frame_equal(
        learnt.predict_proba(late, at=date),
        learnt.predict_proba(known[known.index % 2 == 0], at=date),
    )


def test_the_order_of_rows_does_not_matter() -> None:
    acts = chain(60, 300)
    one = NextBehaviour().fit(acts)
    other = NextBehaviour().fit(acts.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(one.leaderboard_, other.leaderboard_)
    pd.testing.assert_frame_equal(one.predict_proba(acts), other.predict_proba(acts))


def test_nothing_is_said_of_those_who_were_silent_for_a_year(learnt: NextBehaviour) -> None:
    acts = pd.DataFrame(
        {"entity_id": ["x", "y"], "happened_at": [BEGIN, BEGIN + pd.Timedelta(days=400)]}
    )
    told = learnt.predict_proba(acts.assign(kind="view"), at=dt.date(2025, 2, 10))
    assert told.loc["x"].isna().all()
    assert told.loc["y"].notna().all()


def test_too_little_is_refused() -> None:
    with pytest.raises(LabelError, match="too little"):
        NextBehaviour().fit(chain(2, 60))
    with pytest.raises(LabelError, match="Nobody did anything"):
        NextBehaviour().fit(chain(5, 60).assign(direction="out"))
    with pytest.raises(LabelError, match="Nobody did anything"):
        NextBehaviour().fit(chain(0, 0))


@pytest.mark.parametrize("within", [0, -1, 1.5, "two weeks"])
def test_a_window_that_is_none_is_refused(within: object) -> None:
    with pytest.raises(ModelError, match="number of days"):
        NextBehaviour(within=within).fit(chain(5, 60))  # type: ignore[arg-type]


def test_predicting_comes_after_learning() -> None:
    with pytest.raises(ModelError, match="not fitted"):
        NextBehaviour().predict_proba(chain(5, 60))
