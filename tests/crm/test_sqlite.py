"""Reading SQLite."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesml.crm import connect
from salesml.errors import SourceError

Rows = Sequence[Sequence[object]]


def make(path: Path, columns: str, rows: Rows, table: str = "t") -> None:
    with closing(sqlite3.connect(path)) as link, link:
        link.execute(f'drop table if exists "{table}"')
        link.execute(f'create table "{table}" ({columns})')
        for row in rows:
            link.execute(f'insert into "{table}" values ({", ".join("?" * len(row))})', row)


def read(path: Path, since: tuple[str, str] | None = None, table: str = "t") -> Any:
    """Types and rows of *table* as loaded."""
    with duckdb.connect() as con:
        connect("crm", {"type": "sqlite", "path": str(path)}).load(
            con, table, "raw", options={}, since=since
        )
        kinds = {row[0]: row[1] for row in con.execute("describe raw").fetchall()}
        return kinds, con.execute("from raw").fetchall()


def test_declared_types_are_kept_where_values_conform(tmp_path: Path) -> None:
    columns = "i integer, r real, s text, n decimal(9, 2), d date, b blob, x, w numeric"
    rows = [
        (2**62, 1, "日\x00本😀", 1.5, "2025-01-01", b"\x00\xff", "free", 3),
        (None, 0.1, "", 2, None, None, None, None),
    ]
    make(tmp_path / "crm.db", columns, rows)
    kinds, found = read(tmp_path / "crm.db")
    assert list(kinds.values()) == [
        *("BIGINT", "DOUBLE", "VARCHAR", "DOUBLE", "VARCHAR", "BLOB", "VARCHAR", "BIGINT")
    ]
    assert found == [
        (2**62, 1.0, "日\x00本😀", 1.5, "2025-01-01", b"\x00\xff", "free", 3),
        (None, 0.1, "", 2.0, None, None, None, None),
    ]


def test_columns_with_strays_are_text(tmp_path: Path) -> None:
    rows = [(1, 1.5, b"\xff", 7), ("12abc", "n/a", "b", b"a"), (None, 2, None, 0.30000000000000004)]
    make(tmp_path / "crm.db", "i integer, r real, b blob, s", rows)
    kinds, found = read(tmp_path / "crm.db")
    assert set(kinds.values()) == {"VARCHAR"}
    assert found == [
        ("1", "1.5", "ff", "7"),
        ("12abc", "n/a", "b", "61"),
        (None, "2.0", None, "0.30000000000000004"),
    ]


def test_whole_column_of_fractions_is_text(tmp_path: Path) -> None:
    make(tmp_path / "crm.db", "i integer", [(1.5,), (2,)])
    assert read(tmp_path / "crm.db") == ({"i": "VARCHAR"}, [("1.5",), ("2",)])


def test_empty_table_keeps_declared_types(tmp_path: Path) -> None:
    make(tmp_path / "crm.db", "i integer, r real, s text", [])
    assert read(tmp_path / "crm.db") == ({"i": "BIGINT", "r": "DOUBLE", "s": "VARCHAR"}, [])


def test_since_compares_in_the_type_of_the_column(tmp_path: Path) -> None:
    make(tmp_path / "crm.db", "i integer, s text, x", [(9, "9", 9), (10, "10", 10)])
    assert read(tmp_path / "crm.db", ("i", "10"))[1] == [(10, "10", "10")]
    assert read(tmp_path / "crm.db", ("s", "9"))[1] == [(9, "9", "9")]
    assert read(tmp_path / "crm.db", ("x", "10"))[1] == [(10, "10", "10")]
    with pytest.raises(SourceError, match="Did you mean 's'"):
        read(tmp_path / "crm.db", ("ss", "9"))


def test_many_batches_and_strange_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesml.crm.sqlite._BATCH", 7)
    make(
        tmp_path / "a b?#%.db",
        '"k""1" integer, "値 %" text',
        [(i, str(i)) for i in range(30)],
        "表",
    )
    kinds, found = read(tmp_path / "a b?#%.db", table="表")
    assert list(kinds) == ['k"1', "値 %"]
    assert found == [(i, str(i)) for i in range(30)]


def test_views_are_read(tmp_path: Path) -> None:
    make(tmp_path / "crm.db", "i integer, s text", [(1, "a")])
    with closing(sqlite3.connect(tmp_path / "crm.db")) as link:
        link.execute("create view v as select i, i + 1 as next from t")
    assert read(tmp_path / "crm.db", table="v")[1] == [(1, "2")]


def test_reading_leaves_the_file_alone(tmp_path: Path) -> None:
    make(tmp_path / "crm.db", "i integer", [(1,)])
    before = (tmp_path / "crm.db").read_bytes()
    read(tmp_path / "crm.db")
    assert (tmp_path / "crm.db").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["crm.db"]


def test_missing_table_and_file_have_near_misses(tmp_path: Path) -> None:
    make(tmp_path / "crm.sqlite", "i integer", [], "accounts")
    with pytest.raises(SourceError, match="Did you mean 'accounts'"):
        read(tmp_path / "crm.sqlite", table="account")
    with pytest.raises(SourceError, match=r"Did you mean 'crm\.sqlite'"):
        read(tmp_path / "crm.sqlit")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "crm.db").write_bytes(b"no database, but long enough to be looked at" * 50)
    with pytest.raises(SourceError, match="not a database"):
        read(tmp_path / "crm.db")


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "crm.db", "s text", [])
    with closing(sqlite3.connect(tmp_path / "crm.db")) as link, link:
        link.execute("insert into t values (cast(x'82a0' as text))")
    with pytest.raises(SourceError, match="column 's'"):
        read(tmp_path / "crm.db")


def test_databases_have_no_fingerprint(tmp_path: Path) -> None:
    connection = connect("crm", {"type": "sqlite", "path": str(tmp_path / "crm.db")})
    assert connection.fingerprint("t") is None


values = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=4)
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(*[st.one_of(values, st.text(max_size=5))] * 5), max_size=6),
)
def test_any_value_can_be_read(rows: list[tuple[object, ...]], tmp_path: Path) -> None:
    try:
        make(tmp_path / "crm.db", "a integer, b real, c text, d numeric, e", rows)
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text
    found = read(tmp_path / "crm.db")[1]
    assert len(found) == len(rows)
    stored = [[v is None for v in row] for row in rows]
    assert [[v is None for v in row] for row in found] == stored


def test_times_stay_the_text_they_are(tmp_path: Path) -> None:
    written = str(dt.datetime(2025, 1, 2, 3, 4, 5))
    make(tmp_path / "crm.db", "at timestamp", [(written,)])
    assert read(tmp_path / "crm.db") == ({"at": "VARCHAR"}, [("2025-01-02 03:04:05",)])


def test_what_a_writer_that_died_left_half_done_is_rolled_back(tmp_path: Path) -> None:
    alive, dead = tmp_path / "alive.db", tmp_path / "dead.db"
    make(alive, "a integer, b text", [(n, "x" * 500) for n in range(200)])
    with closing(sqlite3.connect(alive, isolation_level=None)) as link:
        link.execute("pragma cache_size = 1")  # so that half of it is in the file already
        link.execute("begin immediate")
        link.execute("update t set a = -1, b = 'y' || b")
        for end in ("", "-journal"):
            shutil.copy(f"{alive}{end}", f"{dead}{end}")
        link.execute("rollback")
    assert b"yxxx" in dead.read_bytes()
    assert [row[0] for row in read(dead)[1]] == list(range(200))
