"""What cannot go tonight goes the next nights, the most valuable first."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from export.conftest import DAY, counts, table
from export.nights import Nights
from salesml.config import Limits
from salesml.crm.records import Allowance
from salesml.errors import SourceError

IDS = [f"i{n}" for n in range(8)]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """Eight records, two a batch."""
    return Nights(tmp_path, *IDS, batch=2)


def test_the_most_valuable_go_first_and_the_rest_the_next_nights(nights: Nights) -> None:
    values = [float(n % 5) for n in range(8)]
    result = nights.write(
        dict.fromkeys(IDS, 1), priorities=values, limits=Limits(rows=3, share=1.0)
    )
    assert counts(result) == {"written": 3, "carried": 5}
    assert nights.crm.batches == [["i4", "i3"], ["i2"]]
    assert "3 of 8 records go tonight" in result.warnings[0]
    same_day = nights.write(dict.fromkeys(IDS, 1), priorities=values, limits=Limits(rows=3))
    assert counts(same_day) == {"unchanged": 3, "carried": 5}
    next_day = nights.write({"i0": 2}, day=1, priorities=[9.0], limits=Limits(rows=3))
    assert counts(next_day) == {"written": 3, "carried": 2}
    assert nights.scores()["i0"] == 2
    dates = [nights.crm.records[i].get("scored_on") for i in ("i0", "i7")]
    assert dates == ["2025-03-02", "2025-03-01"]  # what was carried keeps its own date


def test_a_share_of_what_the_system_allows(nights: Nights) -> None:
    nights.crm.limit = Allowance(calls=8, resets="midnight")
    result = nights.write(dict.fromkeys(IDS, 1), limits=Limits(share=0.5))
    assert counts(result) == {"written": 4, "carried": 4}
    assert result.calls == nights.ledger.spent("crm", DAY) == nights.crm.calls


def test_a_carried_value_that_is_not_wanted_any_more_is_not_sent(nights: Nights) -> None:
    nights.write({"i0": 1})
    assert counts(nights.write({"i0": 2}, day=1, limits=Limits(rows=0))) == {"carried": 1}
    assert counts(nights.write({"i0": 1}, day=2)) == {"unchanged": 1}
    assert nights.statuses("i0") == ["verified", "superseded"]
    assert nights.crm.writes == {"i0": 1}


def test_what_arrived_without_an_answer_is_taken_back_though_its_successor_was_never_sent(
    nights: Nights,
) -> None:
    nights.write({"i0": 1})
    nights.crm.play("after", SourceError("The line went dead."))
    assert nights.write({"i0": 2}, day=1).stopped
    assert counts(nights.write({"i0": 3}, day=2, limits=Limits(rows=0))) == {"carried": 1}
    assert nights.scores()["i0"] == 2
    assert counts(nights.write({"i0": 1}, day=3)) == {"written": 1}  # as the ledger knows it
    assert nights.scores()["i0"] == 1


def test_a_late_older_run_does_not_replace_what_is_carried(nights: Nights) -> None:
    assert counts(nights.write({"i0": 3}, day=3, limits=Limits(rows=0))) == {"carried": 1}
    late = nights.write({"i0": 2, "i1": 2}, day=2)
    assert counts(late) == {"older": 2, "written": 1}
    assert nights.scores()["i0"] == 3


def test_a_rehearsal_counts_what_is_carried_and_changes_nothing(nights: Nights) -> None:
    nights.write(dict.fromkeys(IDS, 1), limits=Limits(rows=3))
    before = [nights.statuses(i) for i in IDS]
    rehearsed = nights.write({"i0": 2, "i7": 2}, day=1, dry_run=True, limits=Limits(rows=4))
    assert [nights.statuses(i) for i in IDS] == before
    assert nights.ledger.spent("crm", DAY + dt.timedelta(1)) == 0
    real = nights.write({"i0": 2, "i7": 2}, day=1, limits=Limits(rows=4))
    assert counts(rehearsed) == counts(real) == {"written": 4, "carried": 2}
    assert rehearsed.changes == real.changes


def test_a_field_that_the_target_has_no_more_is_not_written_by_what_is_carried(
    nights: Nights,
) -> None:
    nights.write({"i0": 1, "i1": 1}, limits=Limits(rows=0))
    nights.crm.edit("i0", band="a person's")
    target = replace(nights.target(), fields={"score": "score"})
    result = nights.write_rows(table({"i1": 1}, 1), 1, target=target)
    assert counts(result) == {"written": 2}
    assert nights.crm.records["i0"]["band"] == "a person's"
    assert nights.scores()["i0"] == 1


def test_a_field_that_is_new_is_no_edit_of_a_person_for_what_is_carried(nights: Nights) -> None:
    less = replace(nights.target(), fields={"score": "score"})
    nights.write_rows(table({"i0": 1}), target=less, limits=Limits(rows=0))
    nights.crm.edit("i0", band="a person's")
    assert counts(nights.write({"i1": 1}, day=1)) == {"written": 2}
    assert (nights.scores()["i0"], nights.crm.records["i0"]["band"]) == (1, "a person's")
