"""The rules, record by record, without a database."""

from __future__ import annotations

import datetime as dt

import pytest

from salesml.crm.base import Tolerance
from salesml.export.decide import Outcome, Row, Rules
from salesml.export.ledger import Attempt, Record
from salesml.export.values import Payload, digest

DAY = dt.date(2025, 3, 1)


def rules(*, creates: bool = False, **tolerances: Tolerance) -> Rules:
    return Rules(["score", "band"], creates, DAY, tolerances)


def record(score: object, band: object = "A", days: int = -1) -> Record:
    payload = {"score": score, "band": band, "at": "then"}
    return Record(payload, digest({}), DAY + dt.timedelta(days), "r0")


def attempt(score: object, days: int = -1, status: str = "sent") -> Attempt:
    known = record(score, days=days)
    return Attempt(
        *(7, "x", known.as_of, "r0", known.payload, known.hash),
        *(status, None, 1, "t", "t", None),
    )


def row(score: object = 5, known: Record | None = None, unresolved: Attempt | None = None) -> Row:
    payload: Payload = {"score": score, "band": "A", "at": "now"}
    return Row("x", payload, digest(payload), known, unresolved)


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
    assert rules().from_ledger(row(5, known)) is expected
    assert rules().from_ledger(row(5, known, attempt(1))) is None


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
    assert rules().from_crm(row(5, known), current).outcome is expected


def test_edits_name_the_field_and_both_values() -> None:
    decision = rules().from_crm(row(5, record(4, "B")), {"score": 3, "band": "mine"})
    assert decision.edits == [("x", "score", 3, 4), ("x", "band", "mine", "B")]


def test_missing_records_are_created_only_if_asked() -> None:
    assert rules(creates=True).from_crm(row(), None).outcome is Outcome.WRITE
    assert rules().from_crm(row(), None).outcome is Outcome.MISSING


def test_a_field_added_later_counts_as_never_written() -> None:
    known = Record({"band": "A"}, "", DAY, "r0")
    assert rules().from_crm(row(5, known), {"score": None, "band": "A"}).outcome is Outcome.WRITE
    assert rules().from_crm(row(5, known), {"score": 1, "band": "A"}).outcome is Outcome.KEPT


def test_an_unanswered_attempt_that_arrived_is_ours() -> None:
    asked = row(5, record(3), attempt(4))
    decision = rules().from_crm(asked, {"score": 4, "band": "A"})
    assert (decision.outcome, decision.adopted) == (Outcome.WRITE, True)
    decision = rules().from_crm(row(4, record(3), attempt(4)), {"score": 4, "band": "A"})
    assert (decision.outcome, decision.adopted) == (Outcome.UNCHANGED, True)


def test_an_unanswered_attempt_that_did_not_arrive_changes_nothing() -> None:
    decision = rules().from_crm(row(5, record(3), attempt(4)), {"score": 3, "band": "A"})
    assert (decision.outcome, decision.adopted) == (Outcome.WRITE, False)
    decision = rules().from_crm(row(5, record(3), attempt(4)), {"score": 9, "band": "A"})
    assert (decision.outcome, decision.adopted) == (Outcome.KEPT, False)
    decision = rules().from_crm(row(3, record(3), attempt(4)), {"score": 3, "band": "A"})
    assert (decision.outcome, decision.adopted) == (Outcome.UNCHANGED, False)


def test_an_arrived_attempt_for_a_later_date_is_not_overwritten() -> None:
    asked = row(5, record(3), attempt(4, days=2))
    decision = rules().from_crm(asked, {"score": 4, "band": "A"})
    assert (decision.outcome, decision.adopted) == (Outcome.OLDER, True)


def test_rounding_is_no_edit() -> None:
    whole = rules(score=Tolerance(absolute=0.5))
    assert whole.from_crm(row(9, record(4.4)), {"score": 4, "band": "A"}).outcome is Outcome.WRITE
    assert whole.from_crm(row(9, record(4.4)), {"score": 5, "band": "A"}).outcome is Outcome.KEPT
    assert whole.from_crm(row(4.3, None), {"score": 4, "band": "A"}).outcome is Outcome.ALREADY
