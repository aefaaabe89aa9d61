"""A write-back that dies at each of its durable steps in turn, and is started again."""

from __future__ import annotations

import copy
import itertools
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from export.nights import Nights
from salesml.crm.records import Fate
from salesml.errors import UnansweredError
from salesml.export import ledger_store
from salesml.export.ledger_store import Store

IDS = [f"i{n}" for n in range(6)]
FIRST = {i: n for n, i in enumerate(IDS)}
SECOND = {**{i: n + 10 for i, n in FIRST.items()}, "i1": 1}

Start = Callable[[str], Nights]


class Killed(BaseException):
    """What nothing catches, like a signal."""


class Steps:
    """Counts the durable steps of a run, and kills it at the step *last*."""

    def __init__(self, last: int) -> None:
        self.last, self.taken, self.dead = last, 0, False

    def step(self) -> None:
        self.taken += 1
        if self.taken == self.last:
            self.dead = True
            raise Killed

    def install(self, patch: pytest.MonkeyPatch, nights: Nights) -> None:
        """Count before and after each commit of the ledger, and at each moment of the CRM."""
        transaction, now = Store.transaction, nights.crm._now

        @contextmanager
        def counted(store: Store) -> Iterator[Any]:
            outermost = store._inside is None
            with transaction(store) as link:
                yield link
                if outermost:
                    self.step()
            if outermost:
                self.step()

        def moment(name: str) -> None:
            self.step()
            now(name)

        patch.setattr(Store, "transaction", counted)
        patch.setattr(nights.crm, "_now", moment)


def plain(nights: Nights) -> None:
    """Nothing special."""


def by_jobs(nights: Nights) -> None:
    nights.crm.by_jobs = True


def with_refusals(nights: Nights) -> None:
    nights.crm.refuse("i2", Fate.RETRY, Fate.RETRY)
    nights.crm.refuse("i3", Fate.DEAD)
    nights.crm.refuse("i4", Fate.NOT_TRIED)
    nights.crm.play("after", UnansweredError("No answer came."))


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A new CRM and ledger after a first night, with a person's edit and a deletion."""
    monkeypatch.setattr(ledger_store, "_prepare", _unsafely)  # it is not the power that fails
    first = Nights(tmp_path, *IDS, batch=3)
    first.write(FIRST)
    first.crm.edit("i0", score=77)
    first.crm.delete("i5")
    first.crm.writes.clear()

    def copied(name: str) -> Nights:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(tmp_path / "ledger.sqlite", folder)
        nights = Nights(folder, batch=3)
        nights.crm = copy.deepcopy(first.crm)
        return nights

    return copied


def _unsafely(link: sqlite3.Connection, _record: object) -> None:
    link.execute("pragma synchronous = off")


def dies(nights: Nights, last: int) -> bool:
    """Run the second night up to a step; whether it had so many."""
    steps = Steps(last)
    with pytest.MonkeyPatch.context() as patch:
        steps.install(patch, nights)
        with suppress(Killed):
            nights.write(SECOND, day=1)
    return steps.dead


@pytest.mark.parametrize("setting", [plain, by_jobs])
def test_whatever_step_it_dies_at_the_next_run_ends_as_if_nothing_had_been(
    setting: Callable[[Nights], None], start: Start
) -> None:
    calm = start("calm")
    setting(calm)
    calm.write(SECOND, day=1)
    for last in itertools.count(1):
        nights = start(f"killed {last}")
        setting(nights)
        if not dies(nights, last):
            break
        nights.write(SECOND, day=1)
        assert nights.crm.records == calm.crm.records, last
        assert nights.crm.writes == calm.crm.writes, last  # nothing twice
        assert nights.ledger.open_jobs("crm") == []
        assert not nights.ledger.still_open("crm")
        later = nights.write(SECOND, day=2)
        assert (later.written, later.already, later.kept) == (0, 0, 1), last
    assert last > 25


def test_a_night_full_of_refusals_may_die_at_any_step(start: Start) -> None:
    for last in itertools.count(1):
        nights = start(f"killed {last}")
        with_refusals(nights)
        died = dies(nights, last)
        nights.write(SECOND, day=1)
        nights.ledger.retry("crm")
        nights.write(SECOND, day=1)
        expected = {**SECOND, "i0": 77}
        del expected["i5"]
        assert nights.scores() == expected, last
        assert max(nights.crm.writes.values()) == 1, last
        assert not nights.ledger.still_open("crm")
        if not died:
            break


def test_killed_again_and_again_each_time_later(start: Start) -> None:
    nights, calm = start("killed"), start("calm")
    for last in itertools.count(1):
        if not dies(nights, last):
            break
    calm.write(SECOND, day=1)
    assert nights.crm.records == calm.crm.records
    assert nights.crm.writes == calm.crm.writes
