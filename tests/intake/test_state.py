from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes import FakeCrm, project, read, state, store_of, stored
from hypothesis import given, settings
from hypothesis import strategies as st

from salesml.config import Project
from salesml.engine import connect
from salesml.errors import SourceError
from salesml.features import create_source_views

COLUMNS = {"account_id": "id", "segment": "segment"}
Rows = list[dict[str, Any]]


def night(number: int) -> dt.datetime:
    return dt.datetime(2024, 1, 1, 17) + dt.timedelta(days=number)


def made(folder: Path, **changes: Any) -> Project:
    return project(folder, {"accounts": state(**{"stop_above": 1, **changes})}, timezone="UTC")


def dated(folder: Path, **changes: Any) -> Project:
    """A source whose rows say when they were changed."""
    return made(folder, known_at="changed", **changes)


def as_of(con: duckdb.DuckDBPyConnection, project: Project, number: int) -> dict[str, Any]:
    """Segments by account, as known on the morning after a night."""
    store, date = store_of(project), night(number).date() + dt.timedelta(days=1)
    create_source_views(
        con, project, store, ["accounts"], known_before=date, as_of=date, bucket=None
    )
    return dict(con.execute("select account_id, segment from accounts order by 1").fetchall())


@pytest.fixture
def crm(fake_crm: FakeCrm) -> FakeCrm:
    fake_crm.types["accounts"] = dict.fromkeys(["id", "segment", "changed"], "varchar")
    return fake_crm


def set_rows(crm: FakeCrm, segments: dict[str, str | None], changed: str = "2024-01-01") -> None:
    crm.tables["accounts"] = [
        {"id": i, "segment": segment, "changed": changed} for i, segment in segments.items()
    ]


def nightly(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, project: Project, *nights: dict[str, str | None]
) -> None:
    for number, segments in enumerate(nights):
        set_rows(crm, segments)
        read(con, project, "accounts", now=night(number))


# versions --------------------------------------------------------------------------------------


def test_nightly_reads_make_a_history(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = made(tmp_path)
    nightly(con, crm, made_, {"a": "S", "b": "A"}, {"a": "B", "b": "A"}, {"a": "B", "c": None})
    assert [as_of(con, made_, n) for n in (-1, 0, 1, 2)] == [
        {},
        {"a": "S", "b": "A"},
        {"a": "B", "b": "A"},
        {"a": "B", "c": None},
    ]
    assert [
        (r["account_id"], r["segment"], r["known_at"], r["_deleted"])
        for r in stored(con, made_, "accounts")
    ] == [
        ("a", "S", night(0), False),
        ("b", "A", night(0), False),
        ("a", "B", night(1), False),
        ("b", "A", night(2), True),
        ("c", None, night(2), False),
    ]


def test_a_row_that_comes_back(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = made(tmp_path)
    nightly(con, crm, made_, {"a": "S", "b": "A"}, {"b": "A"}, {"b": "A"}, {"a": "S", "b": "A"})
    assert [sorted(as_of(con, made_, n)) for n in range(4)] == [
        ["a", "b"],
        ["b"],
        ["b"],
        ["a", "b"],
    ]
    assert len(stored(con, made_, "accounts")) == 4


def test_a_dated_row_that_comes_back_unchanged_counts_from_then(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = dated(tmp_path)
    nightly(con, crm, made_, {"a": "S", "b": "A"}, {"b": "A"}, {"a": "S", "b": "A"})
    assert [sorted(as_of(con, made_, n)) for n in range(3)] == [["a", "b"], ["b"], ["a", "b"]]


def test_nothing_changed(con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path) -> None:
    made_ = made(tmp_path)
    nightly(con, crm, made_, {"a": "S"}, {"a": "S"})
    report = read(con, made_, "accounts", now=night(2))
    assert (report.unchanged, report.new_rows, report.rows) == (True, 0, 1)
    assert store_of(made_).needed("accounts").read_at == night(2).isoformat()


def test_a_date_of_change_is_believed_if_it_is_later(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = dated(tmp_path)
    set_rows(crm, {"a": "S"}, "2024-01-01")
    read(con, made_, "accounts", now=night(5))
    set_rows(crm, {"a": "B"}, "2024-01-04")
    read(con, made_, "accounts", now=night(6))
    assert [as_of(con, made_, n)["a"] for n in (0, 2, 3, 6)] == ["S", "S", "B", "B"]


def test_a_change_without_a_new_date_counts_from_the_read(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = dated(tmp_path)
    nightly(con, crm, made_, {"a": "S"}, {"a": "S"}, {"a": "B"}, {"a": "B"})
    assert [as_of(con, made_, n)["a"] for n in range(4)] == ["S", "S", "B", "B"]
    assert len(stored(con, made_, "accounts")) == 2


def test_a_new_date_without_a_change_adds_nothing(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = dated(tmp_path)
    for number in range(3):
        set_rows(crm, {"a": "S"}, f"2024-01-0{number + 1}")
        read(con, made_, "accounts", now=night(number))
    assert len(stored(con, made_, "accounts")) == 1


def test_a_clock_set_back_hides_nothing(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = made(tmp_path)
    for number, segment in ((5, "S"), (3, "A"), (3, "B"), (3, "B")):
        set_rows(crm, {"a": segment})
        read(con, made_, "accounts", now=night(number))
    assert [as_of(con, made_, n) for n in (4, 5)] == [{}, {"a": "B"}]
    assert len(stored(con, made_, "accounts")) == 3


def test_a_bad_row_keeps_its_last_good_version(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = made(tmp_path, checks={"accepted": {"segment": ["S", "A"]}})
    nightly(con, crm, made_, {"a": "S", "b": "A"}, {"a": "?", "b": "S"})
    assert as_of(con, made_, 1) == {"a": "S", "b": "S"}


def test_a_source_with_its_own_history(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = dated(tmp_path)
    history = [
        {"id": "a", "segment": "S", "changed": "2024-01-01"},
        {"id": "a", "segment": "A", "changed": "2024-01-03"},
    ]
    crm.tables["accounts"] = list(history)
    read(con, made_, "accounts", now=night(4))
    crm.tables["accounts"] = [
        {"id": "a", "segment": "B", "changed": "2024-01-02"},  # learnt late
        {"id": "a", "segment": "C", "changed": "2024-01-05"},
        *history,
    ]
    read(con, made_, "accounts", now=night(5))
    read(con, made_, "accounts", now=night(6))
    assert [as_of(con, made_, n)["a"] for n in range(5)] == ["S", "B", "A", "A", "C"]
    assert len(stored(con, made_, "accounts")) == 4


def test_increments_do_not_delete(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = dated(tmp_path, incremental="changed")
    set_rows(crm, {"a": "S", "b": "A"}, "2024-01-01")
    read(con, made_, "accounts", now=night(0))
    set_rows(crm, {"b": "B"}, "2024-01-02")
    read(con, made_, "accounts", now=night(1))
    assert crm.loads[-1] == ("accounts", ("changed", "2024-01-01"))
    assert as_of(con, made_, 1) == {"a": "S", "b": "B"}


def test_an_empty_read_deletes_nothing(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    made_ = made(tmp_path)
    nightly(con, crm, made_, {"a": "S"})
    set_rows(crm, {})
    with pytest.raises(SourceError, match="accounts is empty, but 1 rows were read before"):
        read(con, made_, "accounts", now=night(1))
    assert as_of(con, made_, 1) == {"a": "S"}


# a changed mapping -----------------------------------------------------------------------------


def test_without_history_a_changed_mapping_rebuilds(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    nightly(con, crm, dated(tmp_path), {"a": "S"}, {"a": "S"})
    lower = dated(tmp_path, columns={"account_id": "id", "segment": "lower(segment)"})
    read(con, lower, "accounts", now=night(2))
    assert as_of(con, lower, 0) == {"a": "s"}
    assert len(stored(con, lower, "accounts")) == 1


@pytest.mark.parametrize("how", [made, dated])
def test_history_that_was_collected_outlives_a_changed_mapping(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path, how: Any
) -> None:
    nightly(con, crm, how(tmp_path), {"a": "S", "b": "A", "c": "C"}, {"a": "S", "b": "B"})
    lower = how(tmp_path, columns={"account_id": "id", "segment": "lower(segment)", "mail": "'x'"})
    report = read(con, lower, "accounts", now=night(2))
    assert [as_of(con, lower, n) for n in range(3)] == [
        {"a": "S", "b": "A", "c": "C"},
        {"a": "S", "b": "B"},
        {"a": "s", "b": "b"},
    ]
    assert report.new_rows == report.rows == 7
    mails = [r["mail"] for r in stored(con, lower, "accounts")]
    assert mails == [None] * 5 + ["x"] * 2
    again = read(con, lower, "accounts", now=night(3))
    assert again.unchanged


def test_collected_history_moves_to_other_buckets(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    nightly(con, crm, made(tmp_path), {str(i): "S" for i in range(20)}, {"1": "A", "2": "S"})
    more = project(tmp_path, made(tmp_path).sources, timezone="UTC", buckets=7)
    read(con, more, "accounts", now=night(2))
    assert as_of(con, more, 0) == {str(i): "S" for i in range(20)}
    assert as_of(con, more, 2) == {"1": "A", "2": "S"}
    store = store_of(more)
    counts = [
        con.execute(f"select count(*) from {store.relation('accounts', f'{i:03d}')}").fetchall()
        for i in range(7)
    ]
    assert sum(c[0][0] for c in counts) == store.needed("accounts").rows == 39


def test_collected_history_takes_the_new_types(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    nightly(con, crm, made(tmp_path), {"a": "1", "b": "x"}, {"a": "2", "b": "y"})
    read(con, made(tmp_path), "accounts", now=night(2), types={"segment": "double"})
    made_ = made(tmp_path)
    assert as_of(con, made_, 0) == {"a": 1.0, "b": None}
    assert as_of(con, made_, 2) == {"a": 2.0, "b": None}


def test_a_source_with_its_own_history_is_rebuilt_from_it(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    crm.tables["accounts"] = [{"id": "a", "segment": "S", "changed": "2024-01-01"}]
    read(con, dated(tmp_path), "accounts", now=night(0))
    crm.tables["accounts"].append({"id": "a", "segment": "A", "changed": "2024-01-02"})
    read(con, dated(tmp_path), "accounts", now=night(1))
    lower = dated(tmp_path, columns={"account_id": "id", "segment": "lower(segment)"})
    read(con, lower, "accounts", now=night(2))
    assert [as_of(con, lower, n)["a"] for n in range(3)] == ["s", "a", "a"]


def test_events_that_become_state_begin_anew(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    set_rows(crm, {"a": "S"})
    as_events = dated(tmp_path, kind="events", happened_at="changed")
    read(con, as_events, "accounts", now=night(0))
    read(con, dated(tmp_path), "accounts", now=night(1))
    assert as_of(con, dated(tmp_path), 1) == {"a": "S"}


def test_another_key_begins_anew(
    con: duckdb.DuckDBPyConnection, crm: FakeCrm, tmp_path: Path
) -> None:
    nightly(con, crm, made(tmp_path), {"a": "S"}, {"a": "A"})
    other = made(tmp_path, key=["account_id", "segment"])
    read(con, other, "accounts", now=night(2))
    assert len(stored(con, other, "accounts")) == 1


# against a naive account of it ------------------------------------------------------------------

SEGMENTS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["S", "A", "?"]), min_size=1)


def known(before: dict[str, str], segments: dict[str, str]) -> dict[str, str]:
    """What is known after a night that saw *segments*, where ``?`` fails the checks."""
    kept = {i: before[i] for i, s in segments.items() if s == "?" and i in before}
    return {i: s for i, s in segments.items() if s != "?"} | kept


@settings(max_examples=15)
@given(
    nights=st.lists(SEGMENTS.filter(lambda s: set(s.values()) != {"?"}), min_size=1, max_size=5),
    changes=st.lists(st.integers(0, 5), min_size=5, max_size=5),
    is_dated=st.booleans(),
    remapped=st.integers(0, 6),
)
def test_the_past_stays_and_the_present_is_what_was_read(
    tmp_path_factory: pytest.TempPathFactory,
    nights: list[dict[str, str]],
    changes: list[int],
    is_dated: bool,
    remapped: int,
) -> None:
    folder, crm = tmp_path_factory.mktemp("state"), FakeCrm()
    crm.types["accounts"] = dict.fromkeys(["id", "segment", "changed"], "varchar")
    how = dated if is_dated else made
    checks = {"accepted": {"segment": ["S", "A"]}}
    with pytest.MonkeyPatch.context() as patch, connect(threads=1) as con:
        patch.setattr("salesml.crm.connect", crm.connect)
        states: list[dict[str, str]] = []
        for number, segments in enumerate(nights):
            more = {"columns": {**COLUMNS, "mail": "'x'"}} if number >= remapped else {}
            made_ = how(folder, checks=checks, **more)
            # a row may bear any date of change up to the night
            set_rows(crm, segments, str(night(min(number - 1, changes[number] - 3)).date()))  # type: ignore[arg-type]
            read(con, made_, "accounts", now=night(number))
            states.append(known(states[-1] if states else {}, segments))
            assert as_of(con, made_, number) == states[-1]
            if not is_dated:
                assert [as_of(con, made_, n) for n in range(number)] == states[:-1]
