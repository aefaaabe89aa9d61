"""Writing: the same promises for every kind of target."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from crm.local_targets import BAND, CsvTarget, Target, fates, write
from crm.no_jobs import NoJobs
from salesml.crm.records import Allowance, Fate, Refusal, Seen, Write
from salesml.errors import ExportError

KINDS = ["sqlite", "postgres", "duckdb", "files"]


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    kind = request.param
    if kind == "files":
        return CsvTarget(kind, str(tmp_path))
    if kind == "postgres":
        return Target(kind, request.getfixturevalue("postgres_database"))
    path = str(tmp_path / "crm.db")
    made = Target(kind, path)
    made.run("create table other (x integer)")
    return made


def test_only_listed_fields_of_listed_records_change(target: Target) -> None:
    target.make(["1", "0.5", "A", "佐藤"], ["2", None, None, None], ["3", "7.5", "B", "x"])
    write(target, {"id": "1", "score": 62.5}, {"id": "2", BAND: '日\n"本", \'😀'}, {"id": "3"})
    assert target.rows() == [
        ("1", "62.5", "A", "佐藤"),
        ("2", None, '日\n"本", \'😀', None),
        ("3", "7.5", "B", "x"),
    ]


def test_values_can_be_emptied(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"])
    write(target, {"id": "1", "score": None, BAND: None})
    assert target.rows() == [("1", None, None, "x")]


def test_create_inserts_what_is_missing(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"])
    write(target, {"id": "1", "score": 1.5}, {"id": "20", "score": 2.5, BAND: "新"})
    assert target.rows() == [("1", "1.5", "A", "x"), ("20", "2.5", "新", None)]


def test_an_error_of_content_leaves_nothing_written(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"])
    with pytest.raises(ExportError):
        write(target, {"id": "1", BAND: "B"}, {"id": "5", BAND: "\ud800"})
    assert target.rows() == [("1", "0.5", "A", "x")]


def test_what_changed_since_it_was_seen_is_refused_alone(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["2", "0.5", None, "x"], ["3", "0.5", "C", "x"])
    found = target.crm.fetch(target.name, "id", ["1", "2", "3", "9"], ["score", BAND])
    write(target, {"id": "1", BAND: "person"}, {"id": "9", "score": 3.5})
    target.remove("3")
    writes = [Write(i, {"score": 9.5}, found.get(i)) for i in ("2", "1", "3", "9", "10")]
    refused = target.crm.write(target.name, "id", writes, jobs=NoJobs())
    assert fates(refused) == {"1": Fate.CHANGED, "3": Fate.GONE, "9": Fate.CHANGED}
    assert "deleted" in refused["3"].error
    assert target.rows() == [
        ("1", "0.5", "person", "x"),
        ("2", "9.5", None, "x"),
        ("9", "3.5", None, None),
        ("10", "9.5", None, None),
    ]


def test_what_others_change_in_other_fields_is_no_conflict(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"])
    found = target.crm.fetch(target.name, "id", ["1"], ["score"])
    write(target, {"id": "1", "owner": "佐藤"})
    writes = [Write("1", {"score": 9.5}, found["1"])]
    assert not target.crm.write(target.name, "id", writes, jobs=NoJobs())
    assert target.rows() == [("1", "9.5", "A", "佐藤")]


@pytest.mark.parametrize("target", ["sqlite", "postgres"], indirect=True)
def test_nobody_can_edit_between_check_and_write(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.make(["1", "0.5", "A", "x"])
    blocked: list[str] = []

    def check(*_: object) -> dict[str, Refusal]:
        with target._open() as other:
            other.execute(
                "pragma busy_timeout = 10" if target.kind == "sqlite" else "set lock_timeout = 10"
            )
            with pytest.raises(Exception, match="lock") as error:
                other.execute("update accounts set score = 7 where id = 1")
            blocked.append(str(error.value))

        return {}

    monkeypatch.setattr("salesml.crm.database.refusals", check)
    write(target, {"id": "1", "score": 1.5})
    assert len(blocked) == 1
    assert target.rows() == [("1", "1.5", "A", "x")]


def test_fetch_gives_fields_of_those_that_exist(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["2", None, "z", None])
    found = target.crm.fetch(target.name, "id", ["2", "1", "01", "99", "abc"], ["score", BAND])
    assert sorted(found) == ["1", "2"]
    assert float(str(found["1"].fields["score"])) == 0.5
    assert found["1"].fields[BAND] == "A"
    assert found["2"].fields["score"] is None
    assert not any(seen.barred for seen in found.values())


def test_several_records_of_one_id_are_barred(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["1", "0.5", "B", "x"], ["2", "1.5", "B", "y"])
    found = target.crm.fetch(target.name, "id", ["1", "2"], ["score"])
    assert "share this id" in found["1"].barred
    assert not found["2"].barred
    made_meanwhile = Write("1", {"score": 1.5}, Seen(found["1"].fields))
    refused = target.crm.write(target.name, "id", [made_meanwhile], jobs=NoJobs())
    assert fates(refused) == {"1": Fate.CHANGED}


def test_all_problems_of_a_target_are_found_before_writing(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["1", "0.5", "B", "x"], ["2", "1.5", "B", "y"])
    fields = {"scores": float, "nothing": str, BAND: str}
    with pytest.raises(ExportError, match="Did you mean 'score'") as error:
        target.crm.check_target(target.name, "id", fields, create=True)
    told = str(error.value)
    assert "'nothing'" in told
    assert "'id' is no key: several records share one value: 1\n" in told
    assert "merge records" in told
    with pytest.raises(ExportError, match=r"no column 'ide'\. Did you mean 'id'"):
        target.crm.check_target(target.name, "ide", {"score": float}, create=False)


def test_a_good_target_passes(target: Target) -> None:
    target.make(["1", "0.5", "A", "x"], ["2", "0.5", "A", "x"])
    fields = {"score": float, BAND: str, "owner": None}
    assert target.crm.check_target(target.name, "id", fields, create=False) == []
    assert target.crm.exists(target.name)


def test_local_targets_have_no_limits_and_no_jobs(target: Target) -> None:
    assert target.crm.allowance() == Allowance()
    assert (target.crm.cost(1_000_000), target.crm.calls) == (0, 0)
    target.crm.settle("any")


def test_missing_table(target: Target) -> None:
    target.make()
    missing = target.name.replace("accounts", "acounts")
    assert not target.crm.exists(missing)
    with pytest.raises(ExportError, match=f"Did you mean '{target.name}'"):
        target.crm.check_target(missing, "id", {"score": float}, create=False)
    target.crm.check_target(missing, "id", {"score": float}, create=True)


def test_tables_are_created_once(target: Target) -> None:
    name = target.name.replace("accounts", "new scores")
    fields = {"n": int, "x": float, "ok": bool, "文": str, "on": dt.date, "at": dt.datetime}
    target.crm.ensure_table(name, "id", fields)
    row = {"id": "é=1", "n": 2, "x": 0.5, "ok": True, "文": "日本", "on": "2025-01-02"}
    assert target.crm.check_target(name, "id", fields, create=True) == []
    assert not write(target, {**row, "at": "2025-01-02 03:04:05"}, table=name)
    target.crm.ensure_table(name, "id", fields)
    found = target.crm.fetch(name, "id", ["é=1"], list(fields))["é=1"].fields
    assert str(found["文"]) == "日本"
    assert (float(str(found["n"])), float(str(found["x"]))) == (2, 0.5)
    assert str(found["ok"]).lower() in {"true", "1"}
    assert (found["on"], found["at"]) == ("2025-01-02", "2025-01-02 03:04:05")
