"""Taking back an acknowledgement: what a CRM took and did not keep."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from salesml.export.ledger_rows import Attempt, as_text
from salesml.export.ledger_store import Store
from salesml.export.values import Payload

__all__ = ["disown"]


def disown(store: Store, attempts: Sequence[Attempt], lost: Mapping[int, Collection[str]]) -> None:
    """Record that of the acknowledged *attempts* the fields *lost* were not kept.

    The records hold there what they held before, and are compared anew next time.
    """
    before = _before(store, [attempt.attempt_id for attempt in attempts])
    held = [
        _held(attempt, lost[attempt.attempt_id], before.get(attempt.attempt_id, {}))
        for attempt in attempts
    ]
    store.change_each(
        "update records set payload = :payload, hash = '' where (target, external_id) ="
        " (select target, external_id from attempts where attempt_id = :id)",
        held,
    )


def _held(attempt: Attempt, lost: Collection[str], before: Payload) -> dict[str, object]:
    kept = {f: value for f, value in attempt.payload.items() if f not in lost}
    back = {f: before[f] for f in lost if f in before}
    return {"payload": as_text({**kept, **back}), "id": attempt.attempt_id}


def _before(store: Store, numbers: Sequence[int]) -> dict[int, Payload]:
    """What each record was last acknowledged to hold before the attempts *numbers*."""
    sql = (
        "select this.attempt_id, former.payload from attempts this, attempts former"
        " where this.attempt_id in :ids and former.attempt_id = (select max(attempt_id)"
        " from attempts old where old.target = this.target and old.external_id ="
        " this.external_id and old.attempt_id < this.attempt_id"
        " and old.status in ('acknowledged', 'verified'))"
    )
    rows = store.among(sql, numbers)
    return {row.attempt_id: json.loads(row.payload) for row in rows}
