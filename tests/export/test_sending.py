"""What becomes of records that a system refuses, loses, forgets or has no room for tonight."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from export.conftest import counts, table
from export.nights import Nights
from salesml import stopping
from salesml.crm.records import Fate, Tolerance
from salesml.errors import (
    ExportError,
    LockedError,
    QuotaError,
    SourceError,
    StoppedError,
    UnansweredError,
)
from salesml.export import todo_of

IDS = [f"i{n}" for n in range(8)]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """Eight records, two a batch."""
    return Nights(tmp_path, *IDS, batch=2)


def test_a_ledger_that_breaks_on_the_way_stops_the_night_and_what_was_done_is_told(
    nights: Nights, tmp_path: Path
) -> None:
    def lose() -> None:
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as link:
            link.execute("alter table attempts rename to lost")

    nights.crm.play("before", None, lose)
    with pytest.raises(ExportError, match="The ledger cannot be used") as error:
        nights.write(dict.fromkeys(IDS, 1))
    assert (error.value.result.total, error.value.result.written) == (8, 2)
    assert len(nights.crm.batches) == 2
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as link:
        link.execute("alter table lost rename to attempts")
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {
        "unchanged": 2,
        "already": 2,
        "written": 4,
    }


# refused --------------------------------------------------------------------------------------


def test_a_lock_is_waited_for_after_the_others(nights: Nights, pauses: list[float]) -> None:
    nights.crm.refuse("i0", Fate.RETRY, Fate.CHANGED)
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {"written": 8}
    assert nights.crm.batches[4:] == [["i0"], ["i0"]]
    assert pauses == [1, 4]
    (attempt,) = nights.ledger.history("crm", "i0")
    assert (attempt.status, attempt.attempts, attempt.error) == ("verified", 3, None)


def test_what_stays_locked_is_dead_after_five_tries(nights: Nights, pauses: list[float]) -> None:
    nights.crm.refuse("i0", *[Fate.RETRY] * 9)
    result = nights.write(dict.fromkeys(IDS, 1))
    assert counts(result) == {"written": 7, "dead": 1}
    assert [f[:2] for f in result.failures] == [("i0", "LOCKED")]
    assert pauses == [1, 4, 15, 60]
    assert nights.ledger.history("crm", "i0")[0].attempts == 5


def test_the_dead_are_tried_again_when_they_change_or_somebody_asks(nights: Nights) -> None:
    nights.crm.refuse("i0", Fate.DEAD, Fate.DEAD, error="TOO_LONG")
    assert counts(nights.write({"i0": 1})) == {"dead": 1}
    again = nights.write({"i0": 1}, day=1)
    assert (counts(again), again.failures[0].error) == ({"dead": 1}, "TOO_LONG")
    assert len(nights.crm.batches) == 1
    assert counts(nights.write({"i0": 2}, day=2)) == {"dead": 1}
    assert len(nights.crm.batches) == 2
    assert nights.ledger.retry("crm") == 1
    assert counts(nights.write({"i0": 2}, day=3)) == {"written": 1}
    assert nights.statuses("i0") == ["superseded", "superseded", "verified"]


def test_of_two_rows_of_one_id_neither_is_written_when_somebody_asks(nights: Nights) -> None:
    twice = pd.concat([table({"i0": 1}), table({"i0": 2})])
    assert counts(nights.write_rows(twice)) == {"dead": 2}
    assert nights.ledger.retry("crm") == 0
    assert counts(nights.write({"i1": 1}, day=1)) == {"written": 1}
    assert counts(nights.write({"i0": 2}, day=2)) == {"written": 1}


def test_what_the_system_did_not_come_to_counts_no_try(nights: Nights) -> None:
    nights.crm.refuse("i0", *[Fate.NOT_TRIED] * 2)
    nights.crm.refuse("i1", *[Fate.RETRY] * 4)
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {"written": 8}
    assert nights.ledger.history("crm", "i0")[0].attempts == 1
    assert nights.ledger.history("crm", "i1")[0].attempts == 5


def test_what_it_never_comes_to_is_carried(nights: Nights) -> None:
    nights.crm.refuse("i0", *[Fate.NOT_TRIED] * 99)
    assert counts(nights.write({"i0": 1, "i1": 1})) == {"written": 1, "carried": 1}
    assert len(nights.crm.refusals["i0"]) > 90


def test_what_is_gone_is_never_made_again(nights: Nights) -> None:
    nights.crm.refuse("i0", Fate.GONE, error="ENTITY_IS_DELETED")
    assert counts(nights.write({"i0": 1}, mode="upsert")) == {"missing": 1}
    assert (nights.statuses("i0"), nights.error("i0")) == (["missing"], "ENTITY_IS_DELETED")
    nights.crm.delete("i0")  # in the bin
    assert counts(nights.write({"i0": 2}, day=1, mode="upsert")) == {"missing": 1}
    nights.crm.gone.clear()  # and purged
    assert counts(nights.write({"i0": 3}, day=2, mode="upsert")) == {"missing": 1}
    assert nights.crm.writes == {}


def test_what_is_gone_by_the_systems_word_alone_is_not_made_again(nights: Nights) -> None:
    nights.crm.refuse("new", Fate.GONE, error="ENTITY_IS_DELETED")
    assert counts(nights.write({"new": 1}, mode="upsert")) == {"missing": 1}
    assert counts(nights.write({"new": 2}, day=1, mode="upsert")) == {"missing": 1}
    assert "new" not in nights.crm.records


def test_what_a_person_kept_and_then_deleted_is_not_made_again(nights: Nights) -> None:
    nights.crm.edit("i0", score=50)
    assert counts(nights.write({"i0": 1}, mode="upsert")) == {"kept": 1}
    nights.crm.delete("i0", why="")
    assert counts(nights.write({"i0": 2}, day=1, mode="upsert")) == {"missing": 1}
    assert counts(nights.write({"new": 2}, day=1, mode="upsert")) == {"written": 1}


def test_missing_records_are_looked_for_each_night(nights: Nights) -> None:
    assert counts(nights.write({"later": 1})) == {"missing": 1}
    nights.crm.records["later"] = {}
    assert counts(nights.write({"later": 1}, day=1)) == {"written": 1}


# whole batches --------------------------------------------------------------------------------


def test_one_bad_row_of_an_atomic_batch_is_found_by_halves(tmp_path: Path) -> None:
    nights = Nights(tmp_path, *IDS, batch=8)
    bad = ExportError("The value is bad.")
    nights.crm.play("before", bad, None, bad, bad, None, bad, None)
    result = nights.write(dict.fromkeys(IDS, 1))
    assert counts(result) == {"written": 7, "dead": 1}
    assert [len(batch) for batch in nights.crm.batches] == [8, 4, 4, 2, 1, 1, 2]
    assert [a.attempts for i in IDS for a in nights.ledger.history("crm", i)] == [1] * 8


def test_without_an_answer_they_are_looked_at_in_smaller_batches(tmp_path: Path) -> None:
    nights = Nights(tmp_path, *IDS, batch=8)
    lost = UnansweredError("No answer came.")
    nights.crm.play("after", lost)
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {"written": 8}
    assert nights.crm.writes == dict.fromkeys(IDS, 1)
    nights.crm.play("before", lost, lost, None)
    assert counts(nights.write(dict.fromkeys(IDS, 2), day=1)) == {"written": 8}
    assert [len(batch) for batch in nights.crm.batches[2:5]] == [4, 4, 2]


def test_what_never_gets_an_answer_is_dead_alone(tmp_path: Path) -> None:
    nights = Nights(tmp_path, *IDS, batch=8)

    def fail_on_i3() -> None:
        nights.crm.play("before", fail_on_i3)
        if "i3" in nights.crm.batches[-1]:
            raise UnansweredError("No answer came.")

    nights.crm.play("before", fail_on_i3)
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {"written": 7, "dead": 1}
    assert nights.error("i3") == "No answer came."


def test_a_system_that_refuses_each_record_stops_the_night_too(tmp_path: Path) -> None:
    ids = [f"i{n}" for n in range(50)]
    nights = Nights(tmp_path, *ids, batch=2)
    for i in ids:
        nights.crm.refuse(i, Fate.DEAD, error="INSUFFICIENT_ACCESS")
    result = nights.write(dict.fromkeys(ids, 1))
    assert counts(result) == {"dead": 40, "carried": 10}
    assert "INSUFFICIENT_ACCESS" in str(result.stopped)


def test_a_system_that_accepts_nothing_stops_the_night(tmp_path: Path) -> None:
    ids = [f"i{n}" for n in range(100)]
    nights = Nights(tmp_path, *ids, batch=1)
    nights.crm.play("before", *[ExportError("The table is locked away.")] * 100)
    result = nights.write(dict.fromkeys(ids, 1))
    assert counts(result) == {"dead": 20, "carried": 80}
    assert "refused 20 times in a row" in str(result.stopped)
    assert "The table is locked away." in str(result.stopped)


# stops ----------------------------------------------------------------------------------------


def test_the_quota_is_used_up_on_the_way(nights: Nights) -> None:
    nights.crm.play("before", None, QuotaError("REQUEST_LIMIT_EXCEEDED"))
    result = nights.write(dict.fromkeys(IDS, 1))
    assert counts(result) == {"written": 2, "carried": 6}
    assert str(result.stopped) == "REQUEST_LIMIT_EXCEEDED"
    assert counts(nights.write({}, day=1)) == {"written": 6}


def test_down_from_the_start_nothing_is_lost(nights: Nights) -> None:
    nights.crm.play("check", SourceError("The system cannot be used."))
    result = nights.write(dict.fromkeys(IDS, 1))
    assert counts(result) == {"carried": 8}
    assert str(result.stopped) == "The system cannot be used."
    assert nights.crm.batches == []
    assert counts(nights.write({"i0": 2}, day=1)) == {"written": 8}
    assert nights.scores() == {**dict.fromkeys(IDS, 1), "i0": 2}


def test_asked_to_stop_it_finishes_the_batch_in_hand(nights: Nights) -> None:
    nights.crm.play("after", None, stopping.stop)
    with pytest.raises(StoppedError) as error, stopping.finishing():
        nights.write(dict.fromkeys(IDS, 1))
    assert counts(error.value.result) == {"written": 4, "carried": 4}
    assert [nights.statuses(i)[0] for i in IDS] == ["acknowledged"] * 4 + ["planned"] * 4
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {"unchanged": 4, "written": 4}


def test_asked_to_stop_while_it_plans(nights: Nights) -> None:
    def tables() -> Iterator[pd.DataFrame]:
        yield table({"i0": 1})
        stopping.stop()
        yield table({"i1": 1})

    with pytest.raises(StoppedError) as error, stopping.finishing():
        nights.write_rows(tables())
    assert counts(error.value.result) == {"carried": 1}
    assert nights.crm.batches == []
    assert counts(nights.write({"i0": 2, "i1": 1})) == {"written": 2}


def test_what_cannot_even_be_looked_up_goes_last(nights: Nights) -> None:
    for day in range(3):
        nights.crm.play("fetch", SourceError("Bad id."))
        assert counts(nights.write({"i0": 1, "i1": 1, "i2": 1}, day=day)) == {"carried": 3}
    nights.crm.play("fetch", None, None, SourceError("Bad id."))
    result = nights.write(dict.fromkeys(IDS[:6], 1), day=3)
    assert counts(result) == {"written": 4, "carried": 2}
    assert [nights.scores()[i] for i in IDS[:6]] == [None, None, 1, 1, 1, 1]


def test_what_breaks_every_night_goes_last(nights: Nights) -> None:
    for day in range(3):
        nights.crm.play("before", SourceError("It broke."))
        result = nights.write({"i0": day, "i1": day, "i2": 1, "i3": 1}, day=day)
        assert counts(result) == {"waiting": 2, "carried": 2}
    nights.crm.play("before", None, SourceError("It broke."))
    result = nights.write({"i0": 3, "i1": 3, "i2": 1, "i3": 1}, day=3)
    assert counts(result) == {"written": 2, "waiting": 2}


def test_two_writers_at_once(nights: Nights, tmp_path: Path) -> None:
    other = Nights(tmp_path)
    with other.ledger.writing("the other"), pytest.raises(LockedError, match="the other"):
        nights.write({"i0": 1})


# jobs -----------------------------------------------------------------------------------------


def test_jobs_end_with_their_batch(nights: Nights) -> None:
    nights.crm.by_jobs = True
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {"written": 8}
    assert nights.ledger.open_jobs("crm") == []
    assert [nights.ledger.history("crm", i)[0].job_id for i in IDS[::2]] == [
        f"job {n}" for n in range(1, 5)
    ]


@pytest.mark.parametrize("moment", ["upload", "poll"])
def test_a_job_left_behind_is_settled_before_anything_else(nights: Nights, moment: str) -> None:
    nights.crm.by_jobs = True
    nights.crm.play(moment, SourceError("down"))
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {"waiting": 2, "carried": 6}
    assert nights.ledger.open_jobs("crm") == ["job 1"]
    result = nights.write(dict.fromkeys(IDS, 2), day=1)
    assert counts(result) == {"written": 8}
    assert nights.crm.settled == ["job 1"]
    assert nights.scores() == dict.fromkeys(IDS, 2)
    assert nights.crm.writes["i0"] == (2 if moment == "poll" else 1)


def test_a_job_that_is_lost_from_sight_is_settled_in_the_same_night(nights: Nights) -> None:
    nights.crm.by_jobs = True
    nights.crm.play("poll", UnansweredError("No answer came."))
    assert counts(nights.write(dict.fromkeys(IDS, 1))) == {"written": 8}
    assert nights.crm.settled == ["job 1"]
    assert nights.crm.writes == dict.fromkeys(IDS, 1)


# what is kept ---------------------------------------------------------------------------------


def test_a_dropped_field_is_told_and_sent_again_when_it_can_be(nights: Nights) -> None:
    nights.write(dict.fromkeys(IDS, 1), band="A")
    nights.crm.dropped.add("band")
    result = nights.write(dict.fromkeys(IDS, 2), day=1, band="B")
    assert counts(result) == {"written": 8}
    assert (result.dropped, result.verified) == ({"band": 8}, 0)
    assert "does not keep it (8 records looked at)" in result.warnings[0]
    nights.crm.dropped.clear()
    mended = nights.write(dict.fromkeys(IDS, 2), day=2, band="B")
    assert counts(mended) == {"written": 8}
    assert mended.verified == 8
    assert {fields["band"] for fields in nights.crm.records.values()} == {"B"}


def test_a_record_that_lost_a_field_is_written_once_more(nights: Nights) -> None:
    nights.write(dict.fromkeys(IDS, 1))

    def lose() -> None:
        nights.crm.records["i2"].update(score=1)

    nights.crm.play("after", None, lose, None, None, None)
    result = nights.write(dict.fromkeys(IDS, 2), day=1)
    assert (counts(result), result.verified) == ({"written": 8}, 8)
    assert nights.scores() == dict.fromkeys(IDS, 2)
    nights.write(dict.fromkeys(IDS, 1), day=2)
    nights.crm.play("after", None, lose, None, None, lose)
    result = nights.write(dict.fromkeys(IDS, 3), day=3)
    assert (counts(result), result.verified) == ({"written": 7, "dead": 1}, 7)
    assert result.failures == [("i2", "not kept: score", todo_of("not kept: score"))]
    assert counts(nights.write(dict.fromkeys(IDS, 4), day=4)) == {"written": 8}


def test_a_person_who_edits_right_after_us_is_not_overwritten(nights: Nights) -> None:
    nights.crm.play("after", lambda: nights.crm.edit("i0", score=50))
    result = nights.write(dict.fromkeys(IDS, 1))
    assert counts(result) == {"written": 7, "kept": 1}
    assert nights.scores()["i0"] == 50


def test_texts_are_cut_to_the_field_and_that_is_told(nights: Nights) -> None:
    nights.crm.lengths = {"band": Tolerance(length=5, trims=True)}
    result = nights.write({"i0": 1, "i1": 1}, band=["long words", "  ok "])
    assert result.warnings == ["1 texts were too long for 'band' and were cut."]
    assert [nights.crm.records[i]["band"] for i in ("i0", "i1")] == ["long", "ok"]
    assert counts(nights.write({"i0": 1}, day=1, band="long words")) == {"unchanged": 1}


# rows -----------------------------------------------------------------------------------------


def test_tables_are_read_one_by_one(nights: Nights) -> None:
    read: list[int] = []

    def tables() -> Iterator[pd.DataFrame]:
        for n, i in enumerate(IDS):
            read.append(n)
            yield table({i: n})

    types = {"score": float, "band_ja": str, "as_of": dt.date}
    result = nights.write_rows(tables(), types=types)
    assert counts(result) == {"written": 8}
    assert nights.scores() == {i: n for n, i in enumerate(IDS)}
    assert read == list(range(8))


def test_the_system_is_told_the_types_and_its_doubts_are_told(nights: Nights) -> None:
    nights.crm.warnings = ["The org is a sandbox."]
    assert nights.write({"i0": 1}).warnings == ["The org is a sandbox."]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("not kept: band", "automation"),
        ("its external id comes several times tonight", "one row"),
        ("LOCKED", "retry"),
    ],
)
def test_a_person_is_told_what_to_do(error: str, words: str) -> None:
    assert words in todo_of(error)
