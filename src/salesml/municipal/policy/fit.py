"""How well a municipality's documents fit the solution, with the passages that say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from salesml.municipal.policy.settings import PolicySettings, SolutionConfig
from salesml.municipal.policy.similarity import Reader, Seen, cosines, reader
from salesml.municipal.policy.text import excerpt, matching_terms, passages

__all__ = ["policy_fit"]

TYPES = {
    "municipality_id": "string",
    "document_id": "string",
    "kind": "string",
    "published_on": "date32[day][pyarrow]",
    "known_at": "datetime64[us]",
    "similarity": "float64",
    "passage": "string",
    "terms": "string",
}


def policy_fit(
    tables: Mapping[str, pd.DataFrame],
    settings: PolicySettings,
    tell: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """One row for each of ``documents``: its best ``similarity`` (0 to 1) to the solution.

    Each passage is compared with each passage of the solution's description, and with its name
    and keywords; the best pair counts. ``terms`` are what both have in common ("、" between), and
    ``passage`` the sentences of the document's passage that hold them.

    How much an n-gram weighs goes by the documents known before the day of this one and by
    itself, so no row depends on later documents or on the order of rows.

    Documents without words have no row, and *tell* hears how many they are. Empty where there
    are no documents or the project sells nothing named.
    """
    documents = tables.get("documents")
    if documents is None or settings.solution is None:
        return _typed([])
    question = _question(settings.solution, reader(settings.policy))
    rows = list(_rows(documents.fillna({"text": ""}), question))
    if missing := len(documents) - len(rows):
        tell(f"documents: {missing} without any words are left out")
    return _typed(rows)


@dataclass(frozen=True)
class _Question:
    """What documents are compared with: texts, and the rows that *reader* makes of them."""

    reader: Reader
    texts: list[str]
    rows: csr_matrix


def _question(solution: SolutionConfig, reading: Reader) -> _Question:
    texts = dict.fromkeys([*passages(solution.description), *passages(solution.summary)])
    return _Question(reading, list(texts), reading.rows(list(texts)))


def _rows(documents: pd.DataFrame, question: _Question) -> Iterator[dict[str, Any]]:
    """The rows, day by day; the text of one document at a time is held as a matrix."""
    known = question.reader.nothing
    for _, day in documents.groupby("known_at", dropna=False):
        after = known
        for document in day.to_dict("records"):
            if texts := passages(document["text"]):
                rows = question.reader.rows(texts)
                after = after.plus(rows)
                yield _row(document, texts, rows, question, known.plus(rows))
        known = after


def _row(
    document: Mapping[Any, Any],
    texts: list[str],
    rows: csr_matrix,
    question: _Question,
    seen: Seen,
) -> dict[str, Any]:
    found = cosines(rows, question.rows, seen)
    best, asked = np.unravel_index(int(found.argmax()), found.shape)
    weight = question.reader.weight(seen)
    terms = matching_terms(question.texts[asked], texts[best], weight=weight)
    return {name: document[name] for name in TYPES if name in document} | {
        "similarity": float(found[best, asked]),
        "passage": excerpt(texts[best], terms),
        "terms": "、".join(terms),
    }


def _typed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(TYPES))
    ordered = frame.sort_values(["municipality_id", "document_id"], ignore_index=True)
    return ordered.astype(TYPES)
