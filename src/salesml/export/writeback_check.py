"""Looking again at what was acknowledged: what was dropped in silence is told and tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from salesml.crm.records import Seen
from salesml.export.ledger_rows import Attempt
from salesml.export.readback import ReadBack, read_back
from salesml.export.result import NOT_KEPT
from salesml.export.values import empty
from salesml.export.writeback_night import Night
from salesml.export.writeback_send import Sender

__all__ = ["Checker"]

_AT_ONCE = 1000


class Checker:
    """Looks at a sample of what *sender* wrote; what was not kept is written once more."""

    def __init__(self, night: Night, sender: Sender) -> None:
        self._night, self._sender = night, sender

    def check(self) -> None:
        """Verify what was kept; what is not kept a second time is dead."""
        written, self._sender.written = self._sender.written, []
        found = read_back(written, self._look, self._night.run_id)
        self._tell(found)
        for batch in written if found.dropped else []:
            self._disown(batch, found.dropped)
        lost = self._lost(found)
        self._note(found.kept, lost, "retry")
        if lost:
            self._sender.send(list(lost))
            self._check_again()

    def _check_again(self) -> None:
        looks = self._look([number for batch in self._sender.written for number in batch])
        lost = {
            number: [f for f, kept in fields.items() if not kept]
            for number, fields in looks.items()
        }
        kept = [number for number, fields in lost.items() if not fields]
        lost = {number: fields for number, fields in lost.items() if fields}
        self._note(kept, lost, "dead")
        for attempt in self._night.ledger.attempts(list(lost)):
            self._night.result.fail(attempt.external_id, attempt.error or "")

    def _note(self, kept: Sequence[int], lost: Mapping[int, Sequence[str]], status: str) -> None:
        ledger, at = self._night.ledger, self._night.now()
        with ledger.at_once():
            ledger.verify(kept)
            ledger.disown(lost)
            ends = {n: (status, f"{NOT_KEPT}{', '.join(fields)}") for n, fields in lost.items()}
            ledger.refuse(ends, at)
        self._night.count("verified", len(kept))
        self._night.count("written", -len(lost))

    def _lost(self, found: ReadBack) -> dict[int, list[str]]:
        """What single records lost, beyond what the system drops everywhere."""
        lost = {
            n: [f for f in fields if f not in found.dropped] for n, fields in found.lost.items()
        }
        return {number: fields for number, fields in lost.items() if fields}

    def _disown(self, batch: Sequence[int], fields: Sequence[str]) -> None:
        """Note that no record of *batch* holds *fields*."""
        for start in range(0, len(batch), _AT_ONCE):
            self._night.ledger.disown(dict.fromkeys(batch[start : start + _AT_ONCE], fields))

    def _tell(self, found: ReadBack) -> None:
        lost = Counter(f for fields in found.lost.values() for f in fields if f in found.dropped)
        self._night.result.dropped.update(lost)
        for name, count in lost.items():
            self._night.result.warnings.append(
                f"The CRM takes the field '{name}' and does not keep it ({count:,} records looked"
                " at): see whether it exists, is writable, and which automation changes it."
            )

    # looking ----------------------------------------------------------------------------------

    def _look(self, numbers: Sequence[int]) -> dict[int, dict[str, bool]]:
        """Which fields of attempts the CRM kept; attempts without a record are left out."""
        size, found = max(1, self._night.connection.batch), {}
        for start in range(0, len(numbers), size):
            attempts = self._night.ledger.attempts(numbers[start : start + size])
            shown = self._night.look([attempt.external_id for attempt in attempts])
            for attempt in attempts:
                seen = shown.get(attempt.external_id)
                if seen is not None and not seen.barred:
                    found[attempt.attempt_id] = self._kept(attempt, seen)
        return found

    def _kept(self, attempt: Attempt, seen: Seen) -> dict[str, bool]:
        lost = set(self._night.rules.differing(attempt.payload, seen))
        return {
            f: f not in lost
            for f in self._night.rules.fields
            if not (empty(attempt.payload.get(f)) and empty(seen.fields.get(f)))
        }
