"""Write-back: what is written, what is not, and that it can be repeated."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from export.conftest import DAY, Crm, Open, counts, execute, table
from salesml.crm.records import Fetched
from salesml.errors import ExportError, SourceError
from salesml.export import Target

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
    assert owner["a"].fields == {"owner": "佐藤"}
    before = snapshot(any_crm)
    assert counts(any_crm.write({"a": 71.5, "b": 30.0, "c": float("nan")})) == {"unchanged": 3}
    assert snapshot(any_crm) == before


def test_only_what_changed_is_written(any_crm: Crm) -> None:
    any_crm.make("a", "b")
    any_crm.write({"a": 1, "b": 2})
    result = any_crm.write({"a": 1.0, "b": 3}, day=1)
    assert counts(result) == {"written": 1, "unchanged": 1}
    assert result.changes == [("b", "score", result.changes[0].old, 3)]
    assert any_crm.statuses("a") == ["verified"]
    stamps = any_crm.connection.fetch(any_crm.table, "id", ["a", "b"], ["scored_on"])
    assert [stamps[i].fields["scored_on"] for i in "ab"] == ["2025-03-01", "2025-03-02"]


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
    assert (attempt.status, attempt.error) == ("missing", "no such record")


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
    delete(crm, "a")
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
    before, ledger = snapshot(any_crm), any_crm.ledger_bytes()
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
    assert any_crm.ledger_bytes() == ledger
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
    crm.connection.batch = 50
    result = crm.write(dict.fromkeys(ids, 1), progress=progress)
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
    assert counts(result) == {"written": 2, "dead": 1}
    assert crm.show("a", "b", "c") == [(1, "要注意"), (None, None), (3, "要注意")]
    assert "check constraint" in result.failures[0].error
    (attempt,) = crm.ledger.history("crm", "b")
    assert (attempt.status, attempt.attempts) == ("dead", 1)
    assert "check constraint" in (attempt.error or "")
    assert any(line.startswith("  dead b: ") for line in result.lines())
    assert counts(crm.write({"a": 1, "b": 50, "c": 3})) == {"written": 1, "unchanged": 2}


def test_an_edit_between_look_and_write_is_kept(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.make("a", "b")
    meanwhile(crm, monkeypatch, lambda: crm.edit("a", score=77))
    result = crm.write({"a": 1, "b": 1})
    assert counts(result) == {"written": 1, "kept": 1}
    assert crm.show("a", "b") == [(77, None), (1, "要注意")]


def test_a_record_deleted_between_look_and_write_is_missing(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.make("a", "b")
    meanwhile(crm, monkeypatch, lambda: delete(crm, "b"))
    result = crm.write({"a": 1, "b": 1}, mode="upsert")
    assert counts(result) == {"written": 1, "missing": 1}
    assert crm.show("b") == []
    assert crm.statuses("b") == ["missing"]


def test_an_unreachable_crm_stops_the_run(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.make("a", "b")
    crm.connection.batch = 1
    calls = []

    def down(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise SourceError("The CRM does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(crm.connection, "write", down)
        result = crm.write({"a": 1, "b": 1})
    assert counts(result) == {"waiting": 1, "carried": 1}
    assert result.lines()[1] == "  stopped: The CRM does not answer."
    assert len(calls) == 1
    assert (crm.statuses("a"), crm.statuses("b")) == (["sent"], ["planned"])
    assert counts(crm.write({"a": 1, "b": 1})) == {"written": 2}


# rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "dead"),
    [(["a", "b", "a"], ["a"]), ([5, "5", "5", "b"], ["5"]), ([None, "b", "x\0"], ["", ""])],
)
def test_ids_that_cannot_be_used_are_dead_and_the_others_go_on(
    ids: list[object], dead: list[str], crm: Crm
) -> None:
    crm.make("a", "b", "5")
    rows = pd.DataFrame({"external_id": ids, "score": 1, "band_ja": "x", "as_of": DAY})
    result = crm.write_rows(rows)
    assert counts(result) == {"written": 1, "dead": len(ids) - 1}
    assert [failure.external_id for failure in result.failures] == dead
    assert all(failure.todo for failure in result.failures)
    assert crm.show("b", "a", "5") == [(1, "x"), (None, None), (None, None)]
    mended = pd.DataFrame({"external_id": ["a", "5", "b"], "score": 1, "band_ja": "x"})
    assert counts(crm.write_rows(mended.assign(as_of=DAY))) == {"written": 2, "unchanged": 1}


def test_an_id_that_comes_twice_in_different_tables(crm: Crm) -> None:
    crm.make("a", "b", "c")
    crm.write({"a": 1, "b": 1, "c": 1})
    frames = iter([table({"a": 1, "b": 2}), table({"c": 2, "a": 1}), table({"b": 3})])
    result = crm.write_rows(frames)
    assert counts(result) == {"written": 1, "dead": 4}
    assert crm.statuses("a") == ["verified", "dead"]
    assert crm.show("a", "b", "c") == [(1, "要注意"), (1, "要注意"), (2, "要注意")]
    assert counts(crm.write({"a": 1, "b": 2})) == {"written": 1, "unchanged": 1}
    assert crm.ledger.counts("crm") == {"verified": 3}


def test_ids_may_be_numbers(crm: Crm) -> None:
    crm.make("5", "6")
    rows = pd.DataFrame({"external_id": [5.0, 6.0], "score": 1, "band_ja": "x", "as_of": DAY})
    assert crm.write_rows(rows).written == 2


def test_missing_score_columns_are_named_together(crm: Crm) -> None:
    crm.make("a")
    with pytest.raises(ExportError, match=r"'score'.*'band_ja' Did you mean 'band_jp'") as error:
        crm.write_rows(pd.DataFrame({"external_id": ["a"], "band_jp": ["x"], "as_of": DAY}))
    assert "target crm" in str(error.value)


def test_lists_are_no_values(crm: Crm) -> None:
    crm.make("a")
    rows = table({"a": 1})
    rows["band_ja"] = pd.Series([[1, 2]], dtype=object)
    with pytest.raises(ExportError, match="takes one value") as error:
        crm.write_rows(rows)
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


def meanwhile(crm: Crm, monkeypatch: pytest.MonkeyPatch, event: Callable[[], None]) -> None:
    """Let *event* happen right after the write-back first looked at the CRM."""
    fetch, due = crm.connection.fetch, [event]

    def looked(*arguments: Any) -> Fetched:
        found = fetch(*arguments)
        while due:
            due.pop()()
        return found

    monkeypatch.setattr(crm.connection, "fetch", looked)


def delete(crm: Crm, i: str) -> None:
    with closing(sqlite3.connect(crm.place)) as db, db:
        db.execute("delete from accounts where id = ?", [i])
