from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from salesml.explanation import Peers, RowPeers
from salesml.explanation.words import Telling
from salesml.features import FeatureSet


def learn(values: list[float], segment: list[str | None] | None = None) -> Peers:
    plans = ["a"] * len(values)
    X = pd.DataFrame({"logins": values, "plan": plans, "month": [6.0] * len(values)})
    return Peers.of(X, None if segment is None else pd.Series(segment))


def test_medians_of_number_features_that_differ() -> None:
    assert learn([1.0, 5.0, 9.0]) == Peers({"logins": 5.0})
    assert learn([1.0, np.nan, 9.0, 2.0]) == Peers({"logins": 2.0})


def test_what_most_do_not_have_is_not_usual() -> None:
    assert learn([1.0, np.nan, 9.0, np.nan, np.nan]) == Peers()


def test_a_segment_needs_ten_entities() -> None:
    segment: list[str | None] = ["S"] * 10 + ["A"] * 9 + [None]
    found = learn([*range(10), *range(100, 109), 0], segment=segment)
    assert found.segments == {"S": {"logins": 4.5}}
    assert found.everybody == {"logins": 8.5}


def test_nobody_has_no_peers() -> None:
    assert learn([]) == Peers()


# words -----------------------------------------------------------------------------------------

PEERS = Peers(
    {"logins": 5.0, "silence": 30.0, "fee": 2.04, "shelf": 7.0}, {"中堅": {"logins": 7.0}}
)


def said(
    given: FeatureSet, name: str, value: object, segment: object = None, entity: str = "account"
) -> tuple[str | None, str | None]:
    told = Telling(pd.DataFrame({name: pd.Series([value], dtype=object)}), [given])
    found = RowPeers(PEERS, [segment], entity)(0, name, told)
    return found["peers_ja"], found["peers_en"]


def test_a_fact_is_compared_with_the_segment(activity: FeatureSet) -> None:
    assert said(activity, "logins", 2.0, "中堅") == (
        "同じ区分（中堅）の顧客の中央値は7日",
        "median of customers in segment 中堅: 7 days",
    )


@pytest.mark.parametrize("value", [None, np.nan])
def test_what_is_usual_is_told_beside_a_missing_fact(activity: FeatureSet, value: object) -> None:
    assert said(activity, "silence", value)[0] == "顧客全体の中央値は30日"


@pytest.mark.parametrize("segment", [None, np.nan, "S", pd.NA])
def test_without_a_segment_everybody_is_compared_with(
    activity: FeatureSet, segment: object
) -> None:
    found = said(activity, "logins", 2.0, segment)
    assert found == ("顧客全体の中央値は5日", "median of all customers: 5 days")


@pytest.mark.parametrize(
    ("entity", "ja", "en"),
    [
        ("lead", "リード全体", "all leads"),
        ("opportunity", "商談全体", "all deals"),
        ("municipality", "自治体全体", "all municipalities"),
        ("shop", "対象全体", "all that were scored"),
    ],
)
def test_each_entity_has_its_name(activity: FeatureSet, entity: str, ja: str, en: str) -> None:
    found = said(activity, "logins", 2.0, entity=entity)
    assert found == (f"{ja}の中央値は5日", f"median of {en}: 5 days")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logins", 5.0),
        # the same once it is rounded
        ("fee", 2.01),
        ("plan", "a"),
        ("shelf", 3.0),
        # no median is known
        ("logins_before", 3.0),
    ],
)
def test_nothing_is_said_where_it_says_nothing(
    activity: FeatureSet, name: str, value: object
) -> None:
    assert said(activity, name, value) == (None, None)
