"""The peers of one municipality: why they are alike, who adopted, and which one is meant."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import pandas as pd
import pytest

from salesml import api
from salesml.approach import PeerTable
from salesml.approach.naming import find_municipality
from salesml.errors import ConfigError, SourceError
from tests.approach import towns
from tests.approach.towns import AS_OF, MINATO, OGAWA, OSATO, OTHER_OSATO, SENRI

WHO = pd.DataFrame(
    [
        (OSATO, "大里市", "埼玉県", "city"),
        (OGAWA, "小川町", "埼玉県", "town"),
        (OTHER_OSATO, "大里市", "千葉県", "city"),
        ("01100", "札幌市", "北海道", "designated"),
        ("39405", "梼原町", "高知県", "town"),
    ],
    columns=["municipality_id", "name", "prefecture", "kind"],
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("11801", OSATO),
        ("011002", "01100"),  # with its check digit
        ("1100", "01100"),  # a spreadsheet lost the zero
        ("11002", "01100"),  # and here the one of six digits
        ("１１８０１", OSATO),
        ("札幌市", "01100"),
        ("埼玉県大里市", OSATO),
        ("千葉県 大里市", OTHER_OSATO),
        ("檮原町", "39405"),  # another spelling of one character
    ],
)
def test_a_municipality_by_code_or_name(text: str, code: str) -> None:
    assert find_municipality(WHO, text) == code


def test_two_of_one_name_are_both_listed() -> None:
    with pytest.raises(ConfigError, match="No one municipality is meant by '大里市'") as caught:
        find_municipality(WHO, "大里市")
    assert caught.value.received == "11801 埼玉県大里市; 12801 千葉県大里市"


def test_of_one_that_was_merged_the_heir_is_told() -> None:
    with pytest.raises(ConfigError, match="merged into 川口市 on 2011-10-11"):
        find_municipality(WHO, "埼玉県鳩ヶ谷市")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("11811", "11801 埼玉県大里市"),
        ("011003", "01100 北海道札幌市"),  # a wrong check digit
        ("大里村", "埼玉県大里市"),
        ("札晃市", "札幌市"),
    ],
)
def test_near_misses_are_suggested(text: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_municipality(WHO, text)
    assert near in str(caught.value.received)


def test_what_is_like_nothing_is_said() -> None:
    with pytest.raises(ConfigError, match="unknown") as caught:
        find_municipality(WHO, "99999")
    assert "five or six digits" in str(caught.value.fix)


# the table -------------------------------------------------------------------------------------


def table(root: Path, code: str, as_of: dt.date = AS_OF, top: int = 10) -> PeerTable:
    return api.municipal_peers("towns", code, as_of=as_of, top=top, root=root)


def test_peers_are_those_of_the_newest_list_known(made: Path) -> None:
    found = table(made, "埼玉県大里市")
    assert found.own["name"] == "大里市"
    assert found.rows[["rank", "municipality_id", "similarity"]].values.tolist() == [
        [1, SENRI, 0.8], [2, OGAWA, 0.7], [3, MINATO, 0.6],
    ]  # fmt: skip
    assert table(made, OSATO, top=1).rows["municipality_id"].tolist() == [SENRI]
    early = table(made, OSATO, dt.date(2023, 1, 1))
    assert early.rows["municipality_id"].tolist() == [MINATO]


def test_who_adopted_is_what_was_known_then(made: Path) -> None:
    known = table(made, OSATO).rows.set_index("municipality_id")["adopted_on"]
    assert known.to_dict() == {
        SENRI: None, OGAWA: dt.date(2023, 10, 1), MINATO: dt.date(2022, 10, 1),
    }  # fmt: skip
    later = table(made, OSATO, dt.date(2024, 7, 1)).rows.set_index("municipality_id")["adopted_on"]
    assert later[SENRI] == dt.date(2023, 10, 1)


def test_values_stand_side_by_side_with_distances_in_standard_deviations(made: Path) -> None:
    found = table(made, OSATO)
    assert found.values.index.tolist() == [OSATO, SENRI, OGAWA, MINATO]
    assert found.values["population"].tolist()[:2] == [40_000, 50_000]
    sizes = pd.Series([40_000.0, 50_000.0, 400_000.0])
    wanted = math.log(50 / 40) / sizes.map(math.log).std(ddof=0)
    assert found.distances.loc[SENRI, "population"] == pytest.approx(wanted)
    assert math.isnan(found.distances.loc[OGAWA, "population"])


def test_all_of_it_as_one_table(made: Path) -> None:
    whole = table(made, OSATO).whole()
    assert whole["rank"].tolist() == [0, 1, 2, 3]
    assert whole["municipality_id"].tolist() == [OSATO, SENRI, OGAWA, MINATO]
    assert {"population", "population_distance", "adopted_on"} <= set(whole.columns)


@pytest.mark.parametrize("missing", ["municipalities", "peers"])
def test_before_anything_was_imported(tmp_path: Path, missing: str) -> None:
    root = towns.make_towns(tmp_path)
    (root / f"var/towns/municipal/{missing}.parquet").unlink()
    if missing == "municipalities":
        (root / "var/towns/data/municipalities/manifest.json").unlink()
    with pytest.raises(SourceError, match=f"no table {missing}") as caught:
        table(root, OSATO)
    assert "salesml municipal import" in str(caught.value.fix)


def test_one_without_peers_has_an_empty_table(made: Path) -> None:
    found = table(made, MINATO)
    assert found.rows.empty
    assert found.whole()["municipality_id"].tolist() == [MINATO]
