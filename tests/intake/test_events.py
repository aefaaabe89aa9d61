from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes import NOON, FakeCrm, project, read, source, store_of, stored

from salesml.config import Project
from salesml.errors import DataQualityError, SourceError
from salesml.intake import check_mapping

TEXTS = dict.fromkeys(["id", "account", "amount", "happened", "known"], "varchar")


def row(number: int, **changes: Any) -> dict[str, Any]:
    day = f"2024-05-{number:02d}"
    plain = {"id": f"e{number}", "account": "a", "amount": "10", "happened": day, "known": day}
    return {**plain, **changes}


@pytest.fixture
def crm(fake_crm: FakeCrm) -> FakeCrm:
    fake_crm.types["activities"] = dict(TEXTS)
    fake_crm.tables["activities"] = [row(1), row(2)]
    return fake_crm


def made(folder: Path, **changes: Any) -> Project:
    return project(folder, {"activities": source(**{"stop_above": 1, **changes})})


def ids(con: duckdb.DuckDBPyConnection, given: Project) -> list[str]:
    return [r["activity_id"] for r in stored(con, given, "activities")]


def quarantined(con: duckdb.DuckDBPyConnection, given: Project) -> list[dict[str, Any]]:
    folder = given.var / "quarantine" / "activities"
    return con.execute(f"from '{folder}/*.parquet' order by all").df().to_dict("records")


def test_rows_are_stored(con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path) -> None:
    given = made(tmp_path)
    report = read(con, given, "activities", types={"amount": "double"})
    assert (report.source, report.rows, report.new_rows, report.unchanged) == (
        "activities",
        2,
        2,
        False,
    )
    assert (report.quality.rows, report.quality.quarantined, report.quality.failed) == (2, 0, {})
    # midnight in Tokyo
    assert stored(con, given, "activities")[0] == {
        "activity_id": "e1",
        "account_id": "a",
        "amount": 10.0,
        "happened_at": dt.datetime(2024, 4, 30, 15),
        "known_at": dt.datetime(2024, 4, 30, 15),
    }
    manifest = store_of(given).needed("activities")
    assert {day: count for day, (count, _) in manifest.days.items()} == {
        "2024-05-01": 1,
        "2024-05-02": 1,
    }
    assert crm.loads == [("activities", None)]


@pytest.mark.usefixtures("crm")
def test_the_tables_of_a_read_are_dropped(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    read(con, made(tmp_path), "activities")
    assert con.execute("select table_name from duckdb_tables()").fetchall() == []


# types -----------------------------------------------------------------------------------------

CASTS = [
    ("varchar", " 12 ", "double", 12.0),
    ("varchar", "1.5e2", "double", 150.0),
    ("varchar", "true", "boolean", True),
    ("varchar", "2024-01-31", "date", dt.date(2024, 1, 31)),
    ("varchar", "2024/1/31", "date", dt.date(2024, 1, 31)),
    ("varchar", "2024-01-31 10:00", "timestamp", dt.datetime(2024, 1, 31, 10)),
    # what says its time zone becomes business time: Tokyo is nine hours ahead
    ("varchar", "2024-01-31T20:00:00Z", "timestamp", dt.datetime(2024, 2, 1, 5)),
    ("varchar", "2024-01-31T20:00:00.000+0000", "date", dt.date(2024, 2, 1)),
    ("varchar", "2024-01-31 20:00:00-03", "timestamp", dt.datetime(2024, 2, 1, 8)),
    ("timestamptz", "2024-01-31 20:00:00+00", None, dt.datetime(2024, 2, 1, 5)),
    ("timestamptz", "2024-01-31 20:00:00+00", "date", dt.date(2024, 2, 1)),
    ("varchar", "  ", "double", None),
    ("varchar", "　\t", None, None),
    ("varchar", "　東京 ", None, "東京"),
    ("double", "nan", None, None),
    ("bigint", "3", "double", 3.0),
    ("bigint", "3", "varchar", "3"),
    ("integer", "3", "INTEGER", 3),
]


@pytest.mark.parametrize(("natural", "value", "wanted", "result"), CASTS)
def test_values_take_the_declared_type(
    con: duckdb.DuckDBPyConnection,
    crm: FakeCrm,
    tmp_path: Path,
    natural: str,
    value: str,
    wanted: str | None,
    result: object,
) -> None:
    crm.types["activities"]["amount"] = natural
    crm.tables["activities"] = [row(1, amount=value)]
    given = made(tmp_path)
    report = read(con, given, "activities", types={"amount": wanted} if wanted else {})
    assert report.quality.failed == {}
    assert [r["amount"] for r in stored(con, given, "activities")] == [result]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("ten", "double"), ("1,000", "double"), ("2024-13-45", "date"), ("maybe", "boolean")],
)
def test_values_that_do_not_fit_go_to_quarantine(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path, value: str, wanted: str
) -> None:
    crm.tables["activities"] = [row(1, amount=value), row(2, amount=None)]
    given = made(tmp_path)
    report = read(con, given, "activities", types={"amount": wanted})
    assert report.quality.failed == {"type(amount)": 1}
    assert report.quality.lines() == ["activities: 1 rows fail type(amount)"]
    assert ids(con, given) == ["e2"]
    [bad] = quarantined(con, given)
    assert (bad["activity_id"], bad["_failed"].tolist()) == ("e1", ["type(amount)"])
    assert bad["_raw"]["amount"] == value


@pytest.mark.usefixtures("crm")
def test_the_type_in_the_mapping_goes_before_that_of_features(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = {
        "activity_id": "id",
        "account_id": "account",
        "amount": {"sql": "amount", "type": "bigint"},
    }
    given = made(tmp_path, columns=columns)
    read(con, given, "activities", types={"amount": "double"})
    assert store_of(given).needed("activities").columns["amount"] == "BIGINT"


def test_ids_are_text_however_they_are_stored(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.types["activities"] |= {"id": "bigint", "account": "double"}
    crm.tables["activities"] = [row(1, id=7, account="12.0"), row(2, id=8, account="1.5")]
    given = made(tmp_path)
    read(con, given, "activities")
    found = [(r["activity_id"], r["account_id"]) for r in stored(con, given, "activities")]
    assert found == [("7", "12"), ("8", "1.5")]


def test_full_width_text_is_folded_where_the_mapping_says_so(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["activities"] = [row(1, amount="１，２００", account="ＡＢＣ－１")]
    columns = {
        "activity_id": "id",
        "account_id": "nfkc(account)",
        "amount": "replace(nfkc(amount), ',', '')",
    }
    given = made(tmp_path, columns=columns)
    assert read(con, given, "activities", types={"amount": "double"}).quality.failed == {}
    [found] = stored(con, given, "activities")
    assert (found["account_id"], found["amount"]) == ("ABC-1", 1200.0)


@pytest.mark.usefixtures("crm")
def test_columns_that_are_not_there_are_null(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = {"activity_id": "id", "account_id": "account", "amount": None, "channel": None}
    given = made(tmp_path, columns=columns)
    read(con, given, "activities", types={"amount": "double"})
    assert store_of(given).needed("activities").columns["amount"] == "DOUBLE"
    assert store_of(given).needed("activities").columns["channel"] == "VARCHAR"
    assert stored(con, given, "activities")[0]["amount"] is None


@pytest.mark.usefixtures("crm")
def test_a_condition_and_comments_in_the_mapping(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = {"activity_id": "id -- the number", "account_id": "account", "where": "amount"}
    given = made(tmp_path, columns=columns, where="id = 'e1' or id = 'e9' -- only these")
    read(con, given, "activities")
    assert ids(con, given) == ["e1"]


# times -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "natural", "value", "utc"),
    [
        ("Asia/Tokyo", "varchar", "2024-05-10", "2024-05-09 15:00"),
        ("Asia/Tokyo", "date", "2024-05-10", "2024-05-09 15:00"),
        ("Asia/Tokyo", "timestamp", "2024-05-10 08:30", "2024-05-09 23:30"),
        ("Asia/Tokyo", "varchar", "2024-05-10T08:30:00Z", "2024-05-10 08:30"),
        ("Asia/Tokyo", "varchar", "2024-05-10 08:30:00.5+02:00", "2024-05-10 06:30"),
        ("Asia/Tokyo", "timestamptz", "2024-05-10 08:30+02", "2024-05-10 06:30"),
        ("America/Sao_Paulo", "varchar", "2024-05-10", "2024-05-10 03:00"),
        ("America/Sao_Paulo", "varchar", "2018-12-10", "2018-12-10 02:00"),
        ("Europe/Berlin", "timestamp", "2024-03-31 01:59", "2024-03-31 00:59"),
        ("Europe/Berlin", "timestamp", "2024-03-31 03:00", "2024-03-31 01:00"),
        ("Europe/Berlin", "timestamp_ns", "2024-02-10 03:00", "2024-02-10 02:00"),
    ],
)
def test_times_are_utc_inside(
    con: duckdb.DuckDBPyConnection,
    crm: FakeCrm,
    tmp_path: Path,
    zone: str,
    natural: str,
    value: str,
    utc: str,
) -> None:
    crm.types["activities"] |= {"happened": natural, "known": natural}
    crm.tables["activities"] = [row(1, happened=value, known=value)]
    given = project(tmp_path, {"activities": source()}, timezone=zone)
    assert read(con, given, "activities").quality.failed == {}
    [found] = stored(con, given, "activities")
    wanted = dt.datetime.fromisoformat(utc)
    assert found["known_at"].replace(second=0, microsecond=0) == wanted
    assert found["happened_at"] == found["known_at"]


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"known": "2024-13-45"}, "known_at"),
        ({"known": None}, "known_at"),
        ({"known": "0001-01-01"}, "known_at"),
        ({"known": "1899-12-30 00:00:00"}, "known_at"),
        ({"known": "infinity"}, "not_in_future(known_at)"),
        ({"happened": "-infinity"}, "happened_at"),
        ({"happened": "soon"}, "happened_at"),
        ({"known": "2099-01-01"}, "not_in_future(known_at)"),
        ({"known": "2024-06-01 21:00:01"}, "not_in_future(known_at)"),
        ({"happened": "2024-05-10", "known": "2024-05-08"}, "known_after_happening"),
        ({"happened": "2099-01-01"}, "known_after_happening"),
    ],
)
def test_impossible_times(
    con: duckdb.DuckDBPyConnection,
    crm: FakeCrm,
    tmp_path: Path,
    changes: dict[str, Any],
    check: str,
) -> None:
    crm.tables["activities"] = [row(1, **changes), row(2)]
    given = made(tmp_path)
    assert read(con, given, "activities").quality.failed == {check: 1}
    assert ids(con, given) == ["e2"]
    assert quarantined(con, given)[0]["_raw"].get("known") is None


@pytest.mark.parametrize(
    ("happened", "known"),
    [
        ("2024-05-10 15:00", "2024-05-10"),  # a date knows no time of day
        ("2024-05-10", "2024-05-10 15:00"),
        ("1900-01-01", "1900-01-01"),
        ("2024-06-01 21:00", "2024-06-01 21:00"),  # noon in UTC: now
    ],
)
def test_possible_times(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path, happened: str, known: str
) -> None:
    crm.tables["activities"] = [row(1, happened=happened, known=known)]
    assert read(con, made(tmp_path), "activities").quality.failed == {}


def test_the_raw_text_of_a_bad_time_is_kept(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["activities"] = [row(1, known="2024-13-45"), row(2)]
    given = made(tmp_path)
    read(con, given, "activities")
    assert quarantined(con, given)[0]["_raw"] == {
        "happened_at": "2024-05-01",
        "known_at": "2024-13-45",
    }


# a mapping that does not fit -------------------------------------------------------------------


def test_all_problems_of_a_mapping_are_told(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.types["activities"]["amount"] = "bigint"
    given = made(
        tmp_path,
        columns={"activity_id": "idd", "account_id": "lower(acount)", "amount": "amount +"},
        known_at="amount",
        where="amuont > 0",
        incremental="knwon",
    )
    with pytest.raises(SourceError, match="mapping of source activities does not fit") as caught:
        read(con, given, "activities", types={"amount": "duoble"})
    text = str(caught.value)
    assert "Did you mean 'id'?" in text
    assert "Did you mean 'account'?" in text
    assert "Parser Error" in text
    assert "known_at: is BIGINT, not a time; use to_timestamp()" in text
    assert "(where): amuont > 0" in text
    assert "Did you mean 'known'?" in text
    assert "received: columns id, account, amount, happened, known in activities" in text
    assert "where: configs/test/sources.yml, sources.activities" in text


@pytest.mark.usefixtures("crm")
def test_an_unknown_type_is_told(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no type 'duoble'\. Did you mean 'double'\?"):
        read(con, made(tmp_path), "activities", types={"amount": "duoble"})


@pytest.mark.usefixtures("crm")
def test_a_mapping_is_checked_without_storing(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = made(tmp_path)
    check_mapping(con, given, store_of(given), "activities", {"amount": "double"})
    with pytest.raises(SourceError, match="does not fit"):
        check_mapping(con, made(tmp_path, known_at="x"), store_of(given), "activities", {})
    assert store_of(given).tables() == []
    assert not given.var.exists()


@pytest.mark.usefixtures("crm")
def test_an_expression_that_breaks_on_a_row(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = made(tmp_path, known_at="strptime(known, '%d.%m.%Y')")
    with pytest.raises(SourceError, match="cannot be mapped") as caught:
        read(con, given, "activities")
    assert caught.value.fix is not None
    assert "try_strptime" in caught.value.fix
    assert store_of(given).manifest("activities") is None


# reading again ---------------------------------------------------------------------------------


def test_an_unchanged_source_is_not_read_again(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.fingerprints["activities"] = "1"
    given = made(tmp_path)
    read(con, given, "activities")
    again = read(con, given, "activities")
    assert (again.unchanged, again.rows, again.new_rows, again.quality.rows) == (True, 2, 0, 2)
    assert len(crm.loads) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"where": "id is not null"},
        {"checks": {"accepted": {"amount": ["10"]}}},
        {"stop_above": 0.5},
        {"columns": {"activity_id": "id", "account_id": "account"}},
    ],
)
def test_a_changed_configuration_reads_again(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path, changes: dict[str, Any]
) -> None:
    crm.fingerprints["activities"] = "1"
    read(con, made(tmp_path), "activities")
    read(con, made(tmp_path, **changes), "activities")
    assert len(crm.loads) == 2


def test_freshness_alone_reads_nothing_again(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.fingerprints["activities"] = "1"
    read(con, made(tmp_path), "activities")
    read(con, made(tmp_path, checks={"fresh_within": 3}), "activities")
    assert len(crm.loads) == 1


def test_identical_content_is_not_written_again(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    given = made(tmp_path)
    read(con, given, "activities")
    parts = store_of(given).needed("activities").parts
    crm.tables["activities"].reverse()
    again = read(con, given, "activities")
    assert (again.unchanged, again.new_rows, again.rows) == (True, 0, 2)
    assert store_of(given).needed("activities").parts == parts


def test_changed_content_replaces_the_table(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    given = made(tmp_path)
    read(con, given, "activities")
    early = store_of(given).checksum("activities", dt.date(2024, 5, 2))
    late = store_of(given).checksum("activities", dt.date(2024, 5, 3))
    crm.tables["activities"] = [row(1), row(2, amount="11"), row(3)]
    report = read(con, given, "activities")
    assert (report.rows, report.unchanged) == (3, False)
    assert ids(con, given) == ["e1", "e2", "e3"]
    assert store_of(given).checksum("activities", dt.date(2024, 5, 2)) == early
    assert store_of(given).checksum("activities", dt.date(2024, 5, 3)) != late


@pytest.mark.usefixtures("crm")
def test_a_changed_mapping_maps_all_rows_anew(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    read(con, made(tmp_path), "activities")
    columns = {"activity_id": "id", "account_id": "upper(account)"}
    given = made(tmp_path, columns=columns)
    read(con, given, "activities")
    assert [r["account_id"] for r in stored(con, given, "activities")] == ["A", "A"]


def test_what_was_in_the_future_comes_in_time(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.fingerprints["activities"] = "1"
    crm.tables["activities"] = [row(1), row(2, happened="2024-06-02", known="2024-06-02")]
    given = made(tmp_path)
    read(con, given, "activities")
    assert ids(con, given) == ["e1"]
    report = read(con, given, "activities", now=NOON + dt.timedelta(days=1))
    assert ids(con, given) == ["e1", "e2"]
    assert report.quality.failed == {}


def test_a_source_that_becomes_empty_changes_nothing(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["activities"].append(row(3, amount="x"))
    given = made(tmp_path)
    read(con, given, "activities", types={"amount": "double"})
    before = store_of(given).manifest("activities")
    for rows in ([], [row(4, amount="x")]):
        crm.tables["activities"] = rows
        with pytest.raises(SourceError, match="activities is empty, but 2 rows were read before"):
            read(con, given, "activities", types={"amount": "double"})
        assert store_of(given).manifest("activities") == before
        assert ids(con, given) == ["e1", "e2"]
    assert [r["activity_id"] for r in quarantined(con, given)] == ["e4"]


def test_a_source_may_begin_empty(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["activities"] = []
    given = made(tmp_path)
    assert read(con, given, "activities").rows == 0
    crm.tables["activities"] = [row(1)]
    assert read(con, given, "activities").rows == 1


# increments ------------------------------------------------------------------------------------


def incremental(folder: Path, **changes: Any) -> Project:
    return made(folder, incremental="known", **changes)


def test_only_what_is_new_is_read(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    given = incremental(tmp_path)
    read(con, given, "activities")
    # the CRM repeats the last moment, where more rows may have come
    crm.tables["activities"] += [row(3), row(4, known="2024-05-02", happened="2024-05-02")]
    report = read(con, given, "activities")
    assert crm.loads[-1] == ("activities", ("known", "2024-05-02"))
    assert (report.rows, report.new_rows, report.unchanged) == (4, 2, False)
    assert ids(con, given) == ["e1", "e2", "e4", "e3"]
    again = read(con, given, "activities")
    assert (again.rows, again.new_rows, again.unchanged) == (4, 0, True)
    assert len(store_of(given).needed("activities").parts) == 2


def test_nothing_new_at_all(con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path) -> None:
    given = incremental(tmp_path)
    read(con, given, "activities")
    crm.tables["activities"] = []
    report = read(con, given, "activities")
    assert (report.rows, report.unchanged) == (2, True)
    assert store_of(given).needed("activities").watermark == "2024-05-02"


def test_a_date_in_the_future_does_not_end_reading(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    given = incremental(tmp_path, stop_above=0.2)
    crm.tables["activities"] = [row(i) for i in range(1, 9)] + [row(9, known="2099-01-01")]
    assert read(con, given, "activities").quality.failed == {"not_in_future(known_at)": 1}
    crm.tables["activities"].append(row(10))
    report = read(con, given, "activities")
    assert (report.rows, report.new_rows) == (9, 1)
    # the bad row was read again, but is neither told nor kept twice
    assert report.quality.failed == {}
    assert [r["activity_id"] for r in quarantined(con, given)] == ["e9"]


def test_one_bad_row_does_not_stop_a_quiet_day(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    given = incremental(tmp_path, stop_above=0.1)
    read(con, given, "activities")
    crm.tables["activities"] += [row(3, account=None)]
    assert read(con, given, "activities").quality.failed == {"not_null(account_id)": 1}
    crm.tables["activities"] += [row(i, id=f"x{i}", account=None) for i in range(4, 16)]
    with pytest.raises(DataQualityError, match="rows of source activities fail checks"):
        read(con, given, "activities")


def test_a_full_read_shows_only_its_own_quarantine(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    given = incremental(tmp_path)
    for number in (3, 5):
        crm.tables["activities"] += [row(number, account=None), row(number + 1)]
        read(con, given, "activities")
    assert len(quarantined(con, given)) == 2
    read(con, incremental(tmp_path, where="id <> 'e3'"), "activities")
    assert [r["activity_id"] for r in quarantined(con, given)] == ["e5"]


@pytest.mark.parametrize("changes", [{"where": "true"}, {"checks": {"not_null": "amount"}}])
def test_another_configuration_reads_everything(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path, changes: dict[str, Any]
) -> None:
    read(con, incremental(tmp_path), "activities")
    crm.tables["activities"].pop()
    given = incremental(tmp_path, **changes)
    read(con, given, "activities")
    assert crm.loads[-1] == ("activities", None)
    assert ids(con, given) == ["e1"]
