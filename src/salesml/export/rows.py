"""From a table of scores to the records that a target should hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from salesml.errors import ExportError, suggest
from salesml.export.decide import Row
from salesml.export.target import Target
from salesml.export.values import digest, kind_of, plain

__all__ = ["rows_of", "types_of"]

_ID = "external_id"


def rows_of(scores: pd.DataFrame, target: Target) -> list[Row]:
    """One row a record; raises ExportError where *scores* cannot be written to *target*."""
    _require_columns(scores, target)
    ids = _ids(scores, target)
    columns = {field: list(_plain(scores, c, target)) for field, c in target.columns.items()}
    records = (
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    )
    return [
        Row(i, payload, digest({field: payload[field] for field in target.fields}))
        for i, payload in zip(ids, records, strict=True)
    ]


def types_of(scores: pd.DataFrame, target: Target) -> dict[str, type]:
    """Type of each field and stamp, for the table that is to hold them."""
    return {field: kind_of(scores[column]) for field, column in target.columns.items()}


def _require_columns(scores: pd.DataFrame, target: Target) -> None:
    known = [str(column) for column in scores.columns]
    missing = [c for c in (_ID, *target.columns.values()) if c not in known]
    if missing:
        raise ExportError(
            "The scores lack columns: "
            + ", ".join(f"'{column}'{suggest(column, known)}" for column in missing),
            received=f"columns {', '.join(known)}",
            where=f"target {target.name}",
            fix="Correct the columns that fields and stamps of the target name.",
        )


def _ids(scores: pd.DataFrame, target: Target) -> list[str]:
    ids = [_id(value) for value in _plain(scores, _ID, target)]
    counts = Counter(ids)
    twice = [i for i, count in counts.items() if count > 1 and i]
    if twice or "" in counts:
        raise ExportError(
            "External ids are not unique." if twice else "Records without an external id.",
            received=", ".join(twice[:5]) or f"{counts['']} of {len(ids)}",
            where=f"target {target.name}",
            fix="Give one row a record, each with the id that the CRM knows it by.",
        )
    return ids


def _id(value: object) -> str:
    # a whole column of numbers turns into fractions as soon as one of them is missing
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value) if value is not None else ""  # type: ignore[call-overload]


def _plain(scores: pd.DataFrame, column: str, target: Target) -> Iterator[object]:
    try:
        yield from map(plain, scores[column])
    except ExportError as error:
        where = f"target {target.name}, column {column}"
        raise ExportError(error.what, received=error.received, where=where, fix=error.fix) from None
