"""Sending what is planned, batch by batch: looking first, writing, and noting each answer."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from salesml import stopping
from salesml.crm.records import Fate, Refusal, Write
from salesml.errors import ExportError, QuotaError, SourceError, StoppedError, UnansweredError
from salesml.export.decide import Decision, Outcome
from salesml.export.ledger_rows import Attempt
from salesml.export.result import LISTED, Change, add
from salesml.export.values import Payload
from salesml.export.writeback_night import Night

__all__ = ["Sender"]

_MOST_TRIES = 5
_PAUSES = (1.0, 4.0, 15.0, 60.0)
_IDLE_PASSES = 5
_FRUITLESS = 20
"""So many refusals of whole batches in a row are no matter of single records."""

_STATUSES = {Outcome.KEPT: "kept", Outcome.MISSING: "missing"}
_COUNTERS = {Outcome.OLDER: "older", Outcome.ALREADY: "already", **_STATUSES}


class Sender:
    """Writes attempts to a target, and counts what became of them.

    Each batch is two transactions of the ledger around one call of the CRM: before it, what is
    sent is on the disk; after it, what came of it. What dies between them is looked at again.

    ``written`` holds the attempts that were acknowledged, batch by batch.
    """

    def __init__(self, night: Night) -> None:
        self._night, self._ledger, self._result = night, night.ledger, night.result
        self._most = max(1, night.connection.batch)
        self._later: list[int] = []
        self._tries: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._doubtful: set[int] = set()
        self._fruitless = 0
        self.written: list[array[int]] = []

    def send(self, queue: Sequence[int]) -> None:
        """Write the attempts *queue* in their order, again where they are refused for now.

        Raises SourceError where the system takes no more, and StoppedError after the batch in
        hand where the run is asked to stop; the ledger is true either way.
        """
        for start in range(0, len(queue), self._most):
            self._pass_on(queue[start : start + self._most])
        self._try_again()

    # one batch --------------------------------------------------------------------------------

    def _pass_on(self, numbers: Sequence[int]) -> None:
        stopping.require_going()
        self._write(self._ledger.attempts(numbers))
        self._night.progress(self._result.done, self._result.total)

    def _write(self, attempts: Sequence[Attempt]) -> None:
        decisions = self._decided(attempts)
        writes = [d for d in decisions if d.outcome is Outcome.WRITE]
        with self._ledger.at_once():
            self._adopt(writes)
            self._close([d for d in decisions if d.outcome is not Outcome.WRITE])
            for there, some in _by_presence(writes):
                self._ledger.send(_numbers(some), self._night.now(), there=there)
            self._night.spend(len(writes))
        if self._result.dry_run:
            self._answered(writes, {})
        elif writes:
            self._send(writes)

    def _decided(self, attempts: Sequence[Attempt]) -> list[Decision]:
        try:
            return self._decide(attempts)
        except QuotaError:
            raise
        except SourceError as error:
            # should one of these ids be at fault, it shall not be in the way every night
            self._ledger.postpone([a.attempt_id for a in attempts], _words(error))
            raise

    def _decide(self, attempts: Sequence[Attempt]) -> list[Decision]:
        ids = [attempt.external_id for attempt in attempts]
        records = self._ledger.records(self._night.name, ids)
        unanswered = self._ledger.unanswered(self._night.name, ids)
        shown = self._night.look(ids)
        unseen = [i for i in ids if i not in shown and i not in records]
        deleted = self._ledger.were_there(self._night.name, unseen) | (
            records.keys() - shown.keys()
        )
        return [
            self._night.rules.from_crm(
                a, records.get(i), unanswered.get(i, []), shown.get(i), deleted=i in deleted
            )
            for i, a in zip(ids, attempts, strict=True)
        ]

    def _adopt(self, decisions: Iterable[Decision]) -> None:
        adopted = [d.adopted.attempt_id for d in decisions if d.adopted]
        self._ledger.acknowledge(adopted, self._night.now())

    def _close(self, decisions: Sequence[Decision]) -> None:
        """Note and count what needs no writing."""
        at, of = self._night.now(), _by_outcome(decisions)
        self._adopt(decisions)
        self._ledger.acknowledge(_numbers(of[Outcome.ALREADY]), at)
        self._ledger.supersede(_numbers(of[Outcome.OLDER]), at)
        ends = [(d, _STATUSES[d.outcome]) for o in _STATUSES for d in of[o]]
        self._ledger.refuse({d.attempt.attempt_id: (status, d.why) for d, status in ends}, at)
        self._ledger.notice([d.attempt.attempt_id for d, _ in ends if d.seen is not None])
        for decision in decisions:
            ours = decision.adopted and decision.attempt.attempt_id in self._doubtful
            self._night.count("written" if ours else _COUNTERS[decision.outcome], 1)
            add(self._result.edits, decision.edits)

    def _send(self, writes: Sequence[Decision]) -> None:
        target, connection = self._night.target, self._night.connection
        rows = [Write(d.attempt.external_id, self._still_ours(d), d.seen) for d in writes]
        try:
            refusals = connection.write(target.table, target.key, rows, jobs=self._night)
        except UnansweredError as error:
            self._unanswered(writes, error)
        except QuotaError as error:
            self._ledger.put_back(_numbers(writes), _words(error))
            raise
        except (SourceError, StoppedError):
            raise  # what is in hand stays sent: the next run looks what became of it
        except Exception as error:  # any driver's: the record must end in the ledger all the same
            self._split(writes, error)
        else:
            self._answered(writes, refusals)

    def _still_ours(self, decision: Decision) -> Payload:
        """What to write, without fields that the target had on an earlier night and has no more."""
        ours, payload = self._night.target.columns, decision.attempt.payload
        return {field: value for field, value in payload.items() if field in ours}

    # answers ----------------------------------------------------------------------------------

    def _answered(self, writes: Sequence[Decision], refusals: Mapping[str, Refusal]) -> None:
        done = [d for d in writes if d.attempt.external_id not in refusals]
        refused = [
            (d, refusals[d.attempt.external_id])
            for d in writes
            if d.attempt.external_id in refusals
        ]
        untried = [d for d, refusal in refused if refusal.fate is Fate.NOT_TRIED]
        with self._ledger.at_once():
            self._ledger.acknowledge(_numbers(done), self._night.now())
            self._ledger.put_back(_numbers(untried), "the system did not come to it")
            self._refuse([(d, r) for d, r in refused if r.fate is not Fate.NOT_TRIED])
        self._later += _numbers(untried)
        self._acknowledged(done)
        if writes and all(refusal.fate is Fate.DEAD for _, refusal in refused) and not done:
            self._require_fruit(ExportError(refused[0][1].error))

    def _acknowledged(self, done: Sequence[Decision]) -> None:
        if done:
            self._fruitless = 0
            self.written.append(array("q", _numbers(done)))
            self._night.count("written", len(done))
        for decision in done:
            if len(self._result.changes) >= LISTED:
                return
            add(self._result.changes, self._changes(decision))

    def _changes(self, decision: Decision) -> list[Change]:
        attempt, seen = decision.attempt, decision.seen
        shown = seen.fields if seen else {}
        return [
            Change(attempt.external_id, f, shown.get(f), attempt.payload.get(f))
            for f in self._night.rules.differing(attempt.payload, seen)
        ]

    def _refuse(self, refused: Sequence[tuple[Decision, Refusal]]) -> None:
        """Note and count what was refused."""
        ends = {d.attempt.attempt_id: self._end(d.attempt, refusal) for d, refusal in refused}
        self._ledger.refuse(ends, self._night.now())
        # what the system says was there is not made again, even if we never saw it
        self._ledger.notice([d.attempt.attempt_id for d, r in refused if r.fate is Fate.GONE])
        for decision, _ in refused:
            status, error = ends[decision.attempt.attempt_id]
            if status == "retry":
                self._later.append(decision.attempt.attempt_id)
            elif status == "dead":
                self._result.fail(decision.attempt.external_id, error)
            else:
                self._night.count("missing", 1)

    def _end(self, attempt: Attempt, refusal: Refusal) -> tuple[str, str]:
        """Status and error of an attempt that was refused."""
        if refusal.fate is Fate.GONE:
            return "missing", refusal.error
        tries = self._tries[attempt.attempt_id] = self._tries.get(attempt.attempt_id, 0) + 1
        dead = refusal.fate is Fate.DEAD or tries >= _MOST_TRIES
        return ("dead" if dead else "retry"), refusal.error

    def _unanswered(self, writes: Sequence[Decision], error: Exception) -> None:
        """Look at these again later, in smaller batches: one of them may be at fault."""
        smaller = max(1, int(len(writes) / self._most**0.25))
        self._sizes |= dict.fromkeys(_numbers(writes), smaller)
        self._doubtful.update(_numbers(writes))
        refusal = Refusal(Fate.RETRY, _words(error))
        with self._ledger.at_once():
            self._refuse([(decision, refusal) for decision in writes])
        self._require_fruit(error)

    def _split(self, writes: Sequence[Decision], error: Exception) -> None:
        """Find what is at fault in a batch that was refused as a whole."""
        self._doubtful.update(_numbers(writes))
        if len(writes) > 1:
            self._ledger.put_back(_numbers(writes), _words(error))
            half = len(writes) // 2
            self._write([d.attempt for d in writes[:half]])
            self._write([d.attempt for d in writes[half:]])
            return
        (again,) = self._decide([writes[0].attempt])
        wrong = again.outcome is Outcome.WRITE  # else it was taken before the error, or changed
        with self._ledger.at_once():
            if wrong:
                self._refuse([(again, Refusal(Fate.DEAD, _words(error)))])
            else:
                self._close([again])
        if wrong:
            self._require_fruit(error)

    def _require_fruit(self, error: Exception) -> None:
        """Raise where nothing at all is accepted."""
        self._fruitless += 1
        if self._fruitless >= _FRUITLESS:
            raise SourceError(
                f"The system refused {_FRUITLESS} times in a row, whatever the records.",
                received=_words(error),
                where=f"target {self._night.name}",
                fix="Mend that, then `salesml export retry`. The rest goes the next night.",
            )

    # again ------------------------------------------------------------------------------------

    def _try_again(self) -> None:
        """Try what was refused for now, with growing pauses, until all of it is settled."""
        passes = idle = 0
        while self._later and idle < _IDLE_PASSES:
            before = len(self._later), sum(self._tries.values())
            stopping.pause(_PAUSES[min(passes, len(_PAUSES) - 1)])
            self._night.settle_jobs()
            numbers, self._later = self._later, []
            for part in self._sized(numbers):
                self._pass_on(part)
            passes += 1
            idle += before == (len(self._later), sum(self._tries.values()))
        self._later.clear()  # what it never comes to stays planned

    def _sized(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """*numbers* in batches as large as each may be tried in, the larger first."""

        def size(number: int) -> int:
            return self._sizes.get(number, self._most)

        for most, group in groupby(sorted(numbers, key=size, reverse=True), size):
            alike = list(group)
            for start in range(0, len(alike), most):
                yield alike[start : start + most]


def _by_presence(decisions: Sequence[Decision]) -> list[tuple[bool, list[Decision]]]:
    there = [d for d in decisions if d.seen is not None]
    return [(True, there), (False, [d for d in decisions if d.seen is None])]


def _by_outcome(decisions: Iterable[Decision]) -> dict[Outcome, list[Decision]]:
    found: dict[Outcome, list[Decision]] = {outcome: [] for outcome in Outcome}
    for decision in decisions:
        found[decision.outcome].append(decision)
    return found


def _numbers(decisions: Iterable[Decision]) -> list[int]:
    return [decision.attempt.attempt_id for decision in decisions]


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
