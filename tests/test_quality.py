from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes import FakeCrm, project, read, source, state, store_of, stored

from salesml.config import Project
from salesml.errors import DataQualityError
from salesml.quality import QualityReport

TEXTS = dict.fromkeys(["id", "account", "amount", "channel", "day"], "varchar")
COLUMNS = {"activity_id": "id", "account_id": "account", "amount": "amount", "channel": "channel"}


def row(number: int, **changes: Any) -> dict[str, Any]:
    plain = {"id": f"e{number}", "account": "a", "amount": "10", "channel": "mail"}
    return {**plain, "day": "2024-05-01", **changes}


@pytest.fixture
def crm(fake_crm: FakeCrm) -> FakeCrm:
    fake_crm.types["activities"] = dict(TEXTS)
    return fake_crm


def made(folder: Path, checks: dict[str, Any], **changes: Any) -> Project:
    given = {"columns": COLUMNS, "happened_at": "day", "known_at": "day", "stop_above": 1}
    return project(folder, {"activities": source(checks=checks, **{**given, **changes})})


def ids(con: duckdb.DuckDBPyConnection, given: Project) -> list[str]:
    return [r["activity_id"] for r in stored(con, given, "activities")]


@pytest.mark.parametrize(
    ("checks", "changes", "failing"),
    [
        ({"not_null": "channel"}, {"channel": " "}, "not_null(channel)"),
        ({"not_null": ["account_id", "channel"]}, {"account": None}, "not_null(account_id)"),
        ({}, {"id": None}, "not_null(activity_id)"),
        ({"accepted": {"channel": ["mail", "phone"]}}, {"channel": "mial"}, "accepted(channel)"),
        ({"accepted": {"amount": [10, 20]}}, {"amount": "x"}, "accepted(amount)"),
        ({"accepted": {"channel": ["mail", True]}}, {"channel": "false"}, "accepted(channel)"),
        ({"accepted": {"channel": ["mail", None]}}, {"channel": "x"}, "accepted(channel)"),
        ({"range": {"amount": [0, None]}}, {"amount": "-1"}, "range(amount)"),
        ({"range": {"amount": [None, 100.5]}}, {"amount": "101"}, "range(amount)"),
        ({"range": {"amount": [0, 100]}}, {"amount": "many"}, "type(amount)"),
        ({"unique": "amount"}, {}, "unique(amount)"),
    ],
)
def test_checks(
    con: duckdb.DuckDBPyConnection,
    crm: FakeCrm,
    tmp_path: Path,
    checks: dict[str, Any],
    changes: dict[str, Any],
    failing: str,
) -> None:
    crm.tables["activities"] = [row(1), row(2, **changes)]
    given = made(tmp_path, checks)
    report = read(con, given, "activities").quality
    assert (report.failed, report.rows, report.quarantined, report.share) == (
        {failing: 1},
        2,
        1,
        0.5,
    )
    assert ids(con, given) == ["e1"]


@pytest.mark.parametrize(
    ("checks", "changes"),
    [
        ({"accepted": {"channel": ["phone"]}}, {"channel": None}),
        ({"accepted": {"channel": [None]}}, {}),
        ({"range": {"amount": [0, 9]}}, {"amount": ""}),
        ({"range": {"amount": [10, 10]}}, {}),
        ({"range": {"amount": [None, None]}}, {"amount": "-5"}),
        ({"unique": "channel"}, {"channel": None}),
        ({"accepted": {"amount": [10]}}, {}),
    ],
)
def test_what_passes(
    con: duckdb.DuckDBPyConnection,
    crm: FakeCrm,
    tmp_path: Path,
    checks: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    other = {"amount": "10"} if "unique" in checks else {}
    crm.tables["activities"] = [row(1, **changes), row(2, **{**other, **changes})]
    assert read(con, made(tmp_path, checks), "activities").quality.failed == {}


def test_a_row_is_counted_by_every_check_it_fails(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["activities"] = [row(1), row(2, channel="x", amount="-1"), row(3, channel="y")]
    given = made(tmp_path, {"accepted": {"channel": ["mail"]}, "range": {"amount": [0, None]}})
    report = read(con, given, "activities").quality
    assert report.failed == {"accepted(channel)": 2, "range(amount)": 1}
    assert report.quarantined == 2
    assert report.lines() == [
        "activities: 2 rows fail accepted(channel)",
        "activities: 1 rows fail range(amount)",
    ]


def test_no_rows_fail_no_check() -> None:
    assert QualityReport("a", 0, 0).share == 0.0


# duplicates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_of_rows_with_one_key_the_first_known_stands(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path, reverse: bool
) -> None:
    rows = [
        row(1),
        row(1),  # exactly the same
        row(2, day="2024-05-03", amount="30"),
        row(2, day="2024-05-02", amount="20"),
        row(2, day="2024-05-04", amount="40"),
        row(3, day="2024-05-01", amount="x"),
    ]
    crm.tables["activities"] = rows[::-1] if reverse else rows
    given = made(tmp_path, {})
    report = read(con, given, "activities").quality
    assert report.failed == {"unique(activity_id)": 3}
    found = {r["activity_id"]: r["amount"] for r in stored(con, given, "activities")}
    assert found == {"e1": "10", "e2": "20", "e3": "x"}


@pytest.mark.parametrize("reverse", [False, True])
def test_among_rows_known_at_once_the_order_of_the_file_does_not_matter(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path, reverse: bool
) -> None:
    rows = [row(1, amount=str(i)) for i in range(9)]
    crm.tables["activities"] = rows[::-1] if reverse else rows
    given = made(tmp_path, {})
    read(con, given, "activities")
    [kept] = stored(con, given, "activities")
    crm.tables["activities"] = sorted(rows, key=lambda r: (int(r["amount"]) * 7) % 9)
    read(con, given, "activities")
    assert stored(con, given, "activities") == [kept]


def test_a_bad_row_does_not_make_a_good_one_a_duplicate(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["activities"] = [row(1, day="2024-04-01", channel="x"), row(1)]
    given = made(tmp_path, {"accepted": {"channel": ["mail"]}})
    assert read(con, given, "activities").quality.failed == {"accepted(channel)": 1}
    assert ids(con, given) == ["e1"]


def test_a_key_of_several_columns(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["activities"] = [row(1, channel="a"), row(1, channel="b"), row(1, channel="b")]
    given = made(tmp_path, {}, key=["activity_id", "channel"])
    assert read(con, given, "activities").quality.failed == {"unique(activity_id, channel)": 1}


def test_versions_of_a_row_are_no_duplicates(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.types["accounts"] = dict.fromkeys(["id", "mail", "day"], "varchar")
    crm.tables["accounts"] = [
        {"id": "a", "mail": "x", "day": "2024-01-01"},
        {"id": "a", "mail": "x", "day": "2024-02-01"},
        {"id": "a", "mail": "y", "day": "2024-02-01"},
        {"id": "b", "mail": "x", "day": "2024-03-01"},
    ]
    columns = {"account_id": "id", "mail": "mail"}
    checks = {"unique": "mail"}
    given = project(
        tmp_path,
        {"accounts": state(known_at="day", columns=columns, checks=checks, stop_above=1)},
    )
    report = read(con, given, "accounts").quality
    # the second version of February, and the mail that another account had first
    assert report.failed == {"unique(account_id, known_at)": 1, "unique(mail)": 1}
    assert [(r["account_id"], r["known_at"].month) for r in stored(con, given, "accounts")] == [
        ("a", 12),
        ("a", 1),
    ]


# references ------------------------------------------------------------------------------------


def referring(folder: Path, **checks: Any) -> Project:
    accounts = state(columns={"account_id": "id", "parent_id": "parent"}, stop_above=1, **checks)
    activities = source(
        columns=COLUMNS,
        happened_at="day",
        known_at="day",
        stop_above=1,
        checks={"refers_to": {"account_id": "accounts.account_id"}},
    )
    return project(folder, {"accounts": accounts, "activities": activities})


def test_references(con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path) -> None:
    crm.types["accounts"] = dict.fromkeys(["id", "parent"], "varchar")
    crm.tables["accounts"] = [{"id": "a", "parent": None}, {"id": None, "parent": None}]
    crm.tables["activities"] = [row(1), row(2, account="z")]
    crm.fingerprints["activities"] = "1"
    given = referring(tmp_path)
    read(con, given, "accounts")
    assert read(con, given, "activities").quality.failed == {"refers_to(account_id)": 1}
    # once the account is there, the row is good, although its own table did not change
    crm.tables["accounts"].append({"id": "z", "parent": None})
    read(con, given, "accounts")
    assert read(con, given, "activities").quality.failed == {}
    assert ids(con, given) == ["e1", "e2"]


def test_null_in_the_target_hides_no_orphan(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.types["accounts"] = dict.fromkeys(["id", "parent"], "varchar")
    crm.tables["accounts"] = [{"id": "a", "parent": None}]
    crm.tables["activities"] = [row(1, account="z")]
    given = referring(tmp_path)
    read(con, given, "accounts")
    checks = {"refers_to": {"account_id": "accounts.parent_id"}}
    sources = {**given.sources, "activities": made(tmp_path, checks).sources["activities"]}
    given = project(tmp_path, sources)
    assert read(con, given, "activities").quality.failed == {"refers_to(account_id)": 1}


def test_a_source_may_refer_to_itself(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.types["accounts"] = dict.fromkeys(["id", "parent"], "varchar")
    crm.tables["accounts"] = [
        {"id": "a", "parent": None},
        {"id": "b", "parent": "a"},
        {"id": "c", "parent": "x"},
    ]
    given = referring(tmp_path, checks={"refers_to": {"parent_id": "accounts.account_id"}})
    assert read(con, given, "accounts").quality.failed == {"refers_to(parent_id)": 1}
    assert read(con, given, "accounts").quality.failed == {"refers_to(parent_id)": 1}


# stopping --------------------------------------------------------------------------------------


def test_too_many_bad_rows_stop_the_run(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["activities"] = [row(i) for i in range(7)]
    given = made(tmp_path, {"accepted": {"channel": ["mail"]}}, stop_above=0.25)
    read(con, given, "activities")
    before = store_of(given).manifest("activities")
    crm.tables["activities"] = [row(i) for i in range(3)] + [row(9, channel="x")]
    read(con, given, "activities")  # a quarter exactly is allowed
    crm.tables["activities"] = [row(1), row(2), row(8, channel="x"), row(9, channel="x")]
    with pytest.raises(DataQualityError, match=r"50\.0% of the rows of source") as caught:
        read(con, given, "activities")
    assert caught.value.received == "activities: 2 rows fail accepted(channel)"
    assert caught.value.where is not None
    assert str(given.var / "quarantine" / "activities") in caught.value.where
    assert "'channel': 'x'" in caught.value.where
    assert caught.value.fix is not None
    after = store_of(given).manifest("activities")
    assert before is not None
    assert after is not None
    assert (before.rows, after.rows) == (7, 3)


def test_quarantine_shows_the_last_read(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    given = made(tmp_path, {"accepted": {"channel": ["mail"]}})
    for bad in (["x", "y"], ["z"], []):
        crm.tables["activities"] = [row(0), *(row(i, channel=c) for i, c in enumerate(bad, 1))]
        read(con, given, "activities")
        files = given.var / "quarantine" / "activities" / "*.parquet"
        found = con.execute(f"select channel from '{files}' order by 1").fetchall()
        assert [r[0] for r in found] == bad
