"""Records that are not as they were seen any more."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from salesml.crm.records import Fate, Fetched, Refusal, Write

__all__ = ["refusals", "seen_fields"]


def seen_fields(writes: Sequence[Write]) -> list[str]:
    """Names of the fields that were looked at before *writes* were decided."""
    return list(dict.fromkeys(name for w in writes if w.seen for name in w.seen.fields))


def refusals(
    writes: Sequence[Write], present: Fetched, held: Collection[str] = ()
) -> dict[str, Refusal]:
    """Which of *writes* may not be written, as their records are *present* now.

    Records *held* by somebody else's transaction are for later.
    """
    found = ((w.id, _refusal(w, present, held)) for w in writes)
    return {i: refusal for i, refusal in found if refusal is not None}


def _refusal(write: Write, present: Fetched, held: Collection[str]) -> Refusal | None:
    if write.id in held:
        return Refusal(Fate.RETRY, "somebody else is writing the record")
    now, seen = present.get(write.id), write.seen
    if now is None:
        return Refusal(Fate.GONE, "the record was deleted") if seen else None
    if seen is None:
        return Refusal(Fate.CHANGED, "somebody made the record meanwhile")
    same = not now.barred and all(now.fields[f] == value for f, value in seen.fields.items())
    return None if same else Refusal(Fate.CHANGED, "somebody changed the record meanwhile")
