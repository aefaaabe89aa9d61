"""From tables of scores to the records that a target should hold, a few thousand at a time."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import pandas as pd

from salesml.crm.records import Tolerance
from salesml.errors import ExportError, suggest
from salesml.export.decide import Row
from salesml.export.target import Target
from salesml.export.values import cut, digest, kind_of, plain

__all__ = ["PRIORITY", "Rows"]

PRIORITY = "_priority"
"""Column that says what goes first where not all can go: the highest."""

_ID = "external_id"
_AT_ONCE = 5_000


class Rows:
    """The rows that *scores* holds for *target*, table by table.

    ``cuts`` counts, by field, texts that were longer than the field is.
    """

    def __init__(self, scores: pd.DataFrame | Iterable[pd.DataFrame], target: Target) -> None:
        frames = iter([scores] if isinstance(scores, pd.DataFrame) else scores)
        self._target, self._first = target, next(frames, None)
        self._frames = itertools.chain([] if self._first is None else [self._first], frames)
        self.cuts: Counter[str] = Counter()

    def types(self, known: Mapping[str, type] | None) -> dict[str, type | None]:
        """Type of each field and stamp: by its column in *known*, else by the first table."""
        if self._first is not None:
            _require_columns(self._first, self._target)
        return {f: self._type(column, known or {}) for f, column in self._target.columns.items()}

    def parts(self, tolerances: Mapping[str, Tolerance]) -> Iterator[list[Row]]:
        """The rows, some thousands at a time; an id of None is one that no CRM can have.

        Raises ExportError where a table cannot be written to the target.
        """
        for frame in self._frames:
            _require_columns(frame, self._target)
            for start in range(0, len(frame), _AT_ONCE):
                yield list(self._of(frame.iloc[start : start + _AT_ONCE], tolerances))

    def _type(self, column: str, known: Mapping[str, type]) -> type | None:
        if column in known:
            return known[column]
        if self._first is None or not self._first[column].notna().any():
            return None
        with self._naming(column):
            return kind_of(self._first[column])

    def _of(self, frame: pd.DataFrame, tolerances: Mapping[str, Tolerance]) -> Iterator[Row]:
        columns = {
            field: self._fitted(field, self._plain(frame, column), tolerances.get(field))
            for field, column in self._target.columns.items()
        }
        ids, order = map(_id, self._plain(frame, _ID)), _priorities(frame)
        for i, priority, *values in zip(ids, order, *columns.values(), strict=True):
            payload = dict(zip(columns, values, strict=True))
            hashed = digest({field: payload[field] for field in self._target.fields})
            yield Row(i, payload, hashed, priority)

    def _fitted(
        self, field: str, values: Iterable[object], tolerance: Tolerance | None
    ) -> Iterator[object]:
        if tolerance is None or (tolerance.length is None and not tolerance.trims):
            yield from values
            return
        for value in values:
            fitting = cut(value, tolerance)
            self.cuts[field] += fitting not in (value, str(value).strip())
            yield fitting

    def _plain(self, frame: pd.DataFrame, column: str) -> Iterator[object]:
        with self._naming(column):
            yield from map(plain, frame[column])

    @contextmanager
    def _naming(self, column: str) -> Iterator[None]:
        try:
            yield
        except ExportError as error:
            where = f"target {self._target.name}, column {column}"
            raise ExportError(
                error.what, received=error.received, where=where, fix=error.fix
            ) from None


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


def _priorities(frame: pd.DataFrame) -> Iterable[float | None]:
    if PRIORITY not in frame.columns:
        return itertools.repeat(None, len(frame))
    values = frame[PRIORITY].astype(float).tolist()
    return (None if value != value else value for value in values)


def _id(value: object) -> str | None:
    # a whole column of numbers turns into fractions as soon as one of them is missing
    whole = isinstance(value, float) and value.is_integer()
    text = "" if value is None else str(int(value) if whole else value)  # type: ignore[call-overload]
    broken = "\0" in text or "\ufffd" in text  # no database holds them, no system knows them
    return None if broken or not text else text
