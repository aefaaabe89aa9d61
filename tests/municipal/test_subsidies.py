from __future__ import annotations

import csv
import datetime as dt
import gzip
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import yaml
from fakes import WORDS
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.config import Project, ProjectConfig
from salesml.errors import ConfigError, SourceError
from salesml.features import load_feature_set, run_examples
from salesml.municipal.importing import import_files
from salesml.municipal.programmes import read_programmes
from salesml.municipal.settings import default_municipal
from salesml.municipal.subsidies import eligibility

REPOSITORY = Path(__file__).parents[2]
FEATURES = REPOSITORY / "features"
SETTINGS = default_municipal()
SAPPORO, HAKODATE, CHIYODA = "01100", "01202", "13101"
TABLES = {
    "municipalities": pd.DataFrame(
        {
            "municipality_id": [SAPPORO, HAKODATE, CHIYODA],
            "name": ["札幌市", "函館市", "千代田区"],
            "prefecture": ["北海道", "北海道", "東京都"],
            "kind": ["designated", "core", "ward"],
            "known_at": pd.Timestamp(1900, 1, 1),
        }
    ),
    # Sapporo's two editions, and Chiyoda only in the second
    "statistics": pd.DataFrame(
        {
            "municipality_id": [SAPPORO, HAKODATE, SAPPORO, CHIYODA],
            "edition": [2022, 2022, 2023, 2023],
            "population": [1_960_000.0, 250_000.0, 49_000.0, 66_000.0],
            "current_balance": [96.0, 90.0, 97.0, 70.0],
            "c2108": [1.0, 2.0, 3.0, 4.0],
            "known_at": pd.to_datetime(["2022-07-01", "2022-07-01", "2023-07-01", "2023-07-01"]),
        }
    ),
    "finance": pd.DataFrame(
        {
            "municipality_id": [SAPPORO],
            "fiscal_year": [2021],
            "fiscal_strength": [0.7],
            "current_balance": [80.0],
            "known_at": pd.to_datetime(["2023-03-31"]),
        }
    ),
}
WINDOW = {"announced_on": "2023-01-10", "opens_on": "2023-04-01", "closes_on": "2023-05-31"}
HEADER = (
    "programme_id,title_ja,title_en,ministry,condition,rate,cap,announced_on,opens_on,closes_on\n"
)


def programme(condition: Any = "kind = 'core'", **changes: Any) -> dict[str, Any]:
    title = {"ja": "デジタル化補助金", "en": "Digital grant"}
    plain = {"title": title, "ministry": "総務省", "condition": condition, "windows": [WINDOW]}
    return {**plain, **changes}


def window(announced_on: str) -> dict[str, str]:
    return {
        **WINDOW,
        "announced_on": announced_on,
        "opens_on": announced_on,
        "closes_on": "2030-1-31",
    }


def catalogue(folder: Path, **programmes: dict[str, Any]) -> Path:
    text = yaml.safe_dump({"programmes": programmes}, allow_unicode=True, sort_keys=False)
    (folder / "subsidies.yml").write_text(text)
    return folder


def who(
    folder: Path,
    condition: Any,
    announced_on: str = "2023-01-10",
    tables: dict[str, pd.DataFrame] = TABLES,
) -> list[str]:
    catalogue(folder, dx=programme(condition, windows=[window(announced_on)]))
    return list(eligibility(tables, SETTINGS, folder, told.append)["municipality_id"])


told: list[str] = []


@pytest.fixture(autouse=True)
def nothing_told() -> None:
    told.clear()


def refused(folder: Path, **programmes: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        eligibility(TABLES, SETTINGS, catalogue(folder, **programmes))
    return str(caught.value)


def test_a_row_tells_programme_window_and_terms(tmp_path: Path) -> None:
    folder = catalogue(tmp_path, dx=programme(rate=0.5, cap=10_000_000))
    (row,) = eligibility(TABLES, SETTINGS, folder).to_dict("records")
    assert row == {
        "municipality_id": HAKODATE,
        "programme_id": "dx",
        "title": "デジタル化補助金",
        "title_en": "Digital grant",
        "ministry": "総務省",
        "opens_on": dt.date(2023, 4, 1),
        "closes_on": dt.date(2023, 5, 31),
        "rate": 0.5,
        "cap": 10_000_000.0,
        "known_at": pd.Timestamp(2023, 1, 10),
    }


@pytest.mark.parametrize(
    ("condition", "announced_on", "expected"),
    [
        ("population >= 50000", "2022-06-30", []),
        ("population >= 50000", "2022-07-01", [SAPPORO, HAKODATE]),
        ("population >= 50000", "2023-06-30", [SAPPORO, HAKODATE]),
        ("population >= 50000", "2023-07-01", [HAKODATE, CHIYODA]),
        ("current_balance > 95", "2023-03-30", [SAPPORO]),  # of the statistics
        ("current_balance > 85", "2023-03-31", [HAKODATE]),  # the indices of finance come first
        ("fiscal_strength < 1", "2023-03-31", [SAPPORO]),
        ("tier = 'large'", "2023-01-01", [SAPPORO]),
        ("tier = 'small'", "2023-08-01", [SAPPORO]),
        ("tier is null", "2023-01-01", [CHIYODA]),
        ("prefecture = '北海道' -- this one alone", "2023-01-01", [SAPPORO, HAKODATE]),
        ("POPULATION > (select avg(population) from municipality)", "2023-01-01", [SAPPORO]),
    ],
)
def test_conditions_see_what_was_known_when_announced(
    tmp_path: Path, condition: str, announced_on: str, expected: list[str]
) -> None:
    assert who(tmp_path, condition, announced_on) == expected


def test_card_uptake_counts_under_a_name_of_its_own(tmp_path: Path) -> None:
    days = pd.to_datetime(["2022-12-31", "2022-11-30"])
    cards = {"municipality_id": CHIYODA, "counted_on": days, "rate": [0.6, 0.2]}
    tables = {
        **TABLES,
        "card_uptake": pd.DataFrame({**cards, "known_at": pd.Timestamp(2023, 1, 5)}),
    }
    assert who(tmp_path, "card_rate > 0.5", tables=tables) == [CHIYODA]
    assert who(tmp_path, "card_rate > 0.5", "2023-01-04", tables=tables) == []


@settings(max_examples=10)
@given(st.permutations(range(4)), st.sampled_from(["2022-08-01", "2023-08-01"]))
def test_the_order_of_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], announced_on: str
) -> None:
    folder = tmp_path_factory.mktemp("order")
    tables = {**TABLES, "statistics": TABLES["statistics"].iloc[order]}
    expected = who(folder, "population >= 50000", announced_on)
    assert who(folder, "population >= 50000", announced_on, tables) == expected


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("popluation > 5", "there is no column 'popluation'. Did you mean 'population'?"),
        ("population", "it is not true or false, but DOUBLE"),
        ("1 = 1), (2 = 2", "it is not true or false, but several values"),
        ("population >", "syntax error at or near"),
        ("name::int > 3", "Conversion Error: Could not convert string '札幌市'"),
        ("current_date > date '2020-01-01'", "it uses current_date, which is no column"),
        ("random() > 0.5", "it uses random, which is no column"),
        ("exists (from read_csv('/etc/passwd'))", "it uses read_csv, which is no column"),
        ("1 in (select edition from _statistics)", "it uses _statistics, which is no column"),
    ],
)
def test_conditions_that_are_none(tmp_path: Path, condition: str, problem: str) -> None:
    told = refused(tmp_path, dx=programme(condition))
    assert f"condition of 'dx': {problem}" in told
    assert f"{tmp_path / 'subsidies.yml'}:7:" in told


def test_all_bad_conditions_are_told_and_columns_that_speak(tmp_path: Path) -> None:
    message = refused(tmp_path, a=programme("kimd = 'core'"), b=programme("nme = ''"))
    assert "Did you mean 'kind'?" in message
    assert "Did you mean 'name'?" in message
    assert "fiscal_strength, tier." in message
    assert "c2108" not in message


def test_a_condition_over_a_table_that_is_not_imported_waits(tmp_path: Path) -> None:
    assert who(tmp_path, "card_rate > 0.5") == []
    (sentence,) = told
    assert "'dx'" in sentence
    assert "left out: there is no column 'card_rate'" in sentence
    assert "Nothing of card_uptake is imported" in sentence


@pytest.mark.parametrize(
    ("condition", "announced_on", "sentence"),
    [
        ("kind = 'vilage'", "2023-01-10", "holds for none of 3 municipalities"),
        ("kind <> 'village'", "2023-01-10", "holds for all 3 municipalities"),
        ("population > 0", "2020-01-10", "needs figures that were not known when it was announced"),
    ],
)
def test_conditions_that_look_like_a_slip_are_told(
    tmp_path: Path, condition: str, announced_on: str, sentence: str
) -> None:
    who(tmp_path, condition, announced_on)
    assert [sentence in each for each in told] == [True]
    with pytest.warns(UserWarning, match=sentence):
        eligibility(TABLES, SETTINGS, tmp_path)


@pytest.mark.parametrize("condition", [True, "true"])
def test_a_programme_may_be_for_everybody(tmp_path: Path, condition: Any) -> None:
    assert who(tmp_path, condition) == [SAPPORO, HAKODATE, CHIYODA]
    assert told == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"closes_on": "2023-03-31"}, "closes_on 2023-03-31 lies before opens_on 2023-04-01"),
        (
            {"announced_on": "2023-06-01"},
            "closes_on 2023-05-31 lies before announced_on 2023-06-01",
        ),
        ({"opens_on": "2023-02-30"}, "day"),
    ],
)
def test_windows_that_cannot_be(tmp_path: Path, changes: dict[str, str], problem: str) -> None:
    told = refused(tmp_path, dx=programme(windows=[{**WINDOW, **changes}]))
    assert problem in told
    assert "subsidies.yml:" in told


def test_two_windows_do_not_open_on_one_day(tmp_path: Path) -> None:
    assert "two windows open on 2023-04-01" in refused(tmp_path, dx=programme(windows=[WINDOW] * 2))


@pytest.mark.parametrize("changes", [{"rate": 50}, {"rate": 0}, {"cap": -1}, {"windows": []}])
def test_terms_that_cannot_be(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert f"programmes.dx.{next(iter(changes))}" in refused(tmp_path, dx=programme(**changes))


@pytest.mark.parametrize("tables", [{}, {"municipalities": TABLES["municipalities"].iloc[:0]}])
def test_without_municipalities_there_is_nothing(
    tmp_path: Path, tables: dict[str, pd.DataFrame]
) -> None:
    found = eligibility(tables, SETTINGS, catalogue(tmp_path, dx=programme()))
    assert len(found) == 0
    assert "closes_on" in found


def test_without_a_catalogue_there_is_nothing(tmp_path: Path) -> None:
    assert len(eligibility(TABLES, SETTINGS, tmp_path)) == 0


def csv_file(folder: Path, lines: Iterable[str], header: str = HEADER, code: str = "utf-8") -> Path:
    path = folder / "subsidies.csv"
    path.write_bytes((header + "".join(f"{line}\n" for line in lines)).encode(code))
    return folder


ROW = "dx,デジタル化補助金,Digital grant,総務省,kind = 'core',0.5,,2023/1/10,2023/4/1,2023/5/31"
AGAIN = "dx,,,,,,,2024-01-10,2024-04-01,2024-05-31"


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "cp932"])
def test_the_catalogue_as_csv_is_the_same(tmp_path: Path, code: str) -> None:
    second = {"announced_on": "2024-01-10", "opens_on": "2024-04-01", "closes_on": "2024-05-31"}
    (tmp_path / "yaml").mkdir()
    folder = catalogue(tmp_path / "yaml", dx=programme(rate=0.5, windows=[WINDOW, second]))
    expected = eligibility(TABLES, SETTINGS, folder)
    found = eligibility(TABLES, SETTINGS, csv_file(tmp_path, [ROW, AGAIN], code=code))
    assert len(found) == 2
    pd.testing.assert_frame_equal(found, expected)


def test_columns_of_the_csv_may_stand_in_any_order(tmp_path: Path) -> None:
    csv_file(tmp_path, [])
    text = ",".join(reversed(HEADER.strip().split(","))) + "\n"
    csv_file(tmp_path, [",".join(reversed(ROW.split(",")))], text)
    (found,) = read_programmes(tmp_path)
    assert (found.id, found.config.rate, found.where) == ("dx", 0.5, f"{tmp_path}/subsidies.csv:2")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([ROW.replace("2023/5/31", "2023/3/31")], ":2: closes_on 2023-03-31 lies before"),
        ([ROW, AGAIN.replace("2024-05-31", "soon")], ":3: closes_on: "),
        ([ROW.replace("0.5", "50%")], ":2: rate: "),
        ([ROW.replace("総務省", "")], ":2: ministry: "),
        ([ROW, ROW.replace("0.5", "0.6")], ":3: rate of 'dx' is not what line 2 says"),
        ([ROW, ROW], "two windows open on 2023-04-01"),
        ([ROW.removeprefix("dx")], ":2: programme_id is empty"),
    ],
)
def test_slips_in_the_csv_are_told_with_their_line(
    tmp_path: Path, lines: list[str], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_programmes(csv_file(tmp_path, lines))
    assert problem in str(caught.value)


def test_a_bad_condition_in_the_csv_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"subsidies\.csv:2: condition of 'dx'.*'kind'"):
        eligibility(TABLES, SETTINGS, csv_file(tmp_path, [ROW.replace("kind", "kid")]))


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (HEADER.replace("rate", "rates"), "Did you mean 'rate'?"),
        (HEADER.replace("cap,", ""), "lacks cap"),
    ],
)
def test_a_header_with_a_slip(tmp_path: Path, header: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_programmes(csv_file(tmp_path, [], header))
    assert problem in str(caught.value)


def test_a_record_with_too_few_fields(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Line 2 has 2 fields"):
        read_programmes(csv_file(tmp_path, ["dx,デジタル化"]))


def test_a_programme_stands_in_one_of_the_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'dx' stands in both files"):
        read_programmes(catalogue(csv_file(tmp_path, [ROW]), dx=programme()))


def test_examples_of_the_feature_set_hold(con: duckdb.DuckDBPyConnection) -> None:
    run_examples(con, load_feature_set(FEATURES, "municipality", "subsidies"))


def test_a_condition_that_fails_on_what_was_known_then(tmp_path: Path) -> None:
    statistics = TABLES["statistics"].assign(note=["-", "1", "2", "3"])
    tables = {**TABLES, "statistics": statistics.iloc[[0, 2, 3]]}
    with pytest.raises(ConfigError) as caught:
        who(tmp_path, "note::int > 2", "2022-07-01", tables)
    assert "The condition of 'dx' cannot be evaluated" in str(caught.value)
    assert "subsidies.yml:7" in str(caught.value)


@pytest.fixture
def real_data() -> Path:
    folder = Path(os.environ.get("SALESML_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data are not at {folder}; set SALESML_DATA")
    return folder


def test_small_municipalities_of_real_statistics(real_data: Path, tmp_path: Path) -> None:
    edition = real_data / "jp_ssdse_a_municipal" / "SSDSE-A-2023.csv.gz"
    codes = real_data / "jp_localgov_codes" / "FITS-M-List_ruiji_dantai.csv"
    folder = tmp_path / "configs" / "shop"
    folder.mkdir(parents=True)
    early, late = window("2023-06-30"), window("2023-07-01")
    small = programme("population < 50000 and tier = 'small'", windows=[early, late])
    catalogue(folder, small=small)
    shop = ProjectConfig.model_validate({"title": WORDS})
    import_files(Project("shop", tmp_path, shop, {}, {}, {}, {}), [edition, codes])
    found = pd.read_parquet(tmp_path / "var" / "shop" / "municipal" / "eligibility.parquet")
    with gzip.open(edition, "rt", encoding="cp932", newline="") as lines:
        records = [record for record in csv.reader(lines) if record[0].startswith("R")]
    expected = {code[1:] for code, _, _, people, *_ in records if int(people) < 50_000}
    assert set(found["municipality_id"]) == expected
    assert set(found["known_at"]) == {pd.Timestamp(2023, 7, 1)}
