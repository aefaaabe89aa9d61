"""Who is alike and who is near, on towns small enough to reckon by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.municipal.likeness import PeersConfig, TraitConfig
from salesml.municipal.peers import neighbours, peers, standardised, traits_of
from salesml.municipal.settings import MunicipalConfig, default_municipal

TOWNS = ("01101", "01102", "01103", "02101")


def settings_with(**changes: object) -> MunicipalConfig:
    whole = default_municipal()
    own = {"traits": {"population": TraitConfig(ja="人口", en="population")}, "other_class": 0}
    return whole.model_copy(update={"peers": PeersConfig(**{**own, **changes})})


def statistics(edition: int, population: list[float], **more: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "municipality_id": TOWNS,
            "edition": edition,
            "known_at": pd.Timestamp(edition, 7, 1),
            "population": population,
            "habitable_area": 10.0,
            "over_65": 30.0,
            **more,
        }
    )


def towns(classes: list[str | None], latitude: list[float], **more: object) -> pd.DataFrame:
    columns = {"class": classes, "latitude": latitude, "longitude": 135.0, "kind": "city"}
    known = {"known_at": pd.Timestamp("1900-01-01")}
    return pd.DataFrame({"municipality_id": TOWNS, **columns, **known, **more})


def test_the_nearest_in_size_come_first() -> None:
    tables = {"statistics": statistics(2020, [100, 110, 300, 500])}
    found = peers(tables, settings_with(count=2))
    own = found[found["municipality_id"] == "01101"]
    assert own["peer_id"].tolist() == ["01102", "01103"]
    assert own["rank"].tolist() == [1, 2]
    # a standard deviation is that of all four
    deviation = np.std([100, 110, 300, 500])
    assert own["similarity"].tolist() == pytest.approx(
        [1 / (1 + 10 / deviation), 1 / (1 + 200 / deviation)]
    )
    assert set(found["known_at"]) == {pd.Timestamp("2020-07-01")}


def test_nobody_is_his_own_peer_and_no_more_peers_than_others() -> None:
    tables = {"statistics": statistics(2020, [1, 1, 1, 1])}
    found = peers(tables, settings_with())
    assert (found["municipality_id"] != found["peer_id"]).all()
    assert found.groupby("municipality_id").size().tolist() == [3] * 4
    assert (found["similarity"] == 1).all()


def test_a_later_edition_changes_no_earlier_rows() -> None:
    first, second = statistics(2020, [100, 110, 300, 500]), statistics(2021, [500, 110, 300, 500])
    config = settings_with(count=1)
    before = peers({"statistics": first}, config)
    both = peers({"statistics": pd.concat([first, second])}, config)
    pd.testing.assert_frame_equal(both.head(len(before)), before)
    newest = both[both["known_at"] == pd.Timestamp("2021-07-01")].set_index("municipality_id")
    assert newest.loc["01101", "peer_id"] == "02101"


def test_finance_published_later_is_not_seen() -> None:
    config = settings_with(traits={"fiscal_strength": TraitConfig(ja="指数", en="index")}).peers
    money = pd.DataFrame(
        {
            "municipality_id": TOWNS[0],
            "fiscal_year": [2018, 2019],
            "known_at": pd.to_datetime(["2020-03-31", "2021-03-31"]),
            "fiscal_strength": [0.5, 0.6],
        }
    )
    tables = {"statistics": statistics(2020, [1, 2, 3, 4]), "finance": money}
    seen = traits_of(tables, config, pd.Timestamp("2020-07-01"))["fiscal_strength"]
    assert seen["01101"] == 0.5
    assert np.isnan(seen["01102"])


def test_what_is_not_known_is_taken_as_usual() -> None:
    traits = pd.DataFrame({"population": [1.0, 2.0, np.nan]}, index=list("abc"))
    found = standardised(traits, settings_with().peers)["population"]
    assert found["c"] == 0


def test_another_class_adds_its_distance() -> None:
    tables = {
        "statistics": statistics(2020, [7, 7, 7, 7]),
        "municipalities": towns(["A", "A", "B", None], [35, 35, 35, 35]),
    }
    found = peers(tables, settings_with(other_class=1.0)).set_index(["municipality_id", "peer_id"])
    assert found.loc[("01101", "01102"), "similarity"] == 1
    assert found.loc[("01101", "01103"), "similarity"] == pytest.approx(1 / 2)


def test_neighbours_are_counted_in_kilometres() -> None:
    tables = {"municipalities": towns(["A"] * 4, [35.0, 36.0, 38.0, float("nan")])}
    found = neighbours(tables, settings_with(neighbours=1)).set_index("municipality_id")
    assert found["neighbour_id"].to_dict() == {
        "01101": "01102",
        "01102": "01101",
        "01103": "01102",
    }
    # a degree of latitude
    assert found.loc["01101", "kilometres"] == pytest.approx(111.2, abs=0.1)


def test_prefectures_are_nobody_s_neighbours() -> None:
    tables = {"municipalities": towns(["A"] * 4, [35, 36, 37, 38], kind="prefecture")}
    assert neighbours(tables, settings_with()).empty
    assert peers({}, settings_with()).empty


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(1, 1e6), min_size=4, max_size=4),
    st.permutations(range(4)),
    st.floats(0.1, 10),
)
def test_neither_order_nor_unit_matters(
    population: list[float], order: list[int], unit: float
) -> None:
    config = settings_with(count=3).peers
    table = statistics(2020, population)
    other = table.iloc[order].assign(population=lambda rows: rows["population"] * unit)
    date = pd.Timestamp("2020-07-01")
    first = standardised(traits_of({"statistics": table}, config, date), config)
    second = standardised(traits_of({"statistics": other}, config, date), config)
    assert np.allclose(first.sort_index(), second.sort_index(), atol=1e-6)


def test_one_alone_and_towns_of_unknown_size_stop_nothing() -> None:
    alone = statistics(2020, [1, 2, 3, 4]).head(1)
    assert peers({"statistics": alone}, settings_with()).empty
    unknown = statistics(2020, [np.nan] * 4)
    assert len(peers({"statistics": unknown}, settings_with(count=1))) == 4
