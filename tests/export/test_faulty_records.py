"""What goes wrong with single records on their way to a CRM, by the numbers of the faults."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from export.conftest import DAY, Open
from export.office import BAND, IDS, SCORES, Office, numbers
from salesml import stopping
from salesml.crm.records import Fate, Refusal, Write
from salesml.errors import ExportError, UnansweredError
from salesml.export import ExportResult, write_back

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; how long they would have."""
    found: list[float] = []
    monkeypatch.setattr(stopping, "pause", found.append)
    return found


@pytest.fixture(params=["sqlite", "postgres"])
def office(request: pytest.FixtureRequest, open_crm: Open, tmp_path: Path) -> Office:
    return Office(open_crm(request.param), tmp_path)


# 11: a lock ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("office", ["postgres"], indirect=True)
def test_fault_11_a_record_that_somebody_holds_waits_alone(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(office.crm.place) as person:
        person.execute("update accounts set owner = '鈴木' where id = 'i03'")
        monkeypatch.setattr(stopping, "pause", lambda _: person.commit())
        assert numbers(office.write()) == {"written": 30}
    assert office.scores() == SCORES
    assert office.run("select owner from accounts where id = 'i03'") == [("鈴木",)]
    # the system was handed it twice, and refused it the first time
    assert office.line.deliveries == {**dict.fromkeys(IDS, 1), "i03": 2}


# 12: one id, several records --------------------------------------------------------------------


def test_fault_12_an_id_that_comes_twice_stops_no_other(office: Office) -> None:
    result = office.write([*SCORES.items(), ("i03", 77)])
    assert numbers(result) == {"written": 29, "dead": 2}
    assert {failure.external_id for failure in result.failures} == {"i03"}
    assert "i03" not in office.scores()
    assert numbers(office.write(day=2)) == {"unchanged": 29, "written": 1}


def test_fault_12_somebody_makes_the_record_first(office: Office) -> None:
    made = "insert into accounts (id, owner) values ('new', '佐藤')"
    office.line.at["fetch"] = [office.doing(made)]
    result = office.write({"new": 5, "i01": 1}, mode="upsert")
    assert numbers(result) == {"written": 2}
    assert office.run("select score, owner from accounts where id = 'new'") == [(5, "佐藤")]


def test_fault_12_the_key_is_not_unique(open_crm: Open, tmp_path: Path) -> None:
    office = Office(open_crm("sqlite"), tmp_path)
    for statement in ("drop table accounts", "create table accounts (id, score, band, scored_on)"):
        office.run(statement)
    office.run("insert into accounts (id) values ('i01'), ('i02')")
    again = "insert into accounts (id) values ('i01')"
    office.line.at["fetch"] = [office.doing(again)]
    meanwhile = office.write({"i01": 1, "i02": 2})
    assert numbers(meanwhile) == {"written": 1, "missing": 1}
    assert "share this id" in str(office.last("i01")[1])
    with pytest.raises(ExportError, match="several records share one value: i01"):
        office.write(day=2)
    assert office.run("select id, score from accounts order by 1") == [
        ("i01", None),
        ("i01", None),
        ("i02", 2),
    ]


# 13 and 14: bad data ----------------------------------------------------------------------------


def test_fault_13_a_poison_row_in_an_atomic_batch(office: Office) -> None:
    office.line.poisoned = lambda write: write.id == "i13"
    result = office.write()
    assert numbers(result) == {"written": 29, "dead": 1}
    assert [failure.external_id for failure in result.failures] == ["i13"]
    assert office.scores() == {i: score for i, score in SCORES.items() if i != "i13"}
    assert office.line.deliveries == dict.fromkeys(sorted(set(IDS) - {"i13"}), 1)
    assert office.line.calls < 30
    calls = office.line.calls
    again = office.write(day=2)
    assert numbers(again) == {"unchanged": 29, "dead": 1}
    assert office.line.calls == calls
    office.line.poisoned = lambda _: False
    assert numbers(office.write({**SCORES, "i13": 99}, day=3)) == {"unchanged": 29, "written": 1}


def test_fault_14_what_fails_for_ever_ends_as_dead(office: Office, waits: list[float]) -> None:
    tried: list[str] = []

    def locked(write: Write) -> Refusal | None:
        tried.append(write.id)
        return Refusal(Fate.RETRY, "UNABLE_TO_LOCK_ROW") if write.id == "i05" else None

    office.line.refuses = locked
    result = office.write()
    assert numbers(result) == {"written": 29, "dead": 1}
    assert tried.count("i05") == 5
    assert len(tried) == 34
    assert waits == sorted(waits)
    assert office.last("i05") == ("dead", "UNABLE_TO_LOCK_ROW")


def test_fault_14_an_error_of_the_server_for_one_record_is_bounded(office: Office) -> None:
    def breaks(write: Write) -> bool:
        if write.id == "i05":
            raise UnansweredError("500 Internal Server Error")
        return False

    office.line.poisoned = breaks
    result = office.write()
    assert numbers(result) == {"written": 29, "dead": 1}
    assert office.line.calls < 60
    assert office.last("i05")[0] == "dead"
    assert office.line.deliveries == dict.fromkeys(sorted(set(IDS) - {"i05"}), 1)


def test_fault_14_a_person_mends_it_and_asks_for_another_try(office: Office) -> None:
    office.line.refuses = lambda w: Refusal(Fate.DEAD, "a rule") if w.id == "i05" else None
    assert numbers(office.write()) == {"written": 29, "dead": 1}
    office.line.refuses = lambda _: None
    assert numbers(office.write(day=2)) == {"unchanged": 29, "dead": 1}
    assert office.crm.ledger.retry("crm", ["i05", "i06"]) == 1
    assert numbers(office.write(day=3)) == {"unchanged": 29, "written": 1}
    assert office.scores() == SCORES


# 15: dropped in silence -------------------------------------------------------------------------


def test_fault_15_a_field_that_the_system_ignores_is_told(office: Office) -> None:
    office.line.drops = lambda _: {"band"}
    result = office.write()
    assert result.dropped["band"] >= 2
    assert office.scores() == SCORES
    assert any("band" in line for line in result.lines())


def test_fault_15_a_record_that_the_system_dropped_is_written_again(office: Office) -> None:
    times = iter([True])
    office.line.drops = lambda w: {"score"} if w.id == "i07" and next(times, False) else set()
    result = office.write()
    assert numbers(result) == {"written": 30}
    assert result.verified == 30
    assert office.scores() == SCORES
    assert office.line.deliveries["i07"] == 2


def test_fault_15_a_record_that_never_keeps_a_field_is_dead(office: Office) -> None:
    office.line.drops = lambda w: {"score"} if w.id == "i07" else set()
    result = office.write()
    assert numbers(result) == {"written": 29, "dead": 1}
    assert result.verified == 29
    assert office.last("i07") == ("dead", "not kept: score")
    assert office.line.deliveries["i07"] <= 5


# 16: people -------------------------------------------------------------------------------------


def test_fault_16_a_person_edits_while_we_write(office: Office) -> None:
    edit = "update accounts set score = 99 where id = 'i03'"
    office.line.at["fetch"] = [None, None, office.doing(edit)]
    result = office.write()
    assert numbers(result) == {"written": 29, "kept": 1}
    assert office.scores() == {**SCORES, "i03": 99}
    assert [(e.external_id, e.field) for e in result.edits] == [("i03", "score")]


def test_fault_16_edits_of_other_fields_stay(office: Office) -> None:
    edit = "update accounts set owner = '鈴木' where id = 'i29'"
    office.line.at["fetch"] = [office.doing(edit)]
    assert numbers(office.write()) == {"written": 30}
    assert office.scores() == SCORES
    assert office.run("select owner from accounts where id = 'i29'") == [("鈴木",)]


# 17 and 18: texts, and nothing ------------------------------------------------------------------

TEXTS = [
    "東京都 港区",
    "\"''\"",
    "a\r\nb\tc",
    "x\u2028y\u2029z",
    "𠮷野家😀",
    "=1+1",
    " edge ",
    "0012",
    ";,|",
]


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "files"])
def test_fault_17_any_text_arrives_and_is_known_again(kind: str, open_crm: Open) -> None:
    crm, ids = open_crm(kind), IDS[: len(TEXTS)]
    crm.make(*ids)
    office_of = dict(zip(ids, TEXTS, strict=True))

    def night(day: int) -> ExportResult:
        rows = pd.DataFrame(
            {"external_id": ids, "score": 1.0, "band_ja": TEXTS, "as_of": DAY + dt.timedelta(day)}
        )
        return write_back(
            crm.target(),
            rows,
            connection=crm.connection,
            ledger=crm.ledger,
            as_of=DAY + dt.timedelta(day),
            run_id=f"run {day}",
            now=lambda: dt.datetime(2025, 3, 1, 17) + dt.timedelta(day),
        )

    first = night(1)
    assert (first.written, first.verified) == (len(ids), len(ids))
    shown = crm.connection.fetch(crm.table, "id", ids, ["band"])
    assert {i: seen.fields["band"] for i, seen in shown.items()} == office_of
    # a ledger that was lost learns that nothing is to be done
    assert numbers(night(2)) == {"unchanged": len(ids)}


@pytest.mark.parametrize("office", ["postgres"], indirect=True)
def test_fault_17_texts_are_cut_to_what_the_field_holds(office: Office) -> None:
    office.run("alter table accounts alter band type varchar(4)")
    first = office.write(bands="とても長い言葉")
    assert numbers(first) == {"written": 30}
    assert first.verified == 30
    assert any("cut" in line for line in first.warnings)
    assert set(office.bands()) == {"とても長"}
    assert numbers(office.write(day=2, bands="とても長い言葉")) == {"unchanged": 30}


@pytest.mark.parametrize("office", ["postgres"], indirect=True)
def test_fault_17_a_text_that_the_system_cannot_hold_is_dead_alone(office: Office) -> None:
    result = office.write(bands=["a\0b", *["良"] * 29])
    assert numbers(result) == {"written": 29, "dead": 1}
    assert [failure.external_id for failure in result.failures] == ["i00"]


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, ""])
def test_fault_18_nothing_empties_a_field_once(office: Office, nothing: object) -> None:
    office.write()
    bands = [nothing, *[BAND] * 29]
    assert numbers(office.write(day=2, bands=bands)) == {"unchanged": 29, "written": 1}
    assert office.bands() in ([None, *[BAND] * 29], ["", *[BAND] * 29])
    assert numbers(office.write(day=3, bands=bands)) == {"unchanged": 30}


def test_fault_18_a_score_that_is_no_number_empties_the_field(office: Office) -> None:
    office.write()
    gone = {**SCORES, "i04": float("nan")}
    assert numbers(office.write(gone, day=2)) == {"unchanged": 29, "written": 1}
    assert sorted(office.scores()) == sorted(set(IDS) - {"i04"})


# 19: deleted ------------------------------------------------------------------------------------


def test_fault_19_deleted_while_we_write_it_is_not_made_again(office: Office) -> None:
    office.line.at["fetch"] = [office.doing("delete from accounts where id = 'i29'")]
    result = office.write(mode="upsert")
    assert numbers(result) == {"written": 29, "missing": 1}
    assert "i29" not in office.scores()
    assert numbers(office.write(day=2, mode="upsert"))["missing"] == 1
    assert "i29" not in office.scores()


def test_fault_19_deleted_between_two_nights(office: Office) -> None:
    office.write(mode="upsert")
    office.run("delete from accounts where id = 'i07'")
    other = {i: score + 1 for i, score in SCORES.items()}
    assert numbers(office.write(other, day=2, mode="upsert")) == {"written": 29, "missing": 1}
    assert "i07" not in office.scores()


def test_fault_19_what_was_barred_once_is_never_made(office: Office) -> None:
    office.line.barred["i01"] = "merged into i02"
    assert numbers(office.write(mode="upsert")) == {"written": 29, "missing": 1}
    assert office.last("i01") == ("missing", "merged into i02")
    office.line.barred.clear()
    office.run("delete from accounts where id = 'i01'")  # no trace is left of it
    for day in (2, 3):
        assert numbers(office.write(day=day, mode="upsert")) == {"unchanged": 29, "missing": 1}
    assert "i01" not in office.scores()


def test_fault_19_what_is_restored_is_written_again(office: Office) -> None:
    office.line.barred["i01"] = "deleted"
    office.write(mode="upsert")
    office.line.barred.clear()
    assert numbers(office.write(day=2, mode="upsert")) == {"unchanged": 29, "written": 1}
    assert office.scores() == SCORES
