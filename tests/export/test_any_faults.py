"""Whatever goes wrong in whatever order: the CRM ends as if nothing had, but for people's edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.conftest import Crm
from export.office import IDS, Office
from salesml import stopping
from salesml.crm.records import Fate, Refusal, Write
from salesml.errors import SourceError, UnansweredError
from salesml.export import Ledger

pytestmark = pytest.mark.faults


class Killed(BaseException):
    """What nothing catches, like a signal."""


def fail(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


EDIT = "update accounts set score = 99 where id = 'i03'"
FAULTS: Mapping[str, Callable[[], None] | None] = {
    "": None,
    "killed": fail(Killed()),
    "unanswered": fail(UnansweredError("the line went dead")),
    "down": fail(SourceError("503 Service Unavailable")),
}
STEPS = ("fetch", "write", "written", "created", "begun", "uploaded", "closed", "ended")
faults = st.dictionaries(
    st.sampled_from(STEPS), st.lists(st.sampled_from([*FAULTS, "edited"]), max_size=4), max_size=3
)
night = st.tuples(st.lists(st.integers(0, 2), min_size=25, max_size=25), faults)


class Deliveries:
    """What the system was handed, record by record; some it refuses at first."""

    def __init__(self, refused: list[Fate]) -> None:
        self.values: dict[str, list[object]] = {}
        self._refused = iter(refused)

    def judge(self, write: Write) -> Refusal | None:
        fate = next(self._refused, None)
        if fate is None:
            self.values.setdefault(write.id, []).append(write.fields["score"])
        return None if fate is None else Refusal(fate, "not now")


@settings(max_examples=20)
@given(
    nights=st.lists(night, min_size=1, max_size=3),
    by_job=st.booleans(),
    refused=st.lists(st.sampled_from([Fate.RETRY, Fate.CHANGED, Fate.NOT_TRIED]), max_size=4),
)
def test_nothing_is_lost_or_written_twice_or_over_a_person(
    tmp_path_factory: pytest.TempPathFactory,
    nights: list[tuple[list[int], dict[str, list[str]]]],
    by_job: bool,
    refused: list[Fate],
) -> None:
    folder = tmp_path_factory.mktemp("crm")
    (folder / "crm.db").touch()
    office = Office(Crm("sqlite", str(folder / "crm.db"), folder), folder, by_job=by_job)
    delivered = Deliveries(refused)
    office.line.refuses = delivered.judge
    acts, edited = dict(FAULTS), list[bool]()

    def edit() -> None:
        office.run(EDIT)
        edited.append(True)

    acts["edited"] = edit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stopping, "pause", lambda _: None)
        for day, (scores, wrong) in enumerate(nights):
            office.line.at = {step: [acts[f] for f in found] for step, found in wrong.items()}
            office.crm.ledger = reopened(folder)
            try:
                office.write(dict(zip(IDS, scores, strict=False)), day=day)
            except (Killed, SourceError):
                continue
        office.line.at = {}
        office.crm.ledger = reopened(folder)
        last = office.write(dict(zip(IDS, scores, strict=False)), day=len(nights))
    wanted = dict(zip(IDS, scores, strict=False))
    assert office.scores() == (wanted | {"i03": 99} if edited else wanted)
    assert last.written + last.unchanged + last.already + last.kept == last.total == 25
    assert office.crm.ledger.open_jobs("crm") == []
    for values in delivered.values.values():
        assert all(one != next_one for one, next_one in pairwise(values))


def reopened(folder: Path) -> Ledger:
    return Ledger(folder / "ledger.sqlite")
