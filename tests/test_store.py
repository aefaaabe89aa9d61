from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesml.engine import connect, one
from salesml.errors import SourceError
from salesml.store import Manifest, Store, bucket_of, layout_of, write_atomically

COLUMNS = {"account_id": "VARCHAR", "amount": "DOUBLE", "known_at": "TIMESTAMP"}
Row = tuple[str, float | None, dt.datetime]
DAY = dt.datetime(2024, 1, 1)


def manifest(rows: list[Row], **changes: Any) -> Manifest:
    counts = Counter(row[2].date().isoformat() for row in rows)
    days = {day: (n, n * 7) for day, n in counts.items()}
    plain = Manifest("layout", "events", "account_id", ["account_id"], 4, COLUMNS, days=days)
    return replace(plain, **changes)


def write(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    rows: list[Row],
    *,
    append: bool = False,
    **changes: Any,
) -> Manifest:
    con.execute(
        "create or replace table given (account_id text, amount double, known_at timestamp)"
    )
    if rows:
        con.executemany("insert into given values (?, ?, ?)", rows)
    return store.write(con, "t", "given", manifest(rows, **changes), append=append)


def rows_of(con: duckdb.DuckDBPyConnection, store: Store, bucket: str | None = None) -> list[Row]:
    return con.execute(f"from {store.relation('t', bucket)} order by all").fetchall()


def day(number: int) -> dt.datetime:
    return DAY + dt.timedelta(days=number)


ROWS: list[Row] = [("a", 1.0, day(0)), ("b", None, day(1)), ("c", 3.0, day(2))]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data", 4)


def test_rows_come_back(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    merged = write(con, store, ROWS)
    assert rows_of(con, store) == ROWS
    assert merged == store.manifest("t")
    assert (merged.rows, len(merged.parts), store.tables()) == (3, 1, ["t"])
    assert (merged.first_known(), merged.last_known(dt.date(2024, 1, 3))) == (
        dt.date(2024, 1, 1),
        dt.date(2024, 1, 2),
    )
    assert merged.last_known(dt.date(2024, 1, 1)) is None


def test_an_appended_part_adds_to_the_table(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    write(con, store, ROWS)
    merged = write(con, store, [("d", 4.0, day(2))], append=True)
    assert rows_of(con, store) == [*ROWS, ("d", 4.0, day(2))]
    assert merged.rows == 4
    assert merged.days["2024-01-03"] == (2, 14)


def test_a_replaced_table_leaves_nothing_behind(
    con: duckdb.DuckDBPyConnection, store: Store
) -> None:
    write(con, store, ROWS)
    write(con, store, [("z", 0.0, day(5))])
    assert rows_of(con, store) == [("z", 0.0, day(5))]
    assert len([p for p in (store.root / "t").iterdir() if p.is_dir()]) == 1


def test_no_rows(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    merged = write(con, store, [])
    assert (merged.rows, merged.parts, merged.first_known()) == (0, [], None)
    assert rows_of(con, store) == rows_of(con, store, "001") == []
    described = con.execute(f"describe from {store.relation('t')}").fetchall()
    assert {row[0]: row[1] for row in described} == COLUMNS
    write(con, store, ROWS, append=True)
    write(con, store, [], append=True)
    assert rows_of(con, store) == ROWS


def test_whole_tables_are_seen_by_every_bucket(
    con: duckdb.DuckDBPyConnection, store: Store
) -> None:
    write(con, store, ROWS, entity="whole")
    assert rows_of(con, store, "000") == rows_of(con, store, "003") == ROWS


def test_many_parts_become_one(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    rows: list[Row] = [(f"{i:03d}", float(i), day(i)) for i in range(40)]
    for row in rows:
        merged = write(con, store, [row], append=True)
    assert rows_of(con, store) == rows
    assert merged.rows == 40
    assert len(merged.parts) < 32
    assert sorted(merged.parts) == sorted(
        p.name for p in (store.root / "t").iterdir() if p.is_dir()
    )


def test_what_was_never_read(store: Store) -> None:
    assert store.manifest("t") is None
    assert store.tables() == []
    with pytest.raises(SourceError, match="The source t was never read"):
        store.relation("t")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"days": 3}', '{"days": {}, "new": 1}'])
def test_a_damaged_manifest(con: duckdb.DuckDBPyConnection, store: Store, text: str) -> None:
    write(con, store, ROWS)
    path = store.root / "t" / "manifest.json"
    path.write_text(text)
    with pytest.raises(SourceError, match="manifest of the stored table t is damaged") as caught:
        store.manifest("t")
    assert caught.value.where == str(path)
    assert caught.value.fix is not None
    assert str(path.parent) in caught.value.fix


def test_a_part_that_vanished_is_no_empty_part(
    con: duckdb.DuckDBPyConnection, store: Store
) -> None:
    [part] = write(con, store, ROWS).parts
    (store.root / "t" / part).rename(store.root / "elsewhere")
    with pytest.raises(SourceError, match="A part of the stored table t is missing") as caught:
        store.relation("t")
    assert caught.value.where == str(store.root / "t" / part)


# buckets ---------------------------------------------------------------------------------------


def test_buckets_never_change(con: duckdb.DuckDBPyConnection) -> None:
    ids = ["a", "A-1", "株式会社", "", "42"]
    found = [one(con, f"select {bucket_of('$1', 64)}", [i]) for i in ids]
    numbers = [int(hashlib.md5(i.encode()).hexdigest()[:8], 16) for i in ids]
    assert found == [f"{n % 64:03d}" for n in numbers] == ["057", "002", "016", "025", "040"]
    assert one(con, f"select {bucket_of('42', 64)}") == "040"
    assert one(con, f"select {bucket_of('$1', 4096)}", ["株式会社"]) == str(numbers[2] % 4096)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    ids=st.lists(st.text(min_size=1, max_size=4).filter(lambda t: "\0" not in t), max_size=30),
    buckets=st.sampled_from([1, 3, 16, 1100]),
)
def test_each_row_lies_in_one_bucket(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str], buckets: int
) -> None:
    store = Store(tmp_path_factory.mktemp("data"), buckets)
    rows: list[Row] = [(i, float(n), day(n)) for n, i in enumerate(ids)]
    with connect(threads=1) as con:
        write(con, store, rows, buckets=buckets)
        names = {p.name.removeprefix("bucket=") for p in store.root.glob("t/*/bucket=*")}
        assert names <= {f"{i:03d}" for i in range(buckets)}
        by_bucket = [(row, name) for name in names for row in rows_of(con, store, name)]
    assert sorted(row[1] for row, _ in by_bucket) == sorted(row[1] for row in rows)
    of_id = {(row[0], name) for row, name in by_bucket}
    assert len(of_id) == len(set(ids))


# checksums -------------------------------------------------------------------------------------


def test_a_checksum_tells_what_changed_before_a_date(
    con: duckdb.DuckDBPyConnection, store: Store
) -> None:
    write(con, store, ROWS)
    second, third = dt.date(2024, 1, 2), dt.date(2024, 1, 3)
    before = store.checksum("t", second), store.checksum("t", third)
    write(con, store, [("x", 1.0, day(1))], append=True)
    assert store.checksum("t", second) == before[0]
    assert store.checksum("t", third) != before[1]


def test_a_checksum_sees_the_layout(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    write(con, store, ROWS)
    before = store.checksum("t", dt.date(2025, 1, 1))
    write(con, store, ROWS)
    assert store.checksum("t", dt.date(2025, 1, 1)) == before
    write(con, store, ROWS, layout="other")
    assert store.checksum("t", dt.date(2025, 1, 1)) != before


def test_large_sums_survive_the_file(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    days = {"2024-01-01": (1, 2**90)}
    write(con, store, ROWS[:1], days=days)
    assert store.needed("t").days == days
    assert json.loads((store.root / "t" / "manifest.json").read_text())["days"] == {
        "2024-01-01": [1, str(2**90)]
    }


def test_layouts() -> None:
    assert layout_of({"a": 1}, ["b"]) == layout_of({"a": 1}, ["b"])
    assert layout_of({"a": 1}) != layout_of({"a": 2})
    assert layout_of({"a": 1, "b": 2}) == layout_of({"b": 2, "a": 1})


# runs that die ---------------------------------------------------------------------------------

WRITING = """
    import os, resource, signal
    from dataclasses import replace
    from pathlib import Path
    from salesml import store as module
    from salesml.engine import connect
    from salesml.errors import SourceError

    store = module.Store(Path({root!r}), 4)
    row = "(select 'z' as account_id, 9.0 as amount, timestamp '2024-01-10' as known_at)"
    days = {{f"2024-01-{{i:02}}": (1, 2**80) for i in range(1, {days} + 1)}}
    manifest = replace(store.needed("t"), days=days)
    with connect(threads=1) as con:
        {how}
        try:
            store.write(con, "t", row, manifest, append={append})
        except SourceError as error:
            print(error)
"""


def written_elsewhere(store: Store, how: str, *, append: bool = True, days: int = 1) -> Any:
    """Write one row from another process, after the statement *how*."""
    code = WRITING.format(root=str(store.root), how=how, append=append, days=days)
    command = [sys.executable, "-B", "-c", textwrap.dedent(code)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


KILLS = {
    "before the part": "module.Store._write_part = lambda *a: os._exit(9)",
    "between part and manifest": "module.Store.save = lambda *a: os._exit(9)",
    "while writing the manifest": "module.os.fsync = lambda *a: os._exit(9)",
    "before the sweep": "module.Store._sweep = lambda *a: os._exit(9)",
}


@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("kill", KILLS)
def test_a_killed_run_leaves_a_good_state(
    con: duckdb.DuckDBPyConnection, store: Store, kill: str, append: bool
) -> None:
    write(con, store, ROWS)
    assert written_elsewhere(store, KILLS[kill], append=append).returncode == 9
    new: Row = ("z", 9.0, day(9))
    wanted = ROWS if kill != "before the sweep" else ([*ROWS, new] if append else [new])
    assert rows_of(con, store) == wanted
    merged = write(con, store, ROWS)
    names = sorted(path.name for path in (store.root / "t").iterdir())
    assert names == sorted([*merged.parts, "manifest.json"])


def test_a_failing_write_leaves_no_part(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    write(con, store, ROWS)
    rows = "(select account_id, error('broken')::double as amount, known_at from given)"
    with pytest.raises(duckdb.Error, match="broken"):
        store.write(con, "t", rows, manifest(ROWS), append=True)
    assert rows_of(con, store) == ROWS
    assert len([p for p in (store.root / "t").iterdir() if p.is_dir()]) == 1


@pytest.mark.parametrize(("limit", "days"), [(50, 1), (4000, 99)])
def test_a_full_disk(con: duckdb.DuckDBPyConnection, store: Store, limit: int, days: int) -> None:
    """A limit on the size of files stands for the disk: of the part, then of the manifest."""
    write(con, store, ROWS)
    how = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    )
    told = written_elsewhere(store, how, days=days).stdout
    assert "The table t cannot be written" in told
    assert ("manifest.json" in told) is (days > 1)
    assert "Free disk space" in told
    assert rows_of(con, store) == ROWS


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "file.json"
    write_atomically(path, "old")

    def fail(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
