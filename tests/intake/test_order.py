from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest
from fakes import FakeCrm, project, read, source, state, store_of

from salesml.errors import DataQualityError, SourceError
from salesml.intake import reading_order, require_fresh

COLUMNS = {"account_id": "id", "parent_id": "parent", "activity_id": "id"}


def referring(*targets: str) -> dict[str, str]:
    columns = ["account_id", "parent_id", "activity_id"]
    return dict(zip(columns, (f"{target}.account_id" for target in targets), strict=False))


def test_sources_are_read_after_those_they_refer_to() -> None:
    sources = {
        "a": state(columns=COLUMNS, checks={"refers_to": referring("b", "c")}),
        "b": state(columns=COLUMNS, checks={"refers_to": referring("c", "b")}),
        "c": state(columns=COLUMNS),
        "d": state(columns=COLUMNS),
    }
    assert reading_order(sources) == ["c", "b", "a", "d"]


def test_a_circle_is_named() -> None:
    sources = {
        "x": state(columns=COLUMNS, checks={"refers_to": referring("a")}),
        "a": state(columns=COLUMNS, checks={"refers_to": referring("b")}),
        "b": state(columns=COLUMNS, checks={"refers_to": referring("a")}),
    }
    with pytest.raises(SourceError, match="in a circle") as caught:
        reading_order(sources)
    assert caught.value.received == "a → b → a"


def test_a_source_is_read_before_what_refers_to_it(
    con: duckdb.DuckDBPyConnection, fake_crm: FakeCrm, tmp_path: Path
) -> None:
    fake_crm.types["accounts"] = {"id": "varchar", "parent": "varchar"}
    fake_crm.tables["accounts"] = []
    sources = {
        "a": state(columns=COLUMNS, checks={"refers_to": referring("b")}),
        "b": state(columns=COLUMNS),
    }
    with pytest.raises(SourceError, match="The source b was never read"):
        read(con, project(tmp_path, sources), "a")


# freshness -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("last", "stale"), [(7, False), (6, True)])
def test_old_data_are_refused(
    con: duckdb.DuckDBPyConnection, fake_crm: FakeCrm, tmp_path: Path, last: int, stale: bool
) -> None:
    fake_crm.types["activities"] = dict.fromkeys(
        ["id", "account", "amount", "happened", "known"], "varchar"
    )
    fake_crm.tables["activities"] = [
        {"id": i, "account": "a", "happened": day, "known": day}
        for i, day in enumerate([f"2024-05-{last:02d}", "2024-05-10", "2024-05-20"])
    ]
    sources = {
        name: source(checks={"fresh_within": limit} if limit else {})
        for name, limit in {"a": "3 days", "b": None, "c": "1 day", "never_read": 1}.items()
    }
    given = project(tmp_path, sources)
    for name in "abc":
        read(con, given, name)
    as_of = dt.date(2024, 5, 10)  # what became known on the day itself does not count
    with pytest.raises(DataQualityError) as caught:
        require_fresh(store_of(given), given, as_of)
    told = caught.value.received
    assert ("a: last known 2024-05-06, 3 days allowed" in str(told)) is stale
    assert f"c: last known 2024-05-0{last}, 1 days allowed" in str(told)
    assert "b: " not in str(told)
    name = "a" if stale else "c"
    assert caught.value.where == f"configs/test/sources.yml, sources.{name}"
    require_fresh(store_of(given), given, dt.date(2024, 5, 11))
    with pytest.raises(DataQualityError, match="2 sources are stale") as caught:
        require_fresh(store_of(given), given, dt.date(2024, 5, 1))
    assert "nothing known before 2024-05-01" in str(caught.value.received)
