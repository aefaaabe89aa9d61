"""What became of the rows of an ingest job."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

from salesml.crm.salesforce.rest import Rest
from salesml.errors import SourceError

__all__ = ["Results", "lines"]

csv.field_size_limit(2**24)  # rich text has up to 131,072 letters


@dataclass(frozen=True)
class Results:
    """Rows by their text in the column that names them: written, refused and why, unprocessed."""

    written: frozenset[str]
    refused: dict[str, str]
    unprocessed: frozenset[str]

    @classmethod
    def read(cls, rest: Rest, tail: str, column: str, *, failed: bool) -> Results:
        """All of the job at *tail*; only one that *failed* leaves rows unprocessed."""
        written = _read(rest, f"{tail}/successfulResults/", column)
        refused = _read(rest, f"{tail}/failedResults/", column)
        left = _read(rest, f"{tail}/unprocessedrecords/", column) if failed else {}
        return cls(frozenset(written), refused, frozenset(left))


def _read(rest: Rest, tail: str, column: str) -> dict[str, str]:
    """Errors (or an empty text) by the text in *column*."""
    return rest.streamed(tail, lambda response: _named(response, column, rest.where(tail)))


def _named(response: httpx.Response, column: str, where: str) -> dict[str, str]:
    rows = csv.reader(lines(response.iter_bytes()))
    head = next(rows, None)
    if head is None:
        return {}
    try:
        label, error = head.index(column), _index(head, "sf__Error")
    except ValueError:
        raise SourceError(
            f"The results of the job have no column {column}.",
            received=", ".join(head[:10]),
            where=where,
        ) from None
    return {row[label]: row[error] if error is not None else "" for row in rows if row}


def _index(head: list[str], column: str) -> int | None:
    return head.index(column) if column in head else None


def lines(blocks: Iterable[bytes]) -> Iterator[str]:
    """Lines of UTF-8 text as CSV has them: ended by LF alone, whatever else Unicode calls one."""
    decoder, rest = codecs.getincrementaldecoder("utf-8-sig")(), ""
    for block in blocks:
        *whole, rest = (rest + decoder.decode(block)).split("\n")
        yield from (f"{line}\n" for line in whole)
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
