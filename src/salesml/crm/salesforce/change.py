"""One record on its way to Salesforce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from salesml.crm.records import Fate, Refusal, Write
from salesml.crm.salesforce.lookup import Handle, folded, name_of, require_fields
from salesml.crm.salesforce.objects import SObject
from salesml.crm.salesforce.values import NULL, Unfit, sent

__all__ = ["Change", "Scalar", "prepared"]

Scalar = bool | int | float | str | None


@dataclass(frozen=True)
class Change:
    """A record to change or to make.

    Parameters
    ----------
    id : as salesml names the record.
    key : the same, as the field of the external id takes it.
    record : Salesforce's Id of it; empty: it is to be made.
    parent : Id of the record that is locked meanwhile.
    fields : values as JSON, None for an explicit null.
    """

    id: str
    key: Scalar
    record: str
    parent: str
    fields: Mapping[str, Scalar]

    @property
    def by_job(self) -> bool:
        """Whether a job can carry it.

        There one text means null, and a carriage return is taken for another line ending.
        """
        return not any(
            isinstance(value, str) and (value == NULL or "\r" in value)
            for value in (self.key, *self.fields.values())
        )


def prepared(
    thing: SObject, key: str, writes: Sequence[Write]
) -> tuple[list[Change], dict[str, Refusal]]:
    """*writes* as changes, siblings side by side, and those that no field can take."""
    require_fields(thing, [key, *dict.fromkeys(name for w in writes for name in w.fields)])
    changes: list[Change] = []
    refused = _twins(thing, key, writes)
    for write in writes:
        if write.id in refused:
            continue
        try:
            changes.append(_change(thing, key, write))
        except Unfit as error:
            refused[write.id] = Refusal(Fate.DEAD, str(error))
    return sorted(changes, key=lambda change: (change.parent, change.record)), refused


def _twins(thing: SObject, key: str, writes: Sequence[Write]) -> dict[str, Refusal]:
    """New records that Salesforce takes for one with an earlier one: for later, after a look."""
    first: dict[str, str] = {}
    by = thing.fields[key]
    new = [(write.id, folded(by, name_of(by, write.id))) for write in writes if not write.seen]
    return {
        name: Refusal(Fate.NOT_TRIED, f"Salesforce takes {name} and {first[same]} for one")
        for name, same in new
        if first.setdefault(same, name) != name
    }


def _change(thing: SObject, key: str, write: Write) -> Change:
    if write.seen is None and key == "Id":
        raise Unfit("Salesforce gives records their Ids: none can be made by it")
    if write.seen is None and (not write.id or write.id != write.id.strip()):
        raise Unfit(f"{key} would be kept without the white space around it, and never found again")
    known: Handle = write.seen.token if write.seen else Handle("", "")
    fields = {
        name: sent(thing.fields[name], value) for name, value in write.fields.items() if name != key
    }
    parent = known.parent or str(fields.get(thing.parent or "") or "")
    return Change(write.id, sent(thing.fields[key], write.id), known.id, parent, fields)
