"""Nights of write-backs that are killed at random moments, and what must hold after them.

Each write-back is a process of its own that does what the pipeline does, and is killed with
SIGKILL. A killed night is begun again until it ends; then values change, and the next one begins.
"""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow.parquet  # noqa: F401  # imported by pandas when it reads the first file

from salesml.crm import connect
from salesml.export import Ledger, Target, write_back
from salesml.stopping import finishing

DAY = dt.date(2026, 1, 1)
SHARES = (1.0, 0.5, 0.2)
"""How many of the records change in a night."""

_LONGEST = 600.0
_AFTER = (0.0, 0.01, 0.03, 0.1, 0.3)
"""Seconds from the moment when records are on their way to an aimed kill."""

_MOST_RUNS = 50  # of one night that nobody kills
_NOT_ALL = 3
_SETTLED = {"acknowledged", "verified"}


class System(Protocol):
    """A CRM that outlives whoever writes to it."""

    spec: Mapping[str, str]
    target: Target

    def shown(self) -> dict[str, tuple[object, ...]]:
        """What each record holds in the fields that are written; fails if an id is there twice."""

    def written(self) -> Counter[str]:
        """How often each record was written since the system began, by external id."""


@dataclass(frozen=True)
class Run:
    """One write-back, by a process of its own."""

    spec: Mapping[str, str]
    target: Target
    folder: Path
    night: int

    @property
    def rows(self) -> Path:
        return self.folder / "rows.parquet"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.sqlite"

    @property
    def said(self) -> Path:
        return self.folder / "said.json"

    def work(self) -> None:
        """Write back; the exit code tells whether all is done."""
        with finishing():
            result = write_back(
                self.target,
                pd.read_parquet(self.rows),
                connection=connect("crm", dict(self.spec)),
                ledger=Ledger(self.ledger),
                as_of=DAY + dt.timedelta(self.night),
                run_id=f"night {self.night}",
                now=lambda: dt.datetime.now(dt.UTC).replace(tzinfo=None),
            )
        self.said.write_text(json.dumps({"lines": result.lines(), "stopped": str(result.stopped)}))
        sys.exit(0 if result.stopped is None and not result.waiting + result.carried else _NOT_ALL)


@dataclass
class Report:
    """What happened until all was done."""

    kills: int = 0
    in_flight: int = 0
    """Kills that found records on their way."""
    nights: int = 0
    runs: int = 0
    writes: int = 0
    twice: int = 0
    """Writes of records beyond one a night, all of records that were on their way at a kill."""
    seconds: float = 0.0
    records: int = 0


class Killing:
    """Kills write-backs to a system, and sees that nothing is lost or written twice.

    Parameters
    ----------
    count : records; their ids are ``A-0000000``…
    aimed : whether about half of the kills come when records are on their way.
    forgiven : writes by external id that are no fault of the write-back (a proxy repeated them).
    tell : called with the report after each kill.
    """

    def __init__(
        self,
        system: System,
        folder: Path,
        count: int,
        *,
        seed: int = 0,
        aimed: bool = False,
        forgiven: Callable[[], Counter[str]] = Counter,
        tell: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self._system, self._folder = system, folder
        self._chance = np.random.default_rng(seed)
        self._versions = np.zeros(count, dtype=int)
        self._sent_before = ""
        self._aimed, self._forgiven, self._tell = aimed, forgiven, tell
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([__name__])
        self._warm_up()
        self.report = Report(records=count)

    def _warm_up(self) -> None:
        """Let all that runs import be imported once, so that none of them is killed there."""
        before = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # the server of forks takes no other
        try:
            process = self._processes.Process(target=_nothing)
            process.start()
            process.join()
        finally:
            os.environ["PYTHONPATH"] = before

    @property
    def rows(self) -> pd.DataFrame:
        """Tonight's rows."""
        return rows_of(self._versions)

    def undisturbed(self) -> float:
        """Let one night through in which all records change; how many seconds it took."""
        started = time.monotonic()
        self._change(1.0)
        assert self._ends(self._run(), _LONGEST), "the first night was too slow"
        return time.monotonic() - started

    def undisturbed_as(self, other: Killing) -> None:
        """Let one night through that ends as that of *other* did."""
        self._versions = other._versions
        self._change(0.0)
        assert self._ends(self._run(), _LONGEST)

    def kill(self, times: int, within: float) -> None:
        """Go on until *times* runs were killed in their first *within* seconds; end the night."""
        started = time.monotonic()
        while self.report.kills < times:
            self._change(float(self._chance.choice(SHARES)))
            self._night(times, within)
        self.report.seconds += time.monotonic() - started

    def _night(self, times: int, within: float) -> None:
        before, forgiven = self._system.written(), self._forgiven()
        allowed: Counter[str] = Counter(self._changed)
        run = self._run()
        for _ in range(times + _MOST_RUNS):
            last = self.report.kills >= times
            moment = _LONGEST if last else float(self._chance.uniform(0, within))
            aimed = self._aimed and not last and self._chance.random() < 0.5
            if self._ends(run, _LONGEST if aimed else moment, aimed=aimed):
                break
            allowed.update(self._killed(run))
        else:
            raise AssertionError("the night does not end")
        written = self._system.written() - before
        self._require_once(written, allowed + (self._forgiven() - forgiven))
        self.require_equal()

    def _killed(self, run: Run) -> list[str]:
        """Note that *run* was killed; the records that it had on their way."""
        sql = "select external_id from attempts where status = ? and sent_at > ?"
        on_their_way = _asked(run.ledger, sql, "sent", self._sent_before)
        self.report.kills += 1
        self.report.in_flight += bool(on_their_way)
        self._tell(self.report)
        return on_their_way

    # one run ------------------------------------------------------------------------------------

    def _change(self, share: float) -> None:
        chosen = self._chance.random(len(self._versions)) < share
        chosen |= self.report.nights == 0  # the first night all of them are new
        self._versions = self._versions + chosen
        self._changed = [id_of(i) for i in np.flatnonzero(chosen).tolist()]
        self.report.nights += 1
        self._folder.mkdir(exist_ok=True)
        self.rows.to_parquet(self._run().rows)

    def _run(self) -> Run:
        return Run(self._system.spec, self._system.target, self._folder, self.report.nights)

    def _ends(self, run: Run, moment: float, *, aimed: bool = False) -> bool:
        """Whether *run* did all; it is killed after *moment* seconds.

        *aimed*: as soon as records of it are on their way, or a little later.
        """
        for _ in range(_MOST_RUNS):
            self.report.runs += 1
            self._sent_before = _last_sent(run.ledger)
            process = self._processes.Process(target=run.work)
            process.start()
            if aimed:
                _await_sending(process, run.ledger, self._sent_before)
                process.join(float(self._chance.choice(_AFTER)))
            else:
                process.join(moment)
            alive = process.is_alive()
            process.kill()
            process.join()
            if process.exitcode != _NOT_ALL:
                assert process.exitcode in {0, -9}, f"a run ended with {process.exitcode}"
                return process.exitcode == 0 or not alive
        raise AssertionError(f"the night does not end: {run.said.read_text()}")

    # what must hold -----------------------------------------------------------------------------

    def _require_once(self, written: Counter[str], allowed: Counter[str]) -> None:
        """No record is written more than once but for those that were on their way at a kill."""
        often = {i: n for i, n in written.items() if n > allowed[i]}
        assert not often, f"written again although they were not on their way: {often}"
        self.report.writes += written.total()
        self.report.twice += sum(n - 1 for n in written.values())

    def require_equal(self) -> None:
        """The system holds what tonight's rows say, the ledger knows it, and nothing is open."""
        shown = self._system.shown()
        wanted = self.rows.set_index("external_id")[list(self._system.target.fields.values())]
        expected = dict(zip(wanted.index, wanted.itertuples(index=False, name=None), strict=True))
        wrong = {i: (shown.get(i), row) for i, row in expected.items() if shown.get(i) != row}
        assert not wrong, f"{len(wrong)} records differ: {list(wrong.items())[:3]}"
        assert len(shown) == len(expected), "there are more records than there should be"
        ledger = self._run().ledger
        rest = {i for s in ("planned", "sent", "retry", "dead") for i in _with_status(ledger, s)}
        assert not rest, f"the ledger holds open attempts: {sorted(rest)[:5]}"


def _nothing() -> None:
    """What a process does that is only to be there."""


def _await_sending(process: Any, ledger: Path, before: str) -> None:
    while process.is_alive() and _last_sent(ledger) == before:
        process.join(0.003)


def id_of(number: int) -> str:
    return f"A-{number:07d}"


def rows_of(versions: Sequence[int] | np.ndarray[Any, Any]) -> pd.DataFrame:
    """Rows of records that changed so often."""
    numbers = np.arange(len(versions))
    return pd.DataFrame(
        {
            "external_id": [id_of(i) for i in range(len(versions))],
            "name": [f"社{i}" for i in range(len(versions))],
            "score": (numbers * 7 + np.asarray(versions) * 13) % 101,
            "reason": [f"{v}回目: 「{i}」\u2028が増えた" for i, v in enumerate(versions)],
            "_priority": (numbers * 31) % 97 / 97,
        }
    )


def _with_status(ledger: Path, status: str) -> list[str]:
    return _asked(ledger, "select external_id from attempts where status = ?", status)


def _last_sent(ledger: Path) -> str:
    """When an attempt was sent last that has no answer yet."""
    sql = "select coalesce(max(sent_at), '') from attempts where status = ?"
    return next(iter(_asked(ledger, sql, "sent")), "")


def _asked(ledger: Path, sql: str, *values: str) -> list[str]:
    if not ledger.exists():
        return []
    with closing(sqlite3.connect(ledger, timeout=30)) as link:
        try:
            return [row[0] for row in link.execute(sql, values)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # it is just being made
                return []
            raise
