"""Files of statistics, finance, cards, elections and adoptions, each told by its content."""

from __future__ import annotations

import datetime as dt
import gzip
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesml.errors import SourceError
from salesml.municipal.published import LAYOUTS, Part, Sheet, read_published
from salesml.municipal.published.layout import dates, numbers
from salesml.municipal.published.ssdse import INDICATORS
from tests.municipal.published_files import cards, elections, finance, ssdse, written


def read(path: Path) -> tuple[str, list[Part]]:
    return read_published(Sheet(path))


def only(path: Path) -> Part:
    _, (part,) = read(path)
    return part


# SSDSE-A ---------------------------------------------------------------------------------------


def test_ssdse_has_its_indicators_by_name_and_others_by_code(tmp_path: Path) -> None:
    part = only(ssdse(tmp_path, 2023))
    assert (part.table, part.edition) == ("statistics", "2023")
    first = part.frame.iloc[0]
    assert first["code"] == "R01100"
    assert first["population"] == 100
    assert first["staff"] == 1
    assert first["a110201"] == 50
    assert math.isnan(first["establishments"])
    assert first["data_year"] == 2021
    assert first["edition"] == 2023


def test_the_edition_comes_from_the_file_where_it_has_no_name(tmp_path: Path) -> None:
    path = ssdse(tmp_path, 2018, first_cell="Code")
    assert only(path).edition == "2018"
    bare = path.rename(tmp_path / "市区町村データ.csv.gz")
    assert only(bare).edition == "2018"  # by the newest year of its data


def test_cells_of_ssdse_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    rows = ["SSDSE-A-2023,Prefecture,Municipality,A1101", ",,年度,2020", "地域コード,,,総人口"]
    part = only(written(tmp_path / "a.csv", [*rows, "R01100,北海道,札幌市,約200万"]))
    assert part.notes == ("A1101: no numbers and left empty: 約200万",)


def test_ssdse_without_its_years_is_refused(tmp_path: Path) -> None:
    rows = ["SSDSE-A-2023,Prefecture,Municipality,A1101", "R01100,北海道,札幌市,1", "x,x,x,x"]
    with pytest.raises(SourceError, match="no years"):
        read(written(tmp_path / "a.csv", rows))


def test_ssdse_is_read_by_the_names_of_its_columns_in_any_order(tmp_path: Path) -> None:
    rows = [
        "A1101,Municipality,SSDSE-A-2023,Prefecture",
        "2020,,,年度",
        "総人口,市区町村,,都道府県",
    ]
    part = only(written(tmp_path / "a.csv", [*rows, "5,札幌市,R01100,北海道"]))
    assert part.edition == "2023"
    assert part.frame.loc[0, ["code", "prefecture", "name", "population"]].tolist() == [
        "R01100", "北海道", "札幌市", 5,
    ]  # fmt: skip


def test_no_two_indicators_share_a_code() -> None:
    codes = [code for codes in INDICATORS.values() for code in codes]
    assert len(codes) == len(set(codes))


# finance ---------------------------------------------------------------------------------------


def test_a_dash_is_no_debt_but_no_index_of_pay(tmp_path: Path) -> None:
    rows = [
        "011002,北海道,札幌市,0.72,93,－,-,-",
        "131016,東京都,千代田区,(0.85),(76.4),△1.3,-,99.6",
    ]
    part = only(finance(tmp_path, rows, "全市町村の主要財政指標（令和３年度）", "a.csv"))
    assert (part.table, part.edition) == ("finance", "2021")
    first, second = part.frame.to_dict("records")
    assert (first["debt_service"], first["future_burden"]) == (0, 0)
    assert math.isnan(first["laspeyres"])
    # figures for reference stand in brackets
    assert (second["fiscal_strength"], second["current_balance"]) == (0.85, 76.4)
    assert second["debt_service"] == -1.3


@pytest.mark.parametrize(
    ("title", "name", "year"),
    [
        ("全市町村の主要財政指標（令和元年度）", "x.csv", "2019"),
        ("全市町村の主要財政指標（平成30年度決算）", "x.csv", "2018"),
        ("全市町村の主要財政指標", "city_H17_FY2005.csv", "2005"),
        ("全市町村の主要財政指標", "R3.csv", "2021"),
        ("全市町村の主要財政指標", "主要財政指標令和２年度.csv", "2020"),
        ("2022年度 全市町村の主要財政指標", "x.csv", "2022"),
        ("令和４年度 指数は令和５年４月１日現在", "x.csv", "2022"),
        ("指数は令和５年４月１日現在", "000925835_H24.csv", "2012"),
        ("主要財政指標", "soumu_2015.csv", "2015"),
    ],
)
def test_the_fiscal_year_is_in_the_title_or_the_name(
    tmp_path: Path, title: str, name: str, year: str
) -> None:
    rows = ["北海道,札幌市,0.72,93,2.7,29.3,99.6"]
    assert only(finance(tmp_path, rows, title, name, coded=False)).edition == year


def test_a_sheet_of_no_year_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = finance(tmp_path, ["北海道,札幌市,1,1,1,1,1"], "指標", "x.csv", coded=False)
    with pytest.raises(SourceError, match="which fiscal year") as error:
        read(path)
    assert "FY2022" in str(error.value.fix)


def test_years_in_one_file_are_parts_of_their_own(tmp_path: Path) -> None:
    head = "年度,団体コード,都道府県名,団体名,財政力指数,経常収支比率,実質公債費比率"
    rows = [head, "2005,,北海道,札幌市,0.67,96.5,14", "2012,011002,北海道,札幌市,0.69,94,9.1"]
    name, parts = read(written(tmp_path / "long.csv", rows))
    assert "several years" in name
    assert [part.edition for part in parts] == ["2005", "2012"]
    assert parts[0].frame["fiscal_strength"].tolist() == [0.67]
    assert parts[0].frame["future_burden"].isna().all()


def test_cells_that_are_no_numbers_are_left_empty_and_told(tmp_path: Path) -> None:
    rows = ["011002,北海道,札幌市,約0.7,93,1,1,1"]
    part = only(finance(tmp_path, rows, "令和３年度", "a.csv"))
    assert math.isnan(part.frame["fiscal_strength"].iloc[0])
    assert "約0.7" in part.notes[0]


# cards, elections, adoptions -------------------------------------------------------------------


def test_uptake_of_cards_is_their_share(tmp_path: Path) -> None:
    rows = ["北海道,札幌市,1000,250,11002", "東京都,八丈島八丈町,0,1,"]
    part = only(cards(tmp_path, "2021/08/01", rows))
    assert (part.table, part.edition) == ("card_uptake", "2021-08-01")
    assert part.frame["rate"].tolist() == [0.25]


def test_cards_without_any_date_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="on which date"):
        read(cards(tmp_path, "先月", ["北海道,札幌市,1000,250,11002"]))


def test_elections_tell_who_was_contested(tmp_path: Path) -> None:
    rows = [
        "札幌市,首長,2019/4/7,2,0.5",
        "函館市,首長,2019-04-21,1,1.0",
        "函館市,議員,2019/4/21,27,0.2",
    ]
    part = only(elections(tmp_path, [*rows, "函館市,議長,2019/4/21,1,0"]))
    assert part.edition == "2019"
    frame = part.frame
    assert frame["office"].tolist() == ["mayor", "mayor", "assembly"]
    assert frame["contested"].tolist() == [True, False, pd.NA]
    assert frame["lone_newcomer"].tolist() == [False, True, False]
    assert "1 rows without" in part.notes[0]


def test_a_list_of_the_elected_tells_nothing_of_losers(tmp_path: Path) -> None:
    rows = [f"札幌市,首長,{2019 + n // 12}/{n % 12 + 1}/7,1,{n % 2}" for n in range(24)]
    _, parts = read(elections(tmp_path, [*rows, "札幌市,議員,2019/4/7,68,0.2"]))
    frame = pd.concat(part.frame for part in parts)
    assert frame[["candidates", "contested", "lone_newcomer"]].isna().all(axis=None)
    assert frame["elected"].max() == 68
    assert "counts those elected" in parts[0].notes[0]


PLATEAU = "dataset_id,city_name,version"


def test_the_first_year_of_each_municipality_counts(tmp_path: Path) -> None:
    rows = [PLATEAU, *(f"plateau-01100-sapporo-shi-{y},北海道札幌市,{y}" for y in (2022, 2020))]
    part = only(written(tmp_path / "p.csv", [*rows, "plateau-tokyo-takeshiba-2023,竹芝,2023"]))
    assert part.frame.to_dict("records") == [
        {"code": "01100", "programme": "plateau", "fiscal_year": 2020}
    ]
    assert "takeshiba" in part.notes[0]


def test_tokyos_wards_adopted_with_the_dataset_of_all(tmp_path: Path) -> None:
    rows = [
        PLATEAU,
        "plateau-tokyo23ku,東京都23区,2020",
        "plateau-tokyo23ku-2022,東京都23区,2022",
        "plateau-13101-chiyoda-ku-2023,東京都千代田区,2023",
    ]
    frame = only(written(tmp_path / "p.csv", rows)).frame
    assert len(frame) == 23
    assert set(frame["fiscal_year"]) == {2020}


def test_any_list_of_adoptions_is_read(tmp_path: Path) -> None:
    rows = ["団体コード,事業名,年度", "011002,書かない窓口,2023", "012025,書かない窓口,2024"]
    part = only(written(tmp_path / "a.csv", rows))
    assert (part.table, part.edition) == ("adoptions", "書かない窓口")
    with pytest.raises(SourceError, match="names no municipalities"):
        read(written(tmp_path / "b.csv", ["programme,fiscal_year", "x,2023"]))


# any file --------------------------------------------------------------------------------------


def test_a_list_of_adoptions_names_what_is_no_year(tmp_path: Path) -> None:
    rows = [
        "団体コード,事業名,年度",
        "01100,x,令和5年度",
        "01202,x,99999",
        "01203,x,R4",
        "01204,x,-",
    ]
    part = only(written(tmp_path / "a.csv", rows))
    assert part.frame["fiscal_year"].tolist() == [2023, 2022]
    assert part.notes == ("no years and left out: 99999",)
    with pytest.raises(SourceError, match="in which fiscal year"):
        read(written(tmp_path / "b.csv", [rows[0], rows[2]]))


def test_years_in_one_file_must_be_there(tmp_path: Path) -> None:
    head = "年度,都道府県名,団体名,財政力指数,経常収支比率,実質公債費比率"
    with pytest.raises(SourceError, match="No row says which fiscal year"):
        read(written(tmp_path / "a.csv", [head, "いつか,北海道,札幌市,1,2,3"]))


def test_a_file_that_breaks_off_within_its_last_row_is_refused(tmp_path: Path) -> None:
    path = ssdse(tmp_path, 2023)
    whole = gzip.decompress(path.read_bytes())
    cut = tmp_path / "SSDSE-A-2023.csv"
    cut.write_bytes(whole[: whole.rindex(b",")])
    with pytest.raises(SourceError, match="breaks off in its last row, after 6 of 7 cells"):
        read(cut)


def test_a_broken_byte_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("団体コード\n札幌".encode("cp932") + b"\x85\x20\n")
    with pytest.raises(SourceError, match="no text") as caught:
        read(path)
    assert "cp932 up to line 2" in str(caught.value)


def test_another_layout_is_told_with_the_nearest_and_what_is_missing(tmp_path: Path) -> None:
    rows = ["算出基準日,都道府県名,市区町村名,総数（人口）,枚数", "2022/12/31,北海道,札幌市,10,5"]
    with pytest.raises(SourceError) as error:
        read(written(tmp_path / "x.csv", rows))
    text = str(error.value)
    assert "nearest to マイナンバーカード交付状況, but has no column 交付枚数" in text
    assert all(layout.name in text for layout in LAYOUTS)


def test_a_file_of_something_else_is_near_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not near any"):
        read(written(tmp_path / "x.csv", ["a;b", "1;2"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"PK\x03\x04 rest of a workbook", "Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
        (b"\x1f\x8b\x08 torn", "to its end"),
        (b"\x00\x01\x02" * 50, "no text"),
        (b'programme,fiscal_year\n"x,2023\n', "no proper CSV"),
        (b"name,programme,fiscal_year\nx,y,1,234\n", "more cells than the header"),
    ],
)
def test_files_that_are_no_tables_say_so(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "euc_jp", "utf-16"])
def test_encodings_are_found_out(tmp_path: Path, encoding: str) -> None:
    head = "市区町村,種別,日付,候補者数,新人割合"
    path = written(tmp_path / "e.csv", [head, "札幌市,首長,2019/4/7,2,0.5"], encoding)
    assert only(path).frame["name"].tolist() == ["札幌市"]


def test_a_text_that_breaks_off_is_told_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_bytes("市区町村,種別\n札幌市,首長\n函館".encode()[:-1])
    with pytest.raises(SourceError) as error:
        read(path)
    assert "utf-8 up to line 3" in str(error.value.received)


def test_a_list_of_codes_needs_no_readings(tmp_path: Path) -> None:
    rows = ["団体コード,都道府県名（漢字）,市区町村名（漢字）", "011002,北海道,札幌市"]
    part = only(written(tmp_path / "c.csv", rows))
    assert part.frame.to_dict("records") == [
        {"code": "011002", "prefecture": "北海道", "name": "札幌市", "kana": ""}
    ]


def test_lists_not_needed_are_known(tmp_path: Path) -> None:
    rows = ["corporateID,corporateName,corporateKana,cityID", "1,札幌市,サッポロシ,01101"]
    name, parts = read(written(tmp_path / "g.csv", rows))
    assert "gBizINFO" in name
    assert parts == []


@given(st.integers(-(10**9), 10**9))
def test_numbers_are_read_as_people_write_them(number: int) -> None:
    wide = f"{abs(number):,}".translate(str.maketrans("0123456789,", "０１２３４５６７８９，"))
    texts = pd.Series(
        [str(number), f"{number:,}", ("△" if number < 0 else "") + wide], dtype=object
    )
    values, bad = numbers(texts)
    assert values.tolist() == [number] * 3
    assert bad == []


@given(st.dates(dt.date(1990, 1, 1), dt.date(2099, 12, 31)))
def test_dates_are_read_in_all_writings(date: dt.date) -> None:
    year, month, day = date.year, date.month, date.day
    texts = [f"{year}/{month}/{day}", f"{date}", f"{year}年{month}月{day}日", f"{date} 00:00:00"]
    if year >= 2020:
        texts.append(f"令和{year - 2018}年{month}月{day}日")
    found, bad = dates(pd.Series(texts, dtype=object))
    assert set(found.dt.date) == {date}
    assert bad == []


def test_what_is_no_date_is_told() -> None:
    found, bad = dates(pd.Series(["2022/13/01", "", "2022-01-31x"], dtype=object))
    assert found.isna().all()
    assert bad == ["", "2022-01-31x", "2022/13/01"]
