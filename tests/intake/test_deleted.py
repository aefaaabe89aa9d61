"""Rows that a system still shows, but says it has deleted."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes import FakeCrm, project, read, source, state, store_of, stored

from salesml.config import Project
from salesml.errors import SourceError
from salesml.features import create_source_views

KINDS = {"id": "varchar", "segment": "varchar", "changed": "varchar", "_deleted": "boolean"}


def night(number: int) -> dt.datetime:
    return dt.datetime(2024, 1, 1, 17) + dt.timedelta(days=number)


def made(folder: Path, **changes: Any) -> Project:
    plain = {"incremental": "changed", "known_at": "changed", "stop_above": 0}
    return project(folder, {"accounts": state(**{**plain, **changes})}, timezone="UTC")


def row(account: str, segment: str | None, number: int, *, deleted: bool = False) -> dict[str, Any]:
    changed = None if segment is None else str(night(number))
    return {"id": account, "segment": segment, "changed": changed, "_deleted": deleted}


def as_of(con: duckdb.DuckDBPyConnection, given: Project, number: int) -> dict[str, Any]:
    """Segments by account, as known on the morning after a night."""
    date = night(number).date() + dt.timedelta(days=1)
    create_source_views(
        con, given, store_of(given), ["accounts"], known_before=date, as_of=date, bucket=None
    )
    return dict(con.execute("select account_id, segment from accounts order by 1").fetchall())


class Nights:
    """A CRM that gives each night just the rows it is told to."""

    def __init__(self, con: duckdb.DuckDBPyConnection, crm: FakeCrm, given: Project) -> None:
        self.con, self.crm, self.given = con, crm, given
        self.known: list[dict[str, Any]] = []
        crm.types["accounts"] = KINDS

    def read(self, *rows: dict[str, Any]) -> dict[str, Any]:
        number = len(self.known)
        self.crm.tables["accounts"] = list(rows)
        self.report = read(self.con, self.given, "accounts", now=night(number))
        self.known.append(as_of(self.con, self.given, number))
        assert [as_of(self.con, self.given, n) for n in range(number + 1)] == self.known
        return self.known[-1]


@pytest.fixture
def nights(
    con: duckdb.DuckDBPyConnection,
    fake_crm: FakeCrm,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Nights:
    monkeypatch.setattr("salesml.intake.reading._Reading._since", lambda _: None)
    return Nights(con, fake_crm, made(tmp_path))


@pytest.fixture
def increments(con: duckdb.DuckDBPyConnection, fake_crm: FakeCrm, tmp_path: Path) -> Nights:
    load = fake_crm.load

    def all_rows(*arguments: Any, **options: Any) -> None:
        load(*arguments, **{**options, "since": None})

    fake_crm.load = all_rows  # type: ignore[method-assign]
    return Nights(con, fake_crm, made(tmp_path))


def test_a_deleted_row_is_gone_from_the_read_on(increments: Nights) -> None:
    assert increments.read(row("a", "S", 0), row("b", "A", 0)) == {"a": "S", "b": "A"}
    assert increments.read(row("b", "A", 0, deleted=True)) == {"a": "S"}
    assert increments.report.new_rows == 1
    assert increments.read(row("b", "A", 0, deleted=True)) == {"a": "S"}
    assert increments.report.unchanged


def test_of_a_deleted_row_only_the_key_need_be_known(increments: Nights) -> None:
    increments.read(row("a", "S", 0), row("b", "A", 0))
    assert increments.read(row("b", None, 1, deleted=True)) == {"a": "S"}
    assert increments.report.quality.failed == {}


def test_a_deleted_row_that_was_never_there_adds_nothing(increments: Nights) -> None:
    first = increments.read(row("a", "S", 0), row("x", "A", 0, deleted=True))
    assert first == {"a": "S"}
    assert increments.read(row("y", None, 1, deleted=True)) == {"a": "S"}
    assert increments.report.rows == 1


def test_a_row_that_is_restored_counts_again(increments: Nights) -> None:
    increments.read(row("a", "S", 0))
    assert increments.read(row("a", "S", 0, deleted=True)) == {}
    assert increments.read(row("a", "S", 0)) == {"a": "S"}


def test_a_row_told_both_ways_is_there(increments: Nights) -> None:
    increments.read(row("a", "S", 0))
    both = increments.read(row("a", "S", 0, deleted=True), row("a", "B", 1))
    assert both == {"a": "B"}


def test_complete_reads_know_it_too(nights: Nights) -> None:
    nights.read(row("a", "S", 0), row("b", "A", 0), row("c", "A", 0))
    assert nights.read(row("a", "S", 0), row("b", "A", 0, deleted=True)) == {"a": "S"}


def test_a_system_whose_rows_are_all_deleted_is_suspect(nights: Nights) -> None:
    nights.read(row("a", "S", 0))
    with pytest.raises(SourceError, match="is empty"):
        nights.read(row("a", "S", 0, deleted=True))


def test_deleted_events_are_not_added(
    con: duckdb.DuckDBPyConnection, fake_crm: FakeCrm, tmp_path: Path
) -> None:
    texts = dict.fromkeys(["id", "account", "amount", "happened", "known"], "varchar")
    fake_crm.types["activities"] = {**texts, "_deleted": "boolean"}
    given = project(tmp_path, {"activities": source(incremental="known", stop_above=0)})

    def event(number: int, *, deleted: bool) -> dict[str, Any]:
        day = f"2024-05-{number:02d}"
        plain = {"id": f"e{number}", "account": "a", "amount": "1", "happened": day, "known": day}
        return {**plain, "_deleted": deleted}

    fake_crm.tables["activities"] = [event(1, deleted=False), event(2, deleted=True)]
    read(con, given, "activities")
    fake_crm.tables["activities"] = [event(1, deleted=True), event(3, deleted=False)]
    read(con, given, "activities")
    assert [r["activity_id"] for r in stored(con, given, "activities")] == ["e1", "e3"]


def test_deleted_rows_are_joined_to_nothing(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("line,order,day\n1,x,2024-05-01\n2,y,2024-05-01\n")
    # a database of one's own may tell in the same way, as text too
    (tmp_path / "orders.csv").write_text("order,account,_deleted\nx,a,false\nx,b,true\ny,c,true\n")
    columns = {"activity_id": "line", "account_id": "header.account"}
    joined = source(
        table="lines.csv",
        joins={"header": {"table": "orders.csv", "on": "order"}},
        happened_at="day",
        known_at="day",
        columns=columns,
        stop_above=1,
    )
    given = project(tmp_path, {"a": joined})
    assert read(con, given, "a").quality.failed == {"not_null(account_id)": 1}
    assert [r["account_id"] for r in stored(con, given, "a")] == ["a"]


def test_a_database_may_tell_with_numbers(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite"

    def run(statement: str) -> None:
        with closing(sqlite3.connect(path)) as crm, crm:
            crm.execute(statement)

    run("create table accounts (id text, segment text, changed text, _deleted integer)")
    run("insert into accounts values ('a', 'S', '2024-01-01', 0), ('b', 'A', '2024-01-01', null)")
    given = replace(made(tmp_path), connections={"crm": {"type": "sqlite", "path": str(path)}})
    read(con, given, "accounts", now=night(0))
    run("update accounts set _deleted = 1, changed = '2024-01-02' where id = 'a'")
    read(con, given, "accounts", now=night(1))
    assert as_of(con, given, 1) == {"b": "A"}
