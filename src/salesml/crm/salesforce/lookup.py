"""Looking records up by their key, as they are now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from salesml.crm.records import Fetched, Seen
from salesml.crm.salesforce import soql
from salesml.crm.salesforce.objects import NUMBERS, Field, SObject, too_large
from salesml.crm.salesforce.rest import Rest
from salesml.errors import SourceError, suggest

__all__ = ["Handle", "folded", "looked_up", "name_of", "require_fields"]

_MARKS = ("IsDeleted", "MasterRecordId", "IsConverted")

Row = Mapping[str, Any]


class Handle(NamedTuple):
    """What is needed to write a record that was seen: its Id, and the parent it locks."""

    id: str
    parent: str


def looked_up(
    rest: Rest, thing: SObject, key: str, ids: Sequence[str], fields: Sequence[str]
) -> Fetched:
    """The records *ids* of *thing* by *key*, those in the recycle bin among them."""
    require_fields(thing, [key, *fields])
    extra = [name for name in (*_MARKS, thing.parent) if name and name in thing.fields]
    chosen = list(dict.fromkeys(["Id", key, *fields, *extra]))
    by = thing.fields[key]
    alike: dict[str, dict[str, Row]] = {}
    for query in soql.matching(chosen, thing.name, by, ids):
        for row in _rows(rest, query):
            alike.setdefault(folded(by, name_of(by, row[key])), {})[row["Id"]] = row
    return _named(thing, by, ids, fields, alike)


def require_fields(thing: SObject, names: Sequence[str]) -> None:
    """Raise SourceError, naming near misses, for fields that this user does not see."""
    for name in names:
        if name not in thing.fields:
            raise SourceError(
                f"There is no field '{name}' that this user sees.{suggest(name, thing.fields)}",
                received=f"{len(thing.fields)} other fields",
                where=f"object {thing.name}",
                fix="Correct the API name, or let the user see the field.",
            )


def name_of(key: Field, value: object) -> str:
    """The text of a record's key: numbers without the ``.0`` that Salesforce adds."""
    if key.type not in NUMBERS:
        return str(value)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if too_large(number):
        return str(value)
    whole = number == number.to_integral_value()
    return f"{number.to_integral_value():f}" if whole else f"{number.normalize():f}"


def _rows(rest: Rest, query: str) -> Iterator[Row]:
    answer = rest.get(soql.address(query))
    yield from answer["records"]
    while not answer["done"]:
        answer = rest.get(answer["nextRecordsUrl"])
        yield from answer["records"]


def folded(key: Field, text: str) -> str:
    """Under what Salesforce takes keys for the same."""
    if key.type in {"id", "reference"}:
        return text[:15]
    return text if key.case_sensitive else text.lower()


def _named(
    thing: SObject,
    key: Field,
    ids: Sequence[str],
    fields: Sequence[str],
    alike: Mapping[str, Mapping[str, Row]],
) -> Fetched:
    owners = _owners(key, ids, alike)
    found: Fetched = {}
    for text in ids:
        same = folded(key, name_of(key, text))
        if same in alike:
            seen = _seen(thing, list(alike[same].values()), fields)
            other = owners[same]
            bar = f"Salesforce takes {text} and {other} for one" if other != text else ""
            found[text] = Seen(seen.fields, seen.token, bar or seen.barred)
    return found


def _owners(
    key: Field, ids: Sequence[str], alike: Mapping[str, Mapping[str, Row]]
) -> dict[str, str]:
    """Which of several ids that Salesforce takes for one has the record: the one spelt as there."""
    owners: dict[str, str] = {}
    for text in ids:
        name = name_of(key, text)
        same = folded(key, name)
        spelt = {name_of(key, row[key.name]) for row in alike.get(same, {}).values()}
        if same not in owners or name in spelt:
            owners[same] = text
    return owners


def _seen(thing: SObject, rows: Sequence[Row], fields: Sequence[str]) -> Seen:
    alive = [row for row in rows if not row.get("IsDeleted")]
    row = (alive or rows)[0]
    parent = str(row[thing.parent] or "") if thing.parent else ""
    values = {field: row[field] for field in fields}
    return Seen(values, Handle(row["Id"], parent), _bar(rows, alive))


def _bar(rows: Sequence[Row], alive: Sequence[Row]) -> str:
    if len(alive) > 1:
        return f"{len(alive)} records share this id"
    if alive:
        return "converted" if alive[0].get("IsConverted") else ""
    masters = [row["MasterRecordId"] for row in rows if row.get("MasterRecordId")]
    return f"merged into {masters[0]}" if masters else "deleted"
