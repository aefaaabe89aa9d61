from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from fakes import WORDS, feature, feature_set, project, put, source, spine, store_of, task

from salesml.config import Project
from salesml.features import FeatureSet, Snapshots

COLUMNS = {
    "activity_id": "VARCHAR",
    "account_id": "VARCHAR",
    "channel": "VARCHAR",
    "happened_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
}
SQL = """select account_id, as_of, count(*) as n, max(channel) as channel
    from activities group by all"""
FEATURES = {"n": feature(), "channel": feature(type="varchar", missing="none")}
READS = {"activities": {"columns": {"channel": "varchar"}}}
PANEL = spine(("a", "2024-02-01"), ("b", "2024-02-01"), ("a", "2024-03-01"))
Row = tuple[Any, ...]


def row(number: int, month: int, **changes: Any) -> Row:
    day = dt.datetime(2024, month, 15)
    plain = {"id": f"e{number}", "account": "a", "channel": "mail", "at": day, "known": day}
    return tuple({**plain, **changes}.values())


ROWS = [row(1, 1), row(2, 2)]


class Counting:
    """Snapshots of one set, and how often a date was computed anew."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path, monkeypatch: Any) -> None:
        from salesml.features import snapshots as module

        self.con, self.folder, self.computed = con, folder, 0
        self.made: Project = project(folder, {"activities": source()}, timezone="UTC")
        self.set: FeatureSet = feature_set(folder, SQL, FEATURES, reads=READS)
        plain = module.compute_set

        def counted(*args: Any) -> pd.DataFrame:
            self.computed += args[4]["as_of"].nunique()
            return plain(*args)

        monkeypatch.setattr(module, "compute_set", counted)

    def store(self, rows: list[Row]) -> None:
        put(self.con, self.made, "activities", COLUMNS, rows)

    def features(self, panel: pd.DataFrame = PANEL) -> pd.DataFrame:
        snapshots = Snapshots(self.made, store_of(self.made), task(), [self.set])
        return snapshots.features(self.con, panel, "000")

    def computes(self, panel: pd.DataFrame = PANEL) -> int:
        before = self.computed
        self.features(panel)
        return self.computed - before

    def files(self) -> list[Path]:
        return [p for p in self.made.var.rglob("*") if p.is_file() and "features" in p.parts]


@pytest.fixture
def snapshots(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Counting:
    counting = Counting(con, tmp_path, monkeypatch)
    counting.store(ROWS)
    return counting


def test_past_dates_are_computed_once(snapshots: Counting) -> None:
    first = snapshots.features()
    assert first["n"].tolist() == [1.0, 0.0, 2.0]
    assert first["channel"].tolist() == ["mail", "none", "mail"]
    assert snapshots.computed == 2
    again = snapshots.features()
    assert snapshots.computed == 2
    pd.testing.assert_frame_equal(again, first)
    one_date = snapshots.features(PANEL.iloc[2:])
    assert snapshots.computed == 2
    pd.testing.assert_frame_equal(one_date, first.iloc[2:])


def test_rows_known_later_change_no_snapshot(snapshots: Counting) -> None:
    assert snapshots.computes() == 2
    snapshots.store([*ROWS, row(3, 3)])
    assert snapshots.computes() == 0
    # February's row is known before March alone
    snapshots.store([*ROWS, row(3, 2)])
    assert snapshots.computes() == 1
    snapshots.store([*ROWS, row(3, 1)])
    assert snapshots.computes() == 2
    assert snapshots.features()["n"].tolist() == [2.0, 0.0, 3.0]


def test_what_a_snapshot_depends_on(snapshots: Counting) -> None:
    assert snapshots.computes() == 2
    other = PANEL.assign(account_id=["a", "c", "a"])
    assert snapshots.computes(other) == 1
    folder = snapshots.folder
    snapshots.set = feature_set(folder, SQL + " order by 1", FEATURES, reads=READS)
    assert snapshots.computes() == 2
    snapshots.set = feature_set(folder, SQL, FEATURES, reads=READS, lookback="400 days")
    assert snapshots.computes() == 2
    snapshots.set = feature_set(
        folder, SQL, FEATURES, reads=READS, lookback="400 days", description="Other words"
    )
    assert snapshots.computes() == 0
    name = next(iter(FEATURES))
    for changes, computed in (
        ({"words": WORDS, "event": {"rises": WORDS}}, 0),
        ({"missing": 7}, 2),
    ):
        features = {**FEATURES, name: {**FEATURES[name], **changes}}
        snapshots.set = feature_set(folder, SQL, features, reads=READS, lookback="400 days")
        assert snapshots.computes() == computed
    settings = snapshots.made.settings.model_copy(update={"timezone": "Asia/Tokyo"})
    snapshots.made = replace(snapshots.made, settings=settings)
    assert snapshots.computes() == 2


def test_only_the_newest_of_each_date_is_kept(snapshots: Counting) -> None:
    for rows in (ROWS, [*ROWS, row(3, 1)], [*ROWS, row(4, 1)]):
        snapshots.store(rows)
        snapshots.features()
    assert len(snapshots.files()) == 2


def test_a_snapshot_that_cannot_be_written_leaves_nothing(
    snapshots: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: pd.DataFrame, path: Path, **__: Any) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_parquet", fail)
        with pytest.raises(OSError, match="No space left"):
            snapshots.features()
    assert snapshots.files() == []
    assert snapshots.features()["n"].tolist() == [1.0, 0.0, 2.0]


def test_order_and_index_of_the_spine(snapshots: Counting) -> None:
    wanted = snapshots.features()
    shuffled = PANEL.iloc[[2, 0, 1]]
    pd.testing.assert_frame_equal(snapshots.features(shuffled), wanted.loc[[2, 0, 1]])


def test_nobody(snapshots: Counting) -> None:
    found = snapshots.features(PANEL.iloc[:0])
    assert list(found) == ["n", "channel"]
    assert found.empty
