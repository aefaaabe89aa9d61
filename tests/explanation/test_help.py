from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from salesml.explanation import Helper, Peers, RowPeers, reasons
from salesml.explanation.points import Ints
from salesml.features import FeatureSet

PEERS = Peers({"logins": 8.0, "silence": 20.0, "fee": 1.0}, {"S": {"logins": 12.0}})


def told(
    given: FeatureSet,
    row: dict[str, Any],
    contributions: dict[str, float],
    *,
    outcome_is: Any = "bad",
    segment: str | None = None,
    asked: list[pd.DataFrame] | None = None,
) -> dict[str, int | None]:
    """Help by concept; the model's score is 50 - 2 a login + half a day of silence."""
    names = list(given.features)
    values = pd.DataFrame({n: [row.get(n)] for n in names})
    numbers = {n: pd.to_numeric(values[n]) for n in ("logins", "silence")}
    values = values.assign(**numbers)
    explained = pd.DataFrame({n: [contributions.get(n, 0.0)] for n in names})

    def score(table: pd.DataFrame) -> Ints:
        if asked is not None:
            asked.append(table)
        risk = 50 - 2 * table["logins"] + table["silence"].fillna(60) / 2
        return (risk if outcome_is == "bad" else 100 - risk).to_numpy().astype(np.int64)

    (found,) = reasons(
        values,
        explained,
        50 + explained.sum(axis=1).to_numpy().astype(np.int64),
        [given],
        1.0,
        peers=RowPeers(PEERS, [segment], "account"),
        helper=Helper(score, outcome_is),
    )
    return {reason["concept"]: reason["help"] for reason in found}


def test_what_the_score_would_move_by(activity: FeatureSet) -> None:
    row = {"logins": 3.0, "silence": 50.0}
    found = told(activity, row, {"logins": 9.0, "silence": 5.0})
    assert found == {"login": -10, "contact": -15}
    found = told(activity, row, {"logins": 9.0}, segment="S")
    assert found == {"login": -18}


def test_for_a_good_outcome_help_raises_the_score(activity: FeatureSet) -> None:
    found = told(activity, {"logins": 3.0}, {"logins": -9.0}, outcome_is="good")
    assert found == {"login": 10}


@pytest.mark.parametrize(
    ("row", "contributions"),
    [
        # it is for the good outcome already
        ({"logins": 3.0}, {"logins": -9.0}),
        # peers do no better
        ({"logins": 8.0}, {"logins": 9.0}),
        ({"logins": 20.0}, {"logins": 9.0}),
        # another feature speaks
        ({"logins": 3.0}, {"logins": 2.0, "logins_before": 5.0}),
        # nobody can do something about it
        ({"fee": 9.0}, {"fee": 9.0}),
    ],
)
def test_no_help(
    activity: FeatureSet, row: dict[str, Any], contributions: dict[str, float]
) -> None:
    asked: list[pd.DataFrame] = []
    assert set(told(activity, row, contributions, asked=asked).values()) == {None}
    assert asked == []


def test_who_was_never_met_can_be_met(activity: FeatureSet) -> None:
    assert told(activity, {"silence": None, "logins": 9.0}, {"silence": 5.0}) == {"contact": -20}


def test_what_would_not_help_is_not_told(activity: FeatureSet) -> None:
    # a model that knows better than its features' directions
    found = told(activity, {"logins": 3.0, "silence": 20.2}, {"silence": 5.0})
    assert found == {"contact": None}
