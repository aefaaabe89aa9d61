"""Write-back: what is written, what is not, and that it can be repeated."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from export.conftest import DAY, Crm, Open, counts, execute, table
from salesml.errors import ExportError, SourceError
from salesml.export import Ledger, Target, write_back

TEXTS = ["日本語\n二行目", 'it\'s "q", ;', "😀", "=1+1", "'=x", "＝式"]


def snapshot(crm: Crm) -> Any:
    if crm.kind == "postgres":
        return crm.show("a", "b", "c")
    path = Path(crm.place)
    path = path / crm.table if path.is_dir() else path
    return path.read_bytes(), path.stat().st_mtime_ns


def test_scores_arrive_and_a_second_run_touches_nothing(any_crm: Crm) -> None:
    any_crm.make("a", "b", "c")
    result = any_crm.write({"a": 71.5, "b": 30, "c": None})
    assert counts(result) == {"written": 3}
    assert any_crm.show("a", "b", "c") == [(71.5, "要注意"), (30, "要注意"), (None, "要注意")]
    owner = any_crm.connection.fetch(any_crm.table, "id", ["a"], ["owner"])
    assert owner == {"a": {"owner": "佐藤"}}
    before = snapshot(any_crm)
    assert counts(any_crm.write({"a": 71.5, "b": 30.0, "c": float("nan")})) == {"unchanged": 3}
    assert snapshot(any_crm) == before


def test_only_what_changed_is_written(any_crm: Crm) -> None:
    any_crm.make("a", "b")
    any_crm.write({"a": 1, "b": 2})
    result = any_crm.write({"a": 1.0, "b": 3}, day=1)
    assert counts(result) == {"written": 1, "unchanged": 1}
    assert result.changes == [("b", "score", result.changes[0].old, 3)]
    assert any_crm.statuses("a") == ["acknowledged"]
    stamps = any_crm.connection.fetch(any_crm.table, "id", ["a", "b"], ["scored_on"])
    assert [stamps[i]["scored_on"] for i in "ab"] == ["2025-03-01", "2025-03-02"]


def test_texts_stay_unchanged_through_any_crm(any_crm: Crm) -> None:
    ids = [f"i{n}" for n in range(len(TEXTS))]
    any_crm.make(*ids)
    for day in (0, 1):
        result = any_crm.write(dict.fromkeys(ids, day), day=day, band=TEXTS)
        assert counts(result) == {"written": len(ids)}
        assert any_crm.show(*ids) == [(day, text) for text in TEXTS]


def test_a_duckdb_is_written_like_the_others(open_crm: Open) -> None:
    crm = open_crm("duckdb")
    crm.make("a", "b")
    assert counts(crm.write({"a": 1, "b": 2, "c": 3})) == {"written": 2, "missing": 1}
    crm.edit("a", score=7)
    assert counts(crm.write({"a": 2, "b": 3}, day=1)) == {"written": 1, "kept": 1}
    assert crm.show("a", "b", "c") == [(7, "要注意"), (3, "要注意")]


def test_a_persons_edit_is_kept_and_told(any_crm: Crm) -> None:
    any_crm.make("a", "b")
    any_crm.write({"a": 1, "b": 1})
    any_crm.edit("a", band="mine")
    result = any_crm.write({"a": 2, "b": 2}, day=1)
    assert counts(result) == {"written": 1, "kept": 1}
    assert result.edits == [("a", "band", "mine", "要注意")]
    assert any_crm.show("a", "b") == [(1, "mine"), (2, "要注意")]
    assert any_crm.ledger.history("crm", "a")[-1].error == "band is 'mine'"
    assert "  kept a: band is 'mine'" in result.lines()
    any_crm.edit("a", band="要注意")  # handed back
    assert counts(any_crm.write({"a": 2, "b": 2}, day=1)) == {"written": 1, "unchanged": 1}


def test_fields_filled_before_we_ever_wrote_are_kept(any_crm: Crm) -> None:
    any_crm.make("a", "b", "c")
    any_crm.edit("a", score=5)
    any_crm.edit("b", score=7, band="要注意")
    any_crm.edit("c", score=8)
    result = any_crm.write({"a": 5, "b": 7, "c": 9})
    assert counts(result) == {"written": 1, "already": 1, "kept": 1}
    assert any_crm.show("a", "b", "c") == [(5, "要注意"), (7, "要注意"), (8, None)]
    assert [edit.external_id for edit in result.edits] == ["c"]
    assert any_crm.statuses("b") == ["acknowledged"]


def test_missing_records_fail_and_are_not_created(any_crm: Crm) -> None:
    any_crm.make("a")
    result = any_crm.write({"a": 1, "x": 1})
    assert counts(result) == {"written": 1, "missing": 1}
    assert any_crm.show("a", "x") == [(1, "要注意")]
    (attempt,) = any_crm.ledger.history("crm", "x")
    assert (attempt.status, attempt.error) == ("failed", "no such record")


def test_upsert_creates_table_and_records(any_crm: Crm) -> None:
    assert counts(any_crm.write({"a": 0.5, "=b": 1}, mode="upsert")) == {"written": 2}
    assert any_crm.show("a", "=b") == [(0.5, "要注意"), (1, "要注意")]
    assert counts(any_crm.write({"a": 0.5, "=b": 2, "c": 3}, day=1, mode="upsert")) == {
        "written": 2,
        "unchanged": 1,
    }
    assert any_crm.show("=b", "c") == [(2, "要注意"), (3, "要注意")]


def test_what_somebody_deleted_is_not_made_again(crm: Crm) -> None:
    crm.write({"a": 1, "b": 1}, mode="upsert")
    with closing(sqlite3.connect(crm.place)) as db, db:
        db.execute("delete from accounts where id = 'a'")
    changed = {"a": 2, "b": 2, "c": 2}
    assert counts(crm.write(changed, day=1, mode="upsert")) == {"written": 2, "missing": 1}
    assert crm.show("a") == []


def test_a_table_that_is_gone_is_made_again(crm: Crm) -> None:
    crm.write({"a": 1}, mode="upsert")
    with closing(sqlite3.connect(crm.place)) as db, db:
        db.execute("drop table accounts")
    assert counts(crm.write({"a": 2}, day=1, mode="upsert")) == {"written": 1}


def test_an_older_date_never_overwrites(any_crm: Crm) -> None:
    any_crm.make("a")
    any_crm.write({"a": 3}, day=3)
    assert counts(any_crm.write({"a": 2}, day=2)) == {"older": 1}
    assert any_crm.show("a") == [(3, "要注意")]
    assert counts(any_crm.write({"a": 4}, day=3)) == {"written": 1}


def test_unchanged_values_hold_for_the_later_date(crm: Crm) -> None:
    crm.make("a")
    crm.write({"a": 1}, day=1)
    crm.write({"a": 1}, day=3)
    assert counts(crm.write({"a": 2}, day=2)) == {"older": 1}


def test_stamps_alone_are_no_change(crm: Crm) -> None:
    crm.make("a")
    crm.write({"a": 1})
    before = snapshot(crm)
    assert counts(crm.write({"a": 1}, day=1)) == {"unchanged": 1}
    assert snapshot(crm) == before


def test_dry_run_touches_nothing_and_tells_all(any_crm: Crm) -> None:
    any_crm.make("a", "b", "c")
    any_crm.write({"a": 1, "b": 1})
    any_crm.edit("b", score=9)
    before, ledger = snapshot(any_crm), any_crm.ledger.path.read_bytes()
    scores = {"a": 2, "b": 2, "c": 2, "x": 1}
    result = any_crm.write(scores, day=1, band="警戒", dry_run=True)
    assert counts(result) == {"written": 2, "kept": 1, "missing": 1}
    assert [(c.external_id, c.field, c.new) for c in result.changes] == [
        *(("a", "score", 2), ("a", "band", "警戒"), ("c", "score", 2), ("c", "band", "警戒"))
    ]
    assert [str(c.old).removesuffix(".0") for c in result.changes] == [
        "1",
        "要注意",
        "None",
        "None",
    ]
    assert result.lines()[0] == (
        "crm: 4 records: 2 would be written, 1 kept as a person edited them, 1 missing in the CRM"
    )
    assert snapshot(any_crm) == before
    assert any_crm.ledger.path.read_bytes() == ledger
    assert counts(any_crm.write(scores, day=1, band="警戒")) == counts(result)


def test_dry_run_of_an_upsert_creates_no_table(any_crm: Crm) -> None:
    result = any_crm.write({"a": 1}, mode="upsert", dry_run=True)
    assert counts(result) == {"written": 1}
    assert result.changes == [("a", "score", None, 1), ("a", "band", None, "要注意")]
    assert not any_crm.connection.exists(any_crm.table)


def test_rounding_columns_are_no_edits(postgres_database: str, tmp_path: Path) -> None:
    crm = Crm("postgres", postgres_database, tmp_path)
    execute(
        postgres_database,
        "create table accounts (id int primary key, score numeric(5, 2), band char(5),"
        " scored_on timestamptz); insert into accounts values (1), (2)",
    )
    assert counts(crm.write({"1": 0.123456, "2": Decimal("12.345")}, band="A")) == {"written": 2}
    assert crm.show("1", "2") == [(0.12, "A"), (12.35, "A")]
    assert counts(crm.write({"1": 0.5, "2": 0.5}, day=1, band="A")) == {"written": 2}
    crm.edit("1", score=0.51)
    assert counts(crm.write({"1": 0.9, "2": 0.9}, day=2, band="A")) == {"written": 1, "kept": 1}


def test_many_records_in_many_batches(crm: Crm) -> None:
    ids = [f"i{n}" for n in range(120)]
    crm.make(*ids)
    heard: list[tuple[int, int]] = []
    progress = lambda done, total: heard.append((done, total))  # noqa: E731
    result = crm.write(dict.fromkeys(ids, 1), batch=50, progress=progress)
    assert counts(result) == {"written": 120}
    assert heard == [(50, 120), (100, 120), (120, 120), (120, 120)]
    assert len(result.changes) == 240


def test_lists_are_cut_but_counts_are_not(crm: Crm) -> None:
    ids = [f"i{n}" for n in range(1005)]
    crm.make()
    result = crm.write(dict.fromkeys(ids, 1), mode="upsert")
    assert result.written == 1005
    assert len(result.changes) == 1000


# bad rows and batches -------------------------------------------------------------------------


def test_one_poisoned_row_does_not_sink_the_batch(postgres_database: str, tmp_path: Path) -> None:
    crm = Crm("postgres", postgres_database, tmp_path)
    execute(
        postgres_database,
        "create table accounts (id text primary key, score float check (score < 100), band text,"
        " scored_on date); insert into accounts values ('a'), ('b'), ('c')",
    )
    result = crm.write({"a": 1, "b": 500, "c": 3})
    assert counts(result) == {"written": 2, "failed": 1}
    assert crm.show("a", "b", "c") == [(1, "要注意"), (None, None), (3, "要注意")]
    assert "check constraint" in result.failures[0].error
    (attempt,) = crm.ledger.history("crm", "b")
    assert (attempt.status, attempt.attempts) == ("failed", 2)
    assert "check constraint" in (attempt.error or "")
    assert any(line.startswith("  failed b: ") for line in result.lines())
    assert counts(crm.write({"a": 1, "b": 50, "c": 3})) == {"written": 1, "unchanged": 2}


def test_an_edit_between_look_and_write_is_kept(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.make("a", "b")
    fetch = crm.connection.fetch
    looks: list[int] = []

    def looked(*arguments: Any) -> Any:
        found = fetch(*arguments)
        if not looks:
            crm.edit("a", score=77)
        looks.append(1)
        return found

    monkeypatch.setattr(crm.connection, "fetch", looked)
    result = crm.write({"a": 1, "b": 1})
    assert counts(result) == {"written": 1, "kept": 1}
    assert crm.show("a", "b") == [(77, None), (1, "要注意")]


def test_a_record_deleted_between_look_and_write_is_missing(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.make("a")
    real = crm.connection.fetch
    answers = iter([{"a": {"score": None, "band": None}, "b": {"score": None, "band": None}}])
    monkeypatch.setattr(crm.connection, "fetch", lambda *a: next(answers, None) or real(*a))
    assert counts(crm.write({"a": 1, "b": 1})) == {"written": 1, "missing": 1}


def test_an_unreachable_crm_stops_the_run(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.make("a", "b")
    calls = []

    def down(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise SourceError("The CRM does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(crm.connection, "upsert", down)
        with pytest.raises(SourceError, match="does not answer"):
            crm.write({"a": 1, "b": 1})
    assert len(calls) == 1
    assert crm.ledger.history("crm", "a")[0].error == "The CRM does not answer."
    assert counts(crm.write({"a": 1, "b": 1})) == {"written": 2}


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b", "a"], "External ids are not unique"),
        ([5, "5"], "External ids are not unique"),
        (["a", None], "Records without an external id"),
    ],
)
def test_ids_that_cannot_be_used(ids: list[object], message: str, crm: Crm) -> None:
    crm.make("a", "b")
    before = snapshot(crm)
    rows = pd.DataFrame({"external_id": ids, "score": 1, "band_ja": "x", "as_of": DAY})
    with pytest.raises(ExportError, match=message):
        _write(crm, rows)
    assert snapshot(crm) == before
    assert crm.statuses("a") == []


def test_ids_may_be_numbers(crm: Crm) -> None:
    crm.make("5", "6")
    rows = pd.DataFrame({"external_id": [5.0, 6.0], "score": 1, "band_ja": "x", "as_of": DAY})
    assert _write(crm, rows).written == 2


def test_missing_score_columns_are_named_together(crm: Crm) -> None:
    crm.make("a")
    with pytest.raises(ExportError, match=r"'score'.*'band_ja' Did you mean 'band_jp'") as error:
        _write(crm, pd.DataFrame({"external_id": ["a"], "band_jp": ["x"], "as_of": DAY}))
    assert "target crm" in str(error.value)


def test_lists_are_no_values(crm: Crm) -> None:
    crm.make("a")
    rows = table({"a": 1})
    rows["band_ja"] = pd.Series([[1, 2]], dtype=object)
    with pytest.raises(ExportError, match="takes one value") as error:
        _write(crm, rows)
    assert "column band_ja" in str(error.value)


def test_a_target_that_does_not_fit_is_refused_first(crm: Crm) -> None:
    crm.make("a")
    target = Target("crm", "accounts", "id", "update", {"scor": "score"})
    with pytest.raises(ExportError, match="Did you mean 'score'"):
        crm.write({"a": 1}, target=target)
    with pytest.raises(ExportError, match="Did you mean 'accounts'"):
        crm.write({"a": 1}, target=crm.target(table="account"))
    assert crm.statuses("a") == []


def test_no_rows_are_no_work(crm: Crm) -> None:
    crm.make("a")
    assert crm.write({}).lines() == ["crm: 0 records: nothing to do"]


def test_two_targets_of_one_table_do_not_mix(crm: Crm) -> None:
    crm.make("a")
    crm.write({"a": 1})
    other = Target("other", crm.table, "id", "update", {"owner": "band_ja"})
    assert counts(crm.write({"a": 1}, target=other)) == {"kept": 1}
    assert crm.ledger.history("other", "a")[0].error == "owner is '佐藤'"


def _write(crm: Crm, rows: pd.DataFrame) -> Any:
    return write_back(
        crm.target(),
        rows,
        connection=crm.connection,
        ledger=Ledger(crm.ledger.path),
        as_of=DAY,
        run_id="run",
        now=lambda: dt.datetime(2025, 3, 1),
    )
