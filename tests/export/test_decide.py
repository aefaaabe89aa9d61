"""The rules, record by record, without a database."""

from __future__ import annotations

import datetime as dt

import pytest

from salesml.crm.records import Seen, Tolerance
from salesml.export.decide import Decision, Outcome, Row, Rules
from salesml.export.ledger_rows import Attempt, Record
from salesml.export.values import Payload, digest

DAY = dt.date(2025, 3, 1)


def rules(*, creates: bool = False, **tolerances: Tolerance) -> Rules:
    return Rules(["score", "band"], creates, tolerances)


def record(score: object, band: object = "A", days: int = -1) -> Record:
    payload = {"score": score, "band": band, "at": "then"}
    return Record(payload, digest({}), DAY + dt.timedelta(days), "r0")


def attempt(
    score: object = 5, days: int = 0, status: str = "sent", sent: bool = True, number: int = 7
) -> Attempt:
    payload: Payload = {"score": score, "band": "A", "at": "now"}
    return Attempt(
        attempt_id=number,
        external_id="x",
        as_of=DAY + dt.timedelta(days),
        run_id="r0",
        payload=payload,
        hash=digest(payload),
        priority=None,
        status=status,
        job_id=None,
        error=None,
        attempts=int(sent),
        planned_at="t",
        sent_at="t" if sent else None,
        finished_at=None,
    )


def row(score: object = 5) -> Row:
    payload: Payload = {"score": score, "band": "A", "at": "now"}
    return Row("x", payload, digest(payload))


def planned(
    known: Record | None = None, before: Attempt | None = None, newest: int | None = None
) -> Outcome | None:
    """What the ledger decides of a score of 5 for the day."""
    date = None if newest is None else DAY + dt.timedelta(newest)
    return rules().from_ledger(row(5), DAY, known, before, date)


def decided(
    score: object,
    known: Record | None,
    shown: dict[str, object] | None,
    *unanswered: Attempt,
    days: int = 0,
) -> Decision:
    seen = None if shown is None else Seen(shown)
    return rules().from_crm(attempt(score, days), known, unanswered, seen)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, None),
        (record(5), Outcome.UNCHANGED),
        (record("5.0"), Outcome.UNCHANGED),
        (record(4), None),
        (record(4, days=0), None),
        (record(4, days=1), Outcome.OLDER),
        (record(5, days=1), Outcome.UNCHANGED),
    ],
)
def test_what_the_ledger_settles(known: Record | None, expected: Outcome | None) -> None:
    assert planned(known) is expected


@pytest.mark.parametrize(
    ("known", "before", "expected"),
    [
        (None, attempt(4, sent=False, status="planned"), None),
        (record(5), attempt(4, sent=False, status="planned"), Outcome.UNCHANGED),
        (record(5), attempt(4), None),  # it may have arrived: the CRM has to be asked
        (None, attempt(4, days=1, sent=False, status="planned"), Outcome.OLDER),
        (None, attempt(4, days=1, status="dead"), Outcome.OLDER),
        (None, attempt(5, days=-1, status="dead"), Outcome.DEAD),
        (record(4), attempt(5, days=-1, status="dead"), Outcome.DEAD),
        (record(4), attempt(6, days=-1, status="dead"), None),
        (record(5), attempt(6, days=-1, status="dead"), None),
    ],
)
def test_what_an_attempt_before_means(
    known: Record | None, before: Attempt, expected: Outcome | None
) -> None:
    assert planned(known, before) is expected


def test_an_older_run_adds_nothing() -> None:
    assert planned(newest=1) is Outcome.OLDER
    assert planned(newest=0) is None


@pytest.mark.parametrize(
    ("known", "current", "expected"),
    [
        (None, {"score": None, "band": ""}, Outcome.WRITE),
        (None, {"score": 5.0, "band": "A"}, Outcome.ALREADY),
        (None, {"score": None, "band": "A"}, Outcome.WRITE),  # where it is equal, nothing is lost
        (None, {"score": 3, "band": None}, Outcome.KEPT),
        (None, {"score": 0, "band": None}, Outcome.KEPT),
        (record(4), {"score": "4.0", "band": "A"}, Outcome.WRITE),
        (record(4), {"score": 3, "band": "A"}, Outcome.KEPT),
        (record(4), {"score": None, "band": "A"}, Outcome.KEPT),  # emptying is an edit, too
        (record(4, "B"), {"score": 4, "band": "A"}, Outcome.WRITE),  # the person agrees with us
        (record(4), {"score": 5, "band": "A"}, Outcome.ALREADY),
        (record(4), None, Outcome.MISSING),
    ],
)
def test_what_the_crm_settles(
    known: Record | None, current: dict[str, object] | None, expected: Outcome
) -> None:
    assert decided(5, known, current).outcome is expected


def test_edits_name_the_field_and_both_values() -> None:
    decision = decided(5, record(4, "B"), {"score": 3, "band": "mine"})
    assert decision.edits == [("x", "score", 3, 4), ("x", "band", "mine", "B")]
    assert decision.why == "score is 3; band is 'mine'"


def test_missing_records_are_created_only_if_asked_and_never_again() -> None:
    made = rules(creates=True).from_crm(attempt(), None, [], None)
    assert made.outcome is Outcome.WRITE
    assert rules().from_crm(attempt(), None, [], None).why == "no such record"
    deleted = rules(creates=True).from_crm(attempt(), None, [], None, deleted=True)
    assert (deleted.outcome, deleted.why) == (
        Outcome.MISSING,
        "no such record any more: somebody deleted it",
    )
    emptied = Rules(["score"], True, empty=True)
    assert emptied.from_crm(attempt(), record(4), [], None, deleted=True).outcome is Outcome.WRITE


def test_a_barred_record_is_left_alone_whatever_it_shows() -> None:
    seen = Seen({"score": None, "band": None}, barred="merged into 003")
    decision = rules(creates=True).from_crm(attempt(), None, [attempt()], seen)
    assert (decision.outcome, decision.why) == (Outcome.MISSING, "merged into 003")


def test_a_field_added_later_counts_as_never_written() -> None:
    known = Record({"band": "A"}, "", DAY, "r0")
    assert decided(5, known, {"score": None, "band": "A"}).outcome is Outcome.WRITE
    assert decided(5, known, {"score": 1, "band": "A"}).outcome is Outcome.KEPT


def test_an_unanswered_attempt_that_arrived_is_ours() -> None:
    before = attempt(4, days=-1, number=3)
    decision = decided(5, record(3), {"score": 4, "band": "A"}, before)
    assert (decision.outcome, decision.adopted) == (Outcome.WRITE, before)
    same = decided(4, record(3), {"score": 4, "band": "A"}, before)
    assert (same.outcome, same.adopted) == (Outcome.ALREADY, before)


def test_of_several_unanswered_attempts_the_newest_that_fits_arrived() -> None:
    first, second, third = (attempt(4, number=n) for n in (1, 2, 3))
    decision = decided(5, None, {"score": 4, "band": "A"}, first, second, attempt(9), third)
    assert decision.adopted == third


def test_an_unanswered_attempt_that_did_not_arrive_changes_nothing() -> None:
    before = attempt(4, days=-1)
    decision = decided(5, record(3), {"score": 3, "band": "A"}, before)
    assert (decision.outcome, decision.adopted) == (Outcome.WRITE, None)
    decision = decided(5, record(3), {"score": 9, "band": "A"}, before)
    assert (decision.outcome, decision.adopted) == (Outcome.KEPT, None)
    decision = decided(3, record(3), {"score": 3, "band": "A"}, before)
    assert (decision.outcome, decision.adopted) == (Outcome.ALREADY, None)


def test_an_arrived_attempt_for_a_later_date_is_not_overwritten() -> None:
    before = attempt(4, days=2)
    decision = decided(5, record(3), {"score": 4, "band": "A"}, before)
    assert (decision.outcome, decision.adopted) == (Outcome.OLDER, before)


def test_rounding_is_no_edit() -> None:
    whole = rules(score=Tolerance(absolute=0.5))

    def outcome(score: object, known: Record | None, shown: int) -> Outcome:
        seen = Seen({"score": shown, "band": "A"})
        return whole.from_crm(attempt(score), known, [], seen).outcome

    assert outcome(9, record(4.4), 4) is Outcome.WRITE
    assert outcome(9, record(4.4), 5) is Outcome.KEPT
    assert outcome(4.3, None, 4) is Outcome.ALREADY
