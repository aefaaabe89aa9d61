"""Imports: what is written, kept, replaced, told; and files that cannot be read."""

from __future__ import annotations

import datetime as dt
import gzip
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from rich.console import Console

from salesml.config import Project
from salesml.errors import LockedError, SourceError
from salesml.municipal.import_report import ImportReport
from salesml.municipal.import_view import show_import
from salesml.municipal.importing import import_files
from salesml.municipal.tables import PUBLISHED, SCHEMAS
from tests.municipal.published_files import (
    PLACES,
    cards,
    class_list,
    code_list,
    elections,
    finance,
    ssdse,
    written,
)

MONTH = "令和３年度"


def table(project: Project, name: str) -> pd.DataFrame:
    return pd.read_parquet(project.var / "municipal" / f"{name}.parquet")


def shown(report: ImportReport) -> str:
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        show_import(console, report)
    return capture.get()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Published files of everything, in one folder."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    code_list(folder)
    class_list(folder)
    ssdse(folder, 2021)
    ssdse(folder, 2023)
    rows = [
        "011002,北海道,札幌市,0.72,93,2.7,29.3,99.6",
        "112267,埼玉県,鳩ヶ谷市,0.7,93,2.7,29.3,99.6",
        "全国市町村平均,,,0.5,88,5,15,-",
    ]
    finance(folder, rows, MONTH, "finance.csv")
    cards(folder, "2021/08/01", ["北海道,石狩郡当別町,100,25,", "北海道,札幌市,1000,500,11002"])
    elections(folder, ["府中市,首長,2019/4/7,2,0.5", "札幌市,首長,2019/4/7,2,0.5"])
    written(
        folder / "plateau.csv",
        ["dataset_id,city_name,version", "plateau-01100-sapporo-shi-2020,北海道札幌市,2020"],
    )
    written(folder / "012025_speech_2024-02-15.txt", ["デジタル化を進めます。"])
    (folder / "PROVENANCE.md").write_text("where from", encoding="utf-8")
    (folder / "readme.txt").write_text("how to", encoding="utf-8")
    return folder


def test_all_tables_are_written_with_their_types(project: Project, folder: Path) -> None:
    report = import_files(project, [folder])
    assert report.problems == []
    for name, schema in SCHEMAS.items():
        found = pq.read_schema(project.var / "municipal" / f"{name}.parquet")
        assert {f: found.field(f).type for f in schema.names} == dict(
            zip(schema.names, schema.types, strict=True)
        ), name
    assert {name: report.rows[name] for name in PUBLISHED} == {
        "statistics": 2 * len(PLACES),
        "finance": 1,
        "card_uptake": 2,
        "elections": 1,
        "adoptions": 1,
        "documents": 1,
    }
    assert {path.name for path, _ in report.skipped} == {"PROVENANCE.md", "readme.txt"}
    assert report.municipalities == len(PLACES)


def test_every_row_is_known_after_it_was_published(project: Project, folder: Path) -> None:
    import_files(project, [folder])
    known = {
        name: sorted({str(t.date()) for t in table(project, name)["known_at"]})
        for name in ("municipalities", *PUBLISHED)
    }
    assert known == {
        "municipalities": ["1900-01-01"],
        "statistics": ["2021-07-01", "2023-07-01"],
        "finance": ["2023-03-31"],
        "card_uptake": ["2021-09-01"],
        "elections": ["2019-04-08"],
        "adoptions": ["2021-03-31"],
        "documents": ["2024-02-15"],
    }
    assert table(project, "adoptions")["happened_at"].tolist() == [dt.date(2020, 10, 1)]


def test_a_project_may_know_of_other_dates_of_publication(project: Project, folder: Path) -> None:
    text = (
        "publication:\n  statistics: {years: 1, month: 1, day: 31}\n"
        "  finance: {years: 2, month: 3, day: 31}\n  card_uptake_days: 10\n  election_days: 1\n"
        "  adopted: {month: 10, day: 1}\n  adoptions: {years: 1, month: 3, day: 31}\n"
    )
    own = project.root / "configs" / project.name / "municipal.yml"
    own.write_text(text, encoding="utf-8")
    import_files(project, [folder])
    assert table(project, "statistics")["known_at"].min() == pd.Timestamp("2022-01-31")
    assert table(project, "card_uptake")["known_at"].max() == pd.Timestamp("2021-08-11")


def test_what_did_not_join_is_told_with_its_reason(project: Project, folder: Path) -> None:
    report = import_files(project, [folder])
    told = {one.written: (one.reason, one.rows) for file in report.files for one in file.unjoined}
    assert told == {"埼玉県鳩ヶ谷市": ("merged", 1), "府中市": ("ambiguous name", 1)}
    lines = pd.read_csv(report.unjoined_csv)
    assert set(lines["written"]) == set(told)
    text = shown(report)
    assert "merged since, set aside (1 rows): 埼玉県鳩ヶ谷市 (into 川口市 on 2011-10-11)" in text
    assert "府中市 (東京都, 広島県)" in text
    assert "マイナンバーカード交付状況: joined by name (1 rows)" in text
    assert "means, totals and footnotes left out (1 rows)" in text
    assert "statistics: missing in between: 2022" in text
    assert "passed over: PROVENANCE.md (no published data)" in text


def test_notes_of_single_files_name_them(project: Project, folder: Path) -> None:
    rows = ["011002,北海道,札幌市,約0.7,93,2.7,29.3,99.6"]
    finance(folder, rows, "令和４年度", "second.csv")
    text = shown(import_files(project, [folder]))
    assert "second.csv: fiscal_strength: no numbers and left empty: 約0.7" in text


def test_rows_that_a_file_has_twice_count_once(project: Project, folder: Path) -> None:
    rows = ["北海道,札幌市,1000,500,11002", "北海道,札幌市,1000,600,11002"]
    cards(folder, "2021/09/01", rows, "twice.csv")
    text = shown(import_files(project, [folder]))
    assert "more rows of a municipality that the file has already, left out (1 rows)" in text
    assert sorted(table(project, "card_uptake")["rate"]) == [0.25, 0.5, 0.5]


def test_a_programme_with_a_long_name_is_kept_apart(project: Project, folder: Path) -> None:
    head, name = "municipality_id,programme,fiscal_year", "窓口の業務を改める事業の補助金" * 9
    rows = [f"01100,{name}その{n},2020" for n in (1, 2)]
    written(folder / "long.csv", [head, *rows])
    import_files(project, [folder])
    assert table(project, "adoptions")["programme"].nunique() == 3


def test_a_newer_edition_joins_those_imported_before(project: Project, folder: Path) -> None:
    import_files(project, [folder])
    shutil.rmtree(folder)
    folder.mkdir()
    report = import_files(project, [ssdse(folder, 2024)])
    assert report.rows["statistics"] == 3 * len(PLACES)
    assert report.rows["finance"] == 1
    assert [file.replaced for file in report.files] == [0]


def test_an_import_twice_changes_nothing(project: Project, folder: Path) -> None:
    import_files(project, [folder])
    before = {p.name: p.read_bytes() for p in (project.var / "municipal").glob("*.parquet")}
    report = import_files(project, [folder])
    after = {p.name: p.read_bytes() for p in (project.var / "municipal").glob("*.parquet")}
    assert before == after
    assert sum(file.replaced for file in report.files) == sum(
        len(file.editions) for file in report.files
    )


def test_a_corrected_file_replaces_the_edition(project: Project, folder: Path) -> None:
    import_files(project, [folder])
    import_files(project, [cards(folder, "2021/08/01", ["北海道,札幌市,1000,600,11002"])])
    assert table(project, "card_uptake")["rate"].tolist() == [0.6]


def test_the_list_of_municipalities_may_come_last(project: Project, folder: Path) -> None:
    report = import_files(project, [folder / "SSDSE-A-2021.csv.gz"])
    assert report.rows["statistics"] == 0
    assert "nothing joins" in shown(report)
    report = import_files(project, [folder / "団体コード.csv"])
    assert report.rows["statistics"] == len(PLACES)


def test_bad_files_are_told_together_and_the_others_imported(
    project: Project, folder: Path
) -> None:
    (folder / "empty.csv").write_bytes(b"")
    (folder / "book.xlsx").write_bytes(b"PK\x03\x04")
    written(folder / "other.csv", ["a,b", "1,2"])
    report = import_files(project, [folder])
    assert len(report.problems) == 3
    assert report.rows["statistics"] == 2 * len(PLACES)
    assert shown(report).count("Error:") == 3


def test_a_condition_that_cannot_be_met_stops_no_other_table(
    project: Project, folder: Path
) -> None:
    own = project.root / "configs" / project.name / "subsidies.yml"
    own.write_text("programmes: {x: {title: 1}}\n", encoding="utf-8")
    report = import_files(project, [folder])
    assert len(report.problems) == 1
    assert report.rows["statistics"] == 2 * len(PLACES)


def test_a_path_that_is_not_there_is_told_before_anything_is_read(
    project: Project, folder: Path
) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        import_files(project, [folder, folder / "nowhere.csv"])
    assert not (project.var / "municipal").exists()


def test_two_imports_do_not_mix(project: Project, folder: Path) -> None:
    place = project.var / "municipal"
    place.mkdir(parents=True)
    with FileLock(place / "import.lock"), pytest.raises(LockedError, match="under way"):
        import_files(project, [folder])


def test_mergers_of_the_project_count(project: Project, folder: Path) -> None:
    head = "date,old_code,old_prefecture,old_name,new_code,new_name,kind"
    rows = [head, "2026-01-01,01303,北海道,架空町,01202,函館市,renamed"]
    written(folder / "own.csv", rows)
    finance(folder, ["北海道,架空町,0.7,9,2,2,9"], "令和４年度", "f.csv", coded=False)
    import_files(project, [folder])
    newest = table(project, "finance").query("fiscal_year == 2022")
    assert newest["municipality_id"].tolist() == ["01202"]
    written(folder / "own.csv", [head, "someday,01303,北海道,架空町,01202,函館市,absorbed"])
    (problem,) = import_files(project, [folder / "own.csv"]).problems
    assert "absorbed" in str(problem.received)


def test_no_column_names_a_person(project: Project, folder: Path) -> None:
    head = "市区町村,種別,日付,候補者数,新人割合,当選者氏名"
    written(folder / "elections.csv", [head, "札幌市,首長,2019/4/7,2,0.5,山田太郎"])
    import_files(project, [folder])
    for path in (project.var / "municipal").rglob("*.parquet"):
        assert "山田太郎" not in str(pq.read_table(path).to_pydict())


# real files ------------------------------------------------------------------------------------

FOLDERS = (
    "jp_ssdse_a_municipal/SSDSE-A-2018.csv.gz",
    "jp_ssdse_a_municipal/SSDSE-A-2021.csv.gz",
    "jp_ssdse_a_municipal/SSDSE-A-2026.csv.gz",
    "jp_fiscal_indices_municipal/raw",
    "jp_mynumber_card_panel/all_localgovs_20211201.csv.gz",
    "jp_mynumber_card_panel/all_localgovs_20221231.csv.gz",
    "jp_localgov_codes",
    "jp_local_elections_seijiyama",
    "jp_plateau_adoption",
)


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ImportReport, Path]:
    import tiny

    from salesml.config import load_project

    project = load_project("tiny", tiny.make_company(tmp_path_factory.mktemp("real")))
    report = import_files(project, [real_data / name for name in FOLDERS])
    return report, project.var / "municipal"


def ask(real: tuple[ImportReport, Path], sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        for name in SCHEMAS:
            con.execute(f"create view {name} as from '{real[1] / name}.parquet'")
        return con.execute(sql).fetchall()


def test_every_municipality_is_in_every_file(real: tuple[ImportReport, Path]) -> None:
    report, _ = real
    assert report.problems == []
    assert report.municipalities == 1741
    assert report.rows["statistics"] == 3 * 1741
    assert report.rows["card_uptake"] == 2 * 1741
    assert ask(
        real,
        "select min(n), max(n) from (select count(*) n from finance"
        " where fiscal_year >= 2009 group by fiscal_year)",
    ) == [(1741, 1741)]


def test_figures_are_those_of_the_files(real: tuple[ImportReport, Path]) -> None:
    assert ask(
        real,
        "select fiscal_strength, current_balance, future_burden from finance"
        " where municipality_id = '01100' and fiscal_year = 2021",
    ) == [(0.72, 93, 29.3)]
    assert ask(
        real,
        "select population, staff, revenue, data_year from statistics"
        " where municipality_id = '01100' and edition = 2026",
    ) == [(1973395, 7598, 1227839677, 2024)]
    assert ask(
        real,
        "select cards from card_uptake where municipality_id = '01100'"
        " and counted_on = date '2022-12-31'",
    ) == [(1113718,)]


def test_who_was_renamed_has_all_years(real: tuple[ImportReport, Path]) -> None:
    renamed = ("04216", "03216", "40231", "11246", "12239", "23238", "17212", "28221", "43100")
    assert ask(
        real,
        f"select distinct n from (select count(*) n from finance where municipality_id"
        f" in {renamed} group by municipality_id)",
    ) == [(17,)]


def test_all_that_did_not_join_was_merged_or_is_ambiguous(
    real: tuple[ImportReport, Path],
) -> None:
    lines = pd.read_csv(real[1] / "unjoined.csv")
    finance_lines = lines[lines["table"] == "finance"]
    assert set(finance_lines["reason"]) == {"merged"}
    assert set(lines.loc[lines["table"] == "elections", "reason"]) == {
        "merged",
        "ambiguous name",
        "unknown name",
    }
    assert set(lines["table"]) == {"finance", "elections"}
    assert lines.loc[lines["table"] == "elections", "rows"].sum() < 0.04 * 8252


def test_tokyos_wards_adopted_plateau_in_2020(real: tuple[ImportReport, Path]) -> None:
    assert ask(
        real,
        "select fiscal_year, count(*), count(*) filter (kind = 'ward')"
        " from adoptions join municipalities using (municipality_id)"
        " group by all order by all",
    ) == [
        (2020, 79, 23),
        (2021, 2, 0),
        (2022, 68, 0),
        (2023, 67, 0),
        (2024, 48, 0),
    ]


def test_an_edition_of_few_municipalities_is_told(project: Project, folder: Path) -> None:
    import_files(project, [folder])
    path = ssdse(folder, 2023)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:6]), mtime=0))
    text = shown(import_files(project, [path]))
    assert f"fewer than 90% of {len(PLACES)} municipalities: 2023 (3)" in text


def test_a_target_that_cannot_be_written_is_told(project: Project, folder: Path) -> None:
    project.var.mkdir(parents=True, exist_ok=True)
    (project.var / "municipal").write_text("no folder", encoding="utf-8")
    with pytest.raises(SourceError, match="Nothing can be written where imports go"):
        import_files(project, [folder])
