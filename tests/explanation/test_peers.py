from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from salesml.explanation import Peers, RowPeers
from salesml.explanation.words import Telling
from salesml.features import FeatureSet

OLD, NEW = dt.date(2025, 1, 1), dt.date(2025, 6, 1)


def learn(
    values: list[float], dates: list[dt.date] | None = None, segment: list[str | None] | None = None
) -> Peers:
    rows = range(len(values))
    return Peers.learn(
        pd.DataFrame({"logins": values, "plan": ["a"] * len(values)}),
        pd.Series(dates or [NEW] * len(values)),
        pd.Series([f"c{row % 1000}" for row in rows]),
        None if segment is None else pd.Series(segment),
    )


def test_medians_of_number_features() -> None:
    assert learn([1.0, 5.0, 9.0]) == Peers({"logins": 5.0})
    assert learn([1.0, np.nan, 9.0, 2.0]) == Peers({"logins": 2.0})


def test_only_the_newest_row_of_an_entity_counts_and_nothing_old() -> None:
    dates = pd.Series([OLD, OLD, dt.date(2025, 4, 1), NEW, NEW])
    entity = pd.Series(["a", "gone", "b", "b", "a"])
    values = pd.DataFrame({"logins": [90.0, 80.0, 70.0, 2.0, 4.0]})
    assert Peers.learn(values, dates, entity, None).everybody == {"logins": 3.0}


def test_the_order_and_index_of_the_panel_do_not_matter() -> None:
    dates = pd.Series([NEW, OLD, NEW], index=[7, 7, 7])
    values = pd.DataFrame({"logins": [2.0, 50.0, 4.0]}, index=[7, 7, 7])
    entity = pd.Series(["a", "a", "b"], index=[7, 7, 7])
    assert Peers.learn(values, dates, entity, None).everybody == {"logins": 3.0}


def test_what_all_share_on_a_date_tells_of_no_peers() -> None:
    values = pd.DataFrame({"month": [1.0, 1.0, 6.0, 6.0], "logins": [1.0, 2.0, 1.0, 2.0]})
    dates, entity = pd.Series([OLD, OLD, NEW, NEW]), pd.Series(["a", "b", "a", "b"])
    assert Peers.learn(values, dates, entity, None).everybody == {"logins": 1.5}


def test_a_segment_needs_ten_entities() -> None:
    segment: list[str | None] = ["S"] * 10 + ["A"] * 9 + [None]
    found = learn([*range(10), *range(100, 109), 0], segment=segment)
    assert found.segments == {"S": {"logins": 4.5}}
    assert found.everybody == {"logins": 8.5}


def test_nobody_has_no_peers() -> None:
    assert learn([]) == Peers()


def test_peers_are_noted_as_json() -> None:
    peers = Peers({"logins": 5.0}, {"中堅": {"logins": 3.0}})
    assert Peers.from_json(json.loads(json.dumps(peers.to_json()))) == peers


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
        ("silence", None),
        ("silence", np.nan),
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
