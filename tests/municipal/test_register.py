"""Which municipality a code or a name means, and what is said where none does."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from salesml.municipal.published import Sheet, read_published
from salesml.municipal.register import AMBIGUOUS, MERGED, Found, Register, read_successions
from tests.municipal.published_files import PLACES, class_list, code_list, coordinates


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Register:
    folder = tmp_path_factory.mktemp("lists")
    lists = {
        part.table: part.frame
        for path in (code_list(folder), class_list(folder))
        for part in read_published(Sheet(path))[1]
    }
    return Register.build(lists, read_successions())


def named(register: Register, name: str, prefecture: str = "", at: str | None = None) -> Found:
    date = dt.date.fromisoformat(at) if at else None
    return register.find("", prefecture, name, width=None, at=date)


def coded(register: Register, code: str, name: str = "", prefecture: str = "") -> Found:
    return register.find(code, prefecture, name, width=6)


def test_the_register_is_all_there_is_and_nothing_on_the_northern_islands(
    register: Register,
) -> None:
    frame = register.municipalities.set_index("municipality_id")
    assert set(frame.index) == {"01000", *(code for code, *_ in PLACES)}
    assert frame.loc["01000", "kind"] == "prefecture"
    assert frame.loc["01000", "name"] == "北海道"
    assert "01000" not in register.names
    kinds = frame["kind"].to_dict()
    assert kinds["01100"] == "designated"
    assert kinds["01202"] == "core"
    assert kinds["13101"] == "ward"
    assert kinds["13206"] == "city"
    assert kinds["01303"] == "town"
    assert frame.loc["01100", "name_kana"] == "カナ"
    assert frame.loc["01100", "class"] == "政令指定都市"


def test_kinds_come_from_codes_where_there_is_no_class() -> None:
    listed = pd.DataFrame(
        {
            "code": ["141003", "131016", "011002", "402311", "012025", "011011"],
            "prefecture": ["神奈川県", "東京都", "北海道", "福岡県", "北海道", "北海道"],
            "name": ["横浜市", "千代田区", "札幌市", "那珂川市", "函館市", "札幌市中央区"],
            "kana": "",
        }
    )
    register = Register.build({"codes": listed}, read_successions())
    kinds = register.municipalities.set_index("municipality_id")["kind"].to_dict()
    assert kinds == {
        "14100": "designated",
        "13101": "ward",
        "01100": "designated",
        "40231": "city",
        "01202": "city",
    }


def test_coordinates_are_those_of_the_city_not_of_its_wards(tmp_path: Path) -> None:
    (part,) = read_published(Sheet(coordinates(tmp_path)))[1]
    register = Register.build({part.table: part.frame}, read_successions())
    (row,) = register.municipalities.to_dict("records")
    assert (row["municipality_id"], row["latitude"], row["longitude"]) == ("01100", 43.06, 141.35)


@pytest.mark.parametrize(
    ("codes", "ids"),
    [
        (["11002", "12025"], ["01100", "01202"]),  # zeros lost, check digits right
        (["01100", "01202"], ["01100", "01202"]),
        (["1202", "13101"], ["01202", "13101"]),
        (["11002", "131016"], ["01100", "13101"]),
    ],
)
def test_a_list_may_write_codes_in_any_way(codes: list[str], ids: list[str]) -> None:
    listed = pd.DataFrame({"code": codes, "prefecture": "", "name": ["甲市", "乙町"]})
    register = Register.build({"codes": listed}, read_successions())
    assert register.municipalities["municipality_id"].tolist() == ids


def test_a_name_of_two_municipalities_is_told_not_chosen(register: Register) -> None:
    found = named(register, "府中市")
    assert found.municipality_id is None
    assert (found.reason, found.detail) == (AMBIGUOUS, "東京都, 広島県")
    assert named(register, "府中市", "広島県").municipality_id == "34208"
    assert named(register, "府中市", "東京").municipality_id == "13206"


def test_spellings_and_districts_do_not_matter(register: Register) -> None:
    assert named(register, "石狩郡当別町", "北海道").municipality_id == "01303"
    assert named(register, "檮原町", "高知県").municipality_id == "39405"


def test_renamed_go_on_under_the_new_code(register: Register) -> None:
    assert named(register, "黒川郡富谷町", "宮城県").municipality_id == "04216"
    assert coded(register, "044237").municipality_id == "04216"
    assert coded(register, "44237", "富谷町", "宮城県").municipality_id == "04216"


def test_merged_are_told_with_their_successor(register: Register) -> None:
    found = named(register, "鳩ケ谷市", "埼玉県")
    assert found == Found(None, MERGED, "into 川口市 on 2011-10-11")
    assert coded(register, "112267", "鳩ヶ谷市", "埼玉県").reason == MERGED


def test_a_name_means_what_it_meant_on_the_date(register: Register) -> None:
    # 福岡県那珂川町 became a city on 2018-10-01; 栃木県 has one to this day
    assert named(register, "那珂川町", at="2016-04-01").reason == AMBIGUOUS
    assert named(register, "那珂川町", at="2019-04-01").municipality_id == "09411"
    assert named(register, "那珂川町", "福岡県").municipality_id == "40231"


def test_a_name_cut_short_is_completed_where_one_fits(register: Register) -> None:
    listed = pd.DataFrame(
        {
            "code": ["242021", "202126", "414239"],
            "prefecture": ["三重県", "長野県", "佐賀県"],
            "name": ["四日市市", "大町市", "大町町"],
        }
    )
    short = Register.build({"codes": listed}, read_successions())
    assert named(short, "四日市") == Found("24202", by="name cut short")
    assert named(short, "大町").reason == AMBIGUOUS
    assert named(register, "札幌").reason == "unknown name"


def test_code_and_name_that_disagree_are_told(register: Register) -> None:
    found = coded(register, "012025", "札幌市", "北海道")
    assert (found.reason, found.detail) == ("code and name disagree", "01202 is 北海道函館市")
    # a spelling that no list has is no disagreement
    assert coded(register, "012025", "箱館市", "北海道").municipality_id == "01202"


def test_a_wrong_check_digit_leaves_the_name_to_decide(register: Register) -> None:
    assert coded(register, "012026").reason == "wrong check digit"
    assert coded(register, "012026", "函館市", "北海道").municipality_id == "01202"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("010006", "a prefecture"),
        ("011011", "a ward of a city"),
        ("472018", "unknown code"),
        ("札幌", "no code"),
    ],
)
def test_a_code_of_no_municipality_is_told_why(register: Register, code: str, reason: str) -> None:
    assert coded(register, code).reason == reason


def test_five_digits_that_may_be_two_codes_are_not_guessed(register: Register) -> None:
    found = register.find("12025", "", "", width=register.width(pd.Series(["12025"])))
    # 12025 is no code, and 012025 is Hakodate's
    assert found.municipality_id == "01202"
    unclear = register.find("12025", "", "", width=None)
    assert unclear.municipality_id is None
    assert "of five digits" in unclear.reason
    assert register.find("12025", "北海道", "函館市", width=None).municipality_id == "01202"


def test_an_unknown_prefecture_is_told_with_a_near_miss(register: Register) -> None:
    found = named(register, "札幌市", "北海同")
    assert found.reason == "unknown prefecture"
    assert "北海道" in found.detail


def test_the_shipped_list_of_mergers_is_sound() -> None:
    frame = read_successions()
    assert set(frame["kind"]) == {"renamed", "merged"}
    assert frame["date"].is_monotonic_increasing
    assert not frame.duplicated(["old_prefecture", "old_name", "date"]).any()
    assert frame["new_code"].str.fullmatch(r"\d{5}").all()
    assert frame["old_code"].str.fullmatch(r"\d{5}|").all()
    coded_rows = frame[frame["old_code"] != ""]
    assert (coded_rows["old_code"].str[:2] == coded_rows["new_code"].str[:2]).all()


def test_a_list_of_the_project_adds_to_the_shipped_one(register: Register) -> None:
    own = pd.DataFrame(
        [[pd.Timestamp("2020-01-01"), "01898", "北海道", "架空町", "01202", "函館市", "merged"]],
        columns=read_successions().columns,
    )
    both = Register(
        register.municipalities,
        Register.build({}, read_successions(own)).former,
    )
    assert named(both, "架空町").detail == "into 函館市 on 2020-01-01"
    assert named(both, "鳩ヶ谷市").reason == MERGED


def test_without_any_list_nothing_is_known() -> None:
    empty = Register.build({}, read_successions())
    assert len(empty) == 0
    assert coded(empty, "011002").reason == "unknown code"


def test_successors_are_municipalities_of_today(real_data: Path) -> None:
    folder = real_data / "jp_localgov_codes"
    parts = [p for f in sorted(folder.glob("*団体.csv")) for p in read_published(Sheet(f))[1]]
    register = Register.build({part.table: part.frame for part in parts}, read_successions())
    assert len(register.names) == 1741
    frame = read_successions()
    homes = [register.names[code] for code in frame["new_code"]]
    assert homes == list(zip(frame["old_prefecture"], frame["new_name"], strict=True))
    # no spelling of one is that of another in the same prefecture
    assert all(
        named(register, name, prefecture).municipality_id == code
        for code, (prefecture, name) in register.names.items()
    )
